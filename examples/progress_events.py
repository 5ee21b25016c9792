"""A job's life as a stream of events: what every progress bar is made of."""

import asyncio
import sys

import quantumjobs as qj
from quantumjobs.display import Following, counts_chart, progress_lines

# Many circuits in one job: the simulator runs them part by part, so there is progress to be seen.
CIRCUITS = [
    f"OPENQASM 3.0; include 'stdgates.inc'; qubit[10] q; bit[10] c; rx({step / 50}) q; c = measure q;"
    for step in range(150)
]


async def main() -> None:
    loop = asyncio.get_running_loop()
    async with qj.Client() as client:
        began = loop.time()
        job = await client.backend("aer").run(CIRCUITS, shots=500, seed=1)
        async for snapshot in job.events():
            for line in progress_lines([Following.of("sweep", loop.time() - began, snapshot)], unicode=False):
                print(line, file=sys.stderr)
        result = await job
        print(f"{len(result)} circuits, {sum(one.shots for one in result)} shots")
        print(counts_chart(result[75].counts, width=60, top=5, unicode=False))


asyncio.run(main())
