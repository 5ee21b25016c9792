"""Facts about a job: past tense, small, stamped by the engine. Result bytes travel beside them as blobs."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from quantumjobs.core.records import Progress, ResultRef, Stamp
from quantumjobs.core.states import JobState


class Event(Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True, gc=False):
    """Something happened at `at` (seconds since the epoch)."""

    at: float


class SubmitStarted(Event, frozen=True, gc=False):
    """One request is about to leave; durable before its first byte."""


class SubmitAccepted(Event, frozen=True, gc=False):
    """The provider took the job and named it."""

    remote_id: str
    raw_status: str = ""  # of a job in the queue, where the same reply tells
    queue_position: int | None = None  # likewise


class SubmitDeferred(Event, frozen=True, gc=False):
    """Proven not taken (never sent, or "not now"): it goes back to the lane."""

    reason: str


class SubmitRejected(Event, frozen=True, gc=False):
    """The provider refused the job for good."""

    reason: str
    certain: bool = False
    """It is known, too, that no earlier request for it was taken."""


class SubmitInDoubt(Event, frozen=True, gc=False):
    """The request may have arrived; no answer was understood."""

    reason: str


class Adopted(Event, frozen=True, gc=False):
    """The user, or a search, says which remote job is ours."""

    remote_id: str


class Resubmitted(Event, frozen=True, gc=False):
    """The user has looked: the provider does not have the job in doubt. It goes back to the lane."""


class Abandoned(Event, frozen=True, gc=False):
    """The user gives up a job in doubt."""


class Reported(Event, frozen=True, gc=False):
    """The provider's word on a job."""

    state: JobState
    raw_status: str = ""
    queue_position: int | None = None
    progress: Progress | None = None
    eta: float | None = None
    timeline: tuple[Stamp, ...] = ()
    details: Mapping[str, str] = {}
    reason: str = ""
    has_result: bool = False
    result: ResultRef | None = None  # its bytes are committed with this event
    hint: bool = False  # may lag (a search index): it may only move the job forward


class ResultKept(Event, frozen=True, gc=False):
    """A fetched result is in the ledger."""

    ref: ResultRef


class ResultGone(Event, frozen=True, gc=False):
    """The provider has the job and no longer its result."""

    reason: str


class Vanished(Event, frozen=True, gc=False):
    """The provider answered that it does not know the job; once may be a lagging replica."""

    reason: str


class Puzzled(Event, frozen=True, gc=False):
    """An unknown status word stayed too long: waiters are told, the job stays and is followed on."""

    word: str


class TakenOver(Event, frozen=True, gc=False):
    """A new owner follows the job: its former one has ended, or can no longer be heard of."""

    fence: int


class CancelRequested(Event, frozen=True, gc=False):
    """Somebody wants the job to stop."""

    reason: str = ""


class CancelSent(Event, frozen=True, gc=False):
    """A cancel request is about to leave."""


class CancelAccepted(Event, frozen=True, gc=False):
    """The provider accepted the wish to cancel."""


class CancelRefused(Event, frozen=True, gc=False):
    """The provider said no to the cancel; a new one may be asked."""

    reason: str


AnyEvent = (
    SubmitStarted
    | SubmitAccepted
    | SubmitDeferred
    | SubmitRejected
    | SubmitInDoubt
    | Adopted
    | Resubmitted
    | Abandoned
    | Reported
    | ResultKept
    | ResultGone
    | Vanished
    | Puzzled
    | TakenOver
    | CancelRequested
    | CancelSent
    | CancelAccepted
    | CancelRefused
)
