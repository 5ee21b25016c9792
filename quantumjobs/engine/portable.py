"""Jobs as a file: JSON lines, one job each, with everything that is kept of it.

The first line says what the file is. Every other one holds a handle, its records, and their bodies in base64, each
under its digest. It holds no secret, because a ledger holds none. What is read is somebody's word: see `barred` for
what is taken of it.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from quantumjobs.abc import Ledger
from quantumjobs.core.records import Handle, JobRecord
from quantumjobs.engine.bodies import digest
from quantumjobs.errors import LedgerError, UsageError

FORMAT = 1
MOST_LINE = 1 << 30
"""Bytes of one job."""
MOST_RECORDS = 100_000
MOST_TEXT = 64 << 10
"""Bytes of one record without its bodies: a story and a reason are far less."""

_ID = re.compile(r"[0-9a-f]{8,64}")
_DIGEST = re.compile(r"[0-9a-f]{32}")


class Carried(Struct, frozen=True):
    """One job on its way. `blobs` are those that the handle and the records name, by digest, and no others."""

    handle: Handle
    records: tuple[JobRecord, ...]
    blobs: dict[str, bytes]


class _Header(Struct, frozen=True):
    format: int = msgspec.field(name="quantumjobs-export")
    version: str = ""


# --- out --------------------------------------------------------------------------------
async def pack(ledger: Ledger, handle: Handle) -> bytes:
    """One job as one line, without its end. Bodies that the ledger no longer holds are left out, and said to be gone."""
    records = await ledger.records(list(dict.fromkeys(link.job for link in handle.links)))
    blobs: dict[str, bytes] = {}

    async def have(name: str) -> bool:
        if name and name not in blobs:
            with suppress(LedgerError):
                blobs[name] = await ledger.blob(name)
        return name in blobs

    if not await have(handle.request):
        handle = replace(handle, request="")
    packed = []
    for record in records:
        gone: dict[str, Any] = {name: "" for name in ("payload", "layout") if not await have(getattr(record, name))}
        if record.result is not None and not all([await have(name) for name in record.result.blobs.values()]):
            gone |= {"result": None, "result_gone": "it was no longer kept when the job was exported"}
        packed.append(replace(record, **gone))
    carried = Carried(handle, tuple(packed), {})
    return _encode(replace(carried, blobs={name: blobs[name] for name in _named(carried)}))


def header(version: str) -> bytes:
    """The first line, without its end. `version` is this library's, for people."""
    return _encode(_Header(FORMAT, version))


def write(path: Path, lines: Iterable[bytes], *, version: str) -> None:
    """Write header and lines; the file is there as a whole or not at all, and only its owner may read it.

    An existing file is replaced. Raises `OSError`.
    """
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}.tmp")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(line + b"\n" for line in chain((header(version),), lines))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the new name, too, survives a power cut
        finally:
            os.close(folder)


# --- in ---------------------------------------------------------------------------------
def read(source: Path | bytes) -> Iterator[Carried]:
    """The jobs of a file, one by one, each checked as a whole.

    Raises `UsageError` naming file and line: not such a file, made by a newer version, damaged, or too big.
    """
    if isinstance(source, bytes):
        yield from _lines(io.BytesIO(source), "the export")
        return
    try:
        with open(source, "rb", opener=_plainly) as file:
            yield from _lines(file, str(source))
    except OSError as error:
        raise UsageError(f"{source}: cannot be read: {error.strerror or error}") from error


def _plainly(path: str, flags: int) -> int:
    """Open without waiting for ever where the name is that of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _lines(file: BinaryIO, name: str) -> Iterator[Carried]:
    _check_header(file.readline(MOST_TEXT), name)
    number = 1
    while line := file.readline(MOST_LINE + 1):
        number += 1
        where = f"{name}, line {number}"
        if len(line) > MOST_LINE:
            raise UsageError(f"{where}: larger than the limit of {MOST_LINE:,} bytes for one job")
        if line.strip():
            try:
                carried = _decode(line)
                _check(carried)
            except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
                cut = "" if line.endswith(b"\n") else " (the file may be cut off)"
                raise UsageError(f"{where}: damaged, or not made by this program: {error}{cut}") from error
            wanted = _named(carried)
            yield replace(carried, blobs={name: carried.blobs[name] for name in wanted})


def _check_header(line: bytes, name: str) -> None:
    try:
        found = _decode_header(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise UsageError(f"{name}, line 1: not a file of exported quantumjobs") from None
    if found.format > FORMAT:
        raise UsageError(
            f"{name}, line 1: written by a newer version, {found.version!r:.40} (format {found.format}; "
            f"this one reads {FORMAT}): update quantumjobs"
        )
    if found.format != FORMAT:
        raise UsageError(f"{name}, line 1: format {found.format} is not known")


class _Wrong(ValueError):
    """What is wrong with a line; told as a `UsageError` that says where."""


def _check(carried: Carried) -> None:
    records = {record.id: record for record in carried.records}
    if len(records) > MOST_RECORDS or len(records) != len(carried.records):
        raise _Wrong(f"{len(records)} jobs in {len(carried.records)} records")
    for name in (carried.handle.id, *records):
        if not _ID.fullmatch(name):
            raise _Wrong(f"{name!r:.80} is no id")
    _check_links(carried.handle, records)
    _check_size(carried.handle, carried.handle.id, 1 + len(records) // 100)
    for record in records.values():
        _check_size(record, record.id)
        if min(record.attempts, record.cancels_sent, record.gone_count, record.version, record.fence) < 0:
            raise _Wrong(f"negative numbers about {record.id}")
    _check_bodies(carried)


def _check_links(handle: Handle, records: Mapping[str, JobRecord]) -> None:
    if records.keys() != {link.job for link in handle.links} or not records:
        raise _Wrong(f"its links and its {len(records)} records do not belong together")
    for link in handle.links:
        end = link.offset + link.count
        if link.offset < 0 or link.count < 0 or end > records[link.job].circuits:
            raise _Wrong(f"circuits {link.offset} to {end} of the {records[link.job].circuits} of {link.job}")


def _check_size(part: Struct, name: str, times: int = 1) -> None:
    if len(_encode(part)) > MOST_TEXT * times:
        raise _Wrong(f"more than {MOST_TEXT * times:,} bytes about {name}, besides its bodies")


def _check_bodies(carried: Carried) -> None:
    for name in _named(carried):
        if not _DIGEST.fullmatch(name):
            raise _Wrong(f"{name!r:.80} is no digest")
        if name not in carried.blobs:
            raise _Wrong(f"the body {name} is missing")
        if digest(carried.blobs[name]) != name:
            raise _Wrong(f"the body {name} was changed")


def _named(carried: Carried) -> list[str]:
    """Digests of the bodies that the handle and the records name, in order, each once."""
    names = [carried.handle.request]
    for record in carried.records:
        kept: Mapping[str, str] = {} if record.result is None else record.result.blobs
        names += [record.payload, record.layout, *kept.values()]
    return [name for name in dict.fromkeys(names) if name]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Carried).decode
_decode_header = msgspec.json.Decoder(_Header).decode
