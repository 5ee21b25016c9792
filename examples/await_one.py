"""One circuit, one simulator, one await.

`run` returns as soon as the backend has accepted the job; `await job` waits for its end. Write another address in place
of "aer", and the same lines run on another backend.
"""

import asyncio
from pathlib import Path

import quantumjobs as qj

BELL = Path(__file__).with_name("bell.qasm")  # OpenQASM text or a Qiskit QuantumCircuit would do as well


async def main() -> None:
    async with qj.Client() as client:
        job = await client.backend("aer").run(BELL, shots=1000, seed=7)
        print(job)
        result = await job
        print("counts:", result.counts)
        print("seed:", result[0].seed, "- the same seed gives the same counts")
        for line in job.story:
            print(f"  {line.before} -> {line.after}")


asyncio.run(main())
