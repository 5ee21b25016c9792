"""Runs in the vendor's environment: waits through pyqpanda3 in an asyncio program. `URL` and `KEY` are in the environment.

`stall N`: submit N jobs, and wait for all of them as the vendor's users do, in threads; the loop's longest stall and all
of the wait, in seconds. `wait`: submit a job and wait for it, until SIGINT. `hung`: submit, and look once at a job.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import suppress

from pyqpanda3.intermediate_compiler import convert_originir_string_to_qprog
from pyqpanda3.qcloud import QCloudService

BELL = "QINIT 2\nCREG 2\nH q[0]\nCNOT q[0],q[1]\nMEASURE q[0],c[0]\nMEASURE q[1],c[1]\n"
BACKEND = QCloudService(os.environ["KEY"], os.environ["URL"]).backend("full_amplitude")


def submitted():
    return BACKEND.run(convert_originir_string_to_qprog(BELL), 10)


async def stall(number: int) -> None:
    jobs = [submitted() for _ in range(number)]
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
    results = await asyncio.gather(*(asyncio.to_thread(job.result) for job in jobs))
    whole = time.perf_counter() - began
    ticker.cancel()
    counts = [sum(one.get_counts().values()) for one in results]
    print(json.dumps({"longest": longest, "whole": whole, "good": counts == [10] * number}), flush=True)


def main() -> None:
    if sys.argv[1] == "stall":
        asyncio.run(stall(int(sys.argv[2])))
        return
    job = submitted()
    print(json.dumps({"submitted": job.job_id()}), flush=True)
    try:
        if sys.argv[1] == "hung":
            began = time.perf_counter()
            with suppress(RuntimeError):
                job.status()
            print(json.dumps({"frozen": time.perf_counter() - began}), flush=True)
        else:
            job.result()
    except KeyboardInterrupt:
        print(json.dumps({"ended": time.time()}), flush=True)


if __name__ == "__main__":
    main()
