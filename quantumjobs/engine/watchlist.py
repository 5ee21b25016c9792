"""The jobs of one lane and family that are looked at: one heap, and a second where many are told of at once."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from quantumjobs.abc import Adapter, Surveys
from quantumjobs.core.schedule import DueHeap, Pace, spacing
from quantumjobs.core.states import JobState
from quantumjobs.core.surveys import Rounds
from quantumjobs.core.traits import Traits

if TYPE_CHECKING:
    from quantumjobs.engine.lane import Lane
    from quantumjobs.engine.tracked import Tracked


class Crowd:
    """What a watchlist keeps besides, where its adapter gives surveys."""

    __slots__ = ("asked", "heap", "is_on", "looked", "members", "per_page", "questions", "rounds", "under_way")

    def __init__(self, surveys: Surveys, rate: float) -> None:
        self.per_page = surveys.per_page
        self.rounds = Rounds(at_least=surveys.survey_from, worth=surveys.worth, rate=rate)
        self.is_on = False
        """Else the jobs are looked at one by one, and `heap` is empty."""
        self.heap: DueHeap[Tracked] = DueHeap()
        """Those that the next survey asks about: it begins when the first of them is due."""
        self.members: set[Tracked] = set()
        """All of the watchlist."""
        self.looked: dict[Tracked, float] = {}
        """When they were looked at alone, epoch seconds."""
        self.questions: set[Tracked] = set()
        """Those of which a survey said last that they want a closer look."""
        self.under_way = False
        self.asked: dict[Tracked, None] = {}
        """Those that the survey under way has not told of, in order; nothing else is planned for them."""

    def enter(self, job: Tracked) -> None:
        """The job has a plan: of its own, whatever a survey under way will say of it."""
        self.members.add(job)
        self.asked.pop(job, None)

    def leave(self, job: Tracked) -> None:
        """The job is not watched any more."""
        self.heap.discard(job)
        self.members.discard(job)
        self.questions.discard(job)
        self.looked.pop(job, None)
        self.asked.pop(job, None)

    def ask(self, later: float) -> None:
        """Take all for a survey but those that are looked at or cancelled just now: their turn is `later`."""
        for job in self.heap.take(inf):
            if job.wire.taken:
                self.heap.set(job, later)
            else:
                self.asked[job] = None

    def end(self) -> list[Tracked]:
        """No survey is under way any more. Those that it did not tell of."""
        left, self.asked, self.under_way = list(self.asked), {}, False
        return left

    def slept(self, now: float, seconds: float) -> None:
        """The machine did: what was due meanwhile is due now."""
        self.rounds.slept(seconds)
        for job in self.heap.take(now + seconds):
            self.heap.set(job, now)


class Watchlist:
    """The jobs of one lane and family that are looked at."""

    __slots__ = ("crowd", "early", "family", "heap", "lane", "pace", "plain", "traits")

    def __init__(self, lane: Lane, family: str, traits: Traits) -> None:
        self.lane = lane
        self.family = family
        self.traits = traits
        self.pace: Pace = lane.policy.pace_of(traits)
        self.heap: DueHeap[Tracked] = DueHeap()
        self.early = 0.5 * self.pace.at_least
        """Seconds by which a look may come early when it goes along with others."""
        self.plain = False
        """No surveys are given here, as is known once the lane is connected ..."""
        self.crowd: Crowd | None = None
        """... or they are."""

    def spacing(self, job: Tracked, now: float, waiting: int, bulk: int) -> float:
        """Seconds to the next look at one of its jobs, of which so many wait; `now` is epoch seconds."""
        record = job.record
        # Of its state: hours in the queue say nothing of how long it runs.
        age = now - max(record.accepted_at or record.created_at, record.story[-1].at if record.story else 0.0)
        remaining: float | None = None
        if record.eta is not None:
            remaining = max(0.0, record.eta - now)
        elif record.state is JobState.RUNNING and record.progress is not None and record.progress.done:
            share = record.progress.done / max(1, record.progress.total)
            remaining = (now - record.story[-1].at) * (1 - share) / share if record.story else None
        return spacing(
            self.pace,
            age=max(0.0, age),
            remaining=remaining,
            ahead=record.queue_position,
            waiting=waiting,
            bulk=bulk,
        )

    def learn(self) -> Crowd | None:
        """What the lane's adapter can do, once it is connected; None where it gives no surveys, or none are allowed."""
        lane = self.lane
        if self.crowd is not None or self.plain or lane.capability(Adapter) is None:
            return self.crowd
        surveys = lane.capability(Surveys)
        allowed = lane.policy.rates.get("survey") or self.traits.rates.get("survey")
        rate = self.pace.rate if allowed is None else allowed.per_second
        if surveys is None or self.traits.holds or rate <= 0:
            self.plain = True
            return None
        self.crowd = Crowd(surveys, rate)
        for due, job in _all_of(self.heap):
            self.heap.set(job, due)
            self.crowd.members.add(job)
        return self.crowd

    def change(self, crowd: Crowd, now: float) -> None:
        """From single looks to surveys; or back, at no more than the pace's rate."""
        crowd.is_on = not crowd.is_on
        if crowd.is_on:
            for due, job in _all_of(self.heap):
                crowd.heap.set(job, due)
            return
        rate = self.pace.rate * self.traits.bulk
        for place, (due, job) in enumerate(_all_of(crowd.heap)):
            self.heap.set(job, max(due, now + place / rate))


def _all_of(heap: DueHeap[Tracked]) -> list[tuple[float, Tracked]]:
    """Empty the heap: what was in it, earliest first."""
    taken: list[tuple[float, Tracked]] = []
    while (due := heap.next_due()) is not None:
        taken += [(due, job) for job in heap.take(due)]
    return taken
