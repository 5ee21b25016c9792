"""What a doctor asks of a ledger."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from quantumjobs.errors import LedgerError
from quantumjobs.ledgers.sqlite import files, owners
from quantumjobs.ledgers.sqlite.connection import copy, pragma
from quantumjobs.ledgers.sqlite.store import Store


class Health(Struct, frozen=True, kw_only=True):
    """The state of a ledger file. Sizes are bytes, modes octal text as `chmod` takes them."""

    path: str
    sqlite_version: str
    journal_mode: str
    schema_version: int
    read_only: bool
    """The file is of a newer version than this library."""
    file_mode: str
    directory_mode: str
    network_file_system: str
    """Its kind, or "": ownership and locks are to be trusted on a local one only."""
    integrity: str
    """"ok", or what SQLite's `quick_check` found."""
    owners_alive: int
    owners_dead: int
    """That still have unsettled records."""
    file_size: int
    """With its journal or WAL."""
    bodies_size: int


def health(store: Store) -> Health:
    """Look at everything; reads the whole file. Raises `LedgerError` where it cannot be opened."""
    with store.reading() as connection:
        try:
            found = [row[0] for row in connection.execute("PRAGMA quick_check(20)")]
            left = connection.execute("SELECT DISTINCT owner FROM job WHERE settled = 0").fetchall()
        except sqlite3.DatabaseError as error:  # too damaged even to be checked
            found, left = [str(error)], []
        dead = sum(not _alive(store, owner) for (owner,) in left)
        living = [owner for owner in owners.listed(store.owners_directory) if _alive(store, owner)]
        return Health(
            path=str(store.path),
            sqlite_version=sqlite3.sqlite_version,
            journal_mode=str(pragma(connection, "journal_mode")),
            schema_version=store.version,
            read_only=store.read_only,
            file_mode=files.mode_text(store.path.lstat().st_mode),
            directory_mode=files.mode_text(store.path.parent.stat().st_mode),
            network_file_system=files.network_file_system(store.path),
            integrity="; ".join(found),
            owners_alive=len(living),
            owners_dead=dead,
            file_size=sum(_size(store.path.with_name(store.path.name + end)) for end in ("", "-journal", "-wal")),
            bodies_size=store.bodies.size(),
        )


def backup(store: Store, to: Path) -> None:
    """A consistent copy: the file through SQLite's backup, then the body files it refers to.

    Raises `LedgerError` where `to` is there already, or a body is missing or damaged; then there is no copy.
    """
    from quantumjobs.ledgers.sqlite.bodies import Bodies

    with store.reading() as connection:
        files.make_directory(to.parent)
        copy(connection, to)
        target = Bodies(to.with_name(f"{to.name}.bodies"))
        try:
            copied = sqlite3.connect(f"{to.as_uri()}?mode=ro", uri=True)
            try:
                rows = copied.execute("SELECT digest, size, checksum FROM payload WHERE body IS NULL").fetchall()
            finally:
                copied.close()
            for digest, size, checksum in rows:
                target.write({digest: store.bodies.read(digest, size, checksum)})
        except (LedgerError, OSError, sqlite3.Error):
            to.unlink(missing_ok=True)
            raise


def _alive(store: Store, owner: str) -> bool:
    with suppress(OSError, LedgerError):
        return owners.alive(store.owners_directory, owner)
    return False


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0
