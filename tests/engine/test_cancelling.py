"""Cancelling: a wish is remembered, sent once the id is known, and answered honestly."""

from __future__ import annotations

import asyncio

import pytest

import quantumjobs as qj
from quantumjobs.core.states import CancelOutcome, JobState
from quantumjobs.testing.fake import FakeProvider, Fault
from tests.engine.helpers import BELL, client_on

S = JobState


async def test_a_confirmed_cancel_ends_the_job() -> None:
    fake = FakeProvider(queued=1000)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        assert await job.cancel() is CancelOutcome.CANCELLED
        with pytest.raises(qj.JobCancelled):
            await job


async def test_an_accepted_cancel_is_followed_to_its_end() -> None:
    fake = FakeProvider(queued=1000, cancel="accepted", cancelling=30)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        assert await job.cancel() is CancelOutcome.REQUESTED
        assert job.state is S.CANCELLING
        assert (await job.wait()).state is S.CANCELLED


async def test_a_cancel_during_submit_is_remembered_and_sent_when_the_id_is_known() -> None:
    fake = FakeProvider(queued=1000, latency={"submit": 20.0})
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL, until="recorded")
        await asyncio.sleep(1)
        assert job.state is S.SUBMITTING
        assert await job.cancel() is CancelOutcome.REQUESTED
        assert fake.cancels == 0
        assert (await job.wait()).state is S.CANCELLED
        assert fake.cancels == 1


async def test_a_job_not_sent_yet_is_cancelled_at_once() -> None:
    fake = FakeProvider(running=100)
    async with client_on(fake) as client:
        backend = client.backend("fake/sim", limit=1)
        first = await backend.run(BELL)
        second = await backend.run(BELL, until="recorded")
        assert await second.cancel() is CancelOutcome.CANCELLED
        await first
        await asyncio.sleep(100)
        assert fake.submits == 1


async def test_a_refused_cancel_can_be_asked_again() -> None:
    fake = FakeProvider(queued=1000, cancel=["refused", "confirmed"])
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        assert await job.cancel() is CancelOutcome.REFUSED
        assert await job.cancel() is CancelOutcome.CANCELLED
        assert fake.cancels == 2


async def test_too_late_is_said_and_the_job_ends_as_it_does() -> None:
    fake = FakeProvider(running=10, cancel="too_late")
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        assert await job.cancel() is CancelOutcome.TOO_LATE
        assert (await job).counts
        assert await job.cancel() is CancelOutcome.TOO_LATE
        assert fake.cancels == 1


async def test_a_provider_that_cannot_cancel_says_so_and_keeps_no_wish() -> None:
    fake = FakeProvider(running=10, cancel="unsupported")
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        assert await job.cancel() is CancelOutcome.UNSUPPORTED
        assert not job.parts[0].cancel_wanted
        assert (await job).counts


async def test_many_who_ask_at_once_send_one_request() -> None:
    fake = FakeProvider(queued=1000, latency={"cancel": 5.0})
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        outcomes = await asyncio.gather(*(job.cancel() for _ in range(10)))
        assert set(outcomes) == {CancelOutcome.CANCELLED}
        assert fake.cancels == 1


async def test_a_lost_reply_is_unknown_and_the_wish_is_sent_again() -> None:
    fake = FakeProvider(queued=100_000, script={"cancel": [Fault.REQUEST_LOST, Fault.REQUEST_LOST]})
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        assert await job.cancel() is CancelOutcome.UNKNOWN
        assert (await job.wait()).state is S.CANCELLED
        assert fake.cancels == 3


async def test_a_cancel_interrupts_a_look_that_holds() -> None:
    fake = FakeProvider(queued=36_000, holds=True)
    loop = asyncio.get_running_loop()
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        await asyncio.sleep(10)
        start = loop.time()
        assert await job.cancel() is not CancelOutcome.UNKNOWN
        await job.wait()
        assert loop.time() - start < 60
        assert job.state is S.CANCELLED


async def test_cancelling_the_awaiter_of_a_cancel_does_not_take_the_wish_back() -> None:
    fake = FakeProvider(queued=1000, latency={"cancel": 30.0})
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await job.cancel()
        assert (await job.wait()).state is S.CANCELLED


async def test_cancelling_a_job_of_many_parts_cancels_them_all() -> None:
    fake = FakeProvider(queued=1000, part_size=2)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run([BELL] * 7)
        assert await job.cancel() is CancelOutcome.CANCELLED
        assert {record.state for record in job.parts} == {S.CANCELLED}


async def test_a_provider_without_the_word_cancelled_ends_as_cancelled() -> None:
    fake = FakeProvider(queued=1000, no_cancelled_word=True)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        assert await job.cancel() is CancelOutcome.CANCELLED
