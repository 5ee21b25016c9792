"""Programs as jobs: what they saved, what they write while they run, and their files; on virtual time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import quantumjobs as qj
from quantumjobs.core.logs import LogLine
from quantumjobs.core.states import Fetch
from quantumjobs.core.states import JobState as S
from quantumjobs.core.traffic import Rate
from quantumjobs.core.traits import Idempotent
from quantumjobs.errors import ProviderProtocolError, ProviderRejected, ProviderUnavailable
from quantumjobs.testing.fake import FakeProvider, Fault
from quantumjobs.workers import archives
from tests.engine.helpers import client_on, policy
from tests.engine.programs import ProgramProvider, packed

SOURCE = "program.py"


async def begun(client: qj.Client, **settings: Any) -> qj.HybridJob:
    return await client.hybrid_job("fake/sim", SOURCE, **settings)


async def messages(job: qj.HybridJob, *, follow: bool = False) -> list[str]:
    return [line.message async for line in job.logs(follow=follow)]


def names_in(folder: Path) -> Sequence[str]:
    return sorted(one.name for one in folder.iterdir())


# --- what it saved ----------------------------------------------------------------------------------
@pytest.mark.parametrize("fetch", list(Fetch))
async def test_a_program_gives_what_it_saved(fetch: Fetch):
    fake = ProgramProvider(running=5, fetch=fetch, saved={"energy": -1.5, "found": [1, {"a": None}]})
    async with client_on(fake) as client:
        job = await begun(client)
        assert isinstance(job, qj.HybridJob)
        assert (await job, await job.result()) == ({"energy": -1.5, "found": [1, {"a": None}]},) * 2
        assert (job.state, job.name, job.arn) == (S.COMPLETED, "of-the-provider", job.remote_id)


async def test_one_that_saved_nothing_gives_nothing():
    async with client_on(ProgramProvider()) as client:
        assert await (await begun(client)) == {}


async def test_pickled_and_broken_values_are_told_and_never_read():
    for fake in (ProgramProvider(is_pickled=True), ProgramProvider(saved={"x": b"{"})):
        async with client_on(fake) as client:
            job = await begun(client)
            with pytest.raises(qj.ResultUnavailable):
                await job


@pytest.mark.parametrize("fetch", list(Fetch))
async def test_of_a_program_that_failed_there_is_what_it_had_saved(fetch: Fetch):
    fake = ProgramProvider(outcome="failed", partial=1, fetch=fetch, saved={"energy": 1})
    async with client_on(fake) as client:
        with pytest.raises(qj.JobFailed) as caught:
            await (await begun(client))
        assert caught.value.partial == {"energy": 1}


async def test_a_program_has_no_circuits_of_its_own():
    async with client_on(ProgramProvider()) as client:
        with pytest.raises(qj.UsageError, match="tasks"):
            await (await begun(client)).circuits()


@pytest.mark.real_time
async def test_a_later_client_on_the_ledger_finds_a_program_to_be_one(tmp_path: Path):
    fake = ProgramProvider(running=0.5, saved={"a": 1})
    async with client_on(fake, ledger=tmp_path / "ledger.db") as client:
        job = await begun(client, name="mine", tags=["x"])
    async with client_on(fake, ledger=tmp_path / "ledger.db") as client:
        (found,) = await client.jobs(tag="x")
        assert isinstance(found, qj.HybridJob)
        assert (found.id, found.name) == (job.id, "mine")
        assert await found == {"a": 1}
        token = found.token
    async with client_on(fake) as other:
        again = await other.attach(token)
        assert isinstance(again, qj.HybridJob)
        assert await again == {"a": 1}


async def test_the_same_key_is_the_same_program_and_another_program_a_conflict():
    async with client_on(ProgramProvider(running=10)) as client:
        job = await begun(client, key="step 1", hyperparameters={"n": 1})
        assert await begun(client, key="step 1", hyperparameters={"n": 1}) is job
        with pytest.raises(qj.KeyConflict):
            await begun(client, key="step 1", hyperparameters={"n": 2})


async def test_who_runs_no_programs_says_so():
    async with client_on(FakeProvider()) as client:
        with pytest.raises(qj.UsageError, match="runs no hybrid jobs"):
            await client.hybrid_job("fake/sim", SOURCE)


# --- logs -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("empty_pages", [0, 2])
async def test_what_is_written_by_now_is_read_once_and_in_order(empty_pages: int):
    fake = ProgramProvider(running=1e6, page_size=7, empty_pages=empty_pages)
    fake.write(*(f"line {n}" for n in range(100)))
    async with client_on(fake) as client:
        job = await begun(client)
        assert await messages(job) == [f"line {n}" for n in range(100)]
        assert await messages(job) == [f"line {n}" for n in range(100)]
        assert not job.done()


async def test_streams_are_merged_by_time():
    fake = ProgramProvider(running=1e6, page_size=2)
    for n in range(9):
        fake.write(f"{n}", stream=f"algo-{n % 3 + 1}")
    async with client_on(fake) as client:
        lines = [line async for line in (await begun(client)).logs()]
    assert [line.message for line in lines] == [str(n) for n in range(9)]
    assert lines[4] == LogLine("4", lines[4].at, "algo-2", 1)


async def test_following_ends_with_the_job_and_with_its_last_lines():
    fake = ProgramProvider(running=60, page_size=3)

    async def write() -> None:
        for n in range(66):  # some come when it is over
            fake.write(f"line {n}", stream=f"algo-{n // 50 + 1}")
            await asyncio.sleep(1)

    async with client_on(fake) as client:
        job = await begun(client)
        writing = asyncio.create_task(write())
        assert await messages(job, follow=True) == [f"line {n}" for n in range(66)]
        await writing
        assert job.done()


@pytest.mark.parametrize(
    "trouble",
    [
        Fault.NOT_SENT,
        Fault.REPLY_LOST,
        ProviderUnavailable("throttled", retry_after=20.0),
        ProviderProtocolError("garbage"),
        qj.CredentialError("expired"),
    ],
    ids=lambda trouble: str(getattr(trouble, "name", trouble)),
)
async def test_weather_ends_no_following_and_loses_no_line(trouble: Any):
    fake = ProgramProvider(running=600, page_size=5, script={"logs": [None, None, trouble, None] * 20})
    fake.write(*(f"line {n}" for n in range(50)))
    async with client_on(fake) as client:
        job = await begun(client)
        reading = asyncio.create_task(messages(job, follow=True))
        await asyncio.sleep(300)
        fake.write("late")
        assert await reading == [*(f"line {n}" for n in range(50)), "late"]


async def test_a_page_that_leads_nowhere_is_not_asked_for_without_end():
    class Stuck(ProgramProvider):
        def page(self, of: Any, after: str) -> Any:
            return [], "here", True

    fake = Stuck(running=100)
    fake.write("never given")
    async with client_on(fake) as client:
        job = await begun(client)
        assert await messages(job) == []
        before = fake.calls["logs"]
        await messages(job, follow=True)
        assert fake.calls["logs"] - before < 150
        with pytest.raises(ProviderProtocolError, match="circle"):
            await job.metrics()


async def test_without_following_weather_that_stays_is_told():
    for trouble in (Fault.NOT_SENT, ProviderProtocolError("garbage")):
        fake = ProgramProvider(running=1e6, script={"logs": [trouble] * 1000})
        async with client_on(fake, policies=policy(budget=20.0)) as client:
            job = await begun(client)
            start = asyncio.get_running_loop().time()
            with pytest.raises(qj.ProviderError):
                await messages(job)
            assert asyncio.get_running_loop().time() - start < 30


async def test_a_refused_credential_is_told_at_once_where_nobody_follows():
    for operation in ("logs", "metrics", "metadata", "children"):
        fake = ProgramProvider(running=1e6, script={operation: [qj.CredentialError("no")]})
        fake.write("Metrics - a=1;")
        async with client_on(fake) as client:
            job = await begun(client)
            asked = {"metrics": job.metrics, "metadata": job.metadata, "children": job.tasks}
            with pytest.raises(qj.CredentialError):
                await (messages(job) if operation == "logs" else asked[operation]())


async def test_leaving_the_loop_over_lines_leaves_nothing_behind():
    fake = ProgramProvider(running=1e6)
    fake.write("one", "two")
    async with client_on(fake) as client:
        job = await begun(client)
        lines = job.logs(follow=True)
        assert (await anext(lines)).message == "one"
        await lines.aclose()  # type: ignore[attr-defined]  # an async generator has it
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await messages(job, follow=True)
        assert not job.done()


async def test_a_bug_ends_following_and_no_other_lane():
    fake = ProgramProvider(running=1e6, breaks="logs")
    async with client_on(fake) as client:
        with pytest.raises(qj.AdapterError):
            await messages(await begun(client), follow=True)


async def test_garbage_that_stays_is_no_weather():
    fake = ProgramProvider(running=1e6, script={"logs": [ProviderProtocolError("garbage")] * 1000})
    fake.write("a line")
    async with client_on(fake, policies=policy(budget=20.0)) as client:
        with pytest.raises(ProviderProtocolError, match="garbage"):
            await messages(await begun(client), follow=True)


async def test_following_ends_with_the_waits_of_a_job_that_is_stuck():
    fake = ProgramProvider(running=1e6)
    async with client_on(fake) as client:
        job = await begun(client)
        reading = asyncio.create_task(messages(job, follow=True))
        await asyncio.sleep(3)
        fake.breaks = {"poll": KeyError("a bug")}
        with pytest.raises(qj.AdapterError):
            await reading


async def test_closing_the_client_ends_what_waits_for_its_turn():
    fake = ProgramProvider(running=1e6, page_size=1)
    fake.write(*map(str, range(1000)))
    client = client_on(fake, policies=policy(rates={"logs": Rate(0.1, 1)}))
    async with client:
        job = await begun(client)
        readings = [asyncio.create_task(messages(job, follow=True)) for _ in range(3)]
        await asyncio.sleep(25)
    for reading in readings:
        with pytest.raises(qj.UsageError, match="closed"):
            await reading


@pytest.mark.parametrize("refused", [qj.CredentialError("no right"), qj.ProviderRejected("no right")])
async def test_who_may_not_read_the_lines_has_the_job_all_the_same(refused: Exception):
    fake = ProgramProvider(running=10, script={"logs": [refused]})
    async with client_on(fake, policies=policy(credential_pause=1.0)) as client:
        job = await begun(client, wait_until_complete=True)
        assert (job.state, fake.submits) == (S.COMPLETED, 1)


# --- metrics and metadata ---------------------------------------------------------------------------
async def test_metrics_are_read_page_by_page_into_one_table():
    fake = ProgramProvider(running=1e6, page_size=2, empty_pages=1, script={"metrics": [None, Fault.REPLY_LOST]})
    for n in (2, 0, 1):
        fake.write(f"Metrics - timestamp={n}; energy={-n}; iteration_number={n};")
    fake.write("Metrics - timestamp=0; energy=5; iteration_number=0;", "nothing")
    async with client_on(fake) as client:
        job = await begun(client)
        table = await job.metrics()
        assert (table["timestamp"], table["energy"]) == ([0, 1, 2], [5, -1, -2])
        assert (await job.metrics("iteration_number", "min"))["energy"] == [0, -1, -2]
        with pytest.raises(qj.UsageError):
            await job.metrics("time")  # type: ignore[arg-type]  # which is the point


async def test_metrics_that_are_not_to_be_had_are_an_error_and_no_empty_table():
    fake = ProgramProvider(running=1e6, script={"metrics": [Fault.NOT_SENT] * 1000})
    async with client_on(fake, policies=policy(budget=5.0)) as client:
        with pytest.raises(ProviderUnavailable):
            await (await begun(client)).metrics()


async def test_metadata_is_asked_for_unless_the_last_is_wanted():
    fake = ProgramProvider(running=1e6, told={"status": "RUNNING"})
    async with client_on(fake) as client:
        job = await begun(client)
        assert (await job.metadata(cached=True))["status"] == "RUNNING"  # there was none yet
        fake.told = {"status": "COMPLETED"}
        assert (await job.metadata(cached=True))["status"] == "RUNNING"
        assert (await job.metadata())["status"] == "COMPLETED"
        assert (await job.metadata(cached=True))["status"] == "COMPLETED"


async def test_before_it_is_accepted_nothing_is_known_of_it():
    fake = ProgramProvider(submit_class=Idempotent(600.0), latency={"submit": 1000.0})
    async with client_on(fake) as client:
        job = await begun(client, until="recorded")
        assert job.arn is None
        for ask in (job.metadata, job.metrics, job.tasks):
            with pytest.raises(qj.UsageError, match="has not accepted"):
                await ask()
        assert await messages(job) == []


# --- files ------------------------------------------------------------------------------------------
async def test_files_come_piece_by_piece_into_a_folder_of_their_own(tmp_path: Path):
    archive = packed({"results.json": b"{}", "model/weights.bin": bytes(range(256)) * 50})
    fake = ProgramProvider(archive=archive, piece_size=100, script={"download": [None, Fault.REPLY_LOST] * 3})
    async with client_on(fake) as client:
        job = await begun(client, name="mine")
        folder = await job.download_result(tmp_path)
        assert folder == tmp_path / "mine"
        assert (folder / "model/weights.bin").read_bytes() == bytes(range(256)) * 50
        with pytest.raises(qj.UsageError, match="there already"):
            await job.download_result(tmp_path)
        assert names_in(tmp_path) == ["mine"]


@pytest.mark.parametrize("name", ["..", ".", "/etc", "a/../../b", "a\x00b", "x" * 200, "-rf", "CON/"])
async def test_a_name_that_leads_elsewhere_is_no_folders(name: str, tmp_path: Path):
    async with client_on(ProgramProvider()) as client:
        job = await begun(client, name=name)
        assert await job.download_result(tmp_path / "in") == tmp_path / "in" / job.id
        assert names_in(tmp_path) == ["in"]


async def test_pieces_that_do_not_fit_are_refused_and_nothing_is_left(tmp_path: Path):
    class Growing(ProgramProvider):
        """Its archive is another one after each piece."""

        async def finish(self, operation: str, fault: Fault | None) -> None:
            if operation == "download":
                self.archive += b"more"
            await super().finish(operation, fault)

    class Renewed(ProgramProvider):
        async def finish(self, operation: str, fault: Fault | None) -> None:
            await super().finish(operation, fault)
            if operation == "download" and self.calls["download"] == 2:
                self.tag = "second"

    for fake in (Growing(piece_size=50), Renewed(piece_size=50), ProgramProvider(archive=b"no archive")):
        async with client_on(fake) as client:
            job = await begun(client, name="mine")
            with pytest.raises(qj.ProviderError):
                await job.download_result(tmp_path)
            assert names_in(tmp_path) == []


async def test_an_archive_larger_than_is_wanted_is_not_got(tmp_path: Path):
    fake = ProgramProvider(archive=packed({"a": bytes(5000)}))
    async with client_on(fake) as client:
        job = await begun(client, name="mine")
        with pytest.raises(qj.ProviderProtocolError):
            await job.download_result(tmp_path, max_bytes=1000)
        assert names_in(tmp_path) == []
        assert await job.download_result(tmp_path, max_bytes=100_000)


async def test_files_of_a_program_that_failed_are_no_result(tmp_path: Path):
    async with client_on(ProgramProvider(outcome="failed")) as client:
        with pytest.raises(qj.JobFailed):
            await (await begun(client)).download_result(tmp_path)
        assert names_in(tmp_path) == []


async def test_a_piece_beyond_the_archives_end_is_refused(tmp_path: Path):
    class Longer(ProgramProvider):
        async def finish(self, operation: str, fault: Fault | None) -> None:
            await super().finish(operation, fault)
            if operation == "download":
                self.archive = bytes(50) if self.calls["download"] == 1 else bytes(5000)

    async with client_on(Longer(piece_size=40)) as client:
        with pytest.raises(ProviderProtocolError):
            await (await begun(client)).download_result(tmp_path)
        assert names_in(tmp_path) == []


@pytest.mark.real_time
async def test_a_download_that_nobody_wants_any_more_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    unpack, begun_to, go_on = archives.unpack, threading.Event(), threading.Event()

    def slow(archive: Path, to: Path, *, limits: archives.Limits, stopped: Callable[[], bool]) -> list[str]:
        begun_to.set()
        go_on.wait(30)
        return unpack(archive, to, limits=limits, stopped=stopped)

    monkeypatch.setattr(archives, "unpack", slow)
    async with client_on(ProgramProvider()) as client:
        downloading = asyncio.create_task((await begun(client)).download_result(tmp_path))
        await asyncio.to_thread(begun_to.wait, 30)
        downloading.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await downloading
        assert names_in(tmp_path) == []


async def test_a_program_with_a_name_is_not_submitted_again_by_it():
    fake = ProgramProvider(outcome="failed")
    async with client_on(fake) as client:
        named, other = await begun(client, name="mine"), await begun(client)
        await asyncio.gather(named.wait(), other.wait())
        with pytest.raises(qj.UsageError, match="another name"):
            await named.retry_failed()
        again = await other.retry_failed()
        assert isinstance(again, qj.HybridJob)
        assert again.id != other.id


async def test_what_was_refused_once_is_asked_for_again_when_somebody_asks():
    fake = ProgramProvider(fetch=Fetch.LAZY, saved={"a": 1}, script={"fetch": [ProviderRejected("no right")] * 2})
    async with client_on(fake) as client:
        job = await begun(client)
        with pytest.raises(qj.ResultUnavailable, match="no right"):
            await job
        assert await job == {"a": 1}


# --- tasks ------------------------------------------------------------------------------------------
async def test_its_tasks_are_jobs_that_are_followed():
    fake = ProgramProvider(running=1e3, page_size=2, empty_pages=1)
    async with client_on(fake) as client:
        job = await begun(client)
        assert job.arn is not None
        made = [fake.spawn(job.arn) for _ in range(5)]
        tasks = await job.tasks()
        assert [task.remote_id for task in tasks] == made
        assert [task.remote_id for task in await job.tasks()] == made
        assert len(await client.jobs()) == 6  # asked again, they are the same
        await asyncio.gather(*(task.wait() for task in tasks))
        assert not isinstance(tasks[0], qj.HybridJob)


async def test_who_asks_for_them_at_the_same_time_gets_the_same():
    fake = ProgramProvider(running=1e3)
    async with client_on(fake) as client:
        job = await begun(client)
        assert job.arn is not None
        fake.spawn(job.arn)
        first, second = await asyncio.gather(job.tasks(), job.tasks())
        assert first == second
        assert len(await client.jobs()) == 2


async def test_pages_of_tasks_that_go_round_in_a_circle_are_told():
    class Round(ProgramProvider):
        def page(self, of: Any, after: str) -> Any:
            return [], {"": "a", "a": "b"}.get(after, "a"), True

    async with client_on(Round(running=1e3)) as client:
        job = await begun(client)
        for ask in (job.tasks, job.metrics):
            with pytest.raises(ProviderProtocolError, match="circle"):
                await ask()
