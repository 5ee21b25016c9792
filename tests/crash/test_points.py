"""Kill -9 at every named point: just before and just after each durable write and each operation on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from tests.crash.ground import MODES, SUBMITS, Ground
from tests.crash.verdict import Case, Verdict

SCENARIOS = ("submit", "look", "fetch", "cancel")
NAMED = {
    "submit": {
        *("before describe", "after describe", "before submit", "after submit"),
        *("0.05 s into submit", "0.35 s into submit"),
        *("before commit Intent", "after commit Intent", "before commit SubmitStarted", "after commit SubmitStarted"),
        *("before commit SubmitAccepted", "after commit SubmitAccepted"),
    },
    "look": {
        *("before poll", "after poll", "before fetch", "after fetch"),
        *("before commit completed Reported", "after commit completed Reported"),
        *("before commit ResultKept", "after commit ResultKept"),
    },
    "fetch": {"before fetch", "after fetch", "before commit ResultKept", "after commit ResultKept"},
    "cancel": {
        *("before cancel", "after cancel", "before commit CancelRequested", "after commit CancelRequested"),
        *("before commit CancelSent", "after commit CancelSent"),
        *("before commit CancelAccepted", "after commit CancelAccepted"),
    },
}
"""What must be among the points of each scenario, lest they get fewer unseen."""
LEFT = {
    "idempotent": ("after commit Intent#1", "after commit SubmitStarted#1", "0.05 s into submit#1", "before poll#1"),
    "findable": ("after commit SubmitStarted#1", "0.05 s into submit#1", "after submit#1"),
    "rerunnable": ("0.35 s into submit#1",),
    "unknown": ("after commit Intent#1", "after commit SubmitStarted#1", "after commit SubmitAccepted#1"),
}
"""Where programs died whose recovery is killed in its turn."""


def agreed(verdicts: list[Verdict], *, killed: float = 1.0) -> None:
    """No verdict has a problem, and so many of the programs were killed (timers and looks may come once less)."""
    wrong = [f"{verdict.case}: {'; '.join(verdict.problems)}" for verdict in verdicts if verdict.problems]
    assert not wrong, "\n".join(wrong)
    assert sum(verdict.killed for verdict in verdicts) >= killed * len(verdicts)


def first(points: list[str]) -> list[str]:
    return [point for point in points if point.endswith("#1")]


def names(points: list[str]) -> set[str]:
    return {point.partition("#")[0] for point in points}


# --- ordinary ---------------------------------------------------------------------------
@pytest.mark.parametrize(("submit", "mode"), list(zip(SUBMITS, MODES * 2, strict=True)))
def test_a_submit_that_is_killed_anywhere_leads_to_one_job(ground: Ground, submit: str, mode: str) -> None:
    points = first(ground.points(submit, "submit"))
    assert names(points) >= NAMED["submit"]
    verdicts = ground.judge_all([Case(submit, mode, "submit", kill=point) for point in points])
    agreed(verdicts, killed=0.8)
    doubts = {verdict.case.kill for verdict in verdicts if verdict.doubts}
    if submit == "unknown":  # exactly those deaths after which nobody can know
        assert doubts <= set(points[points.index("after commit SubmitStarted#1") :])
        assert {"0.35 s into submit#1", "after submit#1"} <= doubts
    else:
        assert not doubts


@pytest.mark.parametrize(("submit", "mode", "scenario"), [
    ("idempotent", "delete", "look"),
    ("findable", "wal", "fetch"),
    ("unknown", "wal", "cancel"),
])  # fmt: skip
def test_an_accepted_job_that_is_left_anywhere_comes_to_its_end(
    ground: Ground, submit: str, mode: str, scenario: str
) -> None:
    points = first(ground.points(submit, scenario))
    assert names(points) >= NAMED[scenario]
    agreed(ground.judge_all([Case(submit, mode, scenario, kill=point) for point in points]), killed=0.8)


def test_a_recovery_that_is_killed_is_recovered_from(ground: Ground) -> None:
    left = "0.05 s into submit#1"  # the job is there a moment later: not found at first, and then it is
    points = first(ground.points("findable", "recover", left))
    assert names(points) >= {"before find", "after commit Adopted"}
    assert any("TakenOver" in point for point in points)
    cases = [Case("findable", "delete", "recover", kill=point, left=left) for point in points]
    agreed(ground.judge_all(cases), killed=0.8)


def test_nothing_was_sent_without_an_intent(ground: Ground) -> None:
    if not ground.verdicts:
        pytest.skip("nothing was sent at all: the other tests of this file were left out")
    assert ground.strangers() == set()


# --- soak -------------------------------------------------------------------------------
@pytest.mark.soak
@pytest.mark.parametrize(("submit", "mode", "scenario"), list(product(SUBMITS, MODES, SCENARIOS)))
def test_every_point_of_every_scenario(ground: Ground, submit: str, mode: str, scenario: str) -> None:
    points = ground.points(submit, scenario)
    agreed(ground.judge_all([Case(submit, mode, scenario, kill=point) for point in points]), killed=0.7)
    assert ground.strangers() == set()


@pytest.mark.soak
@pytest.mark.parametrize(
    ("submit", "mode", "left"), [(submit, mode, left) for submit in SUBMITS for mode in MODES for left in LEFT[submit]]
)
def test_every_point_of_recoveries(ground: Ground, submit: str, mode: str, left: str) -> None:
    points = ground.points(submit, "recover", left)
    agreed(ground.judge_all([Case(submit, mode, "recover", kill=point, left=left) for point in points]), killed=0.7)
    assert ground.strangers() == set()


# --- the judges -------------------------------------------------------------------------
@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Where wrong things are done."""
    ground = Ground(tmp_path_factory.mktemp("apart"), at_a_time=1)
    ground.open()
    try:
        yield ground
    finally:
        ground.close()


@pytest.mark.parametrize(
    ("case", "found"),
    [
        (Case("idempotent", "delete", "submit", kill="after submit#1", service="unknown"), "2 remote jobs"),
        (Case("unknown", "delete", "submit", kill="after submit#1", fault="twice"), "2 posts, and 1 were announced"),
        (Case("unknown", "delete", "submit", kill="before commit SubmitStarted#1", fault="early"), "2 posts, and 1"),
        (Case("unknown", "delete", "look", kill="before poll#1", fault="memory"), "acknowledged jobs are lost"),
    ],
    ids=["a key that means nothing", "sent twice", "sent before it was announced", "kept nowhere"],
)
def test_what_is_wrong_is_found(apart: Ground, case: Case, found: str) -> None:
    (verdict,) = apart.judge_all([case])
    assert verdict.killed
    assert any(found in problem for problem in verdict.problems), verdict.problems
    if case.fault == "memory":
        assert len(apart.strangers()) == 1
