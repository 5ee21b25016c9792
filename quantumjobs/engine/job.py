"""The handle: what a user awaits. Any number of waiters, each with a waiter of its own; properties never do I/O."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from quantumjobs.core import derive, html
from quantumjobs.core.events import Abandoned, Adopted, Resubmitted
from quantumjobs.core.records import Handle, JobRecord, Line, Link, Progress, Snapshot, Stamp
from quantumjobs.core.states import DOUBTFUL, TERMINAL, CancelOutcome, JobState
from quantumjobs.engine import costing, endings, reading, tokens
from quantumjobs.engine.waiters import Reader, wake
from quantumjobs.errors import (
    InvalidTransition,
    JobCancelled,
    JobFailed,
    QuantumJobsError,
    UsageError,
)
from quantumjobs.workers.beside import beside

if TYPE_CHECKING:
    import os

    from quantumjobs.abc import Request
    from quantumjobs.core.costs import Cost
    from quantumjobs.core.results import Result
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.showing import Bar
    from quantumjobs.engine.tracked import Tracked

T = TypeVar("T")
S = JobState


class Job:
    """A job on any provider, awaitable by any number of waiters.

    `await job` is `await job.result()`. Ending a wait never ends the job.

    Comparison and hash are by identity; one client gives one object per job as long as it is held.
    """

    __slots__ = (
        "__weakref__",
        "_acceptors",
        "_callbacks",
        "_closed",
        "_decoding",
        "_engine",
        "_handle",
        "_parts",
        "_readers",
        "_result",
        "_waiters",
    )

    def __init__(self, engine: Engine, handle: Handle, parts: Sequence[Tracked]) -> None:
        self._engine = engine
        self._handle = handle
        self._parts = tuple(parts)
        self._waiters: list[asyncio.Future[None]] | None = None  # woken when it is over, one way or another
        self._acceptors: list[asyncio.Future[None]] | None = None  # woken when it is accepted, or in trouble
        self._readers: list[Reader | Bar] | None = None  # told of every change
        self._callbacks: list[Callable[[Job], object]] | None = None
        self._result: Any = None  # of a program, what it saved
        self._decoding: asyncio.Lock | None = None
        self._closed: Exception | None = None

    # --- what it is -------------------------------------------------------------------------
    def __repr__(self) -> str:
        return f"<Job {self.id[:8]} {self._handle.address} {self.state}>"

    def _repr_html_(self) -> str:
        """A table, for notebooks."""
        error = self.error
        return html.job(
            self.snapshot,
            backend=self.backend,
            name=self.name,
            error="" if error is None else str(error),
            created_at=self.created_at,
        )

    @property
    def id(self) -> str:
        """Ours, unique, known before anything is sent."""
        return self._handle.id

    @property
    def name(self) -> str | None:
        """As given to `run`."""
        return self._handle.name

    @property
    def tags(self) -> tuple[str, ...]:
        """As given to `run`."""
        return self._handle.tags

    @property
    def key(self) -> str | None:
        """As given to `run`."""
        return self._handle.key

    @property
    def options(self) -> Mapping[str, Any]:
        """As given to `run`; objects (noise models and the like) are left out."""
        return dict(self._handle.options)

    @property
    def provider(self) -> str:
        """The provider's name, with the account where it is not the default one: "aqt", "aqt:lab2"."""
        return self._parts[0].record.provider

    @property
    def backend(self) -> str:
        """The address it was submitted to."""
        return self._handle.address

    @property
    def created_at(self) -> float:
        """When the intent was kept, seconds since the epoch."""
        return self._handle.created_at

    @property
    def parts(self) -> tuple[JobRecord, ...]:
        """The records it is made of; one in the normal case."""
        return tuple(part.record for part in self._parts)

    @property
    def remote_id(self) -> str | None:
        """The provider's name for it; None before it is known. Of several parts, the first one's."""
        return self._parts[0].record.remote_id

    @property
    def remote_ids(self) -> tuple[str, ...]:
        """Every remote id known for it, also a second one for the same intent."""
        ids: list[str] = []
        for record in self.parts:
            ids += [record.remote_id, *record.extra_ids] if record.remote_id else record.extra_ids
        return tuple(ids)

    @property
    def token(self) -> str:
        """A text that `client.attach` makes this job of again, in another process or on another host; no secret."""
        return tokens.write(self._handle, self.parts)

    def __reduce__(self) -> tuple[type[tokens.JobRef], tuple[str]]:
        return tokens.JobRef, (self.token,)

    # --- where it is ------------------------------------------------------------------------
    @property
    def state(self) -> JobState:
        """Our word; derived from the parts."""
        if len(self._parts) == 1:
            return self._parts[0].record.state
        return derive.state_of(record.state for record in derive.moving(self.parts))

    @property
    def raw_status(self) -> str:
        """The provider's own word, of the part that decides."""
        return derive.worst_of(self.parts).raw_status

    @property
    def progress(self) -> Progress:
        """Circuits finished, of how many."""
        return derive.progress_of(self.parts)

    @property
    def queue_position(self) -> int | None:
        """Jobs ahead, where the provider says."""
        return derive.queue_position_of(self.parts)

    @property
    def eta(self) -> float | None:
        """When it should be done, where the provider says; seconds since the epoch."""
        return derive.eta_of(self.parts)

    @property
    def error(self) -> Exception | None:
        """What is wrong now: why it ended badly, why its waits end, or the weather it is in; None when all is well."""
        over = self._stuck() or (endings.failure(self) if self.done() and self.state is not S.COMPLETED else None)
        if over is not None:
            return over
        return next((trouble for part in self._parts if (trouble := part.trouble) is not None), None)

    @property
    def timeline(self) -> Mapping[str, float]:
        """When each state was first entered, seconds since the epoch."""
        times: dict[str, float] = {S.CREATED.value: self.created_at}
        for line in self.story:
            times.setdefault(line.after.value, line.at)
        return times

    @property
    def remote_timeline(self) -> tuple[Stamp, ...]:
        """The provider's own timeline, by its clock, of all parts in the order of time; empty where it tells none."""
        return tuple(sorted((stamp for record in self.parts for stamp in record.timeline), key=lambda stamp: stamp.at))

    @property
    def story(self) -> tuple[Line, ...]:
        """Every change of state with the event that caused it, of all parts in the order of time (the last 64 each)."""
        if len(self._parts) == 1:
            return self._parts[0].record.story
        return tuple(sorted((line for record in self.parts for line in record.story), key=lambda line: line.at))

    @property
    def snapshot(self) -> Snapshot:
        """All of it at this moment."""
        story = self.story
        return Snapshot(
            id=self.id,
            state=self.state,
            raw_status=self.raw_status,
            progress=self.progress,
            queue_position=self.queue_position,
            eta=self.eta,
            reason=derive.worst_of(self.parts).reason,
            at=story[-1].at if story else self.created_at,
        )

    def done(self) -> bool:
        """True when nothing will change again, however it ended."""
        return all(part.record.terminal for part in self._parts)

    # --- waiting ----------------------------------------------------------------------------
    def __await__(self) -> Generator[Any, None, Result]:
        return self.result().__await__()

    async def result(self, *, progress: bool | None = None) -> Result:
        """Wait for the end and return the result.

        `progress` draws a bar meanwhile; without it, the client's `progress` decides.

        Raises `JobFailed` (with `.partial`), `JobCancelled`, `JobRejected`, `JobLost`, `ResultUnavailable`; and when
        the wait cannot go on, `SubmissionUncertain`, `ProviderProtocolError` or `AdapterError`. Never returns nothing.
        """
        if self._result is not None:
            at_hand: Result = self._result
            return at_hand
        if self._draws(progress):
            return await self._drawn(self.result)
        while not self._is_settled():  # written out: ten thousand waiting jobs hold this frame each, and no other
            self._raise_if_stuck()
            self._check_open()
            waiter = self._new_waiter()
            try:
                await waiter
            finally:
                self._drop_waiter(waiter)
        if self.state is not S.COMPLETED:
            error = endings.failure(self)
            if isinstance(error, (JobFailed, JobCancelled)):
                error.partial = await self._finished()
            raise error
        await self._get_lazy()
        if self._decoding is None:
            self._decoding = asyncio.Lock()
        async with self._decoding:  # once, whoever asks
            if self._result is None:
                self._result = await self._whole()
        found: Result = self._result
        return found

    async def wait(self, *, progress: bool | None = None) -> Job:
        """Wait until it has ended, or cannot be followed on without you; never raises for how it ended.

        `progress` as for `result`.
        """
        if self._draws(progress):
            return await self._drawn(self.wait)
        while not self._is_terminal() and self._stuck() is None:
            self._check_open()
            waiter = self._new_waiter()
            try:
                await waiter
            finally:
                self._drop_waiter(waiter)
        return self

    async def events(self) -> AsyncIterator[Snapshot]:
        """What it looks like now, and after every change until it is over. A slow reader may miss some, never the last."""
        reader = Reader(self.snapshot)
        if self._readers is None:
            self._readers = []
        self._readers.append(reader)
        try:
            while True:
                while reader.queue:
                    yield reader.queue.popleft()
                if self._is_terminal() or self._stuck() is not None:
                    return
                self._check_open()
                await reader.news(self._engine.loop)
        finally:
            self._readers.remove(reader)

    def add_done_callback(self, callback: Callable[[Job], object]) -> None:
        """Call `callback(job)` soon after it is over (ended with its result at hand, or stuck); at once if it is."""
        if self._is_over():
            self._engine.loop.call_soon(callback, self)
        else:
            if self._callbacks is None:
                self._callbacks = []
            self._callbacks.append(callback)

    def remove_done_callback(self, callback: Callable[[Job], object]) -> None:
        """Take a callback back; nothing happens when it is not there."""
        if self._callbacks is not None and callback in self._callbacks:
            self._callbacks.remove(callback)

    # --- acting -----------------------------------------------------------------------------
    async def cancel(self) -> CancelOutcome:
        """Ask the provider to stop it, and say what came of that. Asking a finished job is harmless."""
        self._engine.check_open()
        canceller = self._engine.canceller
        if len(self._parts) == 1:
            return await canceller.cancel(self._parts[0])
        outcomes = await asyncio.gather(*(canceller.cancel(part) for part in self._parts))
        if self.state is S.CANCELLED:
            return CancelOutcome.CANCELLED
        return next(outcome for outcome in _GRAVITY if outcome in outcomes)

    async def refresh(self) -> Job:
        """Look now, once. Raises `ProviderError` or `CredentialError` where that fails."""
        self._engine.check_open()
        await asyncio.gather(*(self._engine.looker.look_now(part) for part in self._parts))
        return self

    async def cost(self) -> Cost:
        """What it costs by its provider's published prices: about, until it has ended; `unknown` where there are none.

        Where time is what is paid for, a finished job's result is read for it.
        """
        return await costing.cost(self, self._slices())

    async def circuits(self) -> Sequence[Any]:
        """The circuits as they were given: objects again for objects (imports qiskit), text and paths as they were."""
        from quantumjobs.engine.bodies import decode_request

        if not self._handle.request:
            raise UsageError(f"the circuits of job {self.id} are not known here: it was attached from elsewhere")
        request = decode_request(await self._engine.ledger.blob(self._handle.request))
        if any(circuit.form in OBJECTS for circuit in request.circuits):
            return await beside(_given_back, request)
        return _given_back(request)

    async def persist(self, path: str | os.PathLike[str]) -> None:
        """Write all of it into a file, circuits and result included: `client.restore(path)` reads it, also elsewhere.

        The file is yours alone (0600) and has no secret. Raises `UsageError` where it cannot be written.
        """
        self._engine.check_open()
        await self._engine.files.export(path, [self])

    async def retry_failed(self) -> Job:
        """Submit the parts that did not complete again, as a new job that keeps the finished ones.

        Raises `UsageError` while it runs, or when nothing failed.
        """
        self._engine.check_open()
        if not self.done():
            raise UsageError(f"job {self.id} is {self.state}: wait for its end, or cancel it, before retrying")
        if self.state is S.COMPLETED:
            raise UsageError(f"job {self.id} completed: there is nothing to retry")
        for part in self._parts:
            if part.record.state is not S.COMPLETED:
                _check_payload(part.record)
        elsewhere = self._parts[0].lane.elsewhere
        if elsewhere is not None:
            raise UsageError(str(elsewhere))
        return await self._engine.own(self._engine.intents.again(self._handle, self._parts))

    async def adopt(self, remote_id: str) -> Job:
        """In doubt: this remote job is ours; follow it."""
        part = self._doubtful()
        self._engine.sharing.want(part)
        try:
            await self._engine.own(self._engine.apply(part, Adopted(at=self._engine.wall(), remote_id=remote_id)))
        except InvalidTransition:  # the doubt was ended in another way, a moment ago
            raise self._nothing_to_decide() from None
        return self

    async def resubmit(self) -> Job:
        """In doubt: you have looked, the provider does not have it; send it again. It could otherwise run twice.

        Raises `UsageError` where it is not in doubt, or was attached from elsewhere, so that its body is not here.
        """
        part = self._doubtful()
        _check_payload(part.record)
        self._engine.sharing.want(part)
        event = Resubmitted(at=self._engine.wall())
        await self._engine.own(self._engine.apply(part, event, only_in=DOUBTFUL))
        return self

    async def abandon(self) -> Job:
        """In doubt: give it up. It ends as lost, and nothing is sent."""
        part = self._doubtful()
        await self._engine.own(self._engine.apply(part, Abandoned(at=self._engine.wall()), only_in=DOUBTFUL))
        return self

    def _doubtful(self) -> Tracked:
        self._engine.check_open()
        for part in self._parts:
            if part.record.state is S.IN_DOUBT:
                return part
        raise self._nothing_to_decide()

    def _nothing_to_decide(self) -> UsageError:
        return UsageError(f"job {self.id} is {self.state}, not in doubt: there is nothing to decide")

    # --- for the engine ---------------------------------------------------------------------
    def _on_change(self) -> None:
        if self._readers:
            snapshot = self.snapshot
            for reader in self._readers:
                reader.put(snapshot)
        # Back in `created` is news, too: it was not taken, and whoever waits for acceptance decides how long to go on.
        if self._acceptors and (self._parts[0].record.state not in _SENT or self._stuck() is not None):
            wake(self._acceptors)
        if (self._waiters or self._callbacks) and (self._is_terminal() or self._stuck() is not None):
            wake(self._waiters)
            if self._callbacks and self._is_over():
                callbacks, self._callbacks = self._callbacks, None
                for callback in callbacks:
                    self._engine.loop.call_soon(callback, self)

    def _on_trouble(self) -> None:
        wake(self._acceptors)

    def _on_close(self, error: Exception) -> None:
        self._closed = error
        wake(self._acceptors)
        wake(self._waiters)
        for reader in self._readers or ():
            reader.wake()

    async def _acceptance(self, deadline: float | None) -> None:
        """Wait until the first part is accepted, or something is wrong, or the deadline is there."""
        self._check_open()
        if self._acceptors is None:
            self._acceptors = []
        waiter = self._engine.loop.create_future()
        self._acceptors.append(waiter)
        alarm = None if deadline is None else self._engine.loop.call_at(deadline, wake, [waiter])
        try:
            await waiter
        finally:
            if alarm is not None:
                alarm.cancel()
            if waiter in self._acceptors:
                self._acceptors.remove(waiter)

    @property
    def _is_awaited(self) -> bool:
        """Somebody waits for it, in some way."""
        return bool(self._waiters or self._acceptors or self._readers or self._callbacks)

    # --- conditions -------------------------------------------------------------------------
    def _is_terminal(self) -> bool:
        return all(part.record.state in TERMINAL for part in self._parts)

    def _is_settled(self) -> bool:
        return all(part.record.settled for part in self._parts)

    def _is_over(self) -> bool:
        return self._is_settled() or self._stuck() is not None

    def _at_hand(self) -> bool:
        """What a wait gives is here already, or takes no more than decoding."""
        return self._is_settled() and not any(_is_to_fetch(part.record) for part in self._parts)

    def _stuck(self) -> QuantumJobsError | None:
        """Why the waits cannot go on, if they cannot: every part that lives is stuck."""
        found: QuantumJobsError | None = None
        for part in self._parts:
            if part.record.settled:
                continue
            error = endings.stuck(self, part)
            if error is None and part.record.after and part.record.state is S.CREATED:
                continue  # it waits for the one before it, whatever that waits for
            if error is None:
                return None
            found = found or error
        return found

    def _raise_if_stuck(self) -> None:
        error = self._stuck()
        if error is not None:
            raise error

    def _draws(self, progress: bool | None) -> bool:
        return (self._engine.progress.always if progress is None else progress) and not self._is_over()

    async def _drawn(self, wait: Callable[..., Awaitable[T]]) -> T:
        """Wait with a bar."""
        bar = self._engine.progress.show().job(self._handle.name or self.id[:8], self.snapshot)
        if self._readers is None:
            self._readers = []
        self._readers.append(bar)
        try:
            return await wait(progress=False)
        finally:
            self._readers.remove(bar)
            bar.close()

    # --- waiters ----------------------------------------------------------------------------
    def _new_waiter(self) -> asyncio.Future[None]:
        """A waiter of one's own: cancelling it hurts nobody else."""
        waiter: asyncio.Future[None] = self._engine.loop.create_future()
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        return waiter

    def _drop_waiter(self, waiter: asyncio.Future[None]) -> None:
        if self._waiters and waiter in self._waiters:
            self._waiters.remove(waiter)

    def _check_open(self) -> None:
        if self._closed is not None:
            raise self._closed
        self._engine.check_loop()  # while closing, the wait goes on: a local job is about to be cancelled

    # --- results ----------------------------------------------------------------------------
    async def _whole(self) -> Any:
        return await reading.whole(self._engine, self, self._slices(), self._handle.shares)

    async def _finished(self) -> Any:
        """What was finished of a job that ended badly; None for nothing."""
        return await reading.finished(self._engine, self, self._slices(), self._handle.shares)

    def _slices(self) -> list[tuple[Link, Tracked]]:
        return list(zip(self._handle.links, self._parts, strict=True))

    async def _get_lazy(self) -> None:
        for part in self._parts:
            if _is_to_fetch(part.record):
                self._engine.check_open()
                await asyncio.shield(self._engine.fetcher.start(part))
                if part.fault is not None:
                    raise part.fault
                if part.lane.fault is not None and _is_to_fetch(part.record):
                    raise endings.stuck(self, part) or part.lane.fault


def _given_back(request: Request) -> list[Any]:
    from quantumjobs.circuits.back import give_back

    return [give_back(circuit) for circuit in request.circuits]


def _check_payload(record: JobRecord) -> None:
    if not record.payload:
        raise UsageError(
            f"job {record.id} cannot be sent from here: what was sent is not in this ledger (it was attached from "
            "elsewhere, or came in a file that may not bring it in)"
        )


def _is_to_fetch(record: JobRecord) -> bool:
    return record.lazy and record.result is None and not record.result_gone


OBJECTS = frozenset({"qpy", "pickle"})  # forms that qiskit reads, which may have to be imported
_SENT = frozenset({S.SUBMITTING, S.IN_DOUBT})
_GRAVITY = (
    CancelOutcome.UNKNOWN,
    CancelOutcome.REFUSED,
    CancelOutcome.UNSUPPORTED,
    CancelOutcome.REQUESTED,
    CancelOutcome.TOO_LATE,
    CancelOutcome.CANCELLED,
)
