"""Where an emulator is met in the fault matrix: without a socket, on virtual time, or on a port of this machine."""

from __future__ import annotations

import asyncio
import socket
import sys
import unittest
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from typing import Literal

import httpx

from quantumjobs.testing.emulators.frame import Emulator
from quantumjobs.testing.emulators.serving import HOST, serve

Make = Callable[[str], httpx.AsyncBaseTransport]
NOWHERE = "http://127.0.0.1:9"
"""Nothing goes there: an emulator that is met inside has an address, and no port."""


class Place:
    """An emulator and the address under which adapters find it."""

    url: str
    transport: Make | None
    """What carries requests; None for sockets."""

    def away(self, how: Literal["refusing", "deaf"]) -> AbstractAsyncContextManager[None]:
        """For a time nobody is there: connections are refused, or never answered."""
        raise AssertionError(f"{how}: only on a port")


class Inside(Place):
    """In the same loop, also in a virtual one: for all that is above TCP."""

    def __init__(self, emulator: Emulator) -> None:
        self.url = NOWHERE
        self.transport = lambda _: httpx.ASGITransport(app=emulator)


class Port(Place):
    """On a port of its own, which stays this place's while nobody is there."""

    def __init__(self, emulator: Emulator, number: int) -> None:
        self._emulator = emulator
        self._number = number
        self._served = AsyncExitStack()
        self.url = f"http://{HOST}:{number}"
        self.transport = None

    async def open(self) -> None:
        """Serve."""
        await self._served.enter_async_context(serve(self._emulator, self._number))

    async def close(self) -> None:
        """Serve no more; jobs stay."""
        await self._served.aclose()

    @asynccontextmanager
    async def away(self, how: Literal["refusing", "deaf"]) -> AsyncIterator[None]:
        await self.close()
        if how == "refusing":  # the port is bound, and nobody listens
            yield
        else:
            with _deaf(self._number):
                yield
        await self.open()


@asynccontextmanager
async def inside(emulator: Emulator) -> AsyncIterator[Place]:
    """The emulator without a socket."""
    emulator.start()
    try:
        yield Inside(emulator)
    finally:
        await emulator.stop()


@asynccontextmanager
async def on_a_port(emulator: Emulator) -> AsyncIterator[Place]:
    """The emulator served on loopback."""
    with _bound(0) as held:  # so that nobody else is given the port meanwhile
        place = Port(emulator, held.getsockname()[1])
        await place.open()
        try:
            yield place
        finally:
            await place.close()


@asynccontextmanager
async def stranger(heard: list[bytes]) -> AsyncIterator[str]:
    """Another origin, which listens to what comes."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1 << 16))
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()

    listening = await asyncio.start_server(listen, HOST, 0)
    try:
        yield f"http://{HOST}:{listening.sockets[0].getsockname()[1]}/elsewhere"
    finally:
        listening.close()
        await listening.wait_closed()


@contextmanager
def _bound(port: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((HOST, port))
        yield made


@contextmanager
def _deaf(port: int) -> Iterator[None]:
    """A port whose queue of connections is full: further ones get no answer at all."""
    if sys.platform != "linux":
        raise unittest.SkipTest("how a full queue of connections behaves is the system's affair")
    with ExitStack() as open_ones:
        listening = open_ones.enter_context(_bound(port))
        listening.listen(0)
        for _ in range(4):
            waiting = open_ones.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            waiting.setblocking(False)
            waiting.connect_ex((HOST, port))
        yield
