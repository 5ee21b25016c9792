"""Computational resonators: in which ways two qubits have a cz through one, and whether MOVEs make sense."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from quantumjobs.adapters.iqm.device import Device, Pair
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

MOVE = "move"


class Way(NamedTuple):
    """How to do a cz: the state of `mover` goes into the resonator, where it meets `still`."""

    still: int
    mover: int
    resonator: int | None = None
    """None: the qubits have a cz of their own, and nothing moves."""


@functools.lru_cache(maxsize=32)
def ways(device: Device) -> Mapping[Pair, tuple[Way, ...]]:
    """By pair of qubits, the smaller one first; a cz of their own before others."""
    found: dict[Pair, list[Way]] = {}
    for one, other in device.cz:
        if other < device.qubits:
            found.setdefault(_sorted(one, other), []).append(Way(one, other))
    for still, there in device.cz:
        for mover, resonator in device.move:
            if there == resonator and still != mover:
                found.setdefault(_sorted(still, mover), []).append(Way(still, mover, resonator))
    return {pair: tuple(possible) for pair, possible in sorted(found.items())}


def _sorted(one: int, other: int) -> Pair:
    return (one, other) if one < other else (other, one)


def check(circuit: QuantumCircuit, device: Device) -> None:
    """Raises `UsageError` where a circuit's own MOVEs do not come in pairs, or something is done in between.

    Only a barrier may be on a qubit whose state is in a resonator.
    """
    held: dict[int, int] = {}
    """Resonator to qubit."""
    for step in circuit.data:
        places = tuple(circuit.find_bit(qubit).index for qubit in step.qubits)
        if step.name == MOVE:
            _move(held, places[0], places[1], device)
            continue
        away = sorted(set(places) & set(held.values()))
        if away and step.name != "barrier":
            raise UsageError(
                f"has {step.name} on {device.locus(away)}, whose state a move has put into a resonator: "
                "move it back before"
            )
    for resonator, qubit in held.items():
        raise UsageError(
            f"leaves the state of {device.names[qubit]} in {device.names[resonator]}: move it back at the end"
        )


def _move(held: dict[int, int], qubit: int, resonator: int, device: Device) -> None:
    holder = held.get(resonator)
    if holder == qubit:
        del held[resonator]
    elif holder is not None:
        raise UsageError(
            f"moves {device.names[qubit]} into {device.names[resonator]}, which holds the state of "
            f"{device.names[holder]}: move that back before"
        )
    elif qubit in held.values():
        raise UsageError(f"moves {device.names[qubit]}, whose state is in another resonator: move it back before")
    else:
        held[resonator] = qubit
