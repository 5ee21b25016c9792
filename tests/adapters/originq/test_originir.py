"""Qiskit's circuits as OriginIR: the statements, and that they mean the same to another reader.

pyqpanda3 judges 157 circuits in tests/oracles/originq/test_circuits.py.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from qiskit import QuantumCircuit, qasm2
from qiskit.circuit import Gate, Parameter
from qiskit.circuit import library as lib
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import Operator, random_unitary

from quantumjobs.adapters.originq import originir
from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import originq_run
from quantumjobs.testing.emulators.originir import parse


def body(circuit: QuantumCircuit, **settings: bool) -> list[str]:
    """The statements behind the declarations."""
    return originir.written(circuit, **settings).split("\n")[2:-1]


def one(gate: Gate, *qubits: int) -> list[str]:
    circuit = QuantumCircuit(max(qubits) + 1)
    circuit.append(gate, list(qubits))
    return body(circuit)


@pytest.mark.parametrize(
    ("gate", "lines"),
    [
        (lib.HGate(), ["H q[1]"]),
        (lib.SdgGate(), [f"P q[1],({-math.pi / 2!r})"]),
        (lib.SXGate(), [f"RX q[1],({math.pi / 2!r})"]),
        (lib.RXGate(0.1234567890123456), ["RX q[1],(0.1234567890123456)"]),
        (lib.RZGate(1e-20), ["RZ q[1],(1e-20)"]),
        (lib.RGate(0.5, 0.25), ["RPhi q[1],(0.5,0.25)"]),
        (lib.UGate(0.5, 0.25, 0.125), ["U3 q[1],(0.5,0.25,0.125)"]),
    ],
)
def test_gates_on_one_qubit_are_statements_with_all_digits(gate: Gate, lines: list[str]):
    assert one(gate, 1) == lines


@pytest.mark.parametrize(
    ("gate", "lines"),
    [
        (lib.CXGate(), ["CNOT q[2],q[0]"]),
        (lib.CHGate(), ["CONTROL q[2]", "H q[0]", "ENDCONTROL"]),
        (lib.CUGate(0.1, 0.2, 0.3, 0.4), ["P q[2],(0.4)", "CONTROL q[2]", "U3 q[0],(0.1,0.2,0.3)", "ENDCONTROL"]),
        (lib.CXGate(ctrl_state=0), ["X q[2]", "CNOT q[2],q[0]", "X q[2]"]),
        (lib.CSXGate(), ["H q[0]", f"CP q[2],q[0],({math.pi / 2!r})", "H q[0]"]),
    ],
)
def test_controls_come_first_and_open_ones_are_flipped_around(gate: Gate, lines: list[str]):
    assert one(gate, 2, 0) == lines


def test_any_number_of_controls_is_one_block():
    assert one(lib.MCXGate(4), 0, 1, 2, 3, 4) == ["CONTROL q[0],q[1],q[2],q[3]", "X q[4]", "ENDCONTROL"]


def test_no_gate_that_differs_by_a_phase_stands_inside_a_control():
    lines = one(lib.SXGate().control(2, annotated=False), 0, 1, 2)
    inside = lines[lines.index("CONTROL q[0],q[1]") + 1 : lines.index("ENDCONTROL")]
    assert not any(line.startswith("RX") for line in inside)


@pytest.mark.parametrize("seed", range(6))
def test_another_reader_finds_the_same_circuit(seed: int):
    circuit = random_circuit(4, 5, max_operands=4, seed=seed)
    again = originq_run.build(parse(originir.written(circuit)), every=True)
    assert Operator(again).equiv(Operator(circuit), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    "gate",
    [
        lib.QFTGate(3),
        lib.PauliGate("XYZ"),
        lib.PermutationGate([2, 0, 1]),
        lib.UnitaryGate(random_unitary(8, seed=2)),
        lib.RZZGate(0.3).inverse(annotated=True),
        lib.SXGate().control(1, annotated=True, ctrl_state=0),
        lib.CUGate(0.1, 0.2, 0.3, 0.4).control(1, annotated=False),
        lib.RYGate(0.4).power(0.5, annotated=True),
    ],
    ids=lambda gate: gate.name,
)
def test_what_originir_has_no_statement_for_is_taken_apart(gate: Gate):
    circuit = QuantumCircuit(3)
    circuit.append(gate, list(range(gate.num_qubits)))
    again = originq_run.build(parse(originir.written(circuit)), every=True)
    assert Operator(again).equiv(Operator(circuit), rtol=0, atol=1e-9)


def test_without_taking_apart_it_is_refused():
    circuit = QuantumCircuit(2)
    circuit.ecr(0, 1)
    with pytest.raises(UsageError, match="an instruction that OriginIR does not have: ecr"):
        originir.written(circuit, expand=False)
    plain = QuantumCircuit(2)
    plain.cu(0.1, 0.2, 0.3, 0.4, 0, 1)
    plain.sx(0)
    plain.measure_all()
    assert originir.written(plain, expand=False) == originir.written(plain)


def test_what_has_no_definition_is_left_to_qiskit():
    class Odd(Gate):
        def __init__(self) -> None:
            super().__init__("odd", 1, [])

        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            return np.array([[0, 1], [1, 0]])

    circuit = QuantumCircuit(1)
    circuit.append(Odd(), [0])
    with pytest.raises(UsageError, match="cannot be written as OriginIR"):
        originir.written(circuit)


def test_a_gate_that_only_has_a_known_name_is_what_its_definition_says():
    text = 'OPENQASM 2.0; include "qelib1.inc"; gate r(a) x { rx(2*a) x; } qreg q[1]; r(0.25) q[0];'
    assert body(qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)) == ["RX q[0],(0.5)"]


@pytest.mark.parametrize("name", ["barrier", "delay", "reset", "measure"])
@pytest.mark.parametrize("deep", [False, True])
def test_a_gate_that_is_called_as_an_instruction_is_not_taken_for_it(name: str, deep: bool):
    inner = QuantumCircuit(1, name=name)
    inner.x(0)
    if deep:
        outer = QuantumCircuit(1, name="outer")
        outer.append(inner.to_gate(), [0])
        inner = outer
    circuit = QuantumCircuit(1, 1)
    circuit.append(inner.to_gate(), [0])
    assert originir.measured(circuit) == ()
    circuit.measure(0, 0)
    assert body(circuit, hardware=True) == ["X q[0]", "MEASURE q[0],c[0]"]


# --- bits -------------------------------------------------------------------------------------
def test_measured_bits_are_numbered_without_gaps_and_remembered():
    circuit = QuantumCircuit(3, 9)
    circuit.measure([2, 0, 1], [7, 4, 1])
    lines = originir.written(circuit).split("\n")
    assert lines[:2] == ["QINIT 3", "CREG 3"]
    assert lines[2:-1] == ["MEASURE q[2],c[2]", "MEASURE q[0],c[1]", "MEASURE q[1],c[0]"]
    assert originir.measured(circuit) == ((0, 1), (1, 4), (2, 7))


def test_a_program_without_measurements_declares_one_bit_as_the_vendors_do():
    assert originir.written(QuantumCircuit(2)) == "QINIT 2\nCREG 1\n"


# --- refusals ---------------------------------------------------------------------------------
def conditional() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)
    return circuit


def twice() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 1)
    circuit.measure([0, 1], [0, 0])
    return circuit


def unbound() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    for number in range(7):
        circuit.rx(Parameter(f"a{number}"), 0)
    return circuit


def endless() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.rx(float("inf"), 0)
    return circuit


@pytest.mark.parametrize(
    ("circuit", "words"),
    [
        (conditional(), "does not run conditions and loops"),
        (twice(), "measures twice into one classical bit"),
        (unbound(), "parameters without a value: a0, a1, a2, a3, a4 and 2 more"),
        (endless(), "rx with the angle inf"),
    ],
)
def test_what_cannot_be_run_is_refused_with_what_to_do(circuit: QuantumCircuit, words: str):
    with pytest.raises(UsageError, match=words):
        originir.written(circuit)


def test_chips_measure_at_the_end_and_know_no_delays():
    later = QuantumCircuit(2, 2)
    later.measure(0, 0)
    later.h(0)
    later.measure(0, 1)
    late = QuantumCircuit(1, 1)
    late.delay(100, 0)
    late.measure(0, 0)
    assert body(late) == ["MEASURE q[0],c[0]"]
    assert body(later) == ["MEASURE q[0],c[0]", "H q[0]", "MEASURE q[0],c[1]"]
    with pytest.raises(UsageError, match="measure at the end"):
        originir.written(later, hardware=True)
    with pytest.raises(UsageError, match="has a delay"):
        originir.written(late, hardware=True)
    other = QuantumCircuit(2, 1)
    other.measure(0, 0)
    other.barrier()
    other.h(1)
    assert body(other, hardware=True) == ["MEASURE q[0],c[0]", "BARRIER q[0],q[1]", "H q[1]"]


def test_chips_know_no_delays_inside_of_instructions_either():
    inner = QuantumCircuit(1)
    inner.delay(100, 0)
    inner.x(0)
    circuit = QuantumCircuit(1)
    circuit.append(inner.to_instruction(), [0])
    assert body(circuit) == ["X q[0]"]
    with pytest.raises(UsageError, match="has a delay"):
        originir.written(circuit, hardware=True)


def test_instructions_with_measurements_inside_are_to_be_inlined():
    inner = QuantumCircuit(1, 1)
    inner.measure(0, 0)
    circuit = QuantumCircuit(1, 1)
    circuit.append(inner.to_instruction(), [0], [0])
    with pytest.raises(UsageError, match="with classical bits inside"):
        originir.written(circuit)


def test_initial_states_and_resets_are_written():
    circuit = QuantumCircuit(2)
    circuit.initialize([0, 1, 0, 0], [0, 1])
    circuit.reset(1)
    lines = body(circuit)
    assert lines[:2] == ["RESET q[0]", "RESET q[1]"]
    assert lines[-1] == "RESET q[1]"
