"""One poller for all jobs: a heap of due times per lane and family, one timer, and the cadence of `core.schedule`.

It decides when to look and at whom; `look` does it. Looks that hold have a task of their own each, outside the lane's
concurrency. A lane at its limit, held back by its traffic or broken keeps its due jobs; nobody else waits for it.

Where the adapter gives surveys and enough jobs are watched, they are in a second heap (`Crowd`): `survey` asks about all
of them as soon as one is due. In the first are then only those that want a look of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from math import ceil, inf
from typing import TYPE_CHECKING

from quantumjobs.core.states import WATCHED
from quantumjobs.core.surveys import REST, asks_again, is_held
from quantumjobs.engine.watchlist import Crowd, Watchlist

if TYPE_CHECKING:
    from quantumjobs.engine.lane import Lane
    from quantumjobs.engine.tracked import Tracked
    from quantumjobs.engine.traffic import Passage

Look = Callable[[Watchlist, Sequence["Tracked"], "Passage"], None]
Survey = Callable[[Watchlist, Crowd], None]
Turns = tuple[Sequence["Tracked"], "Passage"]
"""Jobs for one look, with their turns on the wire and their place in the traffic."""
SPREAD = 5.0
"""Seconds over which looks that are all due at once are spread, where they need it."""


class Poller:
    """Who is looked at when. `look` starts one look at some jobs of one lane, `survey` one survey of a crowd, whose end
    `surveyed` must be told; `wall` gives epoch seconds.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, wall: Callable[[], float], look: Look, survey: Survey) -> None:
        self._loop = loop
        self._wall = wall
        self._look = look
        self._survey = survey
        self._lists: dict[tuple[str, str, str], Watchlist] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def _list_of(self, job: Tracked) -> Watchlist:
        watchlist = job.watchlist
        if watchlist is None:
            key = (job.lane.key, job.lane.name, job.record.family)
            watchlist = self._lists.get(key)
            if watchlist is None:
                watchlist = self._lists[key] = Watchlist(job.lane, job.record.family, job.traits)
            job.watchlist = watchlist
        return watchlist

    def watch(self, job: Tracked) -> None:
        """Look at the job from now on."""
        watchlist = self._list_of(job)
        self._set(watchlist, job, 0.0 if job.traits.holds else watchlist.pace.first)

    def unwatch(self, job: Tracked) -> None:
        """Stop looking."""
        watchlist = self._list_of(job)
        watchlist.heap.discard(job)
        if watchlist.crowd is not None:
            watchlist.crowd.leave(job)

    def soon(self, job: Tracked, delay: float = 0.0, *, alone: bool = False) -> None:
        """Look again after `delay` seconds, whatever the cadence says; `alone` where a survey's word would not do.

        It would not for a job that was cancelled: somebody waits for what comes of that.
        """
        if job.record.state in WATCHED:
            self._set(self._list_of(job), job, delay, alone=alone or job.record.cancel_wanted)

    def again(self, job: Tracked) -> None:
        """Plan the next look at a job that was looked at, by its age and what is known; a plan made already stays."""
        watchlist = self._list_of(job)
        if job.record.state not in WATCHED or job in watchlist.heap or not job.ours:  # taken over while it was asked
            return
        if job.traits.holds:
            self._set(watchlist, job, watchlist.pace.at_least)  # it may have answered at once, and would again
            return
        crowd = watchlist.crowd
        if crowd is not None and crowd.is_on:
            if job not in crowd.heap:
                wait = watchlist.spacing(job, self._wall(), len(crowd.members), crowd.per_page)
                self._set(watchlist, job, _shared(self._loop.time(), wait))
            return
        wait = watchlist.spacing(job, self._wall(), len(watchlist.heap) + 1, job.traits.bulk)
        if job.traits.bulk > 1:
            watchlist.early += 0.05 * (0.1 * wait - watchlist.early)  # a tenth of the usual spacing, as it changes
        self._set(watchlist, job, _shared(self._loop.time(), wait))

    def freed(self, lane: Lane) -> None:
        """A request of the lane has ended, so a look that is due may start."""
        for watchlist in self._lists.values():
            if watchlist.lane is lane:
                if watchlist.crowd is not None:
                    self._gather(watchlist)
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
            if watchlist.lane is not lane:
                continue
            if watchlist.crowd is not None:  # one survey is for all of them
                watchlist.crowd.slept(now, ahead)
                self._gather(watchlist)
            if jobs := watchlist.heap.take(now + ahead):
                rate = watchlist.pace.rate * watchlist.traits.bulk
                step = min(SPREAD, len(jobs) / rate) / len(jobs)
                for place, job in enumerate(jobs):
                    watchlist.heap.set(job, now + place * step)
                self._arm(now)

    @property
    def watches(self) -> bool:
        """True while a look is planned."""
        return any(
            len(watchlist.heap) or (watchlist.crowd is not None and watchlist.crowd.members)
            for watchlist in self._lists.values()
        )

    def close(self) -> None:
        """Forget everything, and begin no look any more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._lists.clear()

    def _set(self, watchlist: Watchlist, job: Tracked, delay: float, *, alone: bool = False) -> None:
        due = self._loop.time() + delay
        crowd = watchlist.crowd
        if crowd is not None:
            crowd.enter(job)
            if crowd.is_on and not alone:
                watchlist.heap.discard(job)
                crowd.heap.set(job, due)
                if not crowd.under_way:
                    self._arm(max(due, crowd.rounds.next_at))
                return
            crowd.heap.discard(job)
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
            (when for watchlist in self._lists.values() if (when := self._next(watchlist)) is not None), default=None
        )
        if due is not None:
            self._arm(due)

    def _next(self, watchlist: Watchlist) -> float | None:
        """When the list is to be served again, as far as that is a matter of time."""
        traffic = watchlist.lane.traffic
        due = watchlist.heap.next_due() if self._may_look(watchlist) else None
        if due is not None:
            due = max(due, traffic.free_at("poll"))
        crowd = watchlist.crowd
        if crowd is None or crowd.under_way or watchlist.lane.fault is not None:
            return due
        begins = crowd.heap.next_due()
        if begins is None:
            return due
        return min(inf if due is None else due, max(begins, crowd.rounds.next_at, traffic.free_at("survey")))

    def _may_look(self, watchlist: Watchlist) -> bool:
        lane = watchlist.lane
        return lane.fault is None and (watchlist.traits.holds or not lane.is_full)

    def _serve(self, watchlist: Watchlist) -> None:
        """Start the looks that are due and may go."""
        if not watchlist.plain:
            self._gather(watchlist)
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
        if not watchlist.plain:
            self._gather(watchlist)
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
        if not jobs:
            return None
        if watchlist.crowd is not None:
            watchlist.crowd.looked.update(dict.fromkeys(jobs, self._wall()))
        return jobs, lane.traffic.begin("poll", jobs[0].record.id)

    # --- surveys ------------------------------------------------------------------------------
    def surveys(self, watchlist: Watchlist) -> bool:
        """Whether the list's jobs are surveyed now."""
        self._gather(watchlist)
        return watchlist.crowd is not None and watchlist.crowd.is_on

    def _gather(self, watchlist: Watchlist) -> None:
        """Decide whether the list's jobs are surveyed or looked at one by one, and begin a survey if it is time."""
        lane, crowd = watchlist.lane, watchlist.crowd
        if crowd is None and (crowd := watchlist.learn()) is None:
            return
        if crowd.under_way or lane.fault is not None or self._closed:
            return
        now, rounds = self._loop.time(), crowd.rounds
        free = lane.traffic.free_at("survey")
        if is_held(now, surveys=free, looks=lane.traffic.free_at("poll")):
            rounds.rest(min(free, now + REST))
        if rounds.serve(now, len(crowd.members)) is not crowd.is_on:
            watchlist.change(crowd, now)
            first = watchlist.heap.next_due()
            if first is not None:
                self._arm(max(first, lane.traffic.free_at("poll")))
        due = crowd.heap.next_due()
        if due is None:
            return
        begins = max(due, rounds.next_at, free)
        if begins > now:
            self._arm(begins)
            return
        later = now + watchlist.pace.at_least
        crowd.ask(later)
        if not crowd.asked:
            self._arm(later)
            return
        crowd.under_way = True
        rounds.begin(now, len(crowd.asked))
        self._survey(watchlist, crowd)

    def closer(self, job: Tracked, crowd: Crowd) -> None:
        """A survey saw something that only a look at the job explains; after the first, they keep their distance."""
        if self._may_ask(job, crowd, crowd.looked.get(job) if job in crowd.questions else None):
            self.soon(job, alone=True)
        else:
            self.again(job)
        crowd.questions.add(job)

    def _may_ask(self, job: Tracked, crowd: Crowd, last: float | None) -> bool:
        """Whether looks that come by themselves would come to the job by now."""
        now = self._wall()
        wait = self._list_of(job).spacing(job, now, len(crowd.members), job.traits.bulk)
        return asks_again(now, last=last, spacing=wait)

    def surveyed(self, watchlist: Watchlist, crowd: Crowd, *, whole: bool) -> None:
        """A survey has ended: plan for those that it did not tell of. A `whole` one does not know them."""
        place, step = 0, 1.0 / (watchlist.pace.rate * watchlist.traits.bulk)
        for job in crowd.end():
            if not whole:
                self._set(watchlist, job, 0.0)
            elif self._may_ask(job, crowd, crowd.looked.get(job, job.record.accepted_at or job.record.created_at)):
                self.soon(job, place * step, alone=True)
                place += 1
            else:
                self.again(job)
        self._gather(watchlist)


def _shared(now: float, wait: float) -> float:
    """The wait, longer by at most a tenth, so that jobs due at about the same time share a wake-up of the loop."""
    if wait < 2.0:
        return wait
    grid = 0.1 if wait < 10.0 else 1.0
    return ceil((now + wait) / grid) * grid - now
