"""A record being followed: what the engine knows of it besides the record itself. All of it may be lost at a crash."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from quantumjobs.abc import Remote
from quantumjobs.core.records import JobRecord
from quantumjobs.core.states import TERMINAL, WATCHED, CancelOutcome
from quantumjobs.core.traits import Traits
from quantumjobs.errors import CredentialError, UsageError

if TYPE_CHECKING:
    from quantumjobs.abc import Answer, Change
    from quantumjobs.engine.job import Job
    from quantumjobs.engine.lane import Lane
    from quantumjobs.engine.watchlist import Watchlist


_NOTHING: Mapping[str, bytes] = {}


class Turn:
    """First come, first served: `asyncio.Lock` at a fraction of its memory, since every waiting job holds two."""

    __slots__ = ("_waiting", "taken")

    def __init__(self) -> None:
        self.taken = False
        self._waiting: deque[asyncio.Future[None]] | None = None

    async def take(self) -> None:
        """Wait for the turn, and take it."""
        if not self.taken:
            self.taken = True
            return
        if self._waiting is None:
            self._waiting = deque()
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if self._waiting and mine in self._waiting:
                self._waiting.remove(mine)
            elif not mine.cancelled():  # it came, and nobody is here to use it
                self.give()
            raise

    def give(self) -> None:
        """Give it back: the one who waits longest has it."""
        while self._waiting:
            next_one = self._waiting.popleft()
            if not next_one.done():
                next_one.set_result(None)
                return
        self._waiting = None
        self.taken = False


class Tracked:
    """One record: its inbox (one event at a time) and its turn on the wire (one operation at a time)."""

    __slots__ = (
        "cancel_sender",
        "cancelling",
        "fault",
        "fetching",
        "handles",
        "holds_slot",
        "inbox",
        "lane",
        "last_error",
        "look",
        "looked_again",
        "misses",
        "ours",
        "pushes",
        "puzzles",
        "puzzling_since",
        "record",
        "stranded",
        "traits",
        "undecided",
        "unsaved",
        "unsaved_blobs",
        "watchlist",
        "wire",
    )

    def __init__(self, record: JobRecord, traits: Traits, lane: Lane, *, ours: bool = True) -> None:
        self.record = record
        self.ours = ours
        """This client follows it; else another does, or nobody."""
        self.stranded: UsageError | None = None
        """Nobody follows it, and this client cannot: why."""
        self.unsaved: tuple[Change, ...] = ()
        """What the provider told and the ledger could not keep yet, with the blobs below."""
        self.unsaved_blobs: Mapping[str, bytes] = _NOTHING
        self.traits = traits
        self.lane = lane
        self.handles: tuple[Job, ...] = ()
        self.inbox = Turn()
        self.wire = Turn()
        self.look: asyncio.Task[None] | None = None
        """A look that holds, which a cancel interrupts."""
        self.watchlist: Watchlist | None = None
        """Where the poller keeps it."""
        self.holds_slot = False
        self.misses = 0
        """Failures in a row."""
        self.last_error: Exception | None = None
        self.puzzles = 0
        """Looks in a row that gave an unknown word."""
        self.puzzling_since = 0.0
        self.looked_again = False
        self.pushes: deque[tuple[str, Answer]] | None = None
        self.fetching: asyncio.Task[None] | None = None
        self.cancelling: asyncio.Future[CancelOutcome] | None = None
        self.cancel_sender: asyncio.Task[None] | None = None
        self.fault: Exception | None = None
        """A bug of ours or the adapter's that ended this job's waits."""
        self.undecided = False
        """In doubt, and only the user can decide."""

    def __repr__(self) -> str:
        return f"<Tracked {self.record.id[:8]} {self.record.backend} {self.record.state}>"

    def is_fine(self) -> None:
        """The provider answered."""
        self.misses = 0
        self.last_error = None

    def met(self, error: Exception) -> None:
        """Remember a failure; whoever waits for acceptance is told."""
        self.misses += 1
        self.last_error = error
        for handle in self.handles:
            handle._on_trouble()

    def held_back(self, error: Exception) -> None:
        """It was not even tried; whoever waits for acceptance is told why."""
        if isinstance(error, CredentialError):
            self.last_error = error
        for handle in self.handles:
            handle._on_trouble()

    @property
    def trouble(self) -> Exception | None:
        """What is wrong now: its own last failure, or what holds its lane up."""
        if self.last_error is not None or self.record.settled:
            return self.last_error
        state = self.record.state
        return self.lane.traffic.trouble("poll" if state in WATCHED else "fetch" if state in TERMINAL else "submit")

    def remote(self) -> Remote:
        """What an adapter gets to know of it."""
        record = self.record
        return Remote(
            id=record.remote_id or "",
            backend=record.backend,
            created_at=record.created_at,
            details=record.details,
            cancel_wanted=record.cancel_wanted,
            attempt=record.attempts,
        )
