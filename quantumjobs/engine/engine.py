"""The engine: one choke point through which every event goes, and the start of what follows from it.

`apply` is step -> commit -> publish -> start the actions. Actions are tasks; what comes of them is the next event.
Nothing else changes a record. A slow action never keeps an event waiting.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet, WeakValueDictionary

import msgspec

from quantumjobs.abc import HYBRID, Change, Describes, Gathers, Ledger, Prepared, Programs, Provider, Raw, Request
from quantumjobs.core.actions import Action
from quantumjobs.core.events import (
    AnyEvent,
    CancelRequested,
    Reported,
    SubmitDeferred,
    SubmitInDoubt,
    SubmitRejected,
    SubmitStarted,
)
from quantumjobs.core.machine import resume, step
from quantumjobs.core.records import Handle, JobRecord
from quantumjobs.core.states import WATCHED, JobState
from quantumjobs.core.traits import Rerunnable
from quantumjobs.engine import codecs
from quantumjobs.engine.attaching import Attacher
from quantumjobs.engine.bodies import digest
from quantumjobs.engine.canceller import Canceller
from quantumjobs.engine.fetcher import Fetcher
from quantumjobs.engine.files import Files
from quantumjobs.engine.finder import Finder
from quantumjobs.engine.hybrid import HybridJob
from quantumjobs.engine.intents import Intents
from quantumjobs.engine.job import Job
from quantumjobs.engine.keeping import Keeping
from quantumjobs.engine.lane import Lane
from quantumjobs.engine.looker import Looker
from quantumjobs.engine.policies import Policy
from quantumjobs.engine.poller import Poller
from quantumjobs.engine.sender import Sender
from quantumjobs.engine.sharing import Sharing
from quantumjobs.engine.showing import Progress, Show
from quantumjobs.engine.sleep import Sleep
from quantumjobs.engine.succession import Succession
from quantumjobs.engine.surveyor import Surveyor
from quantumjobs.engine.tracked import Tracked
from quantumjobs.engine.traffic import Passage
from quantumjobs.engine.turnstile import Turnstile
from quantumjobs.engine.waiters import wake
from quantumjobs.engine.watchlist import Crowd, Watchlist
from quantumjobs.errors import AdapterError, KeyConflict, LedgerConflict, UsageError
from quantumjobs.workers.beside import beside

if TYPE_CHECKING:
    from quantumjobs.core.results import Result
    from quantumjobs.engine.completed import as_completed
    from quantumjobs.workers.pool import WorkerPool

T = TypeVar("T")
log = logging.getLogger("quantumjobs")
log.addHandler(logging.NullHandler())  # nothing is printed by default, not even by logging's last resort
S = JobState
_NOTHING: Mapping[str, bytes] = {}
_OWNERS = (SubmitStarted, SubmitDeferred, SubmitRejected, SubmitInDoubt)
"""What only the owner of a record may say. A remote id is welcome from anybody, also from one who is late."""


class Engine:
    """Follows every job of one ledger, in one event loop.

    `providers` resolves a provider's key ("aqt", "aqt:lab2") to its plug-in; `policies` holds the lanes' habits by the
    same keys; `limits` the jobs in flight that an address is allowed, and may change. `random` draws seeds, `progress`
    draws bars. With `everything`, jobs that others left behind are taken up; else only those that are asked for.
    """

    def __init__(
        self,
        ledger: Ledger,
        providers: Callable[[str], Awaitable[Provider]],
        *,
        policies: Mapping[str, Policy] | None = None,
        limits: Mapping[str, int] | None = None,
        random: Random | None = None,
        progress: Progress | None = None,
        everything: bool = True,
    ) -> None:
        self.ledger = ledger
        self.loop = asyncio.get_running_loop()
        self.wall: Callable[[], float] = getattr(self.loop, "wall_time", time.time)  # a virtual loop has its own
        self.closed = False
        self._closing: asyncio.Task[None] | None = None
        self.sleep = Sleep(self)
        self.turnstile = Turnstile(self.loop)
        self.poller = Poller(self.loop, self.wall, self._look, self._survey)
        self.intents = Intents(self)
        self.sender = Sender(self)
        self.looker = Looker(self)
        self.surveyor = Surveyor(self)
        self.canceller = Canceller(self)
        self.fetcher = Fetcher(self)
        self.finder = Finder(self, providers)
        self.attacher = Attacher(self)
        self.files = Files(self)
        self.keeping = Keeping(self)
        self.sharing = Sharing(self, everything=everything)
        self.succession = Succession(self)
        self._policies = dict(policies or {})
        self.progress = progress or Progress(_undrawn)
        self._limits: Mapping[str, int] = {} if limits is None else limits
        self._random = random or SystemRandom()
        self._tracked: dict[str, Tracked] = {}
        self._jobs: WeakValueDictionary[str, Job] = WeakValueDictionary()
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.looks: set[asyncio.Task[None]] = set()
        self._workers: WorkerPool | None = None
        self._workers_context: AbstractAsyncContextManager[WorkerPool] | None = None
        self._workers_opening = asyncio.Lock()
        self._commits: list[asyncio.Future[None]] = []
        self.followers: WeakSet[as_completed] = WeakSet()  # told when this is closed

    # --- tasks ------------------------------------------------------------------------------
    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something that belongs to the engine and ends with it, whoever asked for it."""
        task = self.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def own(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for something of the engine's; a caller that is cancelled does not cancel it."""
        return await asyncio.shield(self.spawn(coroutine))

    # --- the choke point --------------------------------------------------------------------
    async def apply(
        self,
        job: Tracked,
        event: AnyEvent,
        blobs: Mapping[str, bytes] = _NOTHING,
        *,
        only_in: frozenset[JobState] | None = None,
    ) -> JobRecord:
        """Fold one event into its job's record; durable and published on return.

        Events of one job are applied one at a time, in the order of the calls. `only_in` drops the event when the job
        has left these states by then; what only an owner may say is dropped, too, when another client owns the
        record by then. Raises `LedgerError` where the ledger refused what *we* meant to do; what has
        happened already is published all the same, and written as soon as that is possible.
        """
        return (await self.applied(job, event, blobs, only_in=only_in))[0]

    async def applied(
        self,
        job: Tracked,
        event: AnyEvent,
        blobs: Mapping[str, bytes] = _NOTHING,
        *,
        only_in: frozenset[JobState] | None = None,
    ) -> tuple[JobRecord, bool]:
        """`apply`, and whether this very event changed the record."""
        if job.inbox.taken:
            await job.inbox.take()
        else:
            job.inbox.taken = True
        rebased = False
        try:
            while True:
                old = job.record
                if rebased and isinstance(event, SubmitStarted) and old.state is S.SUBMITTING and job.ours:
                    return old, True  # an earlier commit of it, which seemed to fail, is there; nothing was sent for it
                if only_in is not None and old.state not in only_in:
                    return old, False
                if not job.ours and isinstance(event, _OWNERS):
                    return old, False
                new, actions = step(old, event, job.traits)
                if new is old:
                    return old, False
                try:
                    await self.keeping.write(job, Change(record=new, event=event), blobs)
                except LedgerConflict:
                    rebased = await self.keeping.rebase(job)
                    if rebased:
                        continue
                    raise
                break
            self.publish(job, old, new)
        finally:
            job.inbox.give()
        for action in actions:
            self.start(action, job)
        return new, True

    def publish(self, job: Tracked, old: JobRecord, new: JobRecord) -> None:
        job.record = new
        if new.remote_id != old.remote_id:
            if old.remote_id is not None:
                job.lane.by_remote.pop(old.remote_id, None)
            if new.remote_id is not None:
                job.lane.by_remote[new.remote_id] = job
                for answer in job.lane.take_early(new.remote_id):
                    self.looker.pushed(job, new.remote_id, answer)
        if new.state is not old.state and (new.terminal or new.state is S.CREATED):
            job.lane.free_slot(job)
        if new.terminal:
            self.succession.ended(new)
        for handle in job.handles:
            handle._on_change()
        if new.settled and not job.unsaved:
            self.let_go(job)
        self.wake_readers()

    def wake_readers(self) -> None:
        """Somebody may be waiting for the next events."""
        commits, self._commits = self._commits, []
        for waiter in commits:
            if not waiter.done():
                waiter.set_result(None)

    def let_go(self, job: Tracked) -> None:
        """Nothing is left to do: handles keep the record, the engine keeps nothing."""
        self._tracked.pop(job.record.id, None)
        if job.record.remote_id is not None:
            job.lane.by_remote.pop(job.record.remote_id, None)
        job.handles = ()

    def start(self, action: Action, job: Tracked) -> None:
        """Begin what follows from an event, where this client owns the record."""
        if self.closed or not job.ours:
            return
        match action:
            case Action.ENQUEUE if job.record.after:
                self.succession.begin(job)
            case Action.ENQUEUE:
                self.sender.enqueue(job)
            case Action.WATCH:
                job.lane.hold_slot(job)
                self.poller.watch(job)
            case Action.UNWATCH:
                self.poller.unwatch(job)
            case Action.SEND:
                pass  # whoever applied SubmitStarted goes on with it, in the task that it has already
            case Action.RESOLVE:
                self.act(job, self.sender.resolve)
            case Action.CANCEL:
                self.canceller.start(job)
            case Action.FETCH:
                self.fetcher.start(job)

    def act(self, job: Tracked, action: Callable[..., Awaitable[None]], *args: Any) -> asyncio.Task[None]:
        """Carry out one action; an error that nobody foresaw ends the waits for this job instead of hanging them."""
        return self.spawn(self._guarded(job, action, *args))

    async def _guarded(self, job: Tracked, action: Callable[..., Awaitable[None]], *args: Any) -> None:
        try:
            await action(job, *args)
        except Exception as error:
            log.exception("job %s: an action failed", job.record.id)
            self.fail_waits(job, error)

    def fail_waits(self, job: Tracked, error: Exception) -> None:
        """End the waits for one job with an error; its record stays as it is."""
        job.fault = error
        for handle in job.handles:
            handle._on_change()

    def end_lane(self, lane: Lane, error: AdapterError) -> None:
        """A bug in an adapter ends the waits of its lane, and of no other."""
        log.error("%s", error, exc_info=error.__cause__ or error)
        for job in self.jobs_of(lane):
            for handle in job.handles:
                handle._on_change()

    def mend_lane(self, lane: Lane) -> None:
        """An answer came after all: look at every job of the lane again, and send what waits."""
        for job in self.jobs_of(lane):
            if job.record.terminal:  # followed still, so its result is to come
                self.fetcher.start(job)
            else:
                self.poller.soon(job)
        lane.pump()

    # --- submitting ---------------------------------------------------------------------------
    async def submit(
        self,
        account: str,
        provider: Provider,
        request: Request,
        handle: Callable[[str, Prepared], Handle],
        *,
        recorded: bool,
        key: str | None = None,
    ) -> tuple[Job, bool]:
        """Prepare a request and keep its intent; durable on return, and on its way. True: it is a new job.

        With `key`, the job that stands for it already, if that is the same request; else raises `KeyConflict`.

        `handle` makes the handle of a lane and what was prepared. With `recorded`, the network is asked at most once,
        and only for a description that nobody has asked for before.
        """
        self.check_open()
        lane = self.lane(account, provider, provider.lane(request.backend))
        intent = "" if key is None else await self._intent(lane, request)
        if key is not None:
            held = await self.intents.held(key, intent)
            if held is not None:
                return held, False
        prepared = await self.prepared(lane, request, recorded=recorded)
        if not self.turnstile.passes():  # a worker's answers come many at a time
            await self.turnstile.turn()

        def make(handle_id: str, prepared: Prepared) -> Handle:
            return msgspec.structs.replace(handle(handle_id, prepared), key=key, intent=intent)

        while True:
            try:
                return await self._record(lane, request, prepared, make), True
            except KeyConflict:
                if key is None:
                    raise
                held = await self.intents.held(key, intent)  # somebody was quicker
                if held is not None:
                    return held, False
                # and has ended by now without having run, which frees the key

    async def prepared(self, lane: Lane, request: Request, *, recorded: bool = False) -> Prepared:
        """A request as it is to be sent, for the backend as it is described now; `recorded` as for `submit`."""
        lane.traffic.hurry()
        name, provider = request.backend, lane.provider
        if isinstance(provider, Describes):
            name = provider.described(name, request.options)
        about = await lane.describe(name, tries=1 if recorded else None)
        if lane.fault is not None:
            raise lane.fault
        return await self.prepare(provider, request, about, self._random.getrandbits(31))

    async def _intent(self, lane: Lane, request: Request) -> str:
        """The digest of what is asked for, of whom; the same in every process."""
        if request.kind == HYBRID or ("prepare" in lane.provider.codec.inline and codecs.is_plain(request)):
            asked = codecs.plain(request)
        else:
            asked = await codecs.asked_by(await self.workers(), request)
        return digest(lane.name.encode() + b"\0" + asked)

    async def prepare(self, provider: Provider, request: Request, about: bytes, seed: int) -> Prepared:
        """`Codec.prepare`, in the loop or in a worker."""
        codec = provider.codec
        if request.kind == HYBRID or "prepare" in codec.inline:
            return codecs.prepared_here(codec, request, about, seed)
        return await codecs.prepared_by(await self.workers(), codec, request, about, seed)

    async def decode(self, provider: Provider, raw: Raw, layout: bytes | None) -> Result:
        """`Codec.decode`, in the loop or in a worker."""
        codec = provider.codec
        if "decode" in codec.inline:
            return codec.decode(raw, layout)
        return await codecs.decoded_by(await self.workers(), codec, raw, layout)

    async def values(self, provider: Provider, raw: Raw) -> Mapping[str, bytes]:
        """`Programs.values`, in the loop. Raises `UsageError`."""
        codec = provider.codec
        if not isinstance(codec, Programs):
            raise UsageError(f"{provider.name} runs no programs here")
        return codec.values(raw)

    async def gather(self, codec: Gathers, result: Result, shares: int) -> Result:
        """`Gathers.gather`, where the codec decodes."""
        if "decode" in codec.inline:
            return codec.gather(result, shares)
        return await codecs.gathered_by(await self.workers(), codec, result, shares)

    async def _record(
        self, lane: Lane, request: Request, prepared: Prepared, make: Callable[[str, Prepared], Handle]
    ) -> Job:
        if self.ledger.immediate:  # then nothing can interrupt it
            return await self.intents.record(lane, request, prepared, make)
        recording = self.spawn(self.intents.record(lane, request, prepared, make))
        try:
            return await asyncio.shield(recording)
        except asyncio.CancelledError:
            self.spawn(self.intents.withdraw_recorded(recording))
            raise

    def track(self, record: JobRecord, lane: Lane, *, ours: bool = True) -> Tracked:
        """Follow a record; the same object for the same id. Not `ours`: show what its owner makes of it."""
        job = self._tracked.get(record.id)
        if job is None:
            job = Tracked(record, lane.provider.traits(record.family), lane, ours=ours)
            lane.traffic.learn(record.family, job.traits)
            if not record.settled:
                self._tracked[record.id] = job
                if record.remote_id is not None:
                    lane.by_remote[record.remote_id] = job
        elif ours and job.record.fence == record.fence:
            job.ours = True  # just made here, and found by a reader who took it for another client's
        return job

    def handle(self, handle: Handle, parts: Sequence[Tracked]) -> Job:
        """The handle's one `Job` object, as long as somebody holds it."""
        job = self._jobs.get(handle.id)
        if job is None:
            job = (HybridJob if handle.kind == HYBRID else Job)(self, handle, parts)
            self._jobs[handle.id] = job
            for part in parts:
                if not part.record.settled:
                    part.handles = (*part.handles, job)
        return job

    @property
    def lanes_by_name(self) -> Mapping[tuple[str, str], Lane]:
        """All lanes in use, by their provider's key and their name."""
        return self._lanes

    @property
    def lanes(self) -> Collection[Lane]:
        """All lanes in use."""
        return self._lanes.values()

    @property
    def has_foreign(self) -> bool:
        """Some job that is shown here is not followed from here."""
        return any(not job.ours for job in self._tracked.values())

    def jobs_of(self, lane: Lane) -> list[Tracked]:
        """The jobs that are followed in one lane."""
        return [job for job in self._tracked.values() if job.lane is lane]

    def begin(self, job: Tracked) -> None:
        """Start what a new or found record asks for."""
        for action in resume(job.record, job.traits):
            self.start(action, job)

    def known(self, job_id: str) -> Tracked | None:
        """The record of that id, if it is followed here."""
        return self._tracked.get(job_id)

    def held(self, handle_id: str) -> Job | None:
        """The job of that id, if somebody holds it."""
        return self._jobs.get(handle_id)

    async def forget(self, handle_ids: Sequence[str]) -> int:
        """Take finished jobs out of the ledger; the bytes that were freed."""
        freed = await self.own(self.ledger.remove(handle_ids))
        for handle_id in handle_ids:
            self._jobs.pop(handle_id, None)
        return freed

    def lane(self, key: str, provider: Provider, name: str) -> Lane:
        """The lane of that name, made at its first use."""
        lane = self._lanes.get((key, name))
        if lane is None:
            policy = self._policies.get(key) or self._policies.get(key.partition(":")[0]) or Policy()
            lane = self._lanes[key, name] = Lane(
                key,
                name,
                provider,
                policy,
                report=self.looker.report,
                launch=self.sender.launch,
                freed=self.poller.freed,
                recovered=self._recovered,
                broke=self.end_lane,
                limits=self._limits,
            )
        return lane

    async def committed(self, deadline: float | None = None) -> None:
        """Wait for the next commit, of this engine or of another client on the same store; or until the deadline."""
        waiter = self.loop.create_future()
        self._commits.append(waiter)
        alarm = None if deadline is None else self.loop.call_at(deadline, wake, [waiter])
        try:
            await waiter
        finally:
            if alarm is not None:
                alarm.cancel()

    # --- looks --------------------------------------------------------------------------------
    def _recovered(self, lane: Lane) -> None:
        self.poller.spread(lane)
        lane.pump()

    def _look(self, watchlist: Watchlist, jobs: Sequence[Tracked], passage: Passage) -> None:
        task = self.loop.create_task(self.looker.look(watchlist, jobs, passage))
        self.looks.add(task)  # it takes itself out: a done callback would cost a tenth of the look
        if watchlist.traits.holds:
            jobs[0].look = task
        self.sleep.watch()

    def _survey(self, watchlist: Watchlist, crowd: Crowd) -> None:
        self.looks.add(self.loop.create_task(self.surveyor.survey(watchlist, crowd)))
        self.sleep.watch()

    # --- life and death -----------------------------------------------------------------------
    async def workers(self) -> WorkerPool:
        """The loop's worker pool, shared with every other user of this process."""
        async with self._workers_opening:
            if self._workers is None:
                from quantumjobs.workers.pool import WorkerPool

                if "numpy" not in sys.modules:  # results need it, and importing it would stall the loop then
                    beside(importlib.import_module, "numpy")
                self._workers_context = WorkerPool.of_loop()
                self._workers = await self._workers_context.__aenter__()
        return self._workers

    def check_open(self) -> None:
        """Raises `UsageError` in another loop than ours, or once closing has begun."""
        if self.closed:
            raise UsageError("this client is closed; its jobs go on, and a new client on the same ledger follows them")
        self.check_loop()

    def check_loop(self) -> None:
        """Raises `UsageError` in another loop than ours."""
        if asyncio._get_running_loop() is not self.loop:
            raise UsageError(
                "a client and its jobs belong to the event loop they were first used in: make a client per loop"
            )

    async def close(self) -> None:
        """Detach: local simulations are cancelled, remote jobs go on, every task of ours ends, waiters are told.

        Cancelling this does not leave it half done: it ends first, then it is cancelled.
        """
        if self._closing is None:
            self._closing = self.loop.create_task(self._close())
        try:
            await asyncio.shield(self._closing)
        except asyncio.CancelledError:
            await asyncio.wait([self._closing])
            raise

    async def _close(self) -> None:
        self.closed = True
        await self.sender.settle()
        self.poller.close()  # a look that began while others end would outlive its connection
        tasks = [*self._tasks, *self.looks]
        self.looks.clear()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self.sleep.close()
        await self._each(self._cancel_local(job) for job in list(self._tracked.values()))
        await self._each(self.keeping.save(job) for job in list(self._tracked.values()) if job.unsaved)
        await self._each(lane.close() for lane in self._lanes.values())
        left = UsageError("the client was closed while this was awaited; the job goes on, and is found again by its id")
        for job in list(self._jobs.values()):
            job._on_close(left)
        for follower in list(self.followers):
            follower._on_close(self, left)
        for waiter in self._commits:
            waiter.cancel()
        if self._workers_context is not None:
            await self._workers_context.__aexit__(None, None, None)

    async def _each(self, steps: Iterable[Awaitable[None]]) -> None:
        """Take every step of closing, whatever becomes of the others."""
        for outcome in await asyncio.gather(*steps, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.error("while closing: %s", outcome, exc_info=outcome)

    async def _cancel_local(self, job: Tracked) -> None:
        """A local simulation ends with its client: nobody would be there to take its result."""
        if not isinstance(job.traits.submit, Rerunnable) or job.record.terminal or not job.ours:
            return
        reason = "the client was closed"
        record = await self.apply(job, CancelRequested(at=self.wall()))
        if record.state in (S.SUBMITTING, S.IN_DOUBT):
            await self.apply(job, SubmitDeferred(at=self.wall(), reason=reason))
        elif record.state in WATCHED:
            await self.apply(job, Reported(at=self.wall(), state=S.CANCELLED, reason=reason))


def _undrawn() -> Show:
    raise UsageError("there is nothing here that could draw progress")
