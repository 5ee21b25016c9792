"""One commit as rows: everything that can be worked out, and can fail, before the write lock is taken."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from quantumjobs.abc import Change
from quantumjobs.core.events import (
    AnyEvent,
    SubmitAccepted,
    SubmitDeferred,
    SubmitInDoubt,
    SubmitRejected,
    SubmitStarted,
)
from quantumjobs.core.records import Handle, JobRecord
from quantumjobs.ledgers.sqlite.bodies import BIG, checksum

Row = tuple[Any, ...]

encode = msgspec.msgpack.Encoder().encode
decode_record = msgspec.msgpack.Decoder(JobRecord).decode
decode_handle = msgspec.msgpack.Decoder(Handle).decode
decode_event = msgspec.msgpack.Decoder(AnyEvent).decode

_ATTEMPTS: dict[type, str] = {
    SubmitStarted: "started",
    SubmitAccepted: "accepted",
    SubmitDeferred: "deferred",
    SubmitRejected: "rejected",
    SubmitInDoubt: "in doubt",
}


class Commit(NamedTuple):
    """What one call of `Ledger.commit` was given."""

    changes: Sequence[Change]
    handles: Sequence[Handle]
    blobs: Mapping[str, bytes]

    @property
    def size(self) -> int:
        """Bytes of its bodies."""
        return sum(map(len, self.blobs.values()))


class Prepared:
    """A commit's rows. Raises what encoding raises: a value that msgpack has no form for."""

    def __init__(self, commit: Commit, writer: str) -> None:
        self.commit = commit
        last = {change.record.id: change.record for change in commit.changes}
        self.jobs = {job_id: _job_row(record, writer) for job_id, record in last.items()}
        self.events = [_event_row(change, writer) for change in commit.changes]
        self.attempts = [row for change in commit.changes if (row := _attempt_row(change)) is not None]
        self.handles = {
            handle.id: (handle.id, handle.key, handle.request, handle.created_at, encode(handle))
            for handle in commit.handles
        }
        self.payloads: dict[str, Row] = {}
        self.big: dict[str, bytes] = {}
        for digest, body in commit.blobs.items():
            if len(body) > BIG:
                self.big[digest] = body
            self.payloads[digest] = (digest, len(body), checksum(body), None if len(body) > BIG else body)


def remotes_of(record: JobRecord) -> str:
    """Its remote ids as JSON."""
    ids = dict.fromkeys((*((record.remote_id,) if record.remote_id is not None else ()), *record.extra_ids))
    return msgspec.json.encode(list(ids)).decode()


def _job_row(record: JobRecord, writer: str) -> Row:
    return (
        record.id,
        record.version,
        record.fence,
        writer,
        record.state.value,
        int(record.settled),
        record.provider,
        record.lane,
        remotes_of(record),
        record.payload,
        record.layout,
        record.created_at,
        encode(record),
    )


def _event_row(change: Change, writer: str) -> Row:
    event = change.event
    if event is None:
        return (change.record.id, writer, "", 0.0, b"")
    return (change.record.id, writer, type(event).__name__, event.at, encode(event))


def _attempt_row(change: Change) -> Row | None:
    event = change.event
    what = _ATTEMPTS.get(type(event))
    if event is None or what is None:
        return None
    detail = event.remote_id if isinstance(event, SubmitAccepted) else getattr(event, "reason", "")
    return (change.record.id, change.record.attempts, what, event.at, detail)


class Insert:
    """An INSERT of any number of rows, in as few steps as possible.

    Each step of a statement gives up the interpreter's lock and has to get it back from a busy event loop, which takes
    up to 5 ms: many rows in one step are not only faster, they keep the write lock short.
    """

    SIZES = (64, 8, 1)  # 64 x 13 columns stays under 999, the limit of older builds

    def __init__(self, head: str, columns: int, tail: str = "") -> None:
        row = f"({', '.join('?' * columns)})"
        self._texts = {size: f"{head} VALUES {', '.join([row] * size)} {tail}" for size in self.SIZES}

    def run(self, connection: sqlite3.Connection, rows: Iterable[Row]) -> int | None:
        """The rowid of the last row."""
        last = None
        for part in self._parts(list(rows)):
            last = connection.execute(self._texts[len(part)], list(chain.from_iterable(part))).lastrowid
        return last

    def _parts(self, rows: list[Row]) -> Iterator[list[Row]]:
        start = 0
        for size in self.SIZES:
            while len(rows) - start >= size:
                yield rows[start : start + size]
                start += size


JOB = Insert(
    "INSERT INTO job (id, version, fence, owner, state, settled, provider, lane, remotes, payload, layout, created_at,"
    " body)",
    13,
    "ON CONFLICT (id) DO UPDATE SET"
    " owner = CASE WHEN excluded.fence > job.fence THEN excluded.owner ELSE job.owner END,"
    " version = excluded.version, fence = excluded.fence, state = excluded.state, settled = excluded.settled,"
    " remotes = excluded.remotes, payload = excluded.payload, layout = excluded.layout, body = excluded.body",
)
HANDLE = Insert(
    "INSERT INTO handle (id, key, request, created_at, body)",
    5,
    "ON CONFLICT (id) DO UPDATE SET key = excluded.key, request = excluded.request,"
    " created_at = excluded.created_at, body = excluded.body",
)
LINK = Insert("INSERT INTO link (handle, place, job)", 3)
TAG = Insert("INSERT OR IGNORE INTO tag (tag, handle)", 2)
EVENT = Insert("INSERT INTO event (job, writer, type, at, body)", 5)
ATTEMPT = Insert("INSERT INTO attempt (job, attempt, what, at, detail)", 5)
PAYLOAD = Insert("INSERT OR IGNORE INTO payload (digest, size, checksum, body)", 4)
REMOTE = Insert("INSERT OR IGNORE INTO remote (lane, id, job)", 3)
RESULT = Insert("INSERT OR REPLACE INTO result (job, name, digest, schema)", 4)
