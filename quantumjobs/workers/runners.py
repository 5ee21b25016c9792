"""Where simulations run: in our own worker processes, or wherever a plug-in's runner takes them.

A runner runs one payload at a time per call; being cancelled, it ends the work (an executor: as far as it can). Where
the process that ran it died, it raises `Died`: running it again is free and gives the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from quantumjobs.workers.backlog import physical_memory
from quantumjobs.workers.ending import PoolClosed, WorkerDied
from quantumjobs.workers.pool import WorkerPool
from quantumjobs.workers.surroundings import cores


class Died(Exception):  # it says what happened, and never leaves the adapter
    """The process that ran the simulation is gone, and with it what it had."""


class Runner(Protocol):
    """Runs the function of a kind of simulation."""

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
    """Our own worker processes: those of the loop, or a set of its own where their number or memory is given.

    `function` is what runs there, as "package.module:name".
    """

    def __init__(self, function: str, workers: int | None = None, memory: int | None = None) -> None:
        self._function = function
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
            return await self._pool.run(
                self._function, payload, report=report, started=started, heavy=heavy, memory=memory
            )
        except (WorkerDied, PoolClosed) as error:
            raise Died(str(error)) from error

    async def aclose(self) -> None:
        await self._pool.aclose()
