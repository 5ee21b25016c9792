"""Who is alive: a locked file per ledger object, `<ledger>.owners/<id>`.

The kernel frees the lock when the process ends, however it ends, and keeps it through a suspend: no clock is asked. A
missing file is a dead owner. The lock belongs to the open file, which a forked child shares: the child closes its copy
and never unlocks. (A child that was forked past Python, by C code, keeps it until it ends.)

Where there is no flock (Windows) a byte of the file is locked instead, which ends with the process too; not tested.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from weakref import WeakSet

from quantumjobs.errors import LedgerError
from quantumjobs.ledgers.sqlite.files import make_directory

_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)
_FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_TRIES = 100

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int, *, shared: bool = False) -> bool:
        del shared
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _lock(descriptor: int, *, shared: bool = False) -> bool:
        """Whether the lock was free. Looks share it, so that two who look do not take each other for the owner."""
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class Owner:
    """One ledger object, as others see it. Raises `LedgerError` or `OSError` where nothing can be locked."""

    def __init__(self, directory: Path) -> None:
        make_directory(directory)
        self._descriptor = -1
        for _ in range(_TRIES):
            self.id = token_hex(8)
            self._path = directory / self.id
            descriptor = os.open(self._path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
            # Between making and locking, somebody may have taken it for a dead one's and unlinked it.
            if _lock(descriptor) and _is_at(descriptor, self._path):
                self._descriptor = descriptor
                _held.add(self)
                return
            with suppress(OSError):
                self._path.unlink()
            os.close(descriptor)
        raise LedgerError(f"no file in {directory} can be locked; the ledger must be on a local file system")

    def release(self) -> None:
        """From now on its records belong to nobody. Harmless when done twice, and in a forked child."""
        if self._descriptor >= 0:
            with suppress(OSError):
                self._path.unlink()  # first, while it is locked: nobody can mistake another's file for it
            self.abandon()

    def abandon(self) -> None:
        """Close our copy of the descriptor, and touch nothing else."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


_held: WeakSet[Owner] = WeakSet()


def _forget() -> None:
    for owner in list(_held):
        owner.abandon()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def alive(directory: Path, owner: str) -> bool:
    """Whether that owner's object is open. Raises `LedgerError` for what is no id: it must not become a path."""
    if not _ID.fullmatch(owner):
        raise LedgerError(f"{owner!r} is not an owner's id; the ledger was not written by this library")
    try:
        descriptor = os.open(directory / owner, _FLAGS)
    except FileNotFoundError:
        return False
    try:
        return not _lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def listed(directory: Path) -> list[str]:
    """The ids of all that have a file, dead or alive."""
    try:
        return sorted(path.name for path in directory.iterdir() if _ID.fullmatch(path.name))
    except FileNotFoundError:
        return []


def bury(directory: Path) -> list[str]:
    """Unlink the files of the dead; the ids of those that live."""
    living = []
    for owner in listed(directory):
        path = directory / owner
        try:
            descriptor = os.open(path, _FLAGS)
        except OSError:
            continue  # gone meanwhile
        try:
            if not _lock(descriptor):
                living.append(owner)
            elif _is_at(descriptor, path):
                with suppress(OSError):
                    path.unlink()
        finally:
            os.close(descriptor)
    return living


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    ours = os.fstat(descriptor)
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)
