"""Questions about a circuit that several codecs ask. Runs in a worker."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

CONTROL_FLOW = frozenset({"if_else", "while_loop", "for_loop", "switch_case", "box"})
_NOT_GATES = frozenset({"barrier", "delay", "snapshot"})


def operations(circuit: QuantumCircuit) -> Counter[str]:
    """How often each instruction occurs, by name, also inside control flow."""
    names: Counter[str] = Counter(circuit.count_ops())
    if not CONTROL_FLOW.isdisjoint(names):
        for instruction in circuit.data:
            if instruction.name in CONTROL_FLOW:
                for block in instruction.operation.blocks:
                    names += operations(block)
    return names


def unbound(circuit: QuantumCircuit) -> list[str]:
    """Names of the parameters that have no value, sorted."""
    return sorted(parameter.name for parameter in circuit.parameters) if circuit.num_parameters else []


def active_qubits(circuit: QuantumCircuit) -> int:
    """How many qubits can have an influence on what is measured or saved.

    A simulator that leaves the others out needs no memory for them, so this is a lower bound.
    """
    active: set[object] = set()
    for instruction in reversed(circuit.data):
        name = instruction.name
        if name in _NOT_GATES:
            continue
        qubits = instruction.qubits
        if name == "measure" or name.startswith("save_") or name in CONTROL_FLOW or not active.isdisjoint(qubits):
            active.update(qubits)
    return len(active)
