"""Where worker processes come from: one launcher per process, whatever loop or client asks.

A launcher makes a ``Link``: a socket to a new worker and the power to end it. The fork server does so on Linux and
macOS, ``spawned`` anywhere else. Idle workers of a pool that closes are parked here for the next one, so that a script
with a hundred ``asyncio.run`` pays for one set of workers.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Protocol

from quantumjobs.workers.ending import Ending, WorkersUnavailable
from quantumjobs.workers.surroundings import cores

__all__ = ["Launcher", "Link", "hook", "launcher", "on_fork", "park", "unpark"]

_FORCE = "QUANTUMJOBS_WORKERS"  # "fork" or "spawn", for tests and for platforms where the default misbehaves


class Link(Protocol):
    """One worker, seen from here."""

    sock: socket.socket
    pid: int  # as the worker said in its hello; 0 before

    def kill(self) -> None:
        """End the worker now, also in the middle of compiled code. Its socket then reads as closed."""

    def ending(self) -> Ending | None:
        """Tell how the worker ended; None while that is not known yet. Ask after its socket has closed."""

    def idle(self, parked: bool) -> None:
        """Note that nobody uses the worker, or somebody does again."""

    def close(self) -> None:
        """Give the worker up: its sockets are closed here, and it ends."""


class Launcher(Protocol):
    async def start(self) -> Link:
        """Start a worker, which says hello on its socket when it is ready; that may be seconds after this returns."""
        ...

    def close(self) -> None:
        """End every worker, and wait (not for long) until they are gone."""

    def forget(self) -> None:
        """After a fork, in the child: close descriptors, touch no process."""


_lock = threading.RLock()
_launcher: Launcher | None = None
_parked: list[Link] = []
_fork_hooks: list[Callable[[], None]] = []
_exiting = False
_hooked = False


def launcher() -> Launcher:
    """Give this process's launcher. Starts nothing."""
    global _launcher
    with _lock:
        if _exiting:
            raise WorkersUnavailable("the interpreter is shutting down")
        if _launcher is None:
            _launcher = _make()
            hook()
        return _launcher


def park(link: Link) -> None:
    """Keep an idle worker for the next pool, or let it go when there are enough."""
    with _lock:
        enough = _exiting or len(_parked) >= cores()
        if not enough:
            link.idle(parked=True)
            _parked.append(link)
    if enough:
        link.close()


def unpark() -> Link | None:
    """Take a parked worker that is still alive."""
    while True:
        with _lock:
            if not _parked:
                return None
            link = _parked.pop()
        try:
            link.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:  # it is there, and silent as an idle worker is
            link.idle(parked=False)
            return link
        except OSError:
            pass
        link.close()


def on_fork(hook: Callable[[], None]) -> None:
    """Run ``hook`` in the child after each fork of this process."""
    _fork_hooks.append(hook)


def _make() -> Launcher:
    if not sys.executable:
        raise WorkersUnavailable("workers need a Python interpreter to run, and sys.executable is empty")
    wanted = os.environ.get(_FORCE) or ("fork" if sys.platform != "win32" else "spawn")
    if wanted == "fork":
        from quantumjobs.workers.forkserver import ForkServer

        return ForkServer()
    from quantumjobs.workers.spawned import Spawner

    return Spawner()


def hook() -> None:
    """Be there when the process exits or forks. Exit handlers registered after this run while workers still live."""
    global _hooked
    if _hooked:
        return
    _hooked = True
    # Twice: a Ctrl-C that came just before ends a callback at its first instruction.
    atexit.register(_at_exit)
    atexit.register(_at_exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)


def _at_exit() -> None:
    try:
        _end()
    except KeyboardInterrupt:  # the last one that can come; Python would only print it here
        _end()


def _end() -> None:
    global _exiting
    # Nobody is left to handle an impatient Ctrl-C, and this is bounded. (A mask would not do: other threads have none.)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    with _lock:
        _exiting = True
        parked, _parked[:] = list(_parked), []
        current = _launcher
    for link in parked:
        link.close()
    if current is not None:
        current.close()


def _after_fork() -> None:
    """Forget the parent's workers: the child must neither use them nor keep them alive."""
    global _lock, _launcher
    _lock = threading.RLock()  # another thread may have held it
    for link in _parked:
        with contextlib.suppress(OSError):
            link.sock.close()
    _parked.clear()
    for forget in _fork_hooks:
        forget()
    if _launcher is not None:
        _launcher.forget()
        _launcher = None
