"""Test your own workflow against a cloud that does not exist: hours in the queue, bad weather, no account, no waiting.

Everything runs on a loop whose clock jumps over idle time, so that the day below takes a few milliseconds.
"""

import asyncio
import time

import quantumjobs as qj
from quantumjobs.testing import FakeProvider, Fault, run

BELL = "OPENQASM 3.0; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;"


async def best_of(client: qj.Client, addresses: list[str]) -> str:
    """The workflow under test: the same circuit everywhere, and whoever is first wins."""
    jobs = [await client.backend(address).run(BELL, shots=100) for address in addresses]
    async for job in qj.as_completed(jobs):
        try:
            await job
        except qj.JobFailed as error:
            print(f"  {job.backend} failed: {error}")
            continue
        for other in jobs:
            await other.cancel()  # harmless where it has ended
        return job.backend
    raise RuntimeError("nobody could do it")


async def main() -> None:
    clouds = {
        "slow": FakeProvider("slow", queued=86_400, running=60),
        "hasty": FakeProvider("hasty", queued=60, outcome="failed"),
        "stormy": FakeProvider("stormy", queued=3600, running=60, weather=[Fault.REQUEST_LOST] * 5),
    }
    async with qj.Client(ledger="memory", providers=clouds) as client:
        winner = await best_of(client, [f"{name}/sim" for name in clouds])
    hours = asyncio.get_running_loop().time() / 3600
    twice = sum(cloud.most_made > 1 for cloud in clouds.values())
    print(f"{winner} won after {hours:.2f} hours; jobs that ran twice: {twice}")


real = time.perf_counter()
run(main())
print(f"real time: {time.perf_counter() - real:.2f} s")
