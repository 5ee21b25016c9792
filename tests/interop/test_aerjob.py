"""What Aer's own job does: the first column of docs/reference/parity-aerjob.md, held against the Aer that is installed."""

from __future__ import annotations

import concurrent.futures
import inspect
import pickle
import threading

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Gate, Parameter
from qiskit.providers import JobError, JobStatus
from qiskit_aer import AerError, AerSimulator
from qiskit_aer.jobs import AerJob, utils

from tests.endtoend.test_failures import impossible
from tests.interop.helpers import PATIENCE, bell, number, until


class Gated:
    """Hand-made jobs that run until they are let go, on one thread as Aer's own do."""

    def __enter__(self):
        self.go = threading.Event()
        self.executor = concurrent.futures.ThreadPoolExecutor(1)
        return self

    def job(self) -> AerJob:
        def run(circuits, binds, options, job_id):
            assert self.go.wait(PATIENCE)
            return circuits

        job = AerJob(AerSimulator(), "id", run, circuits=[bell()], executor=self.executor)
        job.submit()
        return job

    def __exit__(self, *_) -> None:
        self.go.set()
        self.executor.shutdown()


def test_it_cannot_be_submitted_twice_nor_asked_before() -> None:
    job = AerJob(AerSimulator(), "id", lambda *_: None, circuits=[bell()])
    for ask in (job.result, job.status, job.cancel):
        with pytest.raises(JobError, match="not submitted"):
            ask()
    with pytest.raises(JobError, match="already been submitted"):
        AerSimulator().run(bell()).submit()


def test_it_is_initializing_while_it_waits_and_waits_for_the_one_before_it() -> None:
    with Gated() as gated:
        first, second = gated.job(), gated.job()
        until(first.running)
        assert second.status() is JobStatus.INITIALIZING
        assert utils.DEFAULT_EXECUTOR._max_workers == 1


def test_only_what_waits_can_be_cancelled() -> None:
    with Gated() as gated:
        first, second = gated.job(), gated.job()
        until(first.running)
        assert first.cancel() is False
        assert first.running()
        assert second.cancel() is True
        assert second.cancelled()
        with pytest.raises(concurrent.futures.CancelledError):
            second.result()
    assert first.result()
    assert first.cancel() is False


def test_a_timeout_is_a_timeout_error() -> None:
    with Gated() as gated, pytest.raises(concurrent.futures.TimeoutError):
        gated.job().result(timeout=0.01)
    assert concurrent.futures.TimeoutError is TimeoutError


def test_an_error_in_python_is_error_and_one_in_the_simulation_is_done() -> None:
    unbound = bell()
    unbound.rx(Parameter("theta"), 0)
    raised = AerSimulator().run(unbound)
    with pytest.raises(AerError, match="parameters"):
        raised.result()
    assert raised.status() is JobStatus.ERROR
    failed = AerSimulator().run(impossible())
    assert failed.result().success is False
    assert failed.status() is JobStatus.DONE
    partly = AerSimulator().run([bell(), impossible()]).result()
    assert (partly.success, partly.status) == (False, "PARTIAL COMPLETED")


def test_an_unknown_gate_spoils_the_whole_list() -> None:
    odd = QuantumCircuit(1, 1)
    odd.append(Gate("odd", 1, []), [0])
    odd.measure(0, 0)
    job = AerSimulator().run([bell(), odd])
    with pytest.raises(AerError, match="unknown instruction"):
        job.result()


def test_options_that_do_not_exist_and_dead_ones_are_overlooked() -> None:
    class Counting(concurrent.futures.ThreadPoolExecutor):
        submits = 0

        def submit(self, *args, **kwargs):
            self.submits += 1
            return super().submit(*args, **kwargs)

    with Counting(1) as executor:
        simulator = AerSimulator(executor=executor, max_job_size=1, max_shot_size=1)
        job = simulator.run([bell()] * 3, shots=5, nosuch=3, executor=executor)
        assert len(job.result().results) == 3
        assert job.executor() is not executor
        assert executor.submits == 0


def test_no_shots_at_all_is_no_error_and_no_circuits_is_one_in_the_result() -> None:
    assert AerSimulator().run(bell(), shots=0).result().success
    with pytest.raises(ValueError):
        AerSimulator().run([]).result()


def test_a_circuit_that_measures_nothing_has_an_empty_result() -> None:
    result = AerSimulator().run(QuantumCircuit(1)).result()
    assert result.success
    assert not hasattr(result.results[0].data, "counts")


def test_a_memory_set_before_is_overlooked() -> None:
    result = AerSimulator(memory=True).run(bell()).result()
    assert not hasattr(result.results[0].data, "memory")


def test_it_cannot_be_pickled() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(AerSimulator().run(bell()))


def test_its_circuits_are_those_given_in_a_list() -> None:
    circuit = bell()
    assert AerSimulator().run(circuit).circuits()[0] is circuit


def test_it_says_nothing_of_its_circuits_one_by_one() -> None:
    assert not {"progress", "queue_position", "error_message"} & {name for name, _ in inspect.getmembers(AerJob)}
    assert AerSimulator().run([number(1), number(2)]).metadata == {}
