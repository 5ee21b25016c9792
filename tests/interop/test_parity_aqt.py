"""What AQTJob can in AQT's cloud, the blocking job and the one with Qiskit's methods can too.

docs/reference/parity-aqtjob.md names these tests. Those of direct access are in `test_parity_aqt_direct.py`, those of
persisting in `test_stored.py`, those of the options in `test_parity_aqt_options.py`; most async ones are with the adapter.
"""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.providers import JobError, JobStatus
from tenacity import wait_fixed

import quantumjobs as qj
from quantumjobs.blocking import Client
from quantumjobs.core.schedule import Pace
from quantumjobs.core.states import JobState
from quantumjobs.engine.policies import Policy
from quantumjobs.interop.qiskit import QiskitJob, backend
from quantumjobs.testing.emulators import Fault, serve
from tests.adapters.aqt.helpers import heavy
from tests.adapters.aqt.portal import BACKEND, Portal
from tests.interop.aqt import IBEX, TOKEN, client_of, emulator, portal_client, served
from tests.interop.helpers import NEVER, PATIENCE, bell, number, until

S = JobState
WEATHER = [
    Fault("status", operation="result", status=503),
    Fault("status", operation="result", status=429, at=2),
    Fault("reset", operation="result", at=3),
    Fault("garbage", operation="result", at=4),
    Fault("status", operation="result", status=504, at=5),
]


def lost_ions() -> Fault:
    return Fault("fail", operation="submit", body="ions were lost")


# --- blocking: where it is --------------------------------------------------------------------
def test_blocking_states_words_and_progress_come_one_after_the_other() -> None:
    with served(emulator(queue=0.3, duration=0.2)) as url, client_of(url) as client:
        job = client.backend(IBEX).run([bell()] * 3)
        assert (job.state, job.done()) == (S.QUEUED, False)
        seen = list(job.events())
        assert [line.after for line in job.story] == [S.SUBMITTING, S.QUEUED, S.RUNNING, S.COMPLETED]
        assert {snapshot.raw_status for snapshot in seen} >= {"queued", "ongoing", "finished"}
        done = [snapshot.progress.done for snapshot in seen]
        assert done == sorted(done)
        assert {0, 3} < set(done)  # and one or two between
        assert {snapshot.progress.total for snapshot in seen} == {3}


def test_blocking_looks_now_when_asked() -> None:
    never = {"aqt": Policy(pace=Pace(first=NEVER, at_least=NEVER, at_most=NEVER))}
    made = emulator()
    with served(made) as url, client_of(url, policies=never) as client:
        job = client.backend(IBEX).run(bell())
        assert (job.state, made.requests["result"]) == (S.QUEUED, 0)
        assert job.refresh().state is S.COMPLETED
        assert made.requests["result"] == 1


# --- blocking: waiting ------------------------------------------------------------------------
def test_blocking_result_is_in_the_order_of_the_circuits_and_is_sent_for_once() -> None:
    made = emulator(results="simulated", seed=1)
    with served(made) as url, client_of(url) as client:
        job = client.backend(IBEX).run([number(value) for value in (5, 1, 6)], memory=True)
        result = job.result(timeout=PATIENCE)
        assert [entry.counts for entry in result] == [{"101": 100}, {"001": 100}, {"110": 100}]  # 100 shots by default
        assert result[1].memory == ["001"] * 100
        looks = made.requests["result"]
        assert job.result() is result
        assert (made.requests["result"], made.requests["submit"]) == (looks, 1)


def test_blocking_timeout_is_kept_and_the_job_goes_on() -> None:
    with served(emulator(duration=1.0)) as url, client_of(url) as client:
        job = client.backend(IBEX).run(bell())
        with pytest.raises(qj.ResultTimeout) as timeout:
            job.result(timeout=0.05)
        assert isinstance(timeout.value, TimeoutError)
        assert timeout.value.job is job
        assert job.result(timeout=PATIENCE).counts == {"10": 100}


def test_blocking_wait_meets_weather_and_goes_on() -> None:
    made = emulator(faults=WEATHER)
    with served(made) as url, client_of(url) as client:
        assert client.backend(IBEX).run(bell()).result(timeout=PATIENCE).counts == {"10": 100}
    assert made.requests["result"] == len(WEATHER) + 1
    assert made.requests["submit"] == 1


# --- blocking: how it ends --------------------------------------------------------------------
def test_blocking_failure_raises_with_the_clouds_words() -> None:
    with served(emulator(faults=[lost_ions()])) as url, client_of(url) as client:
        job = client.backend(IBEX).run([bell()] * 2)
        with pytest.raises(qj.JobFailed, match="ions were lost") as failed:
            job.result(timeout=PATIENCE)
        assert failed.value.job is job
        assert failed.value.partial is None  # AQT gives nothing of a job that failed
        assert (job.state, job.progress) == (S.FAILED, qj.Progress(0, 2))
        assert "ions were lost" in str(job.error)
        assert job.wait() is job


def test_blocking_cancel_ends_what_waits_and_what_runs() -> None:
    made = emulator(queue=60)
    with served(made) as url, client_of(url) as client:
        waiting = client.backend(IBEX).run(bell())
        assert waiting.cancel() is qj.CancelOutcome.CANCELLED
        made.queue.queue, made.queue.duration = 0, 0.2
    with served(made) as url, client_of(url) as client:
        running = client.backend(IBEX).run([bell()] * 50)
        until(lambda: running.state is S.RUNNING)
        assert running.cancel() in {qj.CancelOutcome.CANCELLED, qj.CancelOutcome.REQUESTED}
        with pytest.raises(qj.JobCancelled):
            running.result(timeout=PATIENCE)
        assert running.progress.done < 50
        made.queue.duration = 0
        ended = client.backend(IBEX).run(bell())
        ended.result()
        assert ended.cancel() is qj.CancelOutcome.TOO_LATE
    assert made.requests["cancel"] == 2


def test_blocking_refusal_tells_the_clouds_words() -> None:
    refused = Fault("status", operation="submit", status=403, body='{"detail": "Workspace not available"}')
    made = emulator(faults=[refused], token="right")
    with served(made) as url:
        with client_of(url) as client, pytest.raises(qj.CredentialError):
            client.backend(IBEX).run(bell())
        made.tokens.accept(TOKEN)
        with client_of(url) as client, pytest.raises(qj.JobRejected, match="Workspace not available"):
            client.backend(IBEX).run(bell())
    assert not made.jobs


def test_blocking_submit_whose_answer_was_lost_is_a_doubt_and_not_sent_again() -> None:
    made = emulator(faults=[Fault("reset", operation="submit", after=True)])
    with served(made) as url, client_of(url) as client:
        with pytest.raises(qj.SubmissionUncertain) as uncertain:
            client.backend(IBEX).run(bell())
        job = uncertain.value.job
        assert job is not None
        (remote_id,) = made.jobs  # which the user has seen in AQT's portal
        assert job.adopt(remote_id).result(timeout=PATIENCE).counts == {"10": 100}
    assert made.requests["submit"] == 1


# --- in Qiskit's form: where it is ----------------------------------------------------------------
def test_qiskit_status_words_and_progress_are_aqts() -> None:
    with served(emulator(queue=0.3, duration=0.2)) as url, client_of(url) as client:
        job = backend(IBEX, client).run([bell()] * 3)
        words, progress = [], []
        while not job.in_final_state():
            words.append(job.status())
            progress.append(job.progress().done)
            time.sleep(0.005)
        words.append(job.status())
        assert list(dict.fromkeys(words)) == [JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DONE]
        assert all(earlier <= later for earlier, later in pairwise(progress))
        assert len(set(progress)) > 2
        assert job.progress() == qj.Progress(3, 3)
        assert job.error_message() is None
        assert job.job_id() == job.job.id
        assert job.job.remote_id not in {None, job.job_id()}
        assert job.job.raw_status == "finished"


def test_qiskit_result_has_what_aqts_has() -> None:
    circuit = QuantumCircuit(QuantumRegister(2, "q"), ClassicalRegister(1, "a"), ClassicalRegister(1, "b"), name="two")
    circuit.metadata = {"angle": 0.5}
    circuit.measure([0, 1], [0, 1])
    made = emulator()
    with served(made) as url, client_of(url) as client:
        ibex = backend(IBEX, client)
        job = ibex.run([circuit, bell()], shots=5, memory=True)
        result = job.result()
        assert result.success
        assert (result.job_id, result.backend_name) == (job.job_id(), IBEX)
        one = result.results[0]
        assert (one.shots, one.success, one.status) == (5, True, "DONE")
        assert one.header["creg_sizes"] == [["a", 1], ["b", 1]]
        assert (one.header["memory_slots"], one.header["name"]) == (2, "two")
        assert one.header["metadata"] == {"angle": 0.5}
        assert result.get_counts(0) == {"1 0": 5}
        assert result.get_memory(1) == ["10"] * 5
        assert job.result() is result
        assert sum(ibex.run(bell()).result().get_counts().values()) == 100
    assert made.requests["submit"] == 2


# --- in Qiskit's form: how it ends ------------------------------------------------------------------
def test_qiskit_failure_is_error_and_raises_with_the_clouds_words() -> None:
    with served(emulator(faults=[lost_ions()])) as url, client_of(url) as client:
        job = backend(IBEX, client).run([bell()] * 2)
        with pytest.raises(JobError, match="ions were lost") as failed:
            job.result()
        assert isinstance(failed.value, qj.JobFailed)
        assert failed.value.partial is None
        assert (job.status(), job.in_final_state(), job.done()) == (JobStatus.ERROR, True, False)
        assert job.error_message() == str(failed.value)
        assert job.progress() == qj.Progress(0, 2)


def test_qiskit_cancel_cancels() -> None:
    with served(emulator(queue=60)) as url, client_of(url) as client:
        job = backend(IBEX, client).run(bell())
        assert job.cancel() is True
        assert job.status() is JobStatus.CANCELLED
        with pytest.raises(JobError) as cancelled:
            job.result()
        assert isinstance(cancelled.value, qj.JobCancelled)


def test_qiskit_submit_is_done_by_run_and_raises_as_aqts_does() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        job = backend(IBEX, client).run(bell())
        with pytest.raises(RuntimeError, match="already been submitted") as refused:
            job.submit()
        assert isinstance(refused.value, JobError)
        assert isinstance(refused.value, qj.UsageError)
        job.result()
    assert made.requests["submit"] == 1


def test_qiskit_wait_for_the_final_state_meets_weather_and_never_warns() -> None:
    made = emulator(faults=[Fault("status", operation="result", status=503, times=None)])
    with served(made) as url, client_of(url) as client:
        job = backend(IBEX, client).run(bell())
        until(job.error_message)
        assert "503" in str(job.error_message())
        assert job.status() is JobStatus.QUEUED
        made.script.replace(WEATHER)
        job.wait_for_final_state(timeout=PATIENCE, wait=NEVER)
        assert job.done()
        assert job.error_message() is None
    assert made.requests["result"] > len(WEATHER) + 1


def test_qiskit_refusal_is_an_error_of_both_with_the_clouds_words() -> None:
    refused = Fault("status", operation="submit", status=422, body='{"detail": "too many shots"}')
    with served(emulator(faults=[refused])) as url, client_of(url) as client:
        with pytest.raises(JobError, match="too many shots") as rejected:
            backend(IBEX, client).run(bell())
        assert isinstance(rejected.value, qj.JobRejected)


# --- both -------------------------------------------------------------------------------------
def test_a_refused_token_ends_no_wait_in_either_form() -> None:
    refused = [Fault("status", operation="result", status=401, times=3)]
    for qiskit in (False, True):
        made = emulator(faults=refused)
        patient = {"aqt": Policy(wait=wait_fixed(0.01), pace=Pace(first=0.01, at_least=0.02), credential_pause=0.05)}
        with served(made) as url, client_of(url, policies=patient) as client:
            if qiskit:
                assert backend(IBEX, client).run(bell()).result(timeout=PATIENCE).get_counts() == {"10": 100}
            else:
                assert client.backend(IBEX).run(bell()).result(timeout=PATIENCE).counts == {"10": 100}
        assert (made.requests["result"], made.requests["submit"]) == (4, 1)


def test_the_state_of_an_offline_simulation_is_told_while_it_runs() -> None:
    with Client(ledger="memory") as client:
        ours = client.backend("aqt/default/offline_simulator_noise").run([heavy()] * 8, shots=2000)
        job = QiskitJob.restore(ours.id, client=client)
        until(lambda: ours.state is S.RUNNING)
        begun = time.monotonic()
        assert job.status() is JobStatus.RUNNING
        assert time.monotonic() - begun < 1
        assert job.cancel() is True
        job.wait_for_final_state(timeout=PATIENCE)
        assert job.cancelled()
        assert ours.state is S.CANCELLED


def test_qiskit_ways_of_looking_into_a_job() -> None:
    with served(emulator()) as url, client_of(url) as client:
        job = backend(IBEX, client, query_timeout_seconds=50).run(bell(), shots=5, memory=True, name="mine")
        job.result()
        ours = job.job
        assert ours.options == {"shots": 5, "memory": True}
        assert (ours.raw_status, ours.snapshot.state, ours.name) == ("finished", S.COMPLETED, "mine")
        assert ours.result().memory == ["10"] * 5  # the samples
        assert job.metadata == {}


# --- async: what no other file has ----------------------------------------------------------------
async def test_async_timeout_is_kept_and_the_job_goes_on() -> None:
    portal = Portal(looks=20)
    async with portal_client(portal) as client:
        job = await client.backend(BACKEND).run("OPENQASM 3.0;")
        begun = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await job
        assert asyncio.get_running_loop().time() - begun == pytest.approx(5)
        assert (await job).counts == {"00": 1, "11": 1}
    assert portal.requests["submit"] == 1


@pytest.mark.real_time
async def test_async_wait_and_result_of_a_cancelled_job_tell_how_it_ended() -> None:
    async with (
        serve(emulator(queue=60)) as url,
        qj.Client(ledger="memory", providers={"aqt": {"url": url, "token": "any"}}) as client,
    ):
        job = await client.backend(IBEX).run(bell())
        assert await job.cancel() is qj.CancelOutcome.CANCELLED
        assert (await job.wait()).state is S.CANCELLED
        with pytest.raises(qj.JobCancelled):
            await job
