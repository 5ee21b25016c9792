"""Waiting for many jobs stalls nobody, and ends when it is told to. `nox -s oracles -- --bench` has figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.oracles.originq import our_waits, waits

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(180)]


@pytest.mark.alone
def test_a_hundred_jobs_are_awaited_without_a_stall_and_the_vendor_stalls_for_most_of_it(tmp_path: Path):
    ours = waits.stalled(waits.OURS, tmp_path, jobs=100, queue=1.5)
    theirs = waits.stalled(waits.THEIRS, tmp_path, jobs=100, queue=1.5)
    assert ours["good"]
    assert theirs["good"]
    assert ours["longest"] < 0.25  # 0.05 on a machine that is ours alone: see the benchmark
    assert theirs["longest"] > 1.0


def test_an_interrupt_ends_our_wait_and_the_vendors_goes_on(tmp_path: Path):
    for side in (waits.OURS, waits.BLOCKING):
        assert waits.interrupted(side, tmp_path, patience=10.0) < 1.0  # 0.2 on a machine that is ours alone
    assert waits.interrupted(waits.THEIRS, tmp_path, patience=2.0) == 2.0


def test_a_server_that_hangs_delays_one_job_by_one_attempt(tmp_path: Path):
    *others, last = waits.hung(waits.OURS, tmp_path, jobs=5)
    assert max(others) < our_waits.DEADLINE
    assert our_waits.DEADLINE <= last < 3 * our_waits.DEADLINE
