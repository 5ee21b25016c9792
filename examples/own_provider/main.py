"""Runs circuits on a provider of one's own, mixed with the others. Prints:

acme/anvil: {'00': ..., '11': ...}
aer: {'00': ..., '11': ...}
not sent: circuits[0]: 9 qubits; ACME has 8
"""

from __future__ import annotations

import asyncio

from acme import AcmeProvider
from acme_emulator import AcmeEmulator

import quantumjobs as qj
from quantumjobs.testing.emulators import serve

BELL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;'


async def main() -> None:
    async with (
        serve(AcmeEmulator(seed=7, queue=0.2)) as url,
        qj.Client(ledger="memory", providers={"acme": AcmeProvider(url, "any token")}) as client,
    ):
        for address in ("acme/anvil", "aer"):
            job = await client.backend(address).run(BELL, shots=1000)
            print(f"{address}: {(await job).counts}")
        try:
            await client.backend("acme/anvil").run([BELL.replace("[2]", "[9]")])
        except qj.UsageError as error:
            print(f"not sent: {error}")


asyncio.run(main())
