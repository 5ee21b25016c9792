"""Ledgers for programs that may end at any instant: one in memory for several clients, and what stands before any."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from quantumjobs.abc import Change
from quantumjobs.core.events import AnyEvent
from quantumjobs.core.records import Handle, JobRecord
from quantumjobs.errors import LedgerWriteError
from quantumjobs.ledgers.memory import MemoryLedger
from quantumjobs.ledgers.sqlite import InlineLedger
from tests.engine.machine.lives import Life, abroad

T = TypeVar("T")
Committed = Callable[[Life, Sequence[Change], Sequence[Handle]], None]


class Memory(MemoryLedger):
    """A store in memory, on which several ledger objects stand; it knows who owns and who wrote what."""

    def __init__(self) -> None:
        super().__init__()
        self.owners: dict[str, OneOfSeveral] = {}
        self.writers: list[OneOfSeveral] = []


class OneOfSeveral:
    """One ledger object on a `Memory`."""

    immediate = True
    shared = True

    def __init__(self, store: Memory) -> None:
        self._store = store
        self.alive = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(
        self, changes: Sequence[Change], *, handles: Sequence[Handle] = (), blobs: Mapping[str, bytes] = {}
    ) -> None:
        store = self._store
        fences = {
            change.record.id: held.fence
            for change in changes
            if (held := store._records.get(change.record.id)) is not None
        }
        await store.commit(changes, handles=handles, blobs=blobs)
        for change in changes:
            record = change.record
            if record.fence > fences.get(record.id, -1):
                store.owners[record.id] = self
            if change.event is not None:
                store.writers.append(self)

    async def orphans(self) -> Sequence[JobRecord]:
        owners = self._store.owners
        return [
            record
            for record in await self._store.unsettled()
            if owners[record.id] is not self and not owners[record.id].alive
        ]

    async def others(self, *, after: int | None) -> tuple[int, Sequence[JobRecord]]:
        last, writers = len(self._store.writers), self._store.writers
        if after is None or after == last:
            return last, ()
        rows = await self._store.events(after=after, limit=last)
        changed = dict.fromkeys(job_id for cursor, job_id, _ in rows if writers[cursor - 1] is not self)
        return last, await self._store.records(list(changed))

    def disown(self) -> None:
        """As if it were dead, for the others."""
        self.alive = False

    die = disown

    async def aclose(self) -> None:
        self.alive = False


class OnFile(InlineLedger):
    """The real file, whose lock can be taken away."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, journal_mode="wal")

    def disown(self) -> None:
        owner = self._store._owner
        if owner is not None:
            owner._path.unlink(missing_ok=True)

    def die(self) -> None:
        """What the kernel does: the connection and the lock go, and the lock's file stays."""
        self._store._disconnect()
        self._store._closed = True
        if self._store._owner is not None:
            self._store._owner.abandon()


class Disk:
    """What the disk does: `delay` seconds for a commit, and refusals."""

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay
        self.refuses = ""
        """The kind of commits that cannot be written, or "*"; "" on a good day."""

    def write(self, kind: str) -> None:
        if self.refuses in (kind, "*"):
            raise LedgerWriteError(f"no space left on device ({kind})")


class Guarded:
    """Stands before one ledger object: it ends with its program, and tells an audit what became durable."""

    shared = True

    def __init__(self, inner: Any, life: Life, disk: Disk, committed: Committed) -> None:
        self._inner = inner
        self._life = life
        self._disk = disk
        self._committed = committed
        self._waiting: deque[tuple[asyncio.Task[None], list[bool], Callable[[], Awaitable[None]]]] = deque()
        self.immediate = not disk.delay
        life.on_death.append(self._died)

    def disown(self) -> None:
        """As if it were dead, for the others."""
        self._inner.disown()

    async def commit(
        self, changes: Sequence[Change], *, handles: Sequence[Handle] = (), blobs: Mapping[str, bytes] = {}
    ) -> None:
        kind = kind_of(changes)
        self._life.passes("before", kind)

        async def write() -> None:
            self._disk.write(kind)
            await self._inner.commit(changes, handles=handles, blobs=blobs)
            self._committed(self._life, changes, handles)

        if self._disk.delay:
            await self._slowly(write)
        else:
            await write()
        self._life.passes("after", kind)

    async def _slowly(self, write: Callable[[], Awaitable[None]]) -> None:
        begun: list[bool] = []

        async def later() -> None:
            await asyncio.sleep(self._disk.delay / 2)
            begun.append(True)
            try:
                await write()
                await asyncio.sleep(self._disk.delay / 2)  # there, and nobody here knows it yet
            finally:
                self._waiting.remove(mine)

        task = abroad(later())
        mine = (task, begun, write)
        self._waiting.append(mine)
        await asyncio.wait([task])
        self._life.check()
        task.result()

    def _died(self, landing: bool) -> None:
        for task, begun, write in self._waiting:
            task.cancel()
            if landing and not begun:
                with suppress(StopIteration, Exception):  # it never suspends
                    write().__await__().send(None)
        self._inner.die()

    async def _read(self, question: Callable[[], Awaitable[T]]) -> T:
        self._life.check()
        if self._waiting:  # after all commits that were made before
            await asyncio.wait([task for task, _, _ in self._waiting])
            self._life.check()
        return await question()

    async def blob(self, digest: str) -> bytes:
        return await self._read(lambda: self._inner.blob(digest))

    async def record(self, job_id: str) -> JobRecord:
        return await self._read(lambda: self._inner.record(job_id))

    async def records(self, job_ids: Sequence[str]) -> Sequence[JobRecord]:
        return await self._read(lambda: self._inner.records(job_ids))

    async def handle(self, handle_id: str) -> Handle:
        return await self._read(lambda: self._inner.handle(handle_id))

    async def by_key(self, key: str) -> Handle | None:
        return await self._read(lambda: self._inner.by_key(key))

    async def handles(self, *, since: float | None = None, tag: str | None = None) -> Sequence[Handle]:
        return await self._read(lambda: self._inner.handles(since=since, tag=tag))

    async def orphans(self) -> Sequence[JobRecord]:
        return await self._read(self._inner.orphans)

    async def others(self, *, after: int | None) -> tuple[int, Sequence[JobRecord]]:
        return await self._read(lambda: self._inner.others(after=after))

    async def events(self, *, after: int = 0, limit: int = 1000) -> Sequence[tuple[int, str, AnyEvent]]:
        return await self._read(lambda: self._inner.events(after=after, limit=limit))

    async def by_remote(self, lane: str, remote_id: str) -> Handle | None:
        return await self._read(lambda: self._inner.by_remote(lane, remote_id))

    async def unsettled(self) -> Sequence[JobRecord]:
        return await self._read(self._inner.unsettled)

    async def remove(self, handle_ids: Sequence[str]) -> int:
        return await self._read(lambda: self._inner.remove(handle_ids))

    async def aclose(self) -> None:
        while self._waiting:  # what was begun is written
            await asyncio.wait([task for task, _, _ in self._waiting])
        await self._inner.aclose()


def kind_of(changes: Sequence[Change]) -> str:
    """A commit's name: its last event, "intent" for new records, "key" for a handle alone."""
    if not changes:
        return "key"
    event = changes[-1].event
    return "intent" if event is None else type(event).__name__
