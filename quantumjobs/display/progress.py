"""Jobs on their way, as lines of text or as HTML, drawn over and over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from quantumjobs.core import html
from quantumjobs.core.states import JobState
from quantumjobs.core.text import cells, left, neutral, shorten

if TYPE_CHECKING:
    from quantumjobs.core.records import Snapshot

HEIGHT = 10
_BAR = 20
_LONGEST_LABEL = 30
_PREPARING = "preparing"  # there is no job yet
_WORD_WIDTH = max(map(len, (*JobState, _PREPARING)))
_COUNTED = frozenset({JobState.RUNNING, JobState.CANCELLING})  # circuits finish one by one


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
        """From what `job.events()` gives. `seconds` have passed since whoever draws began to follow it."""
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

    @property
    def ahead(self) -> str:
        """How many jobs are before it, where that is known."""
        if self.state is not JobState.QUEUED or self.queue_position is None:
            return ""
        return f"{self.queue_position} ahead"


class Group(NamedTuple):
    """Jobs that are awaited together, as one line."""

    label: str
    seconds: float
    done: int = 0
    total: int = 0


class Frame(NamedTuple):
    """What is drawn at one moment: some lines, and a sum where there is more than they show."""

    rows: Sequence[Following | Group]
    words: Mapping[str, int] = {}
    """How many jobs are in which state, of all of them; empty where every line is shown."""
    over: int = 0
    """How many of them are over."""

    def lines(self, width: int = 80, *, unicode: bool = True) -> list[str]:
        """As text, no line wider than `width` columns."""
        labels = [neutral(row.label, unicode=unicode) for row in self.rows]
        column = max((min(cells(label), _LONGEST_LABEL) for label in labels), default=0)
        lines = [
            _line(left(shorten(label, column, middle=True, unicode=unicode), column), row, unicode=unicode)
            for label, row in zip(labels, self.rows, strict=True)
        ]
        if self.words:
            meter = _meter(self.over, sum(self.words.values()), unicode=unicode)
            lines.append(f"{meter} jobs over: {_states(self.words)}")
        return [shorten(line, width, unicode=unicode) for line in lines]

    def html(self) -> str:
        """The same for a notebook."""
        rows = [html.Row(row.label, _note(row), *_length(row)) for row in self.rows]
        if not self.words:
            return html.bars(rows)
        total = sum(self.words.values())
        return html.bars([*rows, html.Row("", f"{self.over}/{total} jobs over", self.over, total)], _states(self.words))


def progress_lines(
    jobs: Sequence[Following], width: int = 80, height: int = HEIGHT, *, unicode: bool = True
) -> list[str]:
    """A line for each job, or, where these would be more than `height`, some that go on and a sum of all."""
    frame = Frame(jobs) if len(jobs) <= height else fold(jobs, height)
    return frame.lines(width, unicode=unicode)


def fold(jobs: Sequence[Following], height: int) -> Frame:
    """Some that go on, and a sum of all, in so many lines."""
    going = [job for job in jobs if not job.over]
    return Frame(going[: max(0, height - 1)], Counter(job.word for job in jobs), len(jobs) - len(going))


def _line(label: str, row: Following | Group, *, unicode: bool) -> str:
    if isinstance(row, Group):
        return "  ".join([label, _clock(row.seconds), _meter(row.done, row.total, unicode=unicode)])
    pieces = [label, row.word.ljust(_WORD_WIDTH), _clock(row.seconds)]
    if row.ahead:
        pieces.append(row.ahead)
    elif row.total > 1 and row.state in _COUNTED:
        pieces.append(_meter(row.done, row.total, unicode=unicode))
    return "  ".join(pieces)


def _note(row: Following | Group) -> str:
    done, total = _length(row)
    pieces = ["" if isinstance(row, Group) else row.word, _clock(row.seconds).strip()]
    pieces.append(row.ahead if isinstance(row, Following) else "")
    pieces.append(f"{done}/{total}" if isinstance(row, Group) or total > 1 else "")
    return "  ".join(piece for piece in pieces if piece)


def _length(row: Following | Group) -> tuple[int, int]:
    if isinstance(row, Following) and row.state is JobState.COMPLETED:
        total = max(1, row.total)
        return total, total
    return row.done, row.total


def _states(words: Mapping[str, int]) -> str:
    order: Iterable[str] = (_PREPARING, *JobState)
    return ", ".join(f"{words[word]} {word}" for word in order if words.get(word))


def _meter(done: int, total: int, *, unicode: bool) -> str:
    full = max(0, min(_BAR, _BAR * done // total)) if total > 0 else 0
    on, off = ("█", "░") if unicode else ("#", ".")
    return f"{on * full}{off * (_BAR - full)}  {done}/{total}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return text.rjust(7)
