"""Quantum computers of the IQM emulator as data, and the calibrations that they have had."""

from __future__ import annotations

import functools
import itertools
import uuid
from collections.abc import Iterator, Sequence

from msgspec import Struct

Locus = tuple[str, ...]

IMPLEMENTATIONS = {
    "prx": "drag_crf_sx",
    "cz": "crf_acstarkcrf",
    "move": "crf_crf",
    "measure": "constant",
    "cc_prx": "prx_composite",
}
"""Of each gate the one that there is."""
_NAMES = uuid.UUID("5d8a3c1e-6a0b-4f7e-9c55-1b1f0e7a4d20")


class Computer(Struct, frozen=True, kw_only=True):
    """One quantum computer. `connectivity` is pairs of components; with a resonator it is (qubit, resonator)."""

    alias: str
    qubits: tuple[str, ...]
    connectivity: tuple[tuple[str, str], ...]
    resonators: tuple[str, ...] = ()
    cc_prx: bool = True
    """Whether conditional prx, and with it reset, is calibrated."""
    display_name: str = ""
    id: str = ""
    """A UUID; made from the alias where it is not given."""
    healthy: bool = True
    max_shots: int = 100_000
    max_circuits: int = 10_000
    """The server's own limits are not published."""

    @property
    def uuid(self) -> str:
        """The same in every process."""
        return self.id or str(uuid.uuid5(_NAMES, self.alias))

    @property
    def is_star(self) -> bool:
        """It has resonators, and its qubits are connected to nothing else."""
        return bool(self.resonators)

    @property
    def components(self) -> frozenset[str]:
        """Qubits and resonators."""
        return frozenset((*self.qubits, *self.resonators))

    def loci(self) -> dict[str, tuple[Locus, ...]]:
        """Where each gate is calibrated."""
        return dict(_loci(self))


@functools.lru_cache(maxsize=256)
def _loci(computer: Computer) -> dict[str, tuple[Locus, ...]]:
    singles = tuple((qubit,) for qubit in computer.qubits)
    found: dict[str, tuple[Locus, ...]] = {"prx": singles, "measure": singles, "cz": computer.connectivity}
    if computer.cc_prx:
        found["cc_prx"] = singles
    if computer.resonators:
        found["move"] = tuple(pair for pair in computer.connectivity if pair[1] in computer.resonators)
    return found


class Calibration(Struct, frozen=True):
    """One calibration set of a computer."""

    id: str
    number: int
    """How many there were before."""
    created: str
    """When, in ISO 8601."""


def calibration_id(computer: Computer, number: int) -> str:
    """The same in every process: what is recorded with one emulator is good for the next."""
    return str(uuid.uuid5(_NAMES, f"{computer.alias}/{number}"))


def names(number: int) -> tuple[str, ...]:
    """QB1, QB2 and so on."""
    return tuple(f"QB{place}" for place in range(1, number + 1))


def line(number: int) -> tuple[tuple[str, str], ...]:
    """Each qubit with the next one."""
    return tuple(itertools.pairwise(names(number)))


def lattice(rows: Sequence[tuple[int, int]]) -> tuple[tuple[str, str], ...]:
    """A square lattice, numbered row by row; each row is (the column in which it begins, its length)."""
    places = {place: f"QB{number}" for number, place in enumerate(_places(rows), 1)}
    found = []
    for (row, column), name in places.items():
        found += [(name, places[there]) for there in ((row, column + 1), (row + 1, column)) if there in places]
    return tuple(found)


def _places(rows: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for row, (begin, length) in enumerate(rows):
        for column in range(begin, begin + length):
            yield row, column


COMPUTERS = (
    Computer(
        alias="garnet",
        display_name="IQM Garnet",
        qubits=names(20),
        connectivity=lattice(((1, 2), (0, 5), (0, 5), (0, 5), (1, 3))),
    ),
    Computer(
        alias="emerald",
        display_name="IQM Emerald",
        qubits=names(54),
        connectivity=lattice(((4, 2), (2, 5), (1, 7), (0, 8), (0, 9), (1, 8), (1, 7), (2, 5), (3, 3))),
    ),
    Computer(
        alias="deneb",
        display_name="IQM Deneb",
        qubits=names(6),
        resonators=("CR1",),
        connectivity=tuple((qubit, "CR1") for qubit in names(6)),
    ),
    Computer(alias="line", display_name="A line of five", qubits=names(5), connectivity=line(5)),
    Computer(
        alias="adonis",
        display_name="IQM Adonis",
        qubits=names(5),
        connectivity=tuple((qubit, "QB3") if qubit < "QB3" else ("QB3", qubit) for qubit in names(5) if qubit != "QB3"),
        cc_prx=False,
    ),
)
"""Two square lattices, a star with a resonator, a line, and a small one on which nothing is conditional.

Shapes are those that IQM has published.
"""
