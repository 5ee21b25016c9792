"""What does a blocking call cost beyond carrying a coroutine into a loop that runs in another thread?

The baseline is `asyncio.run_coroutine_threadsafe(coroutine, loop).result()` with the same coroutine, on the same loop.
The call is one that does nothing but look into the ledger in memory, so that all of the difference is ours. Time on the
wall: the caller waits, whoever works. A finished job answers without the loop.

Then 32 threads ask for 1,000 results of jobs that run meanwhile.

Targets: a call at most 1.2x, the result of a finished job at most 2 us; the threads change no count of threads.
"""

from __future__ import annotations

import asyncio
import threading
import time
import timeit
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from measure import BELL, Bench, alternate, median, ratio

from quantumjobs.blocking import Client
from quantumjobs.core.states import Fetch
from quantumjobs.testing import FakeProvider

THREADS = 32
CALLS = 1000


def seconds(call: Callable[[], object], times: int) -> float:
    """Per call."""
    return timeit.timeit(call, number=times) / times


def crowd(client: Client, fake: FakeProvider) -> tuple[int, int, float]:
    """Fetches per job, threads that came besides the callers, and seconds."""
    backend = client.backend("fake/sim")
    jobs = [backend.run(BELL) for _ in range(CALLS // 20)]
    before, most, fetched = threading.active_count(), 0, fake.calls["fetch"]
    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        asked = [pool.submit(jobs[number % len(jobs)].result) for number in range(CALLS)]
        while not all(one.done() for one in asked):
            most = max(most, threading.active_count())
            time.sleep(0.005)
        for one in asked:
            one.result()
        took = time.perf_counter() - began
    return (fake.calls["fetch"] - fetched) // len(jobs), most - before - THREADS, took


def main() -> None:
    bench = Bench(__doc__)
    options = bench.parse()
    rounds, times = (5, 200) if options.quick else (21, 1_000)
    fake = FakeProvider(running=0.5, fetch=Fetch.LAZY, min_interval=0.05)
    with Client(providers={"fake": fake}) as client:
        job = client.backend("fake/sim").run(BELL)
        result = job.result()
        twin, loop = client._twin, client._bridge.portal.loop
        by_hand, ours = alternate(
            rounds,
            lambda: seconds(lambda: asyncio.run_coroutine_threadsafe(twin.job(job.id), loop).result(), times),
            lambda: seconds(lambda: client.job(job.id), times),
        )
        bench.figure("a blocking call", 1e6 * median(ours), " us")
        bench.figure("the same by run_coroutine_threadsafe", 1e6 * median(by_hand), " us")
        bench.figure("ratio", ratio(ours, by_hand), "x", most=1.2)
        assert job.result() is result
        finished = median(seconds(job.result, 20 * times) for _ in range(rounds))
        bench.figure("result() of a finished job", 1e6 * finished, " us", most=2)
        fetches, more, took = crowd(client, fake)
        print(f"  {CALLS:,} results from {THREADS} threads: {took:.2f} s")
        bench.figure("  fetches per job", fetches, most=1)
        bench.figure("  threads besides the callers", more, most=0)
    bench.end()


if __name__ == "__main__":
    main()
