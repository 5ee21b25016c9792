"""What is told of jobs, as text. Whatever comes from elsewhere stands on one line and commands no terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from quantumjobs.cli import facts
from quantumjobs.cli.choosing import SHORT, short
from quantumjobs.cli.table import pairs, table
from quantumjobs.cli.terminal import Plain
from quantumjobs.cli.times import ago, local
from quantumjobs.core.states import MEANINGS, JobState
from quantumjobs.display import one_line

if TYPE_CHECKING:
    from quantumjobs.cli.terminal import Terminal
    from quantumjobs.engine.job import Job

S = JobState
HEAD = ("JOB", "STATE", "AGE", "PROGRESS", "BACKEND", "NAME", "TAGS")
_SHRINKING = (4, 5, 6)
_OURS = re.compile(r"cli-[0-9a-f]{32}")  # by which `run` finds its jobs again
_COUNTED = frozenset({S.RUNNING, S.CANCELLING, S.COMPLETED, S.FAILED, S.CANCELLED})


# --- one line ---------------------------------------------------------------------------
def label(job: Job, size: int = SHORT) -> str:
    """What a job is called among others."""
    name = f" {one_line(job.name, limit=200)}" if job.name else ""
    return f"{job.id[:size]}{name}"


def tags(job: Job) -> str:
    """As the user gave them."""
    return ", ".join(tag for tag in job.tags if not _OURS.fullmatch(tag))


def progress(job: Job) -> str:
    """How many jobs are ahead, or how many circuits of several are finished."""
    if job.state is S.QUEUED and job.queue_position is not None:
        return f"{job.queue_position} ahead"
    done, total = job.progress.done, job.progress.total
    return f"{done}/{total}" if total > 1 and job.state in _COUNTED else ""


def ending(job: Job, size: int = SHORT) -> str:
    """What became of it, with the ids by which it is found here and there."""
    remote = f" (there: {one_line(job.remote_id, limit=200)})" if job.remote_id else ""
    return f"{label(job, size)} on {one_line(job.backend, limit=200)}: {job.state}{remote}"


# --- a table ----------------------------------------------------------------------------
def listed(jobs: Sequence[Job], terminal: Terminal, now: float) -> list[str]:
    """A row for each job, under a head; nothing for none."""
    if not jobs:
        return []
    size = short(job.id for job in jobs)
    rows = [
        (
            job.id[:size],
            job.state.value,
            ago(now - job.created_at),
            progress(job),
            job.backend,
            job.name or "",
            tags(job),
        )
        for job in jobs
    ]
    head, *body = table([HEAD, *rows], room=terminal.room, may_shrink=_SHRINKING, unicode=terminal.unicode)
    return [head, *map(Plain, body)]


# --- a page -----------------------------------------------------------------------------
def page(job: Job, terminal: Terminal, now: float) -> Iterable[str]:
    """Everything about one job."""
    unicode = terminal.unicode
    yield f"job {job.id}: {job.state}"
    yield f"  {MEANINGS[job.state]}"
    yield from map(Plain, pairs(_facts(job, now), unicode=unicode))
    yield from _wrong(job, unicode=unicode)
    if job.state is S.IN_DOUBT:
        yield from ways_out(job)
    if len(job.parts) > 1:
        yield "parts"
        yield from map(
            Plain, table([("  PART", "STATE", "CIRCUITS", "ATTEMPTS", "THERE", "WHY"), *_parts(job)], unicode=unicode)
        )
    yield "timeline"
    yield from map(Plain, pairs([(state, _moment(at, now)) for state, at in job.timeline.items()], unicode=unicode))
    if job.story:
        yield "story"
        for line in job.story:
            note = f": {one_line(line.note, unicode=unicode)}" if line.note else ""
            yield Plain(f"  {local(line.at)}  {line.before} -> {line.after}  ({line.event}{note})")


def _facts(job: Job, now: float) -> list[tuple[str, str]]:
    records = job.parts
    sent = [record.sent_at for record in records if record.sent_at is not None]
    attempts = sum(record.attempts for record in records)
    return [
        ("name", job.name or ""),
        ("tags", tags(job)),
        ("key", job.key or ""),
        ("backend", job.backend),
        ("lane", ", ".join(dict.fromkeys(record.lane for record in records))),
        ("there", ", ".join(job.remote_ids)),
        ("they say", job.raw_status),
        ("progress", progress(job)),
        ("expected", "" if job.eta is None or job.done() else local(job.eta)),
        ("created", _moment(job.created_at, now)),
        ("sent", f"{_moment(min(sent), now)}, in {_times(attempts, 'attempt')}" if sent else ""),
        ("options", ", ".join(f"{name}={_value(value)}" for name, value in job.options.items())),
        ("result", _result(job)),
    ]


def _result(job: Job) -> str:
    if not job.done():
        return ""
    gone = next((record.result_gone for record in job.parts if record.result_gone), "")
    if gone:
        return f"gone: {gone}"
    if not any(record.has_result for record in job.parts):
        return ""
    kept = all(record.result is not None for record in job.parts if record.has_result)
    return f"quantumjobs result {job.id[:SHORT]}" if kept else "still at the provider"


def _wrong(job: Job, *, unicode: bool) -> Iterable[str]:
    found = facts.trouble_of(job)
    if found is not None:
        yield "what is wrong"
        yield Plain(f"  {one_line(found.message, unicode=unicode)}")
        if found.hint and job.state is not S.IN_DOUBT:
            yield f"  {one_line(found.hint, unicode=unicode)}"


def ways_out(job: Job, size: int = SHORT) -> Iterable[str]:
    """What to do about a doubt."""
    if not facts.needs_decision(job):
        yield "in doubt, and to be cleared up without you"
        yield Plain(f"  quantumjobs watch {job.id[:size]}  asks the provider, and follows what it finds")
    yield "what to do, when you have looked at the provider"
    yield from map(
        Plain,
        pairs(
            [
                (f"quantumjobs adopt {job.id[:size]} REMOTE_ID", "it is there, under this id: follow it"),
                (f"quantumjobs resubmit {job.id[:size]}", "it is not there: send it again"),
                (f"quantumjobs abandon {job.id[:size]}", "give it up: nothing is sent, and it ends as lost"),
            ]
        ),
    )


def _parts(job: Job) -> list[tuple[str, ...]]:
    return [
        (
            f"  {at}",
            record.state.value,
            str(record.circuits),
            str(record.attempts),
            ", ".join([record.remote_id or "", *record.extra_ids]).strip(", "),
            record.reason,
        )
        for at, record in enumerate(job.parts, 1)
    ]


def _moment(at: float, now: float) -> str:
    return f"{local(at)}, {ago(now - at)} ago"


def _times(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _value(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return str(value)
