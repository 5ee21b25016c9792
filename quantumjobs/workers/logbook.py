"""What a program writes, kept line by line: as it was, and again with times, for those who read on from a place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import msgspec

__all__ = ["LONGEST", "Logbook"]

LONGEST = 256 * 1024
"""Bytes of a line; a longer one is kept in pieces."""


class Logbook:
    """Two files: the text, and JSON lines of [seconds since the epoch, message]. Bytes that are no UTF-8 are replaced.

    A line is kept when it is whole, or at the end. Where the disk takes no more, `trouble` says so, and lines are lost
    rather than the program held up.
    """

    def __init__(self, text: Path, lines: Path) -> None:
        self._text, self._lines = (
            os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600) for file in (text, lines)
        )
        self._rest = b""
        self._at = 0.0
        self.last = ""
        """The last line that was not blank."""
        self.trouble = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._text)
        os.close(self._lines)

    def add(self, data: bytes, at: float) -> None:
        """More of what the program wrote, in the order in which it came."""
        self._at = max(at, self._at)  # a clock that is set back must not make the lines' order doubtful
        *whole, self._rest = (self._rest + data).split(b"\n")
        kept = [(piece, end) for line in whole for piece, end in _pieces(line)]
        if len(self._rest) > LONGEST:
            *begun, (self._rest, _) = _pieces(self._rest)
            kept += begun
        self._keep(kept)

    def finish(self) -> None:
        """The last line need not have an end."""
        if self._rest:
            self._keep([(self._rest, "")])
        self._rest = b""

    def remark(self, text: str) -> None:
        """Add to the text alone."""
        self._write(self._text, text.encode())

    def _keep(self, pieces: list[tuple[bytes, str]]) -> None:
        if not pieces:
            return
        texts = [(piece.decode(errors="replace"), end) for piece, end in pieces]
        entries = [(self._at, text.removesuffix("\r") if end else text) for text, end in texts]
        self.last = next((text for _, text in reversed(entries) if text.strip()), self.last)
        self._write(self._text, "".join([part for pair in texts for part in pair]).encode())
        self._write(self._lines, _encode(entries))

    def _write(self, file: int, data: bytes) -> None:
        if self.trouble:
            return
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(file, view) :]
        except OSError as error:
            self.trouble = f"its log ends early: {error.strerror}"


def _pieces(line: bytes) -> Iterator[tuple[bytes, str]]:
    """A line in pieces, each with what ends it; none is cut within a character."""
    begin = 0
    while len(line) - begin > LONGEST:
        end = begin + LONGEST
        while end > begin + LONGEST - 4 and line[end] & 0xC0 == 0x80:
            end -= 1
        yield line[begin:end], ""
        begin = end
    yield line[begin:], "\n"


_encode = msgspec.json.Encoder().encode_lines
