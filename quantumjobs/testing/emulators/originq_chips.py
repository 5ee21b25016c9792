"""Chips of the OriginQ emulator, and what the cloud says of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from msgspec import Struct


class Chip(Struct, frozen=True, kw_only=True):
    """A chip: which of its qubits are available, and which pairs have a cz."""

    name: str
    count: int
    available: tuple[int, ...]
    edges: tuple[tuple[int, int], ...]
    online: bool = True


def _ladder(first: Sequence[int], second: Sequence[int]) -> tuple[tuple[int, int], ...]:
    return (*pairwise(first), *pairwise(second), *zip(first, second, strict=True))


_UPPER, _LOWER = tuple(range(45, 51)), tuple(range(54, 60))
CHIPS = (
    Chip(name="WK_C180", count=180, available=(*_UPPER, *_LOWER), edges=_ladder(_UPPER, _LOWER)),
    Chip(
        name="PQPUMESH8",
        count=8,
        available=(0, 1, 2, 3, 4, 6, 7),  # 5 is out of order
        edges=tuple(edge for edge in _ladder((0, 1, 2, 3), (4, 5, 6, 7)) if 5 not in edge),
        online=False,
    ),
)
RETIRED = ("origin_wukong",)
"""Asked about one of these, the cloud speaks of maintenance."""


def resource(chip: Chip) -> dict[str, Any]:
    """An element of the list of resources. In which field the name is has not been published: it is in several."""
    return {"machineType": 5, "onlineFlag": chip.online, "chipName": chip.name, "backendName": chip.name}


def information(chip: Chip) -> dict[str, Any]:
    """What `chipInfo` says: T1 and T2 in microseconds, frequencies in MHz."""
    adjacent: dict[str, list[dict[str, Any]]] = {}
    for place, (here, there) in enumerate(chip.edges):
        adjacent.setdefault(str(here), []).append({"v": there, "w": round(0.97 + 0.001 * (place % 20), 4)})
    return {
        "ChipID": chip.name,
        "QubitCount": chip.count,
        "AvailableQubits": list(chip.available),
        "HighFrequencyQubit": list(chip.available[1::2]),
        "BasicQGate": ["RPhi", "CZ"],
        "CompensateAngle": {f"{a}_{b}": {str(a): 0.1, str(b): 0.2} for a, b in chip.edges},
        "QGateClock": [],
        "QubitParams": [
            {
                "qubitId": str(qubit),
                "T1": round(20 + 0.5 * place, 3),
                "T2": round(8 + 0.25 * place, 3),
                "Frequency": 4000 + 50 * place,
                "ReadoutFidelity": round(0.92 + 0.002 * place, 4),
                "SingleGateFidelity": round(0.995 + 0.0002 * place, 4),
            }
            for place, qubit in enumerate(chip.available)
        ],
        "adjMatrix": adjacent,
    }


def blocks(chip: Chip, qubits: int, number: int) -> list[list[int]]:
    """Up to `number` different connected sets of `qubits` qubits, one for each qubit to begin with."""
    neighbours: dict[int, set[int]] = {qubit: set() for qubit in chip.available}
    for here, there in chip.edges:
        neighbours[here].add(there)
        neighbours[there].add(here)
    grown = (_grown(first, neighbours, qubits) for first in chip.available)
    different = dict.fromkeys(one for one in grown if len(one) == qubits)
    return [list(one) for one in different][:number]


def _grown(first: int, neighbours: dict[int, set[int]], qubits: int) -> tuple[int, ...]:
    block = [first]
    for qubit in block:  # grows while it is gone through
        block += [one for one in sorted(neighbours[qubit]) if one not in block][: qubits - len(block)]
    return tuple(sorted(block))
