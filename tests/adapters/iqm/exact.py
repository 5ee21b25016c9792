"""What circuits do, without sampling: their unitaries, and the probability of each outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit.library import RGate
from qiskit.quantum_info import Operator, Statevector

from quantumjobs.adapters.iqm.conditions import condition


def unitary(circuit: QuantumCircuit, begin: Sequence[int], end: Sequence[int]) -> np.ndarray[Any, Any]:
    """From the states of the qubits `begin`, all others being in 0, to those of `end`, where no others have part.

    A move is a swap. It is no unitary if something is left in the others.
    """
    used = sorted({circuit.find_bit(qubit).index for step in circuit.data for qubit in step.qubits} | {*begin, *end})
    at = {place: number for number, place in enumerate(used)}
    alone = QuantumCircuit(len(used))
    for step in circuit.data:
        places = [at[circuit.find_bit(qubit).index] for qubit in step.qubits]
        if step.name == "move":
            alone.swap(*places)
        else:
            alone.append(step.operation, places)

    def states(places: Sequence[int]) -> list[int]:
        bits = range(len(places))
        return [sum((state >> bit & 1) << at[places[bit]] for bit in bits) for state in range(1 << len(places))]

    return Operator(alone).data[np.ix_(states(end), states(begin))]


def distance(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    """How far one is from the other, global phase and a last turn about Z of each qubit left out."""
    found = one @ other.conj().T
    diagonal = np.diag(found)
    width = len(diagonal).bit_length() - 1
    turns = diagonal / diagonal[0]
    wanted = [np.prod([turns[1 << bit] for bit in range(width) if state >> bit & 1]) for state in range(1 << width)]
    away = [found - np.diag(diagonal), np.abs(diagonal) - 1, turns - wanted]
    return float(max(np.abs(one).max() for one in away))


def outcomes(circuit: QuantumCircuit) -> dict[str, float]:
    """The probability of each value of all clbits, the first one right-most; with measurements and conditions anywhere."""
    used = sorted({circuit.find_bit(qubit).index for step in circuit.data for qubit in step.qubits})
    at = {place: number for number, place in enumerate(used)}
    branches = [("0" * circuit.num_clbits, Statevector.from_int(0, 1 << len(used)))]
    for step in circuit.data:
        places = [at[circuit.find_bit(qubit).index] for qubit in step.qubits]
        branches = [after for bits, state in branches for after in _after(circuit, step, places, bits, state)]
    found: Counter[str] = Counter()
    for bits, state in branches:
        found[bits] += float(np.vdot(state.data, state.data).real)
    return {bits: chance for bits, chance in sorted(found.items()) if chance > 1e-12}


def _after(
    circuit: QuantumCircuit, step: Any, places: list[int], bits: str, state: Statevector
) -> list[tuple[str, Statevector]]:
    if step.name in {"barrier", "delay"}:
        return [(bits, state)]
    if step.name in {"measure", "reset"}:
        split = []
        for value in (0, 1):
            projector = np.zeros((2, 2))
            projector[0 if step.name == "reset" else value, value] = 1
            after = state.evolve(Operator(projector), places)
            if np.vdot(after.data, after.data).real > 1e-14:
                split.append((_written(circuit, step, bits, value) if step.name == "measure" else bits, after))
        return split
    if step.name == "if_else":
        if bits[-1 - circuit.find_bit(condition(step.operation)).index] == "1":
            body = step.operation.blocks[0]
            for inner in body.data:
                if inner.name != "barrier":
                    state = state.evolve(
                        inner.operation, [places[body.find_bit(qubit).index] for qubit in inner.qubits]
                    )
        return [(bits, state)]
    if step.name == "move":
        swap = QuantumCircuit(2)
        swap.swap(0, 1)
        return [(bits, state.evolve(swap, places))]
    return [(bits, state.evolve(RGate(*step.params) if step.name == "r" else step.operation, places))]


def _written(circuit: QuantumCircuit, step: Any, bits: str, value: int) -> str:
    at = circuit.num_clbits - 1 - circuit.find_bit(step.clbits[0]).index
    return f"{bits[:at]}{value}{bits[at + 1 :]}"


def apart(one: dict[str, float], other: dict[str, float]) -> float:
    """The largest difference of a probability."""
    return max(abs(one.get(outcome, 0.0) - other.get(outcome, 0.0)) for outcome in {*one, *other})
