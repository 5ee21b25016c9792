"""The vendor's SDK works against our emulator, and our adapter gives what it gives.

It takes nine seconds to be imported, so one process does all.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import quantumjobs as qj
from quantumjobs.testing.emulators import serve
from tests.adapters.braket.helpers import QUICK
from tests.oracles.braket import recorded, vendor
from tests.oracles.braket.recorded import BELL, CASES, FLIP, OTHERS, TEXT, Case

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(240)]

Report = dict[str, Any]
HELD = 600.0
"""Seconds for which a task waits that is not to end by itself."""
BATCH = Case(programs=(BELL, FLIP, TEXT))
SLOW = Case(programs=(BELL, BELL, BELL), theirs={"options": {"poll_timeout_seconds": 0.3}}, emulator={"queue": HELD})


def client_of(url: str) -> qj.Client:
    return qj.Client(ledger="memory", policies=QUICK, providers={"braket": vendor.settings(url)})


class Both:
    """Plans for the vendor, each with an emulator of its own; and what came of them, by name."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self._plans: dict[str, dict[str, Any]] = {}
        self.services: dict[str, vendor.Recorder] = {}
        self.reports: dict[str, Report] = {}

    async def plan(self, name: str, case: Case, do: str, **more: Any) -> None:
        service = self.services[name] = vendor.Recorder(**case.emulator)
        url = await self._stack.enter_async_context(serve(service))
        self._plans[name] = case.plan(do, url=url, **more)

    async def carry_out(self, home: Path) -> None:
        reports = await vendor.jobs(list(self._plans.values()), home=home)
        self.reports = dict(zip(self._plans, reports, strict=True))


async def test_the_vendors_sdk_completes_its_tasks_here_and_ours_has_the_same_counts(tmp_path: Path):
    async with AsyncExitStack() as stack:
        both = Both(stack)
        for name, case in CASES.items():
            await both.plan(name, case, "run")
        await both.plan("cancel", OTHERS["cancel"], "cancel")
        await both.plan("fails", OTHERS["fails"], "run")
        await both.plan("bucket", OTHERS["bucket"], "bucket", region="eu-north-1")
        await both.plan("batch", BATCH, "batch")
        await both.plan("slow", SLOW, "batch")
        await both.plan("wait again", Case(emulator={"queue": 1.0}), "wait_again", patience=0.3)
        await both.plan("given up", Case(emulator={"queue": HELD}), "given_up", patience=0.3)
        await both.carry_out(tmp_path)
    _check_life(both)
    _check_flaws(both)
    noted = recorded.written(_noted(both))
    (tmp_path / recorded.FILE.name).write_text(noted, encoding="utf-8")  # to be looked at, and kept if it is right
    assert noted == recorded.FILE.read_text(encoding="utf-8")
    services = serve(vendor.Recorder()), serve(vendor.Recorder(spilled=True))
    async with services[0] as url, services[1] as other, client_of(url) as client, client_of(other) as spilled:
        results = await asyncio.gather(
            *(_ours(spilled if case.emulator else client, case) for case in CASES.values()),
            _ours(client, BATCH, program_set=False),
        )
    for name, case, result in zip([*CASES, "batch"], [*CASES.values(), BATCH], results, strict=True):
        report = both.reports[name]
        if case.shots:
            assert [_reversed(one.counts) for one in result] == report["counts"], name
            assert all(sum(counts.values()) == case.shots for counts in report["counts"]), name
        else:
            (entry,) = result
            (mine,), (theirs,) = entry.data.values(), report["values"]
            assert np.allclose(mine, [complex(*one) for one in theirs] if name == "exact" else theirs, atol=1e-9)


async def _ours(client: qj.Client, case: Case, **more: Any) -> qj.Result:
    job = await client.backend(f"braket/{case.device}").run(case.circuits, shots=case.shots, **case.ours, **more)
    return await job


def _reversed(counts: dict[str, int]) -> dict[str, int]:
    """In the vendor's order, in which the first bit is left-most."""
    return {bits[::-1]: number for bits, number in counts.items()}


def _noted(both: Both) -> dict[str, list[recorded.Exchange]]:
    return {name: recorded.masked(both.services[name].noted) for name in (*CASES, *OTHERS)}


def _check_life(both: Both) -> None:
    """Tasks of all kinds come to the end that they should."""
    for name in CASES:
        assert both.reports[name]["state"] == "COMPLETED"
    cancelled, failed, bucket = (both.reports[name] for name in ("cancel", "fails", "bucket"))
    assert cancelled["queued"] == ["Normal", "1"]
    assert cancelled["over"][0] is None
    assert "CANCELLED" in cancelled["over"][1]
    assert (cancelled["state"], cancelled["refused"]) == ("CANCELLED", "ConflictException")
    assert (failed["state"], failed["reason"]) == ("FAILED", "Gate nonsense is not defined.")
    assert {"createdAt", "endedAt", "queueInfo", "actionMetadata", "failureReason"} <= set(failed["metadata"])
    assert bucket["version"] == "1.127.5"
    assert bucket["ours is here"] is False
    assert bucket["bucket"] == "amazon-braket-eu-north-1-123456789012"
    batch = both.reports["batch"]
    assert batch["first"] == batch["last"]
    assert set(batch["first"]) == both.services["batch"].jobs.keys()


def _check_flaws(both: Both) -> None:
    """What is better here: see tests/adapters/braket/test_vendor_flaws.py."""
    assert both.reports["fails"]["result"] is None
    assert both.reports["cancel"]["result"] is None
    assert both.reports["given up"] == {"result": None, "state": "QUEUED"}
    assert both.reports["wait again"]["told"] == ["TimeoutError", "CancelledError", "True"]
    slow = both.reports["slow"]
    assert slow["counts"] == [None] * 3
    assert not set(slow["first"]) & set(slow["last"])
    assert len(both.services["slow"].jobs) == 12
