"""One event loop in a background thread, behind every blocking client of this process.

The thread is started by the first client and ends with the program. It is a daemon: an exit handler closes the clients
that are still open, within `EXIT_PATIENCE`. A forked child has no such thread; there the old portal is lost, and the
next client gets a new one.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import selectors
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from quantumjobs.errors import QuantumJobsError, UsageError
from quantumjobs.workers import launch

if sys.platform == "win32":
    from asyncio import ProactorEventLoop as AsyncioLoop
else:
    from asyncio import SelectorEventLoop as AsyncioLoop

if TYPE_CHECKING:
    from quantumjobs.client.client import Client

T = TypeVar("T")
log = logging.getLogger("quantumjobs")

EXIT_PATIENCE = 5.0
"""Seconds that the end of the program waits for clients to close."""

_FORKED = "it was made before this process was forked: make a new Client here, and find its jobs by their ids"
_EXITING = "the program is ending"


class _Loop(AsyncioLoop):  # pyright: ignore[reportGeneralTypeIssues]  # it looks at both platforms at once
    """asyncio's own loop, whatever policy the program has set for its loops."""

    abandoned = False

    def abandon(self) -> None:
        """In a forked child: let go of the parent's loop without touching what is shared with it."""
        self.abandoned = True
        if sys.platform != "win32":
            # The child's descriptor is closed, not emptied: what is taken out of it is taken from the parent's too.
            selector: selectors.BaseSelector = getattr(self, "_selector")  # noqa: B009 - asyncio's own, not in its types
            selector.close()
            self._selector = selectors.SelectSelector()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.abandoned:  # the parent's tasks are pending there, not lost here
            super().call_exception_handler(context)

    def __del__(self) -> None:
        if not self.abandoned:
            super().__del__()


class Portal:
    """The loop and its thread. `lost` says why it cannot be used any more."""

    def __init__(self) -> None:
        self.loop = _Loop()
        self.lost: str | None = None
        self._ending = False
        self.clients: set[Client] = set()
        self._thread = threading.Thread(target=self.loop.run_forever, name="quantumjobs", daemon=True)
        self._thread.start()
        self._callbacks: SimpleQueue[Callable[[], object] | None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run it in the loop. Raises `UsageError` where waiting for it could never end."""
        if self.lost is not None or threading.get_ident() == self._thread.ident:
            coroutine.close()
            self.check()
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it in the loop and wait for it. What ends the wait early (Ctrl-C) cancels the coroutine."""
        future = self.start(coroutine)
        try:
            return self.wait(future)
        finally:
            future.cancel()  # does nothing to one that is done
            del future  # an error holds this frame, which must not hold the error

    def wait(self, future: Future[T], timeout: float | None = None) -> T:
        """Its result. A wait that ends because the program does, in a daemon thread, ends that thread with it."""
        try:
            return future.result(timeout)
        except (QuantumJobsError, CancelledError):
            if self._ending and threading.current_thread() is not threading.main_thread():
                raise SystemExit from None  # nobody is left to be told
            raise

    def check(self) -> None:
        """Raises `UsageError` where a blocking call cannot be made."""
        if self.lost is not None:
            raise UsageError(f"this cannot be used here: {self.lost}")
        if threading.get_ident() == self._thread.ident:
            raise UsageError(
                "a blocking call from quantumjobs' own event loop would wait for itself for ever: "
                "this code runs inside the engine (an adapter, a policy), where calls are awaited"
            )

    def post(self, coroutine: Coroutine[Any, Any, object]) -> None:
        """Run it in the loop some time, and wait for nothing. Safe anywhere, also while garbage is collected."""
        if self.lost is not None or self.loop.is_closed():
            coroutine.close()
            return
        self.loop.call_soon_threadsafe(self._begin, coroutine)

    def _begin(self, coroutine: Coroutine[Any, Any, object]) -> None:
        task = self.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def leave(self, client: Client) -> None:
        """Close a client that nobody holds any more."""
        self.clients.discard(client)
        if client._engine is not None:
            self.post(client.aclose())

    # --- callbacks --------------------------------------------------------------------------
    def callback(self, function: Callable[[], object]) -> None:
        """Call it in the thread that all callbacks share, where it may block. Called in the loop."""
        if self._callbacks is None:
            self._callbacks = SimpleQueue()
            threading.Thread(
                target=_call_all, args=(self._callbacks,), name="quantumjobs callbacks", daemon=True
            ).start()
        self._callbacks.put(function)

    # --- the end ----------------------------------------------------------------------------
    def end(self) -> None:
        """Close all clients and stop; never longer than `EXIT_PATIENCE`, whatever hangs."""
        if self.lost is not None or not self._thread.is_alive():
            return
        self._ending = True
        closing = self.start(self._close_all())
        try:
            closing.result(EXIT_PATIENCE)
        except TimeoutError:
            log.warning("a client took longer than %s s to close; the program ends without it", EXIT_PATIENCE)
        finally:
            self.lost = _EXITING
            if self._callbacks is not None:
                self._callbacks.put(None)
            self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(1.0)
        if not self._thread.is_alive():
            self.loop.close()

    async def _close_all(self) -> None:
        for outcome in await asyncio.gather(*(client.aclose() for client in self.clients), return_exceptions=True):
            if isinstance(outcome, Exception):
                log.error("while the program ends: %s", outcome, exc_info=outcome)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.loop.shutdown_asyncgens()

    def forget(self) -> None:
        """In a forked child: the thread is not here."""
        self.lost = _FORKED
        self.loop.abandon()


def _call_all(queue: SimpleQueue[Callable[[], object] | None]) -> None:
    while (function := queue.get()) is not None:
        try:
            function()
        except Exception:
            log.exception("a done callback failed")


# --- the one of this process --------------------------------------------------------------
_lock = threading.Lock()
_portal: Portal | None = None
_relics: list[Portal] = []  # never collected: what the parent's tasks would do when they are is not for the child to do
_hooked = False


def portal() -> Portal:
    """The process's portal, made at its first use."""
    global _portal
    with _lock:
        if _portal is None or _portal.lost is not None:
            _hook()
            _portal = Portal()
        return _portal


def _hook() -> None:
    global _hooked
    if _hooked:
        return
    _hooked = True
    launch.hook()  # exit handlers run last in, first out: clients are closed before the workers are ended
    atexit.register(_at_exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_after_fork)


def _at_exit() -> None:
    if _portal is not None:
        try:
            _portal.end()
        except KeyboardInterrupt:  # impatient: what is left ends with the process
            log.debug("interrupted while closing")


def _after_fork() -> None:
    global _lock, _portal
    _lock = threading.Lock()  # another thread may have held it
    if _portal is not None:
        _portal.forget()
        _relics.append(_portal)
        _portal = None
