"""Waiters: each awaiter has one of its own, so that cancelling one await hurts no other."""

from __future__ import annotations

import asyncio
from collections import deque

from quantumjobs.core.records import Snapshot

EVENT_QUEUE = 256
"""Snapshots a slow reader of `events()` may lag behind; older ones are dropped, the last never."""


class Reader:
    """One `events()` loop's queue."""

    __slots__ = ("queue", "waiter")

    def __init__(self, first: Snapshot) -> None:
        self.queue: deque[Snapshot] = deque([first], maxlen=EVENT_QUEUE)
        self.waiter: asyncio.Future[None] | None = None

    def put(self, snapshot: Snapshot) -> None:
        """Queue a snapshot; one that repeats the last is left out."""
        if not self.queue or self.queue[-1] != snapshot:
            self.queue.append(snapshot)
        self.wake()

    def wake(self) -> None:
        """Let the reader look."""
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def news(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for something to look at."""
        self.waiter = loop.create_future()
        await self.waiter


def wake(waiters: list[asyncio.Future[None]] | None) -> None:
    """Let all of them go on, and forget them."""
    if waiters:
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        waiters.clear()
