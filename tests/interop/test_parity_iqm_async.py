"""What IQMJob can, the async job can too, as far as no file of the adapter's shows it.

docs/reference/parity-iqmjob.md names these tests.
"""

from __future__ import annotations

import asyncio

import pytest

import quantumjobs as qj
from quantumjobs.core.states import JobState
from quantumjobs.testing.emulators import Fault, serve
from tests.adapters.iqm.helpers import client_of
from tests.interop.helpers import bell
from tests.interop.iqm import BEGUN, DONE, GARNET, RARELY, emulator, last, refused, three_registers, warm

S = JobState
pytestmark = pytest.mark.real_time


async def test_async_states_words_progress_and_timeline_come_one_after_the_other() -> None:
    made = emulator(queue=0.2, duration=0.2, warnings=["cooling down"])
    async with serve(made) as url, client_of(url) as client:
        job = await client.backend(GARNET).run([three_registers(), bell()], shots=5, heralding_mode="zeros")
        assert (job.state, job.raw_status, job.queue_position) == (S.QUEUED, "waiting", 0)
        seen = [snapshot async for snapshot in job.events()]
        assert {snapshot.raw_status for snapshot in seen} == {"waiting", "processing", "completed"}
        assert {0, 2} <= {snapshot.progress.done for snapshot in seen}
        assert {snapshot.progress.total for snapshot in seen} == {2}
        told = [(stamp.source, stamp.status) for stamp in job.remote_timeline]
        assert (told[:2], told[-1]) == (BEGUN, DONE)
        assert list(job.timeline) == [S.CREATED, S.SUBMITTING, S.QUEUED, S.RUNNING, S.COMPLETED]
        result = await job
        calibration = made.calibrations["garnet"][-1].id
        facts = {"calibration_set_id": calibration, "messages": ["cooling down"]}
        assert dict(result[0].metadata) == {**facts, "circuit_metadata": {"angle": 0.5}}
        assert result.to_qiskit().results[0].header["metadata"] == {"angle": 0.5}
        assert [one.metadata for one in await job.circuits()] == [{"angle": 0.5}, {}]
        assert job.options == {"shots": 5, "memory": False, "heralding_mode": "zeros"}


async def test_async_shots_travel_only_if_they_are_asked_for() -> None:
    made = emulator()
    async with serve(made) as url, client_of(url) as client:
        result = await (await client.backend(GARNET).run(bell()))
        assert result.counts == {"01": 1024}  # 1024 shots by default
        assert (made.requests["counts"], made.requests["measurements"]) == (1, 0)
        assert b"measurement_keys" in result.raw["body"]  # as it came
        shots = await (await client.backend(GARNET).run(bell(), shots=3, memory=True))
        assert shots.memory == ["01"] * 3
        assert (made.requests["counts"], made.requests["measurements"]) == (1, 1)


async def test_async_failure_has_the_servers_words_its_code_and_its_source() -> None:
    async with serve(emulator(faults=[warm()])) as url, client_of(url) as client:
        job = await client.backend(GARNET).run([bell()] * 2)
        with pytest.raises(qj.JobFailed, match="the fridge is warm") as failed:
            await job
        assert failed.value.partial is None
        assert failed.value.record.details["error_code"] == "execution_failed"
        assert failed.value.record.details["error_source"] == "iqm-station-control"
        assert (job.raw_status, job.progress) == ("failed", qj.Progress(0, 2))


async def test_async_cancel_ends_what_waits_and_what_runs_and_comes_too_late_for_what_has_ended() -> None:
    made = emulator(queue=60)
    async with serve(made) as url, client_of(url) as client:
        waiting = await client.backend(GARNET).run(bell())
        assert await waiting.cancel() is qj.CancelOutcome.CANCELLED
        assert (await waiting.wait()).state is S.CANCELLED
        made.queue.queue, made.queue.duration = 0, 0.2
    async with serve(made) as url, client_of(url) as client:
        running = await client.backend(GARNET).run([bell()] * 50)
        async for snapshot in running.events():
            if snapshot.state is S.RUNNING:
                break
        assert await running.cancel() in {qj.CancelOutcome.CANCELLED, qj.CancelOutcome.REQUESTED}
        with pytest.raises(qj.JobCancelled):
            await running
        assert running.progress.done < 50
        made.queue.duration = 0
    async with serve(made) as url, client_of(url, policies=RARELY) as client:
        ended = await client.backend(GARNET).run(bell())
        assert last(made)[1].state is S.COMPLETED  # there; here nobody has looked yet
        assert await ended.cancel() is qj.CancelOutcome.TOO_LATE
        assert (await ended).counts == {"01": 1024}
        assert await ended.cancel() is qj.CancelOutcome.TOO_LATE
    assert made.requests["cancel"] == 3


async def test_async_timeout_is_kept_and_the_job_goes_on_or_is_cancelled_by_who_waited() -> None:
    made = emulator(queue=60)
    async with serve(made) as url, client_of(url) as client:
        job = await client.backend(GARNET).run(bell())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await job
        assert (job.state, last(made)[1].state) == (S.QUEUED, S.QUEUED)
        assert await job.cancel() is qj.CancelOutcome.CANCELLED
        assert last(made)[1].state is S.CANCELLED


async def test_async_place_in_the_queue_is_as_last_seen_or_as_it_is_now() -> None:
    made = emulator(queue=60)
    async with serve(made) as url, client_of(url, policies=RARELY) as client:
        jobs = [await client.backend(GARNET).run(bell()) for _ in range(2)]
        await jobs[0].cancel()
        assert jobs[1].queue_position == 1
        assert (await jobs[1].refresh()).queue_position == 0
        made.script.replace([Fault("status", operation="job", status=503)])
        with pytest.raises(qj.ProviderUnavailable):
            await jobs[1].refresh()


async def test_async_refusal_tells_the_servers_words() -> None:
    made = emulator(faults=[refused(422, "invalid_circuit", "too many shots")])
    async with serve(made) as url, client_of(url) as client:
        with pytest.raises(qj.JobRejected, match=r"too many shots \(invalid_circuit, request r-1\)"):
            await client.backend(GARNET).run(bell())
    assert not made.jobs
