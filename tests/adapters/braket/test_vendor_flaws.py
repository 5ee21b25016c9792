"""What Amazon Braket's own SDK gets wrong with tasks (amazon-braket-sdk 1.127.5), and how it goes here.

What it does is shown in tests/oracles/braket/test_client.py; how long it stalls a loop, and how many requests it sends, is
measured in benchmarks/oracle_braket.py.
"""

from __future__ import annotations

import asyncio
import json
import time

import pytest

import quantumjobs as qj
from quantumjobs.core.schedule import Pace
from quantumjobs.core.states import CancelOutcome
from quantumjobs.core.states import JobState as S
from quantumjobs.engine.policies import Policy
from quantumjobs.testing.emulators import BraketEmulator, Fault, serve
from tests.adapters.braket.helpers import GHZ, client_of, flipped

pytestmark = pytest.mark.real_time
SV1, GARNET = "braket/sv1", "braket/Garnet"
HELD = 600.0
"""Seconds for which a task waits that is not to end by itself."""
TEXT = "OPENQASM 3.0;\nbit[1] b;\nqubit[1] q;\nx q[0];\nb[0] = measure q[0];\n"
EVERY = 0.25
"""Seconds between two looks, where these are counted."""
STEADY = {"braket": Policy(pace=Pace(first=EVERY, at_least=EVERY, at_most=EVERY))}


# --- waits ----------------------------------------------------------------------------------------
async def test_a_wait_that_timed_out_is_awaited_again_and_returns_the_result():
    """There the second wait raises CancelledError, for ever."""
    async with serve(BraketEmulator(results="zeros", queue=1.0)) as url, client_of(url) as client:
        job = await client.backend(SV1).run(GHZ, shots=5)
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(job.result(), 0.1)
        assert (await asyncio.wait_for(job.result(), 20)).counts == {"000": 5}
        assert (await job).counts == {"000": 5}


async def test_one_who_gives_up_takes_nothing_from_the_others():
    """There all who wait for a task share one future, which the first timeout cancels."""
    async with serve(BraketEmulator(results="zeros", queue=1.0)) as url, client_of(url) as client:
        job = await client.backend(SV1).run(GHZ, shots=5)
        patient = asyncio.create_task(job.result())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(job.result(), 0.1)
        assert (await patient).counts == {"000": 5}


async def test_a_look_is_one_request_and_after_the_end_there_is_none():
    """There each tick is two requests while the task is queued, and the end is one more, for an event."""
    emulator = BraketEmulator(results="zeros", queue=1.5)
    async with serve(emulator) as url, client_of(url, policies=STEADY) as client:
        job = await client.backend(SV1).run(GHZ, shots=5)
        began = time.monotonic()
        await job
        waited, looks = time.monotonic() - began, emulator.requests["poll"]
        await job.wait()
        assert (await job).counts == {"000": 5}
    assert looks <= waited / EVERY + 2
    assert emulator.requests["poll"] == looks
    assert emulator.requests["fetch"] == 1


# --- ends -----------------------------------------------------------------------------------------
async def test_failed_and_cancelled_tasks_raise_and_so_does_a_deadline():
    """There all three are None."""
    async with serve(BraketEmulator(queue=HELD)) as url, client_of(url) as client:
        job = await client.backend(SV1).run(GHZ, shots=5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(job.result(), 0.1)
        assert job.state is S.QUEUED
        await job.cancel()
        with pytest.raises(qj.JobCancelled):
            await job
    fails = [Fault("fail", operation="submit", body="the fridge is warm")]
    async with serve(BraketEmulator(faults=fails)) as url, client_of(url) as client:
        job = await client.backend(SV1).run(GHZ, shots=5)
        with pytest.raises(qj.JobFailed, match="the fridge is warm"):
            await job


async def test_a_batch_that_is_slow_is_not_sent_again():
    """There three tasks become twelve, and all of them are billed."""
    emulator = BraketEmulator(results="zeros", queue=HELD)
    async with serve(emulator) as url, client_of(url) as client:
        jobs = [await client.backend(SV1).run(GHZ, shots=5) for _ in range(3)]
        for _ in range(4):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await asyncio.gather(*(job.result() for job in jobs))
        assert len(emulator.jobs) == emulator.requests["submit"] == 3
        assert [job.state for job in jobs] == [S.QUEUED] * 3


async def test_a_task_of_a_batch_that_failed_is_told_and_not_sent_again():
    """There it is sent up to three times more, and what it failed of is not said."""
    emulator = BraketEmulator(results="zeros", faults=[Fault("fail", operation="submit", at=2, body="no reason")])
    async with serve(emulator) as url, client_of(url) as client:
        jobs = [await client.backend(SV1).run(GHZ, shots=5) for _ in range(3)]
        first, failed, last = await asyncio.gather(*(job.result() for job in jobs), return_exceptions=True)
    assert isinstance(failed, qj.JobFailed)
    assert [one.counts for one in (first, last) if isinstance(one, qj.Result)] == [{"000": 5}] * 2
    assert len(emulator.jobs) == 3


async def test_a_cancel_that_did_not_get_through_ends_no_wait():
    """There the wait is cancelled before the request is sent."""
    emulator = BraketEmulator(results="zeros", queue=1.0, faults=[Fault("status", operation="cancel", status=403)])
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(SV1).run(GHZ, shots=5)
        wait = asyncio.create_task(job.result())
        await asyncio.sleep(0)
        assert await job.cancel() is CancelOutcome.REFUSED
        assert (await wait).counts == {"000": 5}
    assert emulator.requests["cancel"] == 1


async def test_the_state_created_is_one_of_a_task_that_waits():
    """The vendor's provider for Qiskit raises KeyError there."""
    emulator = BraketEmulator(results="zeros", queue=HELD)
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(SV1).run(GHZ, shots=5)
        async for seen in job.events():
            if seen.raw_status == "CREATED":
                assert seen.state is S.QUEUED
                break
        await job.cancel()


# --- submissions ----------------------------------------------------------------------------------
async def test_a_submit_whose_answer_was_lost_is_sent_again_and_is_one_task():
    """There each call has a token of its own, so that whoever tries again has two tasks."""
    emulator = BraketEmulator(results="zeros", faults=[Fault("reset", operation="submit", after=True)])
    async with serve(emulator) as url, client_of(url) as client:
        assert (await (await client.backend(SV1).run(GHZ, shots=5))).counts == {"000": 5}
    assert emulator.requests["submit"] == 2
    assert len(emulator.jobs) == 1


async def test_what_is_asked_for_with_text_is_sent():
    """There disable_qubit_rewiring is dropped without a word where the program is text."""
    emulator = BraketEmulator(results="zeros")
    text = TEXT.replace("qubit[1] q;\n", "").replace("q[0]", "$1")
    async with serve(emulator) as url, client_of(url) as client:
        await (await client.backend(GARNET).run(text, shots=5, disable_qubit_rewiring=True))
    (job,) = emulator.jobs.values()
    assert json.loads(job.about.device_parameters)["paradigmParameters"]["disableQubitRewiring"] is True


# --- results --------------------------------------------------------------------------------------
async def test_the_parts_of_a_result_come_side_by_side_and_from_the_tasks_own_region():
    """There one follows the other, by a client of the default region that knows nothing of the caller's session."""
    emulator = BraketEmulator(results="10", spilled=True, latency=0.1)
    async with serve(emulator) as url, client_of(url) as client:  # in us-west-2, and Garnet is in eu-north-1
        job = await client.backend(GARNET).run([flipped(0, 0)] * 20, shots=5)
        began = time.monotonic()
        result = await job
        took = time.monotonic() - began
    assert [entry.counts for entry in result] == [{"01": 5}] * 20
    assert emulator.requests["fetch"] == 62
    assert took < 0.5 * 62 * emulator.latency


async def test_results_share_connections():
    """There each result has a new client, with a new connection."""
    emulator = BraketEmulator(results="zeros")
    async with serve(emulator) as url, client_of(url) as client:
        for _ in range(10):
            await (await client.backend(SV1).run(GHZ, shots=5))
    assert emulator.requests["fetch"] == 10
    assert emulator.connections < 10
