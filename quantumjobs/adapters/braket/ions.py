"""Native gates of trapped ions, for verbatim boxes: a turn about Z is no gate there, but changes the axes of later ones.

Qiskit has no such gates: circuits have `r`, `rz`, and `rxx` or `rzz`, or gates called `gpi`, `gpi2`, `ms` and `zz` as
IonQ's plug-in for Qiskit has them, with angles in turns. Global phases are dropped: no state is asked of a QPU.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite, pi, tau
from typing import TYPE_CHECKING, Any

import msgspec

from quantumjobs.adapters.braket import openqasm
from quantumjobs.adapters.braket.gates import Words
from quantumjobs.adapters.braket.openqasm import Statements
from quantumjobs.circuits.operations import is_qiskits
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_AXES = {"rx": 0.0, "ry": pi / 2}
_ZS = {"z": pi, "s": pi / 2, "sdg": -pi / 2, "t": pi / 4, "tdg": -pi / 4}
_TURNS = {"x": (pi, 0.0), "y": (pi, pi / 2), "sx": (pi / 2, 0.0), "sxdg": (-pi / 2, 0.0)}
_PAIRS = {"rxx": "ms", "rzz": "zz"}
_OWN = {"gpi": (1, 1, 1), "gpi2": (1, 1, 1), "ms": (2, 2, 3), "zz": (2, 1, 1)}
"""Qubits, and the least and the greatest number of angles, of gates that are Braket's own."""
_CLOSE = 1e-12


def known(operation: Any, native: frozenset[str]) -> bool:
    """Whether it can be written as it is."""
    name = operation.name
    if is_qiskits(operation):
        if name in _PAIRS:
            return _PAIRS[name] in native
        return name in {*_AXES, *_ZS, *_TURNS, "r", "rz", "p", "id", "barrier", "measure"}
    if name not in _OWN or name not in native or getattr(operation, "definition", None) is not None:
        return False
    qubits, least, most = _OWN[name]
    return operation.num_qubits == qubits and least <= len(operation.params) <= most


def statements(circuit: QuantumCircuit, words: Words, places: str, *, settle: bool) -> Statements:
    """A circuit of gates that are `known`. `settle`: leave no axes turned, for those who measure along others than Z."""
    writing = _Writing([places.format(qubit) for qubit in range(circuit.num_qubits)])
    made = openqasm.statements(
        circuit, msgspec.structs.replace(words, names={}), expand=False, places=places, own=writing.gate
    )
    if settle:
        made.lines += writing.settled()
    return made


class _Writing:
    """Remembers by how much each qubit's axes are turned: what was written, and then an `rz` of that, is the circuit."""

    def __init__(self, at: Sequence[str]) -> None:
        self._at = at
        self._turned = [0.0] * len(at)

    def gate(self, operation: Any, on: Sequence[int]) -> Iterator[str]:
        name = operation.name
        angles = [float(angle) for angle in operation.params]
        for angle in angles:
            if not isfinite(angle):
                raise UsageError(f"has {name} with the angle {angle}")
        if not is_qiskits(operation):
            yield from self._own(name, [angle * tau for angle in angles], on)
        elif name in _PAIRS:
            yield from self._own(_PAIRS[name], [0.0, 0.0, *angles] if name == "rxx" else angles, on)
        elif name in ("rz", "p"):
            self._turned[on[0]] += angles[0]
        elif name in _ZS:
            self._turned[on[0]] += _ZS[name]
        elif name != "id":
            theta, phi = angles if name == "r" else _TURNS.get(name) or (angles[0], _AXES[name])
            yield from self._turn(theta, phi, on[0])

    def settled(self) -> Iterator[str]:
        for qubit, turned in enumerate(self._turned):
            if not _is_none(turned):
                yield f"gpi(0.0) {self._at[qubit]};"
                yield f"gpi({turned / 2!r}) {self._at[qubit]};"

    def _own(self, name: str, angles: Sequence[float], on: Sequence[int]) -> Iterator[str]:
        """Angles of axes are the first ones, one for each qubit; nothing about Z has any."""
        axes = 0 if name == "zz" else len(on)
        given = [_wrapped(angle - self._turned[qubit]) for angle, qubit in zip(angles[:axes], on, strict=False)]
        given += angles[axes:] or ([pi / 2] if name == "ms" else [])
        yield f"{name}({', '.join(map(repr, given))}) {', '.join(self._at[qubit] for qubit in on)};"

    def _turn(self, theta: float, phi: float, qubit: int) -> Iterator[str]:
        """By theta about the axis at phi: one gate where there is one for it, else two quarter turns."""
        if _is_none(theta):
            return

        def one(name: str, axis: float) -> Iterator[str]:
            return self._own(name, [axis], [qubit])

        if _is_none(theta - pi):
            yield from one("gpi", phi)
        elif _is_none(theta - pi / 2):
            yield from one("gpi2", phi)
        elif _is_none(theta + pi / 2):
            yield from one("gpi2", phi + pi)
        else:
            self._turned[qubit] += pi / 2 - phi
            yield from one("gpi2", 0.0)
            self._turned[qubit] += theta + pi
            yield from one("gpi2", 0.0)
            self._turned[qubit] += pi / 2 + phi


def _is_none(angle: float) -> bool:
    return abs(_wrapped(angle)) < _CLOSE


def _wrapped(angle: float) -> float:
    """To [-pi, pi]; what is there already stays digit for digit."""
    return angle if -pi <= angle <= pi else (angle + pi) % tau - pi
