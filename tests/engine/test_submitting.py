"""Submitting: the intent first, one request per `submitting(n)`, and never a silent second one."""

from __future__ import annotations

import asyncio
import logging

import pytest

import quantumjobs as qj
from quantumjobs.core.states import JobState
from quantumjobs.core.traits import Findable, Idempotent, Rerunnable, Unknown
from quantumjobs.errors import ProviderRejected, ProviderUnavailable
from quantumjobs.testing.fake import FakeProvider, Fault
from tests.engine.helpers import BELL, client_on, policy

S = JobState


async def test_run_returns_when_the_provider_has_accepted() -> None:
    fake = FakeProvider(queued=100, latency={"submit": 3.0})
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        assert job.state is S.QUEUED
        assert job.remote_id in fake.jobs
        assert job.remote_ids == (job.remote_id,)


async def test_until_recorded_returns_before_anything_is_sent() -> None:
    fake = FakeProvider(queued=100, latency={"submit": 3.0})
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL, until="recorded")
        assert job.state in (S.CREATED, S.SUBMITTING)
        assert fake.jobs == {}
        await job
        assert fake.most_made == 1


async def test_a_refused_connection_is_tried_again_and_taken_once() -> None:
    fake = FakeProvider(fail_submit=[Fault.NOT_SENT] * 3)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        await job
        assert fake.submits == 4
        assert fake.most_made == 1


async def test_run_gives_up_within_its_budget_and_withdraws() -> None:
    fake = FakeProvider(fail_submit=[Fault.NOT_SENT] * 1000)
    loop = asyncio.get_running_loop()
    async with client_on(fake, policies=policy(budget=30.0)) as client:
        start = loop.time()
        with pytest.raises(qj.ProviderUnavailable):
            await client.backend("fake/sim").run(BELL)
        assert loop.time() - start <= 31
        (job,) = await client.jobs()
        assert job.state is S.CANCELLED
        sent = fake.submits
        await asyncio.sleep(3600)
        assert fake.submits == sent


async def test_recorded_jobs_have_no_budget() -> None:
    fake = FakeProvider(fail_submit=[Fault.NOT_SENT] * 100)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL, until="recorded")
        assert (await job).counts
        assert fake.submits == 101


async def test_too_many_requests_is_waited_out_beyond_the_budget() -> None:
    busy = [ProviderUnavailable("429", sent=False, retry_after=40.0) for _ in range(3)]
    fake = FakeProvider(fail_submit=busy)
    loop = asyncio.get_running_loop()
    async with client_on(fake) as client:
        start = loop.time()
        await client.backend("fake/sim").run(BELL)
        assert loop.time() - start >= 120
        assert fake.submits == 4


async def test_a_rejected_job_raises_and_nothing_ran() -> None:
    fake = FakeProvider(fail_submit=[ProviderRejected("too many qubits")])
    async with client_on(fake) as client:
        with pytest.raises(qj.JobRejected, match="too many qubits") as caught:
            await client.backend("fake/sim").run(BELL)
        assert caught.value.job.state is S.REJECTED
        assert fake.jobs == {}


async def test_a_lost_reply_of_an_unknown_provider_is_never_sent_again() -> None:
    fake = FakeProvider(submit_class=Unknown(), fail_submit=[Fault.REPLY_LOST])
    async with client_on(fake) as client:
        with pytest.raises(qj.SubmissionUncertain) as caught:
            await client.backend("fake/sim").run(BELL)
        job = caught.value.job
        assert job.state is S.IN_DOUBT
        assert caught.value.attempts == 1
        await asyncio.sleep(86_400)
        assert fake.submits == 1
        (remote_id,) = fake.jobs
        await job.adopt(remote_id)
        assert (await job).counts
        assert fake.most_made == 1


async def test_resubmit_is_the_users_decision() -> None:
    fake = FakeProvider(submit_class=Unknown(), fail_submit=[Fault.REQUEST_LOST])
    async with client_on(fake) as client:
        with pytest.raises(qj.SubmissionUncertain) as caught:
            await client.backend("fake/sim").run(BELL)
        job = caught.value.job
        await job.resubmit()
        assert (await job).counts
        assert fake.submits == 2


async def test_abandon_ends_a_job_in_doubt_as_lost() -> None:
    fake = FakeProvider(submit_class=Unknown(), fail_submit=[Fault.REQUEST_LOST])
    async with client_on(fake) as client:
        with pytest.raises(qj.SubmissionUncertain) as caught:
            await client.backend("fake/sim").run(BELL)
        job = caught.value.job
        await job.abandon()
        with pytest.raises(qj.JobLost):
            await job
        with pytest.raises(qj.UsageError, match="not in doubt"):
            await job.abandon()


async def test_an_idempotent_provider_is_sent_the_same_again() -> None:
    fake = FakeProvider(submit_class=Idempotent(600), fail_submit=[Fault.REPLY_LOST, Fault.REQUEST_LOST])
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        await job
        assert fake.submits == 3
        assert fake.most_made == 1


async def test_beyond_its_window_an_idempotent_provider_is_not_trusted() -> None:
    fake = FakeProvider(submit_class=Idempotent(60), fail_submit=[Fault.REPLY_LOST] * 1000)
    async with client_on(fake) as client:
        with pytest.raises(qj.SubmissionUncertain):
            await client.backend("fake/sim").run(BELL)
        assert fake.submits > 1
        sent = fake.submits
        await asyncio.sleep(86_400)
        assert fake.submits == sent


async def test_a_refusal_of_the_second_request_proves_nothing_about_the_first() -> None:
    busy = ProviderUnavailable("429", sent=False)
    fake = FakeProvider(submit_class=Idempotent(600), queued=50, fail_submit=[Fault.REPLY_LOST, busy])
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        assert [line.after for line in job.story].count(S.CREATED) == 0
        assert fake.most_made == 1


async def test_a_findable_job_is_found_and_not_sent_again() -> None:
    fake = FakeProvider(submit_class=Findable(60), fail_submit=[Fault.REPLY_LOST], find_lag=20)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        await job
        assert fake.submits == 1
        assert fake.most_made == 1


async def test_a_findable_job_that_is_not_there_after_settling_is_sent_again() -> None:
    fake = FakeProvider(submit_class=Findable(60), fail_submit=[Fault.REQUEST_LOST])
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        await job
        assert fake.submits == 2
        assert fake.most_made == 1


async def test_cancelling_run_before_anything_left_withdraws_the_job() -> None:
    fake = FakeProvider(fail_submit=[Fault.NOT_SENT] * 1000)
    async with client_on(fake) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await client.backend("fake/sim").run(BELL)
        (job,) = await client.jobs()
        assert job.state is S.CANCELLED
        await asyncio.sleep(3600)
        assert fake.jobs == {}


async def test_cancelling_run_after_the_request_left_detaches_and_never_sends_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fake = FakeProvider(latency={"submit": 20.0}, running=5)
    async with client_on(fake) as client:
        with caplog.at_level(logging.WARNING, "quantumjobs"), pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await client.backend("fake/sim").run(BELL)
        (job,) = await client.jobs()
        assert job.id in caplog.text
        assert (await job).counts
        assert fake.submits == 1
        assert fake.cancels == 0


async def test_cancelling_run_of_a_local_simulation_ends_it_although_it_began(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fake = FakeProvider(submit_class=Rerunnable(3), latency={"submit": 20.0}, running=500, cancel="confirmed")
    async with client_on(fake) as client:
        with caplog.at_level(logging.WARNING, "quantumjobs"), pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await client.backend("fake/sim").run(BELL)
        assert not caplog.text
        (job,) = await client.jobs()
        with pytest.raises(qj.JobCancelled):
            await job
        assert (fake.submits, fake.cancels) == (1, 1)


async def test_limit_is_a_respectful_queue() -> None:
    fake = FakeProvider(running=10)
    async with client_on(fake) as client:
        backend = client.backend("fake/sim", limit=3)
        jobs = await asyncio.gather(*(backend.run(BELL, until="recorded") for _ in range(20)))
        assert sum(job.state is S.CREATED for job in jobs) >= 17
        await asyncio.gather(*jobs)
        assert fake.max_in_flight == 3


async def test_the_providers_own_limit_is_kept() -> None:
    fake = FakeProvider(running=10, in_flight=2)
    async with client_on(fake) as client:
        jobs = [await client.backend("fake/sim").run(BELL, until="recorded") for _ in range(6)]
        await asyncio.gather(*jobs)
        assert fake.max_in_flight == 2
        assert fake.over_limit == 0


async def test_the_lane_sends_no_more_at_a_time_than_its_concurrency() -> None:
    fake = FakeProvider(latency={"submit": 1.0})
    under_way = most = 0
    travel = fake.travel

    async def counted(operation: str) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await travel(operation)
        under_way -= 1

    fake.travel = counted  # type: ignore[method-assign]
    async with client_on(fake, policies=policy(concurrency=4)) as client:
        backend = client.backend("fake/sim")
        await asyncio.gather(*(backend.run(BELL) for _ in range(30)))
        assert most == 4


async def test_a_list_is_split_into_parts_whose_results_keep_their_order() -> None:
    fake = FakeProvider(part_size=3, running=lambda index: 30.0 - 10 * index)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run([BELL] * 8, shots=7)
        assert len(job.parts) == 3
        result = await job
        assert len(result) == 8
        assert job.progress == qj.Progress(8, 8)
        assert len(set(job.remote_ids)) == 3


async def test_one_failed_part_leaves_the_others_results_and_retry_keeps_them() -> None:
    fake = FakeProvider(part_size=2, outcome=lambda index: "failed" if index == 1 else "completed")
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run([BELL] * 6)
        with pytest.raises(qj.JobFailed) as caught:
            await job
        partial = caught.value.partial
        assert partial is not None
        assert [entry.error is None for entry in partial] == [True, True, False, False, True, True]
        again = await job.retry_failed()
        assert again.id != job.id
        assert len(await again) == 6
        assert fake.submits == 4
        with pytest.raises(qj.UsageError, match="nothing to retry"):
            await again.retry_failed()


async def test_an_unknown_option_names_near_ones_and_sends_nothing() -> None:
    fake = FakeProvider(options={"seed": int})
    async with client_on(fake) as client:
        with pytest.raises(qj.UsageError, match="seed"):
            await client.backend("fake/sim").run(BELL, sed=3)
        assert await client.jobs() == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"shots": 0}, "at least 1"),
        ({"shots": 1.5}, "whole number"),
        ({"shots": True}, "whole number"),
        ({"until": "done"}, "accepted"),
        ({"optimization_level": 4}, "0 to 3"),
        ({"tags": "mine"}, "list of tags"),
        ({"tags": [1]}, "texts"),
    ],
)
async def test_bad_arguments_are_refused_before_anything_is_recorded(wrong: dict[str, object], message: str) -> None:
    async with client_on(FakeProvider()) as client:
        with pytest.raises(qj.UsageError, match=message):
            await client.backend("fake/sim").run(BELL, **wrong)  # type: ignore[arg-type]
        assert await client.jobs() == []


async def test_a_rerunnable_job_in_doubt_runs_again() -> None:
    fake = FakeProvider(submit_class=Rerunnable(3), fail_submit=[Fault.REQUEST_LOST])
    async with client_on(fake) as client:
        assert (await (await client.backend("fake/sim").run(BELL))).counts
        assert fake.submits == 2


async def test_uploads_before_a_submit_may_fail_without_a_doubt() -> None:
    fake = FakeProvider(stages=True, script={"stage": [Fault.REPLY_LOST, Fault.REQUEST_LOST]})
    async with client_on(fake) as client:
        assert (await (await client.backend("fake/sim").run(BELL))).counts
        assert fake.calls["stage"] == 3
        assert fake.submits == 1


async def test_describing_waits_out_the_weather_and_is_done_once() -> None:
    fake = FakeProvider(script={"describe": [Fault.NOT_SENT, Fault.REPLY_LOST]})
    async with client_on(fake) as client:
        backend = client.backend("fake/sim")
        await asyncio.gather(*(backend.run(BELL) for _ in range(5)))
        assert fake.calls["describe"] == 3


async def test_recorded_and_offline_raises_and_records_nothing() -> None:
    fake = FakeProvider(script={"describe": [Fault.NOT_SENT] * 100})
    async with client_on(fake) as client:
        with pytest.raises(qj.ProviderUnavailable):
            await client.backend("fake/sim").run(BELL, until="recorded")
        assert fake.calls["describe"] == 1
        assert await client.jobs() == []


async def test_circuits_come_back_as_they_were_given() -> None:
    async with client_on(FakeProvider()) as client:
        job = await client.backend("fake/sim").run([BELL, BELL])
        assert list(await job.circuits()) == [BELL, BELL]
