"""From errors to what a shell and its user get: an exit code, one clear line, and a hint."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from msgspec import Struct

from quantumjobs.errors import (
    CredentialError,
    InvalidTransition,
    JobError,
    LedgerError,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
    QuantumJobsError,
    ResultTimeout,
    ResultUnavailable,
    SubmissionUncertain,
    UsageError,
)


class Exit(IntEnum):
    """Exit codes. Scripts depend on them: they never change their meaning."""

    DONE = 0
    JOB = 1
    USAGE = 2
    UNAVAILABLE = 3
    UNCERTAIN = 4
    TIMEOUT = 5
    BUG = 70
    INTERRUPTED = 130
    UNREAD = 141


MEANINGS = {
    Exit.DONE: "every job is done",
    Exit.JOB: "a job failed, was refused, cancelled or lost, or could not be cancelled; or some did and some did not",
    Exit.USAGE: "the command, a circuit or the configuration is wrong; nothing ran",
    Exit.UNAVAILABLE: "the provider, its credentials or the ledger are not available",
    Exit.UNCERTAIN: "the provider may or may not have taken a job: look there, then adopt, resubmit or abandon it",
    Exit.TIMEOUT: "--timeout ended the wait",
    Exit.BUG: "something unexpected; --debug shows where",
    Exit.INTERRUPTED: "interrupted by Ctrl-C",
    Exit.UNREAD: "the output was not read to its end, or could not be written",
}

_WEIGHTIEST = (Exit.INTERRUPTED, Exit.UNCERTAIN, Exit.TIMEOUT)
_KINDS: tuple[tuple[type[BaseException], Exit], ...] = (  # the first that fits
    (InvalidTransition, Exit.BUG),
    (CredentialError, Exit.UNAVAILABLE),
    (UsageError, Exit.USAGE),
    (SubmissionUncertain, Exit.UNCERTAIN),
    (ResultTimeout, Exit.TIMEOUT),
    (JobError, Exit.JOB),
    (ResultUnavailable, Exit.JOB),
    (ProviderRejected, Exit.JOB),
    (ProviderError, Exit.UNAVAILABLE),
    (LedgerError, Exit.UNAVAILABLE),
    (QuantumJobsError, Exit.JOB),  # a worker's end
)


class Trouble(Struct, frozen=True):
    """An error as it is shown, in text and in JSON."""

    type: str
    message: str
    hint: str
    code: Exit

    def as_json(self) -> dict[str, str]:
        """`type`, `message` and `hint`."""
        return {"type": self.type, "message": self.message, "hint": self.hint}


def trouble(error: BaseException) -> Trouble:
    """What to tell of an error."""
    code = next((code for kind, code in _KINDS if isinstance(error, kind)), Exit.BUG)
    message = str(error) or type(error).__name__
    if code is Exit.BUG and not isinstance(error, QuantumJobsError):
        message = f"{type(error).__name__}: {message}"
    return Trouble(type(error).__name__, message, _hint(error, code), code)


def _hint(error: BaseException, code: Exit) -> str:
    if isinstance(error, ProviderUnavailable):
        return "nothing was submitted; try again later"
    if isinstance(error, SubmissionUncertain) and error.job is not None:
        job = error.job.id
        return (
            f"look at the provider; then 'quantumjobs adopt {job} REMOTE_ID', or resubmit or abandon instead of adopt"
        )
    if code is Exit.UNCERTAIN:
        return "look at the provider before you run this again: it may have been taken"
    if code is Exit.BUG:
        return "this should not happen: run it again with --debug, and report what it shows"
    return ""


def together(codes: Iterable[Exit]) -> Exit:
    """One code for several jobs: the weightiest, else the one they agree on, else that they differ."""
    found = set(codes)
    for code in _WEIGHTIEST:
        if code in found:
            return code
    return Exit.DONE if not found else found.pop() if len(found) == 1 else Exit.JOB
