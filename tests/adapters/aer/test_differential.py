"""What we give is what Aer itself gives for the same circuits, options and seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_aer import AerSimulator
from qiskit_aer.noise import depolarizing_error

from quantumjobs.core.results import Result
from tests.adapters.aer import helpers, programs

METHODS = ("automatic", "statevector", "density_matrix", "matrix_product_state")


def aer(circuits: list[QuantumCircuit], **options: Any) -> Any:
    return AerSimulator().run(circuits, **options).result()


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, dict):
        return (
            type(ours) is type(theirs)
            and ours.keys() == theirs.keys()
            and all(same(ours[key], theirs[key]) for key in theirs)
        )
    if isinstance(theirs, (list, tuple)):
        return type(ours) is type(theirs) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(theirs, np.ndarray):
        return isinstance(ours, np.ndarray) and ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    return type(ours) is type(theirs) and bool(ours == theirs)


def as_numbers(outcomes: Any) -> Any:
    if isinstance(outcomes, dict):
        return {int(key, 16): number for key, number in outcomes.items()}
    return [int(key, 16) for key in outcomes]


def compare(result: Result, theirs: Any, *, text: bool = True) -> None:
    ours = result.to_qiskit()
    assert ours.success == theirs.success
    assert len(ours.results) == len(theirs.results) == len(result)
    for place, (mine, other) in enumerate(zip(ours.results, theirs.results, strict=True)):
        assert mine.success == other.success
        if not other.success:  # Aer cannot simulate it
            assert result[place].error in other.status
            continue
        assert mine.header == other.header
        assert (mine.shots, mine.status, mine.seed_simulator) == (other.shots, other.status, other.seed_simulator)
        data, wanted = mine.data.to_dict(), other.data.to_dict()
        assert data.keys() == wanted.keys()
        for key, value in wanted.items():
            if key in {"counts", "memory"}:  # above 64 bits Aer keeps some leading zeros
                assert as_numbers(data[key]) == as_numbers(value)
                continue
            assert same(data[key], value), (key, data[key], value)
        assert mine.metadata["method"] == other.metadata["method"]
        if text and "counts" in wanted:
            assert result[place].counts == theirs.get_counts(place)
            if "memory" in wanted:
                assert result[place].memory == theirs.get_memory(place)


@pytest.mark.parametrize("start", range(0, 120, 20))
@pytest.mark.parametrize("memory", [False, True])
def test_a_list_gives_what_aer_gives_for_the_list(start: int, memory: bool) -> None:
    circuits = [programs.circuit(number) for number in range(start, start + 20)]
    method = METHODS[start // 20 % 2]
    result = helpers.run(circuits, memory=memory, seed_simulator=start, shots=60, method=method)
    options = {"max_parallel_threads": 1, "max_memory_mb": 4096, "method": method, "shots": 60}
    compare(result, aer(circuits, memory=memory, seed_simulator=start, **options))


@pytest.mark.parametrize("number", range(1000, 1080))
def test_a_single_circuit_gives_what_aer_gives(number: int) -> None:
    circuit = programs.circuit(number)
    memory, model = number % 2 == 0, programs.noise() if number % 3 == 0 else None
    result = helpers.run(circuit, memory=memory, seed_simulator=number, shots=40, noise_model=model)
    options = {"max_parallel_threads": 1, "max_memory_mb": 4096, "noise_model": model, "shots": 40}
    compare(result, aer([circuit], memory=memory, seed_simulator=number, **options))


def test_wide_circuits_give_what_aer_gives() -> None:
    circuits = [programs.wide(number, clbits) for number, clbits in enumerate((64, 65, 75, 130))]
    for memory in (False, True):
        result = helpers.run(circuits, backend="stabilizer", memory=memory, seed_simulator=5, shots=30)
        compare(result, aer(circuits, method="stabilizer", memory=memory, seed_simulator=5, shots=30))


def test_loose_bits_give_aers_document_and_lose_nothing_in_ours() -> None:
    circuits = [programs.loose_bits(number) for number in range(5)]
    result = helpers.run(circuits, seed_simulator=5, memory=True)
    compare(result, aer(circuits, seed_simulator=5, memory=True, shots=100), text=False)
    assert all(len(key) == 4 for one in result for key in one.counts)


def test_saved_states_of_other_methods_give_what_aer_gives() -> None:
    cases = {
        "unitary": ("save_unitary", "save_state"),
        "superop": ("save_superop",),
        "stabilizer": ("save_stabilizer", "save_clifford", "save_state"),
        "matrix_product_state": ("save_matrix_product_state", "save_state", "save_statevector"),
    }
    for method, saves in cases.items():
        for name in saves:
            circuit = QuantumCircuit(2)
            circuit.h(0)
            circuit.cx(0, 1)
            getattr(circuit, name)()
            result = helpers.run(circuit, backend=method, seed_simulator=3)
            compare(result, aer([circuit], method=method, seed_simulator=3, shots=100))


def test_parameter_binds_are_expanded_as_aer_does() -> None:
    one, two = Parameter("one"), Parameter("two")
    circuit = QuantumCircuit(2, name="bound", metadata={"a": 1})
    circuit.rx(one, 0)
    circuit.ry(2 * two + one, 1)
    circuit.measure_all()
    fixed = programs.circuit(7)
    binds = [{one: [0.1, 1.2, 2.0], two: [1, 2, 3]}, {}, {one: np.array([0.3]), two: [0.0]}]
    result = helpers.run([circuit, fixed, circuit], parameter_binds=binds, seed_simulator=9, memory=True)
    theirs = aer([circuit, fixed, circuit], parameter_binds=binds, seed_simulator=9, memory=True, shots=100)
    assert len(result) == 5
    compare(result, theirs)


def test_a_circuit_with_a_channel_does_not_touch_its_neighbours() -> None:
    noisy = QuantumCircuit(2, name="noisy")
    noisy.h(0)
    noisy.append(depolarizing_error(0.3, 1), [0])
    noisy.cx(0, 1)
    noisy.measure_all()
    plain = programs.circuit(0)
    result = helpers.run([plain, noisy, plain, noisy], seed_simulator=100, memory=True)
    for place, circuit in enumerate((plain, noisy, plain, noisy)):
        compare(result[place : place + 1], aer([circuit], seed_simulator=100 + 2113 * place, memory=True, shots=100))


def test_a_transpiled_circuit_gives_what_aer_gives_for_the_transpiled_one() -> None:
    circuit = QuantumCircuit(3, name="foreign", metadata={"kept": True})
    circuit.h(range(3))
    circuit.iswap(0, 1)
    circuit.rccx(0, 1, 2)
    circuit.measure_all()
    (part,) = helpers.prepare(circuit, seed_simulator=4)
    from quantumjobs.workers.aer import load

    transpiled = load(helpers.task(part).items[0])
    result = helpers.run_part(part)
    compare(result, aer([transpiled], seed_simulator=4, shots=100))
    assert result[0].name == "foreign"
    assert result.metadata["circuit_metadata"] == {"kept": True}


def test_parts_and_batches_do_not_show_in_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    circuits = [programs.circuit(number) for number in range(40)]
    whole = helpers.run(circuits, seed_simulator=77, memory=True)
    monkeypatch.setattr("quantumjobs.adapters.aer.codec._SMALL", 1e-9)
    monkeypatch.setattr("quantumjobs.workers.aer._BATCH_SECONDS", 0.0)
    parts = helpers.prepare(circuits, seed_simulator=77, memory=True)
    assert len(parts) > 3
    cut = Result.of_parts([helpers.run_part(part) for part in parts])
    assert [one.memory for one in cut] == [one.memory for one in whole]
    assert [one.seed for one in cut] == [77 + 2113 * place for place in range(40)]
