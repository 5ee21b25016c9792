"""The I/O half: hands parts to workers, and pushes what becomes of them.

A job is known here from its submit to its end, and a little longer: the last answers are kept within narrow bounds,
for a look that comes late. An id that is not known is gone, and the engine runs it again with the same seed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from quantumjobs.abc import Accepted, Answer, CancelReply, Gone, Raw, Remote, Report, Sending, Status
from quantumjobs.adapters.aer import options
from quantumjobs.adapters.aer.codec import SCHEMA, About, Details
from quantumjobs.adapters.aer.runners import Died, Runner
from quantumjobs.core.records import Progress
from quantumjobs.core.states import JobState
from quantumjobs.errors import QuantumJobsError
from quantumjobs.workers.aer import Outcome

_SHORT = 0.025  # a job that ends within this time after its start is not worth the news that it runs
_PUSHES = 0.05  # seconds between two pushes of one job's progress
_LEAVING = 2.0  # seconds that ending the last simulations may take
_KEPT = 1024  # answers that were pushed already
_KEPT_BYTES = 32 << 20
_SHOWN = 5  # failed circuits named in a reason
_CANCELLED = Status(state=JobState.CANCELLED, raw_status="cancelled")


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


class AerAdapter:
    """One runner's jobs."""

    def __init__(self, runner: Runner, report: Report) -> None:
        self._runner = runner
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._jobs: dict[str, _Job] = {}
        self._ended: dict[str, Status] = {}  # oldest first
        self._ended_bytes = 0

    # --- the contract -----------------------------------------------------------------------
    async def describe(self, backend: str) -> bytes:
        """Versions, cores, memory, methods and options: `codec.About` as JSON."""
        options.method_of(backend)
        about = About(
            method=options.method_of(backend),
            cores=self._runner.cores,
            memory=self._runner.memory,
            qiskit=_version("qiskit"),
            aer=_version("qiskit-aer"),
            methods=options.METHODS,
            options=tuple(sorted(options.NAMES)),
        )
        return msgspec.json.encode(about)

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

    async def backends(self) -> Sequence[str]:
        """The methods: `aer/<method>`."""
        return options.METHODS

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
            answer = _ended(body)
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


def _ended(body: bytes) -> Status:
    """From the outcome's first fields; the result itself is only handed on."""
    outcome = _outcome.decode(body)
    raw = Raw(SCHEMA, {"outcome": body})
    progress = Progress(outcome.count - len(outcome.failed), outcome.count)
    if not outcome.failed:
        return Status(state=JobState.COMPLETED, raw_status="completed", progress=progress, result=raw)
    return Status(state=JobState.FAILED, raw_status="failed", progress=progress, reason=_reason(outcome), result=raw)


def _size(status: Status) -> int:
    return len(status.result.blobs["outcome"]) if status.result is not None else 0


def _reason(outcome: Outcome) -> str:
    if outcome.count == 1:
        return outcome.failed[0][2]
    shown = "; ".join(f"[{place}] {name}: {error}" for place, name, error in outcome.failed[:_SHOWN])
    more = len(outcome.failed) - _SHOWN
    return (
        f"{len(outcome.failed)} of {outcome.count} circuits failed: {shown}{f'; and {more} more' if more > 0 else ''}"
    )


def _expired(details: Details) -> Status:
    return Status(
        state=JobState.FAILED,
        raw_status="time limit",
        reason=f"the simulation was ended after time_limit={details.time_limit:g} s",
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


_outcome: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(Outcome)
