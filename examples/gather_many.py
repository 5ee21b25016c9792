"""Many circuits at once: take each result as it comes, and decide on it what to run next.

Rotations of a qubit by several angles; wherever |1> is measured in about half of the shots, a closer look is added to
the jobs that are waited for.
"""

import asyncio

import quantumjobs as qj


def rotation(angle: float) -> str:
    return f'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; rx({angle}) q[0]; measure q -> c;'


async def main() -> None:
    async with qj.Client() as client:
        aer = client.backend("aer")
        angles = [step * 0.4 for step in range(9)]
        started = await asyncio.gather(*(aer.run(rotation(angle), shots=200, name=f"{angle:.2f}") for angle in angles))
        jobs = qj.as_completed(started)
        looked, closer = 0, 0
        async for job in jobs:
            result = await job  # at once: it has ended
            share = result.probabilities.get("1", 0.0)
            looked += 1
            print(f"angle {job.name}: {share:.2f} of {result[0].shots} shots")
            if 0.3 < share < 0.7 and result[0].shots < 1000:
                jobs.add(await aer.run(rotation(float(job.name or 0)), shots=5000, name=job.name))
                closer += 1
        print(f"{looked} jobs, {closer} of them a closer look")


asyncio.run(main())
