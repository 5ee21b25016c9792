"""The contract over a store, whoever runs it: in a thread of its own, or at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TypeVar

from quantumjobs.abc import Change
from quantumjobs.core.events import AnyEvent
from quantumjobs.core.records import Handle, JobRecord
from quantumjobs.ledgers.places import default_path
from quantumjobs.ledgers.sqlite import health as checks
from quantumjobs.ledgers.sqlite import removal
from quantumjobs.ledgers.sqlite.connection import JournalMode
from quantumjobs.ledgers.sqlite.health import Health
from quantumjobs.ledgers.sqlite.reads import Reader
from quantumjobs.ledgers.sqlite.rows import Commit
from quantumjobs.ledgers.sqlite.store import Store

T = TypeVar("T")


class StoreLedger(ABC):
    """`quantumjobs.abc.Ledger` on one SQLite file. Nothing is opened before the first operation."""

    immediate = False
    shared = True

    def __init__(
        self, path: str | PathLike[str] | None = None, *, journal_mode: JournalMode = "auto", timeout: float = 30.0
    ) -> None:
        self.path = Path(path).expanduser().absolute() if path is not None else default_path()
        self._store = Store(self.path, journal_mode=journal_mode, timeout=timeout)
        self._reader = Reader(self._store)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    @abstractmethod
    async def _commit(self, commit: Commit) -> None: ...

    @abstractmethod
    async def _do(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises, after all commits that were made before."""

    @abstractmethod
    async def aclose(self) -> None:
        """See `quantumjobs.abc.Ledger.aclose`."""

    # --- the contract -----------------------------------------------------------------------
    async def commit(
        self, changes: Sequence[Change], *, handles: Sequence[Handle] = (), blobs: Mapping[str, bytes] = {}
    ) -> None:
        """See `quantumjobs.abc.Ledger.commit`. A caller that is cancelled does not take it back."""
        await self._commit(Commit(tuple(changes), tuple(handles), dict(blobs)))

    async def blob(self, digest: str) -> bytes:
        """Raises `LedgerError`, naming the digest, where it is not held (any more), missing or damaged."""
        return await self._do(lambda: self._reader.blob(digest))

    async def record(self, job_id: str) -> JobRecord:
        """Raises `LedgerError` for an unknown id."""
        return await self._do(lambda: self._reader.record(job_id))

    async def records(self, job_ids: Sequence[str]) -> Sequence[JobRecord]:
        """Those of the ids that are held, in the order of the ids."""
        return await self._do(lambda: self._reader.records(job_ids))

    async def handle(self, handle_id: str) -> Handle:
        """Raises `LedgerError` for an unknown id."""
        return await self._do(lambda: self._reader.handle(handle_id))

    async def by_key(self, key: str) -> Handle | None:
        """The handle that holds `key`."""
        return await self._do(lambda: self._reader.by_key(key))

    async def by_remote(self, lane: str, remote_id: str) -> Handle | None:
        """The newest handle with a record of that lane and remote id."""
        return await self._do(lambda: self._reader.by_remote(lane, remote_id))

    async def handles(self, *, since: float | None = None, tag: str | None = None) -> Sequence[Handle]:
        """Newest first; of the same moment, the last committed first."""
        return await self._do(lambda: self._reader.handles(since, tag))

    async def unsettled(self) -> Sequence[JobRecord]:
        """Not terminal, or terminal with a result that is not kept yet; in the order of their making."""
        return await self._do(self._reader.unsettled)

    async def orphans(self) -> Sequence[JobRecord]:
        """Unsettled, and their owner was closed or its process has ended."""
        return await self._do(self._reader.orphans)

    async def others(self, *, after: int | None) -> tuple[int, Sequence[JobRecord]]:
        """See `quantumjobs.abc.Ledger.others`. Records that are new, or were taken over, are among them."""
        return await self._do(lambda: self._reader.others(after))

    async def events(self, *, after: int = 0, limit: int = 1000) -> Sequence[tuple[int, str, AnyEvent]]:
        """(cursor, job id, event) in the order of their commits, after a cursor; of all who write to the file."""
        return await self._do(lambda: self._reader.events(after, limit))

    async def remove(self, handle_ids: Sequence[str]) -> int:
        """See `quantumjobs.abc.Ledger.remove`. Raises `LedgerWriteError`."""
        return await self._do(lambda: removal.remove(self._store, handle_ids))

    # --- more -------------------------------------------------------------------------------
    async def health(self) -> Health:
        """The state of the file, for a doctor; reads all of it. Raises `LedgerError` where it cannot be opened."""
        return await self._do(lambda: checks.health(self._store))

    async def backup(self, to: str | PathLike[str]) -> None:
        """A consistent copy, with its body files in `<to>.bodies`. Raises `LedgerError`; never writes over a file."""
        await self._do(lambda: checks.backup(self._store, Path(to).expanduser().absolute()))
