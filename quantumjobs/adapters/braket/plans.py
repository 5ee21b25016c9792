"""How outcomes of one program are to be read: made where it was written, kept in the ledger's layout."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Plan(Struct, frozen=True, kw_only=True):
    """One program."""

    name: str
    shots: int
    """Of this program alone; 0 where result types are computed exactly."""
    registers: tuple[tuple[str, int], ...] = ()
    clbits: int
    measured: tuple[int, ...] | None = None
    """Column i of the outcomes is this clbit. None: a program that was given, and that nobody here could read; then
    its columns are its clbits."""
    metadata: dict[str, Any] = {}
    """What the circuit carried."""


class Layout(Struct, frozen=True):
    """What `decode` needs besides a task's result."""

    device: str
    """Its ARN."""
    memory: bool
    """Shots were asked for in their order."""
    plans: tuple[Plan, ...]
