"""Servers that answer exactly the bytes they are told to, on loopback; and transports that need no socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx

from quantumjobs.wire import Credential, Secret, Wire

Answer = Callable[["Connection", bytes], Awaitable[None]]


@dataclass
class Connection:
    """One connection of a client; `place` counts its requests from 1."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    place: int = 0

    async def say(self, text: bytes) -> None:
        self.writer.write(text)
        await self.writer.drain()

    def reset(self) -> None:
        self.writer.transport.abort()


@dataclass
class Server:
    """Requests as they came, with their bodies."""

    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0


def reply(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


@asynccontextmanager
async def serve(answer: Answer) -> AsyncIterator[Server]:
    server = Server()
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        server.connections += 1
        connection = Connection(reader, writer, server.connections)
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
                )
                server.requests.append(head + await reader.readexactly(length))
                connection.place += 1
                await answer(connection, head)
        writer.close()
        tasks.discard(task)

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # closed transports say so in the loop's next turns


def mocked(handle: Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]], **options: object) -> Wire:
    """A wire whose requests go to a function."""
    return Wire(
        "https://portal.example",
        provider="acme",
        transport=lambda _: httpx.MockTransport(handle),  # type: ignore[arg-type]
        **options,  # type: ignore[arg-type]
    )


def tokens(*values: str) -> tuple[Credential, list[bool]]:
    """A credential that gives these one after the other, the last for ever; and how it was asked."""
    asked: list[bool] = []

    async def source(fresh: bool) -> Secret | None:
        asked.append(fresh)
        await asyncio.sleep(0.1)
        return Secret(values[min(len(asked), len(values)) - 1])

    return Credential(source, origin="the test"), asked
