"""What jobs cost by their provider's published prices. Where none is published, that is `unknown`, and never 0.

A codec puts its provider's prices into a part's details by `tariff`, so that they are those of the day of submission.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

from msgspec import Struct

from quantumjobs.core.states import JobState

S = JobState
UNRUN = frozenset({S.REJECTED, S.FAILED, S.CANCELLED})
_TASK, _SHOT, _SHOTS, _MINUTE, _LEAST, _CURRENCY = (
    f"price.{name}" for name in ("task", "shot", "shots", "minute", "least", "currency")
)
RAN = "successful_shots"
"""The detail in which an adapter tells how many shots have succeeded."""

SECONDS = "execution_seconds"
"""What an entry's metadata tell of how long its circuit ran, where that is what is paid for."""


class Cost(Struct, frozen=True):
    """An amount of money, or that nobody knows it."""

    amount: Decimal | None = None
    currency: str = "USD"
    is_final: bool = False
    """Nothing will be added to it: what it is of has ended."""

    def __str__(self) -> str:
        if self.amount is None:
            return "unknown"
        return f"{'' if self.is_final else 'about '}{self.amount.normalize():f} {self.currency}"

    def __add__(self, other: Cost) -> Cost:
        """Together; unknown where one of them is, or where they are not of one currency."""
        final = self.is_final and other.is_final
        if self.amount is None or other.amount is None or self.currency != other.currency:
            return Cost(None, self.currency, final)
        return Cost(self.amount + other.amount, self.currency, final)

    def __radd__(self, nothing: int) -> Cost:
        """`sum(costs)` begins with 0."""
        return NotImplemented if nothing else self


UNKNOWN = Cost()


def total(costs: Iterable[Cost]) -> Cost:
    """The sum; of nothing, unknown."""
    found = list(costs)
    return sum(found[1:], found[0]) if found else UNKNOWN


def tariff(
    *,
    task: float | None = None,
    shot: float | None = None,
    shots: int = 0,
    minute: float | None = None,
    least: float = 0.0,
    currency: str = "USD",
) -> dict[str, str]:
    """Details of a part: its price per task and shot with the number of `shots`, or per `minute` of at `least` seconds."""
    found = {_TASK: task, _SHOT: shot, _SHOTS: shots or None, _MINUTE: minute, _LEAST: least or None}
    told = {name: str(number) for name, number in found.items() if number is not None}
    return {**told, _CURRENCY: currency} if told else {}


def cost(details: Mapping[str, str], state: JobState | None = None, *, seconds: float | None = None) -> Cost:
    """What a part costs, or will (`state` None), with these details. `seconds`: how long it ran, where that is known.

    What failed or was cancelled is free, as vendors' own trackers count it.
    """
    known = {
        name: number
        for name in (_TASK, _SHOT, _SHOTS, _MINUTE, _LEAST, RAN)
        if (number := _number(details, name)) is not None
    }
    currency = details.get(_CURRENCY, "USD")
    if _SHOT not in known and _MINUTE not in known:
        return Cost(None, currency)
    if state in UNRUN:
        return Cost(Decimal(0), currency, is_final=True)
    amount = known.get(_TASK, Decimal(0))
    if _SHOT in known:
        if _SHOTS not in known:
            return Cost(None, currency)
        ran = known.get(RAN) if state is S.COMPLETED else None
        amount += known[_SHOT] * (known[_SHOTS] if ran is None else ran)
    if _MINUTE in known:
        if seconds is None:
            return Cost(None, currency)
        amount += known[_MINUTE] * max(Decimal(repr(seconds)), known.get(_LEAST, Decimal(0))) / 60
    return Cost(amount, currency, is_final=state is S.COMPLETED)


def is_timed(details: Mapping[str, str]) -> bool:
    """Whether the price is one of time."""
    return _MINUTE in details


def _number(details: Mapping[str, str], name: str) -> Decimal | None:
    try:
        number = Decimal(details[name])
    except (KeyError, InvalidOperation):
        return None
    return number if number.is_finite() and number >= 0 else None
