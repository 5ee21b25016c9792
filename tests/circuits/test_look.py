from __future__ import annotations

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter

from quantumjobs.circuits import cost, look, native


def test_operations_are_counted_inside_control_flow_too() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as other:
        circuit.x(0)
        with circuit.for_loop(range(2)):
            circuit.x(0)
    with other:
        circuit.h(0)
    assert look.operations(circuit) == {"measure": 1, "if_else": 1, "for_loop": 1, "x": 2, "h": 1}


def test_unbound_parameters_are_named() -> None:
    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("b"), 0)
    circuit.rz(Parameter("a"), 0)
    assert look.unbound(circuit) == ["a", "b"]


def test_qubits_that_influence_nothing_are_not_active() -> None:
    circuit = QuantumCircuit(10, 1)
    circuit.h(range(10))
    circuit.cx(1, 0)
    circuit.barrier()
    circuit.measure(0, 0)
    circuit.cx(2, 0)
    assert look.active_qubits(circuit) == 2


def test_an_open_control_counts_as_its_gate() -> None:
    assert native.foreign(["cx_o0", "h", "foo", "bar_o1"], frozenset({"cx", "h"})) == ["bar_o1", "foo"]


def test_cost_grows_with_qubits_gates_and_shots() -> None:
    small = QuantumCircuit(2)
    small.h(0)
    names = look.operations(small)
    base = cost.statevector(10, 10, names, 100).seconds
    assert cost.statevector(20, 10, names, 100).seconds > base
    assert cost.statevector(10, 10, names, 10_000).seconds > base
    assert cost.statevector(10, 10, names + names, 100).seconds > base
    assert cost.statevector(10, 10, names, 100, per_shot=True).seconds > base
    assert cost.statevector(30, 10, names, 100).memory == 16 << 30
