"""How a handle's wait ends badly: the error for what became of its parts. Each call makes a new one, so that no two
waiters share a traceback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from quantumjobs.core import derive
from quantumjobs.core.states import JobState
from quantumjobs.core.traits import Idempotent, Unknown
from quantumjobs.errors import (
    AdapterError,
    JobCancelled,
    JobFailed,
    JobLost,
    JobRejected,
    ProviderProtocolError,
    QuantumJobsError,
    SubmissionUncertain,
    UsageError,
)

if TYPE_CHECKING:
    from quantumjobs.engine.job import Job
    from quantumjobs.engine.tracked import Tracked

S = JobState


def failure(job: Job) -> QuantumJobsError:
    """Why a job that has ended did not complete."""
    record = derive.worst_of(job.parts)
    why = f": {record.reason}" if record.reason else ""
    match job.state:
        case S.CANCELLED:
            return JobCancelled(f"job {job.id} was cancelled{why}", job=job, record=record)
        case S.REJECTED:
            return JobRejected(f"{record.provider} refused job {job.id}{why}", job=job, record=record)
        case S.LOST:
            return JobLost(f"{record.provider} no longer knows job {job.id}{why}", job=job, record=record)
    return JobFailed(f"job {job.id} failed on {job.backend}{why}", job=job, record=record)


def stuck(job: Job, part: Tracked) -> QuantumJobsError | None:
    """Why the wait for one part cannot go on; None while it can."""
    record = part.record
    if part.stranded is not None:
        return UsageError(str(part.stranded))
    if part.fault is not None or part.lane.fault is not None:
        cause = part.fault or part.lane.fault
        error = AdapterError(f"job {job.id}: {cause}", provider=record.provider)
        error.__cause__ = cause
        return error
    if record.state is S.IN_DOUBT and (part.undecided or _owner_is_at_a_loss(job, part)):
        return SubmissionUncertain(
            f"{record.provider} may or may not have taken job {job.id} ({record.reason}); nothing is sent again. "
            "Look there, then job.adopt(remote_id), job.resubmit() or job.abandon()",
            job=job,
            attempts=record.attempts,
        )
    if record.trouble:
        return ProviderProtocolError(
            f"{record.provider} says {record.trouble!r} of job {job.id}, which nobody here knows; "
            "the job is followed on",
            provider=record.provider,
            word=record.trouble,
        )
    return None


def _owner_is_at_a_loss(job: Job, part: Tracked) -> bool:
    """Another client follows it, and what that one can do to end the doubt is known here as well."""
    if part.ours:
        return False
    match part.traits.submit:
        case Unknown():
            return True
        case Idempotent(window=window):
            return job._engine.wall() > (part.record.sent_at or part.record.created_at) + window
    return False
