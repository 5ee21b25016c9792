"""An event loop whose time jumps over idle waits: a day in the queue takes a millisecond.

    async def test_a_day():
        await asyncio.sleep(86_400)

    run(test_a_day())

When no callback is ready and no file descriptor is, `time()` jumps to the next timer. A loop that has nothing left to
wait for raises `Deadlock`, naming the tasks, where a real one would hang; one that goes
on without its time going on raises `Livelock`.

Not for other threads, processes or sockets: nobody tells this clock that they are working, so a timeout around them
would end at once. Work given to `run_in_executor` is the exception: time stands still until it is done. A call from
another thread ends the loop with an error. Test such code on asyncio's own loop and in real time.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Callable, Coroutine
from math import inf, ulp
from typing import Any, TypeVar

T = TypeVar("T")

_REAL_LOOKS = 1024
"""So many idle iterations go without a system call: often enough for a signal, rare enough to cost nothing."""


class Deadlock(RuntimeError):
    """Nothing will ever happen again: no timer, no file descriptor, and somebody still waits."""


class Livelock(RuntimeError):
    """Callbacks go on for ever at one moment: somebody asks again and again without waiting."""


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[valid-type, misc, unused-ignore]  # chosen by platform
    """Tells the loop to jump instead of waiting, and makes system calls only for others than the loop's own pipe."""

    def __init__(self) -> None:
        super().__init__()
        self._others = -1  # the loop registers its own pipe first
        self._idle = 0
        self._spins = 0  # iterations at one moment
        self.loop: VirtualLoop

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        self._others += 1
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = super().unregister(fileobj)
        self._others -= 1
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        loop = self.loop
        if loop._intruder:
            loop._throw_out()
        self._idle += 1
        if self._others > 0 or self._idle > _REAL_LOOKS:
            self._idle = 0
            if events := super().select(0):
                self._spins = 0
                return events
        if timeout == 0:
            self._spins += 1
            if self._spins > loop.patience:
                raise Livelock(loop._report(f"{self._spins} iterations of this loop, and its time stands still"))
            return []
        self._spins = 0
        if loop._executing or (timeout is None and self._others > 0):
            return super().select(None)  # for real; the clock stands still
        loop._jump()
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's loop with a clock of its own. `time()` starts at 0, `wall_time()` at `EPOCH`."""

    EPOCH = 1_767_225_600.0
    """2026-01-01, so that two runs of a test show the same times."""

    patience: float = 2_000_000
    """Iterations at one moment after which the loop gives up."""

    def __init__(self) -> None:
        self._now = 0.0
        self._slept = 0.0
        self._executing = 0
        self._intruder = ""
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Seconds since the loop was made, in its own time."""
        return self._now

    def wall_time(self) -> float:
        """Seconds since the epoch: what `time.time()` would say in this loop's world."""
        return self.EPOCH + self._now + self._slept

    def suspend(self, seconds: float) -> None:
        """The machine slept: the wall clock is ahead by `seconds`, the loop's clock noticed nothing."""
        self._slept += seconds

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.Handle:
        """In the loop's own thread a plain `call_soon`; from another thread an error that ends the loop."""
        owner = getattr(self, "_thread_id", None)
        if owner == threading.get_ident():
            return self.call_soon(callback, *args, context=context)
        if owner is not None and not self._executing:
            self._intruder = threading.current_thread().name
        return super().call_soon_threadsafe(callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Run in a thread; time stands still until it is done."""
        future = super().run_in_executor(executor, func, *args)
        self._executing += 1
        future.add_done_callback(self._executed)
        return future

    def _executed(self, _: object) -> None:
        self._executing -= 1

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002 - real seconds mean nothing here
        """Join the executor's threads; time stands still until they have ended."""
        self._executing += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self._executing -= 1

    def _throw_out(self) -> None:
        name, self._intruder = self._intruder, ""
        raise RuntimeError(
            f"thread {name!r} called into a VirtualLoop, whose clock cannot wait for threads; "
            "run this on asyncio's own loop and in real time"
        )

    def _jump(self) -> None:
        """Nothing is ready: go to the next timer."""
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]
        when = timers[0].when() if timers else inf
        if when == inf:
            what = "nothing will ever happen on this loop: no timer, nothing ready, no file descriptor; threads do not count"
            raise Deadlock(self._report(what))
        if when > self._now:
            self._now = when
            # asyncio runs what is due within the clock's resolution; below the spacing of floats it would find nothing
            self._clock_resolution = max(1e-9, 2 * ulp(when))

    def _report(self, what: str) -> str:
        tasks = sorted(asyncio.all_tasks(self), key=lambda task: task.get_name())
        lines = [f"\n  {task.get_name()}: {_place(task)}" for task in tasks[:20]]
        more = f"\n  and {len(tasks) - 20} more" if len(tasks) > 20 else ""
        return f"{what}. {len(tasks)} pending tasks:{''.join(lines)}{more}"


def _place(task: asyncio.Task[Any]) -> str:
    """What a task is, and where it waits."""
    coroutine: Any = task.get_coro()
    name = getattr(coroutine, "__qualname__", repr(coroutine))
    inner = coroutine
    while (following := getattr(inner, "cr_await", None)) is not None and hasattr(following, "cr_frame"):
        inner = following
    frame = getattr(inner, "cr_frame", None)
    if frame is None:
        return str(name)
    return f"{name}, waiting in {inner.__qualname__} ({frame.f_code.co_filename}:{frame.f_lineno})"


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run on a fresh `VirtualLoop`; what is left over is cancelled and awaited, as `asyncio.run` does."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)
