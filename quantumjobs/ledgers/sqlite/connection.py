"""How a ledger file is opened: made safely, pragmas, journal mode, its version."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Literal, NamedTuple

from quantumjobs.errors import LedgerError
from quantumjobs.ledgers.sqlite import files, schema

JournalMode = Literal["auto", "wal", "delete"]
OLDEST = (3, 31)  # trusted_schema


class Opened(NamedTuple):
    """A connection, ready for use. `read_only`: the file is of a newer version than this library."""

    connection: sqlite3.Connection
    version: int
    read_only: bool


def wal_is_safe(version: tuple[int, int, int]) -> bool:
    """Whether this SQLite has the fix for the WAL-reset bug: two connections could corrupt the file at a checkpoint."""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)


def open_file(path: Path, *, journal_mode: JournalMode, timeout: float) -> Opened:
    """Raises `LedgerError`, `sqlite3.Error` or `OSError`; nothing stays open then."""
    if sqlite3.sqlite_version_info < OLDEST:
        raise LedgerError(f"SQLite {sqlite3.sqlite_version} is too old for the ledger: 3.31 or newer is needed")
    files.make_directory(path.parent)
    files.make_file(path)
    # mode=rw: SQLite must not make the file, it would do so with the umask's permissions.
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        return _prepare(connection, path, journal_mode, timeout)
    except BaseException:
        connection.close()
        raise


def pragma(connection: sqlite3.Connection, text: str) -> int | str:
    """The one value that a pragma answers with."""
    row = connection.execute(f"PRAGMA {text}").fetchone()
    value: int | str = row[0] if row else ""
    return value


def _prepare(connection: sqlite3.Connection, path: Path, mode: JournalMode, timeout: float) -> Opened:
    for text in ("trusted_schema = OFF", "cell_size_check = ON", "foreign_keys = ON", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {text}")
    for text in ("fullfsync = ON", "checkpoint_fullfsync = ON"):  # macOS: past the drive's cache; elsewhere nothing
        connection.execute(f"PRAGMA {text}")
    version = _version(connection, path)
    newest = len(schema.MIGRATIONS)
    if version > newest:
        connection.execute("PRAGMA query_only = ON")
        return Opened(connection, version, read_only=True)
    in_use = _set_journal_mode(connection, path, mode, timeout)
    # Without WAL a commit is the unlinking of the journal: EXTRA makes that durable. With FULL a power cut could bring
    # the journal back, and a commit that was acknowledged would be rolled back.
    connection.execute(f"PRAGMA synchronous = {'FULL' if in_use == 'wal' else 'EXTRA'}")
    if version < newest:
        _migrate(connection, path)
    return Opened(connection, newest, read_only=False)


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """Raises `LedgerError` where the file is another program's."""
    own = not connection.in_transaction
    if own:
        connection.execute("BEGIN")  # one view of all three: another program may be making the tables at this moment
    try:
        version = int(pragma(connection, "user_version"))
        ours = pragma(connection, "application_id") == schema.APPLICATION
        empty = not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    finally:
        if own:
            connection.execute("ROLLBACK")
    if not ours and (version or not empty):
        raise LedgerError(f"{path} is an SQLite file, but not a ledger of quantumjobs")
    return version


def _set_journal_mode(connection: sqlite3.Connection, path: Path, mode: JournalMode, timeout: float) -> str:
    """The mode in use. "auto" takes what is there if others have the file open and it cannot be changed now."""
    wanted = mode
    if mode == "auto":
        safe = wal_is_safe(sqlite3.sqlite_version_info) and not files.network_file_system(path)
        wanted = "wal" if safe else "delete"
    end = time.monotonic() + (timeout if mode != "auto" else 0.0)
    while True:
        in_use = str(pragma(connection, "journal_mode"))
        if in_use == wanted:
            return in_use
        try:
            connection.execute("PRAGMA busy_timeout = 0")  # asked again below; SQLite does not wait for all it needs
            in_use = str(pragma(connection, f"journal_mode = {wanted}"))
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
        finally:
            connection.execute(f"PRAGMA busy_timeout = {round(1000 * timeout)}")
        if in_use == wanted or mode == "auto":
            return in_use
        if time.monotonic() > end:
            raise LedgerError(f"{path} is in journal mode {in_use}, and others use it: it cannot be {wanted} now")
        time.sleep(0.01)


def is_busy(error: sqlite3.Error) -> bool:
    """Somebody else holds the lock."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection, path)  # another process may have been faster
        if version < len(schema.MIGRATIONS):
            if version:
                _back_up(path, _free_name(path, version))
            schema.migrate(connection, version)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _back_up(path: Path, to: Path) -> None:
    """Through a connection of its own: SQLite copies nothing from one that is in a write transaction."""
    source = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)
    try:
        copy(source, to)
    finally:
        source.close()


def _free_name(path: Path, version: int) -> Path:
    """Beside the ledger; an older backup is never written over."""
    number = 0
    while True:
        name = path.with_name(f"{path.name}.v{version}{f'-{number}' if number else ''}.backup")
        if not name.exists():
            return name
        number += 1


def copy(connection: sqlite3.Connection, to: Path, *, timeout: float = 60.0) -> None:
    """A consistent copy through SQLite's own backup. Raises `LedgerError` where `to` is there already."""
    if not files.make_file(to):
        raise LedgerError(f"{to} is there already; a backup is never written over")
    end = time.monotonic() + timeout

    def progress(status: int, remaining: int, total: int) -> None:
        del status, remaining, total
        if time.monotonic() > end:
            raise LedgerError(f"no backup within {timeout:g} s: the ledger is in use all the time")

    target = sqlite3.connect(f"{to.as_uri()}?mode=rw", uri=True)
    try:
        connection.backup(target, progress=progress)
    except BaseException:
        target.close()
        to.unlink(missing_ok=True)
        raise
    target.close()
