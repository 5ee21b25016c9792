"""Replies as they are sent, and how they go wrong on the wire."""

from __future__ import annotations

import asyncio
import functools
import socket
import struct
import zlib
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from quantumjobs.testing.emulators.faults import Fault

JSON = "application/json"
_CHUNK = 1 << 20
_NO_BODY = frozenset({204, 304})


def json(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON reply; `bytes` are taken for JSON already."""
    body = document if isinstance(document, bytes) else msgspec.json.encode(document)
    if status in _NO_BODY:
        body = b""
    return Response(body, status, {"date": formatdate(usegmt=True), **(headers or {})}, JSON)


def transport(scope: Scope) -> asyncio.Transport:
    """The connection of a request; `serving` puts it there."""
    found: asyncio.Transport = scope["state"]["transport"]
    return found


async def gone(receive: Receive) -> None:
    """Wait until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


class Reset(Response):
    """No reply: the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        wire = transport(scope)
        # Without lingering the system sends RST, as a machine does that has lost its memory; else it would be a clean end.
        wire.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wire.abort()
        await gone(receive)


class Hang(Response):
    """No reply for a time; then the connection is closed."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        try:
            async with asyncio.timeout(self.seconds):
                await gone(receive)
        except TimeoutError:
            transport(scope).close()
            await gone(receive)


class Cut(Response):
    """The head announces all of a reply, and half of it comes."""

    def __init__(self, whole: Response) -> None:
        super().__init__()
        self.whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytes(self.whole.body)
        await send(_start(self.whole))
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        transport(scope).close()  # what is written already is sent before that
        await gone(receive)


class Drip(Response):
    """A reply that comes slowly."""

    def __init__(self, whole: Response, rate: float) -> None:
        super().__init__()
        self.whole = whole
        self.rate = rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - an ASGI application
        left = asyncio.create_task(gone(receive))
        try:
            await send(_start(self.whole))
            body = bytes(self.whole.body)
            step = max(1, int(self.rate / 10))
            for at in range(0, len(body), step):
                await asyncio.wait([left], timeout=step / self.rate)
                if left.done():
                    return
                await send({"type": "http.response.body", "body": body[at : at + step], "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            left.cancel()
            await asyncio.wait([left])


def _start(reply: Response) -> dict[str, Any]:
    return {"type": "http.response.start", "status": reply.status_code, "headers": reply.raw_headers}


@functools.lru_cache(maxsize=4)
def bomb(size: int) -> bytes:
    """So many bytes of JSON, packed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    padding = max(0, size - len(b'{"padding":""}'))
    pieces = [packer.compress(b'{"padding":"')]
    pieces += [packer.compress(b"0" * min(_CHUNK, padding - at)) for at in range(0, padding, _CHUNK)]
    return b"".join([*pieces, packer.compress(b'"}'), packer.flush()])


def status(fault: Fault, said: Any) -> Response:
    """The reply of a gateway, or whatever the script says; `said` is its document where the script has none."""
    headers = dict(fault.headers)
    if fault.retry_after is not None:
        headers["retry-after"] = str(fault.retry_after)
    if fault.body is None:
        return json(said, fault.code, headers)
    return json(fault.body.encode(), fault.code, headers)


def redirect(fault: Fault, request: Request) -> Response:
    """To the same port under another name: another origin, whose requests are counted here too."""
    elsewhere = f"http://localhost:{request.scope['server'][1]}{request.url.path}"
    return json(b"", fault.code, {"location": fault.location or elsewhere, **fault.headers})
