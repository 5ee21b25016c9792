"""A hybrid job: a variational loop that runs as a program of its own, followed by its log, its metrics and its result.

With `local=True` it is a process of this machine and needs no account; `minimum.with_options(local=False)` runs at
Amazon Braket. Either way it goes on when this program ends, and is found again with `client.job(job.id)`.
"""

import asyncio
from math import cos, pi, sin

import quantumjobs as qj
from quantumjobs import hybrid


def energy(first: float, second: float) -> float:
    """Of Z0 Z1 + (X0 + X1) / 2 after ry(first) and ry(second); in yours, a circuit is run for it."""
    return cos(first) * cos(second) + (sin(first) + sin(second)) / 2


@hybrid.program("braket/sv1", local=True, max_runtime=60)
def minimum(angles: list[float], steps: int = 20) -> dict:
    print("starts at", angles, "inside a job:", hybrid.inside())
    first, second = angles
    for step in range(steps):
        hybrid.log_metric("energy", energy(first, second), iteration_number=step)
        slopes = [  # by the parameter-shift rule: no other circuit than the one with other angles
            (energy(first + pi / 2, second) - energy(first - pi / 2, second)) / 2,
            (energy(first, second + pi / 2) - energy(first, second - pi / 2)) / 2,
        ]
        first, second = first - 0.4 * slopes[0], second - 0.4 * slopes[1]
        hybrid.save_checkpoint({"step": step, "angles": [first, second]})
    return {"energy": energy(first, second), "angles": [first, second]}


async def main() -> None:
    async with qj.Client() as client:
        job = await minimum.submit(client, [0.1, 2.0])
        async for line in job.logs(follow=True):
            if not line.message.startswith("Metrics"):
                print("log:", line.message)
        found = (await job.metrics("iteration_number"))["energy"]
        print(f"metrics: {len(found)} energies, from {found[0]:.3f} to {found[-1]:.3f}")
        print(f"result: {(await job.result())['energy']:.3f} (exact: -1.250)")


if __name__ == "__main__":
    asyncio.run(main())
