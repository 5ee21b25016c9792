"""The tables, and how a file of an older version becomes one of this version.

`PRAGMA user_version` counts the migrations a file has had. A migration runs inside the one transaction that also counts
it, so it has happened or it has not.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

APPLICATION = 0x716A4C31  # "qjL1": what `file` and other programs can tell a ledger by

Migration = Callable[[sqlite3.Connection], None]

TABLES = """
CREATE TABLE job (
    number INTEGER PRIMARY KEY,     -- in the order of their making
    id TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    owner TEXT NOT NULL,            -- the ledger object it belongs to, see owners.py
    state TEXT NOT NULL,
    settled INTEGER NOT NULL,
    provider TEXT NOT NULL,
    lane TEXT NOT NULL,
    remotes TEXT NOT NULL,          -- its remote ids, as a JSON array
    payload TEXT NOT NULL,          -- digests
    layout TEXT NOT NULL,
    created_at REAL NOT NULL,
    body BLOB NOT NULL              -- the record, msgpack; the columns above are for looking it up
);
CREATE INDEX job_unsettled ON job (owner) WHERE settled = 0;
CREATE INDEX job_payload ON job (payload) WHERE payload <> '';
CREATE INDEX job_layout ON job (layout) WHERE layout <> '';

CREATE TABLE remote (
    lane TEXT NOT NULL,
    id TEXT NOT NULL,
    job TEXT NOT NULL,
    PRIMARY KEY (lane, id, job)
) WITHOUT ROWID;
CREATE INDEX remote_job ON remote (job);

CREATE TABLE handle (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    key TEXT UNIQUE,
    request TEXT NOT NULL,          -- digest
    created_at REAL NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX handle_created ON handle (created_at);
CREATE INDEX handle_request ON handle (request) WHERE request <> '';

CREATE TABLE link (
    handle TEXT NOT NULL REFERENCES handle (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    job TEXT NOT NULL,
    PRIMARY KEY (handle, place)
) WITHOUT ROWID;
CREATE INDEX link_job ON link (job);

CREATE TABLE tag (
    tag TEXT NOT NULL,
    handle TEXT NOT NULL REFERENCES handle (id) ON DELETE CASCADE,
    PRIMARY KEY (tag, handle)
) WITHOUT ROWID;
CREATE INDEX tag_handle ON tag (handle);

CREATE TABLE attempt (              -- append-only
    number INTEGER PRIMARY KEY,
    job TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    what TEXT NOT NULL,             -- "started", "accepted", "deferred", "rejected", "in doubt"
    at REAL NOT NULL,
    detail TEXT NOT NULL            -- the remote id or the reason
);
CREATE INDEX attempt_job ON attempt (job);

CREATE TABLE event (                -- append-only
    cursor INTEGER PRIMARY KEY AUTOINCREMENT,
    job TEXT NOT NULL,
    writer TEXT NOT NULL,           -- the ledger object that committed it
    type TEXT NOT NULL,             -- '': the record is new, or was taken over; no event, but others must hear of it
    at REAL NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX event_job ON event (job);

CREATE TABLE payload (              -- every body, by its digest: requests, layouts, raw results
    digest TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    checksum BLOB NOT NULL,         -- blake2b, our own: whoever makes digests may use another function
    body BLOB                       -- NULL: in a file, see bodies.py
);

CREATE TABLE result (               -- which bodies are a job's raw result
    job TEXT NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    schema TEXT NOT NULL,
    PRIMARY KEY (job, name)
) WITHOUT ROWID;
CREATE INDEX result_digest ON result (digest);

CREATE TABLE writer (               -- how many groups of commits an object has written; tells whether the last one is there
    id TEXT PRIMARY KEY,
    groups INTEGER NOT NULL
) WITHOUT ROWID;
"""


def _first(connection: sqlite3.Connection) -> None:
    for statement in TABLES.split(";\n"):
        if statement.strip():
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")


MIGRATIONS: list[Migration] = [_first]
"""`MIGRATIONS[n]` makes version n + 1 of version n. Published ones never change; new ones are added at the end."""


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Run what is missing, inside the caller's transaction."""
    for migration in MIGRATIONS[version:]:
        migration(connection)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
