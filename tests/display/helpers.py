"""A canvas that remembers, a terminal that understands what is written to it, and snapshots to draw."""

from __future__ import annotations

import io
import re
import select
from pathlib import Path
from typing import Any

from quantumjobs.core.records import Progress, Snapshot
from quantumjobs.core.states import JobState
from quantumjobs.display.progress import Following, Frame

ROOT = Path(__file__).parents[2]
S = JobState


def snapshot(state: JobState = S.RUNNING, id: str = "7391e8f0aaaa", **facts: Any) -> Snapshot:
    plain: dict[str, Any] = {"raw_status": "", "queue_position": None, "eta": None, "reason": "", "at": 0.0}
    return Snapshot(id=id, state=state, **{"progress": Progress(0, 1), **plain, **facts})


def frame(*labels: str) -> Frame:
    return Frame([Following(label, 3, S.RUNNING, 3, 10) for label in labels])


class Canvas:
    """Remembers what was drawn when; breaks as told."""

    def __init__(self, clock=lambda: 0.0, *, key="canvas", period=0.1, height=10) -> None:
        self.key = key
        self.period = period
        self.height = height
        self.error: BaseException | None = None
        self.on_draw = lambda: None
        self.drawn: list[tuple[float, list[str]]] = []
        self.finished: list[list[str]] = []
        self._clock = clock

    def draw(self, frame: Frame) -> None:
        self.drawn.append((self._clock(), frame.lines()))
        self.on_draw()
        if self.error is not None:
            raise self.error

    def finish(self, frame: Frame) -> None:
        self.finished.append(frame.lines())
        if self.error is not None:
            raise self.error


class Tty(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Guarded(io.StringIO):
    """A stream on a file descriptor that counts what is written while there is no room for it."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.waited = 0

    def fileno(self) -> int:
        return self._descriptor

    def write(self, text: str) -> int:
        self.waited += not select.select([], [self._descriptor], [], 0)[1]
        return super().write(text)


class Terminal:
    """What a person sees: as much of a VT100 as our frames, and the programs between them, use."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.columns, self.rows = columns, rows
        self.history: list[str] = []
        self._lines = [[" "] * columns for _ in range(rows)]
        self._row = self._column = 0

    _TOKEN = re.compile(r"\x1b\[(\d*)([A-Za-z])|\x1b\[[\d;]*m|(.)", re.DOTALL)

    def feed(self, text: str) -> None:
        """As a terminal behind a line discipline: a line feed begins a new line."""
        for found in self._TOKEN.finditer(text):
            number, command, char = found.groups()
            if char is not None:
                self._print(char)
            elif command == "A":
                self._row = max(0, self._row - int(number or 1))
            elif (number, command) == ("2", "K"):
                self._lines[self._row] = [" "] * self.columns
            else:
                assert command in {None, "m"}, f"not a terminal's: {found[0]!r}"

    def _print(self, char: str) -> None:
        if char == "\r":
            self._column = 0
        elif char == "\n":
            self._column = 0
            self._down()
        else:
            assert char.isprintable(), f"not a terminal's: {char!r}"
            if self._column == self.columns:
                self._column = 0
                self._down()
            self._lines[self._row][self._column] = char
            self._column += 1

    def _down(self) -> None:
        if self._row < self.rows - 1:
            self._row += 1
        else:
            self.history.append("".join(self._lines.pop(0)).rstrip())
            self._lines.append([" "] * self.columns)

    @property
    def screen(self) -> list[str]:
        """Its lines, without the empty ones at the end."""
        lines = ["".join(line).rstrip() for line in self._lines]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def seen(self) -> list[str]:
        """With those that moved off the top."""
        return [*self.history, *self.screen]
