"""Big bodies as files named by their digests, beside the ledger: `<ledger>.bodies/ab/<digest>`.

A file is whole and durable before a transaction refers to it. It is unlinked only while the write lock is held and no
row refers to it; whoever refers to a file that is there already looks again while holding that lock.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import blake2b
from os import O_CREAT, O_EXCL, O_WRONLY, close, open, write  # noqa: A004 - descriptors, not file objects
from pathlib import Path
from secrets import token_hex

from quantumjobs.errors import LedgerError
from quantumjobs.ledgers.sqlite.files import make_directory, sync_directory, sync_file

BIG = 64 * 1024
"""Bodies of more bytes are files: a database is slower with them, and its journal would hold them twice."""

STALE = 3600.0
"""Seconds after which a file that no row refers to is nobody's work in progress."""

_DIGEST = re.compile(r"[0-9a-f]{8,128}", re.ASCII)


def checksum(body: bytes) -> bytes:
    """What a row keeps of a body, to know it again."""
    return blake2b(body, digest_size=16).digest()


class Bodies:
    """The files of one ledger."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: set[Path] = set()  # directories whose own entry is durable

    def path(self, digest: str) -> Path:
        """Raises `LedgerError` where a digest is no hexadecimal number: it must not become a path."""
        if not _DIGEST.fullmatch(digest):
            raise LedgerError(f"{digest!r} is not a digest: a body's name is a hexadecimal number")
        return self.root / digest[:2] / digest

    def write(self, bodies: Mapping[str, bytes]) -> None:
        """All of them are there, durable, on return. Raises `LedgerError` or `OSError`; some may be there then."""
        paths = {self.path(digest): body for digest, body in bodies.items()}
        for path, body in paths.items():
            if not self.has(path.name, len(body)):
                self._directory(path.parent)
                _write_file(path, body)
        # Also for those that were there: their writer may have been killed between renaming and syncing.
        for directory in {path.parent for path in paths}:
            self._directory(directory)
            sync_directory(directory)

    def has(self, digest: str, size: int) -> bool:
        """A file of that size is there."""
        try:
            return self.path(digest).stat().st_size == size
        except FileNotFoundError:
            return False

    def read(self, digest: str, size: int, expected: bytes) -> bytes:
        """Raises `LedgerError` where the file is missing or damaged."""
        path = self.path(digest)
        try:
            body = path.read_bytes()
        except OSError as error:
            raise LedgerError(f"body {digest} cannot be read from {path}: {error}") from error
        if len(body) != size or checksum(body) != expected:
            raise LedgerError(f"body {digest} is damaged: {path} is not what was written")
        return body

    def unlink(self, digests: Iterable[str]) -> None:
        """The caller holds the write lock, and knows that no row refers to them."""
        for digest in digests:
            with suppress(OSError):  # it stays as an orphan, for the next time
                self.path(digest).unlink(missing_ok=True)

    def stale(self) -> Iterator[str]:
        """Digests of files that have been there for a while; leftovers of killed writers are unlinked by the way."""
        limit = time.time() - STALE
        for path in self.root.glob("[0-9a-f][0-9a-f]/*"):
            with suppress(OSError):
                if path.stat().st_mtime < limit:
                    if _DIGEST.fullmatch(path.name):
                        yield path.name
                    elif path.name.endswith(".part"):
                        path.unlink()

    def size(self) -> int:
        """Bytes of all files."""
        total = 0
        for path in self.root.glob("*/*"):
            with suppress(OSError):
                total += path.stat().st_size
        return total

    def _directory(self, path: Path) -> None:
        for one in (self.root, path):
            if one not in self._known:
                make_directory(one)
                sync_directory(one.parent)
                self._known.add(one)


def _write_file(path: Path, body: bytes) -> None:
    part = path.with_name(f"{path.name}.{token_hex(4)}.part")
    try:
        descriptor = open(part, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        try:
            rest = memoryview(body)
            while rest:
                rest = rest[write(descriptor, rest) :]
            sync_file(descriptor)
        finally:
            close(descriptor)
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
