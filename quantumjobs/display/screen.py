"""Bars in a terminal, drawn by Rich. Loaded by `places`, in a thread: importing Rich would hold up a loop."""

from __future__ import annotations

import atexit
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, TextIO, cast

from rich.console import Console
from rich.live import Live
from rich.text import Text

from quantumjobs.core.states import JobState
from quantumjobs.display.progress import Frame
from quantumjobs.display.streams import has_unicode, is_same_terminal, size, takes

S = JobState

_STYLES = {
    S.RUNNING: "cyan",
    S.CANCELLING: "yellow",
    S.COMPLETED: "green",
    S.CANCELLED: "yellow",
    S.FAILED: "red",
    S.REJECTED: "red",
    S.LOST: "red",
    "█": "cyan",
    "░": "dim",
}
_COLOURED = re.compile(rf"█+|░+|\b(?:{'|'.join(word for word in _STYLES if word.isalpha())})\b")


class Screen:
    """The last lines of a terminal. What the program prints meanwhile stands above them.

    Rich's `Live` sees to that: it stands in for `sys.stderr`, and for `sys.stdout` where that is the same terminal (what
    goes into a pipe goes there). Once this is over, or has failed, it draws nothing and the streams are as they were.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._unicode = has_unicode(stream)
        self._file = _Patient(stream)
        self._live: Live | None = None
        self._drawn: object = None
        self._is_over = False
        self._process = os.getpid()  # a fork has Rich's locks, held by threads that it does not have

    def draw(self, frame: Frame) -> None:
        """Draw in place of the frame before; not at all where that would have to wait."""
        if self._is_over or self._process != os.getpid() or not takes(self._stream):
            return
        try:
            self._show(frame)
        except Exception:
            self._leave()
            raise

    def finish(self, frame: Frame | None = None) -> None:
        """Draw what stays, or leave what was drawn last."""
        if self._is_over or self._process != os.getpid():
            return
        try:
            if frame is not None and takes(self._stream):
                self._show(frame)
        finally:
            self._leave()

    def _at_exit(self) -> None:
        """The program ends while its bars are open."""
        with suppress(Exception):
            self.finish()

    def _show(self, frame: Frame) -> None:
        room = size(self._stream)
        columns = room.columns - 1  # a full line wraps on some terminals
        lines = frame.lines(columns, unicode=self._unicode)
        if self._drawn == (lines, room):
            return
        self._drawn = (lines, room)
        bars = Text("\n".join(lines), no_wrap=True, overflow="crop")
        bars.highlight_regex(_COLOURED, _style)
        with self._file.ours():
            live = self._live = self._live or self._opened(room.columns)
            live.console.size = (columns, room.lines)
            live.update(bars)
            live.start()
            live.refresh()

    def _opened(self, columns: int) -> Live:
        is_shared = is_same_terminal(sys.stdout, self._stream)
        if is_shared:
            sys.stdout.flush()
        self._stream.write(f"{' ' * columns}\r")  # ends in a new line, but for a cursor that was in the first column
        self._stream.flush()
        atexit.register(self._at_exit)
        # Refreshed by us, without a thread; whatever is too high for the terminal has no place on it.
        return Live(
            console=_Console(
                file=cast("IO[str]", self._file), force_terminal=True, force_interactive=True, force_jupyter=False
            ),
            auto_refresh=False,
            redirect_stdout=is_shared,
            vertical_overflow="crop",
        )

    def _leave(self) -> None:
        self._is_over = True
        atexit.unregister(self._at_exit)
        if self._live is not None:
            with self._file.ours():
                self._live.stop()


class _Patient:
    """The terminal. What would have to wait for it is left out, if it is ours; a program's own prints wait as always."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._thread: int | None = None

    @contextmanager
    def ours(self) -> Iterator[None]:
        """What this thread writes now is ours."""
        self._thread = threading.get_ident()
        try:
            yield
        finally:
            self._thread = None

    def write(self, text: str) -> int:
        if self._thread == threading.get_ident() and not takes(self._stream):
            return len(text)
        return self._stream.write(text)

    def flush(self) -> None:
        if self._thread != threading.get_ident() or takes(self._stream):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Console(Console):
    def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002 - neither
        """Leave it: `Live` would hide it, and a program that is killed never brings it back."""
        return False


def _style(found: str) -> str:
    return _STYLES.get(found) or _STYLES[found[0]]
