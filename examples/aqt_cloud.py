"""Run a circuit in AQT's cloud.

Without an account: the cloud is emulated on this machine, which needs the extra `emulators`. With one, set AQT_TOKEN and
leave out `providers`. One job is followed to its counts, one is cancelled in the queue.
"""

import asyncio

import quantumjobs as qj
from quantumjobs.testing.emulators import AqtEmulator, serve

BELL = """
OPENQASM 3.0; include "stdgates.inc";
qubit[2] q; bit[2] c;
h q[0]; cx q[0], q[1];
c = measure q;
"""


async def main() -> None:
    cloud = AqtEmulator(seed=7, queue=0.3)
    async with serve(cloud) as url, qj.Client(providers={"aqt": {"url": url, "token": "any will do here"}}) as client:
        print("backends:", ", ".join(name for name in await client.backends() if name.startswith("aqt")))
        ibex = client.backend("aqt/ws/ibex")
        job = await ibex.run([BELL] * 3, shots=200)
        second = await ibex.run(BELL, shots=200)
        print("cancel:", await second.cancel())
        result = await job
        print("counts:", result[0].counts)
        print("states:", *[line.after for line in job.story])


if __name__ == "__main__":
    asyncio.run(main())
