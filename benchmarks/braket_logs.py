"""A job of Amazon Braket that writes many lines, and who follows it: each in a process of its own.

`serve SETTINGS LATENCY`: an emulator with these `LogSettings`, which says where it is; then for each `Written` on standard
input a job begins, and a `Begun` is told. `ours TASK` and `hand TASK` follow a job to its end, by our client and by a loop over
GetLogEvents, and tell what came (`Followed`). `idle` is the ticker alone, until standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import msgspec
from measure import quantile
from msgspec import Struct

from quantumjobs import Client
from quantumjobs.testing.emulators import BraketEmulator, serve
from quantumjobs.testing.emulators.braket_logs_store import LogSettings
from quantumjobs.wire import Unsigned
from quantumjobs.wire.sigv4 import AwsKeys, Signer

KEY_ID, SECRET = "AKIDBENCH00000000001", "bench/secretaccesskey"
REGION = "us-east-1"
GROUP = "/aws/braket/jobs"
PAUSE = 0.5
"""Seconds between two readings of the loop by hand: as ours has it while lines come."""


class Written(Struct):
    """A job's lines, each about a hundred characters long; with `metrics` each of them reports some."""

    lines: int
    rate: float
    metrics: bool = False

    def texts(self) -> list[str]:
        """The n-th begins with n, or has it as its time."""
        if self.metrics:
            return [
                f"Metrics - timestamp={n}; energy={-n / 7}; loss={n / 3}; iteration_number={n};" for n in self.numbers
            ]
        return [
            f"{n} step {n}: energy -1.8572{n:06d}, gradient 0.0123{n:06d}, 1000 shots on a simulator"
            for n in self.numbers
        ]

    @property
    def numbers(self) -> range:
        return range(self.lines)


class Begun(Struct):
    """One that has begun: its ARN, the name of its only stream, and when, in seconds since the epoch."""

    arn: str
    stream: str
    since: float


class Task(Struct):
    """What a follower is told. `live`: until the job is over; else what is there is all. `watched`: a ticker runs beside,
    whose CPU then is in the figures.
    """

    url: str
    job: Begun
    lines: int
    live: bool
    watched: bool


class Followed(Struct):
    """What came of it. Times are in seconds, memory is resident and in bytes."""

    lost: int
    doubled: int
    disordered: int
    cpu: float
    wall: float
    longest: float
    """Stall of the loop."""
    early: int
    """Memory when a tenth of the lines had come ..."""
    late: int
    """... and when all had."""
    delays: tuple[float, float, float]
    """From a line's time until it is given: median, of 95% and the longest."""


class Ticker:
    """Wakes every millisecond; `longest` is the longest that it had to wait beyond that."""

    longest = 0.0

    async def run(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            self.longest = max(self.longest, time.perf_counter() - before - 0.001)


class Tally:
    """Counts lines as they come, in memory that is taken at the beginning."""

    def __init__(self, lines: int, *, watched: bool) -> None:
        self._ticker = Ticker()
        self._watched = watched
        self._seen = bytearray(lines)
        self._delays = array("d", bytes(8 * lines))
        self._count = self.doubled = self.disordered = self.early = self.late = 0
        self._next = 0
        self._cpu = self._wall = 0.0

    @asynccontextmanager
    async def begun(self) -> AsyncIterator[None]:
        """From when on it is measured: a client that has started, and looks at the job."""
        beside = asyncio.create_task(self._ticker.run()) if self._watched else None
        await asyncio.sleep(0.01)
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        yield
        self._cpu, self._wall = time.process_time() - self._cpu, time.perf_counter() - self._wall
        await asyncio.sleep(0.01)  # a stall at the end is seen, too
        if beside is not None:
            beside.cancel()

    def line(self, message: str, at: float) -> None:
        number = int(message[: message.index(" ")])
        self._delays[min(self._count, len(self._delays) - 1)] = time.time() - at
        self._count += 1
        self.doubled += self._seen[number]
        self._seen[number] = 1
        self.disordered += number < self._next
        self._next = number + 1
        if self._count == len(self._seen) // 10:
            self.early = resident()
        elif self._count == len(self._seen):
            self.late = resident()

    def told(self) -> Followed:
        delays = self._delays[: self._count]
        return Followed(
            lost=len(self._seen) - sum(self._seen),
            doubled=self.doubled,
            disordered=self.disordered,
            cpu=self._cpu,
            wall=self._wall,
            longest=self._ticker.longest,
            early=self.early,
            late=self.late,
            delays=(quantile(delays, 0.5), quantile(delays, 0.95), quantile(delays, 1.0)),
        )


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- in processes of their own --------------------------------------------------------------
async def serving(settings: LogSettings, latency: float) -> None:
    loop = asyncio.get_running_loop()
    emulator = BraketEmulator(token=f"{KEY_ID}:{SECRET}", logs=settings, latency=latency)
    async with serve(emulator) as url:
        print(url, flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            asked = msgspec.json.decode(line, type=Written)
            job = emulator.hybrid.invent(lines=asked.texts(), rate=asked.rate)
            while job.started_at is None:  # noqa: ASYNC110 - the emulator tells nobody of it
                await asyncio.sleep(0.001)
            print(msgspec.json.encode(Begun(job.id, job.stream(1), job.started_at)).decode(), flush=True)


async def followed(side: str, task: Task) -> Followed:
    tally = Tally(task.lines, watched=task.watched)
    await (ours if side == "ours" else by_hand)(task, tally)
    return tally.told()


def client_of(url: str) -> Client:
    """With everything as it is by itself, for the services at one place."""
    settings = {f"{service}endpoint_url": url for service in ("", "s3_", "sts_", "logs_", "iam_")}
    settings |= {"region": REGION, "access_key_id": KEY_ID, "secret_access_key": SECRET}
    return Client(ledger="memory", providers={"braket": settings})


async def ours(task: Task, tally: Tally) -> None:
    async with client_of(task.url) as client:
        job = await client.attach("braket/hybrid/local:none/none", task.job.arn)
        async with tally.begun():
            async for line in job.logs(follow=task.live):
                tally.line(line.message, line.at or 0.0)


async def by_hand(task: Task, tally: Tally) -> None:
    """What one would write: pages, in a row, and a pause where the same token comes back. It knows when all have come."""
    signer, keys = Signer("logs", REGION), AwsKeys(KEY_ID, SECRET)
    async with httpx.AsyncClient(trust_env=False) as http, tally.begun():
        token, missing = None, task.lines
        while missing:
            body = {"logGroupName": GROUP, "logStreamName": task.job.stream, "startFromHead": True}
            request = Unsigned(
                "POST",
                f"{task.url}/",
                {"content-type": "application/x-amz-json-1.1", "x-amz-target": "Logs_20140328.GetLogEvents"},
                json.dumps(body | ({"nextToken": token} if token else {})).encode(),
            )
            signer(request, keys)
            reply = await http.post(request.url, content=request.body, headers=request.headers)
            page = reply.raise_for_status().json()
            for event in page["events"]:
                tally.line(event["message"], event["timestamp"] / 1000)
                missing -= 1
            if page["nextForwardToken"] == token:
                await asyncio.sleep(PAUSE)
            token = page["nextForwardToken"]


async def idle() -> float:
    ticker = Ticker()
    beside = asyncio.create_task(ticker.run())
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    beside.cancel()
    return ticker.longest


# --- for those who start them ---------------------------------------------------------------
class Service:
    """An emulator in another process."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self._process = process
        self.url = url

    def begin(self, asked: Written) -> Begun:
        """Begin a job."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(asked).decode() + "\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=Begun)

    def requests(self) -> dict[str, int]:
        """How many there were, by operation."""
        reply = httpx.get(f"{self.url}/_emulator/stats", trust_env=False)
        found: dict[str, int] = reply.raise_for_status().json()["requests"]
        return found


@contextmanager
def service(settings: LogSettings, *, latency: float = 0.0) -> Iterator[Service]:
    """It answers `latency` seconds late."""
    with started("serve", msgspec.json.encode(settings).decode(), str(latency)) as process:
        assert process.stdout is not None
        yield Service(process, process.stdout.readline().strip())


def follow(side: str, task: Task) -> Followed:
    """Have a job followed to its end."""
    with started(side, msgspec.json.encode(task).decode()) as process:
        told, _ = process.communicate()
        assert process.returncode == 0, f"{side} ended with {process.returncode}"
        return msgspec.json.decode(told, type=Followed)


@contextmanager
def idling() -> Iterator[list[float]]:
    """A loop that has nothing to do; its longest stall is in the list in the end."""
    longest: list[float] = []
    with started("idle") as process:
        yield longest
        longest.append(float(process.communicate()[0]))


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    """This script, with nothing of the user's."""
    with tempfile.TemporaryDirectory() as home:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "PYTHONPATH") if name in os.environ}
        command = [sys.executable, __file__, *words]
        env = {**kept, "HOME": home, "NO_PROXY": "127.0.0.1"}
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def main(what: str, given: str = "", latency: str = "0") -> None:
    if what == "serve":
        asyncio.run(serving(msgspec.json.decode(given, type=LogSettings), float(latency)))
    elif what == "idle":
        print(asyncio.run(idle()))
    else:
        found = asyncio.run(followed(what, msgspec.json.decode(given, type=Task)))
        print(msgspec.json.encode(found).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
