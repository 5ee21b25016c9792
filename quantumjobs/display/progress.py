"""Jobs on their way, as lines of text that are drawn over and over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from quantumjobs.core.states import JobState
from quantumjobs.display.text import cells, left, neutral, shorten

if TYPE_CHECKING:
    from quantumjobs.core.records import Snapshot

HEIGHT = 10
_BAR = 20
_LONGEST_LABEL = 30
_PREPARING = "preparing"  # there is no job yet
_WORD_WIDTH = max(map(len, (*JobState, _PREPARING)))


class Following(NamedTuple):
    """One job as a line shows it; `state` is None as long as there is no job."""

    label: str
    seconds: float
    state: JobState | None = None
    done: int = 0
    total: int = 0
    queue_position: int | None = None

    @classmethod
    def of(cls, label: str, seconds: float, snapshot: Snapshot | None) -> Following:
        """From what `job.events()` gives. `seconds` have passed since it was submitted."""
        if snapshot is None:
            return cls(label, seconds)
        progress = snapshot.progress
        return cls(label, seconds, snapshot.state, progress.done, progress.total, snapshot.queue_position)

    @property
    def over(self) -> bool:
        """Nothing will change any more."""
        return self.state is not None and self.state.is_terminal

    @property
    def word(self) -> str:
        """The state."""
        return _PREPARING if self.state is None else self.state.value


def progress_lines(
    jobs: Sequence[Following], width: int = 80, height: int = HEIGHT, *, unicode: bool = True
) -> list[str]:
    """A line for each job, or, where these would be more than `height`, some that go on and a sum of all."""
    if len(jobs) <= height:
        shown, last = list(jobs), []
    else:
        going = [job for job in jobs if not job.over]
        shown, last = going[: max(0, height - 1)], [_sum(jobs, unicode=unicode)]
    column = max((min(cells(neutral(job.label, unicode=unicode)), _LONGEST_LABEL) for job in shown), default=0)
    return [shorten(line, width, unicode=unicode) for line in [*(_line(job, column, unicode) for job in shown), *last]]


def _line(job: Following, column: int, unicode: bool) -> str:
    label = shorten(neutral(job.label, unicode=unicode), column, middle=True, unicode=unicode)
    pieces = [left(label, column), job.word.ljust(_WORD_WIDTH), _clock(job.seconds)]
    if job.state is JobState.QUEUED and job.queue_position is not None:
        pieces.append(f"{job.queue_position} ahead")
    elif job.total > 1 and job.state in {JobState.RUNNING, JobState.CANCELLING}:
        pieces.append(_meter(job.done, job.total, unicode=unicode))
    return "  ".join(pieces)


def _sum(jobs: Sequence[Following], *, unicode: bool) -> str:
    words = Counter(job.word for job in jobs)
    order = (_PREPARING, *JobState)
    states = ", ".join(f"{words[word]} {word}" for word in order if words[word])
    return f"{_meter(sum(job.over for job in jobs), len(jobs), unicode=unicode)} jobs over: {states}"


def _meter(done: int, total: int, *, unicode: bool) -> str:
    full = min(_BAR, _BAR * done // total) if total > 0 else 0
    on, off = ("█", "░") if unicode else ("#", ".")
    return f"{on * full}{off * (_BAR - full)}  {done}/{total}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return text.rjust(7)
