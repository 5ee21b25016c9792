"""Ids and names as steps of a path."""

from __future__ import annotations

from urllib.parse import quote


def step(name: str) -> str:
    """One step of a path: an id from a server, or an address from a user, is never more than that."""
    quoted = quote(name, safe="")
    return quoted.replace(".", "%2E") if not quoted.strip(".") else quoted
