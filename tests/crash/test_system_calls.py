"""Kill -9 at system calls on files and sockets: just before the call, as `strace --inject` does it.

A thread counts its own calls. Those on the ledger's files are made by its one writer, those on sockets by the loop, so
that the n-th call of a name is one place in the program; where both make calls of a name, it is whoever comes first.
Between two runs the counts differ by a few, since looks depend on time: the last places may not be reached.
"""

from __future__ import annotations

import os
from itertools import product

import pytest

from tests.crash.ground import MODES, SUBMITS, Ground, at_call
from tests.crash.test_points import LEFT, agreed
from tests.crash.verdict import Case

pytestmark = pytest.mark.usefixtures("traced")

CALLS = (
    *("%file", "%network", "close", "fchmod", "fcntl", "fdatasync", "flock", "fstat", "fsync", "ftruncate"),
    *("pread64", "pwrite64", "pwritev", "read", "write", "writev"),
)
"""All that touches files and sockets, but for waiting on them."""
WRITES = ("fchmod", "fdatasync", "fsync", "ftruncate", "mkdir", "openat", "pwrite64", "rename", "unlink", "write")
EVERY = int(os.environ.get("QUANTUMJOBS_SOAK_EVERY", "20"))
"""Of a soak: every n-th place only; 1 takes about two hours for some 14,000 kills."""
SCENARIOS = ("submit", "look", "fetch", "cancel", "recover")
SHORT = 1
"""Kills of each scenario in the ordinary tests."""


def places(
    ground: Ground, submit: str, mode: str, scenario: str, *, calls: tuple[str, ...] = CALLS, how: str = "signal=KILL"
) -> list[Case]:
    """All of them, name by name."""
    left = LEFT[submit][-1] if scenario == "recover" else ""
    counted = ground.calls(Case(submit, mode, scenario, left=left), calls)
    return [
        Case(submit, mode, scenario, left=left, trace=at_call(name, number, how))
        for name, most in sorted(counted.items())
        for number in range(1, most + 1)
    ]


def spread(cases: list[Case], count: int) -> list[Case]:
    """So many, evenly."""
    return [cases[(2 * place + 1) * len(cases) // (2 * count)] for place in range(count)]


@pytest.mark.parametrize(("submit", "mode"), list(zip(SUBMITS, reversed(MODES * 2), strict=True)))
def test_a_program_that_is_killed_at_a_call_is_recovered_from(ground: Ground, submit: str, mode: str) -> None:
    cases = [case for scenario in SCENARIOS for case in spread(places(ground, submit, mode, scenario), SHORT)]
    agreed(ground.judge_all(cases), killed=0.6)
    assert ground.strangers() == set()


@pytest.mark.parametrize(("submit", "error"), [("idempotent", "ENOSPC"), ("unknown", "EIO")])
def test_where_a_write_fails_nothing_is_sent_that_was_not_announced(ground: Ground, submit: str, error: str) -> None:
    cases = places(ground, submit, "delete", "submit", calls=WRITES, how=f"error={error}")
    agreed(ground.judge_all(spread(cases, 6)), killed=0.0)
    assert ground.strangers() == set()


# --- soak -------------------------------------------------------------------------------
@pytest.mark.soak
@pytest.mark.parametrize(("submit", "mode", "scenario"), list(product(SUBMITS, MODES, SCENARIOS)))
def test_every_call_of_every_scenario(ground: Ground, submit: str, mode: str, scenario: str) -> None:
    cases = places(ground, submit, mode, scenario)[::EVERY]
    agreed(ground.judge_all(cases), killed=0.6)
    assert ground.strangers() == set()


@pytest.mark.soak
@pytest.mark.parametrize(
    ("submit", "mode", "error"), list(product(("idempotent", "unknown"), MODES, ("ENOSPC", "EIO")))
)
@pytest.mark.parametrize("scenario", ["submit", "look"])
def test_every_write_that_fails(ground: Ground, submit: str, mode: str, error: str, scenario: str) -> None:
    cases = places(ground, submit, mode, scenario, calls=WRITES, how=f"error={error}")[::EVERY]
    agreed(ground.judge_all(cases), killed=0.0)
    assert ground.strangers() == set()
