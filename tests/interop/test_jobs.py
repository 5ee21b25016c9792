"""Every method of the job that Qiskit's programs know, before, while and after it runs."""

from __future__ import annotations

import concurrent.futures
import itertools
import pickle
import threading
import time

import pytest
from qiskit import QuantumCircuit
from qiskit.providers import JobError, JobStatus, JobTimeoutError, JobV1
from qiskit.result import Result
from qiskit_aer import AerSimulator

import quantumjobs as qj
from quantumjobs.blocking import Client
from quantumjobs.core.records import Progress
from quantumjobs.interop.qiskit import QiskitBackend, QiskitJob, backend
from quantumjobs.testing.fake import Fault
from tests.endtoend.helpers import volume
from tests.endtoend.test_failures import impossible
from tests.interop.helpers import NEVER, PATIENCE, bell, cloud, end, number, on, until


@pytest.fixture
def aer() -> QiskitBackend:
    return backend("aer")


# --- an ended job -----------------------------------------------------------------------
def test_a_finished_job_gives_what_aer_gives(aer: QiskitBackend) -> None:
    job = aer.run(bell(), shots=100, seed_simulator=3, memory=True)
    result = job.result()
    theirs = AerSimulator().run(bell(), shots=100, seed_simulator=3, memory=True).result()
    assert isinstance(result, Result)
    assert result.success
    assert result.get_counts() == theirs.get_counts()
    assert result.get_memory() == theirs.get_memory()
    assert result.results[0].header == theirs.results[0].header
    assert (result.job_id, result.backend_name) == (job.job_id(), aer.name)


def test_a_finished_job_says_done_and_nothing_else(aer: QiskitBackend) -> None:
    job = aer.run(bell())
    job.result()
    assert isinstance(job, JobV1)
    assert job.version == 1
    assert job.status() is JobStatus.DONE
    assert (job.done(), job.running(), job.cancelled(), job.in_final_state()) == (True, False, False, True)
    assert job.error_message() is None
    assert job.queue_position() is None
    assert job.progress() == Progress(1, 1)
    assert job.backend() is aer
    assert job.job_id() == job.job.id
    assert repr(job) == f"<QiskitJob {job.job_id()[:8]} aer completed>"


def test_the_result_is_made_once(aer: QiskitBackend) -> None:
    job = aer.run(bell())
    assert job.result() is job.result(timeout=0.0)


def test_saved_states_come_as_aer_gives_them(aer: QiskitBackend) -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.save_statevector()
    theirs = AerSimulator().run(circuit).result().get_statevector()
    assert aer.run(circuit).result().get_statevector() == theirs


def test_the_circuits_are_those_given_in_a_list(aer: QiskitBackend) -> None:
    circuits = [bell(), bell()]
    assert all(mine is given for mine, given in zip(aer.run(circuits).circuits(), circuits, strict=True))
    assert aer.run(circuits[0]).circuits() == [circuits[0]]


def test_a_list_is_one_result_in_its_order(aer: QiskitBackend) -> None:
    result = aer.run([number(value) for value in range(8)], shots=10).result()
    assert [result.get_counts(place) for place in range(8)] == [{format(value, "03b"): 10} for value in range(8)]
    assert result.get_counts("number-5") == {"101": 10}


def test_a_second_submit_raises(aer: QiskitBackend) -> None:
    with pytest.raises(JobError, match="already been submitted"):
        aer.run(bell()).submit()


def test_the_executor_is_the_one_given(aer: QiskitBackend) -> None:
    assert aer.run(bell()).executor() is None
    with concurrent.futures.ThreadPoolExecutor(1) as executor, Client(providers={"aer": {"executor": executor}}) as own:
        job = backend("aer", own).run(bell(), shots=5)
        assert sum(job.result().get_counts().values()) == 5
        assert job.executor() is executor
    with on(cloud()) as fake:
        assert fake.run(bell()).executor() is None


def test_a_job_cannot_be_pickled_but_found_by_its_id() -> None:
    with Client() as client:
        job = backend("aer", client).run(bell())
        with pytest.raises(TypeError):
            pickle.dumps(job)
        assert client.job(job.job_id()) is job.job


# --- a job under way --------------------------------------------------------------------
def test_a_queued_job_says_queued() -> None:
    with on(cloud(queued=NEVER, hints=True)) as fake:
        job = fake.run([bell(), bell()])
        assert job.status() is JobStatus.QUEUED
        assert (job.done(), job.running(), job.cancelled(), job.in_final_state()) == (False, False, False, False)
        assert job.progress().total == 2
        until(lambda: job.queue_position() is not None)
        job.cancel()


def test_a_job_not_accepted_yet_says_initializing() -> None:
    with on(cloud(queued=NEVER, latency={"submit": NEVER})) as fake:
        job = fake.run(bell(), until="recorded")
        assert job.status() is JobStatus.INITIALIZING
        assert not job.in_final_state()


def test_a_running_job_says_running() -> None:
    with on(cloud(running=NEVER)) as fake:
        job = fake.run(bell())
        until(job.running)
        assert job.status() is JobStatus.RUNNING
        assert job.cancel()


def test_a_timeout_ends_the_wait_and_not_the_job() -> None:
    provider = cloud(running=NEVER)
    with on(provider) as fake:
        job = fake.run(bell(), shots=10)
        with pytest.raises(concurrent.futures.TimeoutError) as timeout:
            job.result(timeout=0.05)
        assert isinstance(timeout.value, qj.ResultTimeout)
        assert not isinstance(timeout.value, JobError)
        assert (timeout.value.job, timeout.value.token) == (job.job, job.job_id())
        end(provider)
        assert sum(job.result(timeout=PATIENCE).get_counts().values()) == 10


def test_a_timeout_is_kept_while_aer_simulates(aer: QiskitBackend) -> None:
    job = aer.run(volume(20, 400))
    until(job.running)
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        job.result(timeout=0.1)
    passed = time.monotonic() - begun
    assert job.running()
    job.cancel()
    assert passed < 10  # the simulation takes longer by far


# --- cancelling -------------------------------------------------------------------------
def check_cancelled(job: QiskitJob) -> None:
    assert job.status() is JobStatus.CANCELLED
    assert (job.done(), job.running(), job.cancelled(), job.in_final_state()) == (False, False, True, True)
    with pytest.raises(concurrent.futures.CancelledError) as cancelled:
        job.result()
    assert isinstance(cancelled.value, qj.JobCancelled)
    assert isinstance(cancelled.value, JobError)
    assert cancelled.value.job is job.job
    assert job.cancel()  # as a future says of itself


def test_a_queued_job_can_be_cancelled() -> None:
    with on(cloud(queued=NEVER)) as fake:
        job = fake.run(bell())
        assert job.cancel() is True
        check_cancelled(job)


def test_a_running_simulation_can_be_cancelled(aer: QiskitBackend) -> None:
    job = aer.run(volume(20, 400))
    until(job.running)
    assert job.cancel() is True
    check_cancelled(job)


def test_a_finished_job_cannot_be_cancelled(aer: QiskitBackend) -> None:
    job = aer.run(bell())
    job.result()
    assert job.cancel() is False
    assert job.done()


@pytest.mark.parametrize(("answer", "said"), [("accepted", True), ("refused", False), ("unsupported", False)])
def test_what_a_cancel_comes_to_depends_on_the_provider(answer: str, said: bool) -> None:
    provider = cloud(queued=NEVER, cancel=answer, cancelling=0.0)
    with on(provider) as fake:
        job = fake.run(bell())
        assert job.cancel() is said
        if said:
            job.wait_for_final_state(timeout=PATIENCE)
        assert job.cancelled() is said


# --- failing ----------------------------------------------------------------------------
def test_a_failed_job_raises_with_what_was_finished() -> None:
    with on(cloud(outcome="failed", partial=1)) as fake:
        job = fake.run([bell(), bell()], shots=10)
        with pytest.raises(JobError) as failed:
            job.result()
        error = failed.value
        assert isinstance(error, qj.JobFailed)
        assert error.job is job.job
        assert isinstance(error.__cause__, qj.JobFailed)
        assert str(error) == error.message == str(error.__cause__)
        assert (job.status(), job.done(), job.in_final_state()) == (JobStatus.ERROR, False, True)
        assert job.error_message() == str(error)


def test_the_old_result_with_success_false_is_the_errors_partial(aer: QiskitBackend) -> None:
    circuits = [bell(), impossible(), bell()]
    theirs = AerSimulator().run([bell(), impossible()], shots=10)
    assert (theirs.result().success, theirs.status()) == (False, JobStatus.DONE)  # what Aer does
    with pytest.raises(qj.JobFailed) as failed:
        aer.run(circuits, shots=10).result()
    result = failed.value.partial.to_qiskit()
    assert isinstance(result, Result)
    assert (result.success, result.status) == (False, "PARTIAL COMPLETED")
    assert [one.success for one in result.results] == [True, False, True]
    assert sum(result.get_counts(2).values()) == 10


def test_a_refused_submission_is_an_error_of_both() -> None:
    refused = qj.ProviderRejected("no such gate", provider="fake")
    with on(cloud(script={"submit": [refused]})) as fake, pytest.raises(JobError) as rejected:
        fake.run(bell())
    assert isinstance(rejected.value, qj.JobRejected)


def test_a_submission_in_doubt_is_an_error_of_both_and_no_wait_hangs() -> None:
    with on(cloud(fail_submit=[Fault.REQUEST_LOST] * 2)) as fake:
        with pytest.raises(JobError) as uncertain:
            fake.run(bell())
        assert isinstance(uncertain.value, qj.SubmissionUncertain)
        job = fake.run(bell(), until="recorded")
        for wait in (job.result, job.wait_for_final_state, lambda: job.wait_for_final_state(callback=print)):
            with pytest.raises(JobError) as uncertain:
                wait()
            assert isinstance(uncertain.value, qj.SubmissionUncertain)
            assert uncertain.value.attempts == 1
        assert job.status() is JobStatus.INITIALIZING
        assert "may or may not" in job.error_message()
        job.job.abandon()
        assert job.status() is JobStatus.ERROR
        with pytest.raises(qj.JobLost):
            job.result()


def test_a_bug_in_an_adapter_ends_every_wait() -> None:
    provider = cloud(queued=NEVER)
    with on(provider) as fake:
        job = fake.run(bell())
        provider.breaks = {"poll": KeyError("oops")}
        for wait in (job.result, job.wait_for_final_state):
            with pytest.raises(JobError) as error:
                wait()
            assert isinstance(error.value, qj.AdapterError)
            assert error.value.provider == "fake"
        assert not job.in_final_state()


def test_a_job_of_a_closed_client_says_so() -> None:
    with on(cloud(queued=NEVER)) as fake:
        job = fake.run(bell())
    for wait in (job.result, job.wait_for_final_state, job.cancel):
        with pytest.raises(qj.UsageError, match="clos"):
            wait()


# --- waiting for the final state ----------------------------------------------------------
def test_the_end_is_noticed_at_once_whatever_wait_says() -> None:
    provider = cloud(running=NEVER)
    seen = []

    def callback(job_id, status, job):
        seen.append((job_id, status, job))
        end(provider)

    with on(provider) as fake:
        job = fake.run(bell())
        job.wait_for_final_state(timeout=PATIENCE, wait=NEVER, callback=callback)
        assert job.in_final_state()
    assert [(job_id, one) for job_id, _, one in seen] == [(job.job_id(), job)]
    assert seen[0][1] in {JobStatus.QUEUED, JobStatus.RUNNING}


def test_the_callback_is_called_every_wait_seconds_and_never_at_the_end() -> None:
    provider = cloud(running=NEVER)
    seen = []

    def callback(job_id, status, job):
        seen.append((time.monotonic(), status))
        if len(seen) == 4:
            end(provider)

    with on(provider) as fake:
        job = fake.run(bell())
        job.wait_for_final_state(timeout=PATIENCE, wait=0.05, callback=callback)
    times = [at for at, _ in seen]
    assert all(later - earlier >= 0.05 for earlier, later in itertools.pairwise(times[:4]))
    assert not {status for _, status in seen} & {JobStatus.DONE, JobStatus.ERROR, JobStatus.CANCELLED}


def test_a_job_that_has_ended_calls_nobody(aer: QiskitBackend) -> None:
    job = aer.run(bell())
    job.result()
    assert job.wait_for_final_state(timeout=0, callback=pytest.fail) is None


@pytest.mark.parametrize("callback", [None, lambda *_: None])
def test_a_wait_for_the_final_state_has_a_timeout_in_seconds(callback) -> None:
    with on(cloud(running=NEVER)) as fake:
        job = fake.run(bell())
        begun = time.monotonic()
        with pytest.raises(JobTimeoutError) as timeout:
            job.wait_for_final_state(timeout=0.2, wait=NEVER, callback=callback)
        assert 0.2 <= time.monotonic() - begun < PATIENCE
        assert isinstance(timeout.value, qj.ResultTimeout)
        assert (timeout.value.job, timeout.value.token) == (job.job, job.job_id())
        assert not job.in_final_state()


def test_waiting_for_the_final_state_never_raises_for_how_it_ended() -> None:
    with on(cloud(outcome="failed")) as fake:
        job = fake.run(bell())
        job.wait_for_final_state()
        assert job.status() is JobStatus.ERROR
    with on(cloud(queued=NEVER)) as fake:
        job = fake.run(bell())
        threading.Timer(0.05, job.cancel).start()
        job.wait_for_final_state()
        assert job.cancelled()


def test_no_wait_between_callbacks_keeps_no_core_busy() -> None:
    provider = cloud(running=NEVER)
    seen = []
    with on(provider) as fake, pytest.raises(JobTimeoutError):
        fake.run(bell()).wait_for_final_state(timeout=0.2, wait=0, callback=lambda *_: seen.append(1))
    assert 0 < len(seen) <= 0.2 / 0.001 + 10


# --- threads ----------------------------------------------------------------------------
def test_eight_threads_run_jobs_of_their_own(aer: QiskitBackend) -> None:
    def several(value: int) -> list[dict[str, int]]:
        return [aer.run(number(value), shots=20).result().get_counts() for _ in range(5)]

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        found = list(threads.map(several, range(8)))
    assert found == [[{format(value, "03b"): 20}] * 5 for value in range(8)]


def test_eight_threads_share_one_job_and_get_one_result() -> None:
    provider = cloud(running=NEVER)
    together = threading.Barrier(9)

    def wait(job: QiskitJob):
        together.wait()
        return job.result(timeout=PATIENCE)

    with on(provider) as fake, concurrent.futures.ThreadPoolExecutor(8) as threads:
        job = fake.run(bell())
        waits = [threads.submit(wait, job) for _ in range(8)]
        together.wait()
        end(provider)
        results = {id(one.result()) for one in waits}
        assert results == {id(job.result())}
