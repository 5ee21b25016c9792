"""Workers without a fork server: each a new interpreter that connects back over loopback. For Windows.

Not yet tested on Windows itself; the tests run this code on Linux. When the program is killed, a worker in the middle
of compiled code goes on until that returns: only the fork server can end it at once. A worker costs its imports (a second or two), so
warm ones matter more here, and a heavy call waits longer before it begins.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
import socket
import struct
import subprocess
import weakref
from typing import IO

import msgspec

from quantumjobs.workers.ending import Ending
from quantumjobs.workers.surroundings import PRELOAD, command, environment, keep_stderr, wire_path

__all__ = ["SIZE", "Order", "Spawner"]

SIZE = struct.Struct("<I")
_SECRET = 32
_CONNECT = 120.0


class Order(msgspec.Struct, frozen=True):
    """What a spawned worker reads on its stdin."""

    port: int
    secret: bytes
    path: tuple[bytes, ...]
    preload: tuple[str, ...]

    def pack(self) -> bytes:
        data = msgspec.msgpack.encode(self)
        return SIZE.pack(len(data)) + data


class Spawner:
    """A launcher that starts a new interpreter per worker."""

    def __init__(self) -> None:
        self._links: weakref.WeakSet[_SpawnedLink] = weakref.WeakSet()
        self._processes: set[subprocess.Popen[bytes]] = set()

    async def start(self) -> _SpawnedLink:
        loop = asyncio.get_running_loop()
        secret = secrets.token_bytes(_SECRET)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            order = Order(listener.getsockname()[1], secret, wire_path(), PRELOAD)
            process = await self._make(order)
            try:
                async with asyncio.timeout(_CONNECT):
                    sock = await _accept(loop, listener, secret, process)
            except BaseException:
                _end(process)
                raise
        link = _SpawnedLink(sock, process)
        self._links.add(link)
        return link

    async def _make(self, order: Order) -> subprocess.Popen[bytes]:
        # Making a process takes tens of milliseconds on Windows. A cancel in between must not leave it to nobody.
        making = asyncio.ensure_future(asyncio.to_thread(_spawn, order))
        try:
            process = await asyncio.shield(making)
        except asyncio.CancelledError:
            process = await making
            self._processes.add(process)
            _end(process)
            raise
        # Those that have ended are reaped here, and the last ones when the program ends.
        self._processes = {each for each in self._processes if each.poll() is None} | {process}
        return process

    def close(self) -> None:
        for process in self._processes:
            _end(process)
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(3)

    def forget(self) -> None:
        for link in self._links:
            link.sock.close()
        for process in self._processes:
            _pipe(process).close()
            process.returncode = 0


class _SpawnedLink:
    def __init__(self, sock: socket.socket, process: subprocess.Popen[bytes]) -> None:
        self.sock = sock
        self.pid = process.pid
        self._process = process

    def kill(self) -> None:
        self._process.kill()

    def idle(self, parked: bool) -> None:
        """Nothing to note: a parked worker stays until the program ends."""

    def ending(self) -> Ending | None:
        code = self._process.poll()
        return None if code is None else Ending.from_code(code)

    def close(self) -> None:
        self.sock.close()
        _end(self._process)


def _spawn(order: Order) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        command("quantumjobs.workers.newcomer"),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=None if keep_stderr() else subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,
        bufsize=0,
    )
    # The pipe stays open: when it closes, the worker knows that this program is gone.
    with contextlib.suppress(OSError):
        _pipe(process).write(order.pack())
    return process


def _pipe(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdin is not None
    return process.stdin


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    _pipe(process).close()


async def _accept(
    loop: asyncio.AbstractEventLoop, listener: socket.socket, secret: bytes, process: subprocess.Popen[bytes]
) -> socket.socket:
    """Take the connection that knows the secret; anybody on this host may knock."""
    while True:
        try:
            async with asyncio.timeout(0.5):
                sock, _ = await loop.sock_accept(listener)
        except TimeoutError:
            code = process.poll()
            if code is not None:
                raise ConnectionError(f"a spawned worker ended with exit code {code} before it connected") from None
            continue
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        told = b""
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(5):
                while len(told) < _SECRET and (more := await loop.sock_recv(sock, _SECRET - len(told))):
                    told += more
        if hmac.compare_digest(told, secret):
            return sock
        sock.close()
