"""One connection and all that is written through it. Synchronous, for one thread at a time."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from quantumjobs.errors import KeyConflict, LedgerConflict, LedgerError, LedgerWriteError
from quantumjobs.ledgers.sqlite import forks, owners, schema
from quantumjobs.ledgers.sqlite.bodies import Bodies
from quantumjobs.ledgers.sqlite.connection import JournalMode, is_busy, open_file, pragma
from quantumjobs.ledgers.sqlite.group import Group, as_json
from quantumjobs.ledgers.sqlite.owners import Owner
from quantumjobs.ledgers.sqlite.rows import Commit, Prepared

log = logging.getLogger("quantumjobs")

_POISON = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
"""Errors of what was to be written, not of the file: they fail one commit, and not those beside it."""


class _NotKept(Exception):
    """A group of commits was rolled back, or is as if it had been; the text says why."""


class Store:
    """Opened by its first use, again after an I/O error, and never after `close`. Making one does no I/O."""

    def __init__(self, path: Path, *, journal_mode: JournalMode, timeout: float) -> None:
        self.path = path
        self.timeout = timeout
        self.read_only = False
        self.version = 0
        self.last_cursor = 0  # of our own events
        self.owners_directory = path.with_name(f"{path.name}.owners")
        self.bodies = Bodies(path.with_name(f"{path.name}.bodies"))
        self._journal_mode: JournalMode = journal_mode
        self._connection: sqlite3.Connection | None = None
        self._owner: Owner | None = None
        self._groups = 0  # that we tried to write
        self._closed = False

    @property
    def writer(self) -> str:
        """Our id as an owner; "" while nothing was written."""
        return self._owner.id if self._owner is not None else ""

    # --- opening and closing --------------------------------------------------------------
    def open(self) -> sqlite3.Connection:
        """The connection. Raises `LedgerError`, `sqlite3.Error` or `OSError`."""
        if self._closed:
            raise LedgerError(f"this ledger is closed; make a new one for {self.path}")
        if self._connection is None:
            forks.check()
            opened = open_file(self.path, journal_mode=self._journal_mode, timeout=self.timeout)
            self._connection, self.version, self.read_only = opened
            if self.read_only:
                log.warning("%s", self._newer())
        return self._connection

    def close(self) -> None:
        """Let go of the file, then of the ownership. What was committed stays."""
        self._closed = True
        self._disconnect()
        if self._owner is not None:
            self._owner.release()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):  # closing rolls back
                connection.close()

    def _newer(self) -> str:
        return (
            f"{self.path} is of version {self.version}, and this library writes version {len(schema.MIGRATIONS)}: it can"
            " be read as far as it is understood, and nothing is written"
        )

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, and errors as `LedgerError`."""
        try:
            yield self.open()
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(f"the ledger {self.path} cannot be read: {error}") from error

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A write transaction, committed at the end. Raises `LedgerWriteError` where nothing was written."""
        try:
            connection = self._ready()
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except BaseException as error:
            self._roll_back()
            if isinstance(error, LedgerWriteError) or not isinstance(error, sqlite3.Error | OSError | LedgerError):
                raise
            raise LedgerWriteError(f"the ledger {self.path} cannot be written: {error}") from error

    def _ready(self) -> sqlite3.Connection:
        """The connection, for a write: known as an owner. Raises like `open`."""
        connection = self.open()
        if self.read_only:
            raise LedgerWriteError(self._newer())
        if self._owner is None:
            self._owner = Owner(self.owners_directory)
        return connection

    # --- commits --------------------------------------------------------------------------
    def commit_group(self, commits: Sequence[Commit]) -> list[Exception | None]:
        """Write independent commits with one fsync. For each: None once it is durable, else why nothing of it is kept.

        The errors are `LedgerConflict`, `KeyConflict` and `LedgerWriteError`.
        """
        outcomes: list[Exception | None] = [None] * len(commits)
        prepared: dict[int, Prepared] = {}
        try:
            self._ready()
        except (sqlite3.Error, OSError, LedgerError) as error:
            return [self._refusal(error) for _ in commits]
        for place, commit in enumerate(commits):
            try:
                one = Prepared(commit, self.writer)
                if one.big:
                    self.bodies.write(one.big)
            except Exception as error:  # a value without a form, or a full disk: this commit's alone
                outcomes[place] = self._refusal(error)
            else:
                prepared[place] = one
        try:
            outcomes_of_group = self._write(list(prepared.values()))
        except _NotKept as error:
            outcomes_of_group = [self._refusal(error.__cause__ or error, str(error)) for _ in prepared]
        except Exception as error:
            if len(prepared) > 1:  # one of them is to blame: find out which
                outcomes_of_group = [self.commit_group([one.commit])[0] for one in prepared.values()]
            else:
                outcomes_of_group = [self._refusal(error)]
        for place, outcome in zip(prepared, outcomes_of_group, strict=True):
            outcomes[place] = outcome
        return outcomes

    def _refusal(self, error: BaseException, text: str = "") -> Exception:
        if isinstance(error, LedgerWriteError):
            return LedgerWriteError(str(error))  # one for each: they get tracebacks
        refusal = LedgerWriteError(text or f"the ledger {self.path} cannot be written: {error}")
        refusal.__cause__ = error
        return refusal

    def _write(self, commits: Sequence[Prepared]) -> list[Exception | None]:
        """Raises `_NotKept`; or what one of the commits is to blame for."""
        if not commits:
            return []
        committing = False
        cursor = 0
        outcomes: list[Exception | None] = []
        try:
            connection = self._ready()
            connection.execute("BEGIN IMMEDIATE")
            group = Group(connection, commits)
            for commit in commits:
                try:
                    group.judge(commit)
                except (LedgerConflict, KeyConflict) as error:
                    outcomes.append(error)
                else:
                    outcomes.append(None)
            if group.empty:
                connection.execute("ROLLBACK")
                return outcomes
            cursor = group.write(self.bodies)
            self._count(connection)
            committing = True
            connection.execute("COMMIT")
        except _POISON:
            self._roll_back()
            raise
        except (sqlite3.Error, OSError) as error:
            self._roll_back()
            # a COMMIT that had to wait too long has not happened
            if not committing or (isinstance(error, sqlite3.Error) and is_busy(error)) or not self._settle(error):
                raise _NotKept(f"the ledger {self.path} cannot be written: {error}") from error
        except BaseException:
            self._roll_back()
            raise
        self.last_cursor = max(self.last_cursor, cursor)
        return outcomes

    def _count(self, connection: sqlite3.Connection) -> None:
        """Leave a mark of this group, to see later whether it is there."""
        self._groups += 1
        if self._groups == 1:
            # Whoever has a row here had a file before it, so nobody who lives is missing in this list.
            living = as_json([self.writer, *owners.bury(self.owners_directory)])
            connection.execute("DELETE FROM writer WHERE id NOT IN (SELECT value FROM json_each(?))", (living,))
        connection.execute(
            "INSERT INTO writer (id, groups) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET groups = excluded.groups",
            (self.writer, self._groups),
        )

    def _roll_back(self) -> None:
        """Back to no transaction; after trouble with that, on a new connection."""
        connection = self._connection
        if connection is None:
            return
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self._disconnect()

    def _settle(self, error: Exception) -> bool:
        """After a COMMIT that failed: whether the group is there, durably.

        A failed COMMIT may have happened: the journal was unlinked, but the directory could not be synced. Or it has
        not, and all its frames are in the WAL, where a recovery after a crash would find them, and only their sync
        failed. So look, on a new connection, and write once more: that makes the one durable, and writes over the other.
        """
        self._disconnect()
        try:
            connection = self.open()
            row = connection.execute("SELECT groups FROM writer WHERE id = ?", (self.writer,)).fetchone()
            there = row is not None and row[0] == self._groups
            if not there and (pragma(connection, "journal_mode") != "wal" or _incomplete(error)):
                return False  # rolled back for good: on a full disk there is no writing again
            connection.execute("BEGIN IMMEDIATE")
            self._count(connection)
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError, LedgerError) as again:
            self._roll_back()
            self._disconnect()
            raise _NotKept(
                f"the ledger {self.path} cannot be written ({error}), nor read to see what became of it ({again}): what"
                " was to be written may be there or not"
            ) from error
        return there


def _incomplete(error: Exception) -> bool:
    """It failed while writing, so the last frame, which says that the transaction is whole, is not there."""
    return getattr(error, "sqlite_errorcode", 0) in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE}
