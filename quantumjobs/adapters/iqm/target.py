"""Qiskit's targets for a quantum computer: the one that users see, and the one that we transpile for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from quantumjobs.adapters.iqm.device import Device, Pair, rates
from quantumjobs.adapters.iqm.star import Way, ways

if TYPE_CHECKING:
    from qiskit.transpiler import InstructionProperties, Target


def target(device: Device) -> Target:
    """The gates of the calibration set, each where it is calibrated, with errors and durations as far as known.

    It has the computer's qubits alone. Nothing but a state that a MOVE brought there can be in a resonator, so Qiskit,
    which would take it for one more qubit, does not see it: two qubits that share one have a `cz`, and the MOVEs are
    added when the circuit is run.
    """
    from qiskit.circuit import Reset
    from qiskit.circuit.library import IGate

    made = _common(device)
    made.add_instruction(IGate(), _everywhere(device))
    if device.conditional:
        made.add_instruction(Reset(), {(qubit,): None for qubit in device.conditional})
    return made


def virtual(device: Device) -> Target:
    """The same with what `merge` makes other gates of: an `rz` that costs nothing, and resets of fresh qubits.

    Optimisations that know that an rz commutes with a cz see more than among `r` alone.
    """
    from qiskit.circuit import Parameter, Reset
    from qiskit.circuit.library import RZGate

    made = _common(device)
    made.add_instruction(RZGate(Parameter("phi")), _everywhere(device))
    made.add_instruction(Reset(), _everywhere(device))
    return made


def _common(device: Device) -> Target:
    from qiskit.circuit import Delay, IfElseOp, Measure, Parameter
    from qiskit.circuit.library import CZGate, RGate
    from qiskit.transpiler import Target

    made = Target(num_qubits=device.qubits)
    known = _Known(device)
    made.add_instruction(RGate(Parameter("theta"), Parameter("phi")), known.singles("prx"))
    made.add_instruction(Measure(), known.singles("measure"))
    made.add_instruction(Delay(Parameter("duration")), _everywhere(device))
    pairs = known.pairs()
    if pairs:
        made.add_instruction(CZGate(), pairs)
    if device.conditional:
        made.add_instruction(IfElseOp, name="if_else")
    return made


def _everywhere(device: Device) -> dict[tuple[int, ...], None]:
    return {(qubit,): None for qubit in range(device.qubits)}


class _Known:
    """What is known of a device's gates."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._errors = rates(device.errors)
        self._durations = rates(device.durations)

    def singles(self, gate: str) -> dict[tuple[int, ...], InstructionProperties | None]:
        return {(qubit,): self._properties(gate, (qubit,)) for qubit in range(self._device.qubits)}

    def pairs(self) -> dict[tuple[int, ...], InstructionProperties | None]:
        """Each pair of qubits with a cz, in both directions: those of its own, and those through a resonator."""
        found: dict[tuple[int, ...], InstructionProperties | None] = {}
        for pair, possible in ways(self._device).items():
            found[pair] = self._best(pair, possible)
            found[pair[::-1]] = found[pair]
        return found

    def _properties(self, gate: str, locus: tuple[int, ...]) -> InstructionProperties | None:
        return _made(self._errors.get((gate, locus)), self._durations.get((gate, locus)))

    def _best(self, pair: Pair, possible: Iterable[Way]) -> InstructionProperties | None:
        """Of the way with the least error; with a resonator that of a cz and two moves."""
        found: list[tuple[float, Any]] = []
        for way in possible:
            if way.resonator is None:
                return self._properties("cz", pair)
            cz, move = ("cz", (way.still, way.resonator)), ("move", (way.mover, way.resonator))
            error = _error(self._errors.get(cz), self._errors.get(move))
            duration = _seconds(self._durations.get(cz), self._durations.get(move))
            found.append((2.0 if error is None else error, _made(error, duration)))
        return min(found, key=lambda one: one[0])[1]


def _error(cz: float | None, move: float | None) -> float | None:
    return None if cz is None or move is None else 1 - (1 - cz) * (1 - move) ** 2


def _seconds(cz: float | None, move: float | None) -> float | None:
    return None if cz is None or move is None else cz + 2 * move


def _made(error: float | None, duration: float | None) -> InstructionProperties | None:
    from qiskit.transpiler import InstructionProperties

    if error is None and duration is None:
        return None
    return InstructionProperties(error=error, duration=duration)
