"""Everything this library raises on purpose.

    QuantumJobsError
    ├── UsageError                      yours: the call cannot be right, nothing was sent
    │   ├── KeyConflict                 the key already stands for another request
    │   ├── CredentialError             missing or refused credentials
    │   └── InvalidTransition           ours, in fact: an event that cannot happen in that state
    ├── JobError                        the job's: it ended, and not well
    │   ├── JobFailed                   (.partial: what was finished)
    │   ├── JobCancelled
    │   ├── JobRejected                 the provider refused it, nothing ran
    │   └── JobLost                     it is gone at the provider
    ├── SubmissionUncertain             the provider may or may not have it; nothing is sent again
    ├── ResultTimeout (TimeoutError)    the wait ended, the job goes on
    ├── ResultUnavailable               it finished, and its result is gone
    ├── LedgerError
    │   ├── LedgerConflict              somebody else wrote this record first
    │   └── LedgerWriteError            nothing could be written
    └── ProviderError                   the provider's, or its adapter's
        ├── ProviderUnavailable         weather: try again later
        ├── ProviderRejected            a final no to one request
        ├── ProviderProtocolError       an answer nobody understands
        └── AdapterError                a bug in an adapter; its lane's waits end

One question per branch: is it mine, the job's, or the provider's? Facts are attributes, the message is for people.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quantumjobs.core.records import JobRecord
    from quantumjobs.core.results import Result
    from quantumjobs.core.states import CancelOutcome


class QuantumJobsError(Exception):
    """Base of all errors of this library."""


# --- yours ------------------------------------------------------------------------------
class UsageError(QuantumJobsError, ValueError):
    """The call cannot be right. Nothing was recorded and nothing was sent."""


class KeyConflict(UsageError):
    """The key already stands for another request; `job_id` names the job it belongs to."""

    def __init__(self, message: str, *, key: str = "", job_id: str = "") -> None:
        super().__init__(message)
        self.key = key
        self.job_id = job_id


class CredentialError(UsageError):
    """Credentials are missing or refused; the message says where they were looked for."""


class InvalidTransition(UsageError):
    """An event that cannot happen in the job's state: a bug of ours. The message tells the job's story."""


# --- the job's --------------------------------------------------------------------------
class JobError(QuantumJobsError):
    """A job ended, and not well. `job` is its handle, `record` the part that decided."""

    def __init__(self, message: str, *, job: Any = None, record: JobRecord | None = None) -> None:
        super().__init__(message)
        self.job = job
        self.record = record


class JobFailed(JobError):
    """The job failed. `partial` holds what was finished: a `Result` whose failed entries raise when they are read."""

    def __init__(
        self, message: str, *, job: Any = None, record: JobRecord | None = None, partial: Result | None = None
    ) -> None:
        super().__init__(message, job=job, record=record)
        self.partial = partial


class JobCancelled(JobError):
    """The job was cancelled. `partial` holds what was finished before, if anything."""

    def __init__(
        self, message: str, *, job: Any = None, record: JobRecord | None = None, partial: Result | None = None
    ) -> None:
        super().__init__(message, job=job, record=record)
        self.partial = partial


class JobRejected(JobError):
    """The provider refused the job. Nothing ran and nothing was charged."""


class JobLost(JobError):
    """The provider no longer knows the job."""


class SubmissionUncertain(QuantumJobsError):
    """The provider may or may not have taken the job. Nothing is sent again before you decide.

    Look at the provider, then `job.adopt(remote_id)`, `job.resubmit()` or `job.abandon()`.
    """

    def __init__(self, message: str, *, job: Any = None, attempts: int = 0) -> None:
        super().__init__(message)
        self.job = job
        self.attempts = attempts


class ResultTimeout(QuantumJobsError, TimeoutError):
    """The wait ended; the job goes on, unless `cancel` says what became of stopping it.

    `token` is what `client.job` finds it by; `jobs` are all that were waited for, where these were several.
    """

    def __init__(self, message: str, *, job: Any = None, token: str = "", cancel: CancelOutcome | None = None) -> None:
        super().__init__(message)
        self.job = job
        self.token = token
        self.cancel = cancel
        self.jobs: tuple[Any, ...] = () if job is None else (job,)


class ResultUnavailable(QuantumJobsError):
    """The job finished, and its result is gone at the provider (or was cleared from the ledger)."""

    def __init__(self, message: str, *, job: Any = None) -> None:
        super().__init__(message)
        self.job = job


# --- the ledger's -----------------------------------------------------------------------
class LedgerError(QuantumJobsError):
    """The ledger cannot be read or written."""


class LedgerConflict(LedgerError):
    """A record's version or fence is older than what the ledger holds; nothing was written."""


class LedgerWriteError(LedgerError):
    """Nothing could be written. A remote id that would otherwise be lost travels in `remote_id`, its handle in `job`."""

    def __init__(self, message: str, *, remote_id: str | None = None, job: Any = None) -> None:
        super().__init__(message)
        self.remote_id = remote_id
        self.job = job


# --- the provider's ---------------------------------------------------------------------
class ProviderError(QuantumJobsError):
    """Something is wrong at the provider or on the way to it. `provider` names it."""

    error_code = ""
    """The provider's own name for what is wrong, where its answer had one."""
    request_id = ""
    """Of the request that was answered so, where the answer told: the provider's support asks for it."""

    def __init__(self, message: str, *, provider: str = "") -> None:
        super().__init__(message)
        self.provider = provider


class ProviderUnavailable(ProviderError):
    """Weather: no answer, or "not now". No wait ends because of it.

    `sent=False` is a proof, not a guess: nothing of the request reached the provider, or it said that it did not take
    it. `retry_after` (seconds) and `channel` (the operation or host it holds for) are what the provider asked for.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        sent: bool = True,
        retry_after: float | None = None,
        channel: str = "",
    ) -> None:
        super().__init__(message, provider=provider)
        self.sent = sent
        self.retry_after = retry_after
        self.channel = channel


class ProviderRejected(ProviderError):
    """A final no to one request: bad input, no permission, not supported. Trying again would not help.

    `certain`: said of a submit, and known of all earlier requests for the same job, too: none of them was taken.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        code: str = "",
        stale_description: bool = False,
        certain: bool = False,
    ) -> None:
        super().__init__(message, provider=provider)
        self.code = code
        self.stale_description = stale_description
        self.certain = certain


class ProviderProtocolError(ProviderError):
    """The provider answered something nobody understands; `word` is the unknown status word, if it was one."""

    def __init__(self, message: str, *, provider: str = "", word: str = "", body: bytes = b"") -> None:
        super().__init__(message, provider=provider)
        self.word = word
        self.body = body


class AdapterError(ProviderError):
    """A bug in an adapter ended the waits of its lane. The jobs are kept; the cause is chained."""


KNOWN_SHOWN = 12
"""Names listed when none is near."""


def unknown_name(what: str, name: str, known: Iterable[str], *, where: str = "") -> UsageError:
    """The `UsageError` for a name that does not exist, with the nearest that do."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    shown = ", ".join(names[:KNOWN_SHOWN]) or "none"
    more = f" and {len(names) - KNOWN_SHOWN} more" if len(names) > KNOWN_SHOWN else ""
    hint = f"did you mean {' or '.join(repr(n) for n in near)}?" if near else f"known: {shown}{more}"
    return UsageError(f"unknown {what} {name!r}{f' for {where}' if where else ''}; {hint}")
