"""How a lane waits, retries and gives up: tenacity's objects, called as functions of an attempt.

They are never run as a loop of their own: one `AsyncRetrying` per waiting job would cost more than the job. Deadlines
are kept by the loop's clock, because tenacity reads the real one and would not see a test's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tenacity import (
    Future,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_exception,
    wait_random_exponential,
)
from tenacity.retry import retry_base
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from quantumjobs.core.schedule import Pace
from quantumjobs.core.traffic import Rate
from quantumjobs.core.traits import Traits
from quantumjobs.errors import ProviderError, ProviderRejected, ProviderUnavailable

RETRY_AFTER_LIMIT = 3600.0
"""Seconds; a server that asks for a longer silence is asked again after this."""

SAFETY_NET = Pace(first=5.0, at_least=5.0, at_most=60.0)
"""For lanes whose adapters push: looks only catch what a lost report would hide."""


def retry_after(error: BaseException) -> float:
    """Seconds the provider asked us to wait, or 0."""
    asked = error.retry_after if isinstance(error, ProviderUnavailable) else None
    return min(asked, RETRY_AFTER_LIMIT) if asked else 0.0


def is_weather(error: BaseException) -> bool:
    """True for errors that may pass: everything of the provider's but a final no."""
    return isinstance(error, ProviderError) and not isinstance(error, ProviderRejected)


class wait_at_least(wait_base):  # noqa: N801 - named as tenacity names its strategies
    """The longer of two waits: Retry-After wins over a shorter back-off, never over a longer one."""

    def __init__(self, *waits: wait_base) -> None:
        self.waits = waits

    def __call__(self, retry_state: RetryCallState) -> float:
        """Seconds to wait after this attempt."""
        return max(wait(retry_state) for wait in self.waits)


def backoff(first: float = 0.5, most: float = 60.0) -> wait_base:
    """`first` seconds doubling to `most`, full jitter, and never less than what the provider asked for."""
    return wait_at_least(wait_random_exponential(multiplier=first, max=most), wait_exception(retry_after))


@dataclass(frozen=True, slots=True)
class Policy:
    """One lane's habits; replace what you like: `Client(policies={"aqt": Policy(wait=wait_fixed(10))})`.

    `retry` says which failures are tried again, `wait` how long after the n-th in a row, `stop` when a `run()` that
    waits for acceptance gives up (nothing was taken; the intent is withdrawn) besides its `budget` of seconds. Looks
    at accepted jobs never give up. `pace` bounds how often an untroubled job is looked at; None: as the family says.
    """

    wait: wait_base = field(default_factory=backoff)
    retry: retry_base = field(default_factory=lambda: retry_if_exception(is_weather))
    stop: stop_base = field(default_factory=lambda: stop_after_attempt(1000))
    budget: float = 30.0
    pace: Pace | None = None
    concurrency: int = 32
    """Looks and submits under way at a time; and as many of all else (cancels, fetches, searches)."""
    rates: Mapping[str, Rate] = field(default_factory=dict)
    """By channel (an operation's name, or a host's): instead of what the family says."""
    breaker: int = 5
    """Failures of so many different askers in a row leave a channel to one probe at a time, spaced by `wait`."""
    credential_pause: float = 30.0
    """Seconds between two tries of a lane whose credentials were refused."""
    puzzled_looks: int = 10
    """An unknown status word that was seen this often ..."""
    puzzled_for: float = 600.0
    """... over so many seconds is told to the waiters."""

    def delay(self, attempt: int, error: BaseException) -> float:
        """Seconds to wait after the `attempt`-th failure in a row."""
        return max(0.0, float(self.wait(_state(attempt, error))))

    def tries_again(self, attempt: int, error: BaseException) -> bool:
        """Whether this failure is of the kind that passes."""
        return bool(self.retry(_state(attempt, error)))

    def gives_up(self, attempt: int, error: BaseException) -> bool:
        """Whether a waiting `run()` ends after the `attempt`-th failure in a row."""
        return bool(self.stop(_state(attempt, error)))

    def pace_of(self, traits: Traits) -> Pace:
        """The bounds of the cadence for a family of backends."""
        if self.pace is not None:
            return self.pace
        if traits.pushes:
            return SAFETY_NET
        return Pace(at_least=traits.min_interval)


def _state(attempt: int, error: BaseException) -> RetryCallState:
    nothing: Any = None  # tenacity's own tests build states like this; no strategy reads these fields
    state = RetryCallState(nothing, nothing, (), {})
    state.attempt_number = attempt
    outcome = Future(attempt)
    outcome.set_exception(error)
    state.outcome = outcome
    return state
