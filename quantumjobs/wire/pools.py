"""Who may use which connection: one pool for looks, one for submits, each made when it is first needed.

A stock httpx transport carries one request at a time here, and so has one connection. Given all of a lane's requests,
httpcore walks over all of its connections, several times, for each of them: measured with 32 at a time, that was a third of
a request's CPU. A transport of another kind is shared by all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx

Make = Callable[[str], httpx.AsyncBaseTransport]
IDLE = 30.0
"""Seconds after which a transport that nobody uses is closed."""


class Pool:
    """Transports to one URL."""

    def __init__(self, make: Make, url: str) -> None:
        self._make, self._url = make, url
        self._now: _Transports | None = None

    @asynccontextmanager
    async def borrowed(self) -> AsyncIterator[httpx.AsyncBaseTransport]:
        """A transport for one request, to its response's end."""
        now = self._now
        if now is None:
            now = self._now = _Transports(self._make, self._url)
        transport = now.take()
        try:
            yield transport
        finally:
            await now.give(transport)

    async def retire(self) -> None:
        """Use other ones from now on; these are closed as their last users go."""
        old, self._now = self._now, None
        if old is not None:
            await old.retire()

    async def close(self) -> None:
        """Close all of them, also those in use."""
        old, self._now = self._now, None
        if old is not None:
            await old.close()


class _Transports:
    def __init__(self, make: Make, url: str) -> None:
        self._make, self._url = make, url
        self._clock = asyncio.get_running_loop().time
        self._shared: httpx.AsyncBaseTransport | None = None
        self._free: deque[tuple[httpx.AsyncBaseTransport, float]] = deque()  # the one used last is at the right
        self._used: dict[httpx.AsyncBaseTransport, int] = {}
        self._retired = False

    def take(self) -> httpx.AsyncBaseTransport:
        transport = self._shared or (self._free.pop()[0] if self._free else self._make(self._url))
        if not isinstance(transport, httpx.AsyncHTTPTransport):
            self._shared = transport
        self._used[transport] = self._used.get(transport, 0) + 1
        return transport

    async def give(self, transport: httpx.AsyncBaseTransport) -> None:
        self._used[transport] -= 1
        if self._used[transport]:
            return
        del self._used[transport]
        if self._retired:
            await transport.aclose()
        elif transport is not self._shared:
            now = self._clock()
            self._free.append((transport, now))
            while self._free[0][1] < now - IDLE:
                await self._free.popleft()[0].aclose()

    async def retire(self) -> None:
        self._retired = True
        await self._close_idle()

    async def close(self) -> None:
        self._retired = True
        for transport in list(self._used):
            await transport.aclose()
        await self._close_idle()

    async def _close_idle(self) -> None:
        while self._free:
            await self._free.popleft()[0].aclose()
        if self._shared is not None and self._shared not in self._used:
            await self._shared.aclose()
