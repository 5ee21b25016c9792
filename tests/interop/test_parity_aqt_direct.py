"""What AQTDirectAccessJob can on a device in the laboratory, the blocking job and the one with Qiskit's methods can too.

docs/reference/parity-aqtjob.md names these tests.
"""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from qiskit.providers import JobError, JobStatus, JobTimeoutError

import quantumjobs as qj
from quantumjobs.core.states import JobState
from quantumjobs.interop.qiskit import QiskitJob, backend
from quantumjobs.testing.emulators import Fault, serve
from tests.interop.aqt import TOKEN, client_of, device, emulator, served
from tests.interop.helpers import PATIENCE, bell, number, until

S = JobState
NUMBERS = [number(value) for value in (5, 1, 6)]
SEEN = ["101", "001", "110"]


def failing(place: int) -> Fault:
    return Fault("fail", operation="put", at=place)


# --- blocking ---------------------------------------------------------------------------------
def test_blocking_list_is_sent_circuit_by_circuit_by_run_and_never_again() -> None:
    made = emulator(results="simulated", seed=1)
    with served(made) as url, client_of(url) as client:
        job = client.backend(device(url)).run(NUMBERS, shots=200, memory=True)
        until(job.done)  # nobody has asked for its result
        assert job.state is S.COMPLETED
        result = job.result()
        assert [entry.counts for entry in result] == [{bits: 200} for bits in SEEN]
        assert result[2].memory == ["110"] * 200
        assert job.result() is result
        assert job.progress == qj.Progress(3, 3)
        assert job.remote_ids == tuple(made.jobs)
    assert made.requests["put"] == made.requests["wait"] == 3
    assert all(len(one.circuits) == 1 for one in made.jobs.values())


def test_blocking_list_stops_at_the_first_failure_and_keeps_what_was_finished() -> None:
    made = emulator(faults=[failing(2)])
    with served(made) as url, client_of(url) as client:
        job = client.backend(device(url)).run([bell()] * 3, shots=5)
        for _ in range(2):
            with pytest.raises(qj.JobFailed) as failed:
                job.result(timeout=PATIENCE)
            assert failed.value.partial is not None
            assert [one.error is None for one in failed.value.partial] == [True, False, False]
            assert failed.value.partial[0].counts == {"10": 5}
        assert job.state is S.FAILED
        assert made.requests["put"] == 2
        again = job.retry_failed().result(timeout=PATIENCE)
        assert [one.counts for one in again] == [{"10": 5}] * 3
    assert made.requests["put"] == 4


def test_blocking_timeout_is_the_whole_jobs_and_a_cancel_keeps_back_what_was_not_sent() -> None:
    made = emulator(duration=1.0)
    with served(made) as url, client_of(url) as client:
        job = client.backend(device(url)).run([bell()] * 5, shots=5)
        with pytest.raises(qj.ResultTimeout):
            job.result(timeout=0.05)
        assert job.cancel() is qj.CancelOutcome.UNSUPPORTED  # of the circuit that runs
        with pytest.raises(qj.JobCancelled):
            job.result(timeout=PATIENCE)
        assert [part.state for part in job.parts] == [S.COMPLETED, *[S.CANCELLED] * 4]
    assert made.requests["put"] == 1


def test_blocking_shots_are_up_to_2000() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        run = client.backend(device(url)).run
        assert sum(run(bell(), shots=2000).result().counts.values()) == 2000
        assert sum(run(bell()).result().counts.values()) == 100
        for shots in (0, 2001):
            with pytest.raises(qj.UsageError, match="shots"):
                run(bell(), shots=shots)
        made.script.replace([Fault("status", operation="put", status=422, body='{"detail": "200 at most"}')])
        with pytest.raises(qj.JobRejected, match="200 at most"):
            run(bell(), shots=201)
    assert made.requests["put"] == 3


def test_blocking_list_goes_on_in_the_next_program(tmp_path: Path) -> None:
    made = emulator(duration=0.1)
    with served(made) as url:
        with client_of(url, ledger=tmp_path / "ledger.sqlite3") as client:
            sent = client.backend(device(url)).run([bell()] * 4, shots=5, name="four")
            assert not sent.done()
        with client_of(url, ledger=tmp_path / "ledger.sqlite3") as client:
            job = client.job(sent.id)
            assert (job.backend, job.name, job.options["shots"]) == (device(url), "four", 5)
            assert [one.counts for one in job.result(timeout=PATIENCE)] == [{"10": 5}] * 4
            job.persist(tmp_path / "job")
        with client_of(url) as client:
            assert client.restore(tmp_path / "job").result()[3].counts == {"10": 5}
    assert made.requests["put"] == 4


# --- in Qiskit's form -------------------------------------------------------------------------
def test_qiskit_list_runs_before_its_result_is_asked_for_and_ends_every_wait() -> None:
    made = emulator(results="simulated", seed=1, duration=0.1)
    with served(made) as url, client_of(url) as client:
        pine = backend(device(url), client)
        assert pine.num_qubits == 12
        job = pine.run(NUMBERS, shots=20, memory=True)
        assert job.status() in {JobStatus.QUEUED, JobStatus.RUNNING}
        job.wait_for_final_state(timeout=PATIENCE)
        assert (job.status(), job.done()) == (JobStatus.DONE, True)
        assert job.progress() == qj.Progress(3, 3)
        result = job.result()
        assert result.success
        assert [result.get_counts(place) for place in range(3)] == [{bits: 20} for bits in SEEN]
        assert result.get_memory(1) == ["001"] * 20
        assert job.result() is result
        with pytest.raises(RuntimeError):
            job.submit()
    assert made.requests["put"] == made.requests["wait"] == 3


def test_qiskit_ids_are_texts_and_the_devices_are_there_too() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        job = backend(device(url), client).run([bell()] * 2)
        assert isinstance(job.job_id(), str)
        assert uuid.UUID(job.job_id())
        assert job.result().job_id == job.job_id()
        assert job.backend().name == device(url)
        assert list(job.job.remote_ids) == list(made.jobs)


def test_qiskit_list_stops_at_the_first_failure_and_says_so_each_time() -> None:
    made = emulator(faults=[failing(2)])
    with served(made) as url, client_of(url) as client:
        job = backend(device(url), client).run([bell()] * 3, shots=5)
        for _ in range(2):
            with pytest.raises(JobError) as failed:
                job.result()
            assert isinstance(failed.value, qj.JobFailed)
            old = failed.value.partial.to_qiskit()
            assert old.success is False
            assert [one.success for one in old.results] == [True, False, False]
            assert old.get_counts(0) == {"10": 5}
        assert job.status() is JobStatus.ERROR
        assert job.error_message() == str(failed.value)
    assert made.requests["put"] == 2


def test_qiskit_cancel_keeps_back_what_was_not_sent_and_a_query_timeout_ends_the_wait() -> None:
    made = emulator(duration=1.0)
    with served(made) as url, client_of(url) as client:
        job = backend(device(url), client).run([bell()] * 5, query_timeout_seconds=0.05)
        with pytest.raises(JobTimeoutError):
            job.result()
        assert job.cancel() is False  # the circuit that runs cannot be stopped
        job.wait_for_final_state(timeout=PATIENCE)
        assert job.cancelled()
    assert made.requests["put"] == 1


def test_qiskit_list_is_persisted_and_restored_where_it_was_persisted_while_it_ran(tmp_path: Path) -> None:
    made = emulator(duration=0.1)
    with served(made) as url:
        ledger = tmp_path / "ledger.sqlite3"
        with client_of(url, ledger=ledger) as client:
            job_id = backend(device(url), client).run([bell()] * 4, shots=5).job_id()
        with client_of(url, ledger=ledger) as client:
            job = QiskitJob.restore(job_id, client=client)
            result = job.result(timeout=PATIENCE)
            assert [result.get_counts(place) for place in range(4)] == [{"10": 5}] * 4
            assert job.circuits() == [bell()] * 4
            file = job.persist(store_path=tmp_path / "store")
        with client_of(url) as other:
            again = backend(device(url), other).restore_job(file.name, store_path=file.parent)
            assert again.result().get_counts(3) == {"10": 5}
    assert made.requests["put"] == 4


def test_qiskit_shots_are_up_to_2000() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        pine = backend(device(url), client)
        assert sum(pine.run(bell(), shots=2000).result().get_counts().values()) == 2000
        assert sum(pine.run(bell()).result().get_counts().values()) == 100
        with pytest.raises(qj.UsageError, match="shots"):
            pine.run(bell(), shots=2001)
    assert made.requests["put"] == 2


# --- both -------------------------------------------------------------------------------------
def test_weather_on_a_device_ends_no_wait_in_either_form() -> None:
    kinds = [("reset", 200), ("garbage", 200), ("status", 503)]
    faults = [Fault(kind, operation="wait", status=status, at=1 + place) for place, (kind, status) in enumerate(kinds)]
    for qiskit in (False, True):
        made = emulator(faults=faults)
        with served(made) as url, client_of(url) as client:
            if qiskit:
                assert backend(device(url), client).run(bell()).result(timeout=PATIENCE).success
            else:
                assert client.backend(device(url)).run(bell()).result(timeout=PATIENCE).counts == {"10": 100}
        assert (made.requests["put"], made.requests["wait"]) == (1, 4)


# --- async: what no other file has ------------------------------------------------------------
def async_client_of(url: str) -> qj.Client:
    return qj.Client(ledger="memory", providers={"aqt": {"direct_url": url, "token": TOKEN}})


@pytest.mark.real_time
async def test_async_shots_of_a_device_are_up_to_2000() -> None:
    async with serve(emulator()) as url, async_client_of(url) as client:
        run = client.backend(device(url)).run
        assert sum((await (await run(bell(), shots=2000))).counts.values()) == 2000
        assert sum((await (await run(bell()))).counts.values()) == 100
        with pytest.raises(qj.UsageError, match="shots"):
            await run(bell(), shots=2001)


@pytest.mark.real_time
async def test_async_list_of_a_device_is_persisted_and_restored(tmp_path: Path) -> None:
    made = emulator()
    async with serve(made) as url:
        async with async_client_of(url) as client:
            job = await client.backend(device(url)).run([bell()] * 3, shots=5)
            await job
            await job.persist(tmp_path / "job")
        async with async_client_of(url) as client:
            found = await client.restore(tmp_path / "job")
            assert [one.counts for one in await found] == [{"10": 5}] * 3
    assert made.requests["put"] == 3
