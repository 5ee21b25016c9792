"""Times and ages, as they are written on the command line and shown there."""

from __future__ import annotations

import re
from datetime import datetime

from quantumjobs.errors import UsageError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_AGE = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhdw])")
_FORMS = "30d, 12h or 90m"


def age(flag: str, text: str) -> float:
    """Seconds of `30d`, `12h`, `90m` and the like. Raises `UsageError`."""
    found = _age(text)
    if found is None:
        raise UsageError(f"{flag} {text!r}: write an age such as {_FORMS}")
    return found


def since(flag: str, text: str, now: float) -> float:
    """Seconds since the epoch: an age before `now`, or an ISO date with or without a time, local where it has no zone.

    Raises `UsageError`.
    """
    found = _age(text)
    if found is not None:
        return now - found
    try:
        return datetime.fromisoformat(text.strip()).astimezone().timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(f"{flag} {text!r}: write an age such as {_FORMS}, or a date such as 2026-01-31") from error


def _age(text: str) -> float | None:
    match = _AGE.fullmatch(text.strip().lower())
    return None if match is None else float(match[1]) * _UNITS[match[2]]


def local(at: float) -> str:
    """A moment (seconds since the epoch) in the local zone, in ISO form with the offset."""
    try:
        return datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):  # a provider's estimate may be any number
        return f"{at:g} s since 1970"


def ago(seconds: float) -> str:
    """A span in its largest unit, rounded down."""
    if seconds < 60:
        return f"{max(0, int(seconds))} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min"
    if seconds < 48 * 3600:
        return f"{int(seconds // 3600)} h"
    return f"{int(seconds // 86400)} d"
