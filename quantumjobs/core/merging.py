"""Several streams of log lines made into one, by time, a page at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heapreplace
from math import inf

from quantumjobs.core.logs import LogLine


class Merge:
    """Merges streams' pages, and keeps no more of each stream than was put and not taken.

    The order within a stream never changes, whatever its times say. Across streams the line with the least time is
    next; one without a time follows the line before it at once. A stream that has ended for now does not hold the others up:
    what it writes later comes later.
    """

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}

    def put(self, stream: str, lines: Iterable[LogLine], *, at_end: bool) -> None:
        """The next page of a stream. `at_end`: there is nothing behind it by now."""
        known = self._streams.setdefault(stream, _Stream())
        known.lines.extend(lines)
        known.at_end = at_end

    def needs(self) -> list[str]:
        """The streams whose next page must be put before anything more can be taken, in the order of their first pages."""
        return [name for name, stream in self._streams.items() if stream.is_needed]

    def take(self) -> Iterator[LogLine]:
        """The lines whose turn it is. They are made as they are asked for, and what is not asked for stays.

        Nothing may be put before this is used up or given up.
        """
        if self.needs():
            return
        heap = [(stream.time, at, stream) for at, stream in enumerate(self._streams.values()) if stream.lines]
        heapify(heap)
        while heap:
            _, at, stream = heap[0]
            yield stream.lines.popleft()
            if stream.lines:
                heapreplace(heap, (stream.time, at, stream))
            elif stream.at_end:
                heappop(heap)
            else:
                return


class _Stream:
    __slots__ = ("at_end", "lines")

    def __init__(self) -> None:
        self.lines: deque[LogLine] = deque()
        self.at_end = False

    @property
    def is_needed(self) -> bool:
        return not self.lines and not self.at_end

    @property
    def time(self) -> float:
        """Of the next line; without one it is next, since the line before it has been taken."""
        at = self.lines[0].at
        return -inf if at is None else at
