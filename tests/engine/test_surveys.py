"""Surveys: a crowd of jobs is told of page by page, few jobs are not, and nobody's end is missed by that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, cast

import pytest
from tenacity import wait_fixed

import quantumjobs as qj
from quantumjobs.abc import Answer, Gone, LookCloser, Remote, Status, Surveyed, Unreadable
from quantumjobs.core.schedule import Pace
from quantumjobs.core.states import Fetch, JobState
from quantumjobs.core.surveys import HELD, LONG, REST
from quantumjobs.core.traffic import Rate
from quantumjobs.ledgers.memory import MemoryLedger
from quantumjobs.ledgers.sqlite import InlineLedger
from quantumjobs.testing.clock import VirtualLoop
from quantumjobs.testing.fake import FakeProvider, Fault
from tests.engine.helpers import BELL, Watched, client_on, policy, run_many
from tests.testing.test_fake_rules import FakeRules

S = JobState
RATES = {"survey": Rate(2.5, 25), "poll": Rate(50, 250)}
OUTAGE = qj.ProviderUnavailable("503", sent=False)
STEADY = Pace(first=1.0, at_least=10.0, at_most=10.0)
NEVER = 1e6


def surveyed(**settings: Any) -> Watched:
    return Watched(**{"running": NEVER, "survey_from": 50, "rates": RATES} | settings)


async def in_order(fake: FakeProvider, client: qj.Client, count: int) -> list[qj.Job]:
    """Jobs in the order in which the cloud knows them."""
    jobs = await run_many(client, count)
    return sorted(jobs, key=lambda job: fake.jobs[cast("str", job.remote_id)].index)


def requests(fake: Watched) -> list[float]:
    return sorted(fake.times.get("survey", []) + fake.times.get("poll", []))


def most_within(seconds: float, times: Sequence[float]) -> int:
    most, first = 0, 0
    for last, at in enumerate(times):
        while times[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def now() -> float:
    return asyncio.get_running_loop().time()


class TestPages(FakeRules):
    settings = {"survey_from": 3, "survey_page": 2}


class TestLaggingPagesAmongOthers(FakeRules):
    settings = {"survey_from": 3, "survey_page": 5, "survey_lag": 3.0, "survey_foreign": 7}


# --- how many requests ------------------------------------------------------------------------
async def test_a_thousand_jobs_are_followed_by_two_and_a_half_requests_a_second() -> None:
    fake = surveyed()
    async with client_on(fake) as client:
        await run_many(client, 1000)
        await asyncio.sleep(600)
        assert fake.polls == 0
        assert most_within(10, requests(fake)) <= 30  # three surveys of ten pages; five a second would be fifty
        starts = fake.times["survey"][::10]
        assert all(after - before >= 4.0 - 1e-6 for before, after in pairwise(starts))
        assert all(after - before <= 30 for before, after in pairwise(starts))  # the root of 600 s, and a survey


async def test_each_end_is_seen_within_a_spacing_and_a_survey() -> None:
    fake = surveyed(running=lambda index: 60 + 0.54 * index)
    delays: list[float] = []

    async def follow(job: qj.Job, ends: float) -> None:
        assert (await job).counts
        delays.append(now() - ends)

    async with client_on(fake) as client:
        jobs = await in_order(fake, client, 1000)
        await asyncio.gather(*(follow(job, 60 + 0.54 * index) for index, job in enumerate(jobs)))
        assert max(delays) <= 24.5 + 2.0 + 4.0  # the root of 600 s, its share of a wake-up, and a survey
        assert fake.polls <= 1300  # a look for each end, and those when few of the window were left
        assert fake.calls["survey"] <= 600 * 2.5


async def test_few_jobs_are_looked_at_as_if_there_were_no_surveys() -> None:
    async def looks(**settings: Any) -> list[float]:
        fake = surveyed(running=100, **settings)
        async with client_on(fake) as client:
            start = now()
            await asyncio.gather(*await run_many(client, 49))
        assert fake.calls["survey"] == 0
        return [at - start for at in fake.times["poll"]]

    assert await looks() == pytest.approx(await looks(survey_from=None))


async def test_the_job_that_makes_a_crowd_begins_the_surveys_and_the_one_that_leaves_it_ends_them() -> None:
    fake = surveyed(running=lambda index: 300.0 if index == 49 else NEVER)
    async with client_on(fake, policies=policy(pace=STEADY)) as client:
        await run_many(client, 49)
        await asyncio.sleep(100)
        assert fake.calls["survey"] == 0
        polls, start = fake.polls, now()
        await run_many(client, 1)
        await asyncio.sleep(290)
        assert fake.polls == polls
        assert 28 <= fake.calls["survey"] <= 31
        await asyncio.sleep(30)
        surveys, polls = fake.calls["survey"], fake.polls
        await asyncio.sleep(100)
        assert fake.calls["survey"] == surveys
        assert fake.polls - polls == pytest.approx(490, abs=49)
        assert most_within(5, [at for at in fake.times["poll"] if at > start + 300]) <= 60


async def test_jobs_that_join_wait_for_the_next_survey_and_hurry_none() -> None:
    fake = surveyed()
    async with client_on(fake, policies=policy(rates=RATES)) as client:
        await run_many(client, 1000)
        await asyncio.sleep(1000)
        start = now()
        for _ in range(100):
            await client.backend("fake/sim").run(BELL)
            await asyncio.sleep(1.0)
        assert fake.between("poll", start) == 0
        assert most_within(10, [at for at in requests(fake) if at >= start]) <= 3 * 13
        assert fake.between("survey", start) >= 100 * 2.0  # and the young ones are not forgotten


async def test_where_no_rate_is_known_the_paces_rate_bounds_surveys() -> None:
    fake = surveyed(rates={}, survey_page=2)
    async with client_on(fake, policies=policy(pace=Pace(rate=10.0, at_most=0.5))) as client:
        await run_many(client, 400)
        await asyncio.sleep(300)
        assert fake.polls == 0
        assert 150 <= fake.calls["survey"] <= 300 * 10 + 200
        starts = fake.times["survey"][::200]
        assert all(after - before >= 20.0 - 1e-6 for before, after in pairwise(starts))


async def test_pages_take_their_places_in_the_traffic() -> None:
    fake = surveyed(rates={"survey": Rate(1.0, 1)}, survey_page=10)
    async with client_on(fake) as client:
        await run_many(client, 200)
        await asyncio.sleep(200)
        assert all(after - before >= 1.0 - 1e-6 for before, after in pairwise(fake.times["survey"]))
        assert fake.calls["survey"] >= 195
        assert fake.polls == 0


async def test_a_rate_of_nothing_switches_surveys_off() -> None:
    fake = surveyed(running=100)
    async with client_on(fake, policies=policy(rates={"survey": Rate(0.0)})) as client:
        await asyncio.gather(*await run_many(client, 100))
        assert fake.calls["survey"] == 0


# --- what a survey says -----------------------------------------------------------------------
async def test_states_come_from_surveys_and_results_from_where_they_always_do() -> None:
    fake = surveyed(queued=100, running=100, fetch=Fetch.EAGER)
    done = Status(state=S.COMPLETED, raw_status="done", hint=True)
    told(fake, lambda answer, job: done if job.ends <= fake.wall() else answer)
    async with client_on(fake) as client:
        jobs = await run_many(client, 60)
        await asyncio.sleep(130)
        assert {job.state for job in jobs} == {S.RUNNING}
        assert all(result.counts for result in await asyncio.gather(*jobs))
        assert fake.polls == 0
        assert fake.calls["fetch"] == 60


async def test_a_failure_is_looked_at_and_has_its_reason() -> None:
    fake = surveyed(running=lambda index: 30.0 if index < 3 else NEVER, outcome="failed")
    async with client_on(fake) as client:
        jobs = await in_order(fake, client, 100)
        for job in jobs[:3]:
            with pytest.raises(qj.JobFailed, match="as told"):
                await job
        assert now() <= 40
        assert fake.polls == 3


async def test_a_lagging_index_moves_nothing_back() -> None:
    fake = surveyed(queued=20, survey_lag=40.0)
    async with client_on(fake) as client:
        jobs = await run_many(client, 60)
        await asyncio.sleep(25)
        await jobs[0].refresh()
        assert jobs[0].state is S.RUNNING
        await asyncio.sleep(30)  # told of as they were before they ran
        assert fake.calls["survey"] >= 5
        assert jobs[0].state is S.RUNNING
        assert [line.after for line in jobs[0].story].count(S.RUNNING) == 1


async def test_jobs_that_an_index_lags_behind_are_looked_at_no_more_often_than_without_it() -> None:
    fake = surveyed(survey_lag=1e5)
    async with client_on(fake, policies=policy(rates=RATES)) as client:
        await run_many(client, 1000)
        await asyncio.sleep(300)
        assert fake.polls <= 15_000  # a look each in 20 s, which is what their lane allows all of them
        assert fake.polls >= 8_000
        assert most_within(10, fake.times["poll"]) <= 550  # nor all at once


async def test_a_job_that_is_not_in_the_index_yet_waits_for_it_if_it_comes_in_time() -> None:
    fake = surveyed(survey_lag=10.0)
    async with client_on(fake) as client:
        await run_many(client, 1000)
        await asyncio.sleep(300)
        assert fake.polls == 0


async def test_a_job_that_surveys_never_mention_is_followed_by_looks() -> None:
    fake = surveyed(running=lambda index: 100.0 if index == 7 else NEVER)
    told(fake, lambda answer, job: None if job.index == 7 else answer)
    async with client_on(fake) as client:
        jobs = await in_order(fake, client, 100)
        assert (await jobs[7]).counts
        assert now() <= 100 + 10 + 5
        assert fake.polls == pytest.approx(30, abs=15)


@pytest.mark.parametrize(
    "answer", [Gone("not in the index"), Unreadable("?"), Status(state=None, raw_status="levitating")]
)
async def test_what_a_survey_cannot_prove_is_looked_at_and_at_the_usual_distance(answer: Answer) -> None:
    fake = surveyed()
    told(fake, lambda said, job: answer if job.index == 7 else said)
    async with client_on(fake) as client:
        jobs = await in_order(fake, client, 100)
        await asyncio.sleep(1500)
        assert jobs[7].state is S.RUNNING
        assert jobs[7].raw_status == "working"
        assert 40 <= fake.polls <= 100  # a tenth of its age at first, then the root of it


async def test_foreign_jobs_in_the_window_cost_pages_while_ours_are_worth_them() -> None:
    fake = surveyed(survey_foreign=2000)
    async with client_on(fake) as client:
        await run_many(client, 1000)
        await asyncio.sleep(300)
        assert fake.polls == 0
        assert fake.calls["survey"] % 30 == 0
        assert all(after - before >= 12.0 - 1e-6 for before, after in pairwise(fake.times["survey"][::30]))


async def test_too_many_foreign_jobs_and_each_of_ours_is_looked_at_for_a_while() -> None:
    fake = surveyed(survey_foreign=20_000)
    async with client_on(fake, policies=policy(pace=STEADY)) as client:
        await run_many(client, 60)
        await asyncio.sleep(3600)
        assert fake.calls["survey"] <= 3 * 10  # three pages a try, at longer and longer intervals
        assert fake.calls["survey"] >= 3 * 5
        assert fake.polls >= 0.9 * 60 * 360
        assert most_within(10, fake.times["poll"]) <= 2 * 60
        fake.survey_foreign = 0
        await asyncio.sleep(LONG + 20)
        polls = fake.polls
        await asyncio.sleep(600)
        assert fake.polls == polls


async def test_pages_after_all_were_told_of_are_not_asked_for() -> None:
    fake = surveyed(survey_page=30)
    told(fake, after=lambda after: after or "another search;0")  # which is refused
    async with client_on(fake) as client:
        jobs = await run_many(client, 60)
        await asyncio.sleep(50)
        assert fake.calls["survey"] >= 10
        assert fake.calls["survey"] % 2 == 0
        assert fake.polls == 0
        assert {job.state for job in jobs} == {S.RUNNING}


# --- weather ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "weather",
    [OUTAGE, Fault.REPLY_LOST, qj.ProviderUnavailable("429", retry_after=8.0), qj.ProviderProtocolError("garbage")],
    ids=["503", "lost", "429", "garbage"],
)
async def test_a_survey_that_failed_is_tried_again_and_ends_no_wait(weather: Any) -> None:
    fake = surveyed(running=60, script={"survey": [weather, weather]})
    async with client_on(fake, policies=policy(wait=wait_fixed(2.0))) as client:
        jobs = await run_many(client, 60)
        await asyncio.sleep(30)
        assert fake.polls == 0
        first, second, third = fake.times["survey"][:3]
        assert second - first >= (8.0 if getattr(weather, "retry_after", None) else 2.0)
        assert third - second >= 2.0
        assert all(result.counts for result in await asyncio.gather(*jobs))
        assert now() <= 75


async def test_jobs_whose_surveys_keep_failing_are_looked_at() -> None:
    fake = surveyed(running=lambda index: 200.0 if index else NEVER)
    async with client_on(fake, policies=policy(wait=wait_fixed(2.0))) as client:
        jobs = await in_order(fake, client, 61)
        fake.breaks["survey"] = OUTAGE
        await asyncio.gather(*jobs[1:])
        assert now() <= 225
        assert fake.calls["survey"] == 3 + 200 // REST
        fake.breaks = {}


async def test_refused_surveys_are_not_asked_for_again_soon() -> None:
    fake = surveyed(running=1000)
    async with client_on(fake) as client:
        jobs = await run_many(client, 60)
        fake.breaks["survey"] = qj.ProviderRejected("AccessDenied")
        await asyncio.gather(*jobs)
        assert now() <= 1040
        assert fake.calls["survey"] == 2  # at once, and after ten minutes


async def test_jobs_come_back_from_surveys_at_the_paces_rate() -> None:
    fake = surveyed(rates={"survey": Rate(2.5, 25)}, script={"survey": [qj.ProviderRejected("AccessDenied")]})
    async with client_on(fake, policies=policy(pace=STEADY)) as client:
        await run_many(client, 500)
        await asyncio.sleep(10)
        assert fake.polls == pytest.approx(50 * 9, abs=10)
        assert most_within(1.0, fake.times["poll"]) <= 51


async def test_a_long_silence_for_surveys_is_none_for_looks() -> None:
    fake = surveyed(running=60, script={"survey": [None, qj.ProviderUnavailable("429", retry_after=3000.0)]})
    async with client_on(fake) as client:
        await asyncio.gather(*await run_many(client, 60))
        assert now() <= 75
        assert fake.calls["survey"] == 2


async def test_a_silence_in_the_midst_of_a_survey_is_none_for_looks() -> None:
    """Another list's request was told to wait; this list's survey has pages to come."""
    fake = surveyed(running=100, survey_page=10, rates={"survey": Rate(0.5, 1)})
    async with client_on(fake) as client:
        jobs = await run_many(client, 60)
        await asyncio.sleep(5)
        assert fake.calls["survey"] == 3  # of six
        held(client, "survey", 3000.0)
        await asyncio.gather(*jobs)
        assert now() <= 100 + 15 + HELD
        assert fake.calls["survey"] == 3


async def test_a_silence_for_looks_is_none_for_surveys() -> None:
    fake = surveyed(queued=50)
    async with client_on(fake) as client:
        jobs = await run_many(client, 60)
        held(client, "poll", 3000.0)
        await asyncio.sleep(70)
        assert {job.state for job in jobs} == {S.RUNNING}
        assert fake.polls == 0


async def test_refused_credentials_are_tried_once_a_pause_and_then_all_go_on() -> None:
    fake = surveyed(running=100)
    async with client_on(fake, policies=policy(credential_pause=30.0)) as client:
        jobs = await run_many(client, 1000)
        waiting = [asyncio.ensure_future(job.result()) for job in jobs]
        fake.breaks |= {name: qj.CredentialError("expired") for name in ("poll", "survey")}
        await asyncio.sleep(3600)
        assert len(requests(fake)) <= 3600 / 30 + 2
        assert all(isinstance(job.error, qj.CredentialError) for job in jobs)
        assert not any(waiter.done() for waiter in waiting)
        fake.breaks = {}
        assert all(result.counts for result in await asyncio.gather(*waiting))
        assert now() <= 3600 + 30 + 60
        assert all(job.error is None for job in jobs)


async def test_a_bug_in_a_survey_ends_the_lane_until_a_refresh(caplog: pytest.LogCaptureFixture) -> None:
    fake = surveyed(running=50)
    async with client_on(fake) as client:
        jobs = await run_many(client, 100)
        fake.breaks["survey"] = KeyError("oops")
        for job in jobs:
            with pytest.raises(qj.AdapterError, match="oops"):
                await job
        assert "oops" in caplog.text
        assert len(requests(fake)) == 1
        fake.breaks = {}
        await asyncio.sleep(10)
        await jobs[0].refresh()
        polls = fake.polls
        await asyncio.sleep(20)
        assert fake.polls == polls  # they are surveyed again, all of them
        assert all(result.counts for result in await asyncio.gather(*jobs))


async def test_a_survey_of_the_wrong_shape_is_the_adapters_own_fault_and_looks_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fake = surveyed(running=50)
    changed(fake, lambda page: cast("Any", dict(page.answers)))
    async with client_on(fake) as client:
        assert all(result.counts for result in await asyncio.gather(*await run_many(client, 60)))
        assert "went wrong" in caplog.text
        assert fake.calls["survey"] == 1


# --- what else happens to a job meanwhile -----------------------------------------------------
SLOW = {"survey": 20.0}
"""A survey's page that takes so long."""


async def test_surveys_come_one_after_the_other_and_looks_not_beside_them() -> None:
    class Counting(Watched):
        surveys = most = 0

        async def begin(self, operation: str) -> Fault | None:
            self.surveys += operation == "survey"
            self.most = max(self.most, self.surveys)
            return await super().begin(operation)

        async def finish(self, operation: str, fault: Fault | None) -> None:
            await super().finish(operation, fault)
            self.surveys -= operation == "survey"

    fake = Counting(running=NEVER, survey_from=50, rates=RATES, latency=SLOW)
    async with client_on(fake) as client:
        await run_many(client, 300)
        for _ in range(20):
            await asyncio.sleep(15)
            await run_many(client, 10)
        assert fake.most == 1
        assert fake.polls == 0


async def test_a_cancel_does_not_wait_for_a_survey_and_what_it_brought_stays() -> None:
    fake = surveyed(latency=SLOW, cancel="accepted", cancelling=0.4)
    async with client_on(fake) as client:
        jobs = await run_many(client, 100)
        await asyncio.sleep(15)  # the page is answered, and on its way: "working"
        start = now()
        assert await jobs[3].cancel() is qj.CancelOutcome.REQUESTED
        assert now() == start
        with pytest.raises(qj.JobCancelled):
            await jobs[3]
        assert now() <= start + 1.0  # one look, of its own
        assert fake.calls["survey"] == 1
        await asyncio.sleep(30)
        assert jobs[3].state is S.CANCELLED
        assert fake.polls == 1


async def test_a_survey_passes_over_jobs_whose_own_answer_is_on_its_way() -> None:
    fake = surveyed(queued=10, latency={"survey": 4.0, "poll": 30.0})
    async with client_on(fake, policies=policy(pace=STEADY)) as client:
        jobs = await run_many(client, 100)
        await asyncio.sleep(16)
        assert fake.calls["survey"] == 2  # the second is under way
        refreshing = asyncio.create_task(jobs[3].refresh())
        await asyncio.sleep(4)
        assert [job.state for job in jobs].count(S.RUNNING) == 99
        assert jobs[3].state is S.QUEUED
        await asyncio.sleep(20)
        assert jobs[3].state is S.QUEUED  # nor does the next one ask about it
        await refreshing
        assert jobs[3].state is S.RUNNING
        assert fake.polls == 1


async def test_a_refresh_during_a_survey_is_the_fresher_word() -> None:
    fake = surveyed(running=lambda index: 14.0 if index == 3 else NEVER, latency=SLOW)
    async with client_on(fake) as client:
        jobs = await in_order(fake, client, 100)
        await asyncio.sleep(15)
        await jobs[3].refresh()
        assert jobs[3].done()
        await asyncio.sleep(10)
        assert fake.calls["survey"] >= 1
        assert jobs[3].state is S.COMPLETED
        assert fake.polls == 1


async def test_a_job_that_was_refreshed_during_a_survey_is_not_missed_by_it() -> None:
    fake = surveyed(latency=SLOW)
    told(fake, lambda answer, job: None if job.index == 7 else answer)
    async with client_on(fake) as client:
        jobs = await in_order(fake, client, 100)
        await asyncio.sleep(30)
        assert fake.polls == 1  # left out of the first survey
        await jobs[7].refresh()
        await asyncio.sleep(12)
        assert fake.calls["survey"] == 3  # the second has ended
        assert fake.polls == 2


async def test_jobs_that_are_looked_at_just_now_count_for_the_crowd() -> None:
    fake = surveyed(latency={"poll": 15.0})
    told(fake, lambda answer, job: LookCloser() if job.index < 20 else answer)
    looked = asked_of(fake)
    async with client_on(fake, policies=policy(pace=STEADY)) as client:
        await run_many(client, 60)
        await asyncio.sleep(300)
        assert looked == {f"remote-{index}" for index in range(20)}


async def test_jobs_that_end_by_another_way_during_a_survey_are_left_alone() -> None:
    fake = surveyed(running=lambda index: 12.0 if index < 30 else NEVER, latency=SLOW, pushes=True)
    async with client_on(fake) as client:
        jobs = await in_order(fake, client, 60)
        assert all(result.counts for result in await asyncio.gather(*jobs[:30]))
        assert now() == pytest.approx(12.0)
        await asyncio.sleep(60)
        assert {job.state for job in jobs[30:]} == {S.RUNNING}
        assert fake.polls <= 30 * 30  # fewer than fifty are left


async def test_a_job_that_another_client_took_over_during_a_survey_is_not_asked_about_again() -> None:
    fake = surveyed(queued=5, latency=SLOW)
    async with client_on(fake) as client:
        jobs = await in_order(fake, client, 60)
        engine = client._engine
        assert engine is not None
        await asyncio.sleep(5)
        engine.sharing._let_go(jobs[3]._parts[0])
        await asyncio.sleep(200)
        assert fake.polls == 0
        assert jobs[4].state is S.RUNNING
        assert jobs[3].state is S.QUEUED  # what it is now, its owner says


async def test_a_job_that_another_client_took_over_during_a_look_is_not_looked_at_again() -> None:
    fake = surveyed(latency={"poll": 10.0})
    async with client_on(fake) as client:
        (job,) = await run_many(client, 1)
        await asyncio.sleep(5)
        assert client._engine is not None
        client._engine.sharing._let_go(job._parts[0])
        await asyncio.sleep(200)
        assert fake.polls == 1


async def test_a_survey_that_hangs_keeps_nobody_for_ever() -> None:
    fake = surveyed(running=100, script={"survey": [Fault.HANG]})
    async with client_on(fake) as client:
        assert all(result.counts for result in await asyncio.gather(*await run_many(client, 60)))
        assert now() <= 130


async def test_jobs_that_are_all_cancelled_at_once_are_not_lost_to_surveys() -> None:
    fake = surveyed(running=100, latency={"cancel": 3.0}, cancel="refused")
    async with client_on(fake, policies=policy(concurrency=100)) as client:
        jobs = await run_many(client, 60)
        outcomes = await asyncio.gather(*(job.cancel() for job in jobs))
        assert set(outcomes) == {qj.CancelOutcome.REFUSED}
        assert all(result.counts for result in await asyncio.gather(*jobs))
        assert now() <= 130


async def test_a_client_that_leaves_during_a_survey_leaves_nothing_behind() -> None:
    fake = surveyed(latency=SLOW)
    client = client_on(fake)
    await run_many(client, 100)
    await asyncio.sleep(15)
    start = now()
    await client.aclose()
    assert now() == start
    assert fake.calls["survey"] == 1
    await asyncio.sleep(100)
    assert fake.calls["survey"] == 1
    assert fake.polls == 0


async def test_a_client_that_leaves_between_two_pages_leaves_nothing_behind() -> None:
    fake = surveyed(survey_page=10, rates={"survey": Rate(0.1, 1)})
    client = client_on(fake)
    await run_many(client, 100)
    await asyncio.sleep(5)
    await client.aclose()
    await asyncio.sleep(100)
    assert fake.calls["survey"] == 1


@pytest.mark.parametrize("latency", [0.0, 0.3])
async def test_jobs_that_are_found_again_are_surveyed_from_the_start(tmp_path: Any, latency: float) -> None:
    fake = surveyed(running=500, latency=latency)
    async with qj.Client(ledger=InlineLedger(tmp_path / "ledger"), providers={"fake": fake}) as client:
        await run_many(client, 100)
    fake.times.clear()
    async with qj.Client(ledger=InlineLedger(tmp_path / "ledger"), providers={"fake": fake}) as client:
        jobs = await client.jobs()
        await asyncio.sleep(100)
        assert fake.between("poll", 0) == 0
        assert fake.between("survey", 0) >= 10
        assert all([(await job).counts for job in jobs])


async def test_two_clients_on_one_ledger_survey_what_is_theirs() -> None:
    fake, ledger = surveyed(), MemoryLedger()
    async with client_on(fake, ledger=ledger) as client:
        await run_many(client, 60)
        async with client_on(fake, ledger=MemoryLedger()) as other:
            await run_many(other, 60)
            await asyncio.sleep(60)
            assert fake.polls == 0


async def test_after_a_suspend_one_survey_tells_of_all() -> None:
    fake = surveyed(running=20_000, pools=True)
    loop = cast("VirtualLoop", asyncio.get_running_loop())
    async with client_on(fake, policies=policy(pace=Pace(first=1.0, at_least=200.0, at_most=200.0))) as client:
        jobs = await run_many(client, 500)
        await asyncio.sleep(50)
        surveys = fake.calls["survey"]
        assert surveys == 5
        loop.suspend(28_800)
        await asyncio.sleep(25)
        assert fake.calls["drop_connections"] == 1
        assert fake.calls["survey"] == surveys + 5
        assert all([(await job).counts for job in jobs])


async def test_many_news_of_one_page_are_kept_together() -> None:
    class SlowLedger(MemoryLedger):
        immediate = False

        async def commit(self, *args: Any, **kwargs: Any) -> None:
            await asyncio.sleep(0.1)
            await super().commit(*args, **kwargs)

    fake = surveyed(queued=30)
    async with client_on(fake, ledger=SlowLedger()) as client:
        jobs = await run_many(client, 100)
        await asyncio.sleep(40)
        assert {job.state for job in jobs} == {S.RUNNING}
        moved = {line.at for job in jobs for line in job.story if line.after is S.RUNNING}
        assert max(moved) - min(moved) <= 1.0


# --- helpers ----------------------------------------------------------------------------------
def changed(fake: FakeProvider, page_of: Callable[[Surveyed], Surveyed]) -> None:
    """Its adapters give other pages."""
    given: Any = fake._adapter_class

    class Changed(given):  # type: ignore[misc]  # made at run time
        async def survey(self, jobs: Sequence[Remote], after: str = "") -> Surveyed:
            return page_of(await super().survey(jobs, after))

    fake._adapter_class = Changed


def asked_of(fake: FakeProvider) -> set[str]:
    """Remote ids, as they are looked at one by one."""
    given: Any = fake._adapter_class
    ids: set[str] = set()

    class Asked(given):  # type: ignore[misc]  # made at run time
        async def poll(self, jobs: Sequence[Remote]) -> Mapping[str, Answer]:
            ids.update(job.id for job in jobs)
            answers: Mapping[str, Answer] = await super().poll(jobs)
            return answers

    fake._adapter_class = Asked
    return ids


def told(
    fake: FakeProvider,
    answer_of: Callable[[Answer, Any], Answer | None] = lambda answer, _: answer,
    *,
    after: Callable[[str], str] = lambda after: after,
) -> None:
    """Its surveys give other answers, None for none at all."""

    def page_of(page: Surveyed) -> Surveyed:
        answers = {name: answer_of(said, fake.jobs[name]) for name, said in page.answers.items()}
        return Surveyed({name: said for name, said in answers.items() if said is not None}, after(page.after))

    changed(fake, page_of)


def held(client: qj.Client, operation: str, seconds: float) -> None:
    """The provider has asked for patience."""
    assert client._engine is not None
    (lane,) = client._engine.lanes
    lane.traffic.quiet = False
    lane.traffic._channel(operation).hold(now() + seconds)
