"""Gates that are called as others are. Runs in a worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


def plainly_named(circuit: QuantumCircuit, known: Mapping[str, Any]) -> QuantumCircuit:
    """The circuit without gates that only share their names with a device's: a program may define its own `r`.

    `known`: Qiskit's classes of the device's gates, by name.

    Where the definition says the same (as in programs that Qiskit exported), the gate becomes Qiskit's.
    """
    from qiskit.circuit import CircuitInstruction
    from qiskit.quantum_info import Operator

    odd: set[str] = set()
    changed: QuantumCircuit | None = None
    for place, instruction in enumerate(circuit.data):
        cls = known.get(instruction.name)
        if cls is None or instruction.operation.base_class is cls:
            continue
        try:
            theirs, ours = Operator(instruction.operation), cls(*instruction.params)
            same = theirs.equiv(Operator(ours), rtol=0, atol=1e-12)
        except Exception:  # other parameters, or no definition
            ours, same = None, False
        if same:
            changed = circuit.copy() if changed is None else changed
            changed.data[place] = CircuitInstruction(ours, instruction.qubits, instruction.clbits)
        else:
            odd.add(instruction.name)
    circuit = circuit if changed is None else changed
    return circuit.decompose(sorted(odd)) if odd else circuit
