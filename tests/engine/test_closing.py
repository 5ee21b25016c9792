"""Leaving a client: remote jobs go on, local ones end, nothing stays behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import quantumjobs as qj
from quantumjobs.core.events import SubmitStarted
from quantumjobs.core.states import JobState
from quantumjobs.core.traits import Rerunnable
from quantumjobs.ledgers.memory import MemoryLedger
from quantumjobs.ledgers.sqlite import InlineLedger
from quantumjobs.testing.fake import FakeProvider, Fault
from tests.engine.helpers import BELL, client_on

S = JobState


async def test_remote_jobs_go_on_and_the_next_client_finds_them() -> None:
    fake, ledger = FakeProvider(queued=500), MemoryLedger()
    async with client_on(fake, ledger=ledger) as client:
        job = await client.backend("fake/sim").run(BELL, name="mine", tags=("a", "b"))
        known = job.id
    assert job.state is S.QUEUED
    async with client_on(fake, ledger=ledger) as client:
        again = await client.job(known)
        assert again is await client.job(known)
        assert (again.name, again.tags) == ("mine", ("a", "b"))
        assert (await again).counts
    assert fake.most_made == 1


async def test_a_waiter_is_told_that_its_client_left() -> None:
    fake = FakeProvider(queued=500)
    client = client_on(fake)
    job = await client.backend("fake/sim").run(BELL)
    waiter = asyncio.create_task(job.result())
    await asyncio.sleep(1)
    await client.aclose()
    with pytest.raises(qj.UsageError, match="goes on"):
        await waiter
    with pytest.raises(qj.UsageError):
        await job
    with pytest.raises(qj.UsageError, match="closed"):
        await client.backend("fake/sim").run(BELL)
    await client.aclose()


async def test_local_jobs_are_cancelled_in_every_state() -> None:
    fake = FakeProvider(submit_class=Rerunnable(3), queued=500, latency={"submit": 10.0})
    client = client_on(fake)
    backend = client.backend("fake/sim", limit=2)
    jobs = [await backend.run(BELL)]
    jobs += [await backend.run(BELL, until="recorded") for _ in range(3)]
    await asyncio.sleep(2)
    assert {job.state for job in jobs} == {S.QUEUED, S.SUBMITTING, S.CREATED}
    await client.aclose()
    assert {job.state for job in jobs} == {S.CANCELLED}
    with pytest.raises(qj.JobCancelled):
        await jobs[0]


async def test_a_finished_job_keeps_its_result_after_leaving() -> None:
    async with client_on(FakeProvider()) as client:
        job = await client.backend("fake/sim").run(BELL)
        result = await job
    assert await job is result


async def test_a_client_starts_at_its_first_use_and_closing_an_unused_one_is_fine() -> None:
    client = client_on(FakeProvider())
    assert repr(client).startswith("<Client new")
    await client.aclose()
    used = client_on(FakeProvider())
    assert await used.jobs() == []
    await used.aclose()
    assert repr(used).startswith("<Client closed")


async def test_submitting_when_the_sender_died_is_a_doubt() -> None:
    fake, ledger = FakeProvider(queued=100, script={"submit": [Fault.HANG]}), MemoryLedger()
    async with client_on(fake, ledger=ledger) as client:
        job = await client.backend("fake/sim").run(BELL, until="recorded")
        await asyncio.sleep(1)
        assert job.state is S.SUBMITTING
    async with client_on(fake, ledger=ledger) as client:
        with pytest.raises(qj.SubmissionUncertain):
            await (await client.job(job.id))
        assert fake.submits == 1


async def test_the_engine_forgets_settled_jobs() -> None:
    async with client_on(FakeProvider()) as client:
        backend = client.backend("fake/sim")
        for _ in range(20):
            await (await backend.run(BELL))
        engine = await client._start()
        assert engine._tracked == {}
        assert all(not lane.by_remote for lane in engine._lanes.values())
        assert len(engine._jobs) <= 1
        await asyncio.sleep(0.1)
        assert not engine._tasks


async def test_a_wait_that_begins_while_the_client_closes_hears_how_the_job_ended() -> None:
    fake = FakeProvider(submit_class=Rerunnable(3), queued=500)
    client = client_on(fake)
    job = await client.backend("fake/sim").run(BELL)
    waiting = asyncio.create_task(job.result())
    await client.aclose()
    with pytest.raises(qj.JobCancelled):
        await waiting


async def test_closing_ends_whole_even_when_it_is_cancelled() -> None:
    fake = FakeProvider(queued=500)
    client = client_on(fake)
    await client.backend("fake/sim").run(BELL)
    closing = asyncio.create_task(client.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("stages", [False, True])
async def test_leaving_while_the_intent_to_send_is_written_makes_no_doubt(tmp_path: Path, stages: bool) -> None:
    fake = FakeProvider(stages=stages)
    ledger = Slow(tmp_path / "ledger")
    async with qj.Client(ledger=ledger, providers={"fake": fake}) as client:
        await client.backend("fake/sim").run(BELL, until="recorded")
        await ledger.submitting.wait()
    assert fake.submits == 0
    async with qj.Client(ledger=InlineLedger(tmp_path / "ledger"), follow="asked") as after:
        (job,) = await after.jobs()
        assert [line.event for line in job.story] == ["SubmitStarted", "SubmitDeferred"]
        assert job.state is S.CREATED


class Slow(InlineLedger):
    """Takes a while for each commit, as a disk does; `submitting` tells that such an intent is being written."""

    immediate = False
    intent = 0.03
    """Seconds until an intent to send is durable."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.submitting = asyncio.Event()

    async def _commit(self, commit: Any) -> None:
        takes = 0.03
        if any(isinstance(change.event, SubmitStarted) for change in commit.changes):
            self.submitting.set()
            takes = self.intent
        await asyncio.sleep(takes)
        await super()._commit(commit)
        await asyncio.sleep(0.03)


async def test_no_look_begins_while_others_end() -> None:
    """It would outlive its connection, and leave another one open that nobody closes."""
    fake = FakeProvider(queued=5000)
    async with client_on(fake) as client:
        await client.backend("fake/sim").run(BELL)
        engine = client._engine
        assert engine is not None

        async def slow_to_end() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(300)

        engine.spawn(slow_to_end())
        await asyncio.sleep(100)
        looks = fake.calls["poll"]
        assert looks
    assert fake.calls["poll"] == looks
