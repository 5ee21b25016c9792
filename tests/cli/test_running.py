"""`run_all` on clouds that exist only in the clock: order, timeouts, interruptions, and what is said of each job."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import quantumjobs as qj
from quantumjobs.cli.asked import Run, Source
from quantumjobs.cli.board import Board
from quantumjobs.cli.exits import Exit, together
from quantumjobs.cli.report import Report
from quantumjobs.cli.running import run_all
from quantumjobs.cli.terminal import Terminal, Unread
from quantumjobs.core.states import JobState
from quantumjobs.testing import FakeProvider, Fault


class Told:
    """What was said, and when by the loop's clock."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.times: list[float] = []

    def __call__(self, one: object, found: Report) -> None:
        self.reports.append(found)
        self.times.append(asyncio.get_running_loop().time())


async def run(fake: FakeProvider, files: int = 1, told: Told | None = None, **asked) -> list[Report]:
    names = [f"{i}.qasm" for i in range(files)]
    request = Run(
        sources=tuple(Source(name, Path("/nowhere") / name) for name in names), **{"backend": "fake/sim"} | asked
    )
    client = qj.Client(ledger="memory", providers={"fake": fake})
    return await run_all(client, request, told or Told(), Board(Terminal(), wanted=False))


async def test_each_file_is_told_of_in_the_order_given_and_as_soon_as_that_allows():
    told = Told()
    reports = await run(FakeProvider(running=lambda index: (50, 10, 100)[index], pushes=True), 3, told, shots=10)
    assert [one.file for one in told.reports] == ["0.qasm", "1.qasm", "2.qasm"]
    assert reports == told.reports
    assert told.times == pytest.approx([50, 50, 100], abs=1)
    assert [one.code for one in reports] == [Exit.DONE] * 3
    assert reports[0].state is JobState.COMPLETED
    assert sum(reports[0].circuits[0].counts.values()) == reports[0].shots == 10


async def test_one_jobs_failure_is_not_the_others():
    fake = FakeProvider(outcome=lambda index: "failed" if index == 1 else "completed")
    reports = await run(fake, 3)
    assert [one.code for one in reports] == [Exit.DONE, Exit.JOB, Exit.DONE]
    assert reports[1].state is JobState.FAILED
    assert reports[1].trouble.type == "JobFailed"
    assert reports[1].job in reports[1].trouble.message


async def test_what_a_failed_job_has_finished_is_told():
    (report,) = await run(FakeProvider(outcome="failed", partial=0))
    (circuit,) = report.circuits
    assert circuit.error == "as told"
    assert circuit.counts is None
    assert report.trouble.type == "JobFailed"


async def test_a_timeout_ends_the_wait_and_not_the_job():
    fake = FakeProvider(running=lambda index: (1, 1e6)[index])
    told = Told()
    done, late = await run(fake, 2, told, timeout=30)
    assert asyncio.get_running_loop().time() == pytest.approx(30, abs=1)
    assert done.code is Exit.DONE
    assert late.code is Exit.TIMEOUT
    assert late.state is JobState.RUNNING
    assert late.trouble.message == f"not done within 30 s: job {late.job} goes on at fake as {late.remote_id}"
    assert fake.cancels == 0


async def test_a_timeout_while_submitting_leaves_nothing_behind():
    fake = FakeProvider(latency={"describe": 100})
    (report,) = await run(fake, timeout=10)
    assert report.code is Exit.TIMEOUT
    assert report.job is None
    assert "was not submitted" in report.trouble.message
    assert fake.submits == 0


async def test_a_submission_that_is_cut_short_after_something_was_sent_names_its_job():
    fake = FakeProvider(latency={"submit": 100})
    (report,) = await run(fake, timeout=10)
    assert report.code is Exit.TIMEOUT
    assert report.state is JobState.SUBMITTING
    assert f"job {report.job} goes on at fake" in report.trouble.message


async def test_an_interruption_detaches_from_the_provider_and_says_what_goes_on():
    fake = FakeProvider(running=1e6)
    told = Told()
    task = asyncio.create_task(run(fake, 2, told))
    await asyncio.sleep(20)
    task.cancel()
    reports = await task
    assert together(one.code for one in reports) is Exit.INTERRUPTED
    assert told.reports == reports
    assert {one.remote_id for one in reports} == set(fake.jobs)
    assert all(f"goes on at fake as {one.remote_id}" in one.trouble.message for one in reports)
    assert fake.cancels == 0


async def test_a_job_that_ended_elsewhere_as_cancelled_is_no_interruption():
    (report,) = await run(FakeProvider(outcome="cancelled"))
    assert report.code is Exit.JOB
    assert report.state is JobState.CANCELLED


async def test_doubt_about_the_submission_names_the_job_and_is_not_retried():
    fake = FakeProvider(fail_submit=[Fault.REPLY_LOST])
    (report,) = await run(fake)
    assert report.code is Exit.UNCERTAIN
    assert report.state is JobState.IN_DOUBT
    assert report.job
    assert "look at the provider" in report.trouble.hint
    assert fake.submits == 1


@pytest.mark.parametrize(
    ("fake", "kind"),
    [
        (FakeProvider(fail_submit=[Fault.NOT_SENT] * 1000), "ProviderUnavailable"),
        (FakeProvider(script={"connect": [qj.CredentialError("no token: looked in TOKEN")]}), "CredentialError"),
        (FakeProvider(breaks="submit"), "AdapterError"),
    ],
)
async def test_a_provider_that_cannot_be_used_is_unavailable(fake, kind):
    (report,) = await run(fake)
    assert report.code is Exit.UNAVAILABLE
    assert report.trouble.type == kind
    assert not fake.jobs


async def test_a_refused_job_is_a_jobs_failure():
    (report,) = await run(FakeProvider(fail_submit=[qj.ProviderRejected("too many qubits", provider="fake")]))
    assert report.code is Exit.JOB
    assert report.state is JobState.REJECTED
    assert "too many qubits" in report.trouble.message


@pytest.mark.parametrize("address", ["fak/sim", "", "/sim"])
async def test_an_unknown_backend_is_refused_before_anything_is_submitted(address):
    fake = FakeProvider()
    with pytest.raises(qj.UsageError):
        await run(fake, backend=address)
    assert not fake.calls


async def test_an_unknown_option_is_every_files_error():
    reports = await run(FakeProvider(), 2, options={"sede": 1})
    assert {one.code for one in reports} == {Exit.USAGE}
    assert "did you mean 'seed'?" in reports[0].trouble.message


async def test_when_nobody_reads_only_what_goes_on_is_told():
    class Closing(Told):
        def __call__(self, one: object, found: Report) -> None:
            super().__call__(one, found)
            if len(self.reports) == 1:
                raise Unread

    told = Closing()
    with pytest.raises(Unread):
        await run(FakeProvider(running=lambda index: (1, 1, 1e6)[index], pushes=True), 3, told)
    assert [one.file for one in told.reports] == ["0.qasm", "2.qasm"]
    assert told.reports[1].code is Exit.UNREAD


async def test_five_hundred_files_are_followed_at_once():
    fake = FakeProvider(queued=1000, running=10, pushes=True)
    reports = await run(fake, 500)
    assert len(reports) == 500
    assert together(one.code for one in reports) is Exit.DONE
    assert asyncio.get_running_loop().time() < 1100
