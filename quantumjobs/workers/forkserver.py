"""The program's side of the fork server: start it once, ask it for workers without ever waiting for it.

A request is one byte and two descriptors on a socket the server reads when it is ready. So the second or two of its
start pass while the event loop goes on, and the first worker's hello is the sign that all went well.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref

from quantumjobs.workers import server as protocol
from quantumjobs.workers.ending import Cause, Ending, WorkersUnavailable
from quantumjobs.workers.surroundings import PRELOAD, command, environment, keep_stderr, wire_path

__all__ = ["ForkServer"]

_EXPIRY = 60.0  # seconds an idle worker is kept while no loop uses it
_PATIENCE = 1.0  # seconds between a closed socket and the news of the server's death


class ForkServer:
    """A launcher that keeps one server process, and starts another one when it has died."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: _Process | None = None

    async def start(self) -> _LeashedLink:
        with self._lock:
            for _ in range(2):
                if self._server is None or not self._server.is_alive():
                    if self._server is not None:
                        self._server.close()
                    self._server = _Process()
                # A server that died a moment ago is noticed here, and replaced in the second round.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    return self._server.request()
                self._server.broken = True
        raise WorkersUnavailable("the fork server ends as soon as it is started")

    def close(self) -> None:
        with self._lock:
            if self._server is not None:
                self._server.close()
                self._server = None

    def forget(self) -> None:
        # No lock: in a forked child, the thread that might hold it does not exist.
        if self._server is not None:
            self._server.forget()
            self._server = None


class _Process:
    def __init__(self) -> None:
        self.links: weakref.WeakSet[_LeashedLink] = weakref.WeakSet()
        self.broken = False
        self.control, theirs = socket.socketpair()
        self._stderr: int | None = None
        self._tail = ""
        settings = protocol.Settings(
            path=wire_path(),
            pythonpath=os.environb.get(b"PYTHONPATH"),
            preload=PRELOAD,
            expiry=_EXPIRY,
            keep_stderr=keep_stderr(),
        )
        writer: int | None = None
        try:
            if not settings.keep_stderr:
                self._stderr, writer = os.pipe()
                os.set_blocking(self._stderr, False)
                os.set_blocking(writer, False)  # warnings without end must not stop a start nobody has to explain
            self._process = subprocess.Popen(
                command("quantumjobs.workers.server", str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=writer,
                pass_fds=[theirs.fileno()],
                env=environment(),
                start_new_session=True,  # Ctrl-C in the terminal is not for it
            )
            self.control.sendall(settings.pack())
        except BaseException:
            self.control.close()
            if self._stderr is not None:
                os.close(self._stderr)
            raise
        finally:
            theirs.close()
            if writer is not None:
                os.close(writer)
        self.control.setblocking(False)

    def is_alive(self) -> bool:
        return not self.broken and self._process.poll() is None

    def request(self) -> _LeashedLink:
        work, their_work = socket.socketpair()
        leash, their_leash = socket.socketpair()
        try:
            socket.send_fds(self.control, [b"f"], [their_work.fileno(), their_leash.fileno()])
        except BaseException:
            work.close()
            leash.close()
            raise
        finally:
            their_work.close()
            their_leash.close()
        link = _LeashedLink(self, work, leash)
        self.links.add(link)
        return link

    def obituary(self) -> Ending | None:
        """Tell why the server is dead; None while its death has not become official."""
        code = self._process.poll()
        if code is None:
            return None
        self.broken = True
        text = f"the fork server ended with exit code {code}" if code >= 0 else f"the fork server was killed ({-code})"
        if self._stderr is not None:
            with contextlib.suppress(BlockingIOError, OSError):
                tail = os.read(self._stderr, 65_536).decode(errors="replace").strip()
                self._tail = tail or self._tail
        return Ending(Cause.SERVER, text="\n".join(filter(None, (text, self._tail))), hopeless=code > 0)

    def close(self) -> None:
        self._close_descriptors()
        try:
            self._process.wait(3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def forget(self) -> None:
        for link in self.links:
            link.sock.close()
            link.leash.close()
        self._close_descriptors()
        self._process.returncode = 0  # not this process's child: nothing to wait for, nothing to warn about

    def _close_descriptors(self) -> None:
        self.control.close()
        if self._stderr is not None:
            os.close(self._stderr)
            self._stderr = None


class _LeashedLink:
    def __init__(self, server: _Process, sock: socket.socket, leash: socket.socket) -> None:
        self.sock = sock
        self.leash = leash
        self.pid = 0
        self._server = server
        self._asked: float | None = None
        self._ending: Ending | None = None
        sock.setblocking(False)
        leash.setblocking(False)

    def kill(self) -> None:
        self._say(protocol.KILL)

    def idle(self, parked: bool) -> None:
        self._say(protocol.PARK if parked else protocol.UNPARK)

    def ending(self) -> Ending | None:
        if self._ending is None:
            self._ending = self._read_ending()
        return self._ending

    def _read_ending(self) -> Ending | None:
        try:
            note = self.leash.recv(protocol.NOTE.size)
        except BlockingIOError:
            return None
        except OSError:
            note = b""
        if len(note) == protocol.NOTE.size:
            what, value = protocol.NOTE.unpack(note)
            if what == protocol.FORK_FAILED:
                return Ending(Cause.START, text=f"no process could be made: {os.strerror(value)}")
            return Ending(Cause.EXPIRED) if what == protocol.EXPIRED else Ending.from_status(value)
        ending = self._server.obituary()
        if ending is not None:
            return ending
        now = time.monotonic()
        self._asked = self._asked or now
        if now - self._asked < _PATIENCE:
            return None
        return Ending(Cause.SERVER, text="the fork server gave it up; are too many files open?")

    def close(self) -> None:
        self.kill()
        self.sock.close()
        self.leash.close()

    def _say(self, word: bytes) -> None:
        try:
            self.leash.send(word)
        except OSError:
            # The server is dead, and on Linux the kernel has ended its workers. Elsewhere they live on; this one's
            # socket has not closed, so that its number is still its own.
            if sys.platform != "linux" and word == protocol.KILL and self.pid:
                with contextlib.suppress(OSError):
                    os.kill(self.pid, signal.SIGKILL)
