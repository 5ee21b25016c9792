"""What waits: calls in the order they are served, and the memory that decides whether a large one may begin.

No process and no loop in here: ``pool`` asks what comes next.
"""

from __future__ import annotations

import asyncio
import heapq
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from quantumjobs.workers.envelope import Report

if TYPE_CHECKING:
    from quantumjobs.workers.hand import Hand

__all__ = ["Backlog", "Budget", "Pending", "physical_memory"]

_URGENT_IN_A_ROW = 8


class Pending:
    """One call from ``run`` to its answer. ``holder`` is the worker that is answerable for it, None while it waits."""

    __slots__ = (
        "begun", "body", "cancelled_at", "delivery", "function", "future", "heavy", "holder", "key", "losses", "memory",
        "report", "started",
    )  # fmt: skip

    def __init__(self, function: str, body: bytes, future: asyncio.Future[bytes], key: tuple[int, int]) -> None:
        self.function = function
        self.body = body
        self.future = future
        self.key = key
        self.heavy = False
        self.memory = 0
        self.report: Report | None = None
        self.started: Callable[[], None] | None = None
        self.begun = False
        self.losses = 0
        self.holder: Hand | None = None
        self.delivery = -1
        self.cancelled_at: float | None = None

    @property
    def is_urgent(self) -> bool:
        """Somebody waits for it before anything else can begin."""
        return self.key[0] < 0

    def __lt__(self, other: Pending) -> bool:
        return self.key < other.key


class Budget:
    """Memory shared by the running calls. One alone is always let in: it may need more than we believe there is."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.used = 0
        self._holders = 0

    def fits(self, amount: int) -> bool:
        return not self._holders or self.used + amount <= self.total

    def take(self, amount: int) -> None:
        self.used += amount
        self._holders += 1

    def give_back(self, amount: int) -> None:
        self.used -= amount
        self._holders -= 1


class Backlog:
    """Queues, each by rank and then by age: urgent and other light calls, heavy ones, those that must fit the budget.

    A large call that does not fit holds back the large ones behind it, so that it is not overtaken for ever, and
    nobody else.
    """

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._light = _Queue()
        self._urgent = _Queue()
        self._urgent_in_a_row = 0
        self._heavy = _Queue()
        self._large = _Queue()

    @property
    def light(self) -> int:
        return self._light.alive + self._urgent.alive

    def push(self, call: Pending) -> None:
        self._queue_of(call).push(call)

    def discard(self, call: Pending) -> None:
        """Forget a waiting call whose future is done."""
        self._queue_of(call).discard(call)

    def next_light(self) -> Pending | None:
        """Take the next light call: an urgent one, but after a row of those another, or a burst would idle the rest.

        (Two hundred jobs submitted at once: the first are simulated while the others are being prepared.)
        """
        turn = self._urgent_in_a_row >= _URGENT_IN_A_ROW and self._light.alive
        call = (self._light.pop() if turn else None) or self._urgent.pop()
        if call is None:
            call = self._light.pop()
        self._urgent_in_a_row = self._urgent_in_a_row + 1 if call is not None and call.is_urgent else 0
        return call

    def next_heavy(self, *, urgent: bool = False) -> Pending | None:
        """Take the next heavy call that may begin; its memory is counted from now on. `urgent`: only such."""
        heavy, large = self._heavy.first(), self._large.first()
        if urgent:
            heavy = heavy if heavy is not None and heavy.is_urgent else None
            large = large if large is not None and large.is_urgent else None
            if heavy is None and large is None:
                return None
        if large is not None and (heavy is None or large < heavy) and self.budget.fits(large.memory):
            self.budget.take(large.memory)
            return self._large.pop()
        return None if heavy is None else self._heavy.pop()

    def drain(self) -> list[Pending]:
        return [call for queue in (self._urgent, self._light, self._heavy, self._large) for call in queue.drain()]

    def _queue_of(self, call: Pending) -> _Queue:
        if not call.heavy:
            return self._urgent if call.is_urgent else self._light
        return self._large if call.memory else self._heavy


class _Queue:
    def __init__(self) -> None:
        self._heap: list[Pending] = []
        self.alive = 0

    def push(self, call: Pending) -> None:
        heapq.heappush(self._heap, call)
        self.alive += 1

    def discard(self, call: Pending) -> None:
        # Cancelled calls are passed over when their turn comes; a heap of mostly such is made anew.
        call.body = b""
        self.alive -= 1
        if len(self._heap) > 64 and self.alive * 2 < len(self._heap):
            self._heap = [each for each in self._heap if not each.future.done()]
            heapq.heapify(self._heap)

    def first(self) -> Pending | None:
        while self._heap and self._heap[0].future.done():
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else None

    def pop(self) -> Pending | None:
        if self.first() is None:
            return None
        self.alive -= 1
        return heapq.heappop(self._heap)

    def drain(self) -> list[Pending]:
        calls = [call for call in self._heap if not call.future.done()]
        self._heap, self.alive = [], 0
        return calls


def physical_memory() -> int:
    """Give the bytes this process may hope for: the machine's memory, or its container's share."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        total = 8 << 30  # Windows does not say without a library
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
        return min(total, int(limit))
    except (OSError, ValueError):  # no control group, or "max"
        return total
