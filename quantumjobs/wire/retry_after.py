"""Retry-After, in the forms that servers send it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from math import isfinite


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, never negative; None where nothing readable was said. `now` is in seconds since the epoch.

    RFC 9110 has whole seconds and an HTTP date (in three spellings). Fractions of a second and `retry-after-ms` are
    seen in the wild. A date is read against the server's own `Date`, so that a wrong clock on either side cannot hurt.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    said = headers.get("retry-after")
    if said is None:
        return None
    seconds = _number(said)
    if seconds is not None:
        return max(0.0, seconds)
    until = _date(said)
    if until is None:
        return None
    theirs = _date(headers.get("date"))
    return max(0.0, until - (now if theirs is None else theirs))


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        number = float(text.strip())
    except ValueError:
        return None
    return number if isfinite(number) else None


def _date(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        date = parsedate_to_datetime(text.strip())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if date.tzinfo is None:  # asctime has no zone; HTTP says that it is UTC
        date = date.replace(tzinfo=dt.UTC)
    return date.timestamp()
