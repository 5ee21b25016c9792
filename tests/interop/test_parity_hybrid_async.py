"""What QuantumJob can, the async job can too; docs/reference/parity-quantumjob.md names these tests."""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path

import pytest

import quantumjobs as qj
from quantumjobs.core.states import CancelOutcome
from quantumjobs.core.states import JobState as S
from quantumjobs.testing.emulators import Fault, serve
from quantumjobs.testing.emulators.braket_logs import LogSettings
from tests.adapters.braket import helpers
from tests.interop.helpers import bell
from tests.interop.hybrid import (
    BY_ITERATION,
    BY_TIME,
    DEVICE,
    ENDLESS,
    LINES,
    LOST,
    MADE_UP,
    MANY,
    NO_METRICS,
    PICKLED,
    QUOTAS,
    RARELY,
    REFUSED,
    SAVED,
    UNCANCELLED,
    UNPACKED,
    as_sent,
    checkpointed,
    emulator,
    left,
    names,
    nothing,
    out_of_memory,
    over,
    said,
)

pytestmark = [pytest.mark.real_time, pytest.mark.usefixtures("late_lines_soon")]
client_of = functools.partial(helpers.client_of, more=QUOTAS)


async def test_async_hybrid_job_has_its_arn_and_its_name_and_is_found_by_the_arn() -> None:
    async with serve(emulator()) as url, client_of(url) as client:
        job = await client.hybrid_job(DEVICE, nothing, name="mine")
        assert isinstance(job, qj.HybridJob)
        assert job.arn is not None
        assert (job.arn, job.name) == (job.remote_id, "mine")
        assert job.id not in job.arn
        async with client_of(url) as stranger:
            found = await stranger.attach("braket", job.arn)
            assert isinstance(found, qj.HybridJob)
            assert await found == {"bits": "10"}
            assert (found.arn, found.name) == (job.arn, "mine")


async def test_async_hybrid_state_is_as_last_seen_and_a_refresh_looks() -> None:
    made = emulator(queue=0.3)
    async with serve(made) as url, client_of(url, policies=RARELY) as client:
        job = await client.hybrid_job(DEVICE, nothing)
        assert (job.state, made.requests["GetJob"]) == (S.QUEUED, 0)
        await job.refresh()
        assert (job.state, job.raw_status, made.requests["GetJob"]) == (S.QUEUED, "QUEUED", 1)
        while not job.done():
            await asyncio.sleep(0.05)
            await job.refresh()
        looks = made.requests["GetJob"]
        assert (job.raw_status, (await job.refresh()).state) == ("COMPLETED", S.COMPLETED)
        assert made.requests["GetJob"] == looks


async def test_async_hybrid_logs_are_lines_of_every_instance_whole_and_in_order(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = emulator(logs=LogSettings(page=2, empty_every=2))
    async with serve(made) as url, client_of(url) as client:
        job = await client.attach("braket", made.hybrid.invent(**MADE_UP, instances=2, rate=20).id)
        lines = [line async for line in job.logs(follow=True)]
        for instance in (0, 1):
            assert [line.message for line in lines if line.index == instance] == LINES
        assert len({line.stream for line in lines}) == 2
        assert all(line.at is not None for line in lines)
        await job.print_logs()
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(2 * LINES)


async def test_async_hybrid_logs_that_are_not_followed_are_what_there_is_and_nothing_else_is_asked() -> None:
    made = emulator()
    async with serve(made) as url, client_of(url, policies=RARELY) as client:
        job = await client.attach("braket", made.hybrid.invent(**ENDLESS).id)
        await job.refresh()
        looks = made.requests["GetJob"]
        assert [line.message async for line in job.logs()] == ["algo-1 line 0"]
        assert made.requests["GetJob"] == looks


async def test_async_hybrid_logs_are_coloured_by_instance_in_a_notebook(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    made = emulator()
    async with serve(made) as url, client_of(url) as client:
        job = await client.attach("braket", made.hybrid.invent(**MADE_UP, instances=2).id)
        await job
        await job.print_logs()
    printed = capsys.readouterr().out
    assert printed.count("\x1b[34mstarts\x1b[0m") == printed.count("\x1b[35mstarts\x1b[0m") == 1


async def test_async_hybrid_metadata_is_the_services_own_cached_or_fresh() -> None:
    made = emulator()
    async with serve(made) as url, client_of(url, policies=RARELY) as client:
        job = await client.hybrid_job(DEVICE, nothing, hyperparameters={"n": 3})
        told = await job.metadata()
        assert (told["jobArn"], told["status"], told["hyperParameters"]) == (job.arn, "COMPLETED", {"n": "3"})
        looks = made.requests["GetJob"]
        assert await job.metadata(cached=True) is told
        assert made.requests["GetJob"] == looks
        assert await job.metadata() == told
        assert made.requests["GetJob"] == looks + 1


async def test_async_hybrid_metrics_are_columns_in_the_order_of_time_or_iteration() -> None:
    made = emulator()
    async with serve(made) as url, client_of(url) as client:
        job = await client.attach("braket", made.hybrid.invent(**MADE_UP).id)
        await job
        assert await job.metrics() == BY_TIME
        assert await job.metrics("iteration_number", "min") == BY_ITERATION
        with pytest.raises(qj.UsageError, match="timestamp"):
            await job.metrics("hour")


async def test_async_hybrid_metrics_have_no_limit_of_rows() -> None:
    made = emulator()
    async with serve(made) as url, client_of(url) as client:
        job = await client.attach("braket", made.hybrid.invent(**MANY).id)
        await job
        assert (await job.metrics())["loss"] == [float(row) for row in range(len(MANY["lines"]))]


async def test_async_hybrid_metrics_that_cannot_be_had_are_an_error_and_no_empty_table() -> None:
    made = emulator(faults=NO_METRICS)
    async with serve(made) as url, client_of(url) as client:
        job = await client.attach("braket", made.hybrid.invent(**MADE_UP).id)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(job.metrics(), 0.2)
        with pytest.raises(qj.ProviderRejected, match="AccessDenied"):
            await job.metrics()
        assert await job.metrics() != {}


async def test_async_hybrid_cancel_says_what_came_of_it() -> None:
    made = emulator()
    async with serve(made) as url, client_of(url) as client:
        arn = made.hybrid.invent(**ENDLESS).id
        job = await client.attach("braket", arn)
        left(made, arn)
        assert await job.cancel() in {CancelOutcome.CANCELLED, CancelOutcome.REQUESTED}
        await over(job)
        with pytest.raises(qj.JobCancelled):
            await job
        assert (job.state, job.raw_status) == (S.CANCELLED, "CANCELLED")
        assert await job.cancel() is CancelOutcome.CANCELLED


async def test_async_hybrid_cancel_that_comes_too_late_says_so() -> None:
    made = emulator()
    async with serve(made) as url, client_of(url, policies=RARELY) as client:
        job = await client.hybrid_job(DEVICE, nothing)
        assert job.state is S.QUEUED  # nobody has looked yet
        assert await job.cancel() is CancelOutcome.TOO_LATE
        assert await job == {"bits": "10"}


async def test_async_hybrid_cancel_that_is_refused_or_not_answered_says_so() -> None:
    made = emulator(faults=UNCANCELLED)
    async with serve(made) as url, client_of(url) as client:
        job = await client.attach("braket", made.hybrid.invent(**ENDLESS).id)
        assert [await job.cancel(), await job.cancel()] == [CancelOutcome.REFUSED, CancelOutcome.UNKNOWN]
        await over(job)
        assert (job.state, made.requests["CancelJob"]) == (S.CANCELLED, 3)


async def test_async_hybrid_result_is_what_was_saved_however_often_it_is_asked_for() -> None:
    made = emulator()
    async with serve(made) as url, client_of(url) as client:
        job = await client.attach("braket", made.hybrid.invent(**MADE_UP).id)
        assert (await job, await job.result()) == (SAVED, SAVED)
        fetched = made.requests["fetch"]
        assert await asyncio.gather(job, job) == [SAVED, SAVED]
        assert made.requests["fetch"] == fetched


async def test_async_hybrid_result_of_a_job_that_saved_nothing_is_empty() -> None:
    made = emulator()
    async with serve(made) as url, client_of(url) as client:
        arn = made.hybrid.invent(**MADE_UP).id
        job = await client.attach("braket", arn)
        await job.wait()
        left(made, arn, {"notes.txt": b"none"})
        assert await job == {}


async def test_async_hybrid_failure_raises_with_its_reason_and_what_was_saved_before() -> None:
    made = emulator(faults=[out_of_memory()])
    async with serve(made) as url, client_of(url) as client:
        job = await client.hybrid_job(DEVICE, nothing)
        left(made, job.arn)
        async for _ in job.logs(follow=True):
            pass
        with pytest.raises(qj.JobFailed, match="out of memory") as caught:
            await job
        assert caught.value.partial == SAVED
        assert (job.state, job.raw_status) == (S.FAILED, "FAILED")
        with pytest.raises(qj.JobFailed, match="out of memory"):
            await job.download_result()


async def test_async_hybrid_timeout_ends_the_wait_and_not_the_job(tmp_path: Path) -> None:
    made = emulator()
    async with serve(made) as url, client_of(url) as client:
        job = await client.attach("braket", made.hybrid.invent(**ENDLESS).id)
        for wait in (job.result(), job.download_result(tmp_path)):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(wait, 0.1)
        assert (await job.refresh()).state is S.RUNNING
    assert names(tmp_path) == []


async def test_async_hybrid_result_that_was_pickled_is_refused() -> None:
    made = emulator()
    async with serve(made) as url, client_of(url) as client:
        arn = made.hybrid.invent(**MADE_UP).id
        job = await client.attach("braket", arn)
        await job.wait()
        left(made, arn, PICKLED)
        with pytest.raises(qj.ResultUnavailable, match="pickle"):
            await job


async def test_async_hybrid_files_are_unpacked_into_a_folder_of_the_jobs_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = emulator()
    async with serve(made) as url, client_of(url) as client:
        job = await client.attach("braket", made.hybrid.invent(**MADE_UP).id)
        assert await job.download_result() == tmp_path / "made-up"
        assert await job.download_result("there") == Path("there/made-up")
        with pytest.raises(qj.UsageError, match="is there already"):
            await job.download_result()
    assert names(tmp_path) == UNPACKED


async def test_async_hybrid_files_that_lead_elsewhere_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    made = emulator()
    async with serve(made) as url, client_of(url) as client:
        arn = made.hybrid.invent(**MADE_UP).id
        job = await client.attach("braket", arn)
        await job.wait()
        left(made, arn, {"good.txt": b"x", "../escaped.txt": b"x"})
        (tmp_path / "in").mkdir()
        with pytest.raises(qj.ProviderProtocolError, match="leads out of the folder"):
            await job.download_result(tmp_path / "in")
    assert names(tmp_path) == ["in"]


async def test_async_hybrid_create_sends_all_that_was_asked_for(tmp_path: Path) -> None:
    made = emulator()
    async with serve(made) as url, client_of(url) as client:
        before = await client.hybrid_job(DEVICE, nothing)
        checkpointed(made)
        source, options = said(tmp_path, before.arn)
        job = await client.hybrid_job(DEVICE, source, entry_point="algo.main:run", name="said", **options)
        assert await job == {"bits": "10"}
    as_sent(made)


@pytest.mark.parametrize(("name", "way"), REFUSED.items())
async def test_async_hybrid_create_refuses_the_vendors_names_with_the_way(name: str, way: str) -> None:
    async with client_of("http://127.0.0.1:1") as client:
        with pytest.raises(qj.UsageError, match=way):
            await client.hybrid_job(DEVICE, nothing, **{name: "x"})


async def test_async_hybrid_create_takes_no_name_that_another_job_has() -> None:
    made = emulator()
    async with serve(made) as url, client_of(url) as client:
        first = await client.hybrid_job(DEVICE, nothing, name="taken")
        with pytest.raises(qj.JobRejected, match="already exists"):
            await client.hybrid_job(DEVICE, nothing, name="taken")
    assert list(made.jobs) == [first.arn]


async def test_async_hybrid_create_whose_answer_is_lost_is_one_job_and_so_is_a_step_that_is_repeated() -> None:
    made = emulator(faults=LOST)
    async with serve(made) as url, client_of(url) as client:
        job = await client.hybrid_job(DEVICE, nothing, key="step-1")
        again = await client.hybrid_job(DEVICE, nothing, key="step-1")
        assert (again.id, await again) == (job.id, {"bits": "10"})
    assert list(made.jobs) == [job.arn]
    assert made.requests["CreateJob"] == 2


async def test_async_hybrid_place_in_the_queue_is_the_services() -> None:
    async with serve(emulator(queue=30)) as url, client_of(url) as client:
        await client.hybrid_job(DEVICE, nothing)
        second = await client.hybrid_job(DEVICE, nothing)
        assert (await second.refresh()).queue_position == 1


async def test_async_hybrid_tasks_are_the_jobs_that_the_program_submitted(monkeypatch: pytest.MonkeyPatch) -> None:
    made = emulator()
    async with serve(made) as url, client_of(url) as client:
        inventions = [made.hybrid.invent(**ENDLESS), made.hybrid.invent(**{**ENDLESS, "name": "other"})]
        monkeypatch.setenv("AMZN_BRAKET_JOB_TOKEN", inventions[0].token)
        async with client_of(url) as inside:
            circuits = [await inside.backend(DEVICE).run(bell(), shots=5) for _ in range(3)]
        found = [await client.attach("braket", invention.id) for invention in inventions]
        mine, others = [await job.tasks() for job in found]
        assert [task.remote_id for task in mine] == [task.remote_id for task in circuits]
        assert others == []
        assert (await mine[0]).counts == {"01": 5}


async def test_async_hybrid_weather_ends_no_wait() -> None:
    made = emulator(queue=0.2, faults=[Fault("status", operation="GetJob", status=503, at=1, times=3)])
    async with serve(made) as url, client_of(url) as client:
        assert await (await client.hybrid_job(DEVICE, nothing)) == {"bits": "10"}
