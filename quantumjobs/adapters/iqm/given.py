"""Circuits as they were given: refused where IQM cannot run them, and written in one way before more is done."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from quantumjobs.adapters.iqm import conditions
from quantumjobs.circuits import look
from quantumjobs.circuits.names import plainly_named
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Clbit

UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12, "dt": 1e-9}
"""Seconds. That dt, in which a delay is where nothing else is said, is 1 ns is what IQM's own client says."""
_MOST = 5
"""Of a list in a message."""


def check(circuit: QuantumCircuit) -> None:
    """Raises `UsageError` for what no transpiling can help."""
    unbound = look.unbound(circuit)
    if unbound:
        shown = ", ".join(unbound[:_MOST]) + (f" and {len(unbound) - _MOST} more" if len(unbound) > _MOST else "")
        raise UsageError(f"has parameters without a value: {shown}; bind them by circuit.assign_parameters({{...}})")
    if circuit.num_vars or circuit.num_stretches:
        raise UsageError("has variables of its own (add_var, add_stretch), which IQM does not run")
    measured: set[Clbit] = set()
    for step in circuit.data:
        if step.name in look.CONTROL_FLOW:
            conditions.check(step.operation)
        elif step.name == "measure":
            clbit = step.clbits[0]
            if clbit in measured:
                raise UsageError(
                    f"measures twice into {_named(circuit, clbit)}, and IQM's results have a place for one of them: "
                    "give each measurement a bit of its own"
                )
            measured.add(clbit)


def plain(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with no more than Qiskit's own gates under their names, one qubit to a condition, delays in seconds."""
    circuit = plainly_named(circuit, _standard())
    if not any(step.name in {"if_else", "delay"} for step in circuit.data):
        return circuit
    made = circuit.copy_empty_like()
    for step in circuit.data:
        if step.name == "if_else":
            _split(step, made)
        elif step.name == "delay":
            made.delay(seconds(step.operation), step.qubits[0], unit="s")
        else:
            made.append(step)
    return made


def seconds(operation: Any) -> float:
    """How long a delay is. Raises `UsageError` where that is not a number."""
    unit = UNITS.get(operation.unit)
    duration = operation.duration
    if unit is None or not isinstance(duration, (int, float)) or not isfinite(duration):
        raise UsageError(f"has a delay of {duration} {operation.unit}: give it in s, ms, us, ns, ps or dt (1 ns)")
    return float(duration * unit)


def placed(circuit: QuantumCircuit, width: int, places: Sequence[int]) -> QuantumCircuit:
    """The circuit on `width` qubits, each of its own at its place."""
    made = blank(circuit, width)
    for step in circuit.data:
        made.append(step.operation, [places[circuit.find_bit(qubit).index] for qubit in step.qubits], step.clbits)
    return made


def blank(circuit: QuantumCircuit, width: int) -> QuantumCircuit:
    """An empty circuit on so many qubits, with the other one's bits, registers, name and metadata."""
    from qiskit import QuantumCircuit, QuantumRegister

    made: QuantumCircuit = QuantumCircuit(QuantumRegister(width, "q"), name=circuit.name, metadata=circuit.metadata)
    made.add_bits(circuit.clbits)
    made.add_register(*circuit.cregs)
    return made


def _split(step: Any, made: QuantumCircuit) -> None:
    """One condition for each qubit: what one of them waits for, another need not."""
    from qiskit import QuantumCircuit

    clbit = conditions.condition(step.operation)
    body = plainly_named(step.operation.blocks[0], _standard())
    for place, qubit in enumerate(step.qubits):
        bit = body.qubits[place]
        own = [inner for inner in body.data if inner.name != "barrier" and inner.qubits[0] == bit]
        if own:
            block = QuantumCircuit([qubit], [clbit])
            for inner in own:
                block.append(inner.operation, [qubit])
            made.if_test((clbit, 1), block, [qubit], [clbit])


@functools.cache
def _standard() -> dict[str, Any]:
    """Qiskit's gates by the names that its transpiler knows them under."""
    from qiskit.circuit import Gate
    from qiskit.circuit.library import get_standard_gate_name_mapping

    return {name: gate.base_class for name, gate in get_standard_gate_name_mapping().items() if isinstance(gate, Gate)}


def _named(circuit: QuantumCircuit, clbit: Clbit) -> str:
    found = circuit.find_bit(clbit)
    if not found.registers:
        return f"clbit {found.index}"
    register, place = found.registers[0]
    return f"{register.name}[{place}]"
