"""Forgetting handles, and what nobody else refers to."""

# ruff: noqa: S608 - what stands in the braces are our own words
from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from quantumjobs.ledgers.sqlite.group import as_json
from quantumjobs.ledgers.sqlite.store import Store

_AMONG = "IN (SELECT value FROM json_each(?))"

_FINISHED = f"""
SELECT id FROM handle WHERE id {_AMONG} AND NOT EXISTS (
    SELECT 1 FROM link JOIN job ON job.id = link.job WHERE link.handle = handle.id AND job.settled = 0)
"""
_LONELY = f"""
SELECT id FROM job WHERE id {_AMONG} AND NOT EXISTS (SELECT 1 FROM link WHERE link.job = job.id)
"""
_UNUSED = f"""
SELECT digest, size, body IS NULL FROM payload WHERE digest {_AMONG}
    AND NOT EXISTS (SELECT 1 FROM job WHERE job.payload = payload.digest AND job.payload <> '')
    AND NOT EXISTS (SELECT 1 FROM job WHERE job.layout = payload.digest AND job.layout <> '')
    AND NOT EXISTS (SELECT 1 FROM handle WHERE handle.request = payload.digest AND handle.request <> '')
    AND NOT EXISTS (SELECT 1 FROM result WHERE result.digest = payload.digest)
"""


def remove(store: Store, handle_ids: Sequence[str]) -> int:
    """See `quantumjobs.abc.Ledger.remove`. Also unlinks body files that a killed process left behind."""
    with store.writing() as connection:
        freed, files = _forget(connection, handle_ids)
    files |= set(store.bodies.stale())
    if files:
        # Under the write lock, so that nobody refers to them again between the look and the unlinking; and after the
        # commit above, so that no row ever lacks its file.
        with store.writing() as connection:
            used = _column(connection, f"SELECT digest FROM payload WHERE digest {_AMONG}", files)
            store.bodies.unlink(files - set(used))
    return freed


def _forget(connection: sqlite3.Connection, handle_ids: Iterable[str]) -> tuple[int, set[str]]:
    """Bytes of the bodies that went, and the digests of those that are files."""
    gone = _column(connection, _FINISHED, handle_ids)
    requests = _column(connection, f"SELECT request FROM handle WHERE id {_AMONG}", gone)
    linked = _column(connection, f"SELECT DISTINCT job FROM link WHERE handle {_AMONG}", gone)
    connection.execute(f"DELETE FROM handle WHERE id {_AMONG}", (as_json(gone),))  # links and tags go with it
    jobs = _column(connection, _LONELY, linked)
    digests = {*requests}
    for column, table, key in (("payload", "job", "id"), ("layout", "job", "id"), ("digest", "result", "job")):
        digests.update(_column(connection, f"SELECT {column} FROM {table} WHERE {key} {_AMONG}", jobs))
    for table, key in (("job", "id"), ("remote", "job"), ("result", "job"), ("attempt", "job"), ("event", "job")):
        connection.execute(f"DELETE FROM {table} WHERE {key} {_AMONG}", (as_json(jobs),))
    unused = connection.execute(_UNUSED, (as_json(digests),)).fetchall()
    connection.execute(f"DELETE FROM payload WHERE digest {_AMONG}", (as_json([row[0] for row in unused]),))
    return sum(size for _, size, _ in unused), {digest for digest, _, is_file in unused if is_file}


def _column(connection: sqlite3.Connection, sql: str, values: Iterable[str]) -> list[str]:
    return [row[0] for row in connection.execute(sql, (as_json(values),))]
