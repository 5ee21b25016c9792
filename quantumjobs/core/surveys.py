"""Whether many jobs are surveyed or looked at one by one, and when the next survey may begin. Time is always an argument.

A survey is read page by page, each page a request. It is worth that where its pages tell of enough of the jobs asked
about, and where somebody answers at all; else it rests, and the jobs are looked at one by one until it is tried again.
"""

from __future__ import annotations

from math import inf

LEAST_PAGES = 3
"""So many are asked for, however few the jobs."""
FAILURES = 3
"""Surveys in a row that may fail before they rest."""
HELD = 15.0
"""Seconds that jobs wait for a survey which is held back: then they are looked at one by one."""
REST = 60.0
"""Seconds for which surveys rest that failed, were held back, or told little; twice as long when the next is no better."""
LONG = 600.0
"""Seconds for which they rest at most, and where the provider has said no: rights are seldom given at once."""


class Rounds:
    """The surveys of one list of jobs, one after the other. Seconds are those of the caller's clock.

    `at_least` jobs are worth a survey, and a page is worth a request if it tells of `worth` of them, on the average of all
    pages: nobody knows in which order they come. `rate` is pages per second.
    """

    __slots__ = ("_began", "_jobs", "_pages", "_poor", "_told", "at_least", "failures", "next_at", "rate", "rests_until",
                 "worth")  # fmt: skip

    def __init__(self, *, at_least: int, worth: int, rate: float) -> None:
        self.at_least = at_least
        self.worth = max(1, worth)
        self.rate = rate
        self.next_at = -inf
        """When the next one may begin: the pages of the last have used up the rate until then."""
        self.rests_until = -inf
        self.failures = 0
        """In a row."""
        self._began = -inf
        self._jobs = 0
        self._poor = 0
        self._pages = 0
        self._told = 0

    def serve(self, now: float, jobs: int) -> bool:
        """Whether so many jobs are surveyed now."""
        return jobs >= self.at_least and now >= self.rests_until

    def begin(self, now: float, jobs: int) -> None:
        """One begins, and asks about so many jobs."""
        self._began = now
        self._jobs = jobs
        self._pages = self._told = 0

    def asked(self) -> None:
        """A page is asked for: whatever comes of it, it has used some of the rate."""
        self._pages += 1
        self.next_at = self._began + self._pages / self.rate

    def told(self, jobs: int) -> bool:
        """The page told of so many of the jobs asked about. Whether another one is worth its request."""
        self._told += jobs
        self.failures = 0
        return self._pages < max(LEAST_PAGES, self._jobs / self.worth)

    def end(self, now: float) -> bool:
        """It has come to its end, or another page was not worth it. True when it told too little, and surveys rest."""
        if self._pages < LEAST_PAGES or self._told >= self.worth * self._pages:
            self._poor = 0
            return False
        self.rest(now + min(LONG, REST * 2**self._poor))
        self._poor = min(self._poor + 1, 10)
        return True

    def failed(self, now: float, delay: float) -> None:
        """Bad weather, after which one waits for `delay` seconds."""
        self.failures += 1
        self.next_at = max(self.next_at, now + delay)
        if self.failures >= FAILURES or delay > HELD:
            self.rest(now + max(REST, delay))

    def rest(self, until: float) -> None:
        """One by one, until then."""
        self.rests_until = max(self.rests_until, until)

    def slept(self, seconds: float) -> None:
        """So much time passed that the clock did not see."""
        self.next_at -= seconds
        self.rests_until -= seconds


def is_held(now: float, *, surveys: float, looks: float) -> bool:
    """Whether jobs had better not wait for their survey. The arguments are when the next of each kind may go."""
    return surveys > max(now, looks) + HELD


def asks_again(now: float, *, last: float | None, spacing: float) -> bool:
    """Whether a survey's question about a job is worth a look of its own: no sooner than looks would come by themselves.

    `last` is when the job was last looked at alone, None where it never was. An index that lags says nothing of young
    jobs, survey after survey.
    """
    return last is None or now >= last + spacing
