"""Standard output and standard error: what they can show, and writing to them."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import TYPE_CHECKING, TextIO

from quantumjobs.cli.exits import Exit, Trouble
from quantumjobs.display import Chart, one_line

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 80  # where nobody looks at once: the same text on every machine
DEBUG = "QUANTUMJOBS_DEBUG"
_JOB_ID = re.compile(r"\b[0-9a-f]{32}\b")


class Unread(Exception):
    """Standard output takes nothing more: nobody reads it, or (the message says why) it cannot be written."""


class Plain(str):
    """A line without emphasis, whatever it begins with."""

    __slots__ = ()


class Terminal:
    """The two streams of one command. Colour only on a terminal that has it, and not with `NO_COLOR`."""

    def __init__(self, *, debug: bool = False) -> None:
        self.debug = debug or bool(os.environ.get(DEBUG))
        self._out: TextIO | None = sys.stdout
        self._err: TextIO | None = sys.stderr
        self._console: Console | None = None
        self._said: set[str] = set()
        self.aside: Callable[[], None] = lambda: None
        """Called before anything is written: whoever draws on the terminal clears it."""
        for stream in (self._out, self._err):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # a narrow encoding is no reason to fail
        self.is_drawn_on = _is_terminal(self._err)
        self.unicode = _is_terminal(self._out) and _has_unicode(self._out)
        self.encodes = _has_unicode(self._out)
        """Whether texts that are written as they are may have more than ASCII, terminal or not."""
        self.unicode_aside = _has_unicode(self._err)
        self.colours = _is_terminal(self._out) and not os.environ.get("NO_COLOR")
        self.room = columns() if _is_terminal(self._out) else None
        """Columns a table may have; None where its lines are read by programs, too, and are best left whole."""
        self.width = self.room or PLAIN_WIDTH

    # --- standard output --------------------------------------------------------------------
    def show(self, pieces: Iterable[str | Chart]) -> None:
        """Write lines and charts. Raises `Unread`."""
        pieces = list(pieces)
        if self._out is None or not pieces:
            return
        if not self.colours:
            self.write("".join(f"{line}\n" for piece in pieces for line in _lines(piece)))
            return
        with self._written():
            self._paint(pieces)

    def write(self, text: str) -> None:
        """Write text as it is: what is harmless to a terminal, with the ends of its lines. Raises `Unread`."""
        if self._out is not None:
            with self._written():
                self._out.write(text)

    @contextmanager
    def _written(self) -> Iterator[None]:
        self.aside()
        try:
            yield
            if self._out is not None:
                self._out.flush()
        except OSError as error:
            self.abandon()
            raise unread(error) from error

    def _paint(self, pieces: Iterable[str | Chart]) -> None:
        from rich.console import Console
        from rich.text import Text

        if self._console is None:
            self._console = Console(file=self._out, highlight=False, markup=False, emoji=False)
        for piece in pieces:
            if isinstance(piece, str):
                style = "" if isinstance(piece, Plain) else "dim" if piece.startswith("  ") else "bold"
                text = Text(piece, style=style)
                self._console.print(text, soft_wrap=True)
                continue
            for bar in piece.bars:
                text = Text.assemble(
                    "  ", (bar.label, "bold"), "  ", (bar.bar, "cyan"), "  " if bar.bar else "", bar.number
                )
                text.append(f"  {bar.share}" if bar.share else "", style="dim")
                self._console.print(text, soft_wrap=True)
            if piece.rest:
                self._console.print(Text(f"  {piece.rest}", style="dim"), soft_wrap=True)

    # --- standard error ---------------------------------------------------------------------
    def say(self, text: str, *, hint: str = "") -> None:
        """One line for the user, and a second one with a hint; the same line only once."""
        line = one_line(f"quantumjobs: {text}", unicode=self.unicode_aside)
        if line in self._said:
            return
        self._said.add(line)
        self.write_aside(f"{line}\n" + (f"  {one_line(hint, unicode=self.unicode_aside)}\n" if hint else ""))

    def told_of(self, job_id: str) -> None:
        """The user knows how this job is: what was logged about it needs no saying (see `log`)."""
        self._said.add(job_id)

    def complain(self, trouble: Trouble, error: BaseException | None = None, *, label: str = "") -> None:
        """Tell of an error; with `debug`, where it came from too. `label` is the file's whose job met it."""
        # What is wrong with a file names the file; a usage error without a name is about the command, and all files.
        named = not label or label in trouble.message or trouble.code is Exit.USAGE
        self.say(trouble.message if named else f"{label}: {trouble.message}", hint=trouble.hint)
        if self.debug and error is not None:
            self.write_aside("".join(traceback.format_exception(error)))

    def write_aside(self, text: str) -> None:
        """Write to standard error as it is. Never raises: there is nowhere to complain."""
        if self._err is not None:
            self.aside()
            with suppress(OSError, ValueError):
                self._err.write(text)
                self._err.flush()

    @contextmanager
    def log(self) -> Iterator[None]:
        """While this is open, warnings of the library and of others are said like everything else.

        Those about a job wait for the end: they are only said when nothing else told of that job.
        """
        handler = _Saying(self)
        root = logging.getLogger()
        root.addHandler(handler)
        try:
            yield
        finally:
            root.removeHandler(handler)
            for message, details in handler.held:
                if not any(found in said for found in _JOB_ID.findall(message) for said in self._said):
                    self.warn(message, details)

    def warn(self, message: str, details: str) -> None:
        """Say what was logged; `details` with `debug` only."""
        self.say(message)
        if self.debug:
            self.write_aside(details)

    def abandon(self) -> None:
        """Nobody reads standard output: let nothing complain about that when the process ends."""
        with suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)
        self._out = None


class _Saying(logging.Handler):
    def __init__(self, terminal: Terminal) -> None:
        super().__init__(logging.WARNING)
        self._terminal = terminal
        self.held: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        details = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        if _JOB_ID.search(message):
            self.held.append((message, details))
        else:
            self._terminal.warn(message, details)


def unread(error: OSError) -> Unread:
    """For an error in writing to standard output."""
    if isinstance(error, BrokenPipeError):
        return Unread()
    return Unread(f"standard output cannot be written: {error.strerror or error}")


def columns() -> int:
    """Of the terminal, now."""
    return shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def _has_unicode(stream: TextIO | None) -> bool:
    return stream is not None and (stream.encoding or "").lower().replace("-", "").startswith("utf")


def _lines(piece: str | Chart) -> Iterable[str]:
    return [piece] if isinstance(piece, str) else [f"  {line}" for line in str(piece).splitlines()]
