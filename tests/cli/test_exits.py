"""Every error has an exit code, and several jobs have one together."""

from __future__ import annotations

import pytest

import quantumjobs as qj
from quantumjobs import errors
from quantumjobs.cli.exits import MEANINGS, Exit, together, trouble
from quantumjobs.workers.ending import WorkersUnavailable

KINDS = {
    errors.UsageError: Exit.USAGE,
    errors.KeyConflict: Exit.USAGE,
    errors.CredentialError: Exit.UNAVAILABLE,
    errors.InvalidTransition: Exit.BUG,
    errors.JobFailed: Exit.JOB,
    errors.JobCancelled: Exit.JOB,
    errors.JobRejected: Exit.JOB,
    errors.JobLost: Exit.JOB,
    errors.SubmissionUncertain: Exit.UNCERTAIN,
    errors.ResultTimeout: Exit.TIMEOUT,
    errors.ResultUnavailable: Exit.JOB,
    errors.LedgerError: Exit.UNAVAILABLE,
    errors.ProviderUnavailable: Exit.UNAVAILABLE,
    errors.ProviderRejected: Exit.JOB,
    errors.ProviderProtocolError: Exit.UNAVAILABLE,
    errors.AdapterError: Exit.UNAVAILABLE,
    WorkersUnavailable: Exit.JOB,
    ZeroDivisionError: Exit.BUG,
}


@pytest.mark.parametrize(("kind", "code"), KINDS.items())
def test_an_error_has_its_exit_code(kind, code):
    found = trouble(kind("why"))
    assert found.code is code
    assert found.type == kind.__name__
    assert "why" in found.message


def test_every_public_error_is_in_the_table_above_or_a_base():
    bases = {"QuantumJobsError", "JobError", "ProviderError", "LedgerConflict", "LedgerWriteError"}
    public = {
        name for name in qj.__all__ if isinstance(getattr(qj, name), type) and issubclass(getattr(qj, name), Exception)
    }
    assert public - bases <= {kind.__name__ for kind in KINDS}


def test_an_error_without_a_message_is_named():
    assert trouble(errors.JobLost("")).message == "JobLost"
    assert trouble(ZeroDivisionError("x")).message == "ZeroDivisionError: x"


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ([], Exit.DONE),
        ([Exit.DONE, Exit.DONE], Exit.DONE),
        ([Exit.USAGE, Exit.USAGE], Exit.USAGE),
        ([Exit.DONE, Exit.JOB], Exit.JOB),
        ([Exit.DONE, Exit.USAGE], Exit.JOB),
        ([Exit.UNAVAILABLE, Exit.JOB], Exit.JOB),
        ([Exit.DONE, Exit.TIMEOUT], Exit.TIMEOUT),
        ([Exit.TIMEOUT, Exit.UNCERTAIN, Exit.JOB], Exit.UNCERTAIN),
        ([Exit.UNCERTAIN, Exit.INTERRUPTED], Exit.INTERRUPTED),
    ],
)
def test_several_jobs_have_one_exit_code(codes, code):
    assert together(codes) is code


def test_every_exit_code_has_a_meaning():
    assert set(MEANINGS) == set(Exit)
