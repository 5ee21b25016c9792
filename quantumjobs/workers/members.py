"""The members of a gzip tar, one after the other, from a file that nobody vouches for.

Python's `tarfile` is made for archives of friends: it reads headers of any size into memory and believes every size in
them. This reader knows only what an archive of results has need of (folders, files, long names in both dialects),
holds no more than a block, and refuses the rest. Every reason it gives is fit to be shown.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NoReturn

from msgspec import Struct

from quantumjobs.core.text import one_line
from quantumjobs.errors import ProviderProtocolError

__all__ = ["Member", "Stream", "members", "refuse"]

BLOCK = 512
CHUNK = 1 << 16
LONGEST = 1 << 16
"""Bytes of one extended header: a long name is a few hundred."""
RESTART, RECORD = 1 << 12, 1 << 7
"""What another gzip part of the file counts as, and one record of an extended header, however small: both take time."""

_FILES, _FOLDER = {b"0", b"\0", b"7"}, b"5"
_ODD = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
    b"S": "a sparse file",
}
_RECORD = re.compile(rb"([1-9][0-9]{0,5}) ")


class Member(Struct, frozen=True):
    """One member, as its headers tell."""

    name: str
    """As it stands there: not yet known to be harmless."""
    size: int
    """Bytes of content; 0 of all that is no file."""
    folder: bool
    runs: bool
    """Its owner may run it."""
    odd: str = ""
    """What it is, where it is neither a file nor a folder: "a symbolic link"."""


def refuse(reason: str, name: str | None = None) -> NoReturn:
    """Raise `ProviderProtocolError`: the archive is not what it should be. `name` is the member's."""
    member = "" if name is None else f"member '{one_line(name, limit=200)}' "
    raise ProviderProtocolError(f"the archive is refused: {member}{reason}")


class Stream:
    """What a gzip file unpacks to, read once from its start; never more than `most` bytes of it."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self._file = file
        self._most = most
        self._spent = 0
        self._zip = zlib.decompressobj(wbits=31)
        self._packed = b""
        self._ready = b""
        self._at = 0

    @property
    def room(self) -> int:
        """How many bytes may still come."""
        return self._most - self._spent + len(self._ready) - self._at

    def read(self, size: int) -> bytes:
        """That many bytes, and fewer only at the end."""
        start, end = self._at, self._at + size
        if end <= len(self._ready):
            self._at = end
            return self._ready[start:end]
        parts = [self._ready[start:]]
        missing = size - len(parts[0])
        self._ready, self._at = b"", 0
        while missing and self._fill():
            parts.append(self._ready[:missing])
            self._at = len(parts[-1])
            missing -= self._at
        return b"".join(parts)

    def pieces(self, size: int) -> Iterator[bytes]:
        """That many bytes in pieces, and the padding behind them passed over. A stream that ends before is refused."""
        missing = size
        while missing:
            piece = self.read(min(missing, CHUNK))
            if not piece:
                refuse("it ends in the middle of a member")
            missing -= len(piece)
            yield piece
        padding = -size % BLOCK
        if len(self.read(padding)) < padding:
            refuse("it ends in the middle of a member")

    def _fill(self) -> bool:
        """Unpack the next piece. False at the end, which is believed only where gzip's own check sum is right."""
        while True:
            if self._zip.eof:
                # What follows another archive is one more part of it, or zeros: all else did not come from a packer.
                rest = (self._zip.unused_data or self._file.read(CHUNK)).lstrip(b"\0")
                while not rest:
                    rest = self._file.read(CHUNK)
                    if not rest:
                        return False
                    rest = rest.lstrip(b"\0")
                self.spend(RESTART)
                self._zip, self._packed = zlib.decompressobj(wbits=31), rest
            elif not self._packed:
                self._packed = self._file.read(CHUNK)
                if not self._packed:
                    refuse("it ends too early")
            try:
                self._ready = self._zip.decompress(self._packed, CHUNK)
            except zlib.error:
                refuse("it is damaged, or no gzip file")
            self._at, self._packed = 0, self._zip.unconsumed_tail
            if self._ready:
                self.spend(len(self._ready))
                return True

    def spend(self, amount: int) -> None:
        """Count so many bytes. Raises where it is too much."""
        self._spent += amount
        if self._spent > self._most:
            refuse(f"it unpacks to more than {self._most:,} bytes")


def members(stream: Stream, most: int) -> Iterator[tuple[Member, Iterator[bytes]]]:
    """Each member with its content, which is passed over where it was not read. To the end of the file.

    `most` is how many headers are read, those of long names among them.
    """
    ahead = _Ahead()
    for _ in range(most):
        block = stream.read(BLOCK)
        if len(block) < BLOCK:
            refuse("it ends without an end")
        if not any(block):
            if not ahead.nothing():
                refuse("it ends in the middle of a member")
            _end(stream)
            return
        kind, size = _checked(block)
        if ahead.take(kind, size, stream):
            continue
        member, ahead = _member(block, kind, size, ahead), _Ahead()
        if member.size > stream.room:
            refuse(f"has {member.size:,} bytes, and that is too much", member.name)
        content = stream.pieces(member.size)
        yield member, content
        for _ in content:
            pass
    refuse(f"it has more than {most:,} members")


class _Ahead:
    """What headers of their own tell of the member behind them."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.records: dict[str, str] | None = None

    def nothing(self) -> bool:
        return self.name is None and self.records is None

    def take(self, kind: bytes, size: int, stream: Stream) -> bool:
        """Read the header's content. False where it is the member's own header."""
        if kind == b"L":
            if self.name is not None:
                refuse("a member has two long names")
            self.name = _text(_extended(stream, size).removesuffix(b"\0"))
        elif kind == b"K":
            _extended(stream, size)  # where a link leads to, which nobody here wants to know
        elif kind == b"x":
            if self.records is not None:
                refuse("a member has two extended headers")
            self.records = _records(stream, size)
        elif kind == b"g":
            if {"path", "size"} & _records(stream, size).keys():
                refuse("one name or one size is meant for all its members")
        else:
            return False
        return True


def _end(stream: Stream) -> None:
    """Read what fills the last record: nothing but zeros."""
    while piece := stream.read(CHUNK):
        if piece.count(0) != len(piece):
            refuse("something follows its end")


def _checked(block: bytes) -> tuple[bytes, int]:
    """The kind of a header and its size, if its check sum is right."""
    total = sum(block) - sum(block[148:156]) + 8 * 32
    if _number(block[148:156]) != total:
        refuse("a header is damaged")
    return block[156:157], _number(block[124:136])


def _number(field: bytes) -> int:
    if field[0] & 0x80:  # base 256, for what has more than eleven octal digits; 0xff begins a negative one
        if field[0] != 0x80:
            refuse("a size is negative, or far too large")
        return int.from_bytes(field[1:])
    digits = field.strip(b" \0")
    if not digits.isdigit() or b"8" in digits or b"9" in digits:
        if digits:
            refuse("a header has a number that is none")
        return 0
    return int(digits, 8)


def _extended(stream: Stream, size: int) -> bytes:
    if size > LONGEST:
        refuse(f"a header has {size:,} bytes")
    return b"".join(stream.pieces(size))


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        refuse("is no UTF-8", name.decode(errors="replace"))


def _records(stream: Stream, size: int) -> dict[str, str]:
    """The records of a pax header that matter here: `{length} {key}={value}` and a line end."""
    body = _extended(stream, size)
    found: dict[str, str] = {}
    at = 0
    while at < len(body):
        stream.spend(RECORD)
        length = _RECORD.match(body, at)
        end = at + int(length[1]) if length else 0
        if not length or not length.end() < end <= len(body) or body[end - 1 : end] != b"\n":
            refuse("an extended header is damaged")
        key, sign, value = body[length.end() : end - 1].partition(b"=")
        if not sign or key.startswith(b"GNU.sparse"):
            refuse("an extended header is damaged, or is that of a sparse file")
        if key in {b"path", b"size"}:
            if key.decode() in found:
                refuse("a member has two names or sizes")
            found[key.decode()] = _text(value)
        at = end
    return found


def _member(block: bytes, kind: bytes, size: int, ahead: _Ahead) -> Member:
    records = ahead.records or {}
    if "path" in records and ahead.name is not None:
        refuse("has two names", ahead.name)
    name = records.get("path", ahead.name)
    if name is None:
        field = block[:100].rstrip(b"\0")
        # In GNU's own dialect ("ustar" and two spaces) other things than the name's beginning stand in its place.
        prefix = block[345:500].rstrip(b"\0") if block[257:263] == b"ustar\0" else b""
        name = _text(prefix + b"/" + field if prefix else field)
    if "size" in records:
        if not re.fullmatch(r"[0-9]{1,19}", records["size"], re.ASCII):
            refuse("has a size that is no number", name)
        size = int(records["size"])
    folder = kind == _FOLDER or (kind == b"\0" and name.endswith("/"))  # the oldest dialect has no kind for folders
    odd = "" if folder or kind in _FILES else _ODD.get(kind, "of a kind that nobody knows")
    if size and (folder or odd):
        refuse(f"is {odd or 'a folder'} with content", name)
    return Member(name, size, folder, bool(_number(block[100:108]) & 0o100), odd)
