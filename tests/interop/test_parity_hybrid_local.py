"""What LocalQuantumJob can, hybrid jobs on this machine can too; docs/reference/parity-quantumjob.md names these tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import quantumjobs as qj
from quantumjobs.blocking import HybridJob
from quantumjobs.core.states import CancelOutcome
from quantumjobs.core.states import JobState as S
from quantumjobs.interop.braket import QuantumJob
from tests.interop.helpers import PATIENCE
from tests.interop.hybrid import BY_TIME, DEVICE, LINES, SAVED, left_by_the_vendor, local_client, program

pytestmark = [pytest.mark.real_time, pytest.mark.skipif(os.name == "nt", reason="POSIX only")]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials, no region, and a working directory of the test's own."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def async_client(folder: Path) -> qj.Client:
    return qj.Client(providers={"braket": {"local_jobs": folder / "jobs"}}, ledger="memory")


# --- created here -----------------------------------------------------------------------------
async def test_async_local_job_runs_the_program_as_a_process_and_needs_no_account(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with async_client(tmp_path) as client:
        job = await client.hybrid_job(DEVICE, program(tmp_path), local=True, name="mine", wait_until_complete=True)
        assert capsys.readouterr().out.splitlines() == LINES
        assert (await job, job.name, job.state) == (SAVED, "mine", S.COMPLETED)
        assert job.arn is not None
        assert Path(job.arn).parent == tmp_path / "jobs"
        assert [line.message async for line in job.logs()] == LINES
        assert await job.metrics() == BY_TIME
        assert {"jobName": "mine", "status": "COMPLETED"}.items() <= (await job.metadata()).items()
        assert [path.name for path in (await job.download_result()).iterdir()] == ["results.json"]
        with pytest.raises(qj.UsageError, match="no jobs of its programs"):
            await job.tasks()


def test_blocking_local_job_runs_the_program_as_a_process_and_needs_no_account(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with local_client(tmp_path) as client:
        job = client.hybrid_job(DEVICE, program(tmp_path), local=True, name="mine", wait_until_complete=True)
        assert capsys.readouterr().out.splitlines() == LINES
        assert (job.result(timeout=PATIENCE), job.name, job.state) == (SAVED, "mine", S.COMPLETED)
        assert [line.message for line in job.logs()] == LINES
        assert job.metrics() == BY_TIME
        assert job.metadata()["status"] == "COMPLETED"
        assert [path.name for path in job.download_result().iterdir()] == ["results.json"]


def test_quantumjob_of_a_local_job_runs_the_program_as_a_process_and_needs_no_account(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with local_client(tmp_path) as client:
        job = QuantumJob(client.hybrid_job(DEVICE, program(tmp_path), local=True, name="mine"))
        job.logs(wait=True)
        assert capsys.readouterr().out.splitlines() == LINES
        assert (job.result(), job.name, job.state()) == (SAVED, "mine", "COMPLETED")
        assert job.metrics() == BY_TIME
        assert job.metadata()["status"] == "COMPLETED"
        assert [path.name for path in job.download_result().iterdir()] == ["results.json"]


async def test_async_local_job_that_fails_has_failed_and_one_that_runs_can_be_cancelled(tmp_path: Path) -> None:
    async with async_client(tmp_path) as client:
        failed = await client.hybrid_job(DEVICE, program(tmp_path), local=True, hyperparameters={"fails": 1})
        with pytest.raises(qj.JobFailed, match="out of memory") as caught:
            await failed
        assert (failed.raw_status, caught.value.partial) == ("FAILED", SAVED)
        job = await client.hybrid_job(DEVICE, program(tmp_path), local=True, hyperparameters={"seconds": 600})
        assert await job.cancel() in {CancelOutcome.REQUESTED, CancelOutcome.CANCELLED}
        with pytest.raises(qj.JobCancelled):
            await job


def test_blocking_local_job_that_fails_has_failed_and_one_that_runs_can_be_cancelled(tmp_path: Path) -> None:
    with local_client(tmp_path) as client:
        failed = client.hybrid_job(DEVICE, program(tmp_path), local=True, hyperparameters={"fails": 1})
        with pytest.raises(qj.JobFailed, match="out of memory"):
            failed.result(timeout=PATIENCE)
        job = client.hybrid_job(DEVICE, program(tmp_path), local=True, hyperparameters={"seconds": 600})
        assert job.cancel() in {CancelOutcome.REQUESTED, CancelOutcome.CANCELLED}
        with pytest.raises(qj.JobCancelled):
            job.result(timeout=PATIENCE)


def test_quantumjob_of_a_local_job_that_fails_has_failed_and_one_that_runs_can_be_cancelled(tmp_path: Path) -> None:
    with local_client(tmp_path) as client:
        failed = QuantumJob(client.hybrid_job(DEVICE, program(tmp_path), local=True, hyperparameters={"fails": 1}))
        with pytest.raises(RuntimeError, match="out of memory"):
            failed.result()
        assert failed.state() == "FAILED"
        job = QuantumJob(client.hybrid_job(DEVICE, program(tmp_path), local=True, hyperparameters={"seconds": 600}))
        assert job.cancel() in {"CANCELLING", "CANCELLED"}
        with pytest.raises(RuntimeError, match="cancelled"):
            job.result()


# --- left by the vendor's -----------------------------------------------------------------------
IDS: list[Callable[[Path], str]] = [str, lambda folder: f"local:job/{folder.name}"]
"""A folder anywhere, and what the vendor's SDK calls one in the working directory."""


@pytest.mark.parametrize("name", IDS)
async def test_async_local_job_of_the_vendors_is_attached_by_its_folder(
    tmp_path: Path, name: Callable[[Path], str]
) -> None:
    async with async_client(tmp_path) as client:
        job = await client.attach("braket", name(left_by_the_vendor(tmp_path / "demo")))
        assert isinstance(job, qj.HybridJob)
        assert (await job, job.name) == (SAVED, "demo")
        assert [line.message async for line in job.logs()] == LINES
        assert await job.metrics() == BY_TIME
        assert [path.name for path in (await job.download_result("out")).iterdir()] == ["results.json"]
        crashed = await client.attach("braket", name(left_by_the_vendor(tmp_path / "crashed", code=3)))
        with pytest.raises(qj.JobFailed, match="exit code 3"):
            await crashed


@pytest.mark.parametrize("name", IDS)
def test_blocking_local_job_of_the_vendors_is_attached_by_its_folder(
    tmp_path: Path, name: Callable[[Path], str]
) -> None:
    with local_client(tmp_path) as client:
        job = client.attach("braket", name(left_by_the_vendor(tmp_path / "demo")))
        assert isinstance(job, HybridJob)
        assert (job.result(timeout=PATIENCE), job.name) == (SAVED, "demo")
        assert [line.message for line in job.logs()] == LINES
        assert job.metrics() == BY_TIME
        assert [path.name for path in job.download_result("out").iterdir()] == ["results.json"]
        crashed = client.attach("braket", name(left_by_the_vendor(tmp_path / "crashed", code=3)))
        with pytest.raises(qj.JobFailed, match="exit code 3"):
            crashed.result(timeout=PATIENCE)


@pytest.mark.parametrize("name", IDS)
def test_quantumjob_of_a_local_job_of_the_vendors_is_attached_by_its_folder(
    tmp_path: Path, name: Callable[[Path], str], capsys: pytest.CaptureFixture[str]
) -> None:
    with local_client(tmp_path) as client:
        found = client.attach("braket", name(left_by_the_vendor(tmp_path / "demo")))
        assert isinstance(found, HybridJob)
        job = QuantumJob(found)
        assert (job.result(), job.name, job.state(), job.cancel()) == (SAVED, "demo", "COMPLETED", "COMPLETED")
        job.logs()
        assert capsys.readouterr().out.splitlines() == LINES
        assert job.metrics() == BY_TIME
        assert [path.name for path in job.download_result("out").iterdir()] == ["results.json"]
