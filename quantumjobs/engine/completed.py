"""Jobs in the order in which they end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from quantumjobs.engine.job import Job
from quantumjobs.engine.waiters import wake

if TYPE_CHECKING:
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.showing import GroupBar


class as_completed:  # noqa: N801 - named and used like asyncio's function
    """Yields each job once it is over: ended with its result at hand, or stuck. `await job.result()` is then at once.

    Any mix of providers; `add(job)` takes another one at any time while iterating. A job given twice is yielded once.
    Several readers may share one. `progress` draws one bar for all; without it, the first job's client decides.

        jobs = as_completed(started)
        async for job in jobs:
            if not good_enough(await job.result()):
                jobs.add(await backend.run(next_circuit()))
    """

    def __init__(self, jobs: Iterable[Job] = (), *, progress: bool | None = None) -> None:
        self._over: deque[Job] = deque()
        self._open: set[Job] = set()
        self._taken = 0
        self._left: Exception | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._progress = progress
        self._bar: GroupBar | None = None
        for job in jobs:
            self.add(job)

    def __len__(self) -> int:
        """Jobs not yielded yet."""
        return len(self._open) + len(self._over)

    def __repr__(self) -> str:
        return f"<as_completed {len(self._open)} open, {len(self._over)} over, {self._taken} yielded>"

    def __del__(self) -> None:
        self._close_bar()

    def add(self, job: Job) -> None:
        """Take one more job."""
        if job not in self._open and job not in self._over:
            self._open.add(job)
            job._engine.followers.add(self)
            job.add_done_callback(self._ended)
            self._tell()

    def _ended(self, job: Job) -> None:
        if job in self._open:
            self._open.discard(job)
            self._over.append(job)
            wake(self._waiters)
            self._tell()

    def _on_close(self, engine: Engine, error: Exception) -> None:
        """The client of some jobs was closed: the wait for these ends, and is told so once."""
        lost = {job for job in self._open if job._engine is engine}
        if lost:
            self._open -= lost
            self._left = error
            wake(self._waiters)

    def __aiter__(self) -> as_completed:
        return self

    async def __anext__(self) -> Job:
        while not self._over:
            if self._left is not None:
                error, self._left = self._left, None
                self._close_bar()
                raise error
            if not self._open:
                self._close_bar()
                raise StopAsyncIteration
            self._open_bar()
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                self._close_bar()  # it belongs to the wait; the next one opens another
                raise
            finally:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        self._taken += 1
        return self._over.popleft()

    async def aclose(self) -> None:
        """Forget the jobs that are not over; they go on."""
        for job in self._open:
            job.remove_done_callback(self._ended)
        self._open.clear()
        self._close_bar()
        wake(self._waiters)

    # --- the bar ----------------------------------------------------------------------------
    def _open_bar(self) -> None:
        if self._bar is not None or self._progress is False:
            return
        progress = next(iter(self._open))._engine.progress
        if self._progress or progress.always:
            self._bar = progress.show().group("jobs")
            self._tell()

    def _tell(self) -> None:
        if self._bar is not None:
            over = self._taken + len(self._over)
            self._bar.update(over, over + len(self._open))

    def _close_bar(self) -> None:
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.close()
