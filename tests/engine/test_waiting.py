"""Waiting for a job: any number of waiters, none of which can hurt another or the job."""

from __future__ import annotations

import asyncio

import pytest

import quantumjobs as qj
from quantumjobs.core.states import JobState
from quantumjobs.testing.clock import run
from quantumjobs.testing.fake import FakeProvider
from tests.engine.helpers import BELL, client_on

S = JobState


async def test_a_day_in_the_queue() -> None:
    fake = FakeProvider(queued=86_400, running=3_600)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        result = await job
        assert [line.after for line in job.story] == [S.SUBMITTING, S.QUEUED, S.RUNNING, S.COMPLETED]
        assert sum(result.counts.values()) == result[0].shots
        assert fake.most_made == 1


async def test_awaiting_a_job_is_awaiting_its_result() -> None:
    async with client_on(FakeProvider(running=5)) as client:
        job = await client.backend("fake/sim").run(BELL)
        assert await job is await job.result()


async def test_gather_wait_for_and_create_task_work() -> None:
    async with client_on(FakeProvider(running=5)) as client:
        backend = client.backend("fake/sim")
        jobs = [await backend.run(BELL) for _ in range(20)]
        results = await asyncio.gather(*jobs)
        assert len(results) == 20
        assert await asyncio.wait_for(await backend.run(BELL), 60)
        assert await asyncio.create_task((await backend.run(BELL)).result())


async def test_a_timeout_ends_the_wait_not_the_job() -> None:
    fake = FakeProvider(running=100)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await job
        assert not job.done()
        assert await job
        assert fake.cancels == 0


async def test_cancelling_one_awaiter_leaves_the_others_waiting() -> None:
    async with client_on(FakeProvider(running=100)) as client:
        job = await client.backend("fake/sim").run(BELL)
        first, second = (asyncio.create_task(job.result()) for _ in range(2))
        await asyncio.sleep(1)
        first.cancel()
        assert (await second).counts
        assert first.cancelled()


async def test_all_awaiters_get_the_same_result_and_it_is_decoded_once() -> None:
    fake = FakeProvider(running=10)
    decoded = 0
    decode = fake.codec.decode

    def counting(*args: object, **kwargs: object) -> object:
        nonlocal decoded
        decoded += 1
        return decode(*args, **kwargs)  # type: ignore[arg-type]

    fake.codec.decode = counting  # type: ignore[method-assign, assignment]
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        results = await asyncio.gather(*(job.result() for _ in range(50)))
        assert all(result is results[0] for result in results)
        assert decoded == 1


async def test_a_finished_job_answers_again_without_asking_the_provider() -> None:
    fake = FakeProvider(running=1)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        await job
        looks = fake.looks
        await job
        assert fake.looks == looks


async def test_a_failed_job_raises_with_what_was_finished() -> None:
    fake = FakeProvider(running=1, outcome="failed", partial=2)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run([BELL] * 3)
        with pytest.raises(qj.JobFailed) as caught:
            await job
        error = caught.value
        assert error.job is job
        assert error.record is not None
        assert error.record.state is S.FAILED
        assert error.partial is not None
        assert len(error.partial) == 3
        assert error.partial[0].counts
        with pytest.raises(qj.ResultUnavailable):
            _ = error.partial[2].counts


async def test_wait_never_raises_for_how_the_job_ended() -> None:
    async with client_on(FakeProvider(outcome="failed")) as client:
        job = await client.backend("fake/sim").run(BELL)
        assert (await job.wait()).state is S.FAILED
        assert isinstance(job.error, qj.JobFailed)


async def test_each_waiter_gets_an_error_of_its_own() -> None:
    async with client_on(FakeProvider(outcome="failed", running=3)) as client:
        job = await client.backend("fake/sim").run(BELL)
        errors = await asyncio.gather(*(job.result() for _ in range(2)), return_exceptions=True)
        assert errors[0] is not errors[1]  # a shared one would collect both tracebacks


async def test_events_begin_with_now_and_end_with_the_end() -> None:
    async with client_on(FakeProvider(queued=20, running=100)) as client:
        job = await client.backend("fake/sim").run(BELL)
        states = [event.state async for event in job.events()]
        assert states[0] is S.QUEUED
        assert S.RUNNING in states
        assert states[-1] is S.COMPLETED
        assert [event.state async for event in job.events()] == [S.COMPLETED]


async def test_leaving_events_early_leaves_nothing_behind() -> None:
    async with client_on(FakeProvider(queued=20, running=100)) as client:
        job = await client.backend("fake/sim").run(BELL)
        stream = job.events()
        async for _ in stream:
            break
        await stream.aclose()
        assert not job._readers
        await job


async def test_done_callbacks_are_called_once_each_with_the_job() -> None:
    async with client_on(FakeProvider(running=5)) as client:
        job = await client.backend("fake/sim").run(BELL)
        called: list[object] = []
        dropped: list[object] = []
        job.add_done_callback(called.append)
        job.add_done_callback(dropped.append)
        job.remove_done_callback(dropped.append)
        job.remove_done_callback(print)
        await job
        await asyncio.sleep(0)
        job.add_done_callback(called.append)
        await asyncio.sleep(0)
        assert called == [job, job]
        assert dropped == []


async def test_as_completed_yields_in_the_order_of_ending_and_takes_more() -> None:
    fake = FakeProvider(running=lambda index: [300, 10, 100, 1][index])
    async with client_on(fake) as client:
        backend = client.backend("fake/sim")
        jobs = [await backend.run(BELL, name=str(number)) for number in range(3)]
        order = []
        stream = qj.as_completed([*jobs, jobs[0]])
        assert len(stream) == 3
        async for job in stream:
            assert job.done()
            order.append(job.name)
            if job.name == "1":
                stream.add(await backend.run(BELL, name="late"))
        assert order == ["1", "late", "2", "0"]
        assert len(stream) == 0


async def test_as_completed_yields_failures_too_and_can_be_left() -> None:
    fake = FakeProvider(running=lambda index: 10.0 * (index + 1), outcome="failed")
    async with client_on(fake) as client:
        jobs = [await client.backend("fake/sim").run(BELL) for _ in range(2)]
        stream = qj.as_completed(jobs)
        async for job in stream:
            assert job.state is S.FAILED
            break
        await stream.aclose()
        assert jobs[1]._callbacks == []


async def test_a_job_awaited_in_another_loop_is_a_usage_error() -> None:
    async with client_on(FakeProvider(running=5)) as client:
        job = await client.backend("fake/sim").run(BELL)

        async def elsewhere() -> None:
            with pytest.raises(qj.UsageError, match="loop"):
                await job
            with pytest.raises(qj.UsageError, match="loop"):
                await client.backend("fake/sim").run(BELL)

        here = asyncio.events._get_running_loop()
        asyncio.events._set_running_loop(None)
        try:
            run(elsewhere())
        finally:
            asyncio.events._set_running_loop(here)


async def test_repr_and_snapshot_show_the_state() -> None:
    async with client_on(FakeProvider(queued=10, hints=True)) as client:
        job = await client.backend("fake/sim").run([BELL, BELL], name="mine", tags=["a"])
        assert repr(job) == f"<Job {job.id[:8]} fake/sim queued>"
        assert job.snapshot.state is S.QUEUED
        assert (job.name, job.tags, job.backend, job.provider) == ("mine", ("a",), "fake/sim", "fake")
        await job
        assert job.snapshot.progress == qj.Progress(2, 2)
        assert next(iter(job.timeline)) == "created"
        assert job.timeline["completed"] >= job.timeline["queued"]


async def test_as_completed_ends_with_its_client_and_goes_on_with_the_others() -> None:
    closed, open_ = client_on(FakeProvider(running=100)), client_on(FakeProvider(running=100))
    async with open_:
        lost, kept = [await one.backend("fake/sim").run(BELL) for one in (closed, open_)]
        stream = qj.as_completed([lost, kept])
        waiting = asyncio.create_task(anext(stream))
        await asyncio.sleep(1)
        await closed.aclose()
        with pytest.raises(qj.UsageError, match="closed while"):
            await waiting
        assert [job async for job in stream] == [kept]


async def test_as_completed_can_be_shared_by_several_readers() -> None:
    async with client_on(FakeProvider(running=float)) as client:
        jobs = [await client.backend("fake/sim").run(BELL) for _ in range(9)]
        stream = qj.as_completed(jobs)

        async def share() -> list[qj.Job]:
            return [job async for job in stream]

        shares = await asyncio.gather(*(share() for _ in range(4)))
        assert sorted(job.id for share in shares for job in share) == sorted(job.id for job in jobs)
