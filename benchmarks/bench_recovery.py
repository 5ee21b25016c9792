"""How long does it take to follow 10,000 jobs again, whose program was killed?

A program keeps the jobs in a ledger on disk, as its client would, and is ended with SIGKILL; of 20 jobs 17 are queued or
running, one was being sent, one was not sent yet, and one has ended with its result still at the provider. In a new
process a new client opens the ledger, with a fake cloud of the same jobs that answers every request after 50 ms and
keeps who was asked about what. Jobs count as scheduled once this client owns them and each is planned, under way, or
waits for its turn to be sent. Time, threads, files and the disk are real; the modules are imported beforehand.

The baseline is the same by hand on a copy of the ledger: read and decode what is unsettled, then for each record one row
written back and one line added, 200 in a transaction, with the same pragmas. An idle loop in a process beside tells what
stalls are the machine's. Both journal modes; medians over the rounds. Memory is what Python has allocated by then
(tracemalloc, a round of its own), with nobody awaiting.

Targets: all scheduled within 5 s; until then at most one request per job, and at most one look per job within 5 s; a
stall under 50 ms, or twice the idle loop's where that is longer.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, NamedTuple

from measure import BELL, Bench, alternate

import quantumjobs.engine.engine as imported_beforehand  # noqa: F401
from quantumjobs import Client
from quantumjobs.abc import Change, Circuit, Request
from quantumjobs.core.events import AnyEvent, Reported, SubmitAccepted, SubmitStarted
from quantumjobs.core.machine import step
from quantumjobs.core.records import Handle, JobRecord, Link
from quantumjobs.core.states import WATCHED, Fetch, JobState
from quantumjobs.core.traits import Findable
from quantumjobs.engine.bodies import digest, encode_request
from quantumjobs.ledgers.sqlite import SqliteLedger
from quantumjobs.ledgers.sqlite.rows import decode_record, encode
from quantumjobs.testing import FakeProvider

S = JobState
LATENCY = 0.05
WITHIN = 5.0
"""Seconds in which all are to be scheduled."""
PATIENCE = 120.0
FOR_EVER = 1e9
KINDS = (S.QUEUED,) * 12 + (S.RUNNING,) * 5 + (S.COMPLETED, S.SUBMITTING, S.CREATED)
IDLE = """
import asyncio, sys, time
async def main():
    worst = 0.0
    reading = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    while not reading.done():
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        worst = max(worst, time.perf_counter() - before - 0.001)
    print(worst)
asyncio.run(main())
"""


class Left(NamedTuple):
    """A job that was left behind: how far it had come, and how many seconds ago it was submitted."""

    id: str
    kind: JobState
    age: float


def left_behind(jobs: int) -> list[Left]:
    """The same in every process."""
    chance = Random(1)
    return [
        Left(f"{chance.getrandbits(128):032x}", KINDS[number % len(KINDS)], chance.lognormvariate(8.0, 1.0))
        for number in range(jobs)
    ]


def request_of(number: int) -> Request:
    """No two circuits are the same text."""
    return Request(backend="sim", circuits=(Circuit("qasm", f"{BELL}// {number}\n".encode()),), shots=100)


# --- the cloud: counts what it is asked about which job ---------------------------------------
class Counting(FakeProvider):
    """Jobs can be found by their token, and their results are fetched."""

    def __init__(self) -> None:
        super().__init__(submit_class=Findable(settle=60.0), fetch=Fetch.EAGER, latency=LATENCY)
        self.asked: Counter[str] = Counter()
        """Requests, by the token of the job that they are about."""
        self.looked: Counter[str] = Counter()
        asked, looked, tokens = self.asked, self.looked, self.cloud.jobs

        class Adapter(self._adapter_class):  # type: ignore[name-defined, misc]
            async def submit(self, sending):
                asked[sending.token] += 1
                return await super().submit(sending)

            async def find(self, sending):
                asked[sending.token] += 1
                return await super().find(sending)

            async def fetch(self, job):
                asked[tokens[job.id].token] += 1
                return await super().fetch(job)

            async def poll(self, jobs):
                asked.update(tokens[job.id].token for job in jobs)
                looked.update(tokens[job.id].token for job in jobs)
                return await super().poll(jobs)

        self._adapter_class = Adapter

    def holds(self, left: Sequence[Left], now: float) -> None:
        """The jobs that were sent, with the remote ids that the ledger has; those being sent arrived."""
        for number, job in enumerate(left):
            self.cloud.queued = FOR_EVER if job.kind in (S.QUEUED, S.SUBMITTING) else 0.0
            self.cloud.running = FOR_EVER if job.kind is S.RUNNING else 0.0
            if job.kind is not S.CREATED:
                payload = self.codec.prepare(request_of(number), self.about, seed=number).parts[0].payload
                self.cloud.make(token=job.id, backend="sim", payload=payload, now=now - job.age)
        self.cloud.queued = FOR_EVER


# --- the program that is killed ---------------------------------------------------------------
async def fill(path: Path, mode: Any, jobs: int, now: float) -> None:
    """Keep all jobs, say so, and wait for the end."""
    ledger = SqliteLedger(path, journal_mode=mode)
    fake = Counting()
    lane = fake.lane("sim")
    remotes = 0
    left = list(enumerate(left_behind(jobs)))
    for start in range(0, jobs, 500):
        changes, handles, blobs = [], [], {}
        for number, job in left[start : start + 500]:
            at = now - job.age
            request = encode_request(request_of(number))
            part = fake.codec.prepare(request_of(number), fake.about, seed=number).parts[0]
            blobs.update({digest(body): body for body in (request, part.payload, part.layout)})
            record = JobRecord(
                id=job.id,
                provider="fake",
                lane=lane,
                backend="sim",
                family="fake",
                payload=digest(part.payload),
                layout=digest(part.layout),
                created_at=at,
            )
            links = (Link(job.id, 0, 1),)
            handle = Handle(
                id=job.id[::-1], address="fake/sim", links=links, created_at=at, request=digest(request), single=True
            )
            handles.append(handle)
            changes.append(Change(record=record))
            for event in story(job.kind, f"remote-{remotes}", at):
                record, _ = step(record, event, fake.traits("fake"))
                changes.append(Change(record=record, event=event))
            remotes += job.kind is not S.CREATED
        await ledger.commit(changes, handles=handles, blobs=blobs)
    print("filled", flush=True)
    await asyncio.sleep(FOR_EVER)


def story(kind: JobState, remote_id: str, at: float) -> Iterator[AnyEvent]:
    if kind is S.CREATED:
        return
    yield SubmitStarted(at=at)
    if kind is S.SUBMITTING:
        return
    yield SubmitAccepted(at=at, remote_id=remote_id)
    if kind is not S.QUEUED:
        yield Reported(at=at, state=kind, raw_status=kind, has_result=kind is S.COMPLETED)


# --- the program that goes on -----------------------------------------------------------------
class Gaps:
    """Wakes every millisecond; `longest` is the longest time that it had to wait beyond that, since it was asked last."""

    def __init__(self) -> None:
        self._longest = 0.0
        self._before = time.perf_counter()

    async def run(self) -> None:
        while True:
            self._before = time.perf_counter()
            await asyncio.sleep(0.001)
            self._longest = max(self._longest, time.perf_counter() - self._before - 0.001)

    def longest(self) -> float:
        seen = max(self._longest, time.perf_counter() - self._before - 0.001)
        self._longest = 0.0
        return 1e3 * seen


async def recover(path: Path, mode: Any, jobs: int, now: float, *, traced: bool) -> dict[str, float]:
    fake = Counting()
    left = left_behind(jobs)
    fake.holds(left, now)
    watched = [job.id for job in left if job.kind in WATCHED]
    told: dict[str, float] = {}
    gc.collect()
    gc.freeze()  # the cloud's own objects are not the client's to walk over
    if traced:
        tracemalloc.start(1)
    ticker = Gaps()
    ticking = asyncio.create_task(ticker.run())
    await asyncio.sleep(0.05)
    ticker.longest()
    began, worked = time.perf_counter(), time.process_time()
    async with Client(ledger=SqliteLedger(path, journal_mode=mode), providers={"fake": fake}) as client:
        while not scheduled(client, left):
            await asyncio.sleep(0.05)
            assert time.perf_counter() - began < PATIENCE, "not all are followed again"
        told["seconds"] = time.perf_counter() - began
        told["stall"] = ticker.longest()
        told["cpu"] = 1e6 * (time.process_time() - worked) / jobs
        told["most"] = max(fake.asked.values(), default=0)
        if traced:
            gc.collect()
            told["bytes"] = tracemalloc.get_traced_memory()[0] / jobs
            return told
        await asyncio.sleep(began + WITHIN - time.perf_counter())
        told["looks"] = max(fake.looked.values(), default=0)
        told["most within"] = max(fake.asked.values(), default=0)
        told["requests"] = fake.asked.total()
        while not all(map(fake.looked.__contains__, watched)):
            await asyncio.sleep(0.02)
            assert time.perf_counter() - began < PATIENCE, "not all are looked at"
        told["looked at"] = time.perf_counter() - began
        told["later stall"] = ticker.longest()
        ticking.cancel()
    assert fake.most_made == 1, "something was submitted twice"
    return told


def scheduled(client: Client, left: Sequence[Left]) -> bool:
    """Every job is ours; those to look at are planned, or somebody is at it. One whose result is here already is let go."""
    assert client._engine is not None
    followed = client._engine._tracked
    ended = sum(job.kind is S.COMPLETED and job.id not in followed for job in left)
    return len(followed) + ended == len(left) and all(
        job.ours and (job.wire.taken or _is_planned(job)) for job in followed.values()
    )


def _is_planned(job: Any) -> bool:
    if job.record.state not in WATCHED:
        return True  # a task fetches it or looks for it, or it waits to be sent: `begin` started that, in the same step
    return job.watchlist is not None and job in job.watchlist.heap


def by_hand(path: Path, jobs: int) -> float:
    """Seconds for the same reading and writing, without a client."""
    began = time.perf_counter()
    connection = sqlite3.connect(path, isolation_level=None)
    journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
    connection.execute(f"PRAGMA synchronous = {'FULL' if journal == 'wal' else 'EXTRA'}")
    found = connection.execute("SELECT body FROM job WHERE settled = 0 ORDER BY number").fetchall()
    records = [decode_record(body) for (body,) in found]
    assert len(records) == jobs
    for start in range(0, jobs, 200):
        connection.execute("BEGIN IMMEDIATE")
        for record in records[start : start + 200]:
            connection.execute(
                "UPDATE job SET owner = ?, fence = ?, version = ?, body = ? WHERE id = ?",
                ("by hand", record.fence + 1, record.version + 1, encode(record), record.id),
            )
            connection.execute(
                "INSERT INTO event (job, writer, type, at, body) VALUES (?, ?, ?, ?, ?)",
                (record.id, "by hand", "TakenOver", 0.0, b"0" * 40),
            )
        connection.execute("COMMIT")
    connection.close()
    return time.perf_counter() - began


# --- one after the other ----------------------------------------------------------------------
@contextmanager
def killed(home: Path, mode: str, jobs: int, now: float) -> Iterator[Path]:
    """The folder of a ledger whose program was killed."""
    folder = home / mode
    folder.mkdir()
    process = subprocess.Popen(_words("fill", folder, mode, jobs, now), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert said == "filled\n"
    yield folder
    shutil.rmtree(folder)


def _words(part: str, folder: Path, mode: str, jobs: int, now: float) -> list[str]:
    return [
        sys.executable,
        __file__,
        f"--{part}={folder / 'ledger'}",
        f"--mode={mode}",
        f"--jobs={jobs}",
        f"--now={now}",
    ]


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=folder.parent) as there:
        shutil.copytree(folder, there, dirs_exist_ok=True)
        yield Path(there)


def recovered(folder: Path, mode: str, jobs: int, now: float, *options: str) -> dict[str, float]:
    with copied(folder) as copy:
        idle = subprocess.Popen([sys.executable, "-c", IDLE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        done = subprocess.run(
            [*_words("recover", copy, mode, jobs, now), *options], stdout=subprocess.PIPE, text=True, check=True
        )
        told: dict[str, float] = json.loads(done.stdout)
        told["idle"] = 1e3 * float(idle.communicate("\n")[0])
        return told


def hand(folder: Path, jobs: int) -> float:
    with copied(folder) as copy:
        return by_hand(copy / "ledger", jobs)


def compare(bench: Bench, home: Path, mode: str, jobs: int, rounds: int) -> None:
    now = time.time()
    with killed(home, mode, jobs, now) as folder:
        ours, hands = alternate(rounds, lambda: recovered(folder, mode, jobs, now), lambda: hand(folder, jobs))
        traced = recovered(folder, mode, jobs, now, "--traced")

    def middle(name: str) -> float:
        return median(told[name] for told in ours)

    bound = max(50.0, 2 * middle("idle"))
    print(f"  {jobs:,} jobs, journal mode {mode}")
    bench.figure("  read and written back by hand", median(hands), " s")
    bench.figure("  all scheduled", middle("seconds"), " s", most=WITHIN)
    bench.figure("  most requests about one job until then", max(told["most"] for told in ours), most=1)
    bench.figure("  most looks at one job within 5 s", max(told["looks"] for told in ours), most=1)
    bench.figure("  most requests about one job within 5 s", max(told["most within"] for told in ours))
    bench.figure("  requests within 5 s, over all that fit", middle("requests") / (WITHIN / LATENCY * 32), "x")
    bench.figure("  all looked at", middle("looked at"), " s")
    bench.figure("  longest stall of an idle loop beside", middle("idle"), " ms")
    bench.figure("  longest stall until scheduled", middle("stall"), " ms", most=bound)
    bench.figure("  longest stall from then until all are looked at", middle("later stall"), " ms", most=bound)
    bench.figure("  CPU per job until scheduled", middle("cpu"), " us")
    bench.figure("  memory per job", traced["bytes"], " bytes")


def main() -> None:
    bench = Bench(__doc__)
    for name, kind in (("fill", Path), ("recover", Path), ("mode", str), ("jobs", int), ("now", float)):
        bench.parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)
    bench.parser.add_argument("--traced", action="store_true", help=argparse.SUPPRESS)
    given, _ = bench.parser.parse_known_args()
    if given.fill is not None:
        asyncio.run(fill(given.fill, given.mode, given.jobs, given.now))
        return
    if given.recover is not None:
        print(json.dumps(asyncio.run(recover(given.recover, given.mode, given.jobs, given.now, traced=given.traced))))
        return
    options = bench.parse()
    with tempfile.TemporaryDirectory() as home:
        for mode in ("delete", "wal"):
            compare(bench, Path(home), mode, 1_000 if options.quick else 10_000, 1 if options.quick else 3)
    bench.end()


if __name__ == "__main__":
    main()
