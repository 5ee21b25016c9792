"""The verdict, from outside: what the service was sent, what the ledger holds, and what the programs said."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quantumjobs.core.records import JobRecord
from quantumjobs.core.states import JobState
from quantumjobs.ledgers.sqlite import SqliteLedger
from tests.crash.processes import Ran


@dataclass(frozen=True)
class Case:
    """One death: at a named point (`kill`) or at a system call (`trace`: strace's options)."""

    submit: str
    mode: str
    scenario: str
    kill: str = ""
    trace: tuple[str, ...] = ()
    fault: str = ""
    """What the program does wrong, see `program.Order`."""
    service: str = ""
    """The switches of the service, where they are not those of the submit class."""
    left: str = ""
    """Of a recovery: the point at which the program died whose ledger it finds."""

    @property
    def breaks(self) -> bool:
        """Calls fail instead, so that the program may give up by itself."""
        return any(":error=" in option for option in self.trace)

    def __str__(self) -> str:
        where = self.kill or " ".join(self.trace) or "nowhere"
        after = f" of what died {self.left}" if self.left else ""
        return f"{self.submit}/{self.mode}: {self.scenario}{after}, killed {where}"


@dataclass
class Verdict:
    """What came of a case; no problems is what is wanted."""

    case: Case
    killed: bool
    problems: list[str] = field(default_factory=list)
    doubts: int = 0


def judge(verdict: Verdict, runs: Sequence[Ran], file: Path, stats: dict[str, Any]) -> None:
    wrong = verdict.problems.append
    if not file.exists():
        if any(run.all("accepted") for run in runs):
            wrong("a job was accepted, and there is no ledger")
        return
    handles, records, events = asyncio.run(_held(file, verdict.case.mode))
    acknowledged = {one["id"] for run in runs for one in run.all("accepted")}
    if acknowledged - handles:
        wrong(f"acknowledged jobs are lost: {acknowledged - handles}")
    for record in records:
        _judge_record(verdict, record, events[record.id], stats)
    last = runs[-1]
    readable = {one["id"]: one["counts"] for one in last.all("result")}
    for run in runs[:-1]:
        for one in run.all("result"):
            if readable.get(one["id"]) != one["counts"]:
                wrong(f"a result that was shown is {readable.get(one['id'])} now, and was {one['counts']}")
        for one in run.all("ended"):
            if one not in last.all("ended"):
                wrong(f"{one} is no longer so")
    if last.all("unreadable"):
        wrong(f"{last.all('unreadable')}")
    doubtful = {record.id for record in records if record.state is JobState.IN_DOUBT}
    verdict.doubts = len(doubtful)
    if doubtful != {one["id"] for one in last.all("stuck")}:
        wrong(f"in doubt are {doubtful}, and told was {last.all('stuck')}")
    with closing(sqlite3.connect(file)) as connection:
        (found,) = connection.execute("PRAGMA integrity_check").fetchone()
    if found != "ok":
        wrong(f"integrity_check: {found}")


def _judge_record(verdict: Verdict, record: JobRecord, events: Counter[str], stats: dict[str, Any]) -> None:
    wrong = verdict.problems.append
    made = stats["jobs_by_token"].get(record.id, [])
    posts = stats["posts_by_token"].get(record.id, 0)
    if len(made) > 1:
        wrong(f"{len(made)} remote jobs of one intent")
    if posts > events["SubmitStarted"]:
        wrong(f"{posts} posts, and {events['SubmitStarted']} were announced")
    if verdict.case.submit == "unknown":
        if events["SubmitStarted"] > 1 + events["SubmitDeferred"] + events["Resubmitted"]:
            wrong("sent again without a proof or the user's word")
    elif record.state is JobState.IN_DOUBT:
        wrong("a doubt that could have been resolved")
    if not record.settled and record.state is not JobState.IN_DOUBT:
        wrong(f"left {record.state}")
    if record.state is JobState.LOST or record.state is JobState.REJECTED:
        wrong(f"ended as {record.state}: {record.reason}")
    if record.remote_id is not None and made != [record.remote_id]:
        wrong(f"the ledger says {record.remote_id}, and the service {made}")
    if record.remote_id is None and made and record.state is not JobState.IN_DOUBT:
        wrong(f"{record.state}, and there is a remote job")


def intents(file: Path, mode: str) -> set[str]:
    """All that the ledger holds."""
    return {record.id for record in asyncio.run(_held(file, mode))[1]} if file.exists() else set()


async def _held(file: Path, mode: str) -> tuple[set[str], list[JobRecord], dict[str, Counter[str]]]:
    ledger = SqliteLedger(file, journal_mode=mode)  # type: ignore[arg-type]
    try:
        handles = await ledger.handles()
        records = await ledger.records([link.job for handle in handles for link in handle.links])
        events: dict[str, Counter[str]] = {record.id: Counter() for record in records}
        for _, job, event in await ledger.events():
            events[job][type(event).__name__] += 1
    finally:
        await ledger.aclose()
    return {handle.id for handle in handles}, list(records), events
