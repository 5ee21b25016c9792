"""Clients come and go, in one loop or several: each has its jobs, all share the workers."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time

import pytest

import quantumjobs as qj
from quantumjobs.workers.surroundings import cores
from tests.endtoend.helpers import Program, busiest_worker, children, counts_of, cpu, fixed, needs_proc, volume


@needs_proc
@pytest.mark.real_time
async def test_leaving_the_client_cancels_what_runs_and_frees_the_cpu():
    async with qj.Client() as client:
        aer = client.backend("aer")
        jobs = [await aer.run(volume(20, 200, seed), shots=10) for seed in range(3)]
        worker = await busiest_worker(os.getpid())
        waiter = asyncio.create_task(jobs[1].result())
        await asyncio.sleep(0)  # it waits
    left = time.monotonic()
    while cpu(worker) is not None:
        assert time.monotonic() - left < 1
        await asyncio.sleep(0.01)
    assert [str(job.state) for job in jobs] == ["cancelled"] * 3
    with pytest.raises(qj.JobCancelled):
        await waiter
    with pytest.raises(qj.JobCancelled):
        await jobs[0]
    with pytest.raises(qj.UsageError, match="closed"):
        await aer.run(fixed(1))


@pytest.mark.real_time
async def test_a_large_circuit_is_accepted_while_every_core_simulates():
    large = volume(20, 300)  # more than a megabyte when it is serialised
    async with qj.Client() as client:
        aer = client.backend("aer")
        busy = [await aer.run(volume(20, 200), shots=10) for _ in range(cores())]
        async with asyncio.timeout(3):
            job = await aer.run(large, shots=10)
        assert not any(each.done() for each in busy)
        assert job.state in ("queued", "running")


@pytest.mark.real_time
async def test_two_clients_in_one_loop_do_not_hurt_each_other():
    async with qj.Client() as first:
        job = await first.backend("aer").run(volume(20, 15), shots=10)
        async with qj.Client() as second:
            small = await second.backend("aer").run(fixed(3), shots=4)
            assert (await small).counts == counts_of(3, 4)
            assert [each.id for each in await first.jobs()] == [small.id, job.id]  # one ledger, two owners
            assert [each.id for each in await second.jobs()] == [small.id, job.id]
            heavy = await second.backend("aer").run(volume(20, 400), shots=4)
        assert heavy.state == "cancelled"
        assert (await job)[0].shots == 10
        assert (await small).counts == counts_of(3, 4)  # a result outlives its client


def in_threads(number: int, jobs: int) -> dict[int, object]:
    """What the jobs of so many loops gave, each loop in a thread of its own."""
    found: dict[int, object] = {}

    def work(loop: int) -> None:
        async def main():
            async with qj.Client() as client:
                aer = client.backend("aer")
                made = await asyncio.gather(*(aer.run(fixed(loop * jobs + value), shots=2) for value in range(jobs)))
                return [result.counts for result in await asyncio.gather(*made)]

        try:
            found[loop] = asyncio.run(main())
        except BaseException as error:
            found[loop] = error

    threads = [threading.Thread(target=work, args=(loop,)) for loop in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    return found


def test_two_loops_in_two_threads():
    assert in_threads(2, 30) == {loop: [counts_of(loop * 30 + value, 2) for value in range(30)] for loop in range(2)}


@needs_proc
def test_calls_that_all_seem_long_do_not_wear_out_the_workers(monkeypatch):
    """So it is on a machine that does much else: each call is promoted, and none of them costs a process."""
    monkeypatch.setattr("quantumjobs.workers.crew._LONG", 0.05)
    monkeypatch.setattr("quantumjobs.workers.crew._LONG_AT_FIRST", 0.05)
    in_threads(1, 2)  # the fork server is there
    others = {worker for server in children(os.getpid()) for worker in children(server)}  # of loops that have ended
    seen: set[int] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.03):
            for server in children(os.getpid()):
                seen.update(children(server))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        found = in_threads(8, 30)
    finally:
        over.set()
        watching.join()
    assert found == {loop: [counts_of(loop * 30 + value, 2) for value in range(30)] for loop in range(8)}
    assert len(seen - others) <= 8 * (
        cores() + max(4, 2 * cores())
    )  # as many as there may be at a time, warm and promoted


def test_a_client_of_another_loop_is_refused():
    client = qj.Client()

    async def use():
        return await (await client.backend("aer").run(fixed(1), shots=2))

    async def close():
        await client.aclose()

    with asyncio.Runner() as runner:
        assert runner.run(use()).counts == counts_of(1, 2)
        with pytest.raises(qj.UsageError, match="loop"):
            asyncio.run(use())
        runner.run(close())


@needs_proc
def test_one_run_after_the_other_reuses_the_workers(tmp_path):
    source = """
    from pathlib import Path
    def family():
        mark, found = os.environ["QUANTUMJOBS_TEST_MARK"].encode(), set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if mark in (entry / "environ").read_bytes():
                        found.add(int(entry.name))
                except OSError:
                    pass
        return found
    async def main():
        async with qj.Client() as client:
            jobs = [await client.backend("aer").run(bell, shots=10) for _ in range(4)]
            assert [sum(result.counts.values()) for result in await asyncio.gather(*jobs)] == [10] * 4
    def settled():
        return len(seen) > 1 and seen[-1][1] <= seen[-2][1] and len(seen[-1][1]) <= MOST
    seen = []
    while not settled() and len(seen) < 12:
        begun = time.perf_counter()
        asyncio.run(main())
        seen.append((time.perf_counter() - begun, family()))
    say(json.dumps([[took for took, _ in seen], len(seen[-1][1] - seen[-2][1]), len(seen[-1][1])]))
    """
    most = 2 + cores()  # the program, its fork server, the workers
    with Program(source.replace("MOST", str(most)), tmp_path) as program:
        took, new, processes = json.loads(program.finish())
    # A machine that stalls may cost a worker, but not in each run.
    assert (new, processes <= most) == (0, True), (new, processes)
    assert took[-1] < took[0] / 2, took  # the first one started them
