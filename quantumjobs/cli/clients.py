"""The client of every command."""

from __future__ import annotations

from quantumjobs.client.client import Client


def open_client() -> Client:
    """On the user's ledger. What others left behind stays as it is, but for the jobs that the command is about."""
    return Client(follow="asked")
