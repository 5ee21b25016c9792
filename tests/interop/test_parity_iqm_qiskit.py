"""What IQMJob can, the job with Qiskit's methods can too; docs/reference/parity-iqmjob.md names these tests."""

from __future__ import annotations

import time
import warnings

import pytest
from qiskit.exceptions import QiskitError
from qiskit.providers import JobError, JobStatus, JobTimeoutError

import quantumjobs as qj
from quantumjobs.core.states import JobState
from quantumjobs.interop.qiskit import backend
from quantumjobs.interop.qiskit.errors import both
from quantumjobs.testing.emulators import Fault
from quantumjobs.workers.envelope import WorkerError
from tests.interop.aqt import served
from tests.interop.helpers import NEVER, PATIENCE, bell, until
from tests.interop.iqm import (
    BEGUN,
    DONE,
    GARNET,
    RARELY,
    WEATHER,
    client_of,
    emulator,
    last,
    refused,
    three_registers,
    warm,
)

S = JobState


# --- where it is ------------------------------------------------------------
def test_qiskit_status_words_progress_and_timeline_are_iqms() -> None:
    made = emulator(queue=0.3, duration=0.2)
    with served(made) as url, client_of(url) as client:
        garnet = backend(GARNET, client)
        job = garnet.run([bell()] * 3)
        words, progress = [], []
        while not job.in_final_state():
            words.append(job.status())
            progress.append(job.progress().done)
            time.sleep(0.005)
        words.append(job.status())
        assert list(dict.fromkeys(words)) == [JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DONE]
        assert progress == sorted(progress)
        assert len(set(progress)) > 2
        assert (job.progress(), job.error_message(), job.queue_position()) == (qj.Progress(3, 3), None, None)
        (remote_id,) = made.jobs
        ours = job.job
        assert (ours.remote_id, ours.raw_status, job.job_id()) == (remote_id, "completed", ours.id)
        assert (job.backend(), job.version, job.metadata) == (garnet, 1, {})
        told = [(stamp.source, stamp.status) for stamp in ours.remote_timeline]
        assert (told[:2], told[-1]) == (BEGUN, DONE)


def test_qiskit_place_in_the_queue_is_as_last_seen_or_as_it_is_now() -> None:
    made = emulator(queue=60)
    with served(made) as url, client_of(url, policies=RARELY) as client:
        jobs = [backend(GARNET, client).run(bell()) for _ in range(2)]
        assert [job.queue_position() for job in jobs] == [0, 1]
        assert made.requests["job"] == 0
        assert jobs[0].cancel() is True
        assert jobs[1].queue_position() == 1
        assert jobs[1].queue_position(refresh=True) == 0
        assert jobs[0].queue_position(refresh=True) is None
        made.script.replace([Fault("status", operation="job", status=503)])
        with pytest.raises(QiskitError) as weather:
            jobs[1].queue_position(True)
        assert isinstance(weather.value, qj.ProviderUnavailable)
        assert jobs[1].queue_position() == 0


# --- waiting ------------------------------------------------------------------
def test_qiskit_result_has_what_iqms_has_and_all_registers() -> None:
    made = emulator(warnings=["cooling down"])
    with served(made) as url, client_of(url) as client, warnings.catch_warnings():
        warnings.simplefilter("error")
        garnet = backend(GARNET, client)
        job = garnet.run([three_registers(), bell()], shots=5)
        result = job.result()
        assert (result.success, result.job_id, result.backend_name) == (True, job.job_id(), GARNET)
        one = result.results[0]
        assert (one.shots, one.success, one.status, one.header["name"]) == (5, True, "DONE", "three")
        assert one.header["creg_sizes"] == [["a", 2], ["unused", 1], ["b", 1]]
        assert one.header["metadata"] == job.circuits()[0].metadata == {"angle": 0.5}
        calibration = made.calibrations["garnet"][-1].id
        assert one.metadata == {"calibration_set_id": calibration, "messages": ["cooling down"]}
        assert [dict(counts) for counts in result.get_counts()] == [{"0 0 10": 5}, {"01": 5}]
        assert job.result() is result
        assert (made.requests["counts"], made.requests["measurements"]) == (1, 0)
        assert garnet.run(three_registers(), shots=3, memory=True).result().get_memory() == ["0 0 10"] * 3
        assert (made.requests["counts"], made.requests["measurements"]) == (1, 1)
        assert sum(garnet.run(bell()).result().get_counts().values()) == 1024
        assert job.job.options == {"shots": 5, "memory": False}


def test_qiskit_timeout_is_kept_and_the_job_goes_on_unless_it_is_to_be_cancelled() -> None:
    made = emulator(duration=1.0)
    with served(made) as url, client_of(url) as client:
        garnet = backend(GARNET, client)
        job = garnet.run(bell())
        with pytest.raises(qj.ResultTimeout, match="it goes on") as timeout:
            job.result(timeout=0.05)
        assert timeout.value.cancel is None
        with pytest.raises(JobTimeoutError):
            job.wait_for_final_state(timeout=0.05, wait=NEVER)
        assert job.result(timeout=PATIENCE, cancel_after_timeout=True).get_counts() == {"01": 1024}
        made.queue.queue = 60
        job = garnet.run(bell())
        with pytest.raises(qj.ResultTimeout, match="asked to stop it: cancelled") as timeout:
            job.result(timeout=0.05, cancel_after_timeout=True)
        assert isinstance(timeout.value, TimeoutError)
        assert timeout.value.cancel is qj.CancelOutcome.CANCELLED
        assert last(made)[1].state is S.CANCELLED
        assert job.cancelled()


def test_qiskit_timeout_of_the_option_cancels_too_where_the_wait_says_so() -> None:
    made = emulator(queue=60)
    with served(made) as url, client_of(url) as client:
        job = backend(GARNET, client, query_timeout_seconds=0.05).run(bell())
        with pytest.raises(JobTimeoutError) as timeout:
            job.result()
        assert (last(made)[1].state, job.status()) == (S.QUEUED, JobStatus.QUEUED)
        with pytest.raises(JobTimeoutError) as timeout:
            job.result(cancel_after_timeout=True)
        assert isinstance(timeout.value, qj.ResultTimeout)
        assert timeout.value.cancel is qj.CancelOutcome.CANCELLED
        assert last(made)[1].state is S.CANCELLED


def test_qiskit_wait_for_the_final_state_meets_weather_and_draws_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    made = emulator(faults=[Fault("status", operation="job", status=503, times=None)])
    with served(made) as url, client_of(url) as client:
        job = backend(GARNET, client).run(bell())
        until(job.error_message)
        assert "503" in str(job.error_message())
        assert job.status() is JobStatus.QUEUED
        made.script.replace(WEATHER)
        job.wait_for_final_state(timeout=PATIENCE, wait=NEVER)
        assert job.done()
        assert job.error_message() is None
    assert made.requests["job"] > len(WEATHER) + 1
    assert capfd.readouterr() == ("", "")


# --- how it ends ------------------------------------------------------------
def test_qiskit_failure_is_error_and_raises_with_the_servers_words_and_its_code() -> None:
    made = emulator(faults=[warm()])
    with served(made) as url, client_of(url) as client:
        job = backend(GARNET, client).run([bell()] * 2)
        with pytest.raises(JobError, match="the fridge is warm") as failed:
            job.result()
        assert isinstance(failed.value, qj.JobFailed)
        assert failed.value.record is not None
        assert failed.value.record.details["error_code"] == "execution_failed"
        assert (job.status(), job.in_final_state(), job.done()) == (JobStatus.ERROR, True, False)
        asked = dict(made.requests)
        assert job.error_message() == str(failed.value)
        assert job.progress() == qj.Progress(0, 2)
        assert dict(made.requests) == asked


def test_qiskit_cancel_is_true_for_what_waits_and_runs_and_false_without_a_warning_for_what_has_ended() -> None:
    made = emulator(queue=60)
    with served(made) as url, client_of(url) as client, warnings.catch_warnings():
        warnings.simplefilter("error")
        garnet = backend(GARNET, client)
        waiting = garnet.run(bell())
        assert (waiting.cancel(), waiting.status()) == (True, JobStatus.CANCELLED)
        with pytest.raises(JobError) as cancelled:
            waiting.result()
        assert isinstance(cancelled.value, qj.JobCancelled)
        made.queue.queue, made.queue.duration = 0, 0.2
    with served(made) as url, client_of(url) as client, warnings.catch_warnings():
        warnings.simplefilter("error")
        running = backend(GARNET, client).run([bell()] * 50)
        until(running.running)
        assert running.cancel() is True
        running.wait_for_final_state(timeout=PATIENCE)
        assert running.cancelled()
        made.queue.duration = 0
    with served(made) as url, client_of(url, policies=RARELY) as client, warnings.catch_warnings():
        warnings.simplefilter("error")
        ended = backend(GARNET, client).run(bell())
        assert ended.cancel() is False  # the server says 403 illegal_job_status
        assert ended.result(timeout=PATIENCE).success
        assert ended.cancel() is False


def test_qiskit_cancel_in_bad_weather_is_asked_again() -> None:
    made = emulator(queue=60, faults=[Fault("status", operation="cancel", status=503)])
    with served(made) as url, client_of(url) as client:
        job = backend(GARNET, client).run(bell())
        assert job.cancel() is False
        job.wait_for_final_state(timeout=PATIENCE)
        assert job.cancelled()
    assert made.requests["cancel"] == 2


def test_qiskit_submit_is_done_by_run_and_raises() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        job = backend(GARNET, client).run(bell())
        with pytest.raises(RuntimeError, match="already been submitted") as error:  # NotImplementedError is one, too
            job.submit()
        assert isinstance(error.value, JobError)
        job.result()
    assert made.requests["submit"] == 1


def test_qiskit_refusal_and_doubt_are_errors_of_both() -> None:
    made = emulator(
        faults=[refused(422, "invalid_circuit", "bad circuit"), Fault("reset", operation="submit", after=True, at=2)]
    )
    with served(made) as url, client_of(url) as client:
        with pytest.raises(JobError, match=r"bad circuit \(invalid_circuit, request r-1\)") as rejected:
            backend(GARNET, client).run(bell())
        assert isinstance(rejected.value, qj.JobRejected)
        with pytest.raises(JobError) as uncertain:
            backend(GARNET, client).run(bell())
        assert isinstance(uncertain.value, qj.SubmissionUncertain)
    assert made.requests["submit"] == 2


def test_an_error_that_is_not_made_from_a_message_alone_is_of_both_too() -> None:
    error = both(WorkerError("RuntimeError", "generator raised StopIteration"))
    assert isinstance(error, QiskitError)
    assert isinstance(error, WorkerError)
    assert (error.kind, str(error)) == (
        "RuntimeError",
        str(WorkerError("RuntimeError", "generator raised StopIteration")),
    )
