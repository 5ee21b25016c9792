"""The files in which AQT's own tools and this library keep a user's sign-in: plain text, a token a file.

What is written is whole or not there, and its user's alone. Refreshing uses a refresh token up, and using one twice
ends the sign-in: so whoever refreshes holds the folder's lock, and looks again when it is theirs.

All of it blocks, and is for a thread, but for `locked`.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import token_hex

from msgspec import Struct

from quantumjobs.adapters.aqt.oidc import Tokens
from quantumjobs.adapters.bearer import LONGEST, Claims, claims, is_token
from quantumjobs.errors import CredentialError, ProviderUnavailable
from quantumjobs.wire import Secret
from quantumjobs.workers.beside import beside

ACCESS = "access_token"
REFRESH = "refresh_token"
LOCK = ".quantumjobs.lock"
RESERVED = frozenset({ACCESS, REFRESH, LOCK, "config"})
PATIENCE = 120.0
"""Seconds to wait for another process that is refreshing: longer than that may take."""
_EVERY = 0.05
_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # by name: a forked child may hold the file open


class Stored(Struct, frozen=True):
    """What a folder holds."""

    folder: Path
    access: Secret | None = None
    refresh: Secret | None = None
    claims: Claims = Claims()
    """Of the access token."""
    trouble: tuple[str, ...] = ()
    """Why a file that is there was not read."""

    @property
    def shown(self) -> str:
        """For messages."""
        why = f" ({'; '.join(self.trouble)})" if self.trouble else ""
        return f"{self.folder / ACCESS}{why}"


# --- reading ----------------------------------------------------------------------------------
def is_kept(folder: Path) -> bool:
    """Whether there is a sign-in, or the rest of one."""
    return any((folder / name).is_file() for name in (ACCESS, REFRESH))


def read(folder: Path) -> Stored:
    """What is kept there; raises nothing."""
    trouble: list[str] = []
    access, refresh = (_read(folder / name, trouble) for name in (ACCESS, REFRESH))
    found = claims(access) if access else Claims()
    origin = str(folder / ACCESS)
    return Stored(
        folder=folder,
        access=Secret(access, until=found.exp, origin=origin) if access else None,
        refresh=Secret(refresh, origin=str(folder / REFRESH)) if refresh else None,
        claims=found,
        trouble=tuple(trouble),
    )


def stored(folder: Path, tokens: Tokens, *, origin: str = "") -> Stored:
    """What a folder holds when these are kept there; or what is kept nowhere, under that origin."""
    tokens.access.origin = origin or str(folder / ACCESS)
    return Stored(folder, tokens.access, tokens.refresh, claims(tokens.access.reveal()))


def _read(path: Path, trouble: list[str]) -> str:
    try:
        # O_NONBLOCK: whatever stands there, opening it must not wait.
        descriptor = os.open(path, os.O_RDONLY | _FLAGS | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return ""
    except NotADirectoryError:
        return ""
    except OSError as error:
        why = "is a symbolic link, and not read" if path.is_symlink() else f"cannot be read: {error.strerror}"
        trouble.append(f"{path.name} {why}")
        return ""
    try:
        problem = _problem(os.fstat(descriptor))
        body = b"" if problem else os.read(descriptor, LONGEST + 2)
    except OSError as error:
        problem, body = f"cannot be read: {error.strerror}", b""
    finally:
        os.close(descriptor)
    text = body.decode("latin-1").strip()
    if not problem and text and not is_token(text):
        problem = "holds no token"
    if problem:
        trouble.append(f"{path.name} {problem}")
        return ""
    return text


def _problem(found: os.stat_result) -> str:
    if not stat.S_ISREG(found.st_mode):
        return "is not a regular file"
    if found.st_size > LONGEST + 2:
        return "is too large for a token"
    if os.name == "posix" and found.st_uid not in {os.geteuid(), 0}:
        return f"belongs to another user (uid {found.st_uid})"
    if os.name == "posix" and found.st_mode & stat.S_IWOTH:
        return "can be written by everybody"
    return ""


# --- writing ----------------------------------------------------------------------------------
def prepare(folder: Path) -> None:
    """A folder of mode 0700 where there is none. Raises `OSError`, and `CredentialError` for an unsafe one."""
    if not folder.is_dir():
        if not folder.parent.is_dir():
            prepare(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    if os.name == "posix" and folder.stat().st_mode & stat.S_IWOTH:
        raise CredentialError(f"aqt: everybody can write to {folder}: no sign-in is kept there")


def keep(folder: Path, tokens: Tokens, *, replace: bool = False) -> None:
    """Write them, durably. `replace`: another sign-in's refresh token goes, too, when there is none now.

    The refresh token comes first: if this process ends in between, the old one is used up already, and the access
    token can be had again. Raises `OSError`, `CredentialError`.
    """
    prepare(folder)
    _sweep(folder)
    if tokens.refresh is not None:
        _write(folder / REFRESH, tokens.refresh)
    elif replace:
        (folder / REFRESH).unlink(missing_ok=True)
    _write(folder / ACCESS, tokens.access)
    _sync(folder)


def _write(path: Path, secret: Secret) -> None:
    part = path.with_name(f".{path.name}.{token_hex(8)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret.reveal().encode())
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    _sync(path.parent)


def _sweep(folder: Path) -> list[str]:
    """Take away what a process that was killed while it wrote has left behind; the files that went."""
    gone = []
    for name in (REFRESH, ACCESS):
        for part in folder.glob(f".{name}.*"):
            part.unlink(missing_ok=True)
            gone.append(str(part))
    return gone


def _sync(folder: Path) -> None:
    if os.name == "posix":  # elsewhere a folder cannot be opened
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove(folder: Path) -> list[str]:
    """Take a sign-in away; the files that went. Raises `OSError`."""
    gone = _sweep(folder)
    for name in (REFRESH, ACCESS):
        path = folder / name
        if path.is_symlink() or path.exists():
            path.unlink(missing_ok=True)
            gone.append(str(path))
    if gone:
        _sync(folder)
    return gone


# --- the lock ---------------------------------------------------------------------------------
@asynccontextmanager
async def locked(folder: Path) -> AsyncIterator[None]:
    """While this is open, nobody else refreshes here. The kernel lets go of it when a process ends, however it ends.

    Raises `OSError` where the folder cannot be written to, so that nothing new could be kept either,
    `CredentialError` for an unsafe one, and `ProviderUnavailable` when somebody holds it for too long.
    """
    loop = asyncio.get_running_loop()
    ends = loop.time() + PATIENCE
    while (descriptor := await _attempt(folder)) < 0:
        if loop.time() > ends:
            raise ProviderUnavailable(
                f"aqt: another process has held {folder / LOCK} for {PATIENCE:g} s", provider="aqt", sent=False
            )
        await asyncio.sleep(_EVERY)
    try:
        yield
    finally:
        _let_go(descriptor)


async def _attempt(folder: Path) -> int:
    """A descriptor with the lock; -1 where somebody else has it."""
    trying = beside(_try, folder)
    try:
        return await asyncio.shield(trying)
    except asyncio.CancelledError:
        trying.add_done_callback(lambda done: _let_go(-1 if done.cancelled() or done.exception() else done.result()))
        raise


def _try(folder: Path) -> int:
    prepare(folder)
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)
    if _lock(descriptor):
        return descriptor
    os.close(descriptor)
    return -1


def _let_go(descriptor: int) -> None:
    if descriptor >= 0:
        try:
            _unlock(descriptor)
        finally:
            os.close(descriptor)
