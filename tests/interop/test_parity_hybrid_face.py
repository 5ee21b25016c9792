"""A job of ours with QuantumJob's own names, parameters and defaults; docs/reference/parity-quantumjob.md names these tests."""

from __future__ import annotations

import enum
import inspect
import time
from pathlib import Path
from typing import Any

import pytest

import quantumjobs as qj
from quantumjobs.blocking import Client, Job
from quantumjobs.interop.braket import MetricStatistic, MetricType, QuantumJob
from quantumjobs.testing.emulators import Fault
from quantumjobs.testing.emulators.braket_logs import LogSettings
from tests.interop import hybrid
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
    RARELY,
    REFUSED,
    SAVED,
    UNCANCELLED,
    UNPACKED,
    as_sent,
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


def face(client: Client, arn: str) -> QuantumJob:
    return QuantumJob(hybrid.attached(client, arn))


def test_quantumjob_has_the_documented_parameters_and_defaults() -> None:
    assert (QuantumJob.DEFAULT_RESULTS_POLL_TIMEOUT, QuantumJob.DEFAULT_RESULTS_POLL_INTERVAL) == (864000, 5)
    documented: dict[str, dict[str, Any]] = {
        "cancel": {},
        "download_result": {"extract_to": None, "poll_timeout_seconds": 864000, "poll_interval_seconds": 5},
        "logs": {"wait": False, "poll_interval_seconds": 5},
        "metadata": {"use_cached_value": False},
        "metrics": {"metric_type": MetricType.TIMESTAMP, "statistic": MetricStatistic.MAX},
        "result": {"poll_timeout_seconds": 864000, "poll_interval_seconds": 5},
        "state": {"use_cached_value": False},
    }
    found = {}
    for name in documented:
        (_, *parameters) = inspect.signature(getattr(QuantumJob, name)).parameters.values()
        found[name] = {parameter.name: parameter.default for parameter in parameters}
    assert found == documented
    assert isinstance(QuantumJob.arn, property)
    assert isinstance(QuantumJob.name, property)


@pytest.mark.parametrize("seconds", ["5", None, True, -1, float("nan")])
def test_quantumjob_takes_no_seconds_that_are_none(seconds: Any) -> None:
    with served(emulator()) as (url, _), client_of(url) as client:
        job = QuantumJob(client.hybrid_job(DEVICE, nothing))
        for call in (job.result, job.download_result):
            with pytest.raises(qj.UsageError, match="poll_timeout_seconds=.*seconds are needed"):
                call(poll_timeout_seconds=seconds)
        with pytest.raises(qj.UsageError, match="poll_interval_seconds=.*seconds are needed"):
            job.logs(poll_interval_seconds=seconds)


def test_quantumjob_is_made_of_a_hybrid_job_alone() -> None:
    with served(emulator()) as (url, _), client_of(url) as client:
        circuits: Any = client.backend(DEVICE).run(bell(), shots=5)
        with pytest.raises(qj.UsageError, match=r"not a quantumjobs\.blocking\.job\.Job"):
            QuantumJob(circuits)


def test_quantumjob_has_its_arn_and_its_name_and_is_found_by_the_arn() -> None:
    with served(emulator()) as (url, _), client_of(url) as client, client_of(url) as stranger:
        job = QuantumJob(client.hybrid_job(DEVICE, nothing, name="mine"))
        assert (job.arn, job.name) == (job.job.remote_id, "mine")
        found = face(stranger, job.arn)
        assert found.result() == {"bits": "10"}
        assert (found.arn, found.name) == (job.arn, "mine")
        assert repr(found) == f"<QuantumJob {job.arn} completed>"


def test_quantumjob_has_no_arn_before_it_is_accepted() -> None:
    made = emulator(faults=[Fault("hang", operation="put")])
    with served(made) as (url, _), client_of(url) as client:
        job = QuantumJob(client.hybrid_job(DEVICE, nothing, until="recorded"))
        for member in ("arn", "name"):
            with pytest.raises(qj.UsageError, match="not known before it is accepted"):
                getattr(job, member)
        assert job.state() in {"CREATED", "SUBMITTING"}


def test_quantumjob_state_is_cached_or_fresh() -> None:
    made = emulator(queue=0.3)
    with served(made) as (url, _), client_of(url, policies=RARELY) as client:
        job = QuantumJob(client.hybrid_job(DEVICE, nothing))
        assert (job.state(use_cached_value=True), made.requests["GetJob"]) == ("QUEUED", 0)
        assert (job.state(), made.requests["GetJob"]) == ("QUEUED", 1)
        while job.state() != "COMPLETED":
            time.sleep(0.05)
        looks = made.requests["GetJob"]
        assert (job.state(), job.state(use_cached_value=True)) == ("COMPLETED", "COMPLETED")
        assert made.requests["GetJob"] == looks


def test_quantumjob_logs_are_printed_whole_and_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    made = emulator(logs=LogSettings(page=2, empty_every=2))
    with served(made, {**MADE_UP, "rate": 20}) as (url, arns), client_of(url) as client:
        job = face(client, arns[0])
        job.logs(wait=True)
        assert capsys.readouterr().out.splitlines() == LINES
        job.logs()
        assert capsys.readouterr().out.splitlines() == LINES


def test_quantumjob_logs_that_are_not_waited_for_are_what_there_is_and_nothing_else_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = emulator()
    with served(made, ENDLESS) as (url, arns), client_of(url, policies=RARELY) as client:
        job = face(client, arns[0])
        assert job.state() == "RUNNING"
        looks, began = made.requests["GetJob"], time.monotonic()
        job.logs(poll_interval_seconds=600)
        assert time.monotonic() - began < 600
        assert capsys.readouterr().out == "algo-1 line 0\n"
        assert made.requests["GetJob"] == looks


def test_quantumjob_logs_are_coloured_by_instance_in_a_notebook(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with served(emulator(), {**MADE_UP, "instances": 2}) as (url, arns), client_of(url) as client:
        job = face(client, arns[0])
        job.result()
        job.logs()
    printed = capsys.readouterr().out
    assert printed.count("\x1b[34mstarts\x1b[0m") == printed.count("\x1b[35mstarts\x1b[0m") == 1


def test_quantumjob_metadata_is_the_services_own_cached_or_fresh() -> None:
    made = emulator()
    with served(made) as (url, _), client_of(url, policies=RARELY) as client:
        job = QuantumJob(client.hybrid_job(DEVICE, nothing, hyperparameters={"n": 3}))
        told = job.metadata(use_cached_value=True)  # nothing is cached yet
        assert (told["jobArn"], told["status"], told["hyperParameters"]) == (job.arn, "COMPLETED", {"n": "3"})
        looks = made.requests["GetJob"]
        assert job.metadata(use_cached_value=True) == told
        assert made.requests["GetJob"] == looks
        assert job.metadata() == told
        assert made.requests["GetJob"] == looks + 1


class Theirs(enum.Enum):
    """As the SDK's."""

    ITERATION_NUMBER = "IterationNumber"
    MIN = "Min"


def test_quantumjob_metrics_are_columns_in_the_order_of_time_or_iteration() -> None:
    with served(emulator(), MADE_UP) as (url, arns), client_of(url) as client:
        job = face(client, arns[0])
        job.result()
        assert job.metrics() == BY_TIME
        assert job.metrics(MetricType.ITERATION_NUMBER, MetricStatistic.MIN) == BY_ITERATION
        assert job.metrics(Theirs.ITERATION_NUMBER, Theirs.MIN) == BY_ITERATION
        assert job.metrics("iteration_number", statistic="min") == BY_ITERATION
        with pytest.raises(qj.UsageError, match="metric_type='hour': one of timestamp, iteration_number is needed"):
            job.metrics("hour")
        with pytest.raises(qj.UsageError, match="statistic='mean': one of min, max is needed"):
            job.metrics(statistic="mean")


def test_quantumjob_metrics_have_no_limit_of_rows() -> None:
    with served(emulator(), MANY) as (url, arns), client_of(url) as client:
        job = face(client, arns[0])
        job.result()
        assert job.metrics()["loss"] == [float(row) for row in range(len(MANY["lines"]))]


def test_quantumjob_metrics_that_cannot_be_had_are_an_error_and_no_empty_table() -> None:
    with served(emulator(faults=NO_METRICS[1:]), MADE_UP) as (url, arns), client_of(url) as client:
        job = face(client, arns[0])
        assert job.metrics() is not None
        with pytest.raises(qj.ProviderRejected, match="AccessDenied"):
            job.metrics()


def test_quantumjob_cancel_says_what_came_of_it() -> None:
    made = emulator()
    with served(made, ENDLESS) as (url, arns), client_of(url) as client:
        job = face(client, arns[0])
        left(made, job.arn)
        assert job.cancel() in {"CANCELLED", "CANCELLING"}
        while job.state() != "CANCELLED":
            time.sleep(0.02)
        with pytest.raises(RuntimeError, match="was cancelled") as caught:
            job.result()
        assert isinstance(caught.value, qj.JobCancelled)
        assert caught.value.partial == SAVED
        job.logs(wait=True)  # only a failure is raised


def test_quantumjob_cancel_that_comes_too_late_tells_how_it_ended() -> None:
    with served(emulator()) as (url, _), client_of(url, policies=RARELY) as client:
        job = QuantumJob(client.hybrid_job(DEVICE, nothing))
        assert job.state(use_cached_value=True) == "QUEUED"  # nobody has looked yet
        assert job.cancel() == "COMPLETED"
        assert job.result() == {"bits": "10"}


def test_quantumjob_cancel_that_braket_refuses_or_does_not_answer_raises() -> None:
    made = emulator(faults=UNCANCELLED)
    with served(made, ENDLESS) as (url, arns), client_of(url) as client:
        job = face(client, arns[0])
        left(made, job.arn)
        with pytest.raises(qj.ProviderRejected, match="the cancel was refused"):
            job.cancel()
        with pytest.raises(qj.ProviderUnavailable, match="was not answered; it is sent again"):
            job.cancel()
        while job.state() != "CANCELLED":
            time.sleep(0.02)
    assert made.requests["CancelJob"] == 3


def test_quantumjob_result_is_what_was_saved_however_often_it_is_asked_for() -> None:
    made = emulator()
    with served(made, MADE_UP) as (url, arns), client_of(url) as client:
        job = face(client, arns[0])
        assert job.result() == SAVED
        fetched = made.requests["fetch"]
        assert job.result() == SAVED
        assert made.requests["fetch"] == fetched


def test_quantumjob_result_of_a_job_that_saved_nothing_is_empty() -> None:
    made = emulator()
    with served(made, MADE_UP) as (url, arns), client_of(url) as client:
        job = face(client, arns[0])
        job.job.wait()
        left(made, job.arn, {"notes.txt": b"none"})
        assert job.result() == {}


def test_quantumjob_failure_is_a_runtime_error_with_its_reason_and_what_was_saved_before() -> None:
    made = emulator(faults=[out_of_memory()])
    with served(made) as (url, _), client_of(url) as client:
        job = QuantumJob(client.hybrid_job(DEVICE, nothing))
        left(made, job.arn)
        for call in (job.result, job.download_result, lambda: job.logs(wait=True)):
            with pytest.raises(RuntimeError, match="out of memory") as caught:
                call()
            assert isinstance(caught.value, qj.JobFailed)
            assert (caught.value.partial, isinstance(caught.value.job, Job)) == (SAVED, True)
            assert isinstance(caught.value.__cause__, qj.JobFailed)
        job.logs()


def test_quantumjob_timeout_ends_the_wait_and_not_the_job(tmp_path: Path) -> None:
    with served(emulator(), ENDLESS) as (url, arns), client_of(url) as client:
        job = face(client, arns[0])
        with pytest.raises(TimeoutError):
            job.result(poll_timeout_seconds=0.1)
        with pytest.raises(TimeoutError):
            job.download_result(tmp_path, 0.1, 5)
        assert job.state() == "RUNNING"
    assert names(tmp_path) == []


def test_quantumjob_result_that_was_pickled_is_refused() -> None:
    made = emulator()
    with served(made, MADE_UP) as (url, arns), client_of(url) as client:
        job = face(client, arns[0])
        job.job.wait()
        left(made, job.arn, PICKLED)
        with pytest.raises(qj.ResultUnavailable, match="pickle"):
            job.result()


def test_quantumjob_files_are_unpacked_into_a_folder_of_the_jobs_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with served(emulator(), MADE_UP) as (url, arns), client_of(url) as client:
        job = face(client, arns[0])
        assert job.download_result() == tmp_path / "made-up"
        assert job.download_result("there") == Path("there/made-up")
        with pytest.raises(qj.UsageError, match="is there already"):
            job.download_result()
    assert names(tmp_path) == UNPACKED


def test_quantumjob_files_that_lead_elsewhere_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    made = emulator()
    with served(made, MADE_UP) as (url, arns), client_of(url) as client:
        job = face(client, arns[0])
        job.job.wait()
        left(made, job.arn, {"good.txt": b"x", "../escaped.txt": b"x"})
        (tmp_path / "in").mkdir()
        with pytest.raises(qj.ProviderProtocolError, match="leads out of the folder"):
            job.download_result(str(tmp_path / "in"))
    assert names(tmp_path) == ["in"]


def test_quantumjob_is_what_create_gives_and_was_sent_with_all_that_was_asked_for(tmp_path: Path) -> None:
    made = emulator()
    with served(made) as (url, _), client_of(url) as client:
        before = QuantumJob(client.hybrid_job(DEVICE, nothing))
        checkpointed(made)
        source, options = said(tmp_path, before.arn)
        job = QuantumJob(client.hybrid_job(DEVICE, source, entry_point="algo.main:run", name="said", **options))
        assert job.result() == {"bits": "10"}
    as_sent(made)


def test_quantumjob_comes_of_no_call_with_the_vendors_names_but_of_one_with_ours() -> None:
    with served(emulator()) as (url, _), client_of(url) as client:
        for name, way in REFUSED.items():
            with pytest.raises(qj.UsageError, match=way):
                QuantumJob(client.hybrid_job(DEVICE, nothing, **{name: "x"}))
        assert QuantumJob(client.hybrid_job(DEVICE, source=nothing, name="x")).name == "x"


def test_quantumjob_takes_no_name_that_another_job_has() -> None:
    made = emulator()
    with served(made) as (url, _), client_of(url) as client:
        first = QuantumJob(client.hybrid_job(DEVICE, nothing, name="taken"))
        with pytest.raises(qj.JobRejected, match="already exists"):
            QuantumJob(client.hybrid_job(DEVICE, nothing, name="taken"))
    assert list(made.jobs) == [first.arn]


def test_quantumjob_whose_answer_is_lost_is_one_job_and_so_is_a_step_that_is_repeated() -> None:
    made = emulator(faults=LOST)
    with served(made) as (url, _), client_of(url) as client:
        arns = {QuantumJob(client.hybrid_job(DEVICE, nothing, key="step-1")).arn for _ in range(2)}
    assert set(made.jobs) == arns
    assert made.requests["CreateJob"] == 2


def test_quantumjob_place_in_the_queue_is_that_of_our_job() -> None:
    with served(emulator(queue=30)) as (url, _), client_of(url) as client:
        QuantumJob(client.hybrid_job(DEVICE, nothing))
        job = QuantumJob(client.hybrid_job(DEVICE, nothing))
        assert job.state() == "QUEUED"
        assert job.job.queue_position == 1


def test_quantumjob_tasks_are_those_of_our_job(monkeypatch: pytest.MonkeyPatch) -> None:
    made = emulator()
    with served(made, ENDLESS) as (url, arns), client_of(url) as client:
        monkeypatch.setenv("AMZN_BRAKET_JOB_TOKEN", made.hybrid.jobs[0].token)
        with client_of(url) as inside:
            circuit = inside.backend(DEVICE).run(bell(), shots=5)
        assert [task.remote_id for task in face(client, arns[0]).job.tasks()] == [circuit.remote_id]


def test_quantumjob_weather_ends_no_wait() -> None:
    made = emulator(queue=0.2, faults=[Fault("status", operation="GetJob", status=503, at=1, times=3)])
    with served(made) as (url, _), client_of(url) as client:
        assert QuantumJob(client.hybrid_job(DEVICE, nothing)).result() == {"bits": "10"}
