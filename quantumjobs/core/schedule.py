"""When to look again: a heap of due times, and the cadence as a pure function. Time is always an argument."""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from math import sqrt
from typing import Generic, TypeVar

from msgspec import Struct

K = TypeVar("K", bound=Hashable)


class DueHeap(Generic[K]):
    """Keys, each with one due time. Setting a key again moves it; a moved entry's old place is dropped lazily."""

    __slots__ = ("_due", "_heap", "_serial")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, K]] = []
        self._due: dict[K, int] = {}
        self._serial = 0

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, key: K) -> bool:
        return key in self._due

    def set(self, key: K, due: float) -> None:
        """Make `key` due at `due`, wherever it stood before."""
        self._serial += 1
        self._due[key] = self._serial
        heapq.heappush(self._heap, (due, self._serial, key))
        if len(self._heap) > 64 and len(self._heap) > 4 * len(self._due):  # mostly moved entries: rebuild once
            self._heap = [entry for entry in self._heap if self._due.get(entry[2]) == entry[1]]
            heapq.heapify(self._heap)

    def discard(self, key: K) -> None:
        """Forget `key`; nothing happens when it is not there."""
        self._due.pop(key, None)

    def next_due(self) -> float | None:
        """The earliest due time, or None when empty."""
        while self._heap:
            due, serial, key = self._heap[0]
            if self._due.get(key) == serial:
                return due
            heapq.heappop(self._heap)
        return None

    def take(self, now: float, limit: int | None = None) -> list[K]:
        """Remove and return the keys due at `now`, earliest first, at most `limit`."""
        taken: list[K] = []
        while self._heap and self._heap[0][0] <= now and (limit is None or len(taken) < limit):
            _, serial, key = heapq.heappop(self._heap)
            if self._due.get(key) == serial:
                del self._due[key]
                taken.append(key)
        return taken


class Pace(Struct, frozen=True, kw_only=True):
    """The bounds of one lane's cadence. Seconds, and looks per second."""

    first: float = 0.25
    """From acceptance to the first look."""
    at_least: float = 0.5
    at_most: float = 300.0
    rate: float = 50.0
    """Requests per second that all looks of the lane together may reach."""
    band: float = 4.0
    """A hint may shorten the age's spacing by this factor and lengthen it by half of it, no further."""


def spacing(
    pace: Pace,
    *,
    age: float,
    remaining: float | None = None,
    ahead: int | None = None,
    waiting: int = 1,
    bulk: int = 1,
) -> float:
    """Seconds until the next look at a job that entered its state `age` seconds ago.

    By age: a tenth of it while young, its square root later, so that the delay stays small against what is waited for.
    Hints count only within a band around that (a wrong estimate must not starve a job): `remaining` seconds as told or
    extrapolated from progress, and `ahead`, the jobs before it in the queue (near the front often, far back rarely).
    `waiting` jobs share the lane's `rate`, `bulk` of them a request.
    """
    by_age = max(pace.at_least, min(0.1 * age, sqrt(age)))
    want = by_age
    if remaining is not None:
        want = max(remaining, 0.1 * by_age)  # right after it should be done
    elif ahead is not None:
        want = by_age * min(2.0, 0.25 + 0.175 * ahead)
    want = min(max(want, by_age / pace.band), by_age * pace.band / 2)
    fair = waiting / (pace.rate * bulk)
    return min(max(want, fair, pace.at_least), max(pace.at_most, fair))
