"""What does one change of a job's state cost?

`core.machine.step` alone, then `Engine.apply` around it (inbox, commit, publish, wake-up), with a ledger that keeps
nothing and with `MemoryLedger`. The events are those of a short life: running, a place in the queue, ended with a result;
and the most frequent of all, a report without news. The baseline is what cannot be avoided: one `structs.replace` of a
record.

Target: under 15 us of CPU per transition without the ledger.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from statistics import median

from measure import Bench, alternate
from msgspec.structs import replace

from quantumjobs.abc import Change, Ledger
from quantumjobs.core.events import AnyEvent, Reported, SubmitAccepted, SubmitStarted
from quantumjobs.core.machine import step
from quantumjobs.core.records import Handle, JobRecord, Link, ResultRef
from quantumjobs.core.states import JobState
from quantumjobs.core.traits import Traits
from quantumjobs.engine.engine import Engine
from quantumjobs.ledgers.memory import MemoryLedger
from quantumjobs.testing import FakeProvider, run

S = JobState
TRAITS = Traits()
BODY = {"a" * 40: b"result"}
ACCEPTED = (SubmitStarted(at=1.0), SubmitAccepted(at=2.0, remote_id="remote-1"))
LIFE: tuple[tuple[str, AnyEvent], ...] = (
    ("a place in the queue", Reported(at=3.0, state=S.QUEUED, raw_status="waiting", queue_position=3)),
    ("running", Reported(at=4.0, state=S.RUNNING, raw_status="working")),
    ("a report without news", Reported(at=5.0, state=S.RUNNING, raw_status="working")),
    (
        "completed",
        Reported(at=6.0, state=S.COMPLETED, raw_status="done", result=ResultRef("fake/1", {"result": "a" * 40})),
    ),
)


class Nowhere(MemoryLedger):
    """A ledger that keeps nothing of a change: what is left is the engine's own."""

    async def commit(
        self, changes: Sequence[Change], *, handles: Sequence[Handle] = (), blobs: Mapping[str, bytes] = {}
    ) -> None:
        pass


def accepted(number: int) -> JobRecord:
    record = JobRecord(
        id=f"{number:032x}", provider="fake", lane="fake:memory:default", backend="sim", family="fake",
        payload="b" * 40, layout="c" * 40, created_at=0.0,
    )  # fmt: skip
    for event in ACCEPTED:
        record, _ = step(record, event, TRAITS)
    return replace(record, remote_id=f"remote-{number}")


def per_event(jobs: int, steps: Sequence[Callable[[], None]]) -> list[float]:
    """Microseconds of CPU per job for each of some loops over all jobs."""
    times = []
    for one in steps:
        gc.collect()
        began = time.process_time()
        one()
        times.append(1e6 * (time.process_time() - began) / jobs)
    return times


def stepping(jobs: int) -> list[float]:
    records = [accepted(number) for number in range(jobs)]

    def fold(event: AnyEvent) -> None:
        for number, record in enumerate(records):
            records[number], _ = step(record, event, TRAITS)

    return per_event(jobs, [lambda event=event: fold(event) for _, event in LIFE])


def replacing(jobs: int) -> list[float]:
    records = [accepted(number) for number in range(jobs)]

    def fold() -> None:
        for number, record in enumerate(records):
            records[number] = replace(record, state=S.RUNNING, version=record.version + 1)

    return per_event(jobs, [fold for _ in LIFE])


async def applying(jobs: int, ledger: Ledger) -> list[float]:
    fake = FakeProvider()

    async def resolve(_: str) -> FakeProvider:
        return fake

    engine = Engine(ledger, resolve)
    lane = engine.lane("fake", fake, "fake:memory:default")
    tracked, handles = [], []
    for number in range(jobs):
        record = accepted(number)
        handle = Handle(id=record.id, address="fake/sim", links=(Link(record.id, 0, 1),), created_at=0.0)
        await ledger.commit([Change(record=record)], handles=(handle,))
        tracked.append(engine.track(record, lane))
        handles.append(engine.handle(handle, [tracked[-1]]))

    async def fold(event: AnyEvent) -> None:
        blobs = BODY if event is LIFE[-1][1] else {}
        for job in tracked:
            await engine.apply(job, event, blobs)

    times = []
    for _, event in LIFE:
        times += await timed(jobs, fold(event))
    assert all(job.record.state is S.COMPLETED for job in tracked)
    await engine.close()
    return times


async def timed(jobs: int, work: Awaitable[None]) -> list[float]:
    gc.collect()
    began = time.process_time()
    await work
    return [1e6 * (time.process_time() - began) / jobs]


def main() -> None:
    bench = Bench(__doc__)
    options = bench.parse()
    jobs, rounds = (500, 3) if options.quick else (5_000, 11)
    replaced, stepped, applied, kept = alternate(
        rounds,
        lambda: replacing(jobs),
        lambda: stepping(jobs),
        lambda: run(applying(jobs, Nowhere())),
        lambda: run(applying(jobs, MemoryLedger())),
    )
    bare = median(median(times) for times in replaced)
    bench.figure("baseline: one structs.replace of a record", bare, " us")
    for place, (name, _) in enumerate(LIFE):
        alone, engine, ledger = (median(times[place] for times in taken) for taken in (stepped, applied, kept))
        bench.figure(f"{name}: step", alone, " us")
        bench.figure(f"{name}: Engine.apply without the ledger", engine, " us", most=15)
        bench.figure(f"{name}: Engine.apply with MemoryLedger", ledger, " us")
        bench.figure(f"{name}: Engine.apply without the ledger / baseline", engine / bare, "x")
    bench.end()


if __name__ == "__main__":
    main()
