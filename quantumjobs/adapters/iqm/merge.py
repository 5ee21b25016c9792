"""Runs of single-qubit gates to one `r` each. What is left of a run is a turn about Z, which waits for the next one.

A turn about Z commutes with cz, delays, barriers and measurements. It shifts the phase of the qubit's next `r`, and
before a reset or the end of the circuit it is dropped: nothing that can be observed depends on it. So the result equals
the circuit up to global phase and a last turn about Z of each qubit.
"""

from __future__ import annotations

from math import atan2, cos, hypot, pi, remainder, sin
from typing import TYPE_CHECKING, Any

from quantumjobs.adapters.iqm.conditions import condition
from quantumjobs.circuits import turns
from quantumjobs.circuits.turns import NONE, Turn, times

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.circuit import Clbit, Qubit

TURNS = frozenset({"r", "rx", "ry", "x", "y"})
"""Names of Qiskit's gates that are a prx."""


def angles(operation: Any) -> tuple[float, float]:
    """Angle and phase of the prx that one of `TURNS` is, in radians."""
    match operation.name:
        case "x":
            return pi, 0.0
        case "y":
            return pi, pi / 2
        case "rx":
            return float(operation.params[0]), 0.0
        case "ry":
            return float(operation.params[0]), pi / 2
    return float(operation.params[0]), float(operation.params[1])


def merged(circuit: QuantumCircuit) -> QuantumCircuit:
    """The circuit with `r` as its only single-qubit gate, on the same qubits.

    Its gates are of `TURNS`, rz, id and cz, and in the bodies of its conditions of one qubit. Half turns wait, too, as
    long as only cz's come, behind which they leave a Z on the other qubit.
    """
    made = _Merging(circuit)
    for step in circuit.data:
        made.add(step)
    made.settle(circuit.qubits)
    return made.result


def whole(turn: Turn) -> list[tuple[float, float]]:
    """Any rotation by prx alone: none, one, or two of them (angle, phase), in the order of time."""
    w, x, y, z = turn
    if hypot(x, y, z) < turns.TINY / 2:
        return []
    if abs(z) < turns.TINY / 2:
        return [(2 * atan2(hypot(x, y), w), atan2(y, x))]
    # Half a turn about an axis in the plane is taken out at the end, so chosen that no turn about Z is left.
    phase = atan2(y, x)
    w, x, y, _ = times((0.0, -cos(phase), -sin(phase), 0.0), turn)
    return [(2 * atan2(hypot(x, y), w), atan2(y, x)), (pi, phase)]


class _Merging:
    """The result so far, and the rotation that waits on each qubit."""

    def __init__(self, circuit: QuantumCircuit) -> None:
        self.result: QuantumCircuit = circuit.copy_empty_like()
        self.result._layout = circuit._layout
        self._waiting: dict[Qubit, Turn] = dict.fromkeys(circuit.qubits, NONE)
        self._fresh = set(circuit.qubits)
        """Those for which no r has been written, and so are in 0."""

    def add(self, step: Any) -> None:
        if step.name in TURNS or step.name in {"rz", "id"}:
            qubit = step.qubits[0]
            self._waiting[qubit] = times(_turn(step), self._waiting[qubit])
            return
        match step.name:
            case "cz":
                self._cz(*step.qubits)
            case "if_else":
                self._conditional(step)
                return
            case "reset":
                self._waiting[step.qubits[0]] = NONE  # whatever the state was before
                if step.qubits[0] in self._fresh:  # the first thing that initialize() does
                    return
            case _:
                self.settle(step.qubits)
        self.result.append(step)

    def settle(self, qubits: Any) -> None:
        """Write the r's that wait, so that no more than a turn about Z does."""
        for qubit in qubits:
            last, angle, phase = turns.as_rz_r(self._waiting[qubit])
            if not turns.is_none(angle):
                self._write(angle, remainder(phase, 2 * pi), qubit)
            self._waiting[qubit] = turns.rz(last)

    def _cz(self, *qubits: Qubit) -> None:
        halves = [qubit for qubit in qubits if turns.as_rz_r(self._waiting[qubit]).middle == pi]
        self.settle([qubit for qubit in qubits if qubit not in halves])
        for qubit in halves:
            (other,) = (one for one in qubits if one != qubit)
            self._waiting[other] = times(turns.Z, self._waiting[other])

    def _conditional(self, step: Any) -> None:
        """The turn that waits is the same whether or not the body is run, so the body must leave none of its own."""
        clbit = condition(step.operation)
        body = step.operation.blocks[0]
        found = dict.fromkeys(step.qubits, NONE)
        for inner in body.data:
            if inner.name != "barrier":
                qubit = step.qubits[body.find_bit(inner.qubits[0]).index]
                found[qubit] = times(_turn(inner), found[qubit])
        self.settle(step.qubits)
        for qubit, turn in found.items():
            waits = self._waiting[qubit]
            rotations = whole(times(_inverse(waits), times(turn, waits)))
            if rotations:
                self._write_if(clbit, qubit, rotations)

    def _write_if(self, clbit: Clbit, qubit: Qubit, rotations: list[tuple[float, float]]) -> None:
        from qiskit import QuantumCircuit

        self._fresh.discard(qubit)
        body = QuantumCircuit([qubit], [clbit])
        for angle, phase in rotations:
            body.r(angle, phase, qubit)
        self.result.if_test((clbit, 1), body, [qubit], [clbit])

    def _write(self, angle: float, phase: float, qubit: Qubit) -> None:
        self._fresh.discard(qubit)
        self.result.r(angle, phase, qubit)


def _turn(step: Any) -> Turn:
    if step.name == "r":
        return turns.r(*map(float, step.params))
    if step.name == "rz":
        return turns.rz(float(step.params[0]))
    return NONE if step.name == "id" else turns.r(*angles(step.operation))


def _inverse(turn: Turn) -> Turn:
    w, x, y, z = turn
    return w, -x, -y, -z
