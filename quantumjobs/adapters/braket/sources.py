"""A user's files, found and packed: the same tree gives the same bytes in every process."""

from __future__ import annotations

import contextlib
import gzip
import heapq
import io
import os
import re
import stat
import tarfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from msgspec import Struct

from quantumjobs.core.text import one_line
from quantumjobs.errors import UsageError

MOST = 64 << 20
"""Bytes of an archive, and of a job's input files: they are kept in the ledger until they are sent."""
FILES = 90_000
"""Files and folders, a few less than an archive may have where it is unpacked."""
_LEFT_OUT = {"__pycache__", ".git"}
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\\\ud800-\udfff]")


class Packed(Struct, frozen=True):
    """A gzip tar of the sources, and what is run of them: "module" or "module:function"."""

    archive: bytes
    entry_point: str


class Found(NamedTuple):
    """A file or a folder: what it is called in the archive, and where it is."""

    name: str
    path: Path
    size: int
    """-1 for a folder."""


def walk(root: Path, name: str, *, everything: bool = False) -> list[Found]:
    """All below a folder, in the order of their names. Links are followed where they stay within it.

    Without `everything`, what belongs to this machine is left out: caches and compiled files of Python, git's folder,
    virtual environments. Raises `UsageError` for what cannot be read or cannot be packed.
    """
    found: list[Found] = []
    for each in _below(root, name, (root.resolve(),), everything):
        found.append(each)
        if len(found) > FILES:
            raise UsageError(f"{root} has more than {FILES:,} files and folders; give a folder with less in it")
    return found


def _below(folder: Path, name: str, above: tuple[Path, ...], everything: bool) -> Iterator[Found]:
    """`above` are the folders that lead here, as they really are, from the root on."""
    try:
        inside = sorted(each.name for each in folder.iterdir())
    except OSError as error:
        raise unreadable(folder, error) from error
    if not everything and above[1:] and "pyvenv.cfg" in inside:
        return
    yield Found(name, folder, -1)
    for each in inside:
        if not everything and (each in _LEFT_OUT or each.endswith(".pyc")):
            continue
        path = folder / each
        if _FORBIDDEN.search(each):
            raise UsageError(f"{one_line(str(path))}: not every system can have a file of this name; rename it")
        try:
            real = path.resolve(strict=True) if path.is_symlink() else above[-1] / each
            told = real.stat()
        except (OSError, RuntimeError) as error:  # RuntimeError: a circle of links, before Python 3.13
            raise unreadable(path, error) from error
        if not real.is_relative_to(above[0]):
            raise UsageError(f"{path} is a link that leads out of {above[0]}: put what it leads to in its place")
        if stat.S_ISDIR(told.st_mode):
            if real in above:
                raise UsageError(f"{path} is a link to a folder that it is in: it would be packed without end")
            yield from _below(path, f"{name}/{each}", (*above, real), everything)
        elif stat.S_ISREG(told.st_mode):
            yield Found(f"{name}/{each}", path, told.st_size)
        else:
            raise UsageError(f"{path} is neither a file nor a folder; leave it out of {above[0]}")


def unreadable(path: Path, error: Exception) -> UsageError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "links lead in a circle"
    return UsageError(f"{path} cannot be read: {reason}")


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, os.stat_result]]:
    """The file, for `pieces`. Raises `UsageError` where it cannot be read, or has changed at the end."""
    try:
        # Not blocking: by now it may be a pipe.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise UsageError(f"{path} is no file any more")
            yield file, before
            after = os.fstat(file.fileno())
            if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                raise _changed(path)
    except OSError as error:
        raise unreadable(path, error) from error


def pieces(file: BinaryIO, path: Path, size: int) -> Iterator[bytes]:
    """As many bytes as the file had when it was opened. Raises `UsageError` where there are fewer by now."""
    while size:
        piece = file.read(min(size, 1 << 18))
        if not piece:
            raise _changed(path)
        size -= len(piece)
        yield piece


def read(path: Path) -> bytes:
    """All of a file. Raises `UsageError` where it cannot be read or changes meanwhile."""
    with opened(path) as (file, told):
        return b"".join(pieces(file, path, told.st_size))


def _changed(path: Path) -> UsageError:
    return UsageError(f"{path} has changed while it was read; try again when nothing writes to it")


def largest(found: Collection[Found]) -> str:
    """The three largest, to be named in an error."""
    most = heapq.nlargest(3, (each for each in found if each.size >= 0), key=lambda each: each.size)
    return ", ".join(f"{each.path} ({each.size / (1 << 20):,.1f} MiB)" for each in most)


def packed(found: Sequence[Found], added: Sequence[tuple[str, bytes]] = ()) -> bytes:
    """A gzip tar of these, and of files that are made up. Raises `UsageError` where it has more than 64 MiB."""
    archive = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=archive, mtime=0) as zipped:
        for piece in _tar(found, added):
            zipped.write(piece)
            if archive.tell() > MOST:
                raise UsageError(
                    f"{found[0].path} has more than {MOST >> 20} MiB when it is packed; its largest files are "
                    f"{largest(found)}. Put data into S3, and give input_data='s3://...'"
                )
    return archive.getvalue()


def _tar(found: Sequence[Found], added: Sequence[tuple[str, bytes]]) -> Iterator[bytes]:
    for name, content in added:
        yield _header(name, len(content)) + content + _padding(len(content))
    for each in found:
        if each.size < 0:
            yield _header(each.name, 0, tarfile.DIRTYPE, 0o755)
            continue
        with opened(each.path) as (file, told):
            yield _header(each.name, told.st_size, mode=0o755 if told.st_mode & 0o100 else 0o644)
            yield from pieces(file, each.path, told.st_size)
            yield _padding(told.st_size)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _header(name: str, size: int, kind: bytes = tarfile.REGTYPE, mode: int = 0o644) -> bytes:
    """Nothing in it tells of this machine, of now, or of who packed it."""
    info = tarfile.TarInfo(name)
    info.size, info.type, info.mode = size, kind, mode
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)
