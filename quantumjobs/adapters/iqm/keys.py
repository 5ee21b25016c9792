"""Measurement keys: `{register}_{size}_{index}_{bit}`, from which registers and clbits can be read again.

The scheme is that of IQM's own client, so that each of us can read the other's jobs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from msgspec import Struct

_KEY = re.compile(r"(.*)_(\d{1,6})_(\d{1,6})_(\d{1,6})", re.ASCII | re.DOTALL)
MOST = 100_000
"""Clbits of a register that a key is believed."""
UNMEASURED = 1_000
"""Clbits of one circuit that keys alone are believed besides those measured: a few bytes must not claim gigabytes."""

Registers = tuple[tuple[str, int], ...]
Columns = tuple[tuple[str, int], ...]
"""(measurement key, clbit)."""


class Place(NamedTuple):
    """A clbit: of which register, that one's size and place among the circuit's registers, and which of its bits."""

    register: str
    size: int
    index: int  # type: ignore[assignment] # a tuple's method of this name, which finds values, is not needed
    bit: int


class Plan(Struct, frozen=True, array_like=True):
    """How one circuit's measurements become its outcome."""

    name: str
    shots: int
    registers: Registers
    columns: Columns
    """No clbit twice. What none of them reads is 0."""
    clbits: int
    """Those of the registers, and those in none."""
    metadata: dict[str, Any] = {}
    exact: bool = True
    """There are as many shots as were asked for; with heralding there may be fewer."""


def key(register: str, size: int, index: int, bit: int) -> str:
    """The key of a clbit."""
    return f"{register}_{size}_{index}_{bit}"


def place(key: str) -> Place | None:
    """The clbit of a key; None for one of another scheme."""
    found = _KEY.fullmatch(key)
    if found is None:
        return None
    size, index, bit = map(int, found.groups()[1:])
    return Place(found[1], size, index, bit) if bit < size <= MOST else None


def named(key: str, qubits: int) -> tuple[str, ...]:
    """What the values of one measurement are called here: by its key, numbered where it measures several qubits."""
    return (key,) if qubits == 1 else tuple(f"{key}[{qubit}]" for qubit in range(qubits))


def columns(measured: Sequence[str], registers: Registers) -> Iterator[tuple[str, int]]:
    """The keys that belong to these registers, with their clbits."""
    starts = list(accumulate((size for _, size in registers), initial=0))
    for one in measured:
        at = place(one)
        if at is not None and at.index < len(registers) and registers[at.index] == (at.register, at.size):
            yield one, starts[at.index] + at.bit


def planless(measured: Sequence[str]) -> tuple[Registers, Columns]:
    """Registers and clbits from the keys alone, in the order of the registers' indexes.

    Registers that nobody measured are unknown then: neither their names nor their sizes are in any key. A key of
    another scheme, or one that contradicts those before it, is a register of its own with one bit, behind the others.
    """
    known: dict[int, tuple[str, int]] = {}
    taken: dict[Place, str] = {}
    for one in measured:
        at = place(one)
        if at is not None and known.setdefault(at.index, (at.register, at.size)) == (at.register, at.size):
            taken.setdefault(at, one)
    starts: dict[int, int] = {}
    end, free = 0, UNMEASURED
    for index, (_, size) in sorted(known.items()):
        unmeasured = size - sum(at.index == index for at in taken)
        if unmeasured <= free:
            starts[index] = end
            end += size
            free -= unmeasured
    found = {one: starts[at.index] + at.bit for at, one in taken.items() if at.index in starts}
    measured = list(dict.fromkeys(measured))
    odd = [one for one in measured if one not in found]
    found |= {one: end + number for number, one in enumerate(odd)}
    registers = (*(known[index] for index in starts), *((one, 1) for one in odd))
    return registers, tuple((one, found[one]) for one in measured)
