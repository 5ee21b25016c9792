"""Circuits of which several tests make use."""

from __future__ import annotations

from qiskit import QuantumCircuit


def places_of(circuit: QuantumCircuit) -> list[tuple[str, tuple[int, ...]]]:
    return [(step.name, tuple(circuit.find_bit(qubit).index for qubit in step.qubits)) for step in circuit.data]


def ghz(width: int) -> QuantumCircuit:
    circuit = QuantumCircuit(width, name="ghz", metadata={"who": "me"})
    circuit.h(0)
    for place in range(1, width):
        circuit.cx(0, place)
    circuit.measure_all()
    return circuit


def native_pair() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.r(0.3, 0.2, 0)
    circuit.x(1)
    circuit.cz(0, 1)
    circuit.ry(0.5, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit
