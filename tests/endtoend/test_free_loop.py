"""While a big circuit is simulated the event loop has nothing to do with it: no stall, deadlines hold, cancel ends it."""

from __future__ import annotations

import asyncio
import json
import os
import time

import pytest

import quantumjobs as qj
from tests.endtoend.helpers import VOLUME, Program, busiest_worker, cpu, needs_proc, volume

pytestmark = needs_proc

# The gaps between two turns of the loop, by phase. `idle` is a loop in a process of its own: ten times a second it does
# some 15 ms of work, like serialising a large circuit, so that a slow or loaded machine shows in it as it does in ours.
WATCH = """
import asyncio, json, sys, time
worst, phase = {}, "idle"
async def watch():
    while True:
        here, begun = phase, time.monotonic()
        await asyncio.sleep(0.005)
        for name in {here, phase}:  # a gap in which a phase begins is of both
            worst[name] = max(worst.get(name, 0.0), time.monotonic() - begun - 0.005)
def enter(name):
    global phase
    phase = name
"""
IDLE = f"""{WATCH}
async def work():
    while True:
        sum(range(1_000_000))
        await asyncio.sleep(0.1)
async def main():
    tasks = [asyncio.create_task(watch()), asyncio.create_task(work())]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    for task in tasks:
        task.cancel()
    print(json.dumps(worst))
asyncio.run(main())
"""
BUSY = f"""{WATCH}
async def main():
    watching = asyncio.create_task(watch())
    async with qj.Client() as client:
        aer = client.backend("aer")
        await client.backends()
        await asyncio.sleep(0.05)
        enter("submitting")
        job = await aer.run(heavy, shots=200)
        await running(job)
        enter("simulating")
        await asyncio.sleep(2)
        assert job.state == "running", job.state
        enter("cancelling")
        assert await job.cancel() == "cancelled"
        await asyncio.sleep(0.05)
        enter("leaving")
    await asyncio.sleep(0.05)
    watching.cancel()
    print(json.dumps(worst))
asyncio.run(main())
"""
FIRST = f"""{WATCH}
async def main():
    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.05)
    enter("starting")
    async with qj.Client() as client:
        await client.backends()
        await asyncio.sleep(0.05)
        enter("closing")
    await asyncio.sleep(0.05)
    watching.cancel()
    print(json.dumps(worst))
asyncio.run(main())
"""


def stalls(source: str, folder) -> tuple[dict[str, float], float]:
    """The loop's longest stalls in seconds, by phase, and the bound: three times what a loop saw beside it."""
    with (
        Program(IDLE, folder, how="-c", preamble="", warn="", listens=True) as idle,
        Program(source, folder, how="-c", preamble=VOLUME) as busy,
    ):
        seen = json.loads(busy.finish())
        idle.process.stdin.close()
        idle.process.stdin = None
        beside = json.loads(idle.finish())["idle"]
    seen.pop("idle", None)
    return seen, max(0.050, 3 * beside)


@pytest.mark.alone
@pytest.mark.parametrize("source", [BUSY, FIRST], ids=["a heavy simulation", "the first client of a program"])
def test_the_loop_never_stalls(tmp_path, source):
    tries = []
    for _ in range(3):  # what the machine does to one process and not to its neighbour does not happen three times
        seen, bound = stalls(source, tmp_path)
        tries.append((bound, seen))
        if max(seen.values()) < bound:
            return
    raise AssertionError(f"(bound, stalls by phase), in seconds: {tries}")


@pytest.mark.alone
def test_a_deadline_holds_and_a_cancel_ends_the_cpu_use(tmp_path):
    source = """
    async def main():
        async with qj.Client() as client:
            job = await client.backend("aer").run(heavy, shots=200)
            await running(job)
            say("running")
            late = []
            for _ in range(3):
                begun = time.monotonic()
                try:
                    async with asyncio.timeout(0.1):
                        await job.result()
                except TimeoutError:
                    late.append(time.monotonic() - begun - 0.1)
            say("late", json.dumps(late))
            await asyncio.sleep(0.9)
            say("state", job.state)
            begun = time.monotonic()
            outcome = await job.cancel()
            say("cancelled", json.dumps([outcome, job.state, time.monotonic() - begun]))
            await asyncio.sleep(2)
            try:
                await job
            except qj.JobCancelled as error:
                say("told", error.job is job)
    asyncio.run(main())
    """
    with Program(source, tmp_path, how="-c", preamble=VOLUME) as program:
        program.until("running")
        late = json.loads(program.until("late"))
        assert len(late) == 3
        assert min(late) < 0.2
        # The job goes on: it is using its cores, and says so.
        assert program.cpu_within(0.5) > 0.2
        assert program.until("state") == "running"
        outcome, state, took = json.loads(program.until("cancelled"))
        begun = time.monotonic()
        assert (outcome, state) == ("cancelled", "cancelled")
        assert took < 1
        time.sleep(max(0.0, 0.9 - (time.monotonic() - begun)))
        assert program.cpu_within(0.6) < 0.1
        assert program.until("told") == "True"
        assert program.finish() == ""


@pytest.mark.real_time
async def test_a_time_limit_ends_the_simulation():
    async with qj.Client() as client:
        begun = time.time()
        job = await client.backend("aer").run(volume(20, 200), shots=10, time_limit=1)
        worker = await busiest_worker(os.getpid())
        with pytest.raises(qj.JobFailed, match=r"time_limit=1 s"):
            async with asyncio.timeout(5):
                await job
        over = time.monotonic()
        while cpu(worker) is not None:
            assert time.monotonic() - over < 1
            await asyncio.sleep(0.01)
        # "running" is when the client heard of it, a moment after the limit began to count.
        assert job.timeline["failed"] - begun >= 1.0
        assert job.timeline["failed"] - job.timeline["running"] < 3
