"""A job's files: got piece by piece, checked, and unpacked where the user wants them."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from quantumjobs.abc import Artifacts
from quantumjobs.engine.asking import Asker
from quantumjobs.errors import ProviderProtocolError, UsageError
from quantumjobs.workers import archives
from quantumjobs.workers.beside import beside

if TYPE_CHECKING:
    from quantumjobs.engine.job import Job


async def download(job: Job, to: Path, limits: archives.Limits) -> Path:
    """Unpack the job's files into a new folder. Raises `UsageError` where there is one already.

    Memory holds a piece at a time. Whatever is wrong with the archive, nothing of it is left.
    """
    part = job._parts[0]
    asker = Asker(job._engine, part)
    artifacts = await asker.able(Artifacts, "files")
    await beside(_check, to)
    got = await beside(_temporary, to.parent)
    try:
        at, total, tag = 0, -1, ""
        while at != total:
            piece = await asker.ask("download", artifacts.piece, part.remote(), at, tag)
            if (
                (total not in {-1, piece.total})
                or not (piece.body or at == piece.total)
                or at + len(piece.body) > piece.total
                or piece.total > limits.bytes
            ):
                raise ProviderProtocolError(
                    f"{part.lane.key}: a piece of {len(piece.body)} bytes of an archive of {piece.total} is none",
                    provider=part.lane.key,
                )
            total, tag = piece.total, piece.tag
            await beside(_append, got, piece.body)
            at += len(piece.body)
        await _unpacked(got, to, limits)
    finally:
        with suppress(OSError):
            await beside(got.unlink)
    return to


async def _unpacked(got: Path, to: Path, limits: archives.Limits) -> None:
    """Once this has ended, or was cancelled, nothing more comes to the disk."""
    unwanted = threading.Event()
    unpacking = beside(functools.partial(archives.unpack, got, to, limits=limits, stopped=unwanted.is_set))
    try:
        await asyncio.shield(unpacking)
    except asyncio.CancelledError:
        unwanted.set()
        await asyncio.wait([unpacking])
        if not unpacking.cancelled() and unpacking.exception() is None:  # it was quicker
            await beside(shutil.rmtree, to, True)
        raise


def _check(to: Path) -> None:
    if to.exists() or to.is_symlink():
        raise UsageError(f"{to} is there already: say where else the job's files are to go")


def _temporary(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".quantumjobs-", suffix=".part", dir=folder)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}: the job's files cannot be put there") from error
    os.close(handle)
    return Path(name)


def _append(file: Path, body: bytes) -> None:
    with file.open("ab") as out:
        out.write(body)
