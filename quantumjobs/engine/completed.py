"""Jobs in the order in which they end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from quantumjobs.engine.job import Job


class as_completed:  # noqa: N801 - named and used like asyncio's function
    """Yields each job once it is over: ended with its result at hand, or stuck. `await job.result()` is then at once.

    Any mix of providers; `add(job)` takes another one at any time while iterating. A job given twice is yielded once.

        jobs = as_completed(started)
        async for job in jobs:
            if not good_enough(await job):
                jobs.add(await backend.run(next_circuit()))
    """

    def __init__(self, jobs: Iterable[Job] = ()) -> None:
        self._over: deque[Job] = deque()
        self._open: set[Job] = set()
        self._waiter: asyncio.Future[None] | None = None
        for job in jobs:
            self.add(job)

    def __len__(self) -> int:
        """Jobs not yielded yet."""
        return len(self._open) + len(self._over)

    def add(self, job: Job) -> None:
        """Take one more job."""
        if job not in self._open and job not in self._over:
            self._open.add(job)
            job.add_done_callback(self._ended)

    def _ended(self, job: Job) -> None:
        if job in self._open:
            self._open.discard(job)
            self._over.append(job)
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_result(None)

    def __aiter__(self) -> as_completed:
        return self

    async def __anext__(self) -> Job:
        while not self._over:
            if not self._open:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._over.popleft()

    async def aclose(self) -> None:
        """Forget the jobs that are not over; they go on."""
        for job in self._open:
            job.remove_done_callback(self._ended)
        self._open.clear()
