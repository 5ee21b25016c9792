"""A commit that raises may have happened: a disk can fail after the last byte. Nothing is sent twice or lost for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

import quantumjobs as qj
from quantumjobs.abc import Change
from quantumjobs.core.records import Handle
from quantumjobs.ledgers.memory import MemoryLedger
from quantumjobs.testing.fake import FakeProvider
from tests.engine.helpers import BELL, client_on


class Unsure(MemoryLedger):
    """Says of the first change of one kind that it could not be kept: which is true only of `kept=False`."""

    def __init__(self, kind: str, *, kept: bool = True) -> None:
        super().__init__()
        self.kind = kind
        self.kept = kept

    async def commit(
        self, changes: Sequence[Change], *, handles: Sequence[Handle] = (), blobs: Mapping[str, bytes] = {}
    ) -> None:
        fails = bool(changes) and type(changes[-1].event).__name__ == self.kind
        if self.kept or not fails:
            await super().commit(changes, handles=handles, blobs=blobs)
        if fails:
            self.kind = ""
            raise qj.LedgerWriteError("it may be there or not")


async def test_an_intent_that_run_disowned_is_withdrawn_and_never_sent() -> None:
    fake = FakeProvider()
    async with client_on(fake, ledger=Unsure("NoneType")) as client:
        with pytest.raises(qj.LedgerWriteError):
            await client.backend("fake/sim").run(BELL)
        await asyncio.sleep(5)
        (job,) = await client.jobs()
        assert job.state == "cancelled"
    assert fake.submits == 0


@pytest.mark.parametrize("kind", ["SubmitStarted", "SubmitAccepted", "Reported"])
async def test_a_job_goes_on_and_is_sent_once(kind: str) -> None:
    fake = FakeProvider(queued=5, running=5)
    async with client_on(fake, ledger=Unsure(kind)) as client, asyncio.timeout(60):
        job = await client.backend("fake/sim").run(BELL, until="recorded")
        assert (await job).counts
        assert [line.event for line in job.story].count("SubmitStarted") == 1
    assert fake.submits == 1


async def test_a_cancel_that_was_kept_after_all_is_carried_out() -> None:
    fake = FakeProvider(queued=5, running=3600)
    async with client_on(fake, ledger=Unsure("CancelRequested")) as client, asyncio.timeout(60):
        job = await client.backend("fake/sim").run(BELL)
        with pytest.raises(qj.LedgerWriteError):
            await job.cancel()
        with pytest.raises(qj.JobCancelled):
            await job


async def test_an_accepted_job_whose_row_is_late_is_told_with_its_remote_id(capsys: pytest.CaptureFixture[str]) -> None:
    fake = FakeProvider(queued=60)
    ledger = Unsure("SubmitAccepted", kept=False)
    async with client_on(fake, ledger=ledger) as client:
        with pytest.raises(qj.LedgerWriteError) as told:
            await client.backend("fake/sim").run(BELL)
        (remote_id,) = fake.jobs
        assert told.value.remote_id == remote_id
        assert capsys.readouterr().err.count(remote_id) == 1
        job = told.value.job
        assert (await job).counts  # followed all the same
        held = await ledger.record(job.id)
        assert (held.state, held.remote_id) == ("completed", remote_id)  # and saved when that could be done
    assert fake.submits == 1
