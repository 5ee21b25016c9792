"""Run circuits at Amazon Braket: on a simulator with shots and exactly, as a program set on a QPU, and what that costs.

Without an account: its cloud is emulated on this machine, which needs the extra `emulators`. With one, leave out
`providers`: keys and region are found where AWS's own tools find them.
"""

import asyncio

import quantumjobs as qj
from quantumjobs.testing.emulators import BraketEmulator, serve

BELL = """
OPENQASM 2.0; include "qelib1.inc";
qreg q[2]; creg c[2];
h q[0]; cx q[0], q[1];
measure q -> c;
"""
TURN = """
OPENQASM 3.0;
input float theta;
bit[1] b; qubit[1] q;
rx(theta) q[0];
b[0] = measure q[0];
"""
STATE = "OPENQASM 3.0;\nqubit[2] q;\nh q[0];\ncnot q[0], q[1];\n"
WANTED = ["probability", "expectation x(q[0]) @ x(q[1])"]


async def main() -> None:
    keys = {"access_key_id": "any-will-do", "secret_access_key": "here", "region": "eu-north-1"}
    async with serve(BraketEmulator(seed=7)) as url:
        providers = {"braket": {**keys, **dict.fromkeys(("endpoint_url", "s3_endpoint_url", "sts_endpoint_url"), url)}}
        async with qj.Client(providers=providers) as client:
            print("backends:", ", ".join(name for name in await client.backends() if name.startswith("braket")))
            simulator, chip = client.backend("braket/sv1"), client.backend("braket/Garnet")
            print("on a simulator:", (await (await simulator.run(BELL, shots=100))).counts)
            print("half a turn:", (await (await simulator.run(TURN, shots=100, inputs={"theta": 3.14159265}))).counts)
            exact = await (await simulator.run(STATE, shots=0, result_types=WANTED))
            values = exact.data["probability"], exact.data["expectation(x(q[0]) @ x(q[1]))"]
            print("exact:", [round(float(one), 6) for one in values[0]], round(values[1], 6))
            print("estimate:", await chip.estimate([BELL] * 3, shots=100))
            job = await chip.run([BELL] * 3, shots=100)
            print("on a chip:", [sorted(one.counts) for one in await job], "in", len(job.parts), "task")
            print("cost:", await job.cost())


if __name__ == "__main__":
    asyncio.run(main())
