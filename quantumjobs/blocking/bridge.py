"""Between a blocking object and its async twin: calls go over into the loop's thread, jobs come back as blocking ones."""

from __future__ import annotations

import logging
import math
import threading
import time
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, SupportsFloat, TypeVar, overload
from weakref import WeakValueDictionary

from quantumjobs.blocking.hybrid import HybridJob
from quantumjobs.blocking.job import Job
from quantumjobs.blocking.portal import portal
from quantumjobs.blocking.stream import Stream
from quantumjobs.core.states import CancelOutcome
from quantumjobs.errors import QuantumJobsError, ResultTimeout, UsageError

if TYPE_CHECKING:
    from quantumjobs.client.client import Client as AsyncClient
    from quantumjobs.engine.hybrid import HybridJob as AsyncHybridJob
    from quantumjobs.engine.job import Job as AsyncJob

T = TypeVar("T")
E = TypeVar("E", bound=Exception | None)
OnTimeout = Literal["keep", "cancel"]
log = logging.getLogger("quantumjobs")

CANCEL_PATIENCE = 10.0
"""Seconds that a wait which ran out of time waits for what its cancel came to."""


class Bridge:
    """One client's. Collected with the last object that could still make a call, it closes the client."""

    def __init__(self, client: AsyncClient) -> None:
        self.portal = portal()
        self.portal.clients.add(client)
        self._jobs: WeakValueDictionary[AsyncJob, Job] = WeakValueDictionary()
        self._lock = threading.Lock()
        weakref.finalize(self, self.portal.leave, client).atexit = False  # then the portal closes all

    # --- calls ------------------------------------------------------------------------------
    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it in the loop and wait; errors come with their blocking job."""
        try:
            return self.portal.call(coroutine)
        except QuantumJobsError as error:
            self.told(error)
            raise

    def timed(
        self, coroutine: Coroutine[Any, Any, T], twin: AsyncJob, timeout: float | None, on_timeout: OnTimeout
    ) -> T:
        """The same for a wait for one job, which ends with `ResultTimeout` after so many seconds."""
        deadline = _checked(coroutine, timeout, on_timeout)
        if deadline is None or twin._at_hand():
            return self.call(coroutine)
        return self._within(deadline, coroutine, lambda: self._out_of_time(twin, timeout, on_timeout))

    def limited(self, coroutine: Coroutine[Any, Any, T], twin: AsyncJob, timeout: float | None, what: str) -> T:
        """The same for another question about a job, which may take its time also when the job is over."""
        deadline = _checked(coroutine, timeout, "keep")
        if deadline is None:
            return self.call(coroutine)

        def late() -> ResultTimeout:
            job = self.job(twin)
            message = f"{what} of job {job.id} is not there after {timeout:g} s; the job is {job.state}, and left alone"
            return ResultTimeout(message, job=job, token=job.id)

        return self._within(deadline, coroutine, late)

    def _within(self, deadline: float, coroutine: Coroutine[Any, Any, T], late: Callable[[], ResultTimeout]) -> T:
        """Run it and wait; at the deadline it is cancelled, and the error is raised that `late` gives."""
        future = self.portal.start(coroutine)
        try:
            try:
                return self.portal.wait(future, _left(deadline))
            except TimeoutError:
                if not future.cancel():  # the job's own error, or just in time
                    return self.portal.wait(future)
        except QuantumJobsError as error:
            self.told(error)
            raise
        finally:
            future.cancel()
            del future
        raise late()

    def _out_of_time(self, twin: AsyncJob, timeout: float | None, on_timeout: OnTimeout) -> ResultTimeout:
        job, outcome, after = self.job(twin), None, "it goes on"
        if on_timeout == "cancel":
            outcome = self._cancel(twin)
            after = f"asked to stop it: {outcome}" if outcome else "asked to stop it, and there is no answer yet"
        message = f"job {job.id} is {job.state} after {timeout:g} s; {after}"
        return ResultTimeout(message, job=job, token=job.id, cancel=outcome)

    def run(self, function: Callable[..., T], *args: Any, **options: Any) -> T:
        """Call a plain function of the async side in the loop, which is where it expects to be."""
        return self.call(_call(function, args, options))

    def stream(self, source: AsyncIterator[T]) -> Stream[T]:
        """An async iterator as a blocking one."""
        return Stream(self, source)

    def _cancel(self, twin: AsyncJob) -> CancelOutcome | None:
        future = self.portal.start(twin.cancel())
        try:
            return self.portal.wait(future, CANCEL_PATIENCE)
        except TimeoutError:  # the wish is kept, and goes on being asked
            return None
        except QuantumJobsError as error:
            log.warning("job %s ran out of time, and cannot be cancelled: %s", twin.id, error)
            return None

    # --- what goes over, and comes back -----------------------------------------------------
    @overload
    def job(self, twin: AsyncHybridJob) -> HybridJob: ...
    @overload
    def job(self, twin: AsyncJob) -> Job: ...
    def job(self, twin: AsyncJob) -> Job:
        """The blocking twin of a job; the same object as long as it is held."""
        job = self._jobs.get(twin)
        if job is None:
            from quantumjobs.engine.hybrid import HybridJob as AsyncHybridJob  # who has made a job has it already

            with self._lock:
                job = self._jobs.get(twin)
                if job is None:
                    kind = HybridJob if isinstance(twin, AsyncHybridJob) else Job
                    job = self._jobs[twin] = kind(self, twin)
        return job

    def callback(self, function: Callable[[Job], object]) -> Callback:
        """A done callback of the async side that calls a blocking one."""
        return Callback(self, function)

    def told(self, error: E) -> E:
        """The error, with the blocking twin of the job it is about."""
        twin = getattr(error, "job", None)
        if twin is not None and not isinstance(twin, Job):
            error.job = self.job(twin)  # type: ignore[union-attr]  # asked for just before
        return error


class Callback:
    """Equal to another one for the same function, so that it can be taken back."""

    __slots__ = ("_bridge", "_function")

    def __init__(self, bridge: Bridge, function: Callable[[Job], object]) -> None:
        self._bridge = bridge
        self._function = function

    def __call__(self, twin: AsyncJob) -> None:
        job = self._bridge.job(twin)
        self._bridge.portal.callback(lambda: self._function(job))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Callback) and self._function == other._function

    def __hash__(self) -> int:
        return hash(self._function)


class Group:
    """What `as_completed` has in place of a client's bridge: jobs of any client, held until they are yielded."""

    def __init__(self, timeout: float | None, on_timeout: OnTimeout) -> None:
        self._portal = portal()
        self._jobs: dict[AsyncJob, Job] = {}
        self._found: deque[AsyncJob] = deque()
        self._timeout = timeout
        self._deadline = _deadline(timeout, on_timeout)
        self._cancels = on_timeout == "cancel"

    def take(self, job: Job) -> AsyncJob:
        """The async twin, whose blocking one is held from now on."""
        if not isinstance(job, Job):
            raise UsageError(f"as_completed takes blocking jobs, not {type(job).__module__}.{type(job).__qualname__}")
        job._bridge.portal.check()
        self._jobs[job._twin] = job
        return job._twin

    def job(self, twin: AsyncJob) -> Job:
        """The blocking twin, let go."""
        return self._jobs.pop(twin)

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it in the loop and wait."""
        return self._portal.call(coroutine)

    def run(self, function: Callable[..., T], *args: Any, **options: Any) -> T:
        """Call a plain function of the async side in the loop."""
        return self._portal.call(_call(function, args, options))

    def next(self, source: AsyncIterator[AsyncJob]) -> AsyncJob:
        """The next one. Raises `StopIteration`, and `ResultTimeout` when all the time given has passed."""
        while True:
            with suppress(IndexError):
                return self._found.popleft()
            future = self._portal.start(self._find(source))
            try:
                if not self._portal.wait(future, None if self._deadline is None else _left(self._deadline)):
                    raise StopIteration
            except TimeoutError:
                if future.cancel():
                    raise self._late() from None
            finally:
                future.cancel()
                del future

    async def _find(self, source: AsyncIterator[AsyncJob]) -> bool:
        """Not handed over as a result: Ctrl-C may come just before somebody takes that, and no job shall be lost."""
        found = await anext(source, None)
        if found is not None:
            self._found.append(found)
        return found is not None

    def _late(self) -> ResultTimeout:
        late = [job for twin, job in self._jobs.items() if not twin.done()]
        if self._cancels:
            for job in late:
                self._portal.post(_asked(job._twin))
        after = "all are asked to stop" if self._cancels else "they go on"
        first = late[0] if late else None
        error = ResultTimeout(
            f"not over after {self._timeout:g} s: {len(late)} of the jobs; {after}",
            job=first,
            token=first.id if first is not None else "",
        )
        error.jobs = tuple(late)
        return error


async def _call(function: Callable[..., T], args: tuple[Any, ...], options: dict[str, Any]) -> T:
    return function(*args, **options)


async def _asked(twin: AsyncJob) -> None:
    try:
        await twin.cancel()
    except QuantumJobsError as error:
        log.warning("job %s ran out of time, and cannot be cancelled: %s", twin.id, error)


def _checked(coroutine: Coroutine[Any, Any, object], timeout: object, on_timeout: str) -> float | None:
    """The same; where it is refused, the coroutine is closed, which nobody awaits any more."""
    try:
        return _deadline(timeout, on_timeout)
    except UsageError:
        coroutine.close()
        raise


def _deadline(timeout: object, on_timeout: str) -> float | None:
    """On the monotonic clock. Raises `UsageError` for what is not a time."""
    if on_timeout not in ("keep", "cancel"):
        raise UsageError(f"on_timeout={on_timeout!r}: say 'keep' or 'cancel'")
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, SupportsFloat) or math.isnan(float(timeout)):
        raise UsageError(f"timeout={timeout!r}: seconds are needed, or None to wait without end")
    return time.monotonic() + float(timeout)


def _left(deadline: float) -> float:
    return min(max(0.0, deadline - time.monotonic()), threading.TIMEOUT_MAX)
