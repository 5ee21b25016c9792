"""What is told of a job, as data for `--json`. Reads what a job knows of itself: no I/O, no wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quantumjobs.cli.exits import Exit, Trouble, trouble
from quantumjobs.cli.times import local
from quantumjobs.core.records import JobRecord, Line
from quantumjobs.core.states import JobState
from quantumjobs.core.traits import Findable, Idempotent, Rerunnable, Unknown
from quantumjobs.errors import SubmissionUncertain

if TYPE_CHECKING:
    from quantumjobs.engine.job import Job

S = JobState
Json = dict[str, Any]


def code_of(job: Job) -> Exit:
    """What a job has for the exit code of a command that waited for it, or stopped waiting."""
    if job.state is S.COMPLETED:
        return Exit.DONE
    return Exit.DONE if job.error is None else trouble(job.error).code


def trouble_of(job: Job) -> Trouble | None:
    """What is wrong with it: an error that it met, or that it belongs to an account that is not set up here."""
    error = job.error or (None if job.done() else elsewhere(job))
    return None if error is None else trouble(error)


def elsewhere(job: Job) -> Exception | None:
    """Why this job is not asked about here, if it is not: its lane has other settings, or none."""
    return next((part.lane.elsewhere for part in job._parts if part.lane.elsewhere is not None), None)


def settled(job: Job) -> bool:
    """It has ended, and there is nothing left to fetch."""
    return all(record.settled for record in job.parts)


def ended_at(job: Job) -> float:
    """When it came to the state it is in; seconds since the epoch."""
    return job.snapshot.at


def needs_decision(job: Job) -> bool:
    """In doubt, and nobody but the user can end that."""
    return isinstance(job.error, SubmissionUncertain)


def classes(job: Job) -> str:
    """How a doubt about its submission ends: "unknown", "findable", "idempotent" or "rerunnable"."""
    doubtful = [part for part in job._parts if part.record.state is S.IN_DOUBT] or job._parts
    match doubtful[0].traits.submit:
        case Findable():
            return "findable"
        case Idempotent():
            return "idempotent"
        case Rerunnable():
            return "rerunnable"
        case Unknown():
            return "unknown"


# --- JSON -------------------------------------------------------------------------------
def summary(job: Job) -> Json:
    """One entry of `jobs`. Times are ISO text; every key is always there."""
    progress = job.progress
    found = trouble_of(job)
    return {
        "job": job.id,
        "name": job.name,
        "tags": list(job.tags),
        "key": job.key,
        "backend": job.backend,
        "provider": job.provider,
        "state": job.state.value,
        "raw_status": job.raw_status or None,
        "progress": {"done": progress.done, "total": progress.total},
        "queue_position": job.queue_position,
        "eta": _time(job.eta),
        "created_at": local(job.created_at),
        "changed_at": local(ended_at(job)),
        "remote_ids": list(job.remote_ids),
        "error": None if found is None else found.as_json(),
    }


def details(job: Job) -> Json:
    """All of it."""
    return {
        **summary(job),
        "options": dict(job.options),
        "token": job.token,
        "timeline": {state: local(at) for state, at in job.timeline.items()},
        "story": [_line(line) for line in job.story],
        "parts": [_part(record) for record in job.parts],
        "decide": decide(job) if job.state is S.IN_DOUBT else [],
    }


def decide(job: Job) -> list[str]:
    """The three ways out of a doubt, as commands."""
    return [f"quantumjobs adopt {job.id} REMOTE_ID", f"quantumjobs resubmit {job.id}", f"quantumjobs abandon {job.id}"]


def _part(record: JobRecord) -> Json:
    return {
        "token": record.id,
        "lane": record.lane,
        "backend": record.backend,
        "state": record.state.value,
        "circuits": record.circuits,
        "attempts": record.attempts,
        "sent_at": _time(record.sent_at),
        "accepted_at": _time(record.accepted_at),
        "remote_id": record.remote_id,
        "extra_ids": list(record.extra_ids),
        "raw_status": record.raw_status or None,
        "reason": record.reason or None,
        "trouble": record.trouble or None,
        "cancel_wanted": record.cancel_wanted,
        "has_result": record.has_result,
        "result_kept": record.result is not None,
        "result_gone": record.result_gone or None,
    }


def _line(line: Line) -> Json:
    return {
        "at": local(line.at),
        "event": line.event,
        "before": line.before.value,
        "after": line.after.value,
        "note": line.note or None,
    }


def _time(at: float | None) -> str | None:
    return None if at is None else local(at)
