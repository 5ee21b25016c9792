"""Run circuits at OriginQ: on its simulators, with noise and with observables, and on a chip.

Without an account: its cloud is emulated on this machine, which needs the extra `emulators`. With one, set ORIGIN_API_KEY
and leave out `providers`.
"""

import asyncio

import quantumjobs as qj
from quantumjobs.adapters.originq import NoiseModel
from quantumjobs.testing.emulators import OriginqEmulator, serve

BELL = """
OPENQASM 2.0; include "qelib1.inc";
qreg q[2]; creg c[2];
h q[0]; cx q[0], q[1];
measure q -> c;
"""
FLIP = "QINIT 2\nCREG 2\nX q[0]\nMEASURE q[0],c[0]\nMEASURE q[1],c[1]\n"


async def main() -> None:
    service = OriginqEmulator(seed=7)
    providers = {"originq": {"url": "", "api_key": "any-will-do-here"}}
    async with serve(service) as url:
        providers["originq"]["url"] = url
        async with qj.Client(providers=providers) as client:
            print("backends:", ", ".join(name for name in await client.backends() if name.startswith("originq")))
            simulator = client.backend("originq/full_amplitude")
            print("OpenQASM:", (await (await simulator.run(BELL, shots=100))).counts)
            print("OriginIR:", (await (await simulator.run(FLIP, shots=100))).counts)
            exact = await (await simulator.run(BELL, qubits=[0, 1]))
            print("exact:", {key: round(value, 6) for key, value in exact.probabilities.items()})
            noise = NoiseModel("BITFLIP_KRAUS_OPERATOR", single=(0.05,), double=(0.1,))
            noisy = await (await simulator.run(BELL, shots=1000, noise_model=noise))
            print("outcomes with noise:", len(noisy.counts))
            values = await (await simulator.run(BELL, observables=["ZZ", "XX", "ZI"]))
            print("expectation values:", [round(value, 6) + 0.0 for value in values.data["expectation_values"]])
            chip = await client.backend("originq/WK_C180").run([BELL] * 3, shots=100)
            print("on a chip:", [sorted(one.counts) for one in await chip])


if __name__ == "__main__":
    asyncio.run(main())
