"""The worker's side: take calls from a socket, one after the other, until the other end is closed.

Between two calls the socket is looked at once more, so that a call taken back in the meantime is not begun.
"""

from __future__ import annotations

import importlib
import os
import select
import signal
import socket
import sys
import threading
import time
from collections import deque
from pathlib import Path

import msgspec

from quantumjobs.workers.envelope import perform
from quantumjobs.workers.frames import (
    Done,
    Failed,
    FrameReader,
    FromWorker,
    Hello,
    Progress,
    Run,
    Skip,
    Skipped,
    head,
    to_worker,
)
from quantumjobs.workers.frames import (
    Path as NewPath,
)

__all__ = ["Worker", "settle_down"]

_JOINED = 65_536  # below this a head and its body leave in one write
_encode_fault = msgspec.msgpack.Encoder().encode


class Worker:
    """Serves one socket. ``serve`` returns when the other end is gone."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._reader = FrameReader(to_worker)
        self._waiting: deque[tuple[Run, bytes]] = deque()
        self._skip: set[int] = set()
        self._sending = threading.Lock()  # a function may report from a thread of its own
        self._current = -1
        self._poll = select.poll() if hasattr(select, "poll") else None  # select() knows descriptors below 1024 only
        if self._poll is not None:
            self._poll.register(sock, select.POLLIN)

    def serve(self) -> None:
        try:
            self._send(Hello(os.getpid()))
            while self._receive():
                run, body = self._waiting.popleft()
                if run.call in self._skip:
                    self._send(Skipped(run.call))
                else:
                    self._call(run, body)
                if not self._waiting:
                    # A skip follows its call on the stream, so the ones read so far speak of calls that are over.
                    self._skip.clear()
        except (BrokenPipeError, ConnectionResetError):
            return

    def _call(self, run: Run, body: bytes) -> None:
        self._current = run.call
        begun = time.perf_counter()
        answer, fault = perform(run.function, body, self._report)
        micros = int((time.perf_counter() - begun) * 1e6)
        self._current = -1
        if fault is None:
            self._send(Done(run.call, micros), answer)
        else:
            self._send(Failed(run.call), _encode_fault(fault))

    def _report(self, body: bytes) -> None:
        if self._current >= 0:
            self._send(Progress(self._current), bytes(body))

    def _send(self, message: FromWorker, body: bytes = b"") -> None:
        start = head(message, len(body))
        with self._sending:
            if len(body) < _JOINED:
                self._sock.sendall(start + body)
            else:
                self._sock.sendall(start)
                self._sock.sendall(body)

    def _is_readable(self) -> bool:
        if self._poll is not None:
            return bool(self._poll.poll(0))
        return bool(select.select([self._sock], [], [], 0)[0])

    def _receive(self) -> bool:
        """Read what there is; wait only when there is nothing to do. False when the other end is closed."""
        while not self._waiting or self._is_readable():
            data = self._sock.recv(1 << 18)
            if not data:
                return False
            for message, body in self._reader.feed(data):
                match message:
                    case Run():
                        self._waiting.append((message, body))
                    case Skip():
                        self._skip.add(message.call)
                    case NewPath():
                        sys.path[:] = map(os.fsdecode, message.entries)
                        importlib.invalidate_caches()
        return True


def settle_down() -> None:
    """Become a process that stays out of the way: Ctrl-C is the program's affair, and so is most of the CPU."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(10)
    if sys.platform == "linux":
        try:  # when memory runs out, the kernel should end a simulation and not the program that ordered it
            with Path("/proc/self/oom_score_adj").open("w", encoding="ascii") as file:
                file.write("500")
        except OSError:
            pass
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:  # all forks of one server would draw the same numbers
        numpy_random.seed()
