"""When a request may go: the rate, the gate and the breaker of one channel. Time is always an argument.

Nothing here waits, and nothing here fails a request: `free_at` says when the next one may go, and whoever has one to
send keeps it until then. Seconds are those of the caller's clock.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from msgspec import Struct

PATIENCE = 60.0
"""Seconds after which a probe without an answer keeps the others no longer: one that hangs must not close a channel."""


class Rate(Struct, frozen=True):
    """At most `burst` requests at once, and `per_second` in the long run."""

    per_second: float
    burst: int = 1


class Bucket:
    """A token bucket: in no stretch of `t` seconds more than `burst + per_second * t` tokens.

    Kept as one number, the moment at which it is full again. Levels would be added up in floats, and a bucket that is
    a billionth short of its token when its timer comes would be asked for ever.
    """

    __slots__ = ("_full_at", "_slack", "_step")

    def __init__(self, rate: Rate) -> None:
        self._step = 1.0 / rate.per_second if rate.per_second > 0 else inf
        self._slack = (max(1, rate.burst) - 1) * self._step if rate.burst > 1 else 0.0
        self._full_at = -inf

    def free_at(self) -> float:
        """When there is a token; a moment that has passed means now."""
        return self._full_at - self._slack

    def take(self, now: float) -> None:
        """Take one, whether it is there or not: one taken early is missing later."""
        self._full_at = max(self._full_at, now) + self._step


class Channel:
    """One operation or host of a lane.

    A breaker that is open lets one probe go at a time, spaced by a back-off, until something is answered. It opens
    after failures of `after` different askers in a row, so that one job whose looks always fail does not slow the
    others down. `probe` is the passage that probes now; passages are told apart by identity.
    """

    __slots__ = ("after", "bucket", "error", "failures", "gate", "is_open", "next_at", "probe", "probe_until", "spacing",
                 "suspects")  # fmt: skip

    def __init__(self, after: int, rate: Rate | None = None) -> None:
        self.after = after
        self.bucket = None if rate is None else Bucket(rate)
        self.gate = 0.0
        self.is_open = False
        """Open as an electrician says it: nothing flows but probes."""
        self.error: Exception | None = None
        """What its last failure was, while it is open."""
        self.failures = 0
        self.suspects: set[str] = set()
        self.next_at = 0.0
        self.spacing = 0.0
        self.probe: object | None = None
        self.probe_until = 0.0

    def free_at(self) -> float:
        """When the next request may go, as far as is known; a moment that has passed means now."""
        at = self.gate
        if self.is_open:
            at = max(at, self.next_at if self.probe is None else self.probe_until)
        if self.bucket is not None:
            at = max(at, self.bucket.free_at())
        return at

    def begin(self, now: float, passage: object) -> None:
        """A request goes; the caller has asked `free_at`, or has a reason not to."""
        if self.bucket is not None:
            self.bucket.take(now)
        if self.is_open:
            self.probe = passage
            self.probe_until = now + PATIENCE

    def answered(self) -> bool:
        """Something came back that was not weather. True when that closed the breaker."""
        was_open = self.is_open
        if self.failures:
            self.failures = 0
            self.suspects.clear()
            self.is_open = False
            self.error = self.probe = None
        return was_open

    def failed(self, now: float, passage: object, who: str, error: Exception, delay: Callable[[int], float]) -> bool:
        """Weather. `delay` gives the seconds after the n-th failure in a row. True when that opened the breaker.

        While it is open only the probe counts: the others went before, and say nothing new.
        """
        if self.is_open:
            if self.probe is passage:
                self.failures += 1
                self._space(now, error, delay)
            return False
        self.failures += 1
        if len(self.suspects) < self.after:
            self.suspects.add(who)
        if len(self.suspects) < self.after:
            return False
        self.is_open = True
        self.failures = len(self.suspects)
        self._space(now, error, delay)
        return True

    def undecided(self, now: float, passage: object) -> None:
        """It ended, and that says nothing about this channel: the next probe keeps its distance all the same."""
        if self.probe is passage:
            self.probe = None
            self.next_at = max(self.next_at, now + self.spacing)

    def unused(self, passage: object) -> None:
        """Nothing was sent after all: the next may probe."""
        if self.probe is passage:
            self.probe = None

    def hurry(self, now: float) -> None:
        """Somebody wants to know now: the next probe may go."""
        self.next_at = min(self.next_at, now)

    def hold(self, until: float) -> None:
        """Nothing goes before; a gate never moves back."""
        self.gate = max(self.gate, until)

    def slept(self, seconds: float) -> None:
        """So much time passed that the clock did not see."""
        self.gate -= seconds
        self.next_at -= seconds
        self.probe_until -= seconds

    def _space(self, now: float, error: Exception, delay: Callable[[int], float]) -> None:
        self.error = error
        self.probe = None
        self.spacing = delay(self.failures)
        self.next_at = now + self.spacing
