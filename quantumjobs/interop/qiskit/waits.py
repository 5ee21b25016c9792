"""What programs written for `AQTJob` tell `run` about waiting: how long for the result, and whether with a bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quantumjobs.errors import UsageError

NAMES = frozenset({"query_timeout_seconds", "with_progress_bar"})
PERIOD = "query_period_seconds"


@dataclass(frozen=True, slots=True)
class Waits:
    """How `result()` waits when it is not told itself."""

    timeout: float | None = None
    """Seconds; None: without end."""
    bar: bool | None = None
    """Whether a bar is drawn; None: as the client's `progress` says."""


def taken(options: Mapping[str, Any]) -> tuple[Waits, dict[str, Any]]:
    """What they say about waiting, and the other options. None is as if not given.

    Raises `UsageError` for a time that is none, for anything but True or False, and for `query_period_seconds`.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if PERIOD in given:  # taken without effect it would promise something
        raise UsageError(
            f"{PERIOD}: looks belong to a provider and not to a job; to make them rarer, give the client "
            'policies={"aqt": quantumjobs.Policy(pace=quantumjobs.core.schedule.Pace(at_least=...))}'
        )
    timeout, bar = given.pop("query_timeout_seconds", None), given.pop("with_progress_bar", None)
    if timeout is not None and not _is_time(timeout):
        raise UsageError(f"query_timeout_seconds={timeout!r}: seconds above 0 are needed, or None to wait without end")
    if bar is not None and not isinstance(bar, bool):
        raise UsageError(f"with_progress_bar={bar!r}: True or False is needed")
    return Waits(None if timeout is None else float(timeout), bar), given


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
