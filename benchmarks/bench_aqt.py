"""What do 1,000 jobs in AQT's cloud cost a program, and how long do they take?

AQT's emulator runs in a process of its own and answers every request after 50 ms. First 1,000 jobs are submitted and
gathered at once, with scripted results, no queue and circuits converted beforehand; baselines are the shortest time that
32 requests at a time can take (requests x 50 ms / 32), and a loop by hand over the same requests, with a semaphore and
httpx over aiohttp. Then 1,000 jobs take their whole way, circuits and results in workers, while a ticker keeps the loop's
longest delay, and another ticker in an idle process beside it does the same: what it sees is the machine's.

Targets: 1.5x of the longer baseline; a stall under 50 ms, or twice the idle process's where that is longer; as many
threads with 1,000 jobs as with 100.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import httpx
import msgspec
from bench_stall import ticking
from httpx_aiohttp import AiohttpTransport
from measure import BELL, Bench

from quantumjobs import Client
from quantumjobs.abc import Circuit, Part, Prepared, Request
from quantumjobs.adapters.aqt import AqtProvider, settings
from quantumjobs.adapters.aqt.codec import AqtCodec
from quantumjobs.adapters.aqt.messages import About

LATENCY = 0.05
AT_ONCE = 32
TOKEN = "benchmark"
BACKEND = "ws/simulator_noise"
IDLE = """
import asyncio, sys, time
async def main():
    worst = 0.0
    reading = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    while not reading.done():
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        worst = max(worst, time.perf_counter() - before - 0.001)
    print(worst)
asyncio.run(main())
"""


class Converted(AqtProvider):
    """Its circuits, all the same, were converted beforehand. Results are decoded in workers, as ever."""

    def __init__(self, url: str, part: Part) -> None:
        super().__init__(settings.read({"url": url, "token": TOKEN, "load_dotenv": False}))
        codec: Any = self._codec
        codec.inline = frozenset({"prepare"})
        codec.prepare = lambda request, about, *, seed: Prepared(parts=(part,))


def convert() -> Part:
    about = msgspec.json.encode(About(workspace="ws", resource="simulator_noise", qubits=20))
    request = Request(backend=BACKEND, circuits=(Circuit("qasm", BELL.encode()),), shots=100)
    (part,) = AqtCodec().prepare(request, about, seed=1).parts
    return part


@contextmanager
def emulator() -> Iterator[str]:
    words = ("-m", "quantumjobs.cli", "emulate", "aqt", "--port=0", f"--latency={LATENCY}", "--results=zeros")
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait()


def requests_of(url: str) -> int:
    return sum(json.loads(httpx.get(f"{url}/_emulator/stats").content)["requests"].values())


async def gathered(url: str, jobs: int, part: Part) -> tuple[float, int]:
    """Seconds for so many jobs, and requests made."""
    async with Client(ledger="memory", providers={"aqt": Converted(url, part)}) as client:
        backend = client.backend(f"aqt/{BACKEND}")
        await (await backend.run(BELL, shots=100))  # connections, workers and the description are there
        before = requests_of(url)
        began = time.perf_counter()
        results = await asyncio.gather(*[one(backend) for _ in range(jobs)])
        seconds = time.perf_counter() - began
        assert all(result.counts == {"00": 100} for result in results)
        return seconds, requests_of(url) - before


async def one(backend):
    return await (await backend.run(BELL, shots=100))


async def by_hand(url: str, jobs: int, payload: bytes) -> tuple[float, int]:
    gate = asyncio.Semaphore(AT_ONCE)
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    async with httpx.AsyncClient(transport=AiohttpTransport(), base_url=url, headers=headers) as client:

        async def job() -> int:
            async with gate:
                told = json.loads((await client.post(f"/api/v1/submit/{BACKEND}", content=payload)).content)
            while True:
                async with gate:
                    path = f"/api/v1/result/{told['job']['job_id']}"
                    response = json.loads((await client.get(path)).content)["response"]
                if response["status"] == "finished":
                    return len(response["result"]["0"])
                await asyncio.sleep(0.25)

        await job()
        before = requests_of(url)
        began = time.perf_counter()
        shots = await asyncio.gather(*[job() for _ in range(jobs)])
        seconds = time.perf_counter() - began
    assert set(shots) == {100}
    return seconds, requests_of(url) - before


async def whole_way(url: str, jobs: int) -> tuple[float, float, int]:
    """The longest stalls, here and in an idle process, and the most threads."""
    most = 0
    idle = await asyncio.create_subprocess_exec(
        sys.executable, "-c", IDLE, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    async with Client(ledger="memory", providers={"aqt": {"url": url, "token": TOKEN}}) as client:
        backend = client.backend(f"aqt/{BACKEND}")
        await one(backend)
        # Qiskit, which converted the circuit beforehand, is in this process; a program of jobs need not have it. A full
        # collection that walks over it takes 90 ms.
        gc.collect()
        gc.freeze()
        async with ticking() as ticker:
            running = asyncio.gather(*[one(backend) for _ in range(jobs)])
            while not running.done():
                most = max(most, threading.active_count())
                await asyncio.sleep(0.02)
            await running
    gc.unfreeze()
    told, _ = await idle.communicate(b"\n")
    return ticker.longest, float(told), most


def main() -> None:
    bench = Bench(__doc__)
    options = bench.parse()
    jobs, rounds = (200, 1) if options.quick else (1000, 3)
    part = convert()
    ours, hand, ideal = [], [], []
    with emulator() as url:
        for _ in range(rounds):
            seconds, requests = asyncio.run(gathered(url, jobs, part))
            ours.append(seconds)
            ideal.append(requests * LATENCY / AT_ONCE)
            hand.append(asyncio.run(by_hand(url, jobs, part.payload))[0])
        bench.figure(f"{jobs} jobs, by hand", median(hand), " s")
        bench.figure("requests x latency / concurrency", median(ideal), " s")
        bench.figure(f"{jobs} jobs, gathered", median(ours), " s")
        longer = [max(pair) for pair in zip(hand, ideal, strict=True)]
        bench.figure("against the longer", median(a / b for a, b in zip(ours, longer, strict=True)), "x", most=1.5)
        few = asyncio.run(whole_way(url, 100))[2]
        many = [asyncio.run(whole_way(url, jobs)) for _ in range(1 if options.quick else 7)]
        bench.figure("longest stall of an idle loop beside", 1e3 * median(idle for _, idle, _ in many), " ms")
        bound = 1e3 * max(0.05, 2 * median(idle for _, idle, _ in many))
        bench.figure("longest stall, the whole way", 1e3 * median(mine for mine, _, _ in many), " ms", most=bound)
        bench.figure("threads with 100 jobs", few)
        bench.figure(f"threads with {jobs} jobs", max(most for _, _, most in many), most=few + 1)
    bench.end()


if __name__ == "__main__":
    main()
