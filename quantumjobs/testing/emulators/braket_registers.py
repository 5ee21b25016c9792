"""Registers in OpenQASM 3: which of their places a statement means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import braket_angles


def chosen(one: Any, size: int) -> list[int]:
    """Places in a register of a size: all, one, a range or a set. Raises `UsageError`."""
    from openqasm3 import ast

    if isinstance(one, ast.Identifier):
        return list(range(size))
    if len(one.indices) != 1:
        raise UsageError("registers have one index")
    place = one.indices[0]
    if isinstance(place, ast.DiscreteSet):
        return [_within(value, size) for value in place.values]
    if len(place) != 1:
        raise UsageError("registers have one index")
    if not isinstance(place[0], ast.RangeDefinition):
        return [_within(place[0], size)]
    first = 0 if place[0].start is None else _within(place[0].start, size)
    last = size - 1 if place[0].end is None else _within(place[0].end, size)
    by = 1 if place[0].step is None else index(place[0].step)
    if by == 0:
        raise UsageError("a range has a step other than 0")
    return list(range(first, last + (1 if by > 0 else -1), by))


def _within(value: Any, size: int) -> int:
    found = index(value)
    if not -size <= found < size:
        raise UsageError(f"index {found} is out of range for a register of length {size}")
    return found % size


def index(value: Any) -> int:
    """A whole number. Raises `UsageError`."""
    found = braket_angles.value(value, {})
    if found != int(found):
        raise UsageError(f"{found} is no whole number")
    return int(found)


def together(operands: Sequence[list[int]]) -> Iterable[tuple[int, ...]]:
    """Registers are gone through in step; single qubits stay."""
    sizes = {len(one) for one in operands} - {1}
    if len(sizes) > 1:
        raise UsageError("registers of different sizes do not go together")
    size = sizes.pop() if sizes else 1
    return [tuple(one[at if len(one) > 1 else 0] for one in operands) for at in range(size)]


def roughly(text: str) -> int:
    """Qubits of a program that nobody has read yet."""
    declared = re.search(r"\bqubit\s*\[\s*(\d{1,4})\s*\]", text)
    return int(declared[1]) if declared else len(set(re.findall(r"\$\d{1,4}\b", text)))
