"""Bytes, for people."""

from __future__ import annotations


def size(number: int) -> str:
    """In the largest unit that leaves something before the point."""
    if number < 1024:
        return f"{number} B"
    amount = number / 1024
    for unit in ("KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"
