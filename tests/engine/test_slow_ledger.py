"""A ledger that takes its time: what is written and what is told come at different moments."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import quantumjobs as qj
from quantumjobs.testing.fake import FakeProvider, Fault
from tests.engine.helpers import BELL
from tests.engine.test_closing import Slow


@pytest.mark.parametrize("trouble", [qj.CredentialError("refused"), qj.ProviderRejected("no")])
async def test_a_run_that_is_refused_says_so_at_once(tmp_path: Path, trouble: Exception) -> None:
    fake = FakeProvider(script={"submit": [trouble]})
    async with qj.Client(ledger=Slow(tmp_path / "ledger"), providers={"fake": fake}) as client, asyncio.timeout(2):
        with pytest.raises((qj.CredentialError, qj.JobRejected)):
            await client.backend("fake/sim").run(BELL)
        (job,) = await client.jobs()
        assert job.state in ("cancelled", "rejected")


async def test_a_run_in_bad_weather_ends_with_its_budget(tmp_path: Path) -> None:
    fake = FakeProvider(script={"submit": [Fault.NOT_SENT] * 1000})
    async with qj.Client(ledger=Slow(tmp_path / "ledger"), providers={"fake": fake}) as client, asyncio.timeout(90):
        with pytest.raises(qj.ProviderUnavailable):
            await client.backend("fake/sim").run(BELL)
        (job,) = await client.jobs()
        assert job.state == "cancelled"


async def test_pushes_that_overtake_the_commit_of_their_submit_are_not_lost(tmp_path: Path) -> None:
    fake = FakeProvider(pushes=True, running=0.01)
    async with qj.Client(ledger=Slow(tmp_path / "ledger"), providers={"fake": fake}) as client, asyncio.timeout(5):
        assert (await (await client.backend("fake/sim").run(BELL, shots=3))).counts
