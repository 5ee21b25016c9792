"""How much memory does a waiting job hold, with one awaiter?

10,000 jobs wait in a queue, each with a task that awaits its result, after two virtual minutes of looks. What counts is
what Python has allocated (tracemalloc), in a fresh interpreter. Not ours, and measured by itself: what the fake cloud
holds, from as many jobs submitted by hand, payloads included; and the encoded requests in the ledger. The resident set
is measured the same way in interpreters without tracemalloc; it also has what the allocator keeps after the submits.

Target: at most 4 KiB per job; 2 KiB is where we are going.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import tracemalloc
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

from measure import BELL, Bench

from quantumjobs import Client
from quantumjobs.abc import Circuit, Request, Sending
from quantumjobs.ledgers.memory import MemoryLedger
from quantumjobs.testing import FakeProvider, run

PACKAGE = Path(__import__("quantumjobs").__file__).parent
WAVE = 250
"""Jobs submitted at a time: a resident set remembers the largest wave."""
FOR_EVER = 1e9


class Probe:
    """Bytes in use at each named moment."""

    def __init__(self, *, trace: bool) -> None:
        self.bytes: dict[str, int] = {}
        self.snapshots: dict[str, tracemalloc.Snapshot] = {}
        self._trace = trace
        if trace:
            tracemalloc.start(1)

    def __call__(self, moment: str) -> None:
        gc.collect()
        if self._trace:
            self.bytes[moment] = tracemalloc.get_traced_memory()[0]
            self.snapshots[moment] = tracemalloc.take_snapshot()
        else:
            self.bytes[moment] = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def since_start(self, moment: str, jobs: int) -> float:
        return (self.bytes[moment] - self.bytes["start"]) / jobs

    def lines(self, before: str, after: str, jobs: int) -> dict[str, float]:
        """Bytes per job and line of source, allocated between two moments and still held."""
        if not self._trace:
            return {}
        found = {}
        for difference in self.snapshots[after].compare_to(self.snapshots[before], "lineno"):
            frame = difference.traceback[0]
            path = Path(frame.filename)
            if abs(difference.size_diff) >= 4 * jobs and path != Path(__file__) and path.name != "tracemalloc.py":
                name = path.relative_to(PACKAGE) if path.is_relative_to(PACKAGE) else path.name
                found[f"{name}:{frame.lineno}"] = difference.size_diff / jobs
        return found


def circuit(number: int) -> str:
    """No two circuits are the same text: the ledger keeps equal ones once."""
    return f"{BELL}// {number}\n"


# --- in a fresh interpreter -------------------------------------------------------------
async def through_client(jobs: int, probe: Probe) -> dict[str, Any]:
    fake = FakeProvider(queued=FOR_EVER)
    ledger = MemoryLedger()
    async with Client(ledger=ledger, providers={"fake": fake}) as client:
        backend = client.backend("fake/sim")
        first = [await backend.run(circuit(-1 - number)) for number in range(100)]
        await asyncio.sleep(1)
        probe("start")
        held = []
        for start in range(0, jobs, WAVE):
            held += await asyncio.gather(*(backend.run(circuit(start + number)) for number in range(WAVE)))
        await asyncio.sleep(120)
        probe("submitted")
        waits = [asyncio.create_task(job.result()) for job in held]
        await asyncio.sleep(60)
        probe("awaited")
        handles = await ledger.handles()
        requests = sum([sys.getsizeof(await ledger.blob(handle.request)) for handle in handles])
        told = {
            "submitted": probe.since_start("submitted", jobs),
            "awaited": probe.since_start("awaited", jobs),
            "requests": requests / len(handles),
            "token": sys.getsizeof(handles[0].id),
            "lines": probe.lines("start", "awaited", jobs),
        }
        for wait in waits:
            wait.cancel()
        await asyncio.wait(waits)
        del first
    return told


async def by_hand(jobs: int, probe: Probe) -> dict[str, Any]:
    fake = FakeProvider(queued=FOR_EVER)
    async with fake.connect(fake.lane("sim"), lambda *_: None) as adapter:
        about = await adapter.describe("sim")

        async def submit(number: int) -> None:
            request = Request(backend="sim", circuits=(Circuit("qasm", circuit(number).encode()),))
            (part,) = fake.codec.prepare(request, about, seed=number).parts
            await adapter.submit(
                Sending(backend="sim", payload=part.payload, token=uuid4().hex, first_sent_at=fake.wall(), attempt=1)
            )

        for number in range(100):
            await submit(-1 - number)
        probe("start")
        for number in range(jobs):
            await submit(number)
        probe("submitted")
    return {"submitted": probe.since_start("submitted", jobs)}


def child(what: str, jobs: int, *, trace: bool) -> dict[str, Any]:
    """The same script in an interpreter of its own."""
    command = [sys.executable, __file__, f"--child={what}", f"--jobs={jobs}", *(["--trace"] if trace else [])]
    told: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return told


# --- the figures ------------------------------------------------------------------------
def main() -> None:
    bench = Bench(__doc__)
    bench.parser.add_argument("--jobs", type=int, default=0)
    bench.parser.add_argument("--lines", type=int, default=12, help="how many lines of source to show")
    bench.parser.add_argument("--child", choices=["client", "hand"], help=argparse.SUPPRESS)
    bench.parser.add_argument("--trace", action="store_true", help=argparse.SUPPRESS)
    if "--child" in " ".join(sys.argv):
        options = bench.parser.parse_args()
        work = through_client if options.child == "client" else by_hand
        print(json.dumps(run(work(options.jobs, Probe(trace=options.trace)))))
        return
    options = bench.parse()
    jobs = options.jobs or (1_000 if options.quick else 10_000)
    jobs -= jobs % WAVE
    ours, fake = child("client", jobs, trace=True), child("hand", jobs, trace=True)
    # The cloud's payload and token are the ledger's own objects: payloads are left out, tokens are ours.
    cloud = fake["submitted"] - ours["token"]
    bench.figure("left out: the fake cloud and the payload", cloud, " bytes per job")
    bench.figure("left out: the encoded request", ours["requests"], " bytes per job")
    job = ours["submitted"] - cloud - ours["requests"]
    awaiter = ours["awaited"] - ours["submitted"]
    bench.figure("a job that nobody awaits", job, " bytes")
    bench.figure("its awaiter (task, coroutine, future)", awaiter, " bytes")
    bench.figure("a waiting job with its awaiter", job + awaiter, " bytes", most=4096)
    bench.figure("the same against the goal of 2 KiB", (job + awaiter) / 2048, "x")
    if Path("/proc/self/statm").exists():
        rounds = 1 if options.quick else 3
        hand = median(child("hand", jobs, trace=False)["submitted"] for _ in range(rounds))
        resident = median(child("client", jobs, trace=False)["awaited"] for _ in range(rounds))
        bench.figure(
            "resident set, with the same left out", resident - hand + ours["token"] - ours["requests"], " bytes"
        )
    show_lines(ours["lines"], options.lines)
    bench.end()


def show_lines(lines: dict[str, float], most: int) -> None:
    """Where it is allocated."""
    parts: Counter[str] = Counter()
    for line, size in lines.items():
        parts[line.rpartition(":")[0]] += round(size)
    print("  bytes per job by file:", ", ".join(f"{name} {size}" for name, size in parts.most_common(most)))
    print("  by line:")
    for line, size in sorted(lines.items(), key=lambda item: -item[1])[:most]:
        print(f"    {size:6.0f}  {line}")


if __name__ == "__main__":
    main()
