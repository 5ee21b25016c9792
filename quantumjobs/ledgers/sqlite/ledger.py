"""The SQLite ledger: the default of `Client()`."""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable
from os import PathLike
from typing import Any, TypeVar

from quantumjobs.errors import LedgerError, LedgerWriteError
from quantumjobs.ledgers.sqlite.connection import JournalMode
from quantumjobs.ledgers.sqlite.face import StoreLedger
from quantumjobs.ledgers.sqlite.rows import Commit
from quantumjobs.ledgers.sqlite.writer import Ask, Writer, closed

T = TypeVar("T")


class SqliteLedger(StoreLedger):
    """Implements `quantumjobs.abc.Ledger` on one file, for any number of objects and processes on one host.

    `path`: None is the user's own (`quantumjobs.ledgers.places`). `journal_mode`: "auto" is WAL only where the linked
    SQLite is safe with it. `timeout`: seconds to wait for another process's write.

    All SQL runs in one thread of its own; commits that wait there are written together, with one fsync. An object that
    is dropped unclosed lets go of the file and of its records as `aclose` would, only later.
    """

    def __init__(
        self, path: str | PathLike[str] | None = None, *, journal_mode: JournalMode = "auto", timeout: float = 30.0
    ) -> None:
        super().__init__(path, journal_mode=journal_mode, timeout=timeout)
        self._process = os.getpid()
        self._writer = Writer(self._store)
        weakref.finalize(self, self._writer.end).atexit = False

    async def _commit(self, commit: Commit) -> None:
        if not (commit.changes or commit.handles or commit.blobs):
            return
        await self._ask(write=True, commit=commit)

    async def _do(self, work: Callable[[], T]) -> T:
        answer: T = await self._ask(write=False, work=work)
        return answer

    async def _ask(self, *, write: bool, commit: Commit | None = None, work: Callable[[], Any] | None = None) -> Any:
        if os.getpid() != self._process:
            kind = LedgerWriteError if write else LedgerError
            raise kind(f"{self!r} was made before a fork: make a new one in the child")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        try:
            put = self._writer.put(Ask(loop, future, commit, work))
        except RuntimeError as error:  # no thread can be started: too many of them, or the interpreter is ending
            kind = LedgerWriteError if write else LedgerError
            raise kind(f"the ledger {self.path} cannot be opened: {error}") from error
        if not put:
            raise closed(self._store, write=write)
        return await future

    async def aclose(self) -> None:
        """What was asked before is answered; then the file and the ownership are let go. Harmless when done twice."""
        if os.getpid() != self._process:
            return
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        if self._writer.end(loop, future):
            await future
