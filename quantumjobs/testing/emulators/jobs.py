"""The queue of an emulated cloud: jobs wait, run circuit by circuit, and are remembered."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from quantumjobs.core.states import JobState
from quantumjobs.errors import UsageError


class Job:
    """One job as the cloud has it. `circuits` and `about` are the emulator's own; `parts` are what has been run."""

    def __init__(self, circuits: list[Any], about: Any = None, *, fails: str | None = None) -> None:
        self.id = str(uuid4())
        self.circuits = circuits
        self.about = about
        self.fails = fails
        """The message with which it is to fail; None for a job that runs."""
        self.state = JobState.QUEUED
        self.parts: list[bytes] = []
        self.message = ""
        self.stops = False
        """Cancelled while it ran: it stops after the circuit it is at."""
        self.accepted = 0.0
        self.ended = asyncio.Event()
        """Set when nothing will change again."""

    def __repr__(self) -> str:
        return f"<Job {self.id} {self.state} {len(self.parts)}/{len(self.circuits)}>"

    @property
    def is_over(self) -> bool:
        """Nothing will change again."""
        return self.state.is_terminal

    def begin(self) -> None:
        """It runs from here on."""
        self.state = JobState.RUNNING

    def end(self, state: JobState, message: str = "") -> None:
        """Nothing will change again; whoever waits for that is told."""
        self.state, self.message = state, message
        self.ended.set()


Run = Callable[[Job, int], Awaitable[bytes]]


class JobQueue:
    """Runs its jobs in their order, `parallel` at a time, each `queue` seconds after its acceptance or later."""

    def __init__(self, run: Run, *, parallel: int = 1, queue: float = 0.0, duration: float = 0.0, limit: int) -> None:
        if parallel < 1 or queue < 0 or duration < 0:
            raise UsageError("parallel is 1 or more; queue and duration are no less than 0 seconds")
        self.jobs: dict[str, Job] = {}
        """By id, in the order of acceptance."""
        self.queue = queue
        self.duration = duration
        self.instant: Callable[[Job, int], bytes] | None = None
        """Gives outcomes without running anything: where nothing takes time, a job is over when it is accepted."""
        self._run = run
        self._parallel = parallel
        self._limit = limit
        self._waiting: deque[Job] = deque()
        self._next: list[Job] = []
        """Taken out of `_waiting`, and not over yet."""
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._runners: list[asyncio.Task[None]] = []

    @property
    def is_full(self) -> bool:
        """Nothing is forgotten, so there is a bound."""
        return len(self.jobs) >= self._limit

    def accept(self, job: Job) -> Job:
        """From here on the job exists."""
        self.jobs[job.id] = job
        if self.instant is not None and not (self.queue or self.duration or job.fails):
            job.parts = [self.instant(job, place) for place in range(len(job.circuits))]
            job.end(JobState.COMPLETED)
            return job
        job.accepted = asyncio.get_running_loop().time()
        self._waiting.append(job)
        self._news.set()
        return job

    def cancel(self, job: Job) -> None:
        """A waiting job never starts; a running one stops after the circuit it is at; one that is over stays."""
        if job.state is JobState.QUEUED:
            job.end(JobState.CANCELLED)
        elif not job.is_over:
            job.stops = True

    def interrupt(self, job: Job) -> None:
        """A waiting job never starts; a running one is over at once, whatever it is at; one that is over stays."""
        if not job.is_over:
            job.end(JobState.CANCELLED)
            if (task := self._under_way.get(job.id)) is not None:
                task.cancel()

    def forget(self, job: Job) -> None:
        """Interrupt it, and know nothing of it any more."""
        self.interrupt(job)
        self.jobs.pop(job.id, None)

    def ahead(self, job: Job | None = None) -> int:
        """How many jobs wait that will start before this one; without one: how many wait."""
        number = 0
        for one in itertools.chain(self._next, self._waiting):
            if one is job:
                break
            number += one.state is JobState.QUEUED
        return number

    def start(self) -> None:
        """Run in the current loop, up to `stop`. What was under way when the queue was stopped begins anew."""
        self._news = asyncio.Event()
        self._waiting = deque(job for job in self.jobs.values() if not job.is_over)
        for job in self._waiting:
            job.state, job.parts = JobState.QUEUED, []
            job.ended = asyncio.Event()  # those who waited in another loop are gone
        self._next = []
        self._runners = [asyncio.create_task(self._work()) for _ in range(self._parallel)]

    async def stop(self) -> None:
        """End what runs."""
        for runner in self._runners:
            runner.cancel()
        await asyncio.gather(*self._runners, return_exceptions=True)
        self._runners = []

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while not self._waiting:
                self._news.clear()
                await self._news.wait()
            job = self._waiting.popleft()
            self._next.append(job)
            await asyncio.sleep(max(0.0, job.accepted + self.queue - loop.time()))
            if job.state is JobState.QUEUED:  # not cancelled meanwhile
                await self._follow(job)
            self._next.remove(job)

    async def _follow(self, job: Job) -> None:
        """Carry it out in a task of its own, so that it can be interrupted and its runner goes on."""
        task = asyncio.create_task(self._carry_out(job))
        self._under_way[job.id] = task
        try:
            await asyncio.wait([task])
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            del self._under_way[job.id]

    async def _carry_out(self, job: Job) -> None:
        job.begin()
        for place in range(len(job.circuits)):
            if self.duration:
                await asyncio.sleep(self.duration)
            try:
                if job.fails is not None:
                    raise UsageError(job.fails)
                part = self.instant(job, place) if self.instant is not None else await self._run(job, place)
            except Exception as error:  # whatever becomes of one job, the next ones run
                job.end(JobState.FAILED, str(error) or type(error).__name__)
                return
            job.parts.append(part)
            if job.stops and len(job.parts) < len(job.circuits):
                job.end(JobState.CANCELLED)
                return
        job.end(JobState.COMPLETED)
