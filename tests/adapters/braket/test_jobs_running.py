"""Hybrid jobs from the first line of a user's program to what they leave: at the emulator, and on this machine."""

from __future__ import annotations

import asyncio
import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

import quantumjobs as qj
from quantumjobs.core.states import CancelOutcome
from quantumjobs.core.states import JobState as S
from quantumjobs.testing.emulators import BraketEmulator, Fault, serve
from quantumjobs.testing.emulators.braket_jobs import HybridSettings
from tests.adapters.braket.helpers import QUICK, client_of
from tests.workers.runs import cleared

pytestmark = [pytest.mark.real_time, pytest.mark.usefixtures("late_lines_soon")]
ALGORITHM = """
    import json, os, pathlib, sys
    from quantumjobs import hybrid

    def main():
        given = hybrid.hyperparameters()
        print("device", hybrid.device(), flush=True)
        print("data", (hybrid.input_dir("train") / "a.csv").read_text().strip())
        for n in range(int(given["n"])):
            hybrid.log_metric("energy", -n, timestamp=100 + n, iteration_number=n)
        try:
            before = hybrid.load_checkpoint(given["before"])["n"] if "before" in given else None
        except FileNotFoundError:
            before = "nothing"
        hybrid.save_checkpoint({"n": given["n"]})
        (hybrid.results_dir() / "more").mkdir()
        (hybrid.results_dir() / "more" / "weights.bin").write_bytes(bytes(range(256)))
        hybrid.save_result({"n": given["n"], "before": before})
        if "fail" in given:
            raise ValueError("as told")
"""
WITH_A_TASK = """
    import asyncio
    import quantumjobs as qj
    from quantumjobs import hybrid

    BELL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; x q[0]; measure q -> c;'

    async def main():
        async with qj.Client(ledger="memory") as client:
            jobs = [await client.backend("braket/sv1").run(BELL, shots=7) for _ in range(2)]
            hybrid.save_result({"counts": [(await job).counts for job in jobs], "arns": [job.remote_id for job in jobs]})

    asyncio.run(main())
"""


def written(folder: Path, text: str, name: str = "algo.py") -> Path:
    file = folder / name
    file.write_text(textwrap.dedent(text))
    return file


def prepared(folder: Path) -> dict[str, Any]:
    """What is given with the algorithm, wherever it runs."""
    (folder / "train").mkdir()
    (folder / "train" / "a.csv").write_text("1,2,3\n")
    return {
        "source": written(folder, ALGORITHM),
        "entry_point": "algo:main",
        "input_data": {"train": folder / "train"},
        "hyperparameters": {"n": 3},
    }


async def lines_of(job: qj.HybridJob, *, follow: bool = True) -> list[str]:
    return [line.message async for line in job.logs(follow=follow)]


async def check_whole(job: qj.HybridJob, folder: Path) -> None:
    """Its lines, metrics, values and files, while it runs and afterwards."""
    lines = await lines_of(job)
    assert [line for line in lines if not line.startswith("Metrics")] == [
        "device arn:aws:braket:::device/quantum-simulator/amazon/sv1",
        "data 1,2,3",
    ]
    assert await job == {"n": "3", "before": None}
    assert job.state is S.COMPLETED
    assert await job.metrics() == {
        "timestamp": [100, 101, 102],
        "energy": [0, -1, -2],
        "iteration_number": [0, 1, 2],
    }
    assert list((await job.metrics("iteration_number"))["energy"]) == [0, -1, -2]
    assert await lines_of(job, follow=False) == lines
    told = await job.metadata()
    assert (told["status"], told["jobName"], told["hyperParameters"]) == ("COMPLETED", job.name, {"n": "3"})
    got = await job.download_result(folder / "got")
    assert (got / "more" / "weights.bin").read_bytes() == bytes(range(256))
    assert json.loads((got / "results.json").read_bytes())["dataDictionary"] == {"n": "3", "before": None}
    assert await job.cancel() is CancelOutcome.TOO_LATE
    assert {stamp.status for stamp in job.remote_timeline} >= {"RUNNING", "COMPLETED"}


async def test_a_program_runs_at_the_service_with_all_that_it_is_given(tmp_path: Path):
    async with serve(BraketEmulator()) as url, client_of(url, policies=QUICK) as client:
        given = prepared(tmp_path)
        job = await client.hybrid_job("braket/sv1", **given, name="demo", tags=["mine"], resource_tags={"team": "a"})
        assert (job.name, job.provider, job.backend) == ("demo", "braket", "braket/hybrid/sv1")
        await check_whole(job, tmp_path)
        # What one job has left, another one begins with.
        given["hyperparameters"] = {"n": 1, "before": "demo"}
        later = await client.hybrid_job("braket/sv1", **given, copy_checkpoints_from=job)
        assert await later == {"n": "1", "before": "3"}
        # A token, a file, an ARN: all of them are this job.
        await job.persist(tmp_path / "job.file")
        token = later.token
        async with client_of(url, policies=QUICK) as other:
            found = await other.restore(tmp_path / "job.file")
            assert isinstance(found, qj.HybridJob)
            assert await found == {"n": "3", "before": None}
            attached = await other.attach(token)
            assert isinstance(attached, qj.HybridJob)
            assert await attached == {"n": "1", "before": "3"}


async def test_a_program_runs_on_this_machine_with_all_that_it_is_given(tmp_path: Path):
    given = prepared(tmp_path)
    settings = {"braket": {"local_jobs": tmp_path / "jobs"}}  # neither keys nor a region
    async with qj.Client(ledger="memory", providers=settings) as client:
        job = await client.hybrid_job("braket/sv1", **given, name="demo", local=True)
        await check_whole(job, tmp_path)
        assert job.arn is not None
        folder = Path(job.arn)
        assert folder.parent == tmp_path / "jobs"
    async with qj.Client(ledger="memory", providers=settings) as other:
        attached = await other.attach("braket", str(folder))
        assert isinstance(attached, qj.HybridJob)
        assert (await attached, attached.name) == ({"n": "3", "before": None}, "demo")
    cleared(folder)


async def test_a_program_that_fails_says_why_and_gives_what_it_had_saved(tmp_path: Path):
    given = prepared(tmp_path)
    given["hyperparameters"]["fail"] = "yes"
    settings = {"local_jobs": tmp_path / "jobs"}
    async with serve(BraketEmulator()) as url, client_of(url, policies=QUICK, more=settings) as client:
        jobs = [await client.hybrid_job("braket/sv1", **given, local=local) for local in (False, True)]
        for job in jobs:
            with pytest.raises(qj.JobFailed, match="as told") as caught:
                await job
            assert caught.value.partial == {"n": "3", "before": None}
            assert "ValueError: as told" in await lines_of(job)
            with pytest.raises(qj.JobFailed):
                await job.download_result(tmp_path / "got")
        cleared(jobs[1].arn)


async def test_a_cancel_ends_a_program_wherever_it_is(tmp_path: Path):
    source = written(tmp_path, "import time\nprint('begun', flush=True)\ntime.sleep(600)\n")
    settings = {"local_jobs": tmp_path / "jobs"}
    async with serve(BraketEmulator()) as url, client_of(url, policies=QUICK, more=settings) as client:
        for local in (False, True):
            job = await client.hybrid_job("braket/sv1", source, local=local)
            assert [line.message async for line in _first(job)] == ["begun"]
            assert await job.cancel() in (CancelOutcome.CANCELLED, CancelOutcome.REQUESTED)
            with pytest.raises(qj.JobCancelled):
                await job
            if local:
                cleared(job.arn)


async def _first(job: qj.HybridJob):
    async for line in job.logs(follow=True):
        yield line
        return


async def test_tasks_that_a_program_submits_are_the_jobs(tmp_path: Path):
    emulator = BraketEmulator()
    async with serve(emulator) as url, client_of(url, policies=QUICK) as client:
        stranger = await client.backend("braket/sv1").run(
            'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; measure q -> c;', shots=1
        )
        job = await client.hybrid_job("braket/sv1", written(tmp_path, WITH_A_TASK))
        saved = await job
        assert saved["counts"] == [{"1": 7}] * 2
        tasks = await job.tasks()
        assert [task.remote_id for task in tasks] == saved["arns"]
        assert stranger.remote_id not in saved["arns"]
        for task in tasks:
            assert (await task).counts == {"1": 7}
        (made,) = emulator.hybrid.jobs
        told = json.dumps([await job.metadata(), *await lines_of(job), job.token, repr(job), str(job.snapshot)])
        assert made.token not in told


async def test_those_that_wait_say_how_many_are_before_them(tmp_path: Path):
    source = written(tmp_path, "import time\ntime.sleep(600)\n")
    emulator = BraketEmulator(hybrid=HybridSettings(concurrent=1))
    async with serve(emulator) as url, client_of(url, policies=QUICK) as client:
        jobs = [await client.hybrid_job("braket/sv1", source) for _ in range(3)]
        async for snapshot in jobs[2].events():
            if snapshot.queue_position is not None:
                break
        assert snapshot.queue_position == 1
        for job in jobs:
            await job.cancel()
        await asyncio.gather(*(job.wait() for job in jobs))


def cube(number: float, *, more: int = 0) -> dict[str, float]:
    """A program that is a function."""
    print("cubed")
    return {"cube": number**3 + more}


async def test_a_function_is_a_program_and_is_not_pickled(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    settings = {"local_jobs": tmp_path / "jobs"}
    async with serve(BraketEmulator()) as url, client_of(url, policies=QUICK, more=settings) as client:
        for local in (False, True):
            job = await client.hybrid_job(
                "braket/local:none/none",
                cube,
                arguments={"number": 2, "more": 1},
                local=local,
                wait_until_complete=True,
            )
            assert capsys.readouterr().out == "cubed\n"
            assert await job == {"cube": 9}
        cleared(job.arn)


# --- what is refused before anything is sent --------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"instance_typ": "ml.m5.large"}, "instance_type"),
        ({"instance_type": "m5"}, "no type of instance"),
        ({"max_runtime": 0}, "seconds from 1"),
        ({"job_name": "x"}, "give name"),
        ({"name": "-x"}, "no hyphen at an end"),
        ({"hyperparameters": {"n": ""}}, "1 to 2500"),
        ({"hyperparameters": dict.fromkeys(map(str, range(101)), 1)}, "takes 100"),
        ({"checkpoint_config": {"s3Uri": "http://x"}}, "folder in S3"),
        ({"copy_checkpoints_from": "arn:x"}, "its ARN"),
        ({"role_arn": "me"}, "is no role"),
        ({"arguments": {"a": 1}}, "arguments=... are a function's"),
        ({"entry_point": "other"}, "other"),
        ({"source": "nowhere.py"}, "nowhere.py"),
        ({"source": "s3://bucket/source.tar.gz"}, "entry_point"),
        ({"source": "s3://bucket/source.tar.gz", "entry_point": "a", "local": True}, "on this machine"),
        ({"source": lambda: 1}, "lambda"),
        ({"source": 5}, "a function is needed"),
        ({"input_data": {"a/b": "."}}, "channel"),
        ({"input_data": {"train": "s3://bucket/x"}, "local": True}, "of this machine"),
        ({"device": "braket/sv2"}, "sv1"),
        ({"device": "braket"}, "write braket/<device>"),
        ({"device": "aer"}, "runs no hybrid jobs"),
    ],
)
async def test_what_cannot_be_is_told_before_anything_is_sent(given: dict[str, Any], said: str, tmp_path: Path):
    asked: dict[str, Any] = {"device": "braket/sv1", "source": written(tmp_path, "print(1)"), **given}
    async with client_of("http://127.0.0.1:9") as client:
        with pytest.raises(qj.UsageError, match=said):
            await client.hybrid_job(asked.pop("device"), asked.pop("source"), **asked)
        assert await client.jobs() == []


async def test_circuits_are_not_for_where_programs_run():
    async with client_of("http://127.0.0.1:9") as client:
        with pytest.raises(qj.UsageError, match="client.hybrid_job"):
            await client.backend("braket/hybrid/sv1").run("OPENQASM 3.0;")


async def test_without_a_role_it_is_said_what_to_do(tmp_path: Path):
    denied = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no right</Message></Error></ErrorResponse>"
    faults = [Fault("status", operation="ListRoles", status=403, body=denied, times=None)]
    async with serve(BraketEmulator(faults=faults)) as url, client_of(url, policies=QUICK) as client:
        source = written(tmp_path, "print(1)")
        with pytest.raises(qj.UsageError, match="no right.*role_arn=.*job_role"):
            await client.hybrid_job("braket/sv1", source)
        with pytest.raises(qj.JobRejected, match="role"):  # which is not there, as only the service knows
            await client.hybrid_job("braket/sv1", source, role_arn="arn:aws:iam::123456789012:role/mine")
