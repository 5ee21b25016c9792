"""Runs in the vendor's environment: waits through amazon-braket-sdk in an asyncio program, as its users write them.

`gather N`: one task, and then N that are awaited together by `async_result`: seconds from the first request to the last
result, and the loop's longest stall meanwhile. `queued N`: N tasks, each made and waited for in a thread: when its result
was there, in seconds since the epoch. `quiet N`: likewise, and the SDK asks for no places in the queue. They look once a second, as the SDK does by itself unless a device says otherwise.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
import warnings
from typing import Any

warnings.simplefilter("ignore")
from braket.aws import AwsDevice  # noqa: E402 - it warns when it is imported
from braket.ir.openqasm import Program  # noqa: E402 - as above

logging.disable(logging.CRITICAL)
SECOND = 1.0
BELL = Program(
    source="OPENQASM 3.0;\nbit[2] b;\nqubit[2] q;\nh q[0];\ncnot q[0], q[1];\nb[0] = measure q[0];\nb[1] = measure q[1];"
)
DEVICE = AwsDevice("arn:aws:braket:::device/quantum-simulator/amazon/sv1")


def started(**more: Any) -> Any:
    return DEVICE.run(BELL, shots=10, poll_interval_seconds=SECOND, **more)


async def together(number: int) -> bool:
    tasks = [started() for _ in range(number)]
    results = await asyncio.gather(*(task.async_result() for task in tasks))
    return [sum(one.measurement_counts.values()) for one in results] == [10] * number


async def gather(number: int) -> dict[str, Any]:
    await together(1)  # whatever is made only once
    longest = stalled = 0.0

    async def tick() -> None:
        nonlocal longest, stalled
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            late = time.perf_counter() - before - 0.001
            longest, stalled = max(longest, late), stalled + late * (late > 0.02)

    began = time.perf_counter()
    good = await together(1)
    one = time.perf_counter() - began
    ticker = asyncio.create_task(tick())
    await asyncio.sleep(0.01)
    began = time.perf_counter()
    good = await together(number) and good
    whole = time.perf_counter() - began
    await asyncio.sleep(0)  # the last stall is told, too
    ticker.cancel()
    return {"one": one, "all": whole, "longest": longest, "stalled": stalled, "good": good}


async def queued(number: int, **more: Any) -> dict[str, Any]:
    def waited() -> tuple[str, float]:
        task = started(**more)
        assert sum(task.result().measurement_counts.values()) == 10
        return task.id, time.time()

    return {"seen": dict(await asyncio.gather(*(asyncio.to_thread(waited) for _ in range(number))))}


async def quiet(number: int) -> dict[str, Any]:
    return await queued(number, quiet=True)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(globals()[sys.argv[1]](int(sys.argv[2])))), flush=True)
