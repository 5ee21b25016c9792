"""What QuantumJob can, the blocking job can too; docs/reference/parity-quantumjob.md names these tests."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

import quantumjobs as qj
from quantumjobs.blocking import HybridJob
from quantumjobs.core.states import CancelOutcome
from quantumjobs.core.states import JobState as S
from quantumjobs.testing.emulators import Fault
from quantumjobs.testing.emulators.braket_logs import LogSettings
from tests.interop.helpers import PATIENCE, bell
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
    RARELY,
    REFUSED,
    SAVED,
    UNCANCELLED,
    UNPACKED,
    as_sent,
    attached,
    checkpointed,
    client_of,
    emulator,
    left,
    names,
    nothing,
    out_of_memory,
    said,
    served,
)

pytestmark = pytest.mark.usefixtures("late_lines_soon")


def test_blocking_hybrid_job_has_its_arn_and_its_name_and_is_found_by_the_arn() -> None:
    with served(emulator()) as (url, _), client_of(url) as client, client_of(url) as stranger:
        job = client.hybrid_job(DEVICE, nothing, name="mine")
        assert isinstance(job, HybridJob)
        assert job.arn is not None
        assert (job.arn, job.name) == (job.remote_id, "mine")
        found = stranger.attach("braket", job.arn)
        assert isinstance(found, HybridJob)
        assert found.result(timeout=PATIENCE) == {"bits": "10"}
        assert (found.arn, found.name) == (job.arn, "mine")


def test_blocking_hybrid_state_is_as_last_seen_and_a_refresh_looks() -> None:
    made = emulator(queue=0.3)
    with served(made) as (url, _), client_of(url, policies=RARELY) as client:
        job = client.hybrid_job(DEVICE, nothing)
        assert (job.state, made.requests["GetJob"]) == (S.QUEUED, 0)
        job.refresh()
        assert (job.state, job.raw_status, made.requests["GetJob"]) == (S.QUEUED, "QUEUED", 1)
        while not job.refresh().done():
            time.sleep(0.05)
        assert job.raw_status == "COMPLETED"


def test_blocking_hybrid_logs_are_lines_of_every_instance_whole_and_in_order(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = emulator(logs=LogSettings(page=2, empty_every=2))
    with served(made, {**MADE_UP, "instances": 2, "rate": 20}) as (url, arns), client_of(url) as client:
        job = attached(client, arns[0])
        lines = list(job.logs(follow=True))
        for instance in (0, 1):
            assert [line.message for line in lines if line.index == instance] == LINES
        job.print_logs()
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(2 * LINES)


def test_blocking_hybrid_logs_that_are_not_followed_are_what_there_is_and_nothing_else_is_asked() -> None:
    made = emulator()
    with served(made, ENDLESS) as (url, arns), client_of(url, policies=RARELY) as client:
        job = attached(client, arns[0])
        job.refresh()
        looks = made.requests["GetJob"]
        assert [line.message for line in job.logs()] == ["algo-1 line 0"]
        assert made.requests["GetJob"] == looks


def test_blocking_hybrid_logs_are_coloured_by_instance_in_a_notebook(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with served(emulator(), {**MADE_UP, "instances": 2}) as (url, arns), client_of(url) as client:
        job = attached(client, arns[0])
        job.wait(timeout=PATIENCE)
        job.print_logs()
    printed = capsys.readouterr().out
    assert printed.count("\x1b[34mstarts\x1b[0m") == printed.count("\x1b[35mstarts\x1b[0m") == 1


def test_blocking_hybrid_metadata_is_the_services_own_cached_or_fresh() -> None:
    made = emulator()
    with served(made) as (url, _), client_of(url, policies=RARELY) as client:
        job = client.hybrid_job(DEVICE, nothing, hyperparameters={"n": 3})
        told = job.metadata()
        assert (told["jobArn"], told["status"], told["hyperParameters"]) == (job.arn, "COMPLETED", {"n": "3"})
        looks = made.requests["GetJob"]
        assert job.metadata(cached=True) == told
        assert made.requests["GetJob"] == looks
        assert job.metadata() == told
        assert made.requests["GetJob"] == looks + 1


def test_blocking_hybrid_metrics_are_columns_in_the_order_of_time_or_iteration() -> None:
    with served(emulator(), MADE_UP) as (url, arns), client_of(url) as client:
        job = attached(client, arns[0])
        job.wait(timeout=PATIENCE)
        assert job.metrics() == BY_TIME
        assert job.metrics("iteration_number", "min") == BY_ITERATION


def test_blocking_hybrid_metrics_have_no_limit_of_rows() -> None:
    with served(emulator(), MANY) as (url, arns), client_of(url) as client:
        job = attached(client, arns[0])
        job.wait(timeout=PATIENCE)
        assert job.metrics()["loss"] == [float(row) for row in range(len(MANY["lines"]))]


def test_blocking_hybrid_metrics_that_cannot_be_had_are_an_error_and_no_empty_table() -> None:
    with served(emulator(faults=NO_METRICS), MADE_UP) as (url, arns), client_of(url) as client:
        job = attached(client, arns[0])
        with pytest.raises(qj.ResultTimeout):
            job.metrics(timeout=0.2)
        with pytest.raises(qj.ProviderRejected, match="AccessDenied"):
            job.metrics()
        assert job.metrics() != {}


def test_blocking_hybrid_cancel_says_what_came_of_it() -> None:
    made = emulator()
    with served(made, ENDLESS) as (url, arns), client_of(url) as client:
        job = attached(client, arns[0])
        left(made, job.arn)
        assert job.cancel() in {CancelOutcome.CANCELLED, CancelOutcome.REQUESTED}
        while not job.refresh().done():
            time.sleep(0.02)
        with pytest.raises(qj.JobCancelled) as caught:
            job.result(timeout=PATIENCE)
        assert caught.value.partial == SAVED
        assert job.raw_status == "CANCELLED"


def test_blocking_hybrid_cancel_that_comes_too_late_says_so() -> None:
    with served(emulator()) as (url, _), client_of(url, policies=RARELY) as client:
        job = client.hybrid_job(DEVICE, nothing)
        assert job.state is S.QUEUED  # nobody has looked yet
        assert job.cancel() is CancelOutcome.TOO_LATE
        assert job.result(timeout=PATIENCE) == {"bits": "10"}


def test_blocking_hybrid_cancel_that_is_refused_or_not_answered_says_so() -> None:
    made = emulator(faults=UNCANCELLED)
    with served(made, ENDLESS) as (url, arns), client_of(url) as client:
        job = attached(client, arns[0])
        assert [job.cancel(), job.cancel()] == [CancelOutcome.REFUSED, CancelOutcome.UNKNOWN]
        while not job.refresh().done():
            time.sleep(0.02)
        assert (job.state, made.requests["CancelJob"]) == (S.CANCELLED, 3)


def test_blocking_hybrid_result_is_what_was_saved_however_often_it_is_asked_for() -> None:
    made = emulator()
    with served(made, MADE_UP) as (url, arns), client_of(url) as client:
        job = attached(client, arns[0])
        assert job.result(timeout=PATIENCE) == SAVED
        fetched = made.requests["fetch"]
        assert job.result() == SAVED
        assert made.requests["fetch"] == fetched


def test_blocking_hybrid_result_of_a_job_that_saved_nothing_is_empty() -> None:
    made = emulator()
    with served(made, MADE_UP) as (url, arns), client_of(url) as client:
        job = attached(client, arns[0])
        job.wait(timeout=PATIENCE)
        left(made, job.arn, {"notes.txt": b"none"})
        assert job.result(timeout=PATIENCE) == {}


def test_blocking_hybrid_failure_raises_with_its_reason_and_what_was_saved_before() -> None:
    made = emulator(faults=[out_of_memory()])
    with served(made) as (url, _), client_of(url) as client:
        job = client.hybrid_job(DEVICE, nothing)
        left(made, job.arn)
        with pytest.raises(qj.JobFailed, match="out of memory") as caught:
            job.result(timeout=PATIENCE)
        assert caught.value.partial == SAVED
        assert (job.state, job.raw_status) == (S.FAILED, "FAILED")
        with pytest.raises(qj.JobFailed, match="out of memory"):
            job.download_result(timeout=PATIENCE)


def test_blocking_hybrid_timeout_ends_the_wait_and_not_the_job(tmp_path: Path) -> None:
    with served(emulator(), ENDLESS) as (url, arns), client_of(url) as client:
        job = attached(client, arns[0])
        with pytest.raises(TimeoutError):
            job.result(timeout=0.1)
        with pytest.raises(qj.ResultTimeout):
            job.download_result(tmp_path, timeout=0.1)
        assert job.refresh().state is S.RUNNING
    assert names(tmp_path) == []


def test_blocking_hybrid_result_that_was_pickled_is_refused() -> None:
    made = emulator()
    with served(made, MADE_UP) as (url, arns), client_of(url) as client:
        job = attached(client, arns[0])
        job.wait(timeout=PATIENCE)
        left(made, job.arn, PICKLED)
        with pytest.raises(qj.ResultUnavailable, match="pickle"):
            job.result(timeout=PATIENCE)


def test_blocking_hybrid_files_are_unpacked_into_a_folder_of_the_jobs_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with served(emulator(), MADE_UP) as (url, arns), client_of(url) as client:
        job = attached(client, arns[0])
        folders: list[Path] = []
        threads = [
            threading.Thread(target=lambda to: folders.append(job.download_result(to)), args=(to,))
            for to in (None, "there")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert sorted(folders) == sorted([tmp_path / "made-up", Path("there/made-up")])
        with pytest.raises(qj.UsageError, match="is there already"):
            job.download_result()
    assert names(tmp_path) == UNPACKED


def test_blocking_hybrid_files_that_lead_elsewhere_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    made = emulator()
    with served(made, MADE_UP) as (url, arns), client_of(url) as client:
        job = attached(client, arns[0])
        job.wait(timeout=PATIENCE)
        left(made, job.arn, {"good.txt": b"x", "../escaped.txt": b"x"})
        (tmp_path / "in").mkdir()
        with pytest.raises(qj.ProviderProtocolError, match="leads out of the folder"):
            job.download_result(tmp_path / "in")
    assert names(tmp_path) == ["in"]


def test_blocking_hybrid_create_sends_all_that_was_asked_for(tmp_path: Path) -> None:
    made = emulator()
    with served(made) as (url, _), client_of(url) as client:
        before = client.hybrid_job(DEVICE, nothing)
        checkpointed(made)
        source, options = said(tmp_path, before.arn)
        job = client.hybrid_job(DEVICE, source, entry_point="algo.main:run", name="said", **options)
        assert job.result(timeout=PATIENCE) == {"bits": "10"}
    as_sent(made)


def test_blocking_hybrid_create_refuses_the_vendors_names_with_the_way() -> None:
    with client_of("http://127.0.0.1:1") as client:
        for name, way in REFUSED.items():
            with pytest.raises(qj.UsageError, match=way):
                client.hybrid_job(DEVICE, nothing, **{name: "x"})


def test_blocking_hybrid_create_takes_no_name_that_another_job_has() -> None:
    made = emulator()
    with served(made) as (url, _), client_of(url) as client:
        first = client.hybrid_job(DEVICE, nothing, name="taken")
        with pytest.raises(qj.JobRejected, match="already exists"):
            client.hybrid_job(DEVICE, nothing, name="taken")
    assert list(made.jobs) == [first.arn]


def test_blocking_hybrid_create_whose_answer_is_lost_is_one_job_and_so_is_a_step_that_is_repeated() -> None:
    made = emulator(faults=LOST)
    with served(made) as (url, _), client_of(url) as client:
        job = client.hybrid_job(DEVICE, nothing, key="step-1")
        assert client.hybrid_job(DEVICE, nothing, key="step-1").id == job.id
    assert list(made.jobs) == [job.arn]
    assert made.requests["CreateJob"] == 2


def test_blocking_hybrid_place_in_the_queue_is_the_services() -> None:
    with served(emulator(queue=30)) as (url, _), client_of(url) as client:
        client.hybrid_job(DEVICE, nothing)
        assert client.hybrid_job(DEVICE, nothing).refresh().queue_position == 1


def test_blocking_hybrid_tasks_are_the_jobs_that_the_program_submitted(monkeypatch: pytest.MonkeyPatch) -> None:
    made = emulator()
    with served(made, ENDLESS) as (url, arns), client_of(url) as client:
        monkeypatch.setenv("AMZN_BRAKET_JOB_TOKEN", made.hybrid.jobs[0].token)
        with client_of(url) as inside:
            circuits = [inside.backend(DEVICE).run(bell(), shots=5) for _ in range(2)]
        tasks = attached(client, arns[0]).tasks()
        assert [task.remote_id for task in tasks] == [task.remote_id for task in circuits]
        assert tasks[0].result(timeout=PATIENCE).counts == {"01": 5}


def test_blocking_hybrid_weather_ends_no_wait() -> None:
    made = emulator(queue=0.2, faults=[Fault("status", operation="GetJob", status=503, at=1, times=3)])
    with served(made) as (url, _), client_of(url) as client:
        assert client.hybrid_job(DEVICE, nothing).result(timeout=PATIENCE) == {"bits": "10"}
