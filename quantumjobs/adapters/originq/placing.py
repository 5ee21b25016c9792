"""Circuits on a chip's own qubits, for tasks that the service is not to place (`mapping=False`). In a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from quantumjobs.adapters.originq import target
from quantumjobs.adapters.originq.messages import Chip
from quantumjobs.circuits import look, native
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.transpiler import Target


def placed(circuit: QuantumCircuit, chip: Chip, *, transpile: bool, level: int) -> QuantumCircuit:
    """The circuit in the chip's gates, qubit i being the chip's qubit i.

    One that was transpiled for the backend's target stays as it is, and so does every circuit with `transpile=False`,
    which then has to fit. Raises `UsageError` that goes on after the circuit's name.
    """
    numbers = {qubit: qubit for qubit in chip.available}
    whole = target.of_chip(chip, numbers)
    misfit = _misfit(circuit, whole)
    if misfit is None and (not transpile or circuit.layout is not None):
        return circuit
    if not transpile:
        raise UsageError(f"{misfit}; leave out transpile=False, or transpile it for the backend's target")
    if circuit.num_qubits > len(numbers):
        raise UsageError(f"has {circuit.num_qubits} qubits; {chip.name} has {len(numbers)} that are available")
    if not chip.edges and any(len(step.qubits) > 1 for step in circuit.data if step.name != "barrier"):
        raise UsageError(
            f"has gates on several qubits; {chip.name} tells of no pairs of qubits: leave out mapping=False"
        )
    if not look.CONTROL_FLOW.isdisjoint(circuit.count_ops()):
        return circuit  # refused when it is written, with what to do
    return _widened(_transpiled(circuit, chip, level), sorted(numbers))


def _transpiled(circuit: QuantumCircuit, chip: Chip, level: int) -> QuantumCircuit:
    """On the available qubits alone, counted from 0: Qiskit would take one that is not available for an idle place."""
    compact = {qubit: number for number, qubit in enumerate(sorted(set(chip.available)))}
    key = ("originq", msgspec.json.encode(chip))
    try:
        passes = native.passes(key, level, lambda: target.of_chip(chip, compact))
        return native.transpiled(circuit, passes)
    except Exception as error:  # Qiskit raises what it likes
        raise UsageError(f"cannot be transpiled: {error}") from error


def _widened(circuit: QuantumCircuit, places: list[int]) -> QuantumCircuit:
    from qiskit import QuantumCircuit, QuantumRegister

    width = max(places) + 1
    made: QuantumCircuit = QuantumCircuit(QuantumRegister(width, "q"), name=circuit.name, metadata=circuit.metadata)
    made.add_bits(circuit.clbits)
    made.add_register(*circuit.cregs)
    for step in circuit.data:
        made.append(step.operation, [places[circuit.find_bit(qubit).index] for qubit in step.qubits], step.clbits)
    return made


def _misfit(circuit: QuantumCircuit, whole: Target) -> str | None:
    """Why it does not fit as it is; None where it does."""
    if circuit.num_qubits > whole.num_qubits:
        return f"has {circuit.num_qubits} qubits; the chip's last one is {whole.num_qubits - 1}"
    for step in circuit.data:
        if step.name == "barrier":
            continue
        places = tuple(circuit.find_bit(qubit).index for qubit in step.qubits)
        if not whole.instruction_supported(step.name, places):
            return f"has {step.name} on {' and '.join(map(str, places))}, which the chip does not have there"
    return None
