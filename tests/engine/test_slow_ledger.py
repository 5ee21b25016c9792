"""A ledger that takes its time: what is written and what is told come at different moments."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import quantumjobs as qj
from quantumjobs.core.traits import Idempotent
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


async def test_runs_of_one_key_at_a_time_are_one_job_that_is_sent(tmp_path: Path) -> None:
    """One of them finds what another has committed, before that one knows it."""
    fake = FakeProvider(running=1)
    async with qj.Client(ledger=Slow(tmp_path / "ledger"), providers={"fake": fake}) as client, asyncio.timeout(20):
        backend = client.backend("fake/sim")
        jobs = await asyncio.gather(*(backend.run(BELL, key="step", until="recorded") for _ in range(5)))
        assert len({job.id for job in jobs}) == 1
        assert (await jobs[0]).counts
        assert fake.submits == 1


async def test_nothing_is_sent_again_once_its_window_has_passed_while_the_disk_was_slow(tmp_path: Path) -> None:
    fake = FakeProvider(submit_class=Idempotent(10.0), script={"submit": [Fault.REPLY_LOST]})
    ledger = Slow(tmp_path / "ledger")
    async with qj.Client(ledger=ledger, providers={"fake": fake}) as client:
        running = asyncio.ensure_future(client.backend("fake/sim").run(BELL))
        await ledger.submitting.wait()
        await asyncio.sleep(0.05)
        ledger.intent = 60.0
        with pytest.raises(qj.SubmissionUncertain):
            await running
        assert (fake.submits, len(fake.jobs)) == (1, 1)


async def test_a_doubt_that_is_ended_in_two_ways_at_a_time_is_ended_in_one(tmp_path: Path) -> None:
    fake = FakeProvider(script={"submit": [Fault.REPLY_LOST]}, running=1)
    async with qj.Client(ledger=Slow(tmp_path / "ledger"), providers={"fake": fake}) as client, asyncio.timeout(60):
        job = await client.backend("fake/sim").run(BELL, until="recorded")
        with pytest.raises(qj.SubmissionUncertain):
            await job
        sent, adopted = await asyncio.gather(job.resubmit(), job.adopt("remote-0"), return_exceptions=True)
        assert sent is job
        assert isinstance(adopted, qj.UsageError)
        assert "nothing to decide" in str(adopted)
        assert (await job).counts
