"""Following accepted jobs: weather ends no wait, a strange word ends it late, a bug ends its own lane's only."""

from __future__ import annotations

import asyncio
import logging
from itertools import pairwise

import pytest

import quantumjobs as qj
from quantumjobs.core.schedule import Pace
from quantumjobs.core.states import Fetch, JobState
from quantumjobs.core.traits import Rerunnable
from quantumjobs.errors import ProviderProtocolError, ProviderRejected, ProviderUnavailable
from quantumjobs.testing.fake import FakeProvider, Fault
from tests.engine.helpers import BELL, client_on, policy

S = JobState


@pytest.mark.parametrize(
    "weather",
    [
        Fault.NOT_SENT,
        Fault.REPLY_LOST,
        ProviderUnavailable("503", retry_after=30.0),
        ProviderProtocolError("garbage"),
        ProviderRejected("403, today"),
        qj.CredentialError("expired"),
    ],
    ids=lambda weather: str(getattr(weather, "name", weather)),
)
async def test_weather_ends_no_wait(weather: object) -> None:
    fake = FakeProvider(running=10, weather=[weather] * 60)  # type: ignore[list-item]
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        assert (await job).counts
        assert fake.polls == 61
        assert fake.most_made == 1


async def test_trouble_is_shown_while_it_lasts() -> None:
    fake = FakeProvider(running=1, weather=[Fault.REPLY_LOST] * 5)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        await asyncio.sleep(1)
        assert isinstance(job.error, qj.ProviderUnavailable)
        await job
        assert job.error is None


async def test_retry_after_silences_the_lane() -> None:
    fake = FakeProvider(running=1, weather=[ProviderUnavailable("429", retry_after=500.0)])
    loop = asyncio.get_running_loop()
    async with client_on(fake) as client:
        start = loop.time()
        jobs = [await client.backend("fake/sim").run(BELL) for _ in range(5)]
        await asyncio.gather(*jobs)
        assert loop.time() - start >= 500


async def test_an_unknown_word_is_shown_and_told_only_when_it_stays() -> None:
    fake = FakeProvider(running=10_000, unknown_word="levitating")
    loop = asyncio.get_running_loop()
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        start = loop.time()
        with pytest.raises(qj.ProviderProtocolError, match="levitating") as caught:
            await job
        assert loop.time() - start >= 600
        assert caught.value.word == "levitating"
        assert job.state is S.QUEUED
        assert job.raw_status == "levitating"
        fake.unknown_word = ""
        await asyncio.sleep(10_000)
        assert (await job).counts  # followed on all the while


async def test_an_unknown_word_that_passes_is_weather() -> None:
    fake = FakeProvider(running=1000, unknown_word="levitating", unknown_between=(10, 300))
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        assert (await job).counts


async def test_a_bug_in_one_adapter_ends_its_lanes_waits_only(caplog: pytest.LogCaptureFixture) -> None:
    broken, sound = FakeProvider("broken", running=50), FakeProvider("sound", running=50)
    async with qj.Client(ledger="memory", providers={"broken": broken, "sound": sound}) as client:
        bad = [await client.backend("broken/sim").run(BELL) for _ in range(3)]
        good = await client.backend("sound/sim").run(BELL)
        broken.breaks = {"poll": KeyError("oops")}
        with caplog.at_level(logging.ERROR, "quantumjobs"):
            for job in bad:
                with pytest.raises(qj.AdapterError, match="oops") as caught:
                    await job
                assert caught.value.provider == "broken"
        assert (await good).counts
        assert all(not job.done() for job in bad)
        with pytest.raises(qj.AdapterError):
            await client.backend("broken/sim").run(BELL)
        broken.breaks = {}
        await bad[0].refresh()
        assert (await bad[0]).counts


async def test_a_bug_while_submitting_leaves_the_job_in_doubt(caplog: pytest.LogCaptureFixture) -> None:
    fake = FakeProvider(breaks="submit")
    async with client_on(fake) as client:
        with caplog.at_level(logging.ERROR, "quantumjobs"), pytest.raises(qj.AdapterError):
            await client.backend("fake/sim").run(BELL)
        (job,) = await client.jobs()
        assert job.state is S.IN_DOUBT


async def test_a_bug_while_connecting_is_told() -> None:
    fake = FakeProvider(breaks="connect")
    async with client_on(fake) as client:
        with pytest.raises(qj.AdapterError, match="connect"):
            await client.backend("fake/sim").run(BELL)


async def test_a_single_404_after_acceptance_is_a_lagging_replica() -> None:
    fake = FakeProvider(running=60, lag=20)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        assert (await job).counts


async def test_a_job_gone_for_minutes_is_lost() -> None:
    fake = FakeProvider(running=100_000, vanish_after=50)
    loop = asyncio.get_running_loop()
    async with client_on(fake) as client:
        start = loop.time()
        job = await client.backend("fake/sim").run(BELL)
        with pytest.raises(qj.JobLost):
            await job
        assert loop.time() - start >= 170


async def test_a_vanished_local_run_runs_again_and_says_so() -> None:
    fake = FakeProvider(
        running=100, vanish_after=lambda index: 50 if index == 0 else float("inf"), submit_class=Rerunnable(3),
        gone_after=1, gone_for=0,
    )  # fmt: skip
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        assert (await job).counts
        assert fake.submits == 2
        assert "Vanished" in [line.event for line in job.story]


async def test_a_local_run_that_always_vanishes_fails_after_its_attempts() -> None:
    fake = FakeProvider(running=100, vanish_after=5, submit_class=Rerunnable(3), gone_after=1, gone_for=0)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        with pytest.raises(qj.JobFailed):
            await job
        assert fake.submits == 3


async def test_bulk_looks_ask_about_many_jobs_at_once() -> None:
    fake = FakeProvider(running=100, bulk=50)
    async with client_on(fake) as client:
        backend = client.backend("fake/sim")
        jobs = await asyncio.gather(*(backend.run(BELL) for _ in range(200)))
        await asyncio.gather(*jobs)
        assert fake.polls < fake.looks / 20


async def test_pushes_arrive_without_looking() -> None:
    fake = FakeProvider(running=7200, pushes=True)
    loop = asyncio.get_running_loop()
    async with client_on(fake) as client:
        start = loop.time()
        jobs = [await client.backend("fake/sim").run(BELL) for _ in range(3)]
        await asyncio.gather(*jobs)
        assert loop.time() - start == pytest.approx(7200, abs=0.1)


async def test_a_push_that_overtakes_its_submits_reply_is_kept() -> None:
    fake = FakeProvider(pushes=True, latency={"submit": 10.0})
    loop = asyncio.get_running_loop()
    async with client_on(fake) as client:
        start = loop.time()
        job = await client.backend("fake/sim").run(BELL)
        assert (await job).counts
        assert loop.time() - start <= 10.1


async def test_results_apart_from_the_status_are_fetched_once_and_kept() -> None:
    fake = FakeProvider(running=10, fetch=Fetch.EAGER, script={"fetch": [Fault.REPLY_LOST] * 3})
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        await asyncio.gather(*(job.result() for _ in range(10)))
        assert fake.calls["fetch"] == 4


async def test_lazy_results_are_fetched_when_somebody_asks() -> None:
    fake = FakeProvider(running=10, fetch=Fetch.LAZY)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        await job.wait()
        assert fake.calls["fetch"] == 0
        await asyncio.gather(*(job.result() for _ in range(10)))
        assert fake.calls["fetch"] == 1


async def test_a_result_gone_at_the_provider_is_an_error_and_not_an_empty_result() -> None:
    fake = FakeProvider(fetch=Fetch.EAGER, script={"fetch": [ProviderRejected("expired")]})
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        with pytest.raises(qj.ResultUnavailable, match="expired"):
            await job
        assert job.state is S.COMPLETED


async def test_a_look_that_holds_keeps_nobody_waiting() -> None:
    fake = FakeProvider(running=3600, holds=True)
    async with client_on(fake, policies=policy(concurrency=1)) as client:
        backend = client.backend("fake/sim")
        jobs = await asyncio.gather(*(backend.run(BELL) for _ in range(5)))
        await asyncio.gather(*jobs)
        assert fake.polls <= 10


async def test_looks_keep_the_vendors_minimum_apart() -> None:
    times: list[float] = []
    fake = FakeProvider(running=100, min_interval=7.0)
    loop = asyncio.get_running_loop()
    travel = fake.begin

    async def noted(operation: str) -> object:
        if operation == "poll":
            times.append(loop.time())
        return await travel(operation)

    fake.begin = noted  # type: ignore[method-assign, assignment]
    async with client_on(fake) as client:
        await (await client.backend("fake/sim").run(BELL))
    assert min(b - a for a, b in pairwise(times)) > 7.0 - 1e-9


async def test_a_pace_of_ones_own_is_kept() -> None:
    fake = FakeProvider(running=1000)
    async with client_on(fake, policies=policy(pace=Pace(at_least=100.0, at_most=100.0, first=100.0))) as client:
        await (await client.backend("fake/sim").run(BELL))
        assert fake.polls == 10


async def test_refresh_looks_now() -> None:
    fake = FakeProvider(running=100)
    async with client_on(fake, policies=policy(pace=Pace(at_least=1e6, at_most=1e6, first=1e6))) as client:
        job = await client.backend("fake/sim").run(BELL)
        await asyncio.sleep(200)
        assert job.state is S.QUEUED
        await job.refresh()
        assert job.state is S.COMPLETED
        await job.refresh()


async def test_refresh_raises_what_went_wrong() -> None:
    fake = FakeProvider(running=100, weather=[Fault.REPLY_LOST])
    async with client_on(fake, policies=policy(pace=Pace(first=50.0))) as client:
        job = await client.backend("fake/sim").run(BELL)
        with pytest.raises(qj.ProviderUnavailable):
            await job.refresh()
        await job


async def test_a_provider_that_answers_at_once_does_not_hold_the_loop() -> None:
    fake = FakeProvider(running=10)
    async with client_on(fake) as client:
        backend = client.backend("fake/sim")
        jobs = await asyncio.gather(*(backend.run(BELL) for _ in range(500)))
        turns = 0

        async def count_turns() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0 if fake.looks % 500 else 0.01)

        counting = asyncio.create_task(count_turns())
        await asyncio.sleep(1.9)  # the first looks at all of them, which all answer at once
        counting.cancel()
        assert fake.looks >= 500
        assert turns >= fake.looks / (32 * 16)  # sixteen in a row in each of the lane's places, then the others
        await asyncio.gather(*jobs)


@pytest.mark.parametrize("operation", ["describe", "backends"])
async def test_a_bug_in_any_operation_tells_the_lanes_waiters_and_mending_it_follows_them_again(
    operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeProvider(running=500)
    async with client_on(fake) as client:
        jobs = [await client.backend("fake/sim").run(BELL) for _ in range(2)]
        waiting = [asyncio.create_task(job.result()) for job in jobs]
        await asyncio.sleep(1)
        fake.breaks = {operation: KeyError("oops")}
        with caplog.at_level(logging.ERROR, "quantumjobs"):
            if operation == "describe":
                with pytest.raises(qj.AdapterError):
                    await client.backend("fake/sim").describe()
            else:
                await client.backends()
            for task in waiting:
                with pytest.raises(qj.AdapterError, match="oops"):
                    await task
        fake.breaks = {}
        await jobs[0].refresh()
        assert all([(await job).counts for job in jobs])


async def test_a_result_that_a_bug_kept_back_is_fetched_when_the_lane_is_mended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fake = FakeProvider(running=lambda index: 10 if index == 0 else 500, fetch=Fetch.EAGER, breaks="fetch")
    async with client_on(fake) as client:
        jobs = [await client.backend("fake/sim").run(BELL) for _ in range(2)]
        with caplog.at_level(logging.ERROR, "quantumjobs"), pytest.raises(qj.AdapterError):
            await jobs[0]
        fake.breaks = {}
        await jobs[1].refresh()
        assert (await jobs[0]).counts
        assert (await jobs[1]).counts


async def test_a_bug_in_fetching_a_lazy_result_is_told_as_one() -> None:
    fake = FakeProvider(fetch=Fetch.LAZY, breaks={"fetch": ValueError("the adapter's")})
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        await job.wait()
        with pytest.raises(qj.AdapterError, match="the adapter's"):
            await job.result()
