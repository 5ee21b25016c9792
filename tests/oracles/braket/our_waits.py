"""The counterpart of vendor_waits.py, run by the Python of this project: the same waits, awaited.

`gather N` and `queued N` likewise. `crowd N`: N tasks of a QPU are submitted and awaited, until the process is ended.
`again N`: N tasks are each given 0.3 s, four times over, and at last as long as they need.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

import quantumjobs as qj
from tests.oracles.braket import vendor

BELL = "OPENQASM 3.0;\nbit[2] b;\nqubit[2] q;\nh q[0];\ncnot q[0], q[1];\nb[0] = measure q[0];\nb[1] = measure q[1];"
SV1, GARNET = "braket/sv1", "braket/Garnet"


def client() -> qj.Client:
    """With everything as it is by itself."""
    return qj.Client(ledger="memory", providers={"braket": vendor.settings(os.environ["URL"])})


async def together(backend: qj.Backend, number: int) -> bool:
    async def one() -> qj.Result:
        return await (await backend.run(BELL, shots=10))

    results = await asyncio.gather(*(one() for _ in range(number)))
    return [sum(one.counts.values()) for one in results] == [10] * number


async def gather(number: int) -> dict[str, Any]:
    async with client() as ours:
        backend = ours.backend(SV1)
        await together(backend, 1)
        longest = stalled = 0.0

        async def tick() -> None:
            nonlocal longest, stalled
            while True:
                before = time.perf_counter()
                await asyncio.sleep(0.001)
                late = time.perf_counter() - before - 0.001
                longest, stalled = max(longest, late), stalled + late * (late > 0.02)

        began = time.perf_counter()
        good = await together(backend, 1)
        one = time.perf_counter() - began
        ticker = asyncio.create_task(tick())
        await asyncio.sleep(0.01)
        began = time.perf_counter()
        good = await together(backend, number) and good
        whole = time.perf_counter() - began
        await asyncio.sleep(0)
        ticker.cancel()
    return {"one": one, "all": whole, "longest": longest, "stalled": stalled, "good": good}


async def queued(number: int) -> dict[str, Any]:
    async with client() as ours:

        async def waited() -> tuple[str, float]:
            job = await ours.backend(SV1).run(BELL, shots=10)
            assert sum((await job).counts.values()) == 10
            return job.remote_id or "", time.time()

        return {"seen": dict(await asyncio.gather(*(waited() for _ in range(number))))}


async def crowd(number: int) -> None:
    async with client() as ours:
        backend = ours.backend(GARNET)
        jobs = await asyncio.gather(*(backend.run(BELL, shots=10) for _ in range(number)))
        print(json.dumps({"submitted": len(jobs)}), flush=True)
        await asyncio.gather(*(job.result() for job in jobs))


async def again(number: int) -> dict[str, Any]:
    timeouts = 0
    async with client() as ours:
        jobs = [await ours.backend(SV1).run(BELL, shots=10) for _ in range(number)]
        for _ in range(4):
            try:
                async with asyncio.timeout(0.3):
                    await asyncio.gather(*(job.result() for job in jobs))
            except TimeoutError:
                timeouts += 1
        results = await asyncio.gather(*(job.result() for job in jobs))
    return {"timeouts": timeouts, "results": sum(sum(one.counts.values()) == 10 for one in results)}


if __name__ == "__main__":
    found = asyncio.run(globals()[sys.argv[1]](int(sys.argv[2])))
    print(json.dumps(found), flush=True)
