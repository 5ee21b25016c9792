"""A group of independent commits in one transaction: judged one after the other, written together."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from quantumjobs.core.records import Handle, JobRecord
from quantumjobs.errors import KeyConflict, LedgerConflict
from quantumjobs.ledgers.sqlite import rows
from quantumjobs.ledgers.sqlite.bodies import Bodies
from quantumjobs.ledgers.sqlite.rows import Prepared, Row

_HELD_JOBS = (
    "SELECT json_group_array(json_array(id, version, fence, remotes)) FROM job"
    " WHERE id IN (SELECT value FROM json_each(?))"
)
_HELD_KEYS = (
    "SELECT id, key FROM handle WHERE id IN (SELECT value FROM json_each(?1))"
    " UNION SELECT id, key FROM handle WHERE key IN (SELECT value FROM json_each(?2))"
)
_decode_held = msgspec.json.Decoder(list[tuple[str, int, int, str]]).decode


def as_json(values: Any) -> str:
    """A list for `json_each`."""
    return msgspec.json.encode(list(values)).decode()


class Group:
    """What is held of all that the commits touch, and what they make of it.

    The caller has begun an IMMEDIATE transaction: nothing read here changes until it ends.
    """

    def __init__(self, connection: sqlite3.Connection, commits: Sequence[Prepared]) -> None:
        self._connection = connection
        job_ids = {job_id for commit in commits for job_id in commit.jobs}
        self._versions: dict[str, tuple[int, int]] = {}
        self._remotes: dict[str, str] = {}
        if job_ids:
            text = connection.execute(_HELD_JOBS, (as_json(job_ids),)).fetchone()[0]
            for job_id, version, fence, remotes in _decode_held(text):
                self._versions[job_id] = (version, fence)
                self._remotes[job_id] = remotes
        handles = [handle for commit in commits for handle in commit.commit.handles]
        self._keys: dict[str, str | None] = {}  # handle -> key
        if handles:
            keys = as_json({handle.key for handle in handles if handle.key is not None})
            self._keys.update(connection.execute(_HELD_KEYS, (as_json({handle.id for handle in handles}), keys)))
        self._taken = {key: handle_id for handle_id, key in self._keys.items() if key is not None}
        self._known_jobs = set(self._versions)
        self._known_handles = set(self._keys)
        # what is to be written
        self._jobs: dict[str, Row] = {}
        self._records: dict[str, JobRecord] = {}
        self._handle_rows: dict[str, Row] = {}
        self._handles: dict[str, Handle] = {}
        self._payloads: dict[str, Row] = {}
        self._big: dict[str, bytes] = {}
        self._events: list[Row] = []
        self._attempts: list[Row] = []

    def judge(self, commit: Prepared) -> None:
        """Take it in, or raise `LedgerConflict` or `KeyConflict` and be as before."""
        versions = self._check_versions(commit)
        self._check_keys(commit.commit.handles)
        self._versions.update(versions)
        for handle in commit.commit.handles:
            before = self._keys.get(handle.id)
            if before is not None and before != handle.key:
                del self._taken[before]
            self._keys[handle.id] = handle.key
            if handle.key is not None:
                self._taken[handle.key] = handle.id
            self._handles[handle.id] = handle
        self._handle_rows.update(commit.handles)
        self._records.update((change.record.id, change.record) for change in commit.commit.changes)
        for job_id, row in commit.jobs.items():
            self._jobs[job_id] = row
        self._payloads.update(commit.payloads)
        self._big.update(commit.big)
        self._events += commit.events
        self._attempts += commit.attempts

    def _check_versions(self, commit: Prepared) -> dict[str, tuple[int, int]]:
        seen: dict[str, tuple[int, int]] = {}  # a record may be changed twice
        for change in commit.commit.changes:
            record = change.record
            held = seen.get(record.id) or self._versions.get(record.id)
            if held is not None:
                version, fence = held
                if record.version != version + 1:
                    raise LedgerConflict(f"job {record.id}: version {record.version} does not follow {version}")
                if record.fence < fence:
                    raise LedgerConflict(f"job {record.id}: fence {record.fence} is older than {fence}")
            elif record.version < 0:
                raise LedgerConflict(f"job {record.id}: a new record cannot have version {record.version}")
            seen[record.id] = (record.version, record.fence)
        return seen

    def _check_keys(self, handles: Sequence[Handle]) -> None:
        new: dict[str, str] = {}
        for handle in handles:
            if handle.key is not None:
                owner = new.setdefault(handle.key, self._taken.get(handle.key, handle.id))
                if owner != handle.id:
                    raise KeyConflict(f"key {handle.key!r} belongs to job {owner}", key=handle.key, job_id=owner)

    # --- writing ------------------------------------------------------------------------
    @property
    def empty(self) -> bool:
        """Nothing was taken in."""
        return not (self._jobs or self._handles or self._payloads)

    def write(self, bodies: Bodies) -> int:
        """Everything that was taken in; the last cursor, or 0. Raises `sqlite3.Error` or `OSError`."""
        connection = self._connection
        gone = {digest: body for digest, body in self._big.items() if not bodies.has(digest, len(body))}
        if gone:  # unlinked by a `remove` since it was written; not any more, while we hold the lock
            bodies.write(gone)
        rows.PAYLOAD.run(connection, self._payloads.values())
        rows.JOB.run(connection, self._jobs.values())
        self._write_remotes()
        self._write_results()
        self._write_handles()
        rows.ATTEMPT.run(connection, self._attempts)
        return rows.EVENT.run(connection, self._events) or 0

    def _write_remotes(self) -> None:
        new = {
            job_id: record
            for job_id, record in self._records.items()
            if self._jobs[job_id][8] != self._remotes.get(job_id, "[]")
        }
        self._delete("remote", "job", new.keys() & self._known_jobs)
        rows.REMOTE.run(
            self._connection,
            [
                (record.lane, remote, job_id)
                for job_id, record in new.items()
                for remote in (record.remote_id, *record.extra_ids)
                if remote is not None
            ],
        )

    def _write_results(self) -> None:
        new = [record for record in self._records.values() if record.result is not None]
        self._delete("result", "job", {record.id for record in new} & self._known_jobs)
        rows.RESULT.run(
            self._connection,
            [
                (record.id, name, digest, record.result.schema)
                for record in new
                if record.result is not None
                for name, digest in record.result.blobs.items()
            ],
        )

    def _write_handles(self) -> None:
        known = self._handles.keys() & self._known_handles
        self._delete("link", "handle", known)
        self._delete("tag", "handle", known)
        rows.HANDLE.run(self._connection, self._handle_rows.values())
        links = [
            (handle.id, place, link.job) for handle in self._handles.values() for place, link in enumerate(handle.links)
        ]
        rows.LINK.run(self._connection, links)
        rows.TAG.run(self._connection, [(tag, handle.id) for handle in self._handles.values() for tag in handle.tags])

    def _delete(self, table: str, column: str, values: set[str]) -> None:
        if values:
            text = f"DELETE FROM {table} WHERE {column} IN (SELECT value FROM json_each(?))"  # noqa: S608 - our names
            self._connection.execute(text, (as_json(values),))
