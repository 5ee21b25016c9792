"""Transpiling circuits that a simulator or device does not know as they are. Runs in a worker."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.transpiler import Target

_CONTROL_STATE = re.compile(r"_o\d+$")


def foreign(names: Iterable[str], known: frozenset[str]) -> list[str]:
    """Instructions that are not known, sorted. A controlled gate with an open control counts as its closed form."""
    return sorted(name for name in names if name not in known and _CONTROL_STATE.sub("", name) not in known)


def passes(
    key: Hashable, level: int, make_target: Callable[[], Target], *, layout: tuple[int, ...] | None = None
) -> Any:
    """The preset pass manager for a target; made once per process, key, level and layout.

    `layout`: the place in the target of each of a circuit's qubits; without one Qiskit chooses.
    """
    return _passes(_Keyed(key, make_target), level, layout)


def transpiled(circuit: QuantumCircuit, passes: Any) -> QuantumCircuit:
    """The circuit in the target's own instructions, with its name and metadata."""
    result: QuantumCircuit = passes.run(circuit)
    result.name = circuit.name
    result.metadata = circuit.metadata
    return result


class _Keyed:
    """A function that is compared by a key."""

    def __init__(self, key: Hashable, make: Callable[[], Target]) -> None:
        self.key, self.make = key, make

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)


@functools.lru_cache(maxsize=32)
def _passes(target: _Keyed, level: int, layout: tuple[int, ...] | None) -> Any:
    from qiskit.transpiler import generate_preset_pass_manager

    # A fixed seed: the same circuit gives the same payload.
    places: dict[str, Any] = {} if layout is None else {"initial_layout": list(layout)}
    return generate_preset_pass_manager(level, target=target.make(), seed_transpiler=0, **places)
