"""What is remembered of a job and of the handle the user holds.

`gc=False`: these hold texts and numbers only and can be part of no cycle, and there may be very many of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

from quantumjobs.core.states import TERMINAL, JobState


class Progress(Struct, frozen=True, array_like=True, gc=False):
    """Circuits finished, of how many."""

    done: int
    total: int


class ResultRef(Struct, frozen=True, gc=False):
    """Where a raw result is kept: its schema, and per name the digest of a blob in the ledger."""

    schema: str
    blobs: dict[str, str]


class Line(Struct, frozen=True, array_like=True, gc=False):
    """One line of a job's story: a change of state and the event that caused it."""

    at: float
    event: str
    before: JobState
    after: JobState
    note: str = ""

    def __str__(self) -> str:
        return f"{self.at:.3f} {self.before} -> {self.after} ({self.event}{': ' + self.note if self.note else ''})"


class Stamp(Struct, frozen=True, array_like=True, gc=False):
    """One line of the provider's own timeline."""

    at: float
    """Seconds since the epoch, by the provider's clock."""
    status: str
    """The provider's word."""
    source: str = ""
    """Which part of the provider says so."""


STORY_LIMIT = 64
"""Lines kept; a job that is put back in the queue for ever must not grow without bound."""

_NO_DETAILS: Mapping[str, str] = {}


class JobRecord(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One remote job: one intent, at most one remote id, and what became of it.

    Times are seconds since the epoch. `payload` and `layout` are digests of blobs. Never holds a secret.
    """

    id: str  # also the submit token
    provider: str
    lane: str  # "<provider>:<origin>:<account>"
    backend: str
    family: str
    payload: str
    layout: str
    created_at: float
    circuits: int = 1
    state: JobState = JobState.CREATED
    attempts: int = 0
    sent_at: float | None = None  # the first byte of this remote job's first request left after this moment
    accepted_at: float | None = None
    doubtful: bool = False  # an earlier request of this intent may have been taken
    remote_id: str | None = None
    extra_ids: tuple[str, ...] = ()
    details: Mapping[str, str] = _NO_DETAILS
    raw_status: str = ""
    queue_position: int | None = None
    progress: Progress | None = None
    eta: float | None = None
    timeline: tuple[Stamp, ...] = ()
    reason: str = ""
    trouble: str = ""  # an unknown word that stayed; waiters are told
    gone_count: int = 0
    gone_since: float | None = None
    cancel_wanted: bool = False
    cancels_sent: int = 0
    has_result: bool = False
    result: ResultRef | None = None
    result_gone: str = ""
    lazy: bool = False  # the result stays at the provider until someone asks
    story: tuple[Line, ...] = ()
    after: str = ""  # the record that must have completed before this one is sent; "" for none
    after_failure: bool = False  # it is enough that it has ended
    version: int = 0
    fence: int = 0

    @property
    def terminal(self) -> bool:
        """True when the state will not change again."""
        return self.state in TERMINAL

    @property
    def settled(self) -> bool:
        """Nothing is left to do: terminal, and the result kept, known to be gone, lazy, or none."""
        return self.state in TERMINAL and (
            not self.has_result or self.result is not None or bool(self.result_gone) or self.lazy
        )


class Link(Struct, frozen=True, array_like=True, gc=False):
    """Which slice of a handle a record answers for."""

    job: str
    offset: int
    count: int


class Handle(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the user awaits: an ordered list of links over ordinary records. Its state is derived, never stored."""

    id: str
    address: str
    links: tuple[Link, ...]
    created_at: float
    intent: str = ""  # digest of what the user asked
    request: str = ""  # digest of the encoded request, to give the circuits back
    key: str | None = None
    kind: str = "circuits"
    name: str | None = None
    tags: tuple[str, ...] = ()
    single: bool = False  # one circuit was given, not a list
    shares: Annotated[int, Meta(ge=0)] = 0  # see `Prepared`
    options: Mapping[str, Any] = {}  # as shown to the user; plain values


class Snapshot(Struct, frozen=True, kw_only=True):
    """What a job looks like at one moment. Times are seconds since the epoch."""

    id: str
    state: JobState
    raw_status: str
    """The provider's own word."""
    progress: Progress
    """Circuits finished, of how many."""
    queue_position: int | None
    eta: float | None
    reason: str
    at: float
    """When this state began."""
