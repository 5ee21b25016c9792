"""One ground for all deaths, and a line at the end that says how many there were."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.ground import Ground

NOT_MADE = pytest.StashKey[list[str]]()
GROUND = pytest.StashKey[Ground]()


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Ground]:
    ground = pytestconfig.stash[GROUND] = Ground(tmp_path_factory.mktemp("crash"))
    ground.open()
    try:
        yield ground
    finally:
        ground.close()


@pytest.fixture(scope="session")
def can_trace(ground: Ground) -> bool:
    return ground.can_trace()


@pytest.fixture
def traced(can_trace: bool, request: pytest.FixtureRequest) -> None:
    """Skips, loudly, where strace cannot look at processes."""
    if not can_trace:
        missing = request.config.stash.setdefault(NOT_MADE, [])
        missing.append(request.node.name)
        pytest.skip("NO KILLS AT SYSTEM CALLS: strace is not there, or ptrace is not allowed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    ground = config.stash.get(GROUND, None)
    if ground is not None:
        killed = sum(verdict.killed for verdict in ground.verdicts)
        doubts = sum(verdict.doubts for verdict in ground.verdicts)
        terminalreporter.write_line(
            f"crash: {killed} kills in {len(ground.verdicts)} cases, each recovered; {doubts} left in doubt, all told"
        )
    missing = config.stash.get(NOT_MADE, [])
    if missing:
        terminalreporter.write_line(
            f"crash: {len(missing)} tests made NO kills at system calls: strace is not there, or ptrace is not allowed",
            red=True,
        )
