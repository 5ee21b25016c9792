"""Qiskit's targets of chips and simulators, and circuits on a chip's own qubits."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.quantum_info import Operator

from quantumjobs.adapters.originq import originir, placing, target
from quantumjobs.adapters.originq.messages import About, Chip
from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators.originq_chips import CHIPS, information
from tests.adapters.originq.station import INFO

WUKONG, MESH = (msgspec.convert(information(chip), Chip) for chip in CHIPS)


def chip(**changed: Any) -> Chip:
    return msgspec.convert(INFO | changed, Chip)


def ghz(width: int) -> QuantumCircuit:
    circuit = QuantumCircuit(width, name="ghz", metadata={"a": 1})
    circuit.h(0)
    for qubit in range(1, width):
        circuit.cx(0, qubit)
    circuit.measure_all()
    return circuit


# --- targets ----------------------------------------------------------------------------------
def test_a_chips_numbers_are_errors_seconds_and_hertz():
    made = target.target(About("WK_C180", chip()))
    assert made.num_qubits == 3
    assert set(made.operation_names) == {"r", "cz", "measure"}
    assert made["r"][0,].error == pytest.approx(0.005)
    assert made["measure"][0,].error == pytest.approx(1 - 0.9234)
    assert made["cz"][0, 1].error == made["cz"][1, 0].error == pytest.approx(0.02)
    assert (0, 2) not in made["cz"]
    properties = made.qubit_properties[0]
    assert properties.t1 == pytest.approx(9.254e-6)
    assert properties.t2 == pytest.approx(1.128e-6)
    assert properties.frequency == pytest.approx(4.764e9)
    assert made.qubit_properties[2].t1 is None


def test_what_is_not_available_or_not_known_is_left_out():
    made = target.target(About("x", chip(AvailableQubits=[0, 2], QubitParams=None, BasicQGate=["RZ", "Oracle"])))
    assert set(made["r"]) == {(0,), (2,)}
    assert "rz" in made.operation_names
    assert "cz" not in made.operation_names  # its only edge has a qubit that is not there
    assert made["r"][0,] is None
    odd = chip(adjMatrix={"0": [{"v": 1, "w": 7.0}, {"v": 0, "w": 0.9}, {"v": 9, "w": 0.9}]})
    assert set(target.target(About("x", odd))["cz"]) == {(0, 1), (1, 0)}
    assert target.target(About("x", odd))["cz"][0, 1] is None


@pytest.mark.parametrize(
    ("backend", "qubits"), [("full_amplitude", 33), ("partial_amplitude", 64), ("single_amplitude", 200)]
)
def test_a_simulator_takes_every_gate_of_originir_anywhere(backend: str, qubits: int):
    made = target.target(About(backend))
    assert made.num_qubits == qubits
    assert {"h", "cx", "rzz", "ccx", "u", "measure", "reset"} <= set(made.operation_names)
    circuit = transpile(ghz(5), target=made, optimization_level=1)
    assert originir.written(circuit, expand=False)
    assert made.build_coupling_map() is None


def test_a_chip_that_was_not_asked_about_has_no_target():
    with pytest.raises(UsageError, match="nothing is known of chip 'WK'"):
        target.target(About("WK"))


# --- placing ----------------------------------------------------------------------------------
@pytest.mark.parametrize("level", [0, 1, 3])
@pytest.mark.parametrize("where", [WUKONG, MESH], ids=["WK_C180", "PQPUMESH8"])
def test_circuits_are_placed_on_available_qubits_and_calibrated_pairs(where: Chip, level: int):
    edges = {frozenset((int(here), one.v)) for here, there in (where.edges or {}).items() for one in there}
    made = placing.placed(ghz(5), where, transpile=True, level=level)
    assert (made.name, made.metadata) == ("ghz", {"a": 1})
    for step in made.data:
        places = [made.find_bit(qubit).index for qubit in step.qubits]
        assert set(places) <= set(where.available)
        assert step.name in {"r", "cz", "measure", "barrier"}
        assert step.name != "cz" or frozenset(places) in edges


def test_a_qubit_alone_is_not_placed_where_none_is():
    small = QuantumCircuit(1)
    small.h(0)
    small.measure_all()
    made = placing.placed(small, WUKONG, transpile=True, level=1)
    assert {made.find_bit(qubit).index for step in made.data for qubit in step.qubits} <= set(WUKONG.available)


def test_what_was_transpiled_for_the_target_stays_as_it_is():
    ready = transpile(ghz(3), target=target.target(About("x", MESH)), optimization_level=1, seed_transpiler=1)
    assert placing.placed(ready, MESH, transpile=True, level=3) is ready
    assert placing.placed(ready, MESH, transpile=False, level=3) is ready


def test_the_circuit_stays_the_same():
    circuit = QuantumCircuit(2)
    circuit.ry(0.3, 0)
    circuit.cx(0, 1)
    made = placing.placed(circuit, chip(), transpile=True, level=0)
    used = sorted({made.find_bit(qubit).index for step in made.data for qubit in step.qubits})
    again = QuantumCircuit(2)
    for step in made.data:
        again.append(step.operation, [used.index(made.find_bit(qubit).index) for qubit in step.qubits])
    assert any(
        Operator(again.reverse_bits() if flip else again).equiv(Operator(circuit), rtol=0, atol=1e-9) for flip in (0, 1)
    )


@pytest.mark.parametrize(
    ("circuit", "transpiled", "words"),
    [
        (ghz(8), True, "has 8 qubits; PQPUMESH8 has 7 that are available"),
        (ghz(2), False, "has h on 0, which the chip does not have there; leave out transpile=False"),
        (ghz(9), False, "has 9 qubits; the chip's last one is 7"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_to_do(circuit: QuantumCircuit, transpiled: bool, words: str):
    with pytest.raises(UsageError, match=words):
        placing.placed(circuit, MESH, transpile=transpiled, level=1)


def test_odd_lists_of_qubits_and_pairs_do_no_harm():
    made = placing.placed(ghz(2), chip(AvailableQubits=[0, 0, 1, 2]), transpile=True, level=1)
    assert {made.find_bit(qubit).index for step in made.data for qubit in step.qubits} == {0, 1}
    for edges in ({}, None):
        with pytest.raises(UsageError, match="WK_C180 tells of no pairs of qubits"):
            placing.placed(ghz(2), chip(adjMatrix=edges), transpile=True, level=1)


def test_conditions_are_refused_in_the_end():
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)
    with pytest.raises(UsageError, match="conditions and loops"):
        originir.written(placing.placed(circuit, MESH, transpile=True, level=1), hardware=True)
