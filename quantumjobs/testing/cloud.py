"""A quantum cloud that exists only in the clock: jobs whose state follows from the time and from what was asked."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from math import inf

from quantumjobs.core.states import JobState

S = JobState
Plan = float | Callable[[int], float]
"""Seconds, for all jobs or by the job's index (in the order of their making)."""
Ending = str | Callable[[int], str]
"""How jobs end: "completed", "failed" or "cancelled", for all jobs or by index."""


def planned(plan: Plan, index: int) -> float:
    """Seconds for the job of that index."""
    return plan(index) if callable(plan) else plan


class RemoteJob:
    """One job as the cloud knows it. Times are seconds since the epoch, on the cloud's clock."""

    __slots__ = (
        "backend", "cancelled_at", "created", "ending", "ends", "id", "index", "payload", "starts", "token", "vanishes",
    )  # fmt: skip

    def __init__(self, id: str, index: int, *, token: str, backend: str, payload: bytes, created: float) -> None:
        self.id = id
        self.index = index
        self.token = token
        self.backend = backend
        self.payload = payload
        self.created = created
        self.starts = created
        self.ends = created
        self.vanishes = inf
        self.cancelled_at = inf
        self.ending = S.COMPLETED

    def state_at(self, now: float) -> JobState | None:
        """Where the job is at that time; None once it has vanished."""
        if now >= self.vanishes:
            return None
        if now >= self.ends:
            return self.ending
        if now >= self.cancelled_at:
            return S.CANCELLING
        return S.RUNNING if now >= self.starts else S.QUEUED

    @property
    def over(self) -> float:
        """When it stops being in flight."""
        return min(self.ends, self.vanishes)

    def __repr__(self) -> str:
        return f"<RemoteJob {self.id} of {self.token}: {self.starts - self.created:g} s queued, then {self.ending}>"


class Cloud:
    """The jobs of one cloud, over all connections to it."""

    def __init__(
        self,
        *,
        queued: Plan = 0.0,
        running: Plan = 0.0,
        ending: Ending = "completed",
        vanish_after: Plan = inf,
        cancelling: float = 1.0,
        cancelled: JobState = S.CANCELLED,
    ) -> None:
        self.queued = queued
        self.running = running
        self.ending = ending
        self.vanish_after = vanish_after
        self.cancelling = cancelling
        self.cancelled = cancelled
        self.jobs: dict[str, RemoteJob] = {}
        self.made: dict[str, list[str]] = {}
        """Token -> remote ids: more than one means that something ran twice."""
        self.max_in_flight = 0
        self._in_flight = 0
        self._ends: list[tuple[float, str]] = []  # a moved end leaves its old entry behind

    def make(self, *, token: str, backend: str, payload: bytes, now: float) -> RemoteJob:
        """A new job."""
        index = len(self.jobs)
        job = RemoteJob(f"remote-{index}", index, token=token, backend=backend, payload=payload, created=now)
        job.starts = now + planned(self.queued, index)
        job.ends = job.starts + planned(self.running, index)
        job.vanishes = now + planned(self.vanish_after, index)
        job.ending = S(self.ending(index) if callable(self.ending) else self.ending)
        self.jobs[job.id] = job
        self.made.setdefault(token, []).append(job.id)
        heapq.heappush(self._ends, (job.over, job.id))
        self._in_flight = self.in_flight(now) + 1
        self.max_in_flight = max(self.max_in_flight, self._in_flight)
        return job

    def in_flight(self, now: float) -> int:
        """Jobs that have not ended."""
        while self._ends and self._ends[0][0] <= now:
            over, job_id = heapq.heappop(self._ends)
            self._in_flight -= over == self.jobs[job_id].over
        return self._in_flight

    def cancel(self, job: RemoteJob, now: float, *, at_once: bool) -> None:
        """Stop a job that has not ended."""
        before = job.over
        job.cancelled_at = now
        job.ends = now if at_once else min(job.ends, now + self.cancelling)
        job.ending = self.cancelled
        if job.over != before:
            heapq.heappush(self._ends, (job.over, job.id))

    def vanish(self, job: RemoteJob, now: float) -> None:
        """Forget a job."""
        before = job.over
        job.vanishes = min(job.vanishes, now)
        if job.over != before:
            heapq.heappush(self._ends, (job.over, job.id))
