"""A worker that dies under a simulation: the same job runs again and gives what it would have given."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

import quantumjobs as qj
from tests.endtoend.helpers import busiest_worker, needs_proc, stat, volume

pytestmark = needs_proc


async def kill_worker(*, besides: int = 0) -> int:
    worker = await busiest_worker(os.getpid(), besides=besides)
    os.kill(worker, signal.SIGKILL)
    return worker


@pytest.mark.real_time
async def test_a_killed_worker_changes_no_result():
    circuit = volume(20, 30)  # long enough that it still runs when its worker has been found, 0.4 s after its start
    async with qj.Client() as client:
        aer = client.backend("aer")
        job = await aer.run(circuit, shots=300)
        await kill_worker()
        result = await job
        undisturbed = await (await aer.run(circuit, shots=300, seed_simulator=result[0].seed))
        assert result.counts == undisturbed.counts
        # The story: the run that ended, why, and the one that came after it.
        words = [(line.event, str(line.before), str(line.after)) for line in job.story]
        died = words.index(("Vanished", "running", "created"))
        assert "SIGKILL" in job.story[died].note
        assert [event for event, _, _ in words[:died]].count("SubmitStarted") == 1
        assert [event for event, _, _ in words[died:]].count("SubmitStarted") == 1
        assert job.state == "completed"
        assert job.error is None


@pytest.mark.real_time
async def test_a_worker_killed_again_and_again_fails_the_job_and_says_why():
    async with qj.Client() as client:
        job = await client.backend("aer").run(volume(20, 400), shots=100)
        killed = 0
        for _ in range(3):
            killed = await kill_worker(besides=killed)
        with pytest.raises(qj.JobFailed, match="SIGKILL") as failed:
            async with asyncio.timeout(10):
                await job
        assert failed.value.partial is None or failed.value.partial[0].error
        assert [line.event for line in job.story].count("SubmitStarted") == 3
        assert [line.event for line in job.story].count("Vanished") == 3
        assert job.state == "failed"
        # Nothing else suffered.
        assert (await (await client.backend("aer").run(volume(5, 5), shots=10)))[0].shots == 10


@pytest.mark.real_time
async def test_of_a_list_only_the_part_whose_worker_died_runs_again():
    circuits = [volume(20, 20, seed=seed) for seed in (1, 2)]
    async with qj.Client() as client:
        aer = client.backend("aer")
        job = await aer.run(circuits, shots=100, seed_simulator=5)
        assert len(job.parts) == 2
        await kill_worker()
        result = await job
        assert sorted(part.attempts for part in job.parts) == [1, 2]
        again = await (await aer.run(circuits, shots=100, seed_simulator=5))
        assert [one.counts for one in again] == [one.counts for one in result]


@pytest.mark.real_time
async def test_a_killed_fork_server_takes_its_workers_along_and_the_job_runs_again():
    async with qj.Client() as client:
        job = await client.backend("aer").run(volume(20, 30), shots=50, seed_simulator=4)
        worker = await busiest_worker(os.getpid())
        server = int(stat(worker)[1])
        os.kill(server, signal.SIGKILL)
        assert await busiest_worker(os.getpid(), besides=worker) != worker
        assert stat(worker) is None
        result = await job
        assert result[0].seed == 4
        assert sum(result.counts.values()) == 50
        assert not any(line.after == "failed" for line in job.story)
