"""Several clients on one ledger: one owns each job, the others see it and may say what they want of it."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path
from typing import Any

import pytest

import quantumjobs as qj
from quantumjobs.core.events import CancelRequested, Reported, SubmitStarted, TakenOver
from quantumjobs.core.states import Fetch
from quantumjobs.core.traits import Findable, Idempotent, Rerunnable
from quantumjobs.ledgers.sqlite import InlineLedger
from quantumjobs.testing.fake import FakeProvider, Fault
from tests.engine.helpers import BELL

SOON = 3.0  # seconds within which another client has noticed, and acted


def client(path: Path, fake: FakeProvider, **settings: Any) -> qj.Client:
    return qj.Client(ledger=InlineLedger(path), providers={"fake": fake}, **settings)


async def die(client: qj.Client) -> None:
    """Kill -9, in effect: nothing of the client runs any more, and its lock is free."""
    engine = client._engine
    assert engine is not None
    engine.closed = True
    tasks = [*engine._tasks, *engine.looks]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    engine.poller.close()
    engine.sleep.close()
    for lane in engine.lanes:
        await lane.close()
    await engine.ledger.aclose()


async def die_while_submitting(client: qj.Client) -> None:
    running = asyncio.ensure_future(client.backend("fake/sim").run(BELL))
    await asyncio.sleep(1)
    await die(client)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


# --- seeing -----------------------------------------------------------------------------
async def test_a_job_of_another_client_is_seen_and_awaited_while_that_one_follows_it(ledger: Path) -> None:
    fake = FakeProvider(queued=30, running=30)
    async with client(ledger, fake) as owner, client(ledger, fake) as other:
        job = await owner.backend("fake/sim").run(BELL, name="mine", tags=["a"])
        (seen,) = await other.jobs(tag="a")
        assert (seen.id, seen.name, seen.state) == (job.id, "mine", "queued")
        result = await seen
        assert result.counts == (await job).counts
        assert fake.submits == 1
        polls = fake.polls
        assert polls == fake.looks
        assert [part.fence for part in seen.parts] == [0]


async def test_only_the_owner_looks(ledger: Path) -> None:
    fake = FakeProvider(queued=3600)
    async with client(ledger, fake) as owner:
        await owner.backend("fake/sim").run(BELL)
        await asyncio.sleep(600)
        alone = fake.polls
    other_fake = FakeProvider(queued=3600)
    path = ledger.with_name("other.sqlite3")
    async with client(path, other_fake) as owner, client(path, other_fake) as other:
        await owner.backend("fake/sim").run(BELL)
        waiting = asyncio.ensure_future((await other.jobs())[0].wait())
        await asyncio.sleep(600)
        assert other_fake.polls == alone
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_what_another_client_does_is_in_the_events(ledger: Path) -> None:
    fake = FakeProvider(queued=5)
    async with client(ledger, fake) as owner, client(ledger, fake) as other:
        seen: list[type] = []

        async def follow() -> None:
            async for occurrence in other.events():
                seen.append(type(occurrence.event))
                if isinstance(occurrence.event, Reported) and occurrence.event.state is qj.JobState.COMPLETED:
                    return

        following = asyncio.ensure_future(follow())
        await (await owner.backend("fake/sim").run(BELL))
        async with asyncio.timeout(1.0):
            await following
        assert seen[0] is SubmitStarted


# --- wishes -----------------------------------------------------------------------------
async def test_a_cancel_from_another_client_reaches_the_owner_within_a_second(ledger: Path) -> None:
    fake = FakeProvider(queued=3600)
    async with client(ledger, fake) as owner, client(ledger, fake) as other:
        job = await owner.backend("fake/sim").run(BELL)
        started = asyncio.get_running_loop().time()
        seen = (await other.jobs())[0]
        assert await seen.cancel() is qj.CancelOutcome.CANCELLED
        assert asyncio.get_running_loop().time() - started < SOON
        with pytest.raises(qj.JobCancelled):
            await job
        assert fake.cancels == 1


async def test_two_clients_that_write_at_once_are_put_in_order(ledger: Path) -> None:
    fake = FakeProvider(queued=3600)
    async with client(ledger, fake) as owner, client(ledger, fake) as other:
        job = await owner.backend("fake/sim").run(BELL)
        seen = (await other.jobs())[0]
        await asyncio.gather(job.cancel(), seen.cancel())
        with pytest.raises(qj.JobCancelled):
            await job
        assert fake.cancels == 1


async def test_a_doubt_is_decided_from_another_client_and_only_once(ledger: Path) -> None:
    fake = FakeProvider(script={"submit": [Fault.REQUEST_LOST]})
    async with client(ledger, fake) as owner, client(ledger, fake) as other:
        with pytest.raises(qj.SubmissionUncertain):
            await owner.backend("fake/sim").run(BELL)
        (mine,), (seen,) = await owner.jobs(), await other.jobs()
        with pytest.raises(qj.SubmissionUncertain):
            await seen
        await asyncio.gather(seen.resubmit(), mine.resubmit(), return_exceptions=True)
        await mine
        await seen
        assert fake.submits == 2
        assert fake.most_made == 1


# --- an owner's end ---------------------------------------------------------------------
async def test_the_jobs_of_a_dead_owner_are_taken_over_by_a_living_client(ledger: Path) -> None:
    fake = FakeProvider(queued=60, running=60)
    owner = client(ledger, fake)
    job = await owner.backend("fake/sim").run(BELL)
    async with client(ledger, fake) as other:
        (seen,) = await other.jobs()
        await die(owner)
        await asyncio.sleep(SOON)
        assert seen.parts[0].fence == 1
        result = await seen
        assert result.counts
        assert seen.id == job.id
        events = [event async for event in _all_events(other)]
        assert sum(isinstance(event, TakenOver) for event in events) == 1
    assert fake.submits == 1


async def test_of_several_that_take_over_one_succeeds(ledger: Path) -> None:
    fake = FakeProvider(queued=60)
    owner = client(ledger, fake)
    for _ in range(5):
        await owner.backend("fake/sim").run(BELL)
    async with client(ledger, fake) as one, client(ledger, fake) as two:
        await die(owner)
        await asyncio.sleep(SOON)
        fences = [job.parts[0].fence for job in await one.jobs()]
        assert fences == [1] * 5
        polls = fake.polls
        await asyncio.gather(*await two.jobs())
        assert fake.polls - polls <= fake.looks
        assert fake.submits == 5


async def test_a_job_found_submitting_is_a_doubt_for_the_next_owner(ledger: Path) -> None:
    fake = FakeProvider(script={"submit": [Fault.HANG]})
    owner = client(ledger, fake)
    await die_while_submitting(owner)
    async with client(ledger, fake) as other:
        (job,) = await other.jobs()
        with pytest.raises(qj.SubmissionUncertain) as doubt:
            await job
        assert doubt.value.job is job
        assert fake.submits == 1
        (remote_id,) = fake.jobs
        await job.adopt(remote_id)
        await job


@pytest.mark.parametrize("submit", [Idempotent(3600.0), Findable(10.0)])
async def test_where_a_doubt_can_be_resolved_the_next_owner_does_it(ledger: Path, submit: Any) -> None:
    fake = FakeProvider(script={"submit": [Fault.HANG]}, submit_class=submit)
    owner = client(ledger, fake)
    await die_while_submitting(owner)
    async with client(ledger, fake) as other:
        (job,) = await other.jobs()
        await job
        assert fake.most_made == 1


async def test_a_local_run_that_died_runs_again_and_its_story_says_so(ledger: Path) -> None:
    fake = FakeProvider(running=60, submit_class=Rerunnable(3), gone_after=1, gone_for=0.0)
    owner = client(ledger, fake)
    await owner.backend("fake/sim").run(BELL)
    await die(owner)
    for remote in fake.cloud.jobs.values():  # they ended with their process
        fake.cloud.vanish(remote, asyncio.get_running_loop().time())
    async with client(ledger, fake) as other:
        (job,) = await other.jobs()
        await job
        assert any("run again" in line.note for line in job.story), job.story


async def test_a_late_reply_is_kept_and_shown_as_a_second_id(ledger: Path) -> None:
    """The former owner was not dead, only out of reach: it may add the id it got, and nothing else."""
    fake = FakeProvider(latency={"submit": 100.0}, queued=3600)
    owner = client(ledger, fake)
    running = asyncio.ensure_future(owner.backend("fake/sim").run(BELL))
    await asyncio.sleep(1)
    for lock in ledger.with_name(f"{ledger.name}.owners").iterdir():
        lock.unlink()  # as if somebody had tidied up: the others cannot tell it from a death
    async with client(ledger, fake) as other:
        (job,) = await other.jobs()
        with pytest.raises(qj.SubmissionUncertain):
            await job
        await job.adopt("found-by-the-user")
        await asyncio.sleep(200)
        assert job.remote_ids == ("found-by-the-user", *fake.jobs)
        await running
    await owner.aclose()


# --- other accounts ---------------------------------------------------------------------
async def test_jobs_of_a_provider_that_is_not_set_up_are_shown_and_left_alone(ledger: Path) -> None:
    fake = FakeProvider(queued=3600)
    owner = client(ledger, fake)
    await owner.backend("fake/sim").run(BELL)
    await die(owner)
    async with qj.Client(ledger=InlineLedger(ledger)) as other:
        (job,) = await other.jobs()
        assert job.state == "queued"
        with pytest.raises(qj.UsageError, match="not set up here"):
            await job
        with pytest.raises(qj.UsageError, match="not set up here"):
            await job.cancel()
        assert job.parts[0].fence == 0


async def test_only_what_is_asked_for_is_followed_if_that_is_wanted(ledger: Path) -> None:
    fake = FakeProvider(queued=60)
    owner = client(ledger, fake)
    first = await owner.backend("fake/sim").run(BELL)
    await owner.backend("fake/sim").run(BELL)
    await die(owner)
    async with client(ledger, fake, follow="asked") as other:
        await other.jobs()
        await asyncio.sleep(SOON)
        assert {job.parts[0].fence for job in await other.jobs()} == {0}
        await (await other.job(first.id))
        fences = {job.id: job.parts[0].fence for job in await other.jobs()}
        assert sorted(fences.values()) == [0, 1]
        assert fences[first.id] == 1


# --- tokens -----------------------------------------------------------------------------
async def test_a_token_finds_the_job_in_the_ledger_and_follows_it_in_another(ledger: Path, tmp_path: Path) -> None:
    fake = FakeProvider(queued=60)
    async with client(ledger, fake) as owner:
        job = await owner.backend("fake/sim").run([BELL, BELL], name="two", tags=["x"], shots=7)
        ref = pickle.loads(pickle.dumps(job))
        async with client(ledger, fake) as same:
            found = await same.attach(ref)
            assert list(await found.circuits()) == [BELL, BELL]
        async with client(tmp_path / "elsewhere.sqlite3", fake) as elsewhere:
            attached = await elsewhere.attach(job.token)
            assert (attached.name, attached.tags, attached.options["shots"]) == ("two", ("x",), 7)
            assert (await attached)[1].counts == (await job)[1].counts
            assert await elsewhere.attach(job.token) is attached
            with pytest.raises(qj.UsageError, match="attached from elsewhere"):
                await attached.circuits()
    assert fake.submits == 1


async def test_a_job_of_another_tool_is_followed_by_its_remote_id(ledger: Path, tmp_path: Path) -> None:
    fake = FakeProvider(queued=60)
    async with client(ledger, fake) as other_tool:
        job = await other_tool.backend("fake/sim").run(BELL)
        assert job.remote_id is not None
        async with client(tmp_path / "mine.sqlite3", fake) as mine:
            attached = await mine.attach("fake/sim", job.remote_id)
            assert await mine.attach("fake/sim", job.remote_id) is attached
            assert (await attached).counts == (await job).counts


@pytest.mark.parametrize("text", ["", "fake/sim", "qj1-", "qj1-AAAA", "qj1-!!!!"])
async def test_what_is_no_token_is_refused(text: str) -> None:
    async with qj.Client(ledger="memory") as client:
        with pytest.raises(qj.UsageError, match="token"):
            await client.attach(text)


# --- keys -------------------------------------------------------------------------------
async def test_the_same_key_and_request_is_the_same_job(ledger: Path) -> None:
    fake = FakeProvider()
    async with client(ledger, fake) as first, client(ledger, fake) as second:
        jobs = await asyncio.gather(
            *(one.backend("fake/sim").run(BELL, shots=5, key="step-1") for one in (first, second, first, second))
        )
        assert len({job.id for job in jobs}) == 1
        assert fake.submits == 1
        await asyncio.gather(*jobs)
        again = await second.backend("fake/sim").run(BELL, shots=5, key="step-1")
        assert again.state == "completed"
        assert fake.submits == 1


async def test_another_request_under_the_key_is_a_conflict(ledger: Path) -> None:
    fake = FakeProvider()
    async with client(ledger, fake) as one:
        job = await one.backend("fake/sim").run(BELL, shots=5, key="step-1")
        for circuits, shots in ((BELL, 6), (BELL + " ", 5), ([BELL], 5)):
            if circuits == [BELL]:
                continue
            with pytest.raises(qj.KeyConflict) as conflict:
                await one.backend("fake/sim").run(circuits, shots=shots, key="step-1")
            assert (conflict.value.key, conflict.value.job_id) == ("step-1", job.id)
        assert fake.submits == 1


async def test_a_repeated_step_asks_nothing_of_a_provider_that_is_down(ledger: Path) -> None:
    fake = FakeProvider()
    async with client(ledger, fake) as one:
        job = await one.backend("fake/sim").run(BELL, key="step-1")
        counts = (await job).counts
    down = qj.ProviderUnavailable("down", provider="fake", sent=False)
    fake.breaks = dict.fromkeys(("connect", "describe", "submit", "poll"), down)
    async with client(ledger, fake) as two, asyncio.timeout(1):
        again = await two.backend("fake/sim").run(BELL, key="step-1")
        assert (again.id, (await again).counts) == (job.id, counts)


async def test_a_job_that_came_to_nothing_frees_its_key(ledger: Path) -> None:
    fake = FakeProvider(script={"submit": [qj.ProviderRejected("no credit")]})
    async with client(ledger, fake) as one:
        with pytest.raises(qj.JobRejected):
            await one.backend("fake/sim").run(BELL, key="step-1")
        job = await one.backend("fake/sim").run(BELL, key="step-1")
        await job
        assert await one.backend("fake/sim").run(BELL, key="step-1") is job
        assert len(await one.jobs()) == 2


async def test_a_key_that_was_taken_and_freed_while_its_request_was_prepared_is_free(ledger: Path) -> None:
    fake = FakeProvider(latency={"describe": 10.0}, script={"submit": [qj.ProviderRejected("no credit")]})
    async with client(ledger, fake) as one, client(ledger, fake) as two:
        quicker = asyncio.ensure_future(one.backend("fake/sim").run(BELL, key="step-1"))
        await asyncio.sleep(5)
        job = await two.backend("fake/sim").run(BELL, key="step-1")  # the other came, and went, in the meantime
        with pytest.raises(qj.JobRejected):
            await quicker
        assert (await job).counts
        assert len(fake.jobs) == 1
        assert (await one.backend("fake/sim").run(BELL, key="step-1")).id == job.id


async def test_a_finished_part_that_a_retry_keeps_stays_its_owners(ledger: Path) -> None:
    fake = FakeProvider(part_size=1, fetch=Fetch.EAGER, outcome=lambda index: "failed" if index == 1 else "completed")
    fake.breaks = {"fetch": qj.ProviderUnavailable("down", provider="fake", sent=False)}
    async with client(ledger, fake) as owner, client(ledger, fake) as other:
        job = await owner.backend("fake/sim").run([BELL] * 2)
        await asyncio.sleep(60)  # one has failed; the other's result cannot be fetched
        again = await (await other.job(job.id)).retry_failed()
        kept, fresh = again._parts
        assert (kept.ours, fresh.ours) == (False, True)
        fake.breaks = {}
        assert len(await again) == 2
        assert fake.submits == 3


async def test_leaving_a_joined_run_takes_nothing_back(ledger: Path) -> None:
    fake = FakeProvider(latency={"submit": 50.0})
    async with client(ledger, fake) as one, client(ledger, fake) as two:
        first = asyncio.ensure_future(one.backend("fake/sim").run(BELL, key="k"))
        await asyncio.sleep(1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await two.backend("fake/sim").run(BELL, key="k")
        await (await first)
        assert fake.submits == 1


async def test_a_wish_written_while_nobody_followed_is_carried_out_by_the_next_owner(ledger: Path) -> None:
    fake = FakeProvider(queued=3600)
    owner = client(ledger, fake)
    await owner.backend("fake/sim").run(BELL)
    await die(owner)
    async with client(ledger, fake, follow="asked") as asker:
        (job,) = await asker.jobs()
        assert await job.cancel() is qj.CancelOutcome.CANCELLED
        events = [event async for event in _all_events(asker)]
        assert any(isinstance(event, CancelRequested) for event in events)


async def _all_events(client: qj.Client) -> Any:
    engine = client._engine
    assert engine is not None
    for _, _, event in await engine.ledger.events():
        yield event


async def test_what_the_owner_learns_is_seen_by_others_within_a_second(ledger: Path) -> None:
    fake = FakeProvider(queued=10.3, running=10.3)
    loop = asyncio.get_running_loop()
    seen: dict[str, dict[str, float]] = {"owner": {}, "other": {}}

    async def note(name: str, job: qj.Job) -> None:
        async for snapshot in job.events():
            seen[name].setdefault(str(snapshot.state), loop.time())

    async with client(ledger, fake) as owner, client(ledger, fake) as other:
        job = await owner.backend("fake/sim").run(BELL)
        await asyncio.gather(note("owner", job), note("other", (await other.jobs())[0]))
    assert {"queued", "running", "completed"} <= seen["owner"].keys() == seen["other"].keys()
    assert max(seen["other"][state] - seen["owner"][state] for state in ("running", "completed")) <= 1.0


async def test_a_job_of_a_family_that_nobody_here_knows_keeps_no_client_from_starting(ledger: Path) -> None:
    class Newer(FakeProvider):
        def family(self, backend: str) -> str:
            return "newer"

    class Older(FakeProvider):
        def traits(self, family: str) -> Any:
            if family == "newer":
                raise qj.UsageError("no family 'newer' in this version")
            return super().traits(family)

    owner = client(ledger, Newer(queued=3600))
    await owner.backend("fake/sim").run(BELL)
    await die(owner)
    async with client(ledger, Older()) as other:
        (job,) = await other.jobs()
        assert job.state == "queued"
        with pytest.raises(qj.UsageError, match="newer"):
            await job
        assert (await (await other.backend("fake/sim").run(BELL))).counts  # the lane is there for the rest
