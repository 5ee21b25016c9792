"""Log lines for people: on a terminal and in a notebook each instance has its colour, elsewhere they are plain text.

What a program writes comes from a server. Its colours are shown where there are any; every other sequence that a
terminal would obey is written out, and a notebook is given text, which it does not take for HTML.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from typing import TextIO

from quantumjobs.core.logs import LogLine
from quantumjobs.core.text import neutral
from quantumjobs.display import places, streams

COLOURS = (34, 35, 32, 36, 33)
"""Of the first instance, the second and so on, and from the beginning again: as the vendor's client has them."""
_END = "\x1b[0m"
_KEPT = re.compile(r"(\x1b\[[0-9;:]{0,64}m|[\t\n])")


def text_of(line: LogLine, *, colour: bool, unicode: bool = True) -> str:
    """A line as it is shown, without its end. Without `colour` also the program's own colours are left out."""
    shown = _harmless(line.message.removesuffix("\r"), colour=colour, unicode=unicode)
    return f"\x1b[{COLOURS[line.index % len(COLOURS)]}m{shown}{_END}" if colour else shown


def _harmless(text: str, *, colour: bool, unicode: bool) -> str:
    if text.isprintable() and (unicode or text.isascii()):
        return text
    # Taken apart before anything is left out: what is around a colour must not become a sequence without it.
    pieces = _KEPT.split(text)
    pieces[::2] = [neutral(piece, unicode=unicode) for piece in pieces[::2]]
    if not colour:
        pieces[1::2] = [piece if piece in "\t\n" else "" for piece in pieces[1::2]]
    return "".join(pieces)


class Printer:
    """Writes lines to a stream, by default to standard output. `colour` is None for: where somebody looks.

    That is a terminal or a notebook's cell, and `NO_COLOR` is not set. Raises what the stream raises.
    """

    def __init__(self, file: TextIO | None = None, *, colour: bool | None = None) -> None:
        self._file = sys.stdout if file is None else file
        if self._file is None:  # a process without a standard output
            return
        self._colour = is_coloured(self._file) if colour is None else colour
        self._unicode = not self._file.encoding or streams.has_unicode(self._file)

    def print(self, line: LogLine) -> None:
        """Write one line, at once."""
        if self._file is not None:
            self._file.write(f"{text_of(line, colour=self._colour, unicode=self._unicode)}\n")
            self._file.flush()


def print_lines(lines: Iterable[LogLine], file: TextIO | None = None, *, colour: bool | None = None) -> None:
    """Print them, as `Printer` does."""
    printer = Printer(file, colour=colour)
    for line in lines:
        printer.print(line)


def is_coloured(stream: TextIO) -> bool:
    """Whether who looks at the stream sees colours, and wants to."""
    if os.environ.get("NO_COLOR"):
        return False
    if streams.is_drawn_on(stream):
        return True
    # A notebook's cell is no terminal, and shows colours all the same; so does what a notebook has started.
    return stream is sys.stdout and (places._kernel_shell() is not None or bool(os.environ.get("JPY_PARENT_PID")))
