"""Who asks for every shot never gets zeros that nobody measured."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import BackendSamplerV2
from qiskit.providers import JobError

import quantumjobs as qj
from quantumjobs.core.entries import entry, entry_from_counts, entry_from_memory
from quantumjobs.core.results import Result
from quantumjobs.interop.qiskit import backend
from quantumjobs.interop.qiskit.memory import FROM_COUNTS, completed
from tests.interop.helpers import CountsCodec, NothingCodec, bell, cloud, on

REGISTERS = (("a", 1), ("bb", 2))


def test_a_memory_that_is_there_stays_as_it_is() -> None:
    result = Result.of([entry_from_memory(["101", "000", "101"], registers=REGISTERS)]).to_qiskit()
    assert completed(result, [bell()]) is result


def test_a_memory_is_made_from_counts_and_says_so() -> None:
    entries = [
        entry_from_counts({"101": 2, "000": 1, "110": 3}, registers=REGISTERS, name="one", metadata={"kept": 1}),
        entry_from_memory(["11", "00"], name="two"),
    ]
    result = completed(Result.of(entries, about={"job_id": "7"}).to_qiskit(), [bell(), bell()])
    assert result.get_memory(0) == ["00 0", *["10 1"] * 2, *["11 0"] * 3]
    assert result.get_counts(0) == {"00 0": 1, "10 1": 2, "11 0": 3}
    assert result.results[0].metadata == {"kept": 1, "memory": FROM_COUNTS}
    assert result.results[0].header["creg_sizes"] == [["a", 1], ["bb", 2]]
    assert result.get_memory(1) == ["11", "00"]
    assert "memory" not in result.results[1].metadata
    assert result.job_id == "7"


def nothing(clbits: int, count: int = 1):
    return Result.of([entry(b"", clbits, shots=4, name="empty")] * count).to_qiskit()


def test_with_nothing_to_make_it_from_it_raises() -> None:
    for circuit in (bell(), "OPENQASM 3.0; bit c;"):
        with pytest.raises(qj.ResultUnavailable, match="'empty'.*memory=True"):
            completed(nothing(2), [circuit])
    with pytest.raises(qj.ResultUnavailable):  # one circuit with three bindings
        completed(nothing(2, 3), [bell()])


def test_a_circuit_that_measures_nothing_needs_none() -> None:
    completed(nothing(0), [bell()])
    completed(nothing(2), [QuantumCircuit(2, 2)])


def test_a_measurement_inside_a_branch_counts() -> None:
    circuit = QuantumCircuit(1, 2)
    with circuit.if_test((circuit.clbits[0], 0)):
        circuit.measure(0, 1)
    with pytest.raises(qj.ResultUnavailable):
        completed(nothing(2), [circuit])


def test_the_sampler_has_the_counts_of_a_cloud_that_tells_nothing_else() -> None:
    with on(cloud(CountsCodec())) as fake:
        job = fake.run(bell(), memory=True, shots=40)
        assert job.result().results[0].metadata == {"where": "there", "memory": FROM_COUNTS}
        assert set(job.result().get_memory()) == {"00", "11"}
        sampled = BackendSamplerV2(backend=fake).run([bell()], shots=40).result()[0].data.c
        newest = fake._client.jobs()[0]
        assert newest is not job.job
        assert sampled.get_counts() == newest.result().counts
        assert sampled.num_shots == 40
        assert not hasattr(fake.run(bell(), shots=40).result().results[0].data, "memory")


def test_the_sampler_raises_for_a_cloud_that_tells_nothing_at_all() -> None:
    with on(cloud(NothingCodec())) as fake:
        with pytest.raises(JobError) as error:
            BackendSamplerV2(backend=fake).run([bell()], shots=40).result()
        assert isinstance(error.value, qj.ResultUnavailable)
        job = fake.run(bell(), memory=True)
        assert job.job.wait().state == "completed"


def test_bindings_of_one_circuit_each_have_a_memory() -> None:
    theta = Parameter("theta")
    circuit = QuantumCircuit(1)
    circuit.rx(theta, 0)
    circuit.measure_all()
    result = backend("aer").run(circuit, parameter_binds=[{theta: [0.0, 0.0, 0.0]}], memory=True, shots=3).result()
    assert [result.get_memory(place) for place in range(3)] == [["0"] * 3] * 3
