"""A turnstile: so many steps of one kind in one turn of the loop, the others in the next ones.

A thousand jobs submitted at once are a thousand tasks in the same turn of the loop, and replies that were sent together
arrive together. Each step takes less than a millisecond, and all of them in a row would stall everybody else.
"""

from __future__ import annotations

import asyncio
from collections import deque

MOST = 4
"""A step, such as the sending of a request, takes up to a millisecond."""


class Turnstile:
    """`if not turnstile.passes(): await turnstile.turn()`: first come, first served."""

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int = MOST) -> None:
        self._loop = loop
        self._most = most
        self._left = most
        self._turning = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    def passes(self) -> bool:
        """Go through in this turn of the loop, if there is room and nobody waits."""
        if not self._left or self._waiting:
            return False
        self._left -= 1
        self._arm()
        return True

    async def turn(self) -> None:
        """Wait for a turn of the loop with room."""
        mine: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(mine)
        self._arm()
        await mine

    def _arm(self) -> None:
        if not self._turning:
            self._turning = True
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        self._turning = False
        self._left = self._most
        while self._waiting and self._left:
            future = self._waiting.popleft()
            if not future.done():  # else its waiter has left
                future.set_result(None)
                self._left -= 1
        if self._waiting or self._left < self._most:
            self._arm()
