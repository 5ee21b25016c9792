"""The SQLite ledger without a thread: for tests on virtual time, with a real file."""

from __future__ import annotations

import os
from collections.abc import Callable
from os import PathLike
from typing import TypeVar

from quantumjobs.errors import LedgerError, LedgerWriteError
from quantumjobs.ledgers.sqlite import forks
from quantumjobs.ledgers.sqlite.connection import JournalMode
from quantumjobs.ledgers.sqlite.face import StoreLedger
from quantumjobs.ledgers.sqlite.rows import Commit

T = TypeVar("T")


class InlineLedger(StoreLedger):
    """Every operation is done at once, in the loop, which stands still meanwhile."""

    immediate = True

    def __init__(
        self, path: str | PathLike[str] | None = None, *, journal_mode: JournalMode = "auto", timeout: float = 30.0
    ) -> None:
        super().__init__(path, journal_mode=journal_mode, timeout=timeout)
        self._process = os.getpid()

    async def _commit(self, commit: Commit) -> None:
        if os.getpid() != self._process:
            raise LedgerWriteError(f"{self!r} was made before a fork: make a new one in the child")
        with forks.held_off():
            (error,) = self._store.commit_group([commit])
        if error is not None:
            raise error

    async def _do(self, work: Callable[[], T]) -> T:
        if os.getpid() != self._process:
            raise LedgerError(f"{self!r} was made before a fork: make a new one in the child")
        with forks.held_off():
            return work()

    async def aclose(self) -> None:
        """See `quantumjobs.abc.Ledger.aclose`."""
        if os.getpid() == self._process:
            with forks.held_off():
                self._store.close()
