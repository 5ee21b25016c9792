"""Traffic: rates, gates, breakers and refused credentials hold requests back, each its own channel's, and end no wait."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from tenacity import wait_fixed

import quantumjobs as qj
from quantumjobs.core.schedule import Pace
from quantumjobs.core.states import Fetch, JobState
from quantumjobs.core.traffic import Rate
from quantumjobs.core.traits import Idempotent
from quantumjobs.errors import ProviderProtocolError, ProviderRejected, ProviderUnavailable
from quantumjobs.testing.fake import FakeProvider, Fault
from tests.engine.helpers import BELL, Watched, client_on, policy, run_many

S = JobState
OUTAGE = ProviderUnavailable("503", sent=False)
STEADY = Pace(first=1.0, at_least=10.0, at_most=10.0)


# --- rates ----------------------------------------------------------------------------------
async def test_a_rate_for_looks_is_kept_exactly_and_leaves_the_rest_alone() -> None:
    fake = Watched(running=5, rates={"poll": Rate(2.0, burst=4)})
    loop = asyncio.get_running_loop()
    async with client_on(fake) as client:
        jobs = await run_many(client, 100)
        assert loop.time() < 0.01  # submits have no rate
        await asyncio.gather(*jobs)
    times = fake.times["poll"]
    assert all(n - 4 <= 2.0 * (times[i + n - 1] - times[i]) + 1e-6 for n in (5, 20, 100) for i in range(len(times) - n))
    assert len(times) >= 100
    assert times[-1] - times[0] <= (len(times) - 4) / 2.0 + 1.0  # nor is it slower than it may be


async def test_a_rate_for_submits_queues_them_in_the_lane() -> None:
    fake = Watched(running=5)
    loop = asyncio.get_running_loop()
    async with client_on(fake, policies=policy(rates={"submit": Rate(5.0)}, concurrency=2)) as client:
        jobs = await run_many(client, 100)
        assert 99 / 5.0 - 1e-6 <= loop.time() <= 99 / 5.0 + 1.0
        await asyncio.gather(*jobs)
        assert fake.most_per_second("submit") <= 6


async def test_one_bulk_look_is_one_token() -> None:
    fake = Watched(running=5, bulk=50, rates={"poll": Rate(1.0)})
    loop = asyncio.get_running_loop()
    async with client_on(fake) as client:
        await asyncio.gather(*await run_many(client, 200))
        assert loop.time() <= 60


async def test_the_users_rate_comes_before_the_vendors() -> None:
    fake = Watched(running=0, rates={"submit": Rate(1.0)})
    loop = asyncio.get_running_loop()
    async with client_on(fake, policies=policy(rates={"submit": Rate(10.0)})) as client:
        await run_many(client, 21)
        assert loop.time() == pytest.approx(2.0)


# --- gates ----------------------------------------------------------------------------------
async def test_retry_after_for_looks_holds_looks_and_neither_submits_nor_cancels() -> None:
    fake = Watched(running=10_000, weather=[ProviderUnavailable("429", retry_after=500.0)])
    loop = asyncio.get_running_loop()
    async with client_on(fake, policies=policy(pace=Pace(first=1.0, at_most=5.0))) as client:
        jobs = await run_many(client, 5)
        await asyncio.sleep(2)
        assert fake.between("poll", 1.0 + 1e-6) <= 4  # those that were under way with it
        seen = fake.polls
        started = loop.time()
        await client.backend("fake/sim").run(BELL)
        assert await jobs[0].cancel() is qj.CancelOutcome.CANCELLED  # and the look that confirms it was asked for
        assert loop.time() == started
        await asyncio.sleep(498)
        assert fake.polls == seen + 1
        await asyncio.sleep(10)
        assert fake.polls > seen + 5


async def test_retry_after_for_a_host_holds_every_operation_that_goes_through_it() -> None:
    busy = ProviderUnavailable("429", retry_after=300.0, channel="api.example")
    fake = Watched(
        running=1000, weather=[busy], channels={"poll": "api.example", "submit": "api.example"}, fetch=Fetch.EAGER
    )
    loop = asyncio.get_running_loop()
    async with client_on(fake, policies=policy(pace=STEADY)) as client:
        job = await client.backend("fake/sim").run(BELL)
        await asyncio.sleep(2)
        await client.backend("fake/sim").run(BELL)
        assert loop.time() >= 301
        assert fake.between("poll", 1.5, 300) == 0
        assert (await job).counts


async def test_a_host_is_remembered_when_an_adapter_names_it_for_the_first_time() -> None:
    busy = ProviderUnavailable("503", retry_after=200.0, channel="results.example")
    fake = Watched(running=1, fetch=Fetch.EAGER, script={"fetch": [busy]})
    loop = asyncio.get_running_loop()
    async with client_on(fake, policies=policy(pace=STEADY)) as client:
        await asyncio.gather(*await run_many(client, 3))
        assert loop.time() >= 201
        assert fake.between("fetch", 1.5, 200) == 0


# --- breakers -------------------------------------------------------------------------------
async def test_a_thousand_jobs_on_a_dead_provider_make_no_more_requests_than_its_probes() -> None:
    fake = Watched(running=1800)
    pause, breaker, concurrency, hour = 20.0, 5, 32, 3600.0
    habits = policy(wait=wait_fixed(pause), breaker=breaker, concurrency=concurrency, pace=STEADY)
    async with client_on(fake, policies=habits) as client:
        jobs = await run_many(client, 1000)
        fake.breaks = {"poll": OUTAGE}
        waiting = asyncio.gather(*jobs)
        await asyncio.sleep(hour)
        assert fake.polls <= breaker + concurrency + hour / pause
        assert fake.polls >= 0.8 * hour / pause
        assert sum(isinstance(job.error, qj.ProviderUnavailable) for job in jobs) == 1000
        fake.breaks = {}
        fake.most_under_way = 0
        assert all(result.counts for result in await waiting)
        assert fake.most_under_way <= concurrency
        assert fake.most_per_second("poll", hour) <= 1000 / 5 + concurrency  # spread over five seconds
        assert fake.times["poll"][-1] <= hour + 2 * pause + 5
        assert all(job.error is None for job in jobs)
        assert fake.most_made == 1


async def test_with_the_back_off_as_it_is_an_outage_costs_a_request_every_half_minute() -> None:
    fake = Watched(running=100)
    async with client_on(fake) as client:
        jobs = await run_many(client, 300)
        fake.breaks = {"poll": OUTAGE}
        await asyncio.sleep(7200)
        assert 60 <= fake.polls <= 600  # 0 to 60 s, so 240 and some at the start
        fake.breaks = {}
        assert all(result.counts for result in await asyncio.gather(*jobs))


async def test_one_jobs_failures_hold_nobody_else_back() -> None:
    class OneIsIll(Watched):
        async def begin(self, operation: str) -> Fault | None:
            fault = await super().begin(operation)
            if operation == "poll" and self.looks % 10 == 0:
                raise OUTAGE
            return fault

    fake = OneIsIll(running=300)
    loop = asyncio.get_running_loop()
    async with client_on(fake, policies=policy(wait=wait_fixed(100), pace=STEADY)) as client:
        jobs = await run_many(client, 9)
        await asyncio.gather(*jobs)
        assert loop.time() < 450  # each failure holds its own job for a hundred seconds, and no other


async def test_a_dead_submit_channel_leaves_looks_alone_and_ends_run_within_its_budget() -> None:
    fake = Watched(running=1000)
    loop = asyncio.get_running_loop()
    async with client_on(fake, policies=policy(wait=wait_fixed(4), budget=30.0, pace=STEADY)) as client:
        jobs = await run_many(client, 3)
        fake.breaks = {"submit": OUTAGE}
        start = loop.time()
        backend = client.backend("fake/sim")
        runs = await asyncio.gather(*(backend.run(BELL) for _ in range(500)), return_exceptions=True)
        assert all(isinstance(error, qj.ProviderUnavailable) for error in runs)
        assert loop.time() - start == pytest.approx(30, abs=1)
        assert fake.submits <= 3 + 5 + 32 + 30 / 4 + 1
        assert fake.between("poll", start) >= 6
        late = loop.time()
        with pytest.raises(qj.ProviderUnavailable):  # it was never even tried, and is told all the same
            await backend.run(BELL)
        assert loop.time() - late == pytest.approx(30, abs=1)
        states = Counter([job.state for job in await client.jobs()])
        assert states[S.CANCELLED] == 501
        fake.breaks = {}
        await backend.run(BELL)
        await asyncio.gather(*jobs)


async def test_jobs_in_doubt_share_the_probes_of_a_dead_submit_channel() -> None:
    fake = Watched(running=10, submit_class=Idempotent(86_400))
    async with client_on(fake, policies=policy(wait=wait_fixed(30))) as client:
        fake.breaks = {"submit": ProviderUnavailable("reset")}
        jobs = await run_many(client, 200, until="recorded")
        await asyncio.sleep(3600)
        assert any(job.state is S.IN_DOUBT for job in jobs)
        assert fake.submits <= 5 + 32 + 3600 / 30
        fake.breaks = {}
        await asyncio.gather(*jobs)
        assert fake.most_made == 1


async def test_a_dead_result_store_is_asked_by_one_for_all() -> None:
    fake = Watched(running=1, fetch=Fetch.EAGER, breaks={"fetch": OUTAGE})
    async with client_on(fake, policies=policy(wait=wait_fixed(30))) as client:
        jobs = await run_many(client, 300)
        await asyncio.sleep(3600)
        assert fake.calls["fetch"] <= 300 + 3600 / 30  # the first of each are all under way before one has failed
        fake.breaks = {}
        assert all(result.counts for result in await asyncio.gather(*jobs))


async def test_a_probe_that_hangs_closes_nothing_for_ever() -> None:
    fake = Watched(running=100)
    async with client_on(fake, policies=policy(wait=wait_fixed(10), pace=STEADY)) as client:
        jobs = await run_many(client, 20)
        fake.breaks = {"poll": OUTAGE}
        await asyncio.sleep(30)
        fake.breaks = {}
        fake.script["poll"].append(Fault.HANG)
        done, hanging = await asyncio.wait([asyncio.ensure_future(job.wait()) for job in jobs], timeout=600)
        assert len(done) == 19
        for waiter in hanging:
            waiter.cancel()


@pytest.mark.parametrize("jobs", [1, 20])
async def test_sixty_looks_of_every_weather_end_no_wait(jobs: int) -> None:
    kinds: list[BaseException | Fault] = [
        ProviderUnavailable("503"),
        ProviderUnavailable("429", sent=False, retry_after=7.0),
        Fault.NOT_SENT,
        Fault.REPLY_LOST,
        ProviderProtocolError("garbage"),
        ProviderRejected("403, today"),
        qj.CredentialError("expired"),
        ProviderUnavailable("503", retry_after=5.0, channel="api.example"),
    ]
    fake = FakeProvider(running=10, weather=(kinds * 8)[:60])
    async with client_on(fake) as client:
        assert all(result.counts for result in await asyncio.gather(*await run_many(client, jobs)))
        assert fake.polls >= 60 + jobs
        assert fake.most_made == 1


# --- credentials ----------------------------------------------------------------------------
async def test_a_thousand_waiters_share_one_probe_per_pause_and_all_go_on() -> None:
    fake = Watched(running=100)
    async with client_on(fake, policies=policy(credential_pause=30.0, pace=STEADY)) as client:
        jobs = await run_many(client, 1000)
        waiting = [asyncio.ensure_future(job.result()) for job in jobs]
        fake.breaks = {"poll": qj.CredentialError("expired"), "submit": qj.CredentialError("expired")}
        await asyncio.sleep(3600)
        assert fake.polls <= 32 + 3600 / 30
        assert not any(waiter.done() for waiter in waiting)
        assert all(isinstance(job.error, qj.CredentialError) for job in jobs)
        fake.breaks = {}
        assert all(result.counts for result in await asyncio.gather(*waiting))
        assert fake.times["poll"][-1] <= 3600 + 30 + 5 + 10
        assert all(job.error is None for job in jobs)


async def test_a_refresh_tries_refused_credentials_at_once_and_everybody_goes_on() -> None:
    fake = Watched(running=100)
    loop = asyncio.get_running_loop()
    async with client_on(fake, policies=policy(credential_pause=1e5, pace=STEADY)) as client:
        jobs = await run_many(client, 50)
        fake.breaks = {"poll": qj.CredentialError("expired")}
        await asyncio.sleep(1000)
        with pytest.raises(qj.CredentialError):
            await jobs[0].refresh()
        fake.breaks = {}
        await jobs[0].refresh()
        await asyncio.gather(*jobs)
        assert loop.time() <= 1020


async def test_run_with_refused_credentials_is_told_at_once_whatever_the_lane_waits_for() -> None:
    fake = Watched(running=100)
    loop = asyncio.get_running_loop()
    async with client_on(fake, policies=policy(credential_pause=1e5, pace=STEADY)) as client:
        jobs = await run_many(client, 50)
        fake.breaks = {name: qj.CredentialError("expired") for name in ("poll", "submit", "describe")}
        held = await client.backend("fake/sim").run(BELL, until="recorded")
        await asyncio.sleep(1000)
        assert isinstance(held.error, qj.CredentialError)
        start = loop.time()
        with pytest.raises(qj.CredentialError):
            await client.backend("fake/sim").run(BELL)
        assert loop.time() == start
        fake.breaks = {}
        await client.backend("fake/sim").run(BELL)
        assert (await held).counts
        await asyncio.gather(*jobs)
        assert loop.time() <= start + 120


async def test_a_cancel_tries_refused_credentials_at_once() -> None:
    fake = Watched(running=1e6)
    async with client_on(fake, policies=policy(credential_pause=1e5, pace=STEADY)) as client:
        job = await client.backend("fake/sim").run(BELL)
        fake.breaks = {"poll": qj.CredentialError("expired")}
        await asyncio.sleep(100)
        fake.breaks = {}
        assert await job.cancel() is qj.CancelOutcome.CANCELLED


async def test_refused_credentials_at_first_use_raise_at_once() -> None:
    fake = FakeProvider(breaks={"connect": qj.CredentialError("no token")})
    loop = asyncio.get_running_loop()
    async with client_on(fake) as client:
        for _ in range(2):
            with pytest.raises(qj.CredentialError, match="no token"):
                await client.backend("fake/sim").run(BELL)
        assert loop.time() == 0
