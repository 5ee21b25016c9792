"""One ground for all deaths, and a line at the end that says how many there were."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.ground import Ground
from tests.tally import tally


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Ground]:
    ground = Ground(tmp_path_factory.mktemp("crash"))
    ground.open()
    try:
        yield ground
    finally:
        ground.close()
        counts = tally(pytestconfig)
        counts["crash: kills, each recovered from"] += sum(verdict.killed for verdict in ground.verdicts)
        counts["crash: cases"] += len(ground.verdicts)
        counts["crash: jobs left in doubt, all told"] += sum(verdict.doubts for verdict in ground.verdicts)


@pytest.fixture(scope="session")
def can_trace(ground: Ground) -> bool:
    return ground.can_trace()


@pytest.fixture
def traced(can_trace: bool, request: pytest.FixtureRequest) -> None:
    """Skips, loudly, where strace cannot look at processes."""
    if not can_trace:
        tally(request.config)["NO KILLS AT SYSTEM CALLS (strace is not there, or ptrace is not allowed), tests"] += 1
        pytest.skip("NO KILLS AT SYSTEM CALLS: strace is not there, or ptrace is not allowed")
