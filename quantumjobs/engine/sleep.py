"""Noticing that the machine slept: the wall clock went on, the loop's stood still.

Connections that were kept open are dead by then, though nobody said so: a request on one would wait for its timeout.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from quantumjobs.abc import Pools
from quantumjobs.errors import CredentialError, ProviderError

if TYPE_CHECKING:
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.lane import Lane

log = logging.getLogger("quantumjobs")

SLEPT = 5.0
"""Seconds by which the wall clock must be ahead; less is a clock being set right."""
EVERY = 15.0
"""Seconds between two checks, while jobs are looked at."""


class Sleep:
    """Compares the clocks while the engine looks at jobs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._apart = engine.wall() - engine.loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> None:
        """Check from now on, until nothing is looked at any more."""
        if self._timer is None:
            self.check()
            self._timer = self._engine.loop.call_later(EVERY, self._again)

    def check(self) -> None:
        """Compare; a wall clock that was set back, or a little forward, is taken as it is."""
        apart = self._engine.wall() - self._engine.loop.time()
        slept, self._apart = apart - self._apart, apart
        if slept > SLEPT:
            log.info("this machine slept for %.0f s", slept)
            for lane in self._engine.lanes:
                self._engine.spawn(self._drop(lane))  # first, so that no look goes on a dead connection
                lane.traffic.slept(slept)
                self._engine.poller.spread(lane, ahead=slept)

    def close(self) -> None:
        """Check no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _again(self) -> None:
        self._timer = None
        self.check()
        if self._engine.poller.watches or self._engine.looks:
            self.watch()

    async def _drop(self, lane: Lane) -> None:
        pools = lane.capability(Pools)
        if pools is None:
            return
        try:
            await lane.call(pools.drop_connections)
        except (ProviderError, CredentialError) as error:
            log.warning("%s: its connections could not be dropped: %s", lane.key, error)
