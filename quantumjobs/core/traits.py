"""How one family of backends behaves, as data: all that the engine and `step` must know of a provider."""

from __future__ import annotations

from math import inf

from msgspec import Struct

from quantumjobs.core.states import Fetch
from quantumjobs.core.traffic import Rate


class Idempotent(Struct, frozen=True, tag=True):
    """The same token and bytes sent again within `window` seconds of the first give the same job."""

    window: float


class Findable(Struct, frozen=True, tag=True):
    """A job can be looked for by our token; one not found `settle` seconds after sending was not taken."""

    settle: float


class Rerunnable(Struct, frozen=True, tag=True):
    """Running it twice costs nothing and gives the same: a local simulation. At most `attempts` runs."""

    attempts: int = 3


class Unknown(Struct, frozen=True, tag=True):
    """A second request could be a second, paid job. In doubt, the user decides."""


SubmitClass = Idempotent | Findable | Rerunnable | Unknown


class Traits(Struct, frozen=True, kw_only=True):
    """Behaviour of one family of backends."""

    submit: SubmitClass = Unknown()
    fetch: Fetch = Fetch.INLINE
    bulk: int = 1
    """Jobs one look may ask about."""
    holds: bool = False
    """A look may last hours: its own task, outside concurrency limits, without a deadline, interrupted by a cancel."""
    pushes: bool = False
    """Reports arrive by themselves; looks are a slow safety net."""
    failed_after_cancel_is_cancelled: bool = False
    """The provider has no word for cancelled."""
    gone_after: int = 3
    """So many "gone" answers in a row ..."""
    gone_for: float = 120.0
    """... over so many seconds mean lost; before that a 404 may be a lagging replica."""
    in_flight: int | None = None
    """Accepted and not yet ended jobs that the provider allows at a time; None: no limit known."""
    min_interval: float = 0.5
    """Seconds between two looks at one job that the vendor asks for at the least."""
    described_for: float = inf
    """Seconds for which a description is used before it is asked for anew."""
    rates: dict[str, Rate] = {}
    """By channel: what the vendor documents. A channel is an operation's name ("poll", "submit", ...) or a host's."""
    channels: dict[str, str] = {}
    """Operation -> the host it goes through, where several share one: what holds for the host then holds for all."""

    def __hash__(self) -> int:
        return hash((self.submit, self.fetch, self.bulk, self.min_interval))  # the mappings have none, and need none
