"""A ledger that ends with the process: for tests, notebooks, and services that need no memory of their jobs."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import TypeVar

from quantumjobs.abc import Change
from quantumjobs.core.events import AnyEvent
from quantumjobs.core.records import Handle, JobRecord
from quantumjobs.errors import KeyConflict, LedgerConflict, LedgerError

T = TypeVar("T", bytes, JobRecord, Handle)

_LOOSE = 256
"""Blobs kept that no record or handle refers to (cached descriptions); the oldest go first."""


class MemoryLedger:
    """Implements `quantumjobs.abc.Ledger`. Commits are atomic and immediate; nothing survives the process.

    A handle is finished when all its records are settled. Of finished handles the last `keep` stay, and no more than
    `keep_bytes` of blobs for them all (the last one stays whatever its size); older ones go, oldest settled first,
    with the records, events and blobs that nobody else refers to. Unfinished handles always stay.
    """

    immediate = True
    shared = False

    def __init__(self, *, keep: int = 10_000, keep_bytes: int = 1 << 30) -> None:
        self._keep = max(keep, 1)
        self._keep_bytes = keep_bytes
        self._records: dict[str, JobRecord] = {}
        self._unsettled: dict[str, None] = {}  # in the order of their making
        self._handles: dict[str, Handle] = {}
        self._by_key: dict[str, str] = {}
        self._handles_of: dict[str, tuple[str, ...]] = {}
        self._open: dict[str, int] = {}  # unsettled records per handle
        self._finished: dict[str, int] = {}  # handle -> bytes of its blobs; the oldest first
        self._finished_bytes = 0
        self._blobs: dict[str, bytes] = {}
        self._uses: dict[str, int] = {}
        self._loose: dict[str, None] = {}
        # Events in three columns: a tuple for each would cost as much as the event itself.
        self._cursors = array("q")
        self._event_jobs: list[str] = []
        self._events: list[AnyEvent] = []
        self._last_cursor = 0
        self._dead_events = 0

    # --- writing ------------------------------------------------------------------------
    async def commit(
        self, changes: Sequence[Change], *, handles: Sequence[Handle] = (), blobs: Mapping[str, bytes] = {}
    ) -> None:
        """See `quantumjobs.abc.Ledger.commit`. Never raises `LedgerWriteError`."""
        self._check(changes)
        if handles:
            self._check_keys(handles)
        for digest, body in blobs.items():
            self._blobs[digest] = body
            if digest not in self._uses:
                self._loose[digest] = None
        for change in changes:
            self._put(change.record)
            if change.event is not None:
                self._last_cursor += 1
                self._cursors.append(self._last_cursor)
                self._event_jobs.append(change.record.id)
                self._events.append(change.event)
        for handle in handles:
            self._put_handle(handle)
        while len(self._loose) > _LOOSE:
            digest = next(iter(self._loose))
            del self._loose[digest], self._blobs[digest]
        while len(self._finished) > self._keep or (self._finished_bytes > self._keep_bytes and len(self._finished) > 1):
            self._drop(next(iter(self._finished)))

    def _check(self, changes: Sequence[Change]) -> None:
        several: dict[str, JobRecord] | None = {} if len(changes) > 1 else None  # a record may be changed twice
        for change in changes:
            record = change.record
            held = (several.get(record.id) if several else None) or self._records.get(record.id)
            if held is not None:
                if record.version != held.version + 1:
                    raise LedgerConflict(f"job {record.id}: version {record.version} does not follow {held.version}")
                if record.fence < held.fence:
                    raise LedgerConflict(f"job {record.id}: fence {record.fence} is older than {held.fence}")
            elif record.version < 0:
                raise LedgerConflict(f"job {record.id}: a new record cannot have version {record.version}")
            if several is not None:
                several[record.id] = record

    def _check_keys(self, handles: Sequence[Handle]) -> None:
        new: dict[str, str] = {}
        for handle in handles:
            if handle.key is None:
                continue
            owner = new.setdefault(handle.key, self._by_key.get(handle.key, handle.id))
            if owner != handle.id:
                raise KeyConflict(f"key {handle.key!r} belongs to job {owner}", key=handle.key, job_id=owner)

    def _put(self, record: JobRecord) -> None:
        job_id = record.id
        held = self._records.get(job_id)
        self._records[job_id] = record
        if held is None:
            for digest in _digests(record):
                self._use(digest)
        elif record.result is not held.result:  # payload and layout never change
            for digest in record.result.blobs.values() if record.result is not None else ():
                self._use(digest)
            for digest in held.result.blobs.values() if held.result is not None else ():
                self._disuse(digest)
        if record.settled:
            if job_id in self._unsettled:
                del self._unsettled[job_id]
                self._count(job_id, -1)
        elif job_id not in self._unsettled:
            self._unsettled[job_id] = None
            self._count(job_id, +1)

    def _count(self, job_id: str, by: int) -> None:
        for handle_id in self._handles_of.get(job_id, ()):
            self._open[handle_id] += by
            self._sort_in(handle_id)

    def _sort_in(self, handle_id: str) -> None:
        """Among the finished, or not."""
        if self._open[handle_id]:
            self._finished_bytes -= self._finished.pop(handle_id, 0)
        elif handle_id not in self._finished:
            handle = self._handles[handle_id]
            size = len(self._blobs.get(handle.request, b""))
            for link in handle.links:
                if record := self._records.get(link.job):
                    size += sum(len(self._blobs.get(digest, b"")) for digest in _digests(record))
            self._finished[handle_id] = size
            self._finished_bytes += size

    def _put_handle(self, handle: Handle) -> None:
        if handle.id in self._handles:
            self._take_handle(handle.id)
        self._handles[handle.id] = handle
        if handle.key is not None:
            self._by_key[handle.key] = handle.id
        if handle.request:
            self._use(handle.request)
        jobs = {link.job for link in handle.links}
        for job_id in jobs:
            self._handles_of[job_id] = (*self._handles_of.get(job_id, ()), handle.id)
        self._open[handle.id] = sum(job_id in self._unsettled for job_id in jobs)
        self._sort_in(handle.id)

    # --- forgetting ---------------------------------------------------------------------
    def _take_handle(self, handle_id: str) -> list[str]:
        """Take a handle out; the ids of its records that no other handle refers to."""
        handle = self._handles.pop(handle_id)
        del self._open[handle_id]
        self._finished_bytes -= self._finished.pop(handle_id, 0)
        if handle.key is not None:
            del self._by_key[handle.key]
        orphans = []
        for job_id in {link.job for link in handle.links}:
            others = tuple(other for other in self._handles_of[job_id] if other != handle_id)
            if others:
                self._handles_of[job_id] = others
            else:
                del self._handles_of[job_id]
                orphans.append(job_id)
        if handle.request:
            self._disuse(handle.request)
        return orphans

    def _drop(self, handle_id: str) -> None:
        for job_id in self._take_handle(handle_id):
            record = self._records.pop(job_id, None)
            if record is None:
                continue
            for digest in _digests(record):
                self._disuse(digest)
            self._dead_events += record.version
        if self._dead_events > 64 and 2 * self._dead_events > len(self._events):
            self._drop_events()

    def _drop_events(self) -> None:
        kept = [i for i, job_id in enumerate(self._event_jobs) if job_id in self._records]
        self._cursors = array("q", (self._cursors[i] for i in kept))
        self._event_jobs = [self._event_jobs[i] for i in kept]
        self._events = [self._events[i] for i in kept]
        self._dead_events = 0

    def _use(self, digest: str) -> None:
        self._uses[digest] = self._uses.get(digest, 0) + 1
        self._loose.pop(digest, None)

    def _disuse(self, digest: str) -> None:
        self._uses[digest] -= 1
        if not self._uses[digest]:
            del self._uses[digest]
            self._blobs.pop(digest, None)

    # --- reading ------------------------------------------------------------------------
    async def blob(self, digest: str) -> bytes:
        """Raises `LedgerError` where it is not held (any more)."""
        return _held(self._blobs.get(digest), "blob", digest)

    async def record(self, job_id: str) -> JobRecord:
        """Raises `LedgerError` for an unknown id."""
        return _held(self._records.get(job_id), "job", job_id)

    async def records(self, job_ids: Sequence[str]) -> Sequence[JobRecord]:
        """Those of the ids that are held."""
        return [self._records[job_id] for job_id in job_ids if job_id in self._records]

    async def handle(self, handle_id: str) -> Handle:
        """Raises `LedgerError` for an unknown id."""
        return _held(self._handles.get(handle_id), "handle", handle_id)

    async def by_key(self, key: str) -> Handle | None:
        """The handle that holds `key`."""
        handle_id = self._by_key.get(key)
        return None if handle_id is None else self._handles[handle_id]

    async def by_remote(self, lane: str, remote_id: str) -> Handle | None:
        """The newest handle with a record of that lane and remote id."""
        found = [
            self._handles[handle_id]
            for record in self._records.values()
            if record.lane == lane and remote_id in (record.remote_id, *record.extra_ids)
            for handle_id in self._handles_of.get(record.id, ())
        ]
        return max(found, key=lambda handle: handle.created_at, default=None)

    async def handles(self, *, since: float | None = None, tag: str | None = None) -> Sequence[Handle]:
        """Newest first; of the same moment, the last committed first."""
        return sorted(
            (
                handle
                for handle in reversed(self._handles.values())
                if (since is None or handle.created_at >= since) and (tag is None or tag in handle.tags)
            ),
            key=lambda handle: -handle.created_at,
        )

    async def unsettled(self) -> Sequence[JobRecord]:
        """Not terminal, or terminal with a result that is not kept yet."""
        return [self._records[job_id] for job_id in self._unsettled]

    async def orphans(self) -> Sequence[JobRecord]:
        """All that are unsettled: one client at a time uses this, and what it left belongs to the next."""
        return await self.unsettled()

    async def others(self, *, after: int | None) -> tuple[int, Sequence[JobRecord]]:  # noqa: ARG002 - there are none
        """The last cursor; nobody else writes here."""
        return self._last_cursor, ()

    async def events(self, *, after: int = 0, limit: int = 1000) -> Sequence[tuple[int, str, AnyEvent]]:
        """(cursor, job id, event) in the order of their commits; those of forgotten jobs may be missing."""
        start = bisect_right(self._cursors, after)
        part = slice(start, start + limit)
        return list(zip(self._cursors[part], self._event_jobs[part], self._events[part], strict=True))

    async def remove(self, handle_ids: Sequence[str]) -> int:
        """Forget finished handles; see `quantumjobs.abc.Ledger.remove`."""
        before = sum(map(len, self._blobs.values()))
        for handle_id in handle_ids:
            if handle_id in self._finished:
                self._drop(handle_id)
        return before - sum(map(len, self._blobs.values()))

    async def aclose(self) -> None:
        """Nothing to close: what it holds stays, for the next client."""


def _digests(record: JobRecord) -> list[str]:
    digests = [digest for digest in (record.payload, record.layout) if digest]
    if record.result is not None:
        digests += record.result.blobs.values()
    return digests


def _held(value: T | None, what: str, name: str) -> T:
    if value is None:
        raise LedgerError(f"no {what} {name!r} in this ledger (any more)")
    return value
