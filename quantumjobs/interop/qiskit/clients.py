"""The client of those who bring none: one for the whole process."""

from __future__ import annotations

import os
import threading

from quantumjobs.blocking import Client
from quantumjobs.errors import UsageError
from quantumjobs.interop.qiskit.errors import both

_lock = threading.Lock()
_client: Client | None = None


def shared() -> Client:
    """The process's own client, made at its first use, and anew after a fork or when somebody closed it."""
    global _client
    with _lock:
        if _client is None or _closed(_client):
            _client = Client()
        return _client


def checked(client: Client | None) -> Client | None:
    """As it is. Raises `UsageError` for an async client, or for what is none."""
    if client is None or isinstance(client, Client):
        return client
    raise both(UsageError(f"{type(client).__module__}.{type(client).__qualname__} is no client that can block: "
                          "give a quantumjobs.blocking.Client, or none"))  # fmt: skip


def _closed(client: Client) -> bool:
    return client.closed or client._bridge.portal.lost is not None


def _after_fork() -> None:
    global _lock, _client
    _lock = threading.Lock()  # another thread may have held it
    _client = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
