"""What is drawn at one place: a line for each job and group, or, where these are many, some of them and a sum."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager
from itertools import chain, count, islice
from operator import attrgetter

from quantumjobs.core.states import TERMINAL
from quantumjobs.display.following import GroupBar, JobBar
from quantumjobs.display.places import Canvas
from quantumjobs.display.progress import HEIGHT, Frame
from quantumjobs.display.pulse import Pulse

PATIENCE = 0.3
"""Seconds without a bar: what is over by then needs none."""

Bar = JobBar | GroupBar
_state = attrgetter("snapshot.state")
_number = attrgetter("number")


class Sheet:
    """Bars that are drawn together. Its last frame is drawn when the last of them is closed.

    Closed bars keep their lines as long as there is room; after that they are only counted. Whoever calls this holds
    the lock; its timers take it themselves. A canvas that fails is left alone from then on.
    """

    def __init__(self, canvas: Canvas, lock: AbstractContextManager[object]) -> None:
        self._canvas = canvas
        self._lock = lock
        self._open: dict[Hashable, Bar] = {}
        self._kept: list[Bar] = []
        self._counted: Counter[str] = Counter()
        self._pulses: dict[asyncio.AbstractEventLoop, Pulse] = {}
        self._waiting: Counter[asyncio.AbstractEventLoop] = Counter()
        self._numbers = count()
        self._is_shown = False
        self._is_broken = False

    # --- its bars ---------------------------------------------------------------------------
    def find(self, key: Hashable) -> Bar | None:
        """The open bar with this key."""
        return self._open.get(key)

    def add(self, bar: Bar) -> None:
        """Draw this one too; in the place of an earlier one for the same job."""
        bar.number = next(self._numbers)
        for earlier in [kept for kept in self._kept if kept.key == bar.key]:
            bar.number = earlier.number
            self._kept.remove(earlier)
        self._open[bar.key] = bar
        self._make_room()
        self._waiting[bar.loop] += 1
        pulse = self._pulses.get(bar.loop)
        if pulse is None:
            patience = 0 if self._is_shown else PATIENCE
            pulse = Pulse(bar.loop, self._beat, period=self._canvas.period, patience=patience)
            self._pulses[bar.loop] = pulse
        bar.changed = pulse.soon
        pulse.soon()

    def remove(self, bar: Bar) -> bool:
        """It is closed; True when it was the last one that was open."""
        bar.stop()
        del self._open[bar.key]
        self._kept.append(bar)
        self._make_room()
        self._waiting[bar.loop] -= 1
        if not self._waiting[bar.loop]:
            del self._waiting[bar.loop]
            self._pulses.pop(bar.loop).stop()
        if self._open:
            return False
        if self._is_shown:
            self._guarded(lambda: self._canvas.finish(self._frame(HEIGHT)))
        return True

    def sweep(self) -> bool:
        """Remove the bars of loops that were closed under them; True when nothing is open any more."""
        dead = {loop for loop in self._pulses if loop.is_closed()}
        for bar in [bar for bar in self._open.values() if bar.loop in dead] if dead else []:
            self.remove(bar)
        return not self._open

    def _make_room(self) -> None:
        if len(self._open) + len(self._kept) > HEIGHT:
            self._counted.update(bar.snapshot.state for bar in self._kept if isinstance(bar, JobBar))
            self._kept.clear()

    # --- drawing ----------------------------------------------------------------------------
    def _beat(self) -> None:
        with self._lock:
            if self._open:
                self._is_shown = True
                self._guarded(lambda: self._canvas.draw(self._frame(self._canvas.height)))

    def _guarded(self, draw: Callable[[], None]) -> None:
        """Nothing that is wrong with a terminal or a notebook is worth a job."""
        if self._is_broken:
            return
        try:
            draw()
        except Exception:
            self._is_broken = True
            for pulse in self._pulses.values():
                pulse.stop()

    def _frame(self, height: int) -> Frame:
        bars: list[Bar] = [*self._kept, *self._open.values()]
        if len(bars) <= height and not self._counted:
            bars.sort(key=_number)
            return Frame([bar.row() for bar in bars])
        jobs = [bar for bar in bars if isinstance(bar, JobBar)]
        words = self._counted + Counter(map(_state, jobs))
        going: Iterator[Bar] = chain(
            (bar for bar in self._open.values() if isinstance(bar, GroupBar)),
            (bar for bar in jobs if not bar.stopped and not bar.over),
        )
        rows = [bar.row() for bar in islice(going, max(0, height - bool(words)))]
        return Frame(rows, words, sum(words[state] for state in TERMINAL))
