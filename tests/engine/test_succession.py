"""Parts that are sent one after the other: the order, what a failure stops, and that a restart changes neither."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import quantumjobs as qj
from quantumjobs.core.events import CancelRequested
from quantumjobs.core.states import CancelOutcome, JobState
from quantumjobs.ledgers.sqlite import InlineLedger
from quantumjobs.testing.fake import FakeProvider, Fault
from tests.engine.helpers import BELL, Watched
from tests.engine.test_sharing import die

S = JobState


def in_order(**settings: Any) -> Watched:
    return Watched(**{"part_size": 1, "in_order": True, "running": 10, "holds": True} | settings)


def client(fake: FakeProvider, path: Path | None = None) -> qj.Client:
    return qj.Client(ledger="memory" if path is None else InlineLedger(path), providers={"fake": fake})


def states(job: qj.Job) -> list[JobState]:
    return [part.state for part in job.parts]


async def test_each_part_is_sent_when_the_one_before_it_has_completed() -> None:
    fake = in_order()
    async with client(fake) as c:
        job = await c.backend("fake/sim").run([BELL] * 4, shots=10)
        result = await job
        assert [sum(entry.counts.values()) for entry in result] == [10] * 4
        assert job.progress == qj.Progress(4, 4)
    sent = fake.times["submit"]
    assert len(sent) == 4
    assert all(later - earlier >= 10 for earlier, later in pairwise(sent))
    assert fake.most_made == 1


async def test_other_jobs_do_not_wait_for_a_job_whose_parts_do() -> None:
    fake = in_order()
    async with client(fake) as c:
        jobs = [await c.backend("fake/sim").run([BELL] * 2) for _ in range(3)]
        assert asyncio.get_running_loop().time() < 1
        await asyncio.gather(*jobs)
        assert asyncio.get_running_loop().time() < 25


async def test_progress_is_told_part_by_part() -> None:
    async with client(in_order()) as c:
        job = await c.backend("fake/sim").run([BELL] * 3)
        seen = [snapshot.progress.done async for snapshot in job.events()]
        assert sorted(set(seen)) == [0, 1, 2, 3]
        assert seen == sorted(seen)


async def test_what_stands_behind_a_part_that_failed_is_not_sent_and_says_why() -> None:
    fake = in_order(outcome=lambda index: "failed" if index == 1 else "completed")
    async with client(fake) as c:
        job = await c.backend("fake/sim").run([BELL] * 4)
        with pytest.raises(qj.JobFailed) as caught:
            await job
        assert states(job) == [S.COMPLETED, S.FAILED, S.CANCELLED, S.CANCELLED]
        assert "not sent: the part before it was failed" in job.parts[2].reason
        partial = caught.value.partial
        assert partial is not None
        assert partial[0].counts
    assert fake.calls["submit"] == 2


async def test_where_failures_do_not_count_all_parts_are_run_one_after_the_other() -> None:
    fake = in_order(stop_on_failure=False, outcome=lambda index: "failed" if index == 1 else "completed")
    async with client(fake) as c:
        job = await c.backend("fake/sim").run([BELL] * 4)
        await job.wait()
        assert states(job) == [S.COMPLETED, S.FAILED, S.COMPLETED, S.COMPLETED]
        assert fake.most_made == 1
        sent = fake.times["submit"]
        assert all(later - earlier >= 10 for earlier, later in pairwise(sent))


@pytest.mark.parametrize("stops", [True, False])
async def test_a_retry_runs_the_others_in_order_and_no_finished_part_again(stops: bool) -> None:
    failing = {1} if stops else {1, 2}
    fake = in_order(stop_on_failure=stops, outcome=lambda index: "failed" if index in failing else "completed")
    async with client(fake) as c:
        job = await c.backend("fake/sim").run([BELL] * 5)
        await job.wait()
        finished = states(job).count(S.COMPLETED)
        already = fake.calls["submit"]
        again = await job.retry_failed()
        result = await again
        assert len(result) == 5
        assert fake.calls["submit"] - already == 5 - finished
        sent = fake.times["submit"][already:]
        assert all(later - earlier >= 10 for earlier, later in pairwise(sent))
        assert again.remote_ids[0] == job.remote_ids[0]


async def test_a_ledger_that_cannot_be_written_delays_what_follows_from_a_failure(tmp_path: Path) -> None:
    fake = in_order(outcome=lambda index: "failed")
    ledger = InlineLedger(tmp_path / "ledger.sqlite3")
    refusing = Refusing(ledger)
    async with qj.Client(ledger=refusing, providers={"fake": fake}) as c:
        job = await c.backend("fake/sim").run([BELL] * 2)
        refusing.refuses = CancelRequested
        await asyncio.sleep(60)
        assert states(job) == [S.FAILED, S.CREATED]
        refusing.refuses = None
        await job.wait()
        assert states(job) == [S.FAILED, S.CANCELLED]
    assert fake.calls["submit"] == 1


class Refusing:
    """A ledger whose disk is full for one kind of event."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.refuses: type | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def commit(self, changes: Any, **more: Any) -> None:
        if self.refuses is not None and any(isinstance(change.event, self.refuses) for change in changes):
            raise qj.LedgerWriteError("the disk is full")
        await self._inner.commit(changes, **more)


async def test_a_part_that_was_refused_stops_those_behind_it() -> None:
    fake = in_order(script={"submit": [None, qj.ProviderRejected("no", provider="fake")]})
    async with client(fake) as c:
        job = await c.backend("fake/sim").run([BELL] * 3)
        await job.wait()
        assert states(job) == [S.COMPLETED, S.REJECTED, S.CANCELLED]


async def test_a_doubt_holds_the_parts_behind_it_until_it_is_decided() -> None:
    fake = in_order(script={"submit": [None, Fault.REPLY_LOST]})
    async with client(fake) as c:
        job = await c.backend("fake/sim").run([BELL] * 3)
        with pytest.raises(qj.SubmissionUncertain):
            await job
        assert states(job) == [S.COMPLETED, S.IN_DOUBT, S.CREATED]
        await asyncio.sleep(1000)
        assert fake.calls["submit"] == 2
        await job.adopt(list(fake.jobs)[1])
        await job
        assert fake.calls["submit"] == 3
        assert fake.most_made == 1


async def test_a_doubt_that_is_abandoned_ends_the_job() -> None:
    fake = in_order(script={"submit": [None, Fault.REQUEST_LOST]})
    async with client(fake) as c:
        job = await c.backend("fake/sim").run([BELL] * 3)
        await job.wait()
        await job.abandon()
        await job.wait()
        assert states(job) == [S.COMPLETED, S.LOST, S.CANCELLED]


async def test_cancelling_takes_back_what_was_not_sent_where_the_running_part_cannot_be_stopped() -> None:
    fake = in_order(cancel="unsupported")
    async with client(fake) as c:
        job = await c.backend("fake/sim").run([BELL] * 3)
        assert await job.cancel() is CancelOutcome.UNSUPPORTED
        await job.wait()
        assert states(job) == [S.COMPLETED, S.CANCELLED, S.CANCELLED]
        with pytest.raises(qj.JobCancelled) as caught:
            await job
        assert caught.value.partial is not None
    assert fake.calls["submit"] == 1


@pytest.mark.parametrize("after", [0.5, 10.2, 15.0, 25.0])
@pytest.mark.parametrize("failing", [None, 1])
async def test_a_new_client_goes_on_where_the_old_one_was_killed(
    tmp_path: Path, after: float, failing: int | None
) -> None:
    path = tmp_path / "ledger.sqlite3"
    fake = in_order(outcome=lambda index: "failed" if index == failing else "completed")
    first = client(fake, path)
    job = await first.backend("fake/sim").run([BELL] * 4, name="a")
    await asyncio.sleep(after)
    await die(first)
    async with client(fake, path) as second:
        found = await second.job(job.id)
        await found.wait()
        expected = [S.COMPLETED] * 4 if failing is None else [S.COMPLETED, S.FAILED, S.CANCELLED, S.CANCELLED]
        assert states(found) == expected
    assert fake.calls["submit"] == (4 if failing is None else 2)
    assert fake.most_made == 1


async def test_a_retry_by_another_client_waits_for_the_part_that_the_first_one_owns(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    fake = in_order()
    async with client(fake, path) as owner, client(fake, path) as other:
        job = await owner.backend("fake/sim").run([BELL] * 2)
        seen = await other.job(job.id)
        await seen
        assert states(seen) == [S.COMPLETED] * 2
    assert fake.calls["submit"] == 2
