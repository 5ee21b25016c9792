"""Does a long simulation stall the event loop?

A 20-qubit quantum volume circuit runs for seconds, first as a job on `aer`, then by Aer in a thread
(`asyncio.to_thread`), while a ticker wakes every millisecond and keeps its longest delay. A deadline falls
into the run (0.1 s around the wait for a job that computes; after 2 s for the thread, which is surely computing then),
and the job is cancelled in the end: how late does the deadline fire, and do the workers still use CPU after a second? Aer
in a thread cannot be cancelled, so it runs to its end and says how long that is. Reads /proc, so it needs Linux.

Targets: the longest stall under 50 ms, the deadline of 0.1 s within 0.2 s, no more CPU 1 s after the cancel.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median

from measure import Bench, children_cpu
from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import quantum_volume
from qiskit_aer import AerSimulator

from quantumjobs import Client

SHOTS = 1_000
DEADLINE = 0.1
DURING = 2.0
"""Seconds after its start at which Aer in a thread certainly computes."""


def long_circuit(qubits: int, depth: int) -> QuantumCircuit:
    circuit = quantum_volume(qubits, depth, seed=1).decompose()
    circuit.measure_all()
    return transpile(circuit, AerSimulator(), optimization_level=0)


class Ticker:
    """Wakes every millisecond; `longest` is the longest time that it had to wait beyond that."""

    longest = 0.0
    ticks = 0

    async def run(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            self.ticks += 1
            self.longest = max(self.longest, time.perf_counter() - before - 0.001)


@asynccontextmanager
async def ticking() -> AsyncIterator[Ticker]:
    ticker = Ticker()
    task = asyncio.create_task(ticker.run())
    await asyncio.sleep(0.01)
    try:
        yield ticker
    finally:
        task.cancel()


async def in_a_job(circuit: QuantumCircuit) -> dict[str, float]:
    async with Client(ledger="memory") as client:
        aer = client.backend("aer")
        small = QuantumCircuit(1, 1)
        small.measure(0, 0)
        await (await aer.run(small, shots=1))  # the workers are started
        async with ticking() as ticker:
            job = await aer.run(circuit, shots=SHOTS, transpile=False)
            await until_busy()
            began = time.perf_counter()
            try:
                async with asyncio.timeout(DEADLINE):
                    await job
            except TimeoutError:
                late = time.perf_counter() - began
            else:
                raise AssertionError("the circuit is too short for this machine: give --depth")
            busy = await cpu_in_use()
            assert not job.done(), "the circuit is too short for this machine: give --depth"
            began = time.perf_counter()
            outcome = await job.cancel()
            answered = time.perf_counter() - began
            assert outcome == "cancelled", outcome
            await asyncio.sleep(max(0.0, 1.0 - answered))
            left = await cpu_in_use()
        return {"longest": ticker.longest, "late": late - DEADLINE, "cancel": answered, "busy": busy, "left": left}


async def in_a_thread(circuit: QuantumCircuit) -> dict[str, float]:
    simulator = AerSimulator()
    async with ticking() as ticker:
        began = time.perf_counter()
        run = asyncio.create_task(asyncio.to_thread(lambda: simulator.run(circuit, shots=SHOTS).result()))
        try:
            async with asyncio.timeout(DURING):
                await asyncio.shield(run)
        except TimeoutError:
            late = time.perf_counter() - began - DURING
        else:
            raise AssertionError("the circuit is too short for this machine: give --depth")
        await run
        return {"longest": ticker.longest, "late": late, "whole": time.perf_counter() - began}


async def until_busy() -> None:
    """Wait until a worker computes."""
    start = children_cpu()
    for _ in range(200):
        await asyncio.sleep(0.05)
        if children_cpu() - start > 0.2:
            return
    raise AssertionError("no worker is computing, or its CPU cannot be seen: nothing could be said about a cancel")


async def cpu_in_use() -> float:
    """Cores that the workers keep busy, over half a second."""
    before, began = children_cpu(), time.perf_counter()
    await asyncio.sleep(0.5)
    return (children_cpu() - before) / (time.perf_counter() - began)


def main() -> None:
    bench = Bench(__doc__)
    bench.parser.add_argument("--qubits", type=int, default=20)
    bench.parser.add_argument("--depth", type=int, default=0, help="layers; by default enough for some seconds")
    options = bench.parse()
    circuit = long_circuit(options.qubits, options.depth or (60 if options.quick else 100))
    rounds = 1 if options.quick else 3
    jobs, threads = [], []
    for _ in range(rounds):
        jobs.append(asyncio.run(in_a_job(circuit)))
        threads.append(asyncio.run(in_a_thread(circuit)))
    bench.figure("the simulation, in a thread", median(each["whole"] for each in threads), " s")
    bench.figure("longest stall, Aer in a thread", 1e3 * median(each["longest"] for each in threads), " ms")
    stall = median(each["longest"] for each in jobs)
    bench.figure("longest stall, a job on aer", 1e3 * stall, " ms", most=50)
    bench.figure("thread / job", median(each["longest"] for each in threads) / stall, "x")
    bench.figure("a deadline during the run is late, thread", 1e3 * median(each["late"] for each in threads), " ms")
    bench.figure("a deadline during the run is late, job", 1e3 * median(each["late"] for each in jobs), " ms", most=100)
    bench.figure("cancel() answers after", 1e3 * median(each["cancel"] for each in jobs), " ms", most=1000)
    bench.figure("CPU in use before cancel()", 100 * min(each["busy"] for each in jobs), " % of a core")
    bench.figure("CPU in use 1 s after cancel()", 100 * max(each["left"] for each in jobs), " % of a core", most=5)
    bench.end()


if __name__ == "__main__":
    main()
