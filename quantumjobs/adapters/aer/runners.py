"""Where simulations run: in our own worker processes, or in an executor the user brings.

A runner runs one payload at a time per call; being cancelled, it ends the work (an executor: as far as it can). Where
the process that ran it died, it raises `Died`: running it again is free and gives the same.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol

from quantumjobs.workers import envelope
from quantumjobs.workers.aer import SIMULATE
from quantumjobs.workers.backlog import physical_memory
from quantumjobs.workers.ending import PoolClosed, WorkerDied
from quantumjobs.workers.pool import WorkerPool
from quantumjobs.workers.surroundings import cores

_LOOK = 0.1  # seconds between two looks whether an executor has begun
_DEAD_WORKER = frozenset({"KilledWorker", "TerminatedWorkerError", "BrokenProcessPool", "WorkerCrashedError"})


class Died(Exception):  # it says what happened, and never leaves the adapter
    """The process that ran the simulation is gone, and with it what it had."""


class Runner(Protocol):
    """Runs the simulation function."""

    cores: int
    memory: int

    async def run(
        self,
        payload: bytes,
        *,
        report: Callable[[bytes], None],
        started: Callable[[], None],
        heavy: bool,
        memory: int,
    ) -> bytes:
        """Raises `Died`, `UsageError`, `WorkerError`, `WorkersUnavailable`."""
        ...

    async def aclose(self) -> None: ...


class PoolRunner:
    """Our own worker processes: those of the loop, or a set of its own where their number or memory is given."""

    def __init__(self, workers: int | None, memory: int | None) -> None:
        own = workers is not None or memory is not None
        self._pool = WorkerPool(cores=workers, memory=memory) if own else WorkerPool.of_loop()
        self.cores = workers or cores()
        self.memory = memory if memory is not None else physical_memory() * 3 // 4

    async def run(
        self,
        payload: bytes,
        *,
        report: Callable[[bytes], None],
        started: Callable[[], None],
        heavy: bool,
        memory: int,
    ) -> bytes:
        try:
            return await self._pool.run(SIMULATE, payload, report=report, started=started, heavy=heavy, memory=memory)
        except (WorkerDied, PoolClosed) as error:
            raise Died(str(error)) from error

    async def aclose(self) -> None:
        await self._pool.aclose()


class ExecutorRunner:
    """Any `concurrent.futures.Executor`: bytes in, bytes out, no progress, and cancelling only what has not begun."""

    def __init__(self, executor: Executor | Callable[[], Executor], workers: int | None, memory: int | None) -> None:
        self._ours = isinstance(executor, type) or not hasattr(executor, "submit")
        self._make: Callable[[], Executor] = executor if self._ours else lambda: executor  # type: ignore[assignment,return-value]
        self._executor: Executor | None = None
        self.cores = workers or cores()
        self.memory = memory if memory is not None else physical_memory() * 3 // 4

    async def run(
        self,
        payload: bytes,
        *,
        report: Callable[[bytes], None],  # noqa: ARG002 - bytes go in and come out, nothing between
        started: Callable[[], None],
        heavy: bool,  # noqa: ARG002 - an executor has no say in it
        memory: int,  # noqa: ARG002 - as above
    ) -> bytes:
        if self._executor is None:
            self._executor = self._make()
        executor = self._executor
        try:
            future = executor.submit(envelope.run_blob, envelope.pack(SIMULATE, payload))
        except (concurrent.futures.BrokenExecutor, RuntimeError) as error:  # broken, or shut down
            self._drop(executor)
            raise Died(f"the executor takes no work: {type(error).__name__}: {error}") from error
        waiting = asyncio.wrap_future(future)
        try:
            told = False
            while not told and not (await asyncio.wait({waiting}, timeout=_LOOK))[0]:
                if future.running():
                    started()
                    told = True
            returned = await waiting
        except asyncio.CancelledError:
            if not future.cancelled() or _being_cancelled():
                waiting.cancel()  # and with it the call, if it has not begun
                raise
            self._drop(executor)
            raise Died("the executor dropped the call") from None
        except Exception as error:
            if not isinstance(error, concurrent.futures.BrokenExecutor) and type(error).__name__ not in _DEAD_WORKER:
                raise
            self._drop(executor)
            raise Died(f"the executor broke: {type(error).__name__}: {error}") from error
        return envelope.unpack(returned)

    async def aclose(self) -> None:
        if self._executor is not None:
            self._drop(self._executor)

    def _drop(self, executor: Executor) -> None:
        if self._executor is executor:
            self._executor = None
            if self._ours:
                executor.shutdown(wait=False, cancel_futures=True)


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
