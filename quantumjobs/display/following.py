"""What the engine tells of: one job, or jobs that are awaited together. Kept as it comes, and read when it is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

from quantumjobs.core.records import Snapshot
from quantumjobs.core.text import one_line
from quantumjobs.display.progress import Following, Group

_LABEL = 200  # characters


def _nothing() -> None:
    """Nobody looks."""


class Bar:
    """Common to both. Whoever shows it sets `changed` and `closed`; without that, nobody looks."""

    __slots__ = ("_began", "_ended", "changed", "closed", "label", "loop", "number", "told", "waits")

    def __init__(self, label: str, loop: asyncio.AbstractEventLoop) -> None:
        self.label = one_line(label, limit=_LABEL)
        self.loop = loop
        self.waits = 1
        self.number = 0
        """Its place among others."""
        self.told = ""
        """The last news that went out as text."""
        self.changed: Callable[[], None] = _nothing
        self.closed: Callable[[], None] = _nothing
        self._began = loop.time()
        self._ended: float | None = None

    def close(self) -> None:
        """One wait has ended, however."""
        self.closed()

    def stop(self) -> None:
        """Its clock stands still, and nobody looks any more."""
        self._ended = self.loop.time()
        self.changed = self.closed = _nothing

    @property
    def stopped(self) -> bool:
        """No wait goes on."""
        return self._ended is not None

    @property
    def seconds(self) -> float:
        """How long it is, or was, waited for."""
        return (self.loop.time() if self._ended is None else self._ended) - self._began


class JobBar(Bar):
    """Follows one job, for all who wait for it in one place."""

    __slots__ = ("key", "snapshot")

    def __init__(self, label: str, loop: asyncio.AbstractEventLoop, first: Snapshot) -> None:
        super().__init__(label, loop)
        self.key: Hashable = first.id
        """Equal for all waits for one job."""
        self.snapshot = first

    def put(self, snapshot: Snapshot) -> None:
        """Keep what it looks like now."""
        self.snapshot = snapshot
        self.changed()

    def wake(self) -> None:
        """Nothing is new."""

    @property
    def over(self) -> bool:
        """The job has ended."""
        return self.snapshot.state.is_terminal

    def row(self) -> Following:
        """For a frame."""
        return Following.of(self.label, self.seconds, self.snapshot)

    def news(self) -> str:
        """For a line of its own; the same as long as there is nothing to tell."""
        ahead = self.row().ahead
        return f"{self.snapshot.state}{f', {ahead}' if ahead else ''}"


class GroupBar(Bar):
    """Follows jobs that are awaited together."""

    __slots__ = ("_over", "_total", "key")

    def __init__(self, label: str, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(label, loop)
        self.key: Hashable = id(self)
        """Its own."""
        self._over = self._total = 0

    def update(self, over: int, total: int) -> None:
        """Keep how many are over."""
        self._over, self._total = over, total
        self.changed()

    def row(self) -> Group:
        """For a frame."""
        return Group(self.label, self.seconds, self._over, self._total)

    def news(self) -> str:
        """Tell of every tenth, and of the end."""
        if self.stopped or self._over == self._total:
            return f"{self._over} of {self._total} over"
        return f"{10 * (10 * self._over // self._total)} % over"
