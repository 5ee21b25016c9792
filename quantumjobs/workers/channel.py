"""Frames over a non-blocking socket on an asyncio loop: what arrives is handed on, what is sent never waits.

Each turn of the loop moves a bounded number of bytes, so a frame of 100 MB passes without anybody noticing.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable

import msgspec

from quantumjobs.workers.frames import FrameReader, FromWorker, from_worker

__all__ = ["Channel"]

_READ = 1 << 16
_READ_LONG = 1 << 18  # in the middle of a long body
_WRITE = 1 << 18
_JOIN = 1 << 16


class Channel:
    """``received(message, body)`` is called per frame; ``lost()`` once, when the other end is gone."""

    def __init__(
        self, sock: socket.socket, received: Callable[[FromWorker, bytes], None], lost: Callable[[], None]
    ) -> None:
        self._sock = sock
        self._received = received
        self._lost = lost
        self._reader = FrameReader(from_worker)
        self._out: deque[memoryview] = deque()
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sender: asyncio.Task[None] | None = None
        self._open = True
        self._writing = False
        self._watched = True
        try:
            self._loop.add_reader(sock, self._readable)
        except NotImplementedError:  # the proactor loop of Windows
            self._watched = False
            self._tasks.add(self._loop.create_task(self._pump_in()))

    @property
    def is_clean(self) -> bool:
        """Whether nothing is under way in either direction, so that the socket can be given to another loop."""
        return self._open and self._reader.is_clean and not self._out

    def send(self, *pieces: bytes) -> None:
        """Send now what the socket takes, and the rest as it drains. Small pieces leave in one write."""
        small: list[bytes] = []
        for piece in pieces:
            if len(piece) < _JOIN:
                small.append(piece)
                continue
            if small:
                self._out.append(memoryview(b"".join(small)))
                small = []
            self._out.append(memoryview(piece))
        if small:
            self._out.append(memoryview(b"".join(small)))
        if not self._open:
            self._out.clear()
        elif not self._watched:
            if self._sender is None:
                self._sender = self._loop.create_task(self._pump_out())
                self._tasks.add(self._sender)
        elif not self._writing:
            self._writable()

    async def settled(self) -> None:
        """Wait, after ``detach``, until nothing here reads from the socket any more."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def detach(self) -> None:
        """Leave the socket alone from now on. It stays open."""
        if not self._open:
            return
        self._open = False
        self._out.clear()
        if self._watched:
            self._loop.remove_reader(self._sock)
            if self._writing:
                self._loop.remove_writer(self._sock)
        for task in self._tasks:
            task.cancel()

    def _readable(self) -> None:
        try:
            data = self._sock.recv(_READ_LONG if self._reader.missing else _READ)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        self._take(data)

    def _take(self, data: bytes) -> None:
        if not data:
            self.detach()
            self._lost()
            return
        try:
            frames = self._reader.feed(data)
        except msgspec.MsgspecError:  # somebody in the worker wrote on this descriptor: there is no way to go on
            self._take(b"")
            return
        for message, body in frames:
            self._received(message, body)

    def _writable(self) -> None:
        try:
            budget = _WRITE
            while self._out and budget > 0:
                view = self._out[0]
                sent = self._sock.send(view[:budget])
                budget -= sent
                if sent == len(view):
                    self._out.popleft()
                else:
                    self._out[0] = view[sent:]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self._out.clear()  # the reader sees the end in its turn
        if bool(self._out) != self._writing:
            self._writing = not self._writing
            if self._writing:
                self._loop.add_writer(self._sock, self._writable)
            else:
                self._loop.remove_writer(self._sock)

    async def _pump_in(self) -> None:
        while self._open:
            try:
                data = await self._loop.sock_recv(self._sock, _READ_LONG)
            except OSError:
                data = b""
            self._take(data)

    async def _pump_out(self) -> None:
        try:
            while self._out:
                view = self._out.popleft()
                for at in range(0, len(view), _WRITE):
                    await self._loop.sock_sendall(self._sock, view[at : at + _WRITE])
        except OSError:
            self._out.clear()
        finally:
            self._sender = None
