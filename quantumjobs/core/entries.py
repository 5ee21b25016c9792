"""One circuit's outcome in the compact, immutable form that crosses process boundaries and is kept; and its makers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from quantumjobs.core import bits as packed
from quantumjobs.core import values

NOTHING = memoryview(b"")


class Entry(Struct, frozen=True, array_like=True):
    """One circuit's outcome. Make it by `entry`, `entry_from_counts`, `entry_from_memory` or `failed_entry`."""

    name: str
    shots: int
    clbits: int
    registers: tuple[tuple[str, int], ...]
    rows: memoryview
    """Packed outcomes, see `core.bits`; empty where nothing was measured."""
    weights: memoryview | None
    """How often each row occurred (64-bit, little-endian). None: one row a shot, in the order of the shots."""
    seed: int | None = None
    error: str | None = None
    more: memoryview = NOTHING
    """`values` of {"data", "metadata", "circuit_metadata", "qiskit"}, decoded when somebody asks."""


def entry(
    rows: packed.Buffer,
    clbits: int,
    *,
    name: str = "",
    weights: packed.Buffer | None = None,
    shots: int | None = None,
    registers: packed.Registers = (),
    seed: int | None = None,
    data: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    circuit_metadata: Mapping[str, Any] | None = None,
    qiskit: Mapping[str, Any] | None = None,
) -> Entry:
    """One circuit's outcome from packed rows: one row a shot in order, or distinct ascending rows with `weights`.

    `qiskit`: what only `to_qiskit` needs ("header", "status", "time_taken").
    """
    if shots is None:
        shots = len(rows) // (packed.width(clbits) or 1)
    more = {
        name: value
        for name, value in (
            ("data", values.freeze(dict(data)) if data else None),
            ("metadata", metadata),
            ("circuit_metadata", circuit_metadata),
            ("qiskit", qiskit),
        )
        if value
    }
    return Entry(
        name,
        shots,
        clbits,
        tuple((str(register), int(size)) for register, size in registers),
        memoryview(rows),
        None if weights is None else memoryview(weights),
        seed,
        None,
        memoryview(values.dump(more)) if more else NOTHING,
    )


def entry_from_counts(counts: Mapping[str, int], clbits: int | None = None, **facts: Any) -> Entry:
    """One circuit's outcome from counts: keys as bit strings or `0x...`, clbit 0 right-most. Facts as for `entry`."""
    if clbits is None:
        clbits = max((len(key.replace(" ", "")) for key in counts), default=0)
    wide = packed.width(clbits)
    keys = packed.parse(list(counts), clbits)
    merged: dict[bytes, int] = {}
    for at, number in enumerate(counts.values()):
        row = keys[at * wide : (at + 1) * wide]
        merged[row] = merged.get(row, 0) + number
    ordered = sorted(merged.items())
    facts.setdefault("shots", sum(merged.values()))
    weights = b"".join([number.to_bytes(8, "little") for _, number in ordered])
    return entry(b"".join([row for row, _ in ordered]), clbits, weights=weights, **facts)


def entry_from_memory(memory: Sequence[str], clbits: int | None = None, **facts: Any) -> Entry:
    """One circuit's outcome from its shots in order: bit strings or `0x...`. Facts as for `entry`."""
    if clbits is None:
        clbits = max((len(key.replace(" ", "")) for key in memory), default=0)
    return entry(packed.parse(memory, clbits), clbits, **facts)


def failed_entry(error: str, *, name: str = "", shots: int = 0, seed: int | None = None) -> Entry:
    """A circuit that failed."""
    return Entry(name, shots, 0, (), NOTHING, None, seed, error)
