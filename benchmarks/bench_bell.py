"""What does it cost to run circuits as separate jobs instead of one list?

200 Bell circuits of 1,000 shots each, gathered as 200 jobs on `aer` with its workers started, against one
`AerSimulator().run(list)` with its defaults in this process: seconds on the clock, for that is what a user waits. Circuits
are built before; results are awaited and their counts read. The two take turns.

Aer's defaults give every small circuit a team of OpenMP threads, which is slow on a machine with few cores, and very slow
on one that is busy with something else; our workers run such circuits on one thread each. So a list with one thread is
told as well: that is the comparison that says what the jobs themselves cost.

Target: at most 1.3x of the list with Aer's defaults.
"""

from __future__ import annotations

import asyncio
import gc
import time
from statistics import median

from measure import Bench, ratio
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from quantumjobs import Client

SHOTS = 1_000


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def checked(counts: dict[str, int]) -> None:
    assert sum(counts.values()) == SHOTS, counts
    assert set(counts) <= {"00", "11"}, counts


def as_one_list(circuits: list[QuantumCircuit], **options: int) -> float:
    gc.collect()
    began = time.perf_counter()
    result = AerSimulator(**options).run(circuits, shots=SHOTS).result()
    counts = [result.get_counts(place) for place in range(len(circuits))]
    spent = time.perf_counter() - began
    for each in counts:
        checked(each)
    return spent


async def as_jobs(client: Client, circuits: list[QuantumCircuit]) -> float:
    aer = client.backend("aer")
    gc.collect()
    began = time.perf_counter()
    jobs = await asyncio.gather(*[aer.run(circuit, shots=SHOTS) for circuit in circuits])
    results = await asyncio.gather(*jobs)
    counts = [result.counts for result in results]
    spent = time.perf_counter() - began
    for each in counts:
        checked(each)
    return spent


async def rounds_of(number: int, circuits: list[QuantumCircuit]) -> list[list[float]]:
    async def defaults() -> float:
        return as_one_list(circuits)  # nothing else runs in this loop meanwhile

    async def one_thread() -> float:
        return as_one_list(circuits, max_parallel_threads=1)

    taken: list[list[float]] = [[], [], []]
    async with Client(ledger="memory") as client:
        turns = (lambda: as_jobs(client, circuits), defaults, one_thread)
        for _ in range(2):
            await as_jobs(client, circuits)  # starts the workers, and lets them import
        await defaults()
        for place in range(number):
            order = (0, 1, 2) if place % 2 == 0 else (2, 1, 0)
            for turn in order:
                taken[turn].append(await turns[turn]())
                await asyncio.sleep(0.2)  # OpenMP's threads spin for a while after their work
    return taken


def main() -> None:
    bench = Bench(__doc__)
    options = bench.parse()
    jobs, rounds = (50, 3) if options.quick else (200, 11)
    circuits = [bell() for _ in range(jobs)]
    ours, defaults, one_thread = asyncio.run(rounds_of(rounds, circuits))
    bench.figure(f"{jobs} jobs", 1e3 * median(ours), " ms")
    bench.figure(f"one list of {jobs}, Aer's defaults", 1e3 * median(defaults), " ms")
    bench.figure(f"one list of {jobs}, one thread", 1e3 * median(one_thread), " ms")
    bench.figure("jobs / list, Aer's defaults", ratio(ours, defaults), "x", most=1.3)
    bench.figure("jobs / list, one thread", ratio(ours, one_thread), "x")
    bench.end()


if __name__ == "__main__":
    main()
