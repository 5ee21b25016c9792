"""When bars are opened, what they are told, and that each is closed with its wait."""

from __future__ import annotations

import asyncio
import gc

import pytest

import quantumjobs as qj
from quantumjobs.core.records import Snapshot
from quantumjobs.engine.engine import _undrawn
from quantumjobs.engine.showing import Progress
from quantumjobs.testing.fake import FakeProvider
from tests.engine.helpers import BELL, client_on


class Bar:
    def __init__(self, label: str, *told: object) -> None:
        self.label = label
        self.told = list(told)
        self.closed = 0

    def put(self, snapshot: Snapshot) -> None:
        self.told.append(snapshot.state.value)

    def update(self, over: int, total: int) -> None:
        self.told.append((over, total))

    def wake(self) -> None:
        pass

    def close(self) -> None:
        self.closed += 1


class Show:
    """Remembers its bars."""

    def __init__(self) -> None:
        self.bars: list[Bar] = []

    def job(self, label: str, first: Snapshot) -> Bar:
        self.bars.append(Bar(label, first.state.value))
        return self.bars[-1]

    def group(self, label: str) -> Bar:
        self.bars.append(Bar(label))
        return self.bars[-1]


def shown_on(fake: FakeProvider, *, progress: bool = False) -> tuple[qj.Client, Show]:
    client, show = client_on(fake, progress=progress), Show()
    client._progress.show = lambda: show
    return client, show


async def test_a_wait_that_asks_has_a_bar_and_others_have_none() -> None:
    client, show = shown_on(FakeProvider(queued=10, running=10))
    async with client:
        job = await client.backend("fake/sim").run(BELL, name="bell")
        await asyncio.gather(job, job.wait(), job.result(progress=True), job.wait(progress=False))
        (bar,) = show.bars
        assert (bar.label, list(dict.fromkeys(bar.told)), bar.closed) == ("bell", ["queued", "running", "completed"], 1)
        await job.result(progress=True)
        assert len(show.bars) == 1, "there is nothing to wait for"


async def test_the_clients_switch_is_for_the_waits_that_do_not_say() -> None:
    client, show = shown_on(FakeProvider(running=10), progress=True)
    async with client:
        jobs = [await client.backend("fake/sim").run(BELL) for _ in range(3)]
        await asyncio.gather(*jobs[:2], jobs[2].result(progress=False))
        assert sorted(bar.label for bar in show.bars) == sorted(job.id[:8] for job in jobs[:2])
        client.progress = False
        await (await client.backend("fake/sim").run(BELL))
        assert len(show.bars) == 2
        assert not client.progress


@pytest.mark.parametrize("outcome", ["failed", "cancelled"])
async def test_a_wait_that_raises_closes_its_bar(outcome: str) -> None:
    client, show = shown_on(FakeProvider(running=10, outcome=outcome))
    async with client:
        job = await client.backend("fake/sim").run(BELL)
        with pytest.raises(qj.JobError):
            await job.result(progress=True)
        assert (show.bars[0].told[-1], show.bars[0].closed) == (outcome, 1)
        assert job._readers == []


async def test_a_wait_that_is_left_closes_its_bar_and_the_job_goes_on() -> None:
    client, show = shown_on(FakeProvider(running=100))
    async with client:
        job = await client.backend("fake/sim").run(BELL)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(job.result(progress=True), 5)
        assert show.bars[0].closed == 1
        assert (await job).counts


async def test_jobs_awaited_together_have_one_bar() -> None:
    client, show = shown_on(FakeProvider(running=lambda index: 10.0 * (index + 1)))
    async with client:
        jobs = [await client.backend("fake/sim").run(BELL) for _ in range(3)]
        async for job in qj.as_completed(jobs, progress=True):
            await job.result(progress=True)  # over: no bar of its own
        (bar,) = show.bars
        assert bar.told == [(0, 3), (1, 3), (2, 3), (3, 3)]
        assert bar.closed == 1
        async for _ in qj.as_completed(jobs, progress=False):
            pass
        assert len(show.bars) == 1


async def test_the_bar_of_a_group_ends_with_the_wait_however_it_ends() -> None:
    client, show = shown_on(FakeProvider(running=1000), progress=True)
    async with client:
        jobs = [await client.backend("fake/sim").run(BELL) for _ in range(3)]
        ended = qj.as_completed(jobs)
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(ended), 5)
        assert [bar.closed for bar in show.bars] == [1, 1], "a wait that is left closes its bar, and the next has one"
        waiting = asyncio.create_task(anext(ended))
        await asyncio.sleep(1)
        await ended.aclose()
        with pytest.raises(StopAsyncIteration):
            await waiting
        assert show.bars[2].closed == 1
        assert not any([bar async for bar in qj.as_completed([], progress=True)])
        left = qj.as_completed(jobs)
        left.add(await client.backend("fake/sim").run(BELL))
        waiting = asyncio.create_task(anext(left))
        await asyncio.sleep(1)
        assert show.bars[3].told[-1] == (0, 4)
        waiting.cancel()
        del left, waiting
        await asyncio.sleep(1)
        gc.collect()
        assert show.bars[3].closed == 1


async def test_the_bar_of_a_group_ends_with_its_client() -> None:
    client, show = shown_on(FakeProvider(running=1000))
    async with client:
        ended = qj.as_completed([await client.backend("fake/sim").run(BELL)], progress=True)
        waiting = asyncio.create_task(anext(ended))
        await asyncio.sleep(1)
    with pytest.raises(qj.UsageError, match="closed"):
        await waiting
    assert show.bars[0].closed == 1


async def test_an_engine_without_anything_that_draws_says_so() -> None:
    client, _ = shown_on(FakeProvider(running=10))
    async with client:
        job = await client.backend("fake/sim").run(BELL)
        job._engine.progress = Progress(_undrawn)
        with pytest.raises(qj.UsageError, match="draw"):
            await job.result(progress=True)
