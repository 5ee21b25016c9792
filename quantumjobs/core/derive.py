"""A handle is made of parts: its state, progress and the rest follow from theirs, and are never stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quantumjobs.core.records import JobRecord, Progress
from quantumjobs.core.states import TERMINAL, JobState

S = JobState
_LIVE_ORDER = (S.CANCELLING, S.RUNNING, S.QUEUED, S.SUBMITTING, S.CREATED)


def state_of(states: Iterable[JobState]) -> JobState:
    """The state of a handle from the states of its parts (at least one)."""
    present = frozenset(states)
    if len(present) == 1:
        (only,) = present
        return only
    live = present - TERMINAL
    if not live:
        return S.FAILED if present & {S.FAILED, S.REJECTED, S.LOST} else S.CANCELLED
    if live == {S.IN_DOUBT}:
        return S.IN_DOUBT
    first = next(state for state in _LIVE_ORDER if state in live)
    return S.RUNNING if first is not S.CANCELLING and S.COMPLETED in present else first


def moving(parts: Sequence[JobRecord]) -> Iterable[JobRecord]:
    """All parts but those that wait for the one before them, unless nothing else lives."""
    waiting = {part.id for part in parts if part.after and part.state is S.CREATED}
    if waiting and any(part.state not in TERMINAL and part.id not in waiting for part in parts):
        return [part for part in parts if part.id not in waiting]
    return parts


def progress_of(parts: Sequence[JobRecord]) -> Progress:
    """Circuits finished in all parts, of how many. A completed part counts whole."""
    done = total = 0
    for part in parts:
        size = part.progress.total if part.progress else part.circuits
        total += size
        done += size if part.state is S.COMPLETED else part.progress.done if part.progress else 0
    return Progress(done, total)


def queue_position_of(parts: Sequence[JobRecord]) -> int | None:
    """Jobs ahead of the part that is served next; None where nobody says."""
    known = [part.queue_position for part in parts if part.queue_position is not None]
    return min(known, default=None)


def eta_of(parts: Sequence[JobRecord]) -> float | None:
    """When the last live part should be done (seconds since the epoch), where the provider says."""
    known = [part.eta for part in parts if part.eta is not None and part.state not in TERMINAL]
    return max(known, default=None)


def worst_of(parts: Sequence[JobRecord]) -> JobRecord:
    """The part that explains why a handle did not complete; the first part when all did."""
    order = (S.FAILED, S.REJECTED, S.LOST, S.CANCELLED, S.IN_DOUBT)
    for state in order:
        for part in parts:
            if part.state is state:
                return part
    return parts[0]
