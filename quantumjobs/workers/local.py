"""The I/O half of simulations on this machine: hands parts to workers, and pushes what becomes of them.

A job is known here from its submit to its end, and a little longer: the last answers are kept within narrow bounds,
for a look that comes late. An id that is not known is gone, and the engine runs it again with the same seed.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import msgspec
from msgspec import Struct

from quantumjobs.abc import Accepted, Answer, CancelReply, Gone, Remote, Report, Sending, Status
from quantumjobs.core.records import Progress
from quantumjobs.core.states import JobState
from quantumjobs.errors import QuantumJobsError
from quantumjobs.workers.runners import Died, Runner

_SHORT = 0.025  # a job that ends within this time after its start is not worth the news that it runs
_PUSHES = 0.05  # seconds between two pushes of one job's progress
_LEAVING = 2.0  # seconds that ending the last simulations may take
_KEPT = 1024  # answers that were pushed already
_KEPT_BYTES = 32 << 20
_CANCELLED = Status(state=JobState.CANCELLED, raw_status="cancelled")


class Details(Struct, frozen=True, kw_only=True):
    """What the adapter must know of a part besides its payload."""

    circuits: int = 1
    heavy: bool = False
    memory: int = 0
    time_limit: float = 0.0

    @classmethod
    def read(cls, details: Mapping[str, str]) -> Self:
        """From a part's details."""
        return msgspec.convert(dict(details), cls, strict=False)

    def write(self) -> dict[str, str]:
        """Only what differs from the defaults."""
        facts: dict[str, Any] = {"circuits": self.circuits, "heavy": int(self.heavy), "memory": self.memory}
        facts["time_limit"] = self.time_limit
        return {name: str(value) for name, value in facts.items() if value != getattr(_DEFAULTS, name)}


_DEFAULTS = Details()


class _Job:
    """One simulation under way."""

    def __init__(self, remote_id: str, details: Details) -> None:
        self.id = remote_id
        self.details = details
        self.task: asyncio.Task[None] | None = None
        self.status = Status(state=JobState.QUEUED, raw_status="queued")
        self.news: asyncio.TimerHandle | None = None
        self.limit: asyncio.TimerHandle | None = None
        self.expired = False

    def stop_timers(self) -> None:
        for timer in (self.news, self.limit):
            if timer is not None:
                timer.cancel()


class LocalAdapter(ABC):
    """One runner's jobs."""

    def __init__(self, runner: Runner, report: Report) -> None:
        self._runner = runner
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._jobs: dict[str, _Job] = {}
        self._ended: dict[str, Status] = {}  # oldest first
        self._ended_bytes = 0

    # --- the contract -----------------------------------------------------------------------
    @abstractmethod
    async def describe(self, backend: str) -> bytes:
        """See `abc.Adapter`."""

    @abstractmethod
    def ended(self, body: bytes) -> Status:
        """What the run function's answer means."""

    async def submit(self, sending: Sending) -> Accepted:
        """Hand the part to a worker; returns at once."""
        job = _Job(f"{sending.token}-{sending.attempt}", Details.read(sending.details))
        self._jobs[job.id] = job
        job.task = self._loop.create_task(self._follow(job, sending.payload))
        # A task that is cancelled before its first step never gets to say so itself.
        job.task.add_done_callback(lambda _: self._finish(job, _CANCELLED))
        return Accepted(remote_id=job.id, status=job.status)

    async def poll(self, jobs: Sequence[Remote]) -> Mapping[str, Answer]:
        """From memory."""
        return {remote.id: self._look(remote.id) for remote in jobs}

    def _look(self, remote_id: str) -> Answer:
        job = self._jobs.get(remote_id)
        if job is not None:
            return job.status
        return self._ended.get(remote_id) or Gone("no such simulation in this process")

    async def cancel(self, job: Remote) -> CancelReply:
        """End the simulation; it has ended when this returns."""
        found = self._jobs.get(job.id)
        if found is None or found.task is None:
            return CancelReply.TOO_LATE
        found.task.cancel()
        await asyncio.wait([found.task])
        return CancelReply.CONFIRMED if found.status.state is JobState.CANCELLED else CancelReply.TOO_LATE

    async def aclose(self) -> None:
        """End all simulations, and wait a moment until they are gone."""
        tasks = [job.task for job in self._jobs.values() if job.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_LEAVING)

    # --- one job ----------------------------------------------------------------------------
    async def _follow(self, job: _Job, payload: bytes) -> None:
        details = job.details
        answer: Answer
        try:
            body = await self._runner.run(
                payload,
                report=lambda progress: self._progressed(job, progress),
                started=lambda: self._started(job),
                heavy=details.heavy,
                memory=details.memory,
            )
            answer = self.ended(body)
        except asyncio.CancelledError:
            answer = _expired(details) if job.expired else _CANCELLED
        except Died as error:
            answer = Gone(str(error))
        except (QuantumJobsError, MemoryError) as error:
            answer = Status(state=JobState.FAILED, raw_status="failed", reason=str(error) or type(error).__name__)
        except Exception as error:  # an executor of the user's may raise anything: it is told to the waiter
            answer = Status(state=JobState.FAILED, raw_status="failed", reason=f"{type(error).__name__}: {error}")
        self._finish(job, answer)

    def _finish(self, job: _Job, answer: Answer) -> None:
        if self._jobs.get(job.id) is not job:
            return
        del self._jobs[job.id]
        job.stop_timers()
        if isinstance(answer, Status):
            job.status = answer
            self._keep(job.id, answer)
        self._report(job.id, answer)

    def _keep(self, remote_id: str, status: Status) -> None:
        self._ended[remote_id] = status
        self._ended_bytes += _size(status)
        while len(self._ended) > _KEPT or self._ended_bytes > _KEPT_BYTES:
            oldest = next(iter(self._ended))
            self._ended_bytes -= _size(self._ended.pop(oldest))

    def _started(self, job: _Job) -> None:
        job.status = Status(state=JobState.RUNNING, raw_status="running", progress=Progress(0, job.details.circuits))
        if job.news is None:
            job.news = self._loop.call_later(_SHORT, self._push, job)
        if job.limit is None and job.details.time_limit:
            job.limit = self._loop.call_later(job.details.time_limit, self._expire, job)

    def _progressed(self, job: _Job, progress: bytes) -> None:
        job.status = Status(
            state=JobState.RUNNING, raw_status="running", progress=Progress(int(progress), job.details.circuits)
        )
        if job.news is None:
            job.news = self._loop.call_later(_PUSHES, self._push, job)

    def _push(self, job: _Job) -> None:
        job.news = None
        self._report(job.id, job.status)

    def _expire(self, job: _Job) -> None:
        if job.task is not None:
            job.expired = True
            job.task.cancel()


def _size(status: Status) -> int:
    return sum(map(len, status.result.blobs.values())) if status.result is not None else 0


def _expired(details: Details) -> Status:
    return Status(
        state=JobState.FAILED,
        raw_status="time limit",
        reason=f"the simulation was ended after time_limit={details.time_limit:g} s",
    )
