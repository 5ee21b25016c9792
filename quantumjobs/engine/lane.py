"""A lane: one provider, origin and account. It owns the connection, the queue of jobs to send, and the traffic.

Whatever goes wrong here stays here: a slow, refusing or broken provider delays nobody else.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from quantumjobs.abc import Adapter, Answer, Provider
from quantumjobs.core.states import JobState
from quantumjobs.engine.policies import Policy
from quantumjobs.engine.traffic import Passage, Traffic
from quantumjobs.errors import (
    AdapterError,
    CredentialError,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
    UsageError,
)

if TYPE_CHECKING:
    from quantumjobs.engine.tracked import Tracked

T = TypeVar("T")

EARLY_LIMIT = 4096
"""Remote ids whose reports may wait for their submit's commit."""


class Lane:
    """One provider, origin and account.

    `report` is what the adapter pushes with; `launch` starts the sending of one job; `freed` hears that a place for a
    request is free, `recovered` that the provider answers again; `limits` says per address how many jobs may be in
    flight.
    """

    def __init__(
        self,
        key: str,
        name: str,
        provider: Provider,
        policy: Policy,
        *,
        report: Callable[[Lane, str, Answer], None],
        launch: Callable[[Tracked, Passage], None],
        freed: Callable[[Lane], None],
        recovered: Callable[[Lane], None],
        broke: Callable[[Lane, AdapterError], None],
        limits: Mapping[str, int],
    ) -> None:
        self.key = key  # the provider as addressed: "aqt" or "aqt:lab2"
        self.name = name
        self.provider = provider
        self.policy = policy
        self.fault: AdapterError | None = None
        self.elsewhere: UsageError | None = None
        """Not served by this client, which has other settings or none: nothing is asked or sent."""
        self.closed = False
        self.traffic = Traffic(policy, opened=self._trouble, moved=self._moved, closed=lambda: recovered(self))
        self.under_way = 0
        self._errands = asyncio.Semaphore(policy.concurrency)
        self.by_remote: dict[str, Tracked] = {}
        self.early: dict[str, list[Answer]] = {}
        self._report = report
        self._launch = launch
        self._freed = freed
        self._broke = broke
        self._limits = limits
        self._pending: dict[str, deque[Tracked]] = {}
        self._in_flight: dict[str, int] = {}
        self._open: Adapter | None = None
        self._capabilities: dict[type, bool] = {}
        self._adapter: asyncio.Future[Adapter] | None = None
        self._task: asyncio.Task[None] | None = None
        self._leave: asyncio.Event | None = None
        self._gated: asyncio.TimerHandle | None = None
        self._about: dict[str, tuple[bytes, float]] = {}
        """Descriptions, and when each is to be asked for anew."""
        self._describing: dict[str, asyncio.Task[bytes]] = {}

    def __repr__(self) -> str:
        return f"<Lane {self.name}{' broken' if self.fault else ''}>"

    # --- the connection -------------------------------------------------------------------
    async def adapter(self) -> Adapter:
        """The open connection; the first caller opens it. Raises `CredentialError`, `ProviderError`."""
        if self.elsewhere is not None:
            raise UsageError(str(self.elsewhere))
        if self.fault is not None:
            raise self.fault
        if self._open is not None:
            return self._open
        if self._adapter is None or (self._adapter.done() and self._adapter.exception() is not None):
            loop = asyncio.get_running_loop()
            self._adapter = loop.create_future()
            self._leave = asyncio.Event()
            self._task = loop.create_task(self._hold(self._adapter, self._leave), name=f"quantumjobs lane {self.name}")
        return await asyncio.shield(self._adapter)

    def capability(self, kind: type[T]) -> T | None:
        """The connected adapter as `kind` (`Fetches`, `Cancels`, ...); None where it lacks that, or is not connected."""
        if self._open is None:
            return None
        has = self._capabilities.get(kind)
        if has is None:  # asking a protocol costs more than a request's share of everything else
            has = self._capabilities[kind] = isinstance(self._open, kind)
        return cast("T", self._open) if has else None

    async def _hold(self, opened: asyncio.Future[Adapter], leave: asyncio.Event) -> None:
        """Enter and leave the adapter's context in one task, as task groups inside it require."""
        try:
            async with self.provider.connect(self.name, self._push) as adapter:
                self._open = adapter
                self._capabilities = {}
                opened.set_result(adapter)
                await leave.wait()
        except (ProviderError, CredentialError) as error:
            if not opened.done():
                opened.set_exception(error)
        except Exception as bug:
            fault = self.bug(bug)
            if not opened.done():
                opened.set_exception(fault)
        finally:
            self._open = None
            if not opened.done():
                opened.cancel()
            elif not opened.cancelled():
                opened.exception()  # seen: whoever waited has it

    def _push(self, remote_id: str, answer: Answer) -> None:
        self._report(self, remote_id, answer)

    async def call(self, operation: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """One operation of the adapter. Whatever is not its provider's or the credentials' fault is its own bug."""
        try:
            return await operation(*args)
        except (ProviderError, CredentialError):
            raise
        except Exception as bug:
            raise self.bug(bug) from bug

    async def errand(self, operation: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """A `call` that is neither a look nor a submit, and so holds no place of theirs: as many at a time as of them."""
        async with self._errands:
            return await self.call(operation, *args)

    def bug(self, cause: Exception) -> AdapterError:
        """End this lane: a bug in an adapter is told to its waiters, and only to them."""
        if isinstance(cause, AdapterError):
            return cause
        if self.fault is None:
            error = AdapterError(
                f"a bug in the adapter of {self.key}: {type(cause).__name__}: {cause}. Its jobs are kept; "
                "job.refresh() tries again",
                provider=self.key,
            )
            error.__cause__ = cause
            self.fault = error
            self._broke(self, error)  # whichever operation it was in: nobody looks at this lane's jobs any more
        return self.fault

    async def close(self) -> None:
        """Leave the adapter's context and wait for it."""
        self.closed = True
        self._pending.clear()
        self.traffic.close()
        if self._gated is not None:
            self._gated.cancel()
        for task in self._describing.values():
            task.cancel()
        if self._task is not None and self._leave is not None:
            self._leave.set()
            await asyncio.wait([self._task])

    # --- descriptions ---------------------------------------------------------------------
    async def describe(self, backend: str, *, fresh: bool = False, tries: int | None = None) -> bytes:
        """What the codec must know of a backend: cached, one request for all who ask at once.

        Weather is waited out within the policy's budget, at most `tries` times; an old one is better than none.
        """
        held = None if fresh else self._about.get(backend)
        if held is not None:
            about, until = held
            if asyncio.get_running_loop().time() < until:
                return about
            tries = 1
        task = self._describing.get(backend)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._describe(backend, tries))
            self._describing[backend] = task
            task.add_done_callback(lambda done: self._described(backend, done))
        try:
            return await asyncio.shield(task)
        except ProviderUnavailable:
            if held is None:
                raise
            return held[0]

    async def _describe(self, backend: str, tries: int | None) -> bytes:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.policy.budget
        attempt = 0
        while True:
            attempt += 1
            try:
                async with asyncio.timeout_at(deadline):
                    passage = await self.traffic.turn("describe", backend, urgent=True)
            except TimeoutError:
                waited = "descriptions are held back: the provider asked for patience"
                raise ProviderUnavailable(waited, provider=self.key, sent=False) from None
            try:
                with passage:
                    adapter = await self.adapter()
                    return await self.call(adapter.describe, backend)
            except ProviderError as error:
                delay = self.policy.delay(attempt, error)
                if (
                    isinstance(error, (ProviderRejected, AdapterError))
                    or not self.policy.tries_again(attempt, error)
                    or self.policy.gives_up(attempt, error)
                    or loop.time() + delay > deadline
                    or attempt == tries
                ):
                    raise
            await asyncio.sleep(delay)

    def _described(self, backend: str, task: asyncio.Task[bytes]) -> None:
        del self._describing[backend]
        if not task.cancelled() and task.exception() is None:
            lasts = self.provider.traits(self.provider.family(backend)).described_for
            self._about[backend] = (task.result(), asyncio.get_running_loop().time() + lasts)

    def forget(self, backend: str) -> None:
        """Drop what the provider called stale: the backend's description, and those that an option chose."""
        for name in list(self._about):
            if name == backend or name.startswith(f"{backend}/"):
                del self._about[name]

    # --- requests under way ---------------------------------------------------------------
    @property
    def is_full(self) -> bool:
        """True when no more submits or looks may start: what is queued is queued here, never in the transport."""
        return self.under_way >= self.policy.concurrency

    @property
    def over_full(self) -> bool:
        """True when more requests are under way than may be (the policy's concurrency is shared with held places)."""
        return self.under_way > self.policy.concurrency

    @property
    def has_pending(self) -> bool:
        """True when jobs wait to be sent."""
        return bool(self._pending)

    def enter(self) -> None:
        """One more request is under way."""
        self.under_way += 1

    def leave(self) -> None:
        """It has ended; whatever waited for its place may start."""
        self.under_way -= 1
        self.pump()
        self._freed(self)

    # --- the queue of jobs to send --------------------------------------------------------
    def enqueue(self, job: Tracked) -> None:
        """Send the job when the limit and the traffic allow it."""
        self._pending.setdefault(job.record.backend, deque()).append(job)
        self.pump()

    def pump(self) -> None:
        """Start as many jobs as may go now."""
        if self.closed or self.fault is not None or not self._pending:
            return
        if self._must_wait():
            return
        for backend in list(self._pending):
            queue = self._pending[backend]
            while queue and self._may_send(backend, queue[0]):
                job = queue.popleft()
                if job.record.state is JobState.CREATED:  # else withdrawn while it waited
                    self.hold_slot(job)
                    self.enter()
                    self._launch(job, self.traffic.begin("submit", job.record.id))
                    if self._must_wait():
                        return
            if not queue:
                del self._pending[backend]

    def _must_wait(self) -> bool:
        """Whether submits are held back now; then the timer is set for the moment they are not."""
        loop = asyncio.get_running_loop()
        free = self.traffic.free_at("submit")
        if free <= loop.time():
            return False
        if self._gated is None or self._gated.when() != free:
            if self._gated is not None:
                self._gated.cancel()
            self._gated = loop.call_at(free, self._gate_opens)
        return True

    def _gate_opens(self) -> None:
        self._gated = None  # the timer may come a tick early: then it is set again
        self.pump()

    def _moved(self) -> None:
        self.pump()
        self._freed(self)

    def _trouble(self, error: Exception) -> None:
        """Whoever waits for acceptance is told what holds the queue up."""
        for queue in self._pending.values():
            for job in queue:
                job.held_back(error)

    def _may_send(self, backend: str, job: Tracked) -> bool:
        if self.is_full:
            return False
        limits = [
            limit
            for limit in (self._limits.get(f"{self.key}/{backend}" if backend else self.key), job.traits.in_flight)
            if limit is not None
        ]
        return not limits or self._in_flight.get(backend, 0) < min(limits)

    def hold_slot(self, job: Tracked) -> None:
        """Count the job as in flight."""
        if not job.holds_slot:
            job.holds_slot = True
            self._in_flight[job.record.backend] = self._in_flight.get(job.record.backend, 0) + 1

    def free_slot(self, job: Tracked) -> None:
        """The job is no longer in flight; another may go."""
        if job.holds_slot:
            job.holds_slot = False
            self._in_flight[job.record.backend] -= 1
            if self._pending:
                self.pump()

    # --- reports that overtake the commit of their submit -----------------------------------
    def keep_early(self, remote_id: str, answer: Answer) -> None:
        """Hold a report until its job's id is committed; the oldest go when there are too many."""
        self.early.setdefault(remote_id, []).append(answer)
        if len(self.early) > EARLY_LIMIT:
            del self.early[next(iter(self.early))]

    def take_early(self, remote_id: str) -> Sequence[Answer]:
        """The reports that waited for this id."""
        return self.early.pop(remote_id, ())
