"""Files and directories that only their owner can touch.

A ledger file that is there is never opened here, not even to look: closing any descriptor of a file drops the POSIX
locks that SQLite holds on it elsewhere in this process. `lstat` says all that is needed.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path

from quantumjobs.errors import LedgerError

NETWORK = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "gpfs", "lustre", "ncpfs"}
    | {"nfs", "nfs4", "ocfs2", "gfs2", "smb3", "smbfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse"}
)
"""File systems of several hosts: their locks are not to be trusted, and ownership is a matter of one host."""

_making = threading.Lock()


def make_directory(path: Path) -> None:
    """A directory of mode 0700, durable, where there is none.

    One that is there is left as it is. Raises `LedgerError` where others could exchange what is in it.
    """
    if not path.is_dir():
        if not path.parent.is_dir():
            make_directory(path.parent)
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:  # made by somebody else meanwhile, or no directory: the check below knows
            pass
        except OSError as error:
            raise LedgerError(f"the ledger's directory {path} cannot be made: {error}") from error
        sync_directory(path.parent)
    check_directory(path)


def check_directory(path: Path) -> None:
    """Raises `LedgerError` where it is no directory, or users other than its group can write to it."""
    try:
        found = path.stat()
    except OSError as error:
        raise LedgerError(f"the ledger's directory {path} cannot be used: {error}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise LedgerError(f"{path} is not a directory; the ledger needs one of its own")
    # A stranger's file beside the ledger would be taken for its journal: not even a sticky directory will do.
    if os.name == "posix" and found.st_mode & stat.S_IWOTH:
        raise LedgerError(
            f"everybody can write to {path} (mode {mode_text(found.st_mode)}): put the ledger in a directory of your own"
        )


def make_file(path: Path) -> bool:
    """An empty file of mode 0600, where there is none (True); else check the one that is there (False).

    Raises `LedgerError` for a symbolic link, for what is no regular file, for somebody else's file, and for one that
    others can write to. Nothing is tightened silently: somebody wanted it so, or somebody was there.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        with _making:  # another thread that finds the file must not have locked it before this descriptor is closed
            os.close(os.open(path, flags, 0o600))
    except FileExistsError:
        check_file(path)
        return False
    except OSError as error:
        raise LedgerError(f"the ledger {path} cannot be made: {error}") from error
    sync_directory(path.parent)
    return True


def check_file(path: Path) -> None:
    """See `make_file`."""
    try:
        found = path.lstat()
    except OSError as error:
        raise LedgerError(f"the ledger {path} cannot be read: {error}") from error
    if stat.S_ISLNK(found.st_mode):
        raise LedgerError(f"{path} is a symbolic link; name the file itself")
    if not stat.S_ISREG(found.st_mode):
        raise LedgerError(f"{path} is not a regular file")
    if os.name != "posix":
        return
    if found.st_uid != os.geteuid():
        raise LedgerError(f"{path} belongs to another user (uid {found.st_uid}); each user has a ledger of their own")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise LedgerError(
            f"others can write to {path} (mode {mode_text(found.st_mode)}): see what is in it, then `chmod 600` it"
        )


def sync_directory(path: Path) -> None:
    """What was made, renamed or unlinked in it is durable. Raises `OSError`."""
    if os.name != "posix":
        return  # directories cannot be opened there
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(descriptor: int) -> None:
    """The file's bytes are on the medium, not only in the drive's cache. Raises `OSError`."""
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def mode_text(mode: int) -> str:
    """Permissions as `chmod` takes them: "0600"."""
    return f"{stat.S_IMODE(mode):04o}"


def network_file_system(path: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """The kind of file system a path is on, if it is one of `NETWORK`; else "", also where that cannot be seen."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    where = path.resolve()
    best, kind = -1, ""
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
        if where.is_relative_to(point) and len(point.parts) >= best:  # a later mount lies over an earlier one
            best, kind = len(point.parts), fields[2]
    return kind if kind in NETWORK else ""
