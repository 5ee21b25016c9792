"""Errors at Qiskit's face: of our class, with our facts, and of Qiskit's class too."""

from __future__ import annotations

import concurrent.futures
from typing import TypeVar

from qiskit.exceptions import QiskitError
from qiskit.providers import JobError

from quantumjobs import errors
from quantumjobs.errors import QuantumJobsError
from quantumjobs.interop.errors import also

E = TypeVar("E", bound=QuantumJobsError)

_OF_A_JOB = (
    errors.JobError,
    errors.SubmissionUncertain,
    errors.ResultUnavailable,
    errors.ProviderProtocolError,
    errors.AdapterError,
)


def both(error: E, *more: type[Exception]) -> E:
    """The same error, which is also Qiskit's: a `JobError` where it tells of one job, else a `QiskitError`.

    A cancelled job's is also `concurrent.futures.CancelledError`, as AerJob documents. `more`: other classes that it
    shall be of. Raise it `from` the given one, which keeps the story.
    """
    if more:
        theirs = more
    elif isinstance(error, errors.JobCancelled):
        theirs = (JobError, concurrent.futures.CancelledError)
    else:
        theirs = (JobError if isinstance(error, _OF_A_JOB) else QiskitError,)
    made = also(error, *theirs)
    made.__dict__["message"] = str(error)  # as every QiskitError has
    return made
