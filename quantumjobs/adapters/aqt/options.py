"""The options of `run`, by family; an unknown one is refused before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quantumjobs.errors import UsageError, unknown_name

OPTIONS: Mapping[str, Mapping[str, type]] = {
    "cloud": {"label": str},
    "direct": {"stop_on_failure": bool},
    "offline": {"label": str, "seed_simulator": int},
}
"""`label`: what AQT shows with the job; its name tells nothing else. `stop_on_failure` (True): circuits behind one that
failed are not sent. `seed_simulator`: of the first circuit; drawn, and kept with the job, where none is given."""
_NOT_HERE = {
    "query_period_seconds": "looks belong to the provider; the client's `policies` say how often they are made",
    "query_timeout_seconds": "a wait has the deadline that you give it: asyncio.timeout, or timeout= without async",
    "with_progress_bar": "waits draw one: job.result(progress=True), or client.progress = True",
}
"""Options of AQT's own job classes, and what is there in their place."""
_CALLED = {str: "a text", bool: "True or False", int: "a whole number"}


def admitted(family: str, options: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """The options that were given. Raises `UsageError` for an unknown name or a wrong type."""
    known = OPTIONS[family]
    for name, value in options.items():
        if name in _NOT_HERE:
            raise UsageError(f"{where} has no option {name!r}: {_NOT_HERE[name]}")
        if name not in known:
            raise unknown_name("option", name, known, where=where)
        if value is not None and type(value) is not known[name]:
            raise UsageError(f"{name}={value!r}: {_CALLED[known[name]]} is needed")
    return {name: value for name, value in options.items() if value is not None}
