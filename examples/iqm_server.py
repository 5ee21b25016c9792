"""Run circuits on IQM's quantum computers: on a square lattice, and on a star, whose qubits meet in a resonator.

Without an account: an IQM Server is emulated on this machine, which needs the extra `emulators`. With one, set IQM_TOKEN
and leave out `providers`. One job tells its place in the queue and its timeline, one uses an outcome while it runs.
"""

import asyncio

import quantumjobs as qj
from quantumjobs.testing.emulators import IqmEmulator, serve

GHZ = """
OPENQASM 3.0; include "stdgates.inc";
qubit[4] q; bit[4] c;
h q[0]; cx q[0], q[1]; cx q[0], q[2]; cx q[0], q[3];
c = measure q;
"""
FLIP_BACK = """
OPENQASM 3.0; include "stdgates.inc";
qubit[2] q; bit[1] seen; bit[1] after;
h q[0]; cx q[0], q[1];
seen[0] = measure q[0];
if (seen[0]) { x q[1]; }
after[0] = measure q[1];
"""


async def main() -> None:
    server = IqmEmulator(seed=7, queue=1.0)
    async with serve(server) as url, qj.Client(providers={"iqm": {"url": url, "token": "any-will-do-here"}}) as client:
        print("backends:", ", ".join(name for name in await client.backends() if name.startswith("iqm")))
        first = await client.backend("iqm/garnet").run(GHZ, shots=200)
        second = await client.backend("iqm/garnet").run(GHZ, shots=200)
        print("jobs ahead:", first.queue_position, second.queue_position)
        print("on a lattice:", (await first).counts)
        print("timeline:", *[stamp.status for stamp in first.remote_timeline])
        star = await client.backend("iqm/deneb").run([GHZ] * 2, shots=200, optimization_level=3)
        print("on a star:", (await star)[1].counts)
        third = await client.backend("iqm/garnet").run(FLIP_BACK, shots=200)
        print("flipped back:", (await third).counts)


if __name__ == "__main__":
    asyncio.run(main())
