"""Every record that events can lead to, up to what `step` looks at: the ground on which laws are checked."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

from quantumjobs.core import events as e
from quantumjobs.core.actions import Action
from quantumjobs.core.machine import OURS, step
from quantumjobs.core.records import JobRecord, Progress, ResultRef
from quantumjobs.core.states import Fetch, JobState
from quantumjobs.core.traits import Findable, Idempotent, Rerunnable, Traits
from quantumjobs.errors import InvalidTransition

S = JobState
NEW = JobRecord(
    id="job", provider="p", lane="p:x:y", backend="sim", family="f", payload="d1", layout="d2", created_at=1.0
)
REF = ResultRef("raw/1", {"result": "d3"})
EARLY, LATE = 100.0, 1_000.0  # apart by more than `gone_for`

TRAITS = (
    Traits(gone_after=2),
    Traits(submit=Idempotent(60.0), gone_after=2),
    Traits(submit=Findable(10.0), gone_after=2),
    Traits(submit=Rerunnable(2), gone_after=2),
    Traits(fetch=Fetch.EAGER, gone_after=1, gone_for=0.0),
    Traits(fetch=Fetch.LAZY, gone_after=2),
    Traits(submit=Rerunnable(1), failed_after_cancel_is_cancelled=True, gone_after=1, gone_for=0.0, fetch=Fetch.EAGER),
)

OUR_EVENTS: tuple[e.AnyEvent, ...] = (
    e.SubmitStarted(at=EARLY),
    e.SubmitAccepted(at=EARLY, remote_id="r1"),
    e.SubmitAccepted(at=EARLY, remote_id="r2"),
    e.SubmitDeferred(at=EARLY, reason="429"),
    e.SubmitRejected(at=EARLY, reason="400"),
    e.SubmitRejected(at=EARLY, reason="409", certain=True),
    e.SubmitInDoubt(at=EARLY, reason="reset"),
    e.Adopted(at=EARLY, remote_id="r1"),
    e.Adopted(at=EARLY, remote_id="r2"),
    e.Resubmitted(at=EARLY),
    e.Abandoned(at=EARLY),
    e.ResultKept(at=EARLY, ref=REF),
    e.ResultGone(at=EARLY, reason="expired"),
    e.Vanished(at=EARLY, reason="404"),
    e.Vanished(at=LATE, reason="404"),
    e.Puzzled(at=EARLY, word="purring"),
    e.TakenOver(at=EARLY, fence=1),
    e.CancelRequested(at=EARLY),
    e.CancelSent(at=EARLY),
    e.CancelAccepted(at=EARLY),
    e.CancelRefused(at=EARLY, reason="no"),
)
REPORTS: tuple[e.Reported, ...] = (
    *(e.Reported(at=EARLY, state=state, hint=True) for state in S),
    *(e.Reported(at=LATE, state=state, raw_status="word", reason="why", has_result=True) for state in S),
    e.Reported(at=LATE, state=S.COMPLETED, result=REF),
    e.Reported(at=EARLY, state=S.QUEUED, queue_position=4, eta=9.0),
    e.Reported(at=EARLY, state=S.RUNNING, queue_position=4, progress=Progress(1, 2), details={"a": "b"}),
)
EVENTS: tuple[e.AnyEvent, ...] = (*OUR_EVENTS, *REPORTS)


def kind(record: JobRecord) -> tuple[object, ...]:
    """Records of one kind are alike to `step`: counters are capped where nothing looks at them any more."""
    return (
        record.state,
        min(record.attempts, 2),
        record.doubtful,
        record.remote_id is None,
        record.cancel_wanted,
        min(record.cancels_sent, 2),
        record.has_result,
        record.settled,
        record.result is None,
        record.gone_since,
    )


class Step(NamedTuple):
    record: JobRecord
    event: e.AnyEvent
    after: JobRecord
    actions: tuple[Action, ...]
    traits: Traits

    def __str__(self) -> str:
        return f"{self.record}\n{self.event}\n{self.after}\n{self.actions}\n{self.traits}"


@lru_cache(maxsize=1)
def reachable() -> dict[Traits, list[JobRecord]]:
    """One record of every kind that can come to be, breadth first."""
    return {traits: _reach(traits) for traits in TRAITS}


def _reach(traits: Traits) -> list[JobRecord]:
    found = {kind(NEW): NEW}
    queue = deque([NEW])
    while queue:
        record = queue.popleft()
        for event in EVENTS:
            if isinstance(event, e.Reported) or type(event) in OURS[record.state]:
                after, _ = step(record, event, traits)
                if kind(after) not in found:
                    found[kind(after)] = after
                    queue.append(after)
    return list(found.values())


def imagined() -> Iterator[JobRecord]:
    """Records that no event should lead to; an old ledger or another version may hold them all the same."""
    for state in S:
        for remote_id in (None, "r1"):
            for wanted in (False, True):
                for doubtful in (False, True):
                    yield replace(
                        NEW, state=state, remote_id=remote_id, cancel_wanted=wanted, doubtful=doubtful, version=3
                    )


@lru_cache(maxsize=1)
def steps() -> list[Step]:
    """Every possible step of every record, also of imagined ones."""
    found: list[Step] = []
    for traits, records in reachable().items():
        for record in (*records, *imagined()):
            for event in EVENTS:
                try:
                    after, actions = step(record, event, traits)
                except InvalidTransition:
                    continue
                found.append(Step(record, event, after, actions, traits))
    return found
