"""Jobs as files: out of one ledger and into another."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

import quantumjobs as qj
from quantumjobs.core.states import JobState
from quantumjobs.testing.fake import FakeProvider, Fault

BELL = "OPENQASM 2.0; // the fake does not read it"


def client(fake: FakeProvider) -> qj.Client:
    return qj.Client(ledger="memory", providers={"fake": fake})


async def test_a_persisted_job_comes_back_with_everything_in_another_ledger(tmp_path: Path) -> None:
    fake, file = FakeProvider(), tmp_path / "bell.qjob"
    async with client(fake) as here:
        job = await here.backend("fake/sim").run([BELL, BELL], shots=7, name="two", tags=["a"])
        counts = [entry.counts for entry in await job]
        await job.persist(file)
        story = job.story
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    async with client(fake) as there:
        back = await there.restore(file)
        assert (back.id, back.name, back.tags, back.state) == (job.id, "two", ("a",), "completed")
        assert back.options["shots"] == 7
        assert back.story == story
        assert list(await back.circuits()) == [BELL, BELL]
        assert [entry.counts for entry in await back] == counts
        assert await there.restore(file) is back
    assert fake.submits == 1


async def test_a_living_job_is_followed_where_it_is_restored(tmp_path: Path) -> None:
    fake, file = FakeProvider(queued=3600), tmp_path / "bell.qjob"
    async with client(fake) as here:
        job = await here.backend("fake/sim").run(BELL)
        await job.persist(file)
    async with client(fake) as there:
        back = await there.restore(file)
        assert back.state == "queued"
        await back
    assert fake.submits == 1


async def test_an_export_takes_all_jobs_and_an_import_leaves_known_ones_alone(tmp_path: Path) -> None:
    fake, file = FakeProvider(), tmp_path / "jobs"
    async with client(fake) as here:
        for _ in range(3):
            await (await here.backend("fake/sim").run(BELL))
        assert await here.export(file) == 3
        ids = {job.id for job in await here.jobs()}
        assert {job.id for job in await here.import_jobs(file)} == ids
        assert len(await here.jobs()) == 3
    async with client(fake) as there:
        assert {job.id for job in await there.import_jobs(file)} == ids
        with pytest.raises(qj.UsageError, match="3 jobs"):
            await there.restore(file)


async def test_nothing_is_sent_because_of_an_import(tmp_path: Path) -> None:
    """Not yet sent there: whether it was sent since is known there alone."""
    fake, file = FakeProvider(script={"submit": [Fault.REQUEST_LOST]}), tmp_path / "jobs"
    async with client(fake) as here:
        with pytest.raises(qj.SubmissionUncertain):
            await here.backend("fake/sim").run(BELL)
        await here.export(file)
    async with client(fake) as there:
        (job,) = await there.import_jobs(file)
        with pytest.raises(qj.SubmissionUncertain):
            await job
        with pytest.raises(qj.UsageError, match="cannot be sent from here"):
            await job.resubmit()
        await job.abandon()
        with pytest.raises(qj.UsageError, match="cannot be sent from here"):
            await job.retry_failed()
        assert job.state is JobState.LOST
    assert fake.submits == 1


@pytest.mark.parametrize("body", [b"", b"{}", b'{"quantumjobs-export":99,"version":"9"}\n', b"\x80\x04pickle"])
async def test_what_is_no_file_of_jobs_is_refused_by_its_name(tmp_path: Path, body: bytes) -> None:
    file = tmp_path / "jobs"
    file.write_bytes(body)
    async with client(FakeProvider()) as there:
        with pytest.raises(qj.UsageError, match="jobs"):
            await there.import_jobs(file)
        with pytest.raises(qj.UsageError, match="jobs"):
            await there.restore(file)
        with pytest.raises(qj.UsageError, match="cannot be read"):
            await there.restore(tmp_path / "nothing")


async def test_finished_jobs_are_forgotten_and_no_others() -> None:
    fake = FakeProvider(queued=lambda index: 0.0 if index == 0 else 3600.0)
    async with client(fake) as here:
        done = await here.backend("fake/sim").run(BELL)
        await done
        live = await here.backend("fake/sim").run(BELL)
        with pytest.raises(qj.UsageError, match="only finished"):
            await here.forget([done, live])
        assert len(await here.jobs()) == 2
        assert await here.forget([done]) > 0
        assert await here.jobs() == [live]
        with pytest.raises(qj.LedgerError):
            await here.job(done.id)
