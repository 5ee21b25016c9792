"""Qiskit's circuits as Braket's OpenQASM: what is written, what is refused, and that it means the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Clbit, Gate, Parameter, Qubit
from qiskit.circuit import library as lib
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import Operator

from quantumjobs.adapters.braket import gates, openqasm
from quantumjobs.adapters.braket.about import OPENQASM, About, Action, Capabilities
from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import braket_gates
from quantumjobs.testing.emulators.braket_qasm import Step, parse

CLOSE = 1e-9
IONS = ["x", "y", "z", "rx", "ry", "rz", "h", "cnot", "s", "si", "t", "ti", "v", "vi", "xx", "yy", "zz", "swap"]


def words(operations: list[str] | None = None, *, qpu: bool = False) -> gates.Words:
    arn = "arn:aws:braket:us-east-1::device/qpu/x/Y" if qpu else "arn:aws:braket:::device/quantum-simulator/amazon/sv1"
    action = Action(supported_operations=operations)
    return gates.words(About(arn=arn, name="Y" if qpu else "SV1", capabilities=Capabilities(action={OPENQASM: action})))


def lines(circuit: QuantumCircuit, *, qpu: bool = False, operations: list[str] | None = None) -> list[str]:
    return openqasm.statements(circuit, words(operations, qpu=qpu)).lines


def unitary(circuit: QuantumCircuit, operations: list[str] | None = None) -> Operator:
    """Of what was written, as the emulator understands Braket's gates."""
    made = openqasm.statements(circuit, words(operations))
    text = "\n".join([f"OPENQASM 3.0;\nqubit[{circuit.num_qubits}] q;", *made.lines, ""])
    found = Operator(np.eye(1 << circuit.num_qubits))
    for step in parse(text, {}).steps:
        found = found.compose(_operator(step), qargs=list(step.qubits))
    return Operator(found.data * np.exp(1j * made.phase))


def _operator(step: Step) -> Operator:
    return Operator(braket_gates.matrix(step)).reverse_qargs()


def apart(circuit: QuantumCircuit, operations: list[str] | None = None) -> float:
    return float(np.abs(unitary(circuit, operations).data - Operator(circuit).data).max())


# --- the same ---------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(gates.TABLE))
def test_each_gate_of_the_table_is_exactly_qiskits(name: str):
    gate = lib.get_standard_gate_name_mapping()[name].base_class
    angles = [0.3, -0.7, 1.1][: len(lib.get_standard_gate_name_mapping()[name].params)]
    circuit = QuantumCircuit(3)
    circuit.append(gate(*angles), list(range(gate(*angles).num_qubits))[::-1])
    assert len(lines(circuit)) == 1
    assert apart(circuit) < CLOSE


@pytest.mark.parametrize("name", ["x", "y", "z", "s", "sdg", "t", "tdg", "sx", "sxdg", "p", "u1"])
def test_a_turn_in_place_of_a_gate_keeps_its_phase(name: str):
    gate = lib.get_standard_gate_name_mapping()[name].base_class
    circuit = QuantumCircuit(1)
    circuit.append(gate(*[0.3] * (name in "p u1")), [0])
    (line,) = lines(circuit, operations=["rx", "ry", "rz"])
    assert line.startswith("r")
    assert apart(circuit, ["rx", "ry", "rz"]) < CLOSE


@pytest.mark.parametrize("seed", range(12))
def test_random_circuits_stay_the_same_with_their_phase(seed: int):
    assert apart(random_circuit(4, 4, max_operands=4, seed=seed)) < CLOSE


@pytest.mark.parametrize(
    "gate",
    [
        lib.CXGate(ctrl_state=0), lib.CCXGate(ctrl_state=1), lib.XGate().control(3, ctrl_state=5, annotated=False),
        lib.CUGate(0.1, 0.2, 0.3, 0.4), lib.CUGate(0.1, 0.2, 0.3, 0.4, ctrl_state=0), lib.SwapGate().control(2, ctrl_state=2, annotated=False),
        lib.SXGate().control(2, annotated=True), lib.RZZGate(0.3).inverse(annotated=True), lib.SGate().power(0.5, annotated=True),
        lib.GlobalPhaseGate(0.3).control(1, annotated=False), lib.UnitaryGate(np.array([[0, 1j], [1, 0]])), lib.QFTGate(3),
    ],
    ids=lambda gate: gate.name,
)  # fmt: skip
def test_open_controls_modifiers_and_definitions_stay_the_same(gate: Gate):
    circuit = QuantumCircuit(4, global_phase=0.2)
    circuit.append(gate, list(range(gate.num_qubits))[::-1])
    assert apart(circuit) < CLOSE


def test_a_gate_that_only_has_a_known_name_is_taken_apart():
    inner = QuantumCircuit(1, name="h")
    inner.t(0)
    circuit = QuantumCircuit(1)
    circuit.append(inner.to_gate(), [0])
    assert lines(circuit) == ["t q[0];"]


def test_angles_have_all_their_digits():
    circuit = QuantumCircuit(1)
    circuit.rx(0.1 + 0.2, 0)
    circuit.rz(np.float64(-1e-17), 0)
    circuit.p(1, 0)
    assert lines(circuit) == ["rx(0.30000000000000004) q[0];", "rz(-1e-17) q[0];", "phaseshift(1.0) q[0];"]


# --- places -----------------------------------------------------------------------------------
def test_measurements_come_last_and_in_the_order_of_clbits():
    circuit = QuantumCircuit(3, 4)
    circuit.measure(0, 3)
    circuit.x(2)
    circuit.measure([1, 2], [0, 1])
    made = openqasm.statements(circuit, words())
    assert made.lines == ["x q[2];"]
    assert made.measured == {0: 1, 1: 2, 3: 0}
    assert list(made.measured) == [0, 1, 3]
    assert openqasm.measurements(made) == ["b[0] = measure q[1];", "b[1] = measure q[2];", "b[2] = measure q[0];"]
    assert made.used == {2}


def test_bits_without_a_register_have_places_too():
    circuit = QuantumCircuit([Qubit(), Qubit()], [Clbit(), Clbit()])
    circuit.cx(1, 0)
    circuit.measure(0, 1)
    made = openqasm.statements(circuit, words(), places="${}")
    assert made.lines == ["cnot $1, $0;"]
    assert openqasm.measurements(made, "${}") == ["b[0] = measure $0;"]


def test_a_global_phase_is_written_where_there_is_one():
    assert openqasm.phase(0.0) == openqasm.phase(2 * math.pi) == openqasm.phase(-2 * math.pi) == []
    assert openqasm.phase(0.3) == ["gphase(0.3);"]


# --- what does nothing ------------------------------------------------------------------------
def test_barriers_and_a_simulators_delays_are_left_out():
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.barrier()
    circuit.delay(100, 0)
    assert lines(circuit) == ["h q[0];"]


def test_a_reset_of_a_fresh_qubit_does_nothing():
    circuit = QuantumCircuit(2)
    circuit.initialize([0.5, 0.5j, -0.5, 0.5])
    assert not any("reset" in line for line in lines(circuit))


# --- refusals ---------------------------------------------------------------------------------
def _refused() -> dict[str, tuple[QuantumCircuit, str]]:
    found: dict[str, tuple[QuantumCircuit, str]] = {}

    def case(name: str, words: str, *, qubits: int = 2, clbits: int = 2) -> QuantumCircuit:
        circuit = QuantumCircuit(qubits, clbits)
        found[name] = circuit, words
        return circuit

    case("parameter", r"without a value: theta; bind them by circuit.assign_parameters").rx(Parameter("theta"), 0)
    with (one := case("condition", "if_else: Braket does not run")).if_test((one.clbits[0], 1)):
        one.x(0)
    one = case("variable", "variables of its own")
    one.add_var("a", False)
    one = case("reset", "reset of a qubit in use")
    one.h(0)
    one.reset(0)
    one = case("reset after measuring", "reset of a qubit in use")
    one.measure(0, 0)
    one.reset(0)
    one = case("going on", "goes on with a qubit after it was measured.*measure at the end")
    one.measure(0, 0)
    one.h(0)
    one = case("going on with others", "goes on with a qubit")
    one.measure(0, 0)
    one.append(lib.CUGate(0.1, 0.2, 0.3, 0.4), [1, 0])
    one = case("one bit twice", "twice into one classical bit")
    one.measure(0, 0)
    one.measure(1, 0)
    one = case("one qubit twice", "measures qubit 0 twice")
    one.measure(0, 0)
    one.measure(0, 1)
    case("no number", "rx with the angle nan").rx(math.nan, 0)
    inner = QuantumCircuit(1, 1)
    inner.measure(0, 0)
    case("inside", "classical bits inside").append(inner.to_instruction(), [0], [0])
    return found


@pytest.mark.parametrize("name", _refused())
def test_what_does_not_run_is_refused_with_what_to_do(name: str):
    circuit, told = _refused()[name]
    with pytest.raises(UsageError, match=told):
        lines(circuit)


def test_a_delay_is_refused_on_a_qpu_alone():
    circuit = QuantumCircuit(1)
    circuit.delay(100, 0)
    assert lines(circuit) == []
    with pytest.raises(UsageError, match="has a delay"):
        lines(circuit, qpu=True)


def test_what_ends_in_no_gate_of_the_device_is_unknown():
    circuit = QuantumCircuit(1)
    circuit.u(0.1, 0.2, 0.3, 0)
    with pytest.raises(openqasm.Unknown, match="u"):
        lines(circuit, operations=IONS)
    circuit = QuantumCircuit(1)
    circuit.append(Gate("mystery", 1, []), [0])
    with pytest.raises(openqasm.Unknown, match="mystery"):
        lines(circuit)


def test_nothing_is_taken_apart_against_the_users_will():
    circuit = QuantumCircuit(2)
    circuit.rzx(0.3, 0, 1)
    with pytest.raises(UsageError, match="SV1 does not have: rzx.*leave out transpile=False"):
        openqasm.statements(circuit, words(), expand=False)
    circuit = QuantumCircuit(2)
    circuit.cx(0, 1)
    assert openqasm.statements(circuit, words(), expand=False).lines == ["cnot q[0], q[1];"]
