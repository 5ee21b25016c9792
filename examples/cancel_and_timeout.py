"""Deadlines are asyncio's own. A timeout ends the wait and not the job; to end the job, cancel it."""

import asyncio

import quantumjobs as qj

LAYER = "".join(f"rx(0.1) q[{i}]; cx q[{i}], q[{i + 1}];" for i in range(22))
HEAVY = f'OPENQASM 2.0; include "qelib1.inc"; qreg q[23]; creg c[23]; {LAYER * 200} measure q -> c;'


async def main() -> None:
    async with qj.Client() as client:
        job = await client.backend("aer").run(HEAVY)
        try:
            async with asyncio.timeout(0.5):
                await job
        except TimeoutError:
            print("no result after half a second; the job is", job.state)
        outcome = await job.cancel()
        print("cancel:", outcome)
        try:
            await job
        except qj.JobCancelled as error:
            print("awaiting it now raises:", type(error).__name__)
        print("state:", job.state)


asyncio.run(main())
