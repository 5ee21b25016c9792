"""When a loop draws: soon after a change, not too often, and once a second for the clocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_SECOND = 1.0
_SHARE = 9  # a place that takes long to draw gets a tenth of the loop's time, and no more


class Pulse:
    """Calls `draw` from one loop's timers, for the first time after `patience` seconds. At most one timer is set."""

    __slots__ = ("_draw", "_is_soon", "_loop", "_not_before", "_period", "_timer")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, draw: Callable[[], None], *, period: float, patience: float
    ) -> None:
        self._loop = loop
        self._draw = draw
        self._period = period
        self._is_soon = True
        self._not_before = 0.0
        self._timer = loop.call_later(patience, self._beat)

    def soon(self) -> None:
        """Something has changed. The next call that does something is the first one after a beat."""
        if self._is_soon:
            return
        self._is_soon = True
        self._timer.cancel()
        self._timer = self._loop.call_at(max(self._not_before, self._loop.time()), self._beat)

    def stop(self) -> None:
        """There is no beat after this."""
        self._is_soon = True
        self._timer.cancel()

    def _beat(self) -> None:
        self._is_soon = False
        begun = self._loop.time()
        self._timer = self._loop.call_at(begun + _SECOND, self._beat)  # before drawing, which may end in `stop`
        self._draw()
        now = self._loop.time()
        self._not_before = now + max(self._period, _SHARE * (now - begun))
        if not self._is_soon and self._timer.when() < self._not_before:
            self._timer.cancel()
            self._timer = self._loop.call_at(self._not_before, self._beat)
