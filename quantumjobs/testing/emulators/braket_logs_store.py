"""Log streams of CloudWatch Logs: what was written to them, and what of it is seen by now.

Moments called `now` are seconds of the loop; times of events are milliseconds since the epoch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

from quantumjobs.errors import UsageError

PAGE = 10_000
"""Events that a page has at most."""
PAGE_BYTES = 1 << 20
OVERHEAD = 26
"""Bytes that an event counts besides its message."""


class LogSettings(Struct, forbid_unknown_fields=True):
    """How the logs are told; all may be changed while they are served."""

    page: int = PAGE
    """Events in a page at most."""
    empty_every: int = 0
    """Every so many pages there is an empty one, and more after it; 0 for none."""
    lag: float = 0.0
    """Seconds after which a line that was written is seen."""
    token_life: float = 86_400.0
    """Seconds for which the token of a page is good."""
    query_looks: int = 0
    """So often a query is looked at before it is over."""
    query_end: Literal["Complete", "Failed", "Cancelled", "Timeout"] = "Complete"

    def __post_init__(self) -> None:
        if self.page < 1 or self.empty_every < 0 or self.lag < 0 or self.query_looks < 0 or self.empty_every == 1:
            raise UsageError("page is 1 or more, empty_every 0, or 2 or more, and no number is negative")


class Event(NamedTuple):
    """One line."""

    at: int
    message: str
    ingested: int

    @property
    def size(self) -> int:
        """In bytes, as pages are measured."""
        return len(self.message.encode()) + OVERHEAD

    @property
    def sent(self) -> dict[str, int | str]:
        """As it is told."""
        return {"timestamp": self.at, "message": self.message, "ingestionTime": self.ingested}


class Stream(ABC):
    """Events in the order of their times."""

    def __init__(self, name: str, number: int, created: int) -> None:
        self.name = name
        self.number = number
        """Of all streams."""
        self.created = created

    @abstractmethod
    def count(self, now: float) -> int:
        """How many events are seen."""

    @abstractmethod
    def event(self, place: int) -> Event:
        """One of them, from 0."""

    def window(self, now: float, start: int | None, end: int | None) -> range:
        """Places of the events that are seen, from `start` on and before `end`."""
        seen = range(self.count(now))
        first = 0 if not start else bisect_left(seen, start, key=self._at)
        return range(first, len(seen) if end is None else max(first, bisect_left(seen, end, key=self._at)))

    def latest(self, now: float) -> int:
        """The time of the last event; of the stream's making where there is none."""
        count = self.count(now)
        return self.event(count - 1).at if count else self.created

    def filled(self, places: range, limit: int) -> range:
        """As many of these places as a page takes."""
        size = 0
        for number, place in enumerate(places[:limit]):
            size += self.event(place).size
            if number and size > PAGE_BYTES:
                return places[:number]
        return places[:limit]

    def told(self, places: range) -> Iterator[tuple[int, str, int, Stream]]:
        """Time, stream's name, place and stream of each, which can be put in order with those of others."""
        for place in places:
            yield self.event(place).at, self.name, place, self

    def _at(self, place: int) -> int:
        return self.event(place).at


class Written(Stream):
    """What a program writes."""

    def __init__(self, name: str, number: int, created: int) -> None:
        super().__init__(name, number, created)
        self._events: list[Event] = []
        self._seen_from: list[float] = []

    def write(self, event: Event, seen_from: float) -> None:
        """One more line, which is shown from a moment on."""
        latest = self._events[-1].at if self._events else 0
        self._events.append(event._replace(at=max(event.at, latest)))
        self._seen_from.append(max(seen_from, self._seen_from[-1]) if self._seen_from else seen_from)

    def count(self, now: float) -> int:
        return bisect_right(self._seen_from, now)

    def event(self, place: int) -> Event:
        return self._events[place]


class Invented(Stream):
    """Lines that come at a rate and that no program writes: the n-th at `since` + n / `rate` seconds of the loop.

    They are made when they are read, so that a hundred thousand take no memory.
    """

    def __init__(
        self, name: str, number: int, created: int, *, lines: int | Sequence[str], rate: float, since: float, lag: float
    ) -> None:
        super().__init__(name, number, created)
        self.lines = lines
        self.rate = rate
        self.since = since
        self._lag = lag
        self._until: float | None = None
        self._label = name.rpartition("/")[2].rpartition("-")[0]

    @property
    def length(self) -> int:
        """How many lines there will be."""
        return self.lines if isinstance(self.lines, int) else len(self.lines)

    def stop(self, now: float) -> None:
        """No line is written any more."""
        self._until = now

    def count(self, now: float) -> int:
        written = now - self._lag if self._until is None else min(now - self._lag, self._until)
        if written < self.since:
            return 0
        return min(self.length, int((written - self.since) * self.rate) + 1)

    def event(self, place: int) -> Event:
        at = self.created + int(place / self.rate * 1000)
        message = f"{self._label} line {place}" if isinstance(self.lines, int) else self.lines[place]
        return Event(at, message, at)
