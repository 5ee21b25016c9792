"""What is told where nothing can be drawn: a line per change."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import suppress
from functools import partial

from quantumjobs.display.following import GroupBar, JobBar
from quantumjobs.display.places import Told

Bar = JobBar | GroupBar


class News:
    """Bars whose changes are written down at once.

    What cannot be written, since nobody reads, is not kept: the next change or the end tells what is true then.
    """

    def __init__(self, told: Told) -> None:
        self._told = told
        self._open: dict[Hashable, Bar] = {}

    def find(self, key: Hashable) -> Bar | None:
        """The open bar with this key."""
        return self._open.get(key)

    def add(self, bar: Bar) -> None:
        """Tell of this one too."""
        self._open[bar.key] = bar
        bar.changed = partial(self._tell, bar)
        if isinstance(bar, JobBar):  # of a group nothing is known yet
            self._tell(bar)

    def remove(self, bar: Bar) -> bool:
        """It is closed; True when it was the last one that was open."""
        bar.stop()
        self._tell(bar)
        del self._open[bar.key]
        return not self._open

    def sweep(self) -> bool:
        """Forget the bars of loops that were closed under them; True when nothing is open any more."""
        self._open = {key: bar for key, bar in self._open.items() if not bar.loop.is_closed()}
        return not self._open

    def _tell(self, bar: Bar) -> None:
        news = bar.news()
        if news != bar.told:
            with suppress(Exception):
                if self._told.tell(f"{bar.label}: {news}"):
                    bar.told = news
