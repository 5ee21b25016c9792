"""Bars that follow jobs while somebody waits for them. Called by the engine, in its loop, and never raises there.

What is drawn at one place stands on one sheet, drawn by timers of the loops whose bars are on it: soon after a change,
and once a second for the clocks. When its last bar is closed its last frame stays, and nothing is left behind; what is
over at once is not drawn at all. Where nothing can be drawn, changes are told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import partial
from threading import RLock
from typing import TypeVar

from quantumjobs.core.records import Snapshot
from quantumjobs.display import places
from quantumjobs.display.following import GroupBar, JobBar
from quantumjobs.display.news import News
from quantumjobs.display.places import Canvas, Told
from quantumjobs.display.sheet import Sheet

B = TypeVar("B", JobBar, GroupBar)


class Drawer:
    """Opens bars at the place where the caller's user looks. Loops of several threads may use one at a time."""

    def __init__(self, find: Callable[[], Canvas | Told | None] = places.find) -> None:
        self._find = find
        self._lock = RLock()  # of the same thread again: a bar may be closed by the garbage collector at any moment
        self._sheets: dict[Hashable, Sheet | News] = {}

    def job(self, label: str, first: Snapshot) -> JobBar:
        """A bar for one job. Waits for the same job share it: it is closed when each of them has closed it."""
        return self._opened(JobBar(label, asyncio.get_running_loop(), first))

    def group(self, label: str) -> GroupBar:
        """One bar for jobs that are awaited together."""
        return self._opened(GroupBar(label, asyncio.get_running_loop()))

    def _opened(self, bar: B) -> B:
        with suppress(Exception), self._lock:  # no terminal, no notebook and no lack of either is worth a job
            place = self._find()
            if place is None:
                return bar
            sheet = self._sheets.get(place.key)
            if sheet is None or sheet.sweep():
                sheet = self._sheets[place.key] = News(place) if isinstance(place, Told) else Sheet(place, self._lock)
            open_ = sheet.find(bar.key)
            if isinstance(open_, type(bar)):
                open_.waits += 1
                return open_
            sheet.add(bar)
            bar.closed = partial(self._close, place.key, sheet, bar)
        return bar

    def _close(self, key: Hashable, sheet: Sheet | News, bar: JobBar | GroupBar) -> None:
        with suppress(Exception), self._lock:
            bar.waits -= 1
            if not bar.waits and sheet.remove(bar) and self._sheets.get(key) is sheet:
                del self._sheets[key]


_drawer = Drawer()


def bars() -> Drawer:
    """The one drawer of this process."""
    return _drawer
