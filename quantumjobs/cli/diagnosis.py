"""What `quantumjobs doctor` finds: doubts, jobs nobody here can follow, and what is wrong with the ledger's file. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from quantumjobs.cli import facts
from quantumjobs.cli.exits import Exit
from quantumjobs.cli.times import local
from quantumjobs.core.records import JobRecord
from quantumjobs.core.states import JobState

if TYPE_CHECKING:
    from quantumjobs.engine.job import Job
    from quantumjobs.ledgers.sqlite import Health

S = JobState
CHECKS = {
    "unknown": "look at the provider's own list of jobs, in this account, for one of that time",
    "findable": "nothing: whoever follows the job looks for it at the provider by its token",
    "idempotent": "nothing, for as long as the provider remembers the token: whoever follows the job sends the same again",
    "rerunnable": "nothing: it is a simulation on this machine, and is run again",
}


class Doubt(Struct, frozen=True):
    """One remote job that may or may not be there."""

    job: Job
    record: JobRecord
    check: str
    """What to do first."""
    human: bool
    """Nobody else can decide."""


class Diagnosis(Struct, frozen=True):
    """All that was found."""

    doubts: tuple[Doubt, ...]
    elsewhere: tuple[tuple[Job, str], ...]
    """Unfinished jobs of settings that are not here, and why."""
    health: Health | None
    warnings: tuple[str, ...]
    """What is wrong with the ledger."""
    notes: tuple[str, ...]
    """What is good to know."""

    @property
    def code(self) -> Exit:
        """Not `DONE` where somebody has something to do."""
        if any(doubt.human for doubt in self.doubts):
            return Exit.UNCERTAIN
        return Exit.UNAVAILABLE if self.elsewhere or self.warnings else Exit.DONE


def diagnose(jobs: Sequence[Job], health: Health | None) -> Diagnosis:
    """`jobs` are all of the ledger, as it has them; `health` is None for a ledger that is no file."""
    doubts = tuple(_doubt(job, record) for job in jobs for record in job.parts if record.state is S.IN_DOUBT)
    away = tuple(
        (job, str(why)) for job in jobs if not facts.settled(job) and (why := facts.elsewhere(job)) is not None
    )
    return Diagnosis(doubts, away, health, tuple(_warnings(health)), tuple(_notes(jobs, health)))


def _doubt(job: Job, record: JobRecord) -> Doubt:
    human = facts.needs_decision(job)
    kind = "unknown" if human else facts.classes(job)
    return Doubt(job, record, CHECKS[kind], human)


def _warnings(health: Health | None) -> list[str]:
    if health is None:
        return []
    found = []
    if health.integrity != "ok":
        found.append(f"the file is damaged: {health.integrity}")
    if health.read_only:
        found.append("the file is of a newer version of quantumjobs, and can only be read: upgrade, to work with it")
    if health.network_file_system:
        found.append(
            f"it is on a network file system ({health.network_file_system}), whose locks are not to be trusted: "
            "let QUANTUMJOBS_STATE_DIR name a local directory"
        )
    if int(health.file_mode, 8) & 0o077:
        found.append(f"others may open the file (mode {health.file_mode}): chmod 600 {health.path}")
    if int(health.directory_mode, 8) & 0o022:
        found.append(f"others may write into the ledger's directory (mode {health.directory_mode}): chmod 700 it")
    return found


def _notes(jobs: Sequence[Job], health: Health | None) -> list[str]:
    notes = [
        f"job {job.id} has {len(job.remote_ids)} remote jobs for {len(job.parts)}: {', '.join(job.remote_ids)}; "
        "cancel at the provider what you do not want"
        for job in jobs
        if any(record.extra_ids for record in job.parts)
    ]
    if health is not None and health.owners_dead:
        notes.append("some unfinished jobs are followed by nobody now: 'quantumjobs watch' follows them")
    return notes


# --- JSON -------------------------------------------------------------------------------
def as_json(found: Diagnosis) -> dict[str, Any]:
    """The keys of the document that are `doctor`'s own."""
    return {
        "doubts": [_doubt_json(doubt) for doubt in found.doubts],
        "elsewhere": [{"job": job.id, "state": job.state.value, "why": why} for job, why in found.elsewhere],
        "ledger": None if found.health is None else msgspec.to_builtins(found.health),
        "warnings": list(found.warnings),
        "notes": list(found.notes),
    }


def _doubt_json(doubt: Doubt) -> dict[str, Any]:
    record = doubt.record
    return {
        "job": doubt.job.id,
        "name": doubt.job.name,
        "backend": doubt.job.backend,
        "lane": record.lane,
        "token": record.id,
        "sent_at": None if record.sent_at is None else local(record.sent_at),
        "attempts": record.attempts,
        "reason": record.reason,
        "check": doubt.check,
        "needs_you": doubt.human,
        "decide": facts.decide(doubt.job),
    }
