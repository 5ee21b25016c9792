"""Serving an emulator on loopback, in the running loop."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators.frame import Emulator

HOST = "127.0.0.1"
_KEEP_ALIVE = 75  # seconds; longer than most clients keep theirs, so that it is they who decide


class _Protocol(H11Protocol):
    """Hands its connection to the requests, so that a reply can be a broken connection; and is counted."""

    emulator: Emulator

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access_log = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.app_state = {**self.app_state, "transport": transport}
        self.emulator.connections += 1
        self.emulator.open_connections += 1
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.emulator.open_connections -= 1
        super().connection_lost(exc)


@asynccontextmanager
async def serve(emulator: Emulator, port: int = 0, *, warm: bool = False) -> AsyncIterator[str]:
    """Serve while the context is open, and give the address: `http://127.0.0.1:8801`. Port 0 picks a free one.

    What is under way at the end is cut off. Raises `UsageError` for a port that cannot be had. Nothing is installed
    in the process: no signal handler, no logging. uvicorn's own server has those, and looks at its flags ten times
    a second; all that is needed here is its protocol.
    """
    # `log_config=None`, `log_level=None`: logging is the process's own business.
    config = Config(
        emulator,
        interface="asgi3",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE,
    )
    config.load()
    state = ServerState()
    kind = type("Protocol", (_Protocol,), {"emulator": emulator})
    loop = asyncio.get_running_loop()
    listener = _listener(port)
    try:
        server = await loop.create_server(lambda: kind(config, state, {}, loop), sock=listener)
    except BaseException:
        listener.close()
        raise
    emulator.start(warm=warm)
    try:
        yield f"http://{HOST}:{listener.getsockname()[1]}"
    finally:
        server.close()
        await _cut_off(state)
        await emulator.stop()


def _listener(port: int) -> socket.socket:
    # The protocol is named because asyncio sets TCP_NODELAY only then: head and body of a reply are two writes, and the
    # second one would wait 40 ms for the client's delayed acknowledgement of the first.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":  # elsewhere this would share the port with others
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        listener.bind((HOST, port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"port {port} of {HOST} cannot be had: {why}; port 0 picks a free one") from error
    return listener


async def _cut_off(state: ServerState) -> None:
    for _ in range(3):  # each hears of its end in the loop's next turn; one that was just accepted comes a turn later
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)
    # What is left waits for time to pass, or computes a reply that nobody will read.
    tasks = list(state.tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
