"""A fork waits until no thread is inside SQLite.

SQLite keeps a process's locks on a file in the process's memory, since POSIX gives them to the process and not to a
connection. A child that is forked in the middle of a transaction inherits that memory without the locks: it could never
write ("database is locked"), would read unprotected, and might wait for a mutex whose thread it does not have. See
https://www.sqlite.org/howtocorrupt.html, 2.6. Between transactions nothing of this is held.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from quantumjobs.errors import LedgerError

PATIENCE = 10.0
"""Seconds that a fork waits for a transaction, which itself may be waiting for another process."""


class _Gate:
    """Open to any number of threads; a fork shuts it, and goes on once nobody is inside."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.inside = 0
        self.forking = 0
        self.torn = False  # this process was forked while somebody was inside

    def shut(self) -> None:
        self.changed.acquire()  # up to `open`: nobody moves while the process is copied
        self.forking += 1
        self.changed.wait_for(lambda: not self.inside, PATIENCE)

    def open(self) -> None:
        self.forking -= 1
        self.changed.notify_all()
        self.changed.release()

    def renew(self) -> None:
        """In a child: those who were inside, and those who waited, are not here."""
        self.torn = self.torn or self.inside > 0
        self.changed = threading.Condition()
        self.inside = self.forking = 0


_gate = _Gate()


@contextmanager
def held_off() -> Iterator[None]:
    """No fork happens in here. Not to be nested."""
    with _gate.changed:
        _gate.changed.wait_for(lambda: _gate.forking <= 0)
        _gate.inside += 1
    try:
        yield
    finally:
        with _gate.changed:
            _gate.inside -= 1
            _gate.changed.notify_all()


def check() -> None:
    """Raises `LedgerError` in a process that was forked from the middle of a transaction: SQLite is of no use here."""
    if _gate.torn:
        raise LedgerError(
            "this process was forked in the middle of a ledger's transaction, and can use no ledger: start processes by "
            "multiprocessing's 'spawn' or 'forkserver', or fork before the first client is made"
        )


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_gate.shut, after_in_parent=_gate.open, after_in_child=_gate.renew)
