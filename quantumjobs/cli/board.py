"""Progress on standard error: redrawn lines on a terminal; elsewhere, where it is asked for, a line per change."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from quantumjobs.cli.terminal import Terminal, columns
from quantumjobs.display import Following, neutral, progress_lines

if TYPE_CHECKING:
    from rich.live import Live

    from quantumjobs.core.records import Snapshot
from quantumjobs.engine.job import Job

_TICK = 0.1
_PATIENCE = 0.3  # seconds without a board: what is over by then needs none


class Line:
    """One file's line."""

    def __init__(self, board: Board, label: str) -> None:
        self._board = board
        self._label = label
        self._told = ""
        self._seconds: float | None = None
        self._snapshot: Snapshot | None = None
        self._watching: asyncio.Task[None] | None = None

    def follow(self, job: Job) -> None:
        """Show what becomes of the job, up to `leave`."""
        if self._board.is_used:
            self._watching = asyncio.create_task(self._watch(job))

    async def leave(self, job: Job | None) -> None:
        """Its wait has ended, one way or another."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
            if not self._watching.cancelled():
                self._watching.exception()  # the wait has met it too
        self._seconds = self._board.seconds()
        if job is not None:
            self._see(job.snapshot)

    def now(self) -> Following:
        """As it is to be drawn."""
        seconds = self._board.seconds() if self._seconds is None else self._seconds
        return Following.of(self._label, seconds, self._snapshot)

    async def _watch(self, job: Job) -> None:
        async for snapshot in job.events():
            self._see(snapshot)

    def _see(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        ahead = "" if snapshot.queue_position is None else f", {snapshot.queue_position} ahead"
        news = f"{snapshot.state}{ahead}"
        if news != self._told:
            self._told = news
            self._board.tell(f"{neutral(self._label)}: {news}\n")


class Board:
    """Draws its lines while the context is open. `wanted` is None for: where it is a terminal."""

    def __init__(self, terminal: Terminal, *, wanted: bool | None = None) -> None:
        self.lines: list[Line] = []
        self._terminal = terminal
        self._draws = terminal.is_drawn_on and wanted is not False
        self._tells = not terminal.is_drawn_on and wanted is True
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._live: Live | None = None
        self._drawn: list[str] = []
        self._ticker: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._draws:
            self._terminal.aside = self._clear
            self._ticker = asyncio.create_task(self._tick())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.wait([self._ticker])
        self._clear()
        self._terminal.aside = lambda: None

    @property
    def is_used(self) -> bool:
        """False where nothing is drawn or told: then nobody needs to watch."""
        return self._draws or self._tells

    def line(self, label: str) -> Line:
        """One more line, of what is not a job yet; whoever tells of its end removes it from `lines`."""
        line = Line(self, label)
        self.lines.append(line)
        return line

    def seconds(self) -> float:
        """Since the beginning."""
        return self._loop.time() - self._began

    def tell(self, text: str) -> None:
        """News, for those who read lines."""
        if self._tells:
            self._terminal.write_aside(text)

    # --- drawing ----------------------------------------------------------------------------
    async def _tick(self) -> None:
        await asyncio.sleep(_PATIENCE)
        while True:
            self._draw()
            await asyncio.sleep(_TICK)

    def _draw(self) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        # One column less: a full line wraps on some terminals.
        lines = progress_lines([line.now() for line in self.lines], columns() - 1, unicode=self._terminal.unicode_aside)
        if self._live is not None and lines == self._drawn:
            return
        self._drawn = lines
        text = Text("\n".join(lines), no_wrap=True)
        with suppress(OSError, ValueError):
            if self._live is None:
                # Refreshed by us: rich's own thread would draw while results are written.
                self._live = Live(
                    text,
                    console=Console(stderr=True, no_color=True, highlight=False),
                    auto_refresh=False,
                    transient=True,
                    redirect_stdout=False,
                    redirect_stderr=False,
                )
                self._live.start(refresh=True)
            else:
                self._live.update(text, refresh=True)

    def _clear(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            with suppress(OSError, ValueError):
                live.stop()
