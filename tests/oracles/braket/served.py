"""Serves an emulator whose settings are a JSON object, in a process of its own, and tells where; up to its end.

`spread`: each task waits a tenth of so many seconds longer than the one before, up to nine tenths: who looks at fixed
times is then neither lucky nor unlucky. `GET /_emulator/stats` has two members more: `refused`, the requests that were too
many, by operation, and `ended`, when each task did, in seconds since the epoch, by its ARN.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections import Counter
from typing import Any

from quantumjobs.testing.emulators import BraketEmulator, serve
from quantumjobs.testing.emulators.braket_limits import Limits
from quantumjobs.testing.emulators.braket_refusals import Refusal
from quantumjobs.testing.emulators.braket_tasks import BraketTask
from quantumjobs.testing.emulators.jobs import Job


class Counted(Limits):
    """Remembers what it refused."""

    def __init__(self, quotas: Any) -> None:
        super().__init__(quotas)
        self.refused = Counter[str]()

    def take(self, operation: str, now: float, *, shared: bool = True) -> None:
        try:
            super().take(operation, now, shared=shared)
        except Refusal:
            self.refused[operation] += 1
            raise


class Watched(BraketEmulator):
    """See the module."""

    def __init__(self, *, spread: float = 0.0, **given: Any) -> None:
        super().__init__(**given)
        self.limits = self.counted = Counted(self.limits.quotas)
        accept, later = self.queue.accept, itertools.cycle([spread * tenth / 10 for tenth in range(10)])

        def accepted(job: Job) -> Job:
            accept(job)
            job.accepted += next(later)  # from where its time in the queue counts
            return job

        self.queue.accept = accepted

    @property
    def stats(self) -> dict[str, Any]:
        ended = {job.id: job.ended_at for job in self.jobs.values() if isinstance(job, BraketTask)}
        return {**super().stats, "refused": dict(self.counted.refused), "ended": ended}


async def main() -> None:
    async with serve(Watched(**json.loads(sys.argv[1]))) as url:
        print(url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
