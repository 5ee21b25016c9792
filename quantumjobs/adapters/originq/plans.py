"""What is remembered of each program, so that its outcome can be read."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from quantumjobs.circuits.pauli import Group

COUNTS, PROBABILITIES, AMPLITUDES, TERMS = "counts", "probabilities", "amplitudes", "terms"


class Plan(Struct, frozen=True, array_like=True):
    """How one program's outcome becomes the entry of a result."""

    name: str
    wants: str
    """`COUNTS`; `PROBABILITIES` of `qubits`, computed; `AMPLITUDES`; or `TERMS`: the share of `group` in observables."""
    shots: int | None
    """None: the service computes, and draws nothing."""
    registers: tuple[tuple[str, int], ...] = ()
    """The circuit's classical registers, (name, size)."""
    clbits: int = 0
    """The circuit's."""
    bits: int = 0
    """The program's: the highest that is measured, and one."""
    measured: tuple[tuple[int, int], ...] = ()
    """(bit of the program, clbit of the circuit) of all that is measured, in ascending order of bits."""
    qubits: tuple[int, ...] = ()
    """Whose probabilities were asked for; bit i of an outcome is that of qubits[i]."""
    metadata: dict[str, Any] = {}
    """The circuit's."""
    group: Group | None = None
