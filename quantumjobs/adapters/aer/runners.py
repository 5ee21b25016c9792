"""Simulations in an executor that the user brings."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable
from concurrent.futures import Executor

from quantumjobs.workers import envelope
from quantumjobs.workers.aer import SIMULATE
from quantumjobs.workers.backlog import physical_memory
from quantumjobs.workers.runners import Died
from quantumjobs.workers.surroundings import cores

_LOOK = 0.1  # seconds between two looks whether an executor has begun
_DEAD_WORKER = frozenset({"KilledWorker", "TerminatedWorkerError", "BrokenProcessPool", "WorkerCrashedError"})


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
