"""A program that is killed again and again, and started again: every circuit is run once, and no result is lost.

Each step names its request by a `key`. A step that comes round again finds the job it made before. The cloud is emulated
on this machine, which needs the extra `emulators`; the first half is the program, the second one kills it.
"""

import asyncio
import sys
import tempfile

import quantumjobs as qj
from quantumjobs.testing.emulators import AqtEmulator, serve


def turned(step: int) -> str:
    return f'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; ry({step}*pi/2) q[0]; measure q[0]->c[0];'


async def program(url: str, ledger: str) -> None:
    cloud = {"aqt": {"url": url, "token": "any will do here"}}
    async with qj.Client(ledger=ledger, providers=cloud) as client:  # yours needs no `ledger`: there is one by default
        backend = client.backend("aqt/ws/ibex")
        for step in range(3):
            job = await backend.run(turned(step), shots=100, key=f"scan of today, step {step}")
            print(f"step {step}: job {job.id}", flush=True)
            print(f"step {step}: {(await job).counts}", flush=True)


async def main() -> None:
    cloud, seen, starts = AqtEmulator(seed=7, queue=0.5), set(), 0
    with tempfile.TemporaryDirectory() as folder:
        async with serve(cloud) as url:
            ended = None
            while ended != 0:
                starts += 1
                command = (sys.executable, __file__, url, f"{folder}/ledger.db")
                process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
                while line := (await process.stdout.readline()).decode().strip():
                    if ": job " in line and line not in seen:
                        seen.add(line)
                        process.kill()  # like a power cut: the job is under way, nobody is there to wait for it
                    elif ": job " not in line:
                        print(f"start {starts}, {line}")
                ended = await process.wait()
    print(f"{starts} starts, {starts - 1} of them killed; jobs in the cloud: {cloud.stats['submissions']}")


if __name__ == "__main__":
    asyncio.run(program(*sys.argv[1:]) if len(sys.argv) > 1 else main())
