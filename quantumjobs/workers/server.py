"""The fork server: a clean interpreter that imports qiskit_aer once and forks a warm worker per request.

Run as ``python -P -m quantumjobs.workers.server <fd>``. It never imports the user's main module, stays single-threaded
(a fork of a process with OpenMP or BLAS threads hangs), and lives in a session of its own. It alone kills and reaps,
so that a process number can never belong to a stranger by the time it is used.

The control socket carries one byte and two descriptors per request: the worker's end of its data socket, and the
server's end of a *leash*. On the leash the program says what shall become of the worker, and closing it means kill; the
server answers with the worker's ending. When the control socket closes, the program is gone, and so is everything here.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import select
import signal
import socket
import struct
import sys
import time
from typing import NoReturn

import msgspec

from quantumjobs.workers.worker import Worker, settle_down

__all__ = ["ENDED", "EXPIRED", "FORK_FAILED", "KILL", "NOTE", "PARK", "UNPARK", "Settings", "main"]

KILL, PARK, UNPARK = b"k", b"p", b"u"  # program to server, on a leash
NOTE = struct.Struct("<Bi")  # server to program, on a leash: one of these, and a wait status or errno
ENDED, FORK_FAILED, EXPIRED = range(3)

_SIZE = struct.Struct("<I")
_PR_SET_PDEATHSIG = 1


class Settings(msgspec.Struct, frozen=True):
    """What the program hands over before the first request."""

    path: tuple[bytes, ...]
    pythonpath: bytes | None
    preload: tuple[str, ...]
    expiry: float  # seconds a parked worker may stay
    keep_stderr: bool

    def pack(self) -> bytes:
        data = msgspec.msgpack.encode(self)
        return _SIZE.pack(len(data)) + data


class _Child:
    def __init__(self, pid: int, leash: socket.socket) -> None:
        self.pid = pid
        self.leash = leash
        self.parked_until: float | None = None
        self.expired = False


class _Server:
    def __init__(self, control: socket.socket, settings: Settings) -> None:
        self.control = control
        self.settings = settings
        self.children: dict[int, _Child] = {}  # by process number
        self.leashes: dict[int, _Child] = {}  # by descriptor
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)
        self.woken, self.waker = socket.socketpair()
        self.woken.setblocking(False)
        self.waker.setblocking(False)
        self.poll.register(self.woken, select.POLLIN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.waker.fileno(), warn_on_full_buffer=False)
        self.libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def serve(self) -> NoReturn:
        while True:
            for fd, _ in self.poll.poll(self._patience()):
                if fd == self.control.fileno():
                    self._request()
                elif fd == self.woken.fileno():
                    self.woken.recv(4096)
                    self._reap()
                elif fd in self.leashes:
                    self._leash(self.leashes[fd])
            self._expire()

    def _request(self) -> None:
        try:
            data, fds, _, _ = socket.recv_fds(self.control, 1, 2)
        except ConnectionResetError:
            data, fds = b"", []
        if not data:
            self._end()
        if len(fds) != 2:  # the descriptors were lost: too many are open here
            for fd in fds:
                os.close(fd)
            return
        work, leash = (socket.socket(fileno=fd) for fd in fds)
        leash.setblocking(False)
        server = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            self._tell(leash, FORK_FAILED, error.errno or 0)
            leash.close()
            work.close()
            return
        if pid == 0:
            self._become_worker(work, leash, server)
        work.close()  # a second copy would hide the worker's death from the program
        child = _Child(pid, leash)
        self.children[pid] = self.leashes[leash.fileno()] = child
        self.poll.register(leash, select.POLLIN)

    def _become_worker(self, work: socket.socket, leash: socket.socket, server: int) -> NoReturn:
        code = 70
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if self.libc is not None:
                self.libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                if os.getppid() != server:  # it died before the line above
                    os._exit(code)
            for sock in (self.control, self.woken, self.waker, leash, *(c.leash for c in self.children.values())):
                sock.close()
            settle_down()
            work.setblocking(True)
            Worker(work).serve()
            code = 0
        except BaseException as error:  # nothing may return into the server's loop in this process
            if self.settings.keep_stderr:
                sys.excepthook(type(error), error, error.__traceback__)
        finally:
            os._exit(code)

    def _leash(self, child: _Child) -> None:
        try:
            words = child.leash.recv(64)
        except BlockingIOError:
            return
        except OSError:
            words = b""
        if not words or KILL in words:
            self._kill(child)
            if not words:
                self._drop_leash(child)
        elif words.endswith(PARK):
            child.parked_until = time.monotonic() + self.settings.expiry
        else:
            child.parked_until = None

    def _kill(self, child: _Child) -> None:
        # Its number is ours until waitpid below has taken it, and then it is no longer in `children`.
        if child.pid in self.children:
            os.kill(child.pid, signal.SIGKILL)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            child = self.children.pop(pid, None)
            if child is not None and child.leash.fileno() >= 0:
                self._tell(child.leash, EXPIRED if child.expired else ENDED, status)
                self._drop_leash(child)

    def _drop_leash(self, child: _Child) -> None:
        self.leashes.pop(child.leash.fileno(), None)
        self.poll.unregister(child.leash)
        child.leash.close()

    def _tell(self, leash: socket.socket, what: int, value: int) -> None:
        # When the program has closed its end, it does not want to know.
        with contextlib.suppress(OSError):
            leash.send(NOTE.pack(what, value))

    def _patience(self) -> float | None:
        due = [child.parked_until for child in self.children.values() if child.parked_until is not None]
        return max(0.0, min(due) - time.monotonic()) * 1000 + 1 if due else None

    def _expire(self) -> None:
        now = time.monotonic()
        for child in self.children.values():
            if child.parked_until is not None and child.parked_until <= now:
                child.parked_until, child.expired = None, True
                self._kill(child)

    def _end(self) -> NoReturn:
        for child in self.children.values():
            self._kill(child)
        deadline = time.monotonic() + 2
        while self.children and time.monotonic() < deadline:
            self._reap()
            time.sleep(0.002)
        os._exit(0)


def main() -> NoReturn:
    """Read the settings, import what workers need, and serve until the program is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # the thread that started us may have blocked what we live by
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    settings = _read_settings(control)
    sys.path[:] = map(os.fsdecode, settings.path)
    if settings.pythonpath is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environb[b"PYTHONPATH"] = settings.pythonpath
    # No directory is kept busy by a process the user does not see.
    os.chdir("/")
    _watch(control)
    for module in settings.preload:
        importlib.import_module(module)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    gc.collect()
    gc.freeze()  # the collector writes into object heads; untouched, these pages stay shared by all workers
    if not settings.keep_stderr:
        os.dup2(1, 2)  # from here on nobody reads the pipe on which a failed start would have been explained
    _Server(control, settings).serve()


def _read_settings(control: socket.socket) -> Settings:
    def exactly(size: int) -> bytes:
        data = control.recv(size, socket.MSG_WAITALL)
        if len(data) < size:
            os._exit(0)  # the program ended before we began
        return data

    return msgspec.msgpack.decode(exactly(_SIZE.unpack(exactly(_SIZE.size))[0]), type=Settings)


def _watch(control: socket.socket) -> None:
    """End soon when the program does, also in the second or two that the imports take."""
    poll = select.poll()
    poll.register(control, 0)  # POLLHUP is always reported

    def look(*_: object) -> None:
        if poll.poll(0):
            os._exit(0)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)


if __name__ == "__main__":
    main()
