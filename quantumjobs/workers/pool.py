"""The pool of one event loop: ``await pool.run("package.module:function", body)`` runs it in a worker process.

Light calls share a few warm workers, several per write, so that a call costs microseconds here. A light call that
turns out long keeps its process and loses its place: the calls behind it move to other workers. A heavy call has a
process of its own, which ends with it and so gives all of its memory back. Cancelling the awaiting task ends the work.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from quantumjobs.workers import launch
from quantumjobs.workers.backlog import Budget, Pending, physical_memory
from quantumjobs.workers.crew import Crew
from quantumjobs.workers.ending import PoolClosed
from quantumjobs.workers.envelope import Report
from quantumjobs.workers.surroundings import cores as available_cores

__all__ = ["WorkerPool"]

_pools: dict[asyncio.AbstractEventLoop, WorkerPool] = {}
_pools_lock = threading.Lock()


class WorkerPool:
    """Belongs to the loop it was made in. Get the shared one by ``of_loop``, and give it back by ``aclose``."""

    def __init__(self, *, cores: int | None = None, memory: int | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        cores = cores or available_cores()
        budget = Budget(memory if memory is not None else physical_memory() * 3 // 4)
        self._crew = Crew(cores, budget)
        # So little that all processes together cannot exceed the budget by much: not worth the accounting.
        self._small = budget.total // (16 * cores)
        self._users = 1
        self._numbers = itertools.count()

    @classmethod
    def of_loop(cls) -> WorkerPool:
        """Give the running loop's pool and count one more user of it."""
        loop = asyncio.get_running_loop()
        with _pools_lock:
            for other in [other for other in _pools if other.is_closed()]:
                _pools.pop(other)._crew.abandon()
            pool = _pools.get(loop)
            if pool is None or pool._crew.closed:
                pool = _pools[loop] = cls()
            else:
                pool._users += 1
        return pool

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Give the pool back. The last user's leaving ends what runs and fails what waits with ``PoolClosed``."""
        self._users -= 1
        if self._users > 0 or self._crew.closed:
            return
        with _pools_lock:
            if _pools.get(self._loop) is self:
                del _pools[self._loop]
        await self._crew.close()

    async def run(
        self,
        function: str,
        body: bytes,
        *,
        report: Report | None = None,
        heavy: bool = False,
        memory: int = 0,
        started: Callable[[], None] | None = None,
        rank: int = 0,
    ) -> bytes:
        """Run ``function(body)`` in a worker and give its bytes. Cancelling this ends the work.

        Raises ``UsageError`` or ``WorkerError`` for what the function raised, ``WorkerDied`` when its process ended,
        ``WorkersUnavailable`` when none can be started. ``memory`` is what the call needs at its peak: it waits until
        that is free. ``report`` and ``started`` are called in the loop; after the loss of a fork server, when the call
        begins anew, ``report`` may start over. Of the waiting calls those with the lowest ``rank`` are served first; a
        heavy one below 0 does not wait for a core, either.
        """
        if self._crew.closed:
            raise PoolClosed("the worker pool is closed")
        function.encode()  # what cannot be sent fails here, in the caller's hands
        if not isinstance(body, bytes):
            raise TypeError(f"a worker's function takes bytes, not {type(body).__name__}")
        call = Pending(function, body, self._loop.create_future(), (rank, next(self._numbers)))
        call.report, call.started = report, started
        if memory > self._small:
            call.memory, call.heavy = memory, True  # what is large gets a process that ends, and gives it back
        else:
            call.heavy = heavy
        self._crew.add(call)
        try:
            return await call.future
        except asyncio.CancelledError:
            self._crew.cancel(call)
            raise

    def warm(self) -> None:
        """Start one worker now, so that the first call does not wait for imports. Returns at once."""
        if not self._crew.closed:
            self._crew.warm()


def _after_fork() -> None:
    """In a forked child: the parent's loops do not run here, and neither do their pools."""
    global _pools_lock
    _pools_lock = threading.Lock()
    for pool in _pools.values():
        pool._crew.closed = True
    _pools.clear()


launch.on_fork(_after_fork)
