"""Questions to a store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from quantumjobs.core.events import AnyEvent
from quantumjobs.core.records import Handle, JobRecord
from quantumjobs.errors import LedgerError
from quantumjobs.ledgers.sqlite import owners, rows
from quantumjobs.ledgers.sqlite.bodies import checksum as checksum_of
from quantumjobs.ledgers.sqlite.group import as_json
from quantumjobs.ledgers.sqlite.store import Store

log = logging.getLogger("quantumjobs")
T = TypeVar("T")

_AMONG = "IN (SELECT value FROM json_each(?))"


class Reader:
    """Reads through a store's connection, and so sees what that has committed. Raises `LedgerError`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._data_version = -1  # of the connection at the last scan for others' changes
        self._connection: object = None
        self._scanned = 0  # cursor up to which that scan went

    # --- decoding -------------------------------------------------------------------------
    def _one(self, body: bytes, decode: Callable[[bytes], T], what: str) -> T:
        try:
            return decode(body)
        except (msgspec.DecodeError, ValueError) as error:
            raise LedgerError(f"{what} in {self._store.path} cannot be understood: {error}") from error

    def _all(self, found: Iterable[tuple[str, bytes]], decode: Callable[[bytes], T], what: str) -> list[T]:
        """In a file of a newer version, what is not understood is left out; in ours it is damage."""
        answers = []
        for name, body in found:
            try:
                answers.append(self._one(body, decode, f"{what} {name}"))
            except LedgerError as error:
                if not self._store.read_only:
                    raise
                log.warning("%s", error)
        return answers

    def _records(self, sql: str, *values: object) -> list[JobRecord]:
        with self._store.reading() as connection:
            found = connection.execute(f"SELECT id, body FROM job {sql}", values).fetchall()  # noqa: S608 - our words
        return self._all(found, rows.decode_record, "job")

    def _handle(self, sql: str, *values: object) -> Handle | None:
        with self._store.reading() as connection:
            found = connection.execute(f"SELECT id, body FROM handle {sql}", values).fetchone()  # noqa: S608 - our words
        return None if found is None else self._one(found[1], rows.decode_handle, f"handle {found[0]}")

    # --- the contract's questions -----------------------------------------------------------
    def blob(self, digest: str) -> bytes:
        with self._store.reading() as connection:
            row = connection.execute("SELECT size, checksum, body FROM payload WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            raise LedgerError(f"no blob {digest!r} in this ledger (any more)")
        size, checksum, body = row
        if body is None:
            return self._store.bodies.read(digest, size, checksum)
        if len(body) != size or checksum_of(body) != checksum:
            raise LedgerError(f"body {digest} is damaged: {self._store.path} does not hold what was written")
        kept: bytes = body
        return kept

    def record(self, job_id: str) -> JobRecord:
        with self._store.reading() as connection:
            row = connection.execute("SELECT body FROM job WHERE id = ?", (job_id,)).fetchone()
        if row is None:
            raise LedgerError(f"no job {job_id!r} in this ledger (any more)")
        return self._one(row[0], rows.decode_record, f"job {job_id}")

    def records(self, job_ids: Sequence[str]) -> list[JobRecord]:
        held = {record.id: record for record in self._records(f"WHERE id {_AMONG}", as_json(job_ids))}
        return [held[job_id] for job_id in job_ids if job_id in held]

    def handle(self, handle_id: str) -> Handle:
        found = self._handle("WHERE id = ?", handle_id)
        if found is None:
            raise LedgerError(f"no job {handle_id!r} in this ledger (any more)")
        return found

    def by_key(self, key: str) -> Handle | None:
        return self._handle("WHERE key = ?", key)

    def by_remote(self, lane: str, remote_id: str) -> Handle | None:
        return self._handle(
            "WHERE id IN (SELECT link.handle FROM remote JOIN link ON link.job = remote.job"
            " WHERE remote.lane = ? AND remote.id = ?) ORDER BY created_at DESC, number DESC LIMIT 1",
            lane,
            remote_id,
        )

    def handles(self, since: float | None, tag: str | None) -> list[Handle]:
        conditions, values = ["1"], list[object]()
        if since is not None:
            conditions.append("created_at >= ?")
            values.append(since)
        if tag is not None:
            conditions.append("id IN (SELECT handle FROM tag WHERE tag = ?)")
            values.append(tag)
        with self._store.reading() as connection:
            found = connection.execute(
                f"SELECT id, body FROM handle WHERE {' AND '.join(conditions)}"  # noqa: S608 - our words
                " ORDER BY created_at DESC, number DESC",
                values,
            ).fetchall()
        return self._all(found, rows.decode_handle, "handle")

    def unsettled(self) -> list[JobRecord]:
        return self._records("WHERE settled = 0 ORDER BY number")

    def orphans(self) -> list[JobRecord]:
        directory = self._store.owners_directory
        with self._store.reading() as connection:
            found = connection.execute(
                "SELECT DISTINCT owner FROM job WHERE settled = 0 AND owner <> ?", (self._store.writer,)
            ).fetchall()
            dead = [owner for (owner,) in found if not owners.alive(directory, owner)]
        return self._records(f"WHERE settled = 0 AND owner {_AMONG} ORDER BY number", as_json(dead)) if dead else []

    def others(self, after: int | None) -> tuple[int, list[JobRecord]]:
        with self._store.reading() as connection:
            if connection is not self._connection:
                self._connection, self._data_version = connection, -1
            if after is None:
                row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
                return (row[0] if row else 0), []
            version = connection.execute("PRAGMA data_version").fetchone()[0]
            if version == self._data_version and after >= self._scanned:  # only we have written since
                return max(self._scanned, self._store.last_cursor, after), []
            row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
            cursor: int = row[0] if row else 0
            changed = connection.execute(
                "SELECT DISTINCT job FROM event WHERE cursor > ? AND cursor <= ? AND writer <> ?",
                (after, cursor, self._store.writer),
            ).fetchall()
            self._data_version, self._scanned = version, cursor
        return max(cursor, after), self.records([job_id for (job_id,) in changed]) if changed else []

    def events(self, after: int, limit: int) -> list[tuple[int, str, AnyEvent]]:
        with self._store.reading() as connection:
            found = connection.execute(
                "SELECT cursor, job, body FROM event WHERE cursor > ? AND type <> '' ORDER BY cursor LIMIT ?",
                (after, limit),
            ).fetchall()
        decode: Callable[[bytes], AnyEvent] = rows.decode_event
        if not self._store.read_only:
            return [(cursor, job, self._one(body, decode, f"event {cursor}")) for cursor, job, body in found]
        answers = []
        for cursor, job, body in found:
            answers += [(cursor, job, event) for event in self._all([(str(cursor), body)], decode, "event")]
        return answers
