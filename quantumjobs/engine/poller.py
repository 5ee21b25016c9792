"""One poller for all jobs: a heap of due times per lane and family, one timer, and the cadence of `core.schedule`.

It decides when to look and at whom; `look` does it. Looks that hold have a task of their own each, outside the lane's
concurrency. A lane at its limit, held back by its traffic or broken keeps its due jobs; nobody else waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from math import ceil
from typing import TYPE_CHECKING

from quantumjobs.core.schedule import DueHeap, Pace, spacing
from quantumjobs.core.states import WATCHED, JobState
from quantumjobs.core.traits import Traits

if TYPE_CHECKING:
    from quantumjobs.engine.lane import Lane
    from quantumjobs.engine.tracked import Tracked
    from quantumjobs.engine.traffic import Passage

Look = Callable[["Watchlist", Sequence["Tracked"], "Passage"], None]
Turns = tuple[Sequence["Tracked"], "Passage"]
"""Jobs for one look, with their turns on the wire and their place in the traffic."""
SPREAD = 5.0
"""Seconds over which looks that are all due at once are spread, where they need it."""


class Watchlist:
    """The jobs of one lane and family that are looked at."""

    __slots__ = ("early", "heap", "lane", "pace", "traits")

    def __init__(self, lane: Lane, traits: Traits) -> None:
        self.lane = lane
        self.traits = traits
        self.pace: Pace = lane.policy.pace_of(traits)
        self.heap: DueHeap[Tracked] = DueHeap()
        self.early = 0.5 * self.pace.at_least
        """Seconds by which a look may come early when it goes along with others."""


class Poller:
    """Who is looked at when. `look` starts one look at some jobs of one lane; `wall` gives epoch seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wall: Callable[[], float], look: Look) -> None:
        self._loop = loop
        self._wall = wall
        self._look = look
        self._lists: dict[tuple[str, str, str], Watchlist] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def _list_of(self, job: Tracked) -> Watchlist:
        watchlist = job.watchlist
        if watchlist is None:
            key = (job.lane.key, job.lane.name, job.record.family)
            watchlist = self._lists.get(key)
            if watchlist is None:
                watchlist = self._lists[key] = Watchlist(job.lane, job.traits)
            job.watchlist = watchlist
        return watchlist

    def watch(self, job: Tracked) -> None:
        """Look at the job from now on."""
        watchlist = self._list_of(job)
        self._set(watchlist, job, 0.0 if job.traits.holds else watchlist.pace.first)

    def unwatch(self, job: Tracked) -> None:
        """Stop looking."""
        self._list_of(job).heap.discard(job)

    def soon(self, job: Tracked, delay: float = 0.0) -> None:
        """Look again after `delay` seconds, whatever the cadence says."""
        if job.record.state in WATCHED:
            self._set(self._list_of(job), job, delay)

    def again(self, job: Tracked) -> None:
        """Plan the next look at a job that was looked at, by its age and what is known; a plan made already stays."""
        record = job.record
        watchlist = self._list_of(job)
        if record.state not in WATCHED or job in watchlist.heap:
            return
        if job.traits.holds:
            self._set(watchlist, job, watchlist.pace.at_least)  # it may have answered at once, and would again
            return
        now = self._wall()
        # Of its state: hours in the queue say nothing of how long it runs.
        age = now - max(record.accepted_at or record.created_at, record.story[-1].at if record.story else 0.0)
        remaining: float | None = None
        if record.eta is not None:
            remaining = max(0.0, record.eta - now)
        elif record.state is JobState.RUNNING and record.progress is not None and record.progress.done:
            share = record.progress.done / max(1, record.progress.total)
            remaining = (now - record.story[-1].at) * (1 - share) / share if record.story else None
        wait = spacing(
            watchlist.pace,
            age=max(0.0, age),
            remaining=remaining,
            ahead=record.queue_position,
            waiting=len(watchlist.heap) + 1,
            bulk=job.traits.bulk,
        )
        if job.traits.bulk > 1:
            watchlist.early += 0.05 * (0.1 * wait - watchlist.early)  # a tenth of the usual spacing, as it changes
        self._set(watchlist, job, _shared(self._loop.time(), wait))

    def freed(self, lane: Lane) -> None:
        """A request of the lane has ended, so a look that is due may start."""
        for watchlist in self._lists.values():
            if watchlist.lane is lane:
                due = watchlist.heap.next_due()
                if due is not None and due <= self._loop.time():
                    self._serve(watchlist)
                    due = watchlist.heap.next_due()
                if due is not None:  # while the lane was full, nobody planned for it
                    self._arm(max(due, lane.traffic.free_at("poll")))

    def spread(self, lane: Lane, ahead: float = 0.0) -> None:
        """Looks of the lane that are due within `ahead` seconds go now, one after the other over some seconds."""
        now = self._loop.time()
        for watchlist in self._lists.values():
            if watchlist.lane is lane and (jobs := watchlist.heap.take(now + ahead)):
                rate = watchlist.pace.rate * watchlist.traits.bulk
                step = min(SPREAD, len(jobs) / rate) / len(jobs)
                for place, job in enumerate(jobs):
                    watchlist.heap.set(job, now + place * step)
                self._arm(now)

    @property
    def watches(self) -> bool:
        """True while a look is planned."""
        return any(len(watchlist.heap) for watchlist in self._lists.values())

    def close(self) -> None:
        """Forget everything, and begin no look any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._lists.clear()

    def _set(self, watchlist: Watchlist, job: Tracked, delay: float) -> None:
        due = self._loop.time() + delay
        watchlist.heap.set(job, due)
        self._arm(max(due, watchlist.lane.traffic.free_at("poll")))

    def _arm(self, due: float) -> None:
        if self._closed:
            return
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._wake)

    def _wake(self) -> None:
        self._timer = None
        for watchlist in list(self._lists.values()):
            self._serve(watchlist)
        due = min(
            (
                max(when, watchlist.lane.traffic.free_at("poll"))
                for watchlist in self._lists.values()
                if self._may_look(watchlist) and (when := watchlist.heap.next_due()) is not None
            ),
            default=None,
        )
        if due is not None:
            self._arm(due)

    def _may_look(self, watchlist: Watchlist) -> bool:
        lane = watchlist.lane
        return lane.fault is None and (watchlist.traits.holds or not lane.is_full)

    def _serve(self, watchlist: Watchlist) -> None:
        """Start the looks that are due and may go."""
        while turns := self._due(watchlist):
            if not watchlist.traits.holds:
                watchlist.lane.enter()
            self._look(watchlist, *turns)
        if watchlist.lane.traffic.quiet:
            return
        due = watchlist.heap.next_due()
        if due is not None and (free := watchlist.lane.traffic.free_at("poll")) > self._loop.time():
            self._arm(max(due, free))

    def next_after(self, watchlist: Watchlist) -> Turns | None:
        """For a look that has ended and keeps its place in the lane: the next jobs that are due; none, if it must go."""
        if watchlist.traits.holds or watchlist.lane.over_full:
            return None
        if watchlist.lane.has_pending and watchlist.lane.traffic.free_at("submit") <= self._loop.time():
            return None
        return self._due(watchlist, placed=True)

    def _due(self, watchlist: Watchlist, *, placed: bool = False) -> Turns | None:
        """Take jobs for one look, their turns on the wire, and their place in the traffic."""
        lane, heap = watchlist.lane, watchlist.heap
        now = self._loop.time()
        jobs: list[Tracked] = []
        while not jobs and (placed or self._may_look(watchlist)) and lane.fault is None:
            first = heap.next_due()
            if first is None or first > now or lane.traffic.free_at("poll") > now:
                break
            bulk = watchlist.traits.bulk
            # One request carries many: those that are nearly due go along, up to a fraction of their spacing early.
            for job in heap.take(now if bulk == 1 else now + watchlist.early, bulk):
                if job.wire.taken:  # a cancel is on the wire; its look comes after
                    heap.set(job, now + watchlist.pace.at_least)
                else:
                    job.wire.taken = True
                    jobs.append(job)
        return (jobs, lane.traffic.begin("poll", jobs[0].record.id)) if jobs else None


def _shared(now: float, wait: float) -> float:
    """The wait, longer by at most a tenth, so that jobs due at about the same time share a wake-up of the loop."""
    if wait < 2.0:
        return wait
    grid = 0.1 if wait < 10.0 else 1.0
    return ceil((now + wait) / grid) * grid - now
