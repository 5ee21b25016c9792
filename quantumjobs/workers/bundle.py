"""Packing what a program left: the same files give the same bytes."""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
import tempfile
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["pack"]


def pack(folder: Path, to: Path, *, without: Collection[str] = ()) -> None:
    """Write gzip of tar, whole or not at all: the files and folders below `folder`, but for these names at its top.

    Links, devices and the like are left out. Raises `OSError`.
    """
    handle, name = tempfile.mkstemp(prefix=f".{to.name}-", dir=to.parent)
    try:
        with (
            os.fdopen(handle, "wb") as file,
            gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            for path in _below(folder, without):
                _add(tar, path, str(path.relative_to(folder)))
        Path(name).replace(to)
    except BaseException:  # whatever it was, nothing half made is left
        with suppress(OSError):
            Path(name).unlink()
        raise


def _below(folder: Path, without: Collection[str]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in without:
            continue
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _below(path, ())


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    mode = path.lstat().st_mode
    about = tarfile.TarInfo(name)
    if stat.S_ISDIR(mode):
        about.type, about.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(about)
    elif stat.S_ISREG(mode):
        with path.open("rb") as file:
            about.size, about.mode = os.fstat(file.fileno()).st_size, 0o644
            tar.addfile(about, file)
