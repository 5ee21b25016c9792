"""The state machine of a job: two tables and `step`.

`OURS` says what *we* did: a gap is our bug (`InvalidTransition`). `THEIRS` says what the *provider* reports: a gap
leaves the record alone, since a provider may say anything. `None` in a table means: stay.

Rules for changing it:

* Pure: no await, clock, randomness or logging. Time arrives inside the event.
* An event that changes nothing returns the same object: no write, no wake-up.
* Providers skip states, repeat them and go back (a running job is put back in the queue). The table says so.
* Asking a finished job to stop is harmless: races make it common.
* Exceptions to a table stand in `_exception`, each with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec.structs import replace

from quantumjobs.core.actions import Action
from quantumjobs.core.events import (
    Abandoned,
    Adopted,
    AnyEvent,
    CancelAccepted,
    CancelRefused,
    CancelRequested,
    CancelSent,
    Event,
    Puzzled,
    Reported,
    Resubmitted,
    ResultGone,
    ResultKept,
    SubmitAccepted,
    SubmitDeferred,
    SubmitInDoubt,
    SubmitRejected,
    SubmitStarted,
    TakenOver,
    Vanished,
)
from quantumjobs.core.records import STORY_LIMIT, JobRecord, Line, Progress, Stamp
from quantumjobs.core.states import TERMINAL, WATCHED, Fetch, JobState
from quantumjobs.core.traits import Rerunnable, Traits
from quantumjobs.errors import InvalidTransition

S = JobState
Row = dict[type[Event], JobState | None]

# Answers to a cancel, and words on a job, that may arrive when the job has moved on. They change no state there.
_LATE: Row = {
    CancelSent: None,
    CancelAccepted: None,
    CancelRefused: None,
    Vanished: None,
    Puzzled: None,
    ResultGone: None,
    TakenOver: None,
    Resubmitted: None,  # somebody else decided first
}

# A resend that was under way while the user adopted the job may still be answered: a second id is kept and shown.
_LATE_SUBMITS: Row = {
    SubmitAccepted: None,
    SubmitDeferred: None,
    SubmitInDoubt: None,
    SubmitRejected: None,
    Adopted: None,
    Abandoned: None,
}

_FOLLOWED: Row = _LATE_SUBMITS | {
    CancelRequested: None,
    CancelSent: None,
    CancelAccepted: S.CANCELLING,
    CancelRefused: None,
    Vanished: None,  # `_exception` counts them
    Puzzled: None,
    ResultKept: None,
    ResultGone: None,
    TakenOver: None,
    Resubmitted: None,
}

_ENDED: Row = _LATE | _LATE_SUBMITS | {CancelRequested: None, ResultKept: None}

OURS: Mapping[JobState, Row] = {
    S.CREATED: _LATE
    | {
        SubmitStarted: S.SUBMITTING,
        SubmitRejected: S.REJECTED,
        CancelRequested: S.CANCELLED,
        # Answers to a request that was given up: by the user's word, or by a client that took its sender for dead.
        SubmitAccepted: S.QUEUED,
        SubmitDeferred: None,
        SubmitInDoubt: None,
    },
    S.SUBMITTING: _LATE
    | {
        SubmitAccepted: S.QUEUED,
        SubmitDeferred: S.CREATED,
        SubmitRejected: S.REJECTED,
        SubmitInDoubt: S.IN_DOUBT,
        CancelRequested: None,
    },
    S.IN_DOUBT: _LATE
    | {
        SubmitAccepted: S.QUEUED,
        Adopted: S.QUEUED,
        SubmitStarted: S.SUBMITTING,
        SubmitDeferred: S.CREATED,
        Resubmitted: S.CREATED,
        SubmitInDoubt: None,
        SubmitRejected: None,  # to a sender that was taken for dead; the doubt is resolved as any other
        Abandoned: S.LOST,
        CancelRequested: None,
    },
    S.QUEUED: _FOLLOWED,
    S.RUNNING: _FOLLOWED,
    S.CANCELLING: _FOLLOWED,
    S.COMPLETED: _ENDED,
    S.FAILED: _ENDED,
    S.CANCELLED: _ENDED,
    S.REJECTED: _ENDED,
    S.LOST: _ENDED,
}

_ENDS: Mapping[JobState, JobState] = {S.COMPLETED: S.COMPLETED, S.FAILED: S.FAILED, S.CANCELLED: S.CANCELLED}

THEIRS: Mapping[JobState, Mapping[JobState, JobState]] = {
    S.QUEUED: {S.QUEUED: S.QUEUED, S.RUNNING: S.RUNNING, S.CANCELLING: S.CANCELLING, **_ENDS},
    S.RUNNING: {S.QUEUED: S.QUEUED, S.RUNNING: S.RUNNING, S.CANCELLING: S.CANCELLING, **_ENDS},
    S.CANCELLING: {S.QUEUED: S.CANCELLING, S.RUNNING: S.CANCELLING, S.CANCELLING: S.CANCELLING, **_ENDS},
}

_RANK: Mapping[JobState, int] = {S.QUEUED: 0, S.RUNNING: 1, S.CANCELLING: 2, **dict.fromkeys(TERMINAL, 3)}


def step(record: JobRecord, event: AnyEvent, traits: Traits) -> tuple[JobRecord, tuple[Action, ...]]:
    """Fold one event into a record: the new record, and what is to be done now.

    Returns the same object and no actions when the event changes nothing.
    Raises `InvalidTransition`, with the job's story, for an event of ours that cannot happen in that state.
    """
    before = record.state
    if isinstance(event, Reported):
        if before not in THEIRS or (event.hint and _RANK.get(event.state, 0) < _RANK[before]):
            return record, ()
        if not is_news(record, event):
            return record, ()
        after = THEIRS[before].get(event.state, before)
    else:
        try:
            to = OURS[before][type(event)]
        except KeyError:
            raise InvalidTransition(_impossible(record, event)) from None
        after = before if to is None else to
    after = _exception(record, event, after, traits)
    facts = _facts(record, event, after, traits)
    if after is before and not facts:
        return record, ()
    if after is not before:
        line = Line(event.at, type(event).__name__, before, after, str(facts.get("reason", "")))
        facts["story"] = (*record.story[-STORY_LIMIT + 1 :], line)
    new = replace(record, state=after, version=record.version + 1, **facts)
    return new, _actions(record, new, event, traits)


def resume(record: JobRecord, traits: Traits) -> tuple[Action, ...]:
    """What is to be done for a record just created, or found in the ledger by a new owner.

    A record found in `submitting` is in doubt: its owner must be told so first, by `SubmitInDoubt`.
    """
    match record.state:
        case S.CREATED:
            return (Action.ENQUEUE,)
        case S.IN_DOUBT:
            return (Action.RESOLVE,)
        case state if state in WATCHED:
            return (Action.WATCH, Action.CANCEL) if record.cancel_wanted else (Action.WATCH,)
        case state if state in TERMINAL and not record.settled:
            return _fetch(record, traits)
    return ()


def catch_up(old: JobRecord, new: JobRecord, traits: Traits) -> tuple[Action, ...]:
    """What the owner of a record does about changes that others made to it: `new` is what the ledger holds by now."""
    out = _moves(old, new, traits)
    if new.cancel_wanted and new.state in WATCHED and not (old.cancel_wanted and old.state in WATCHED):
        out.append(Action.CANCEL)
    return tuple(out)


class Word(Protocol):
    """A provider's word on a job: an adapter's `Status`, or the event that is made of it."""

    @property
    def state(self) -> JobState | None: ...
    @property
    def raw_status(self) -> str: ...
    @property
    def queue_position(self) -> int | None: ...
    @property
    def progress(self) -> Progress | None: ...
    @property
    def eta(self) -> float | None: ...
    @property
    def timeline(self) -> tuple[Stamp, ...]: ...
    @property
    def details(self) -> Mapping[str, str]: ...
    @property
    def reason(self) -> str: ...
    @property
    def has_result(self) -> bool: ...
    @property
    def result(self) -> object | None: ...
    @property
    def hint(self) -> bool: ...


def is_news(record: JobRecord, word: Word) -> bool:
    """Whether a word might change the record. Most looks bring none: it is asked before an event is even made."""
    return (
        word.state is not record.state
        or word.raw_status != record.raw_status
        or (word.queue_position != record.queue_position and not (word.hint and word.queue_position is None))
        or word.progress != record.progress
        or word.eta != record.eta
        or bool(word.timeline and word.timeline != record.timeline)
        or not word.details.items() <= record.details.items()
        or bool(word.reason or word.has_result or word.result is not None)
        or bool(record.trouble or record.gone_count)
    )


def _exception(record: JobRecord, event: AnyEvent, after: JobState, traits: Traits) -> JobState:
    """Where the tables are not the whole truth."""
    match event:
        # The provider has no word for cancelled: the one place where that is known.
        case Reported() if after is S.FAILED and traits.failed_after_cancel_is_cancelled and record.cancels_sent:
            return S.CANCELLED
        # That run belongs to a client which is not the owner any more, and ends with it.
        case SubmitAccepted() if record.state is S.CREATED and isinstance(traits.submit, Rerunnable):
            return S.CREATED
        case SubmitRejected(certain=True):
            return after
        # This answer says nothing about an earlier request of the same intent, which may have been taken.
        case SubmitDeferred() | SubmitRejected() if record.state is S.SUBMITTING and record.doubtful:
            return S.IN_DOUBT
        # Never taken, and no longer wanted: nothing is sent.
        case SubmitDeferred() if record.state in (S.SUBMITTING, S.IN_DOUBT) and record.cancel_wanted:
            return S.CANCELLED
        case Resubmitted() if record.state is S.IN_DOUBT and record.cancel_wanted:
            return S.CANCELLED
        case Vanished() if record.state in WATCHED and _is_gone(record, event, traits):
            if not isinstance(traits.submit, Rerunnable):
                return S.LOST
            if record.cancel_wanted:
                return S.CANCELLED
            # A crashed worker: the same job with the same seed runs again.
            return S.CREATED if record.attempts < traits.submit.attempts else S.FAILED
    return after


def _is_gone(record: JobRecord, event: Vanished, traits: Traits) -> bool:
    since = event.at if record.gone_since is None else record.gone_since
    return record.gone_count + 1 >= traits.gone_after and event.at - since >= traits.gone_for


def _place(record: JobRecord, event: Reported) -> int | None:
    """An index has no places in the queue: what a look told stays."""
    return record.queue_position if event.hint and event.queue_position is None else event.queue_position


def _facts(record: JobRecord, event: AnyEvent, after: JobState, traits: Traits) -> dict[str, Any]:  # noqa: C901, PLR0912 - a case an event
    """What the event changes besides the state; empty when it changes nothing."""
    news: dict[str, Any] = {}
    live = record.state not in TERMINAL
    match event:
        case Reported() if live:
            news = {
                "raw_status": event.raw_status or record.raw_status,
                "queue_position": _place(record, event) if after is S.QUEUED else None,
                "progress": event.progress or record.progress,
                "eta": event.eta,
                "timeline": event.timeline or record.timeline,
                "details": {**record.details, **event.details} if event.details else record.details,
                "reason": event.reason or record.reason,
                "has_result": event.has_result or event.result is not None or record.has_result,
                "result": event.result or record.result,
                "trouble": "",
                "gone_count": record.gone_count if event.hint else 0,  # an old index proves nothing of now
                "gone_since": record.gone_since if event.hint else None,
                "lazy": after in TERMINAL and traits.fetch is Fetch.LAZY and event.result is None,
            }
        case SubmitStarted() if after is S.SUBMITTING:
            news = {
                "attempts": record.attempts + 1,
                "sent_at": record.sent_at if record.doubtful else event.at,
                "trouble": "",
                "reason": "",
            }
        case SubmitAccepted(remote_id=remote_id) | Adopted(remote_id=remote_id) if after is not S.CREATED:
            if live and record.remote_id is None:
                news = {"remote_id": remote_id, "accepted_at": event.at, "doubtful": False, "trouble": "", "reason": ""}
                if isinstance(event, SubmitAccepted) and event.raw_status:
                    news |= {"raw_status": event.raw_status, "queue_position": event.queue_position}
            elif remote_id not in (record.remote_id, *record.extra_ids):
                news = {"extra_ids": (*record.extra_ids, remote_id)}
        case SubmitDeferred(reason=reason) | SubmitRejected(reason=reason) if after is not record.state:
            news = {"reason": reason}
            if after in (S.CREATED, S.REJECTED):
                news["doubtful"] = False
        case Resubmitted() if after is not record.state:
            news = {"reason": "submitted again by the user", "doubtful": record.doubtful and after is not S.CREATED}
        case SubmitInDoubt(reason=reason) if live and after is not S.CREATED and record.remote_id is None:
            news = {"reason": reason, "doubtful": True}
        case Abandoned() if after is not record.state:
            news = {"reason": "abandoned in doubt"}
        case ResultKept(ref=ref) if record.result is None:
            news = {"result": ref, "has_result": True, "result_gone": ""}
        case ResultGone(reason=reason) if record.result is None and not live:
            news = {"result_gone": reason}
        case Puzzled(word=word) if record.state in WATCHED:
            news = {"trouble": word}
        case Vanished(reason=reason) if record.state in WATCHED:
            since = event.at if record.gone_since is None else record.gone_since
            news = {"gone_count": record.gone_count + 1, "gone_since": since}
            if after is not record.state:
                again = "; run again with the same seed" if after is S.CREATED else ""
                news["reason"] = reason + again
                news["lazy"] = after in TERMINAL and traits.fetch is Fetch.LAZY and record.result is None
            if after is S.CREATED:  # a fresh run: nothing of the old one may be taken for news of the new
                news |= {"remote_id": None, "accepted_at": None, "raw_status": "", "progress": None, "eta": None}
                news |= {"queue_position": None, "gone_count": 0, "gone_since": None}
                news |= {"has_result": False, "result": None}
        case TakenOver(fence=fence) if fence > record.fence:
            news = {"fence": fence}
        case CancelRequested(reason=reason) if live:
            news = {"cancel_wanted": True, "reason": reason or record.reason}
        case CancelSent() if record.state in WATCHED:
            news = {"cancels_sent": record.cancels_sent + 1}
        case CancelRefused() if record.state in WATCHED and record.cancels_sent <= 1:
            # a refused repeat may be the echo of a first that was accepted
            news = {"cancel_wanted": False, "cancels_sent": 0}
    return {name: value for name, value in news.items() if value != getattr(record, name)}


def _moves(old: JobRecord, new: JobRecord, traits: Traits) -> list[Action]:
    out: list[Action] = []
    if new.state is not old.state:
        match new.state:
            case S.CREATED:
                out += [Action.UNWATCH, Action.ENQUEUE] if old.state in WATCHED else [Action.ENQUEUE]
            case S.SUBMITTING:
                out.append(Action.SEND)
            case S.IN_DOUBT:
                out.append(Action.RESOLVE)
            case state if state in WATCHED and old.state not in WATCHED:
                out.append(Action.WATCH)
            case state if state in TERMINAL:
                if old.state in WATCHED:
                    out.append(Action.UNWATCH)
                out += _fetch(new, traits)
    return out


def _actions(old: JobRecord, new: JobRecord, event: AnyEvent, traits: Traits) -> tuple[Action, ...]:
    out = _moves(old, new, traits)
    if (
        new.cancel_wanted
        and new.state in WATCHED
        and ((isinstance(event, CancelRequested) and not old.cancel_wanted) or old.state not in WATCHED)
    ):
        out.append(Action.CANCEL)
    return tuple(out)


def _fetch(record: JobRecord, traits: Traits) -> tuple[Action, ...]:
    if record.settled or traits.fetch is Fetch.LAZY:
        return ()
    return (Action.FETCH,)


def _impossible(record: JobRecord, event: AnyEvent) -> str:
    story = "".join(f"\n  {line}" for line in record.story) or "\n  (nothing happened yet)"
    return f"job {record.id} is {record.state}: {type(event).__name__} cannot happen. Its story:{story}"
