"""The counterpart of vendor_waits.py, run by the Python of this project: the same waits, awaited.

`stall N`: the loop's longest stall while N jobs are awaited, and all of the wait, in seconds. `wait`: until SIGINT.
`blocking`: likewise, without async. `hung N`: look at N jobs, one of which the server never answers, and say how long each took.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

import quantumjobs as qj
from quantumjobs import blocking
from quantumjobs.wire import Deadlines

BELL = "QINIT 2\nCREG 2\nH q[0]\nCNOT q[0],q[1]\nMEASURE q[0],c[0]\nMEASURE q[1],c[1]\n"
ADDRESS = "originq/full_amplitude"
DEADLINE = 2.0
"""Seconds for an attempt, of `hung`."""


def settings(**more: Any) -> dict[str, Any]:
    return {
        "ledger": "memory",
        "providers": {"originq": {"url": os.environ["URL"], "api_key": os.environ["KEY"], **more}},
    }


def told(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


async def stall(number: int) -> None:
    async with qj.Client(**settings()) as client:
        backend = client.backend(ADDRESS)
        jobs = await asyncio.gather(*(backend.run(BELL, shots=10) for _ in range(number)))
        longest = 0.0

        async def tick() -> None:
            nonlocal longest
            while True:
                before = time.perf_counter()
                await asyncio.sleep(0.001)
                longest = max(longest, time.perf_counter() - before - 0.001)

        ticker = asyncio.create_task(tick())
        await asyncio.sleep(0.01)
        began = time.perf_counter()
        results = await asyncio.gather(*jobs)
        counts = [sum(one.counts.values()) for one in results]
        whole = time.perf_counter() - began
        ticker.cancel()
    told(longest=longest, whole=whole, good=counts == [10] * number)


async def wait() -> None:
    async with qj.Client(**settings()) as client:
        job = await client.backend(ADDRESS).run(BELL, shots=10)
        told(submitted=job.remote_id)
        try:
            await job
        except asyncio.CancelledError:  # asyncio.run turns SIGINT into this, and raises KeyboardInterrupt in the end
            told(ended=time.time())
            raise


def wait_blocking() -> None:
    client = blocking.Client(**settings())
    job = client.backend(ADDRESS).run(BELL, shots=10)
    told(submitted=job.remote_id)
    try:
        job.result()
    except KeyboardInterrupt:
        told(ended=time.time())
        raise


async def hung(number: int) -> None:
    deadlines = Deadlines(silence=DEADLINE, total=DEADLINE)
    async with qj.Client(**settings(deadlines=deadlines)) as client:
        jobs = [await client.backend(ADDRESS).run(BELL, shots=10) for _ in range(number)]
        told(submitted=jobs[0].remote_id)
        began = time.perf_counter()

        async def timed(job: qj.Job) -> float:
            await job
            return time.perf_counter() - began

        told(took=sorted(await asyncio.gather(*map(timed, jobs))))


def main() -> None:
    match sys.argv[1:]:
        case ["stall", number]:
            asyncio.run(stall(int(number)))
        case ["hung", number]:
            asyncio.run(hung(int(number)))
        case ["wait"]:
            asyncio.run(wait())
        case ["blocking"]:
            wait_blocking()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
