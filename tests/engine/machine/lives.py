"""Programs that may end at any instant: whatever a life started, ends with it, and nothing of it reaches anything more.

Tasks are told apart by a context variable, which they inherit; so are timers. What is outside of a program (a request
on its way, a write that the disk has begun) is done by tasks of nobody's, and may outlive it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any

_WHOSE: ContextVar[Life | None] = ContextVar("whose", default=None)
_numbers = itertools.count(1)


def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, *, context: Context | None = None, **more: Any) -> Any:
    """A task factory: a life's task is known to it, and does nothing once that has ended."""
    life = _WHOSE.get() if context is None else context.get(_WHOSE, None)
    task = asyncio.Task(coroutine, loop=loop, context=context, **more)
    if life is not None:
        life.tasks[task] = None
        if not life.alive:
            task.cancel()
    return task


def abroad(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Done by nobody here: no program's end ends it."""
    before = _WHOSE.set(None)
    try:
        task = asyncio.get_running_loop().create_task(coroutine)
    finally:
        _WHOSE.reset(before)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())  # whoever waits has it, if anybody does
    return task


class Life:
    """One program. `on_death` is called with whether what is under way still arrives."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.number = next(_numbers)
        self.loop = loop
        self.alive = True
        self.disowned = False
        self.tasks: dict[asyncio.Task[Any], None] = {}  # in the order of their making: sets would shuffle
        self.requests: dict[asyncio.Task[Any], None] = {}
        self.on_death: list[Callable[[bool], None]] = []
        self.trap: tuple[str, str] | None = None
        self.landing = False

    def __repr__(self) -> str:
        return f"life {self.number}"

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task of this program's."""
        return self.loop.create_task(coroutine, context=self._context())

    def call(self, function: Callable[..., object], *args: Any) -> None:
        """Something from outside reaches this program, if it lives."""
        if self.alive:
            self._context().run(function, *args)

    def _context(self) -> Context:
        context = copy_context()
        context.run(_WHOSE.set, self)
        return context

    def check(self) -> None:
        """Nothing of a program that has ended goes on."""
        if not self.alive:
            raise asyncio.CancelledError

    def passes(self, when: str, what: str) -> None:
        """A named moment, which may be its last."""
        self.check()
        if self.trap in ((when, what), (when, "*")):
            self.die(landing=self.landing)
            raise asyncio.CancelledError

    def die(self, *, landing: bool) -> None:
        """Kill -9. With `landing`, what is under way arrives all the same."""
        if not self.alive:
            return
        self.alive = False
        for hook in self.on_death:
            hook(landing)
        current = asyncio.current_task() if self.loop.is_running() else None
        for task in self.tasks:
            if task is not current and not task.done():
                task.cancel()
        if not landing:
            for request in self.requests:
                request.cancel()
