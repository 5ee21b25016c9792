"""Tar archives that a server gave: unpacked into a fresh folder, or refused before anything of them is on the disk.

An archive is read twice. The first time nothing is written: a bomb ends there, and so does whatever has a member that
could do harm. The second time the same checks hold, because the file may have changed since. Nothing but new files and
new folders is ever made, below a folder that nobody else may enter: no link exists that a name could lead through.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from quantumjobs.errors import UsageError
from quantumjobs.workers.members import Member, Stream, members, refuse

__all__ = ["Limits", "read_member", "unpack"]

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DRIVE = re.compile(r"[A-Za-z]:")
_NAME = 255
"""Bytes of one part of a name: more than that no file system takes."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_HERE = {errno.EEXIST, errno.EILSEQ, errno.EINVAL, errno.ENAMETOOLONG, errno.ENOTDIR}
"""What a name is refused with: the disk takes it for another one's, or cannot have it."""


class Limits(Struct, frozen=True, kw_only=True):
    """What an archive may become: at most `ratio` times its own size, or `floor` bytes where that is more."""

    bytes: int = 10 << 30
    """All of its content, headers among it, however large it is itself."""
    ratio: int = 20
    floor: int = 64 << 20
    members: int = 100_000
    """Headers, and also files with folders, those among them that no member tells of."""
    name: int = 1024
    """Bytes of one member's name."""
    names: int = 16 << 20
    """Bytes of all names, those of the folders among them."""
    depth: int = 64
    """Folders one in another."""

    def allowed(self, packed: int) -> int:
        """To how many bytes an archive of `packed` bytes may unpack."""
        return min(self.bytes, max(self.floor, self.ratio * packed))


DEFAULT = Limits()


def unpack(archive: Path, to: Path, *, limits: Limits = DEFAULT, stopped: Callable[[], bool] = bool) -> list[str]:
    """Unpack into the new folder `to`; the names of the files there, in the archive's order.

    Files are of mode 0600, or 0700 where they may be run, folders 0700; other attributes are dropped. It is unpacked
    beside `to`, which appears when all is there; after an error nothing is left. Links of any kind are refused.
    `stopped` is asked between members, and before `to` appears: then nothing is left, and `InterruptedError` is raised.

    Raises `UsageError` where `to` exists or has no folder to be in, `ProviderProtocolError` for an archive that is
    damaged, could do harm or is larger than `limits`, `OSError` where this machine cannot read or write.
    """
    if os.path.lexists(to):
        raise UsageError(f"{to} exists already; it must be a folder that is not there yet")
    if to.name in {"", ".."} or not to.parent.is_dir():
        raise UsageError(f"{to} cannot be made: its parent is no folder")
    with archive.open("rb") as file:
        for _ in _checked(file, limits):
            _go_on(stopped)
        beside = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=to.parent))
        try:
            names = _write(file, beside, limits, stopped)
            _go_on(stopped)
            _rename(beside, to)
        except BaseException:  # whatever it was, nothing half made is left
            shutil.rmtree(beside, ignore_errors=True)
            raise
    return names


def _go_on(stopped: Callable[[], bool]) -> None:
    if stopped():
        raise InterruptedError("nobody wants it any more")


def read_member(archive: Path, name: str, *, most: int = 64 << 20, limits: Limits = DEFAULT) -> bytes | None:
    """The content of one file in the archive, without unpacking it; None where there is none of that name.

    All of the archive is checked as `unpack` does, but for links, devices and pipes of other names: they do no harm
    where nothing is unpacked.

    Raises `ProviderProtocolError` for an archive that is damaged, could do harm or is larger than `limits`, and for a
    file of more than `most` bytes; `OSError` where this machine cannot read.
    """
    found: bytes | None = None
    with archive.open("rb") as file:
        for at, member, content in _checked(file, limits, odd=True):
            if at != name:
                continue
            if member.odd or member.folder:
                refuse(f"is {member.odd or 'a folder'} and no file", member.name)
            if member.size > most:
                refuse(f"has {member.size:,} bytes, and at most {most:,} are read", member.name)
            found = b"".join(content)
    return found


def _checked(file: BinaryIO, limits: Limits, *, odd: bool = False) -> Iterator[tuple[str, Member, Iterator[bytes]]]:
    """The members with their places in a folder, each of them harmless by itself and beside those before it."""
    file.seek(0)
    size = os.fstat(file.fileno()).st_size
    places = _Places(limits)
    for member, content in members(Stream(file, limits.allowed(size)), limits.members):
        if member.odd and not odd:
            refuse(f"is {member.odd}", member.name)
        if place := places.take(member):
            yield place, member, content


class _Places:
    """Where members go, each to a place of its own."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        # Of each place, whether it is a folder. In bytes: one odd letter makes a text take four times as much.
        self._taken: dict[bytes, bool] = {b"": True}
        self._length = 0

    def take(self, member: Member) -> str:
        """The member's place, `a/b`; empty for the archive's own folder. Those above it are folders from now on."""
        parts = _parts(member, self._limits)
        place = "/".join(parts).encode()
        folder = self._taken.get(place)
        if folder is None:
            self._add(place, member.folder, member)
            # From below upwards: where one is known, so are all above it, and none is looked at twice.
            above = place.rpartition(b"/")[0]
            while (folder := self._taken.get(above)) is None:
                self._add(above, True, member)
                above = above.rpartition(b"/")[0]
            if not folder:
                refuse("is below a file", member.name)
        elif not (folder and member.folder):  # that a folder exists may be said twice
            refuse("is there twice", member.name)
        return place.decode()

    def _add(self, place: bytes, folder: bool, member: Member) -> None:
        self._taken[place] = folder
        self._length += len(place)
        if len(self._taken) - 1 > self._limits.members:
            refuse(f"is one too many: at most {self._limits.members:,} files and folders are unpacked", member.name)
        if self._length > self._limits.names:
            refuse(f"is too much: names of at most {self._limits.names:,} bytes are unpacked", member.name)


def _parts(member: Member, limits: Limits) -> list[str]:
    """The parts of a name that leads downwards, without those that mean nothing."""
    name = member.name
    if len(name.encode()) > limits.name:
        refuse(f"has a name of more than {limits.name:,} bytes", name)
    if _CONTROLS.search(name):
        refuse("has control characters in its name", name)
    if "\\" in name or _DRIVE.match(name):
        refuse("has a name of another system", name)
    if name.startswith("/"):
        refuse("has an absolute name", name)
    parts = name.split("/")
    if parts[-1] in {"", "."} and not member.folder:
        refuse("is a file with a folder's name", name)
    parts = [part for part in parts if part not in {"", "."}]
    if ".." in parts:
        refuse("leads out of the folder", name)
    if len(parts) > limits.depth:
        refuse(f"is more than {limits.depth} folders deep", name)
    if any(len(part.encode()) > _NAME for part in parts):
        refuse(f"has a part of more than {_NAME} bytes in its name", name)
    return parts


def _write(file: BinaryIO, folder: Path, limits: Limits, stopped: Callable[[], bool] = bool) -> list[str]:
    """Make all that is in the archive. A name that this disk takes for an earlier one's is refused."""
    names = []
    made = {""}
    for place, member, content in _checked(file, limits):
        _go_on(stopped)
        try:
            _folders(folder, place if member.folder else place.rpartition("/")[0], made)
            if member.folder:
                continue
            handle = os.open(folder / place, _NEW, 0o700 if member.runs else 0o600)
        except OSError as error:
            if error.errno in _NOT_HERE:
                refuse(f"cannot be made on this disk: {error.strerror}", member.name)
            raise
        with os.fdopen(handle, "wb") as new:
            new.writelines(content)
        names.append(place)
    return names


def _folders(root: Path, place: str, made: set[str]) -> None:
    missing = []
    while place not in made:
        missing.append(place)
        place = place.rpartition("/")[0]
    for each in reversed(missing):
        (root / each).mkdir(mode=0o700)
        made.add(each)


def _rename(folder: Path, to: Path) -> None:
    """Give the folder its name, unless something has that by now."""
    try:
        # A folder's name is taken by making it: rename() alone would replace an empty folder that is somebody else's.
        to.mkdir(mode=0o700)
    except FileExistsError:
        raise UsageError(f"{to} exists already; somebody made it meanwhile") from None
    try:
        folder.rename(to)
    except BaseException:  # whatever it was, nothing half made is left
        with contextlib.suppress(OSError):
            to.rmdir()
        raise
