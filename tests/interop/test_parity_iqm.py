"""What IQMJob can, the blocking job can too.

docs/reference/parity-iqmjob.md names these tests. `test_parity_iqm_qiskit.py` is of the job with Qiskit's methods,
`test_parity_iqm_async.py` of the async one, and `test_parity_iqm_options.py` of what `run` takes and of jobs that are found again.
"""

from __future__ import annotations

import warnings

import pytest

import quantumjobs as qj
from quantumjobs.core.states import JobState
from quantumjobs.testing.emulators import Fault
from tests.interop.aqt import served
from tests.interop.helpers import PATIENCE, bell, until
from tests.interop.iqm import (
    BEGUN,
    DONE,
    GARNET,
    RARELY,
    TOKEN,
    WEATHER,
    client_of,
    emulator,
    last,
    refused,
    three_registers,
    warm,
)

S = JobState


# --- where it is --------------------------------------------------------------------
def test_blocking_states_words_progress_and_timeline_come_one_after_the_other() -> None:
    with served(emulator(queue=0.3, duration=0.2)) as url, client_of(url) as client:
        job = client.backend(GARNET).run([bell()] * 3)
        assert (job.state, job.raw_status, job.done()) == (S.QUEUED, "waiting", False)
        seen = list(job.events())
        assert [line.after for line in job.story] == [S.SUBMITTING, S.QUEUED, S.RUNNING, S.COMPLETED]
        assert {snapshot.raw_status for snapshot in seen} == {"waiting", "processing", "completed"}
        done = [snapshot.progress.done for snapshot in seen]
        assert done == sorted(done)
        assert {0, 3} < set(done)  # and one or two between
        assert {snapshot.progress.total for snapshot in seen} == {3}
        told = [(stamp.source, stamp.status) for stamp in job.remote_timeline]
        assert (told[:2], told[-1]) == (BEGUN, DONE)
        assert ("iqm-station-control", "execution_started") in told
        times = [stamp.at for stamp in job.remote_timeline]
        assert times == sorted(times)
        assert times[-1] - times[0] >= 0.3 + 3 * 0.2  # by the server's clock
        assert list(job.timeline) == [S.CREATED, S.SUBMITTING, S.QUEUED, S.RUNNING, S.COMPLETED]  # by ours


def test_blocking_place_in_the_queue_is_the_servers_and_shrinks_when_it_is_looked_at() -> None:
    made = emulator(queue=60)
    with served(made) as url, client_of(url, policies=RARELY) as client:
        jobs = [client.backend(GARNET).run(bell()) for _ in range(3)]
        assert [job.queue_position for job in jobs] == [0, 1, 2]
        assert made.requests["job"] == 0  # the replies to the submissions told it
        assert jobs[0].cancel() is qj.CancelOutcome.CANCELLED
        assert jobs[2].queue_position == 2
        looks = made.requests["job"]
        assert jobs[2].refresh().queue_position == 1
        assert made.requests["job"] == looks + 1
        assert jobs[0].queue_position is None


# --- waiting ------------------------------------------------------------------------
def test_blocking_result_is_sent_for_once_and_shots_travel_only_if_they_are_asked_for() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        job = client.backend(GARNET).run([bell(), three_registers()])
        result = job.result(timeout=PATIENCE)
        assert [one.counts for one in result] == [{"01": 1024}, {"0 0 10": 1024}]  # 1024 shots by default
        assert job.result() is result
        assert (made.requests["counts"], made.requests["measurements"], made.requests["payload"]) == (1, 0, 0)
        assert [name for name, _ in result[1].registers] == ["a", "unused", "b"]
        shots = client.backend(GARNET).run(bell(), shots=3, memory=True).result(timeout=PATIENCE)
        assert (shots.memory, shots.counts) == (["01"] * 3, {"01": 3})
        assert (made.requests["counts"], made.requests["measurements"]) == (1, 1)


def test_blocking_result_knows_its_circuits_metadata_its_calibration_and_what_the_server_said() -> None:
    made = emulator(warnings=["cooling down"])
    with served(made) as url, client_of(url) as client, warnings.catch_warnings():
        warnings.simplefilter("error")
        job = client.backend(GARNET).run([three_registers()], shots=5, heralding_mode="zeros")
        result = job.result(timeout=PATIENCE)
        calibration = made.calibrations["garnet"][-1].id
        facts = {"calibration_set_id": calibration, "messages": ["cooling down"]}
        assert dict(result[0].metadata) == {**facts, "circuit_metadata": {"angle": 0.5}}
        assert result.to_qiskit().results[0].header["metadata"] == {"angle": 0.5}
        assert [one.metadata for one in job.circuits()] == [{"angle": 0.5}]
        assert job.options == {"shots": 5, "memory": False, "heralding_mode": "zeros"}
        assert b"measurement_keys" in result.raw["body"]  # as it came


def test_blocking_timeout_is_kept_and_the_job_goes_on() -> None:
    with served(emulator(duration=1.0)) as url, client_of(url) as client:
        job = client.backend(GARNET).run(bell())
        for wait in (job.result, job.wait):
            with pytest.raises(qj.ResultTimeout) as timeout:
                wait(timeout=0.05)
            assert isinstance(timeout.value, TimeoutError)
            assert (timeout.value.job, timeout.value.cancel) == (job, None)
        assert job.result(timeout=PATIENCE).counts == {"01": 1024}


def test_blocking_timeout_that_is_to_cancel_cancels_at_the_server_and_says_so() -> None:
    made = emulator(queue=60)
    with served(made) as url, client_of(url) as client:
        job = client.backend(GARNET).run(bell())
        with pytest.raises(qj.ResultTimeout, match="asked to stop it: cancelled") as timeout:
            job.result(timeout=0.05, on_timeout="cancel")
        assert timeout.value.cancel is qj.CancelOutcome.CANCELLED
        assert last(made)[1].state is S.CANCELLED
        with pytest.raises(qj.JobCancelled):
            job.result(timeout=PATIENCE)


def test_blocking_wait_meets_weather_and_words_that_nobody_knows_and_goes_on() -> None:
    made = emulator(faults=WEATHER)
    with served(made) as url, client_of(url) as client:
        assert client.backend(GARNET).run(bell()).result(timeout=PATIENCE).counts == {"01": 1024}
    assert made.requests["job"] >= len(WEATHER) + 1  # a refused token is tried once more at once
    assert made.requests["submit"] == 1


# --- how it ends --------------------------------------------------------------------
def test_blocking_failure_raises_with_the_servers_words_its_code_and_its_source() -> None:
    made = emulator(faults=[warm()])
    with served(made) as url, client_of(url) as client:
        job = client.backend(GARNET).run([bell()] * 2)
        with pytest.raises(qj.JobFailed, match="the fridge is warm") as failed:
            job.result(timeout=PATIENCE)
        assert (failed.value.job, failed.value.partial) == (job, None)  # IQM gives nothing of a job that failed
        record = failed.value.record
        assert record is not None
        assert record.details["error_code"] == "execution_failed"
        assert record.details["error_source"] == "iqm-station-control"
        assert job.wait() is job
        asked = dict(made.requests)
        assert "the fridge is warm (execution_failed, iqm-station-control)" in str(job.error)
        assert (job.state, job.raw_status, job.progress) == (S.FAILED, "failed", qj.Progress(0, 2))
        assert dict(made.requests) == asked


def test_blocking_cancel_ends_what_waits_and_what_runs_and_comes_too_late_for_what_has_ended() -> None:
    made = emulator(queue=60)
    with served(made) as url, client_of(url) as client:
        waiting = client.backend(GARNET).run(bell())
        assert waiting.cancel() is qj.CancelOutcome.CANCELLED
        assert waiting.cancel() is qj.CancelOutcome.CANCELLED  # it is
        made.queue.queue, made.queue.duration = 0, 0.2
    with served(made) as url, client_of(url) as client:
        running = client.backend(GARNET).run([bell()] * 50)
        until(lambda: running.state is S.RUNNING)
        assert running.cancel() in {qj.CancelOutcome.CANCELLED, qj.CancelOutcome.REQUESTED}
        with pytest.raises(qj.JobCancelled):
            running.result(timeout=PATIENCE)
        assert running.progress.done < 50
        made.queue.duration = 0
        ended = client.backend(GARNET).run(bell())
        ended.result()
        assert ended.cancel() is qj.CancelOutcome.TOO_LATE
        assert ended.state is S.COMPLETED
    assert made.requests["cancel"] == 2
    assert [job.state for job in made.jobs.values()] == [S.CANCELLED, S.CANCELLED, S.COMPLETED]


def test_blocking_cancel_that_the_server_refuses_as_too_late_says_so() -> None:
    made = emulator()
    with served(made) as url, client_of(url, policies=RARELY) as client:
        job = client.backend(GARNET).run(bell())
        assert last(made)[1].state is S.COMPLETED  # there; here nobody has looked yet
        assert job.state is S.QUEUED
        assert job.cancel() is qj.CancelOutcome.TOO_LATE  # 403 illegal_job_status
        assert made.requests["cancel"] == 1
        assert job.result(timeout=PATIENCE).counts == {"01": 1024}


def test_blocking_cancel_in_bad_weather_is_asked_again() -> None:
    made = emulator(queue=60, faults=[Fault("status", operation="cancel", status=503)])
    with served(made) as url, client_of(url) as client:
        job = client.backend(GARNET).run(bell())
        assert job.cancel() is qj.CancelOutcome.UNKNOWN
        assert job.wait(timeout=PATIENCE).state is S.CANCELLED
    assert made.requests["cancel"] == 2


def test_blocking_refusal_tells_the_servers_words_and_a_refused_token_where_it_was_looked_for() -> None:
    made = emulator(faults=[refused(422, "invalid_circuit", "too many shots")], token="right")
    with served(made) as url:
        with client_of(url) as client, pytest.raises(qj.CredentialError) as credential:
            client.backend(GARNET).run(bell())
        assert TOKEN not in str(credential.value)
        made.tokens.accept(TOKEN)
        words = r"too many shots \(invalid_circuit, request r-1\)"
        with client_of(url) as client, pytest.raises(qj.JobRejected, match=words):
            client.backend(GARNET).run(bell())
    assert not made.jobs


def test_blocking_submit_whose_answer_was_lost_is_a_doubt_and_not_sent_again() -> None:
    made = emulator(faults=[Fault("reset", operation="submit", after=True)])
    with served(made) as url, client_of(url) as client:
        with pytest.raises(qj.SubmissionUncertain) as uncertain:
            client.backend(GARNET).run(bell())
        job = uncertain.value.job
        assert job is not None
        (remote_id,) = made.jobs  # which the user has seen in IQM's dashboard
        assert job.adopt(remote_id).result(timeout=PATIENCE).counts == {"01": 1024}
    assert made.requests["submit"] == 1
