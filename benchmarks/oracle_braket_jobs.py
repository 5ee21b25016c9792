"""How do the logs and metrics of hybrid jobs come to us, and to Amazon Braket's SDK?

amazon-braket-sdk runs in its own environment (`nox -s oracles -- --bench` makes it), and each side in a process of its
own, for an emulator in a third that answers 50 ms late. A job writes 20,000 lines in 20 s, first with pages as they are,
then with an empty one now and then, which the service may send; each side follows it with everything as it is by default
(the SDK by `logs(wait=True)`), and reads the log of a job that is over. How many lines are lost, how late are they, how
many requests is that, and how long after the job's end is it over? Then a job has reported 12,000 metrics: how many rows
has the table?

Targets: no line lost or doubled, and all rows.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from braket_logs import KEY_ID, SECRET, Begun, Service, Task, Written, client_of, follow, service
from measure import Bench, alternate, quantile

from quantumjobs.testing.emulators.braket_logs_store import LogSettings
from tests.oracles.braket import vendor

LINES, RATE = 20_000, 1000.0
METRICS = 12_000
LATENCY = 0.05
"""Seconds before each of the emulator's replies."""
PAGE, EMPTY_EVERY = 1000, 7

Ask = Callable[[dict[str, Any]], dict[str, Any]]


def main() -> None:
    bench = Bench(__doc__)
    options = bench.parse()
    lines, rounds = (5_000, 1) if options.quick else (LINES, 3)
    with tempfile.TemporaryDirectory() as home, started(Path(home)) as ask:
        for empty_every in (0, EMPTY_EVERY):
            with service(LogSettings(page=PAGE, empty_every=empty_every), latency=LATENCY) as emulator:
                title = f"an empty page in {empty_every}" if empty_every else "no empty pages"
                followed(bench, ask, emulator, lines, rounds, title=title)
                afterwards(bench, ask, emulator, lines, rounds, title=title)
        with service(LogSettings(), latency=LATENCY) as emulator:
            metrics(bench, ask, emulator, rounds)
    bench.end()


@contextmanager
def started(home: Path) -> Iterator[Ask]:
    """The vendor's process, which has imported everything."""
    command = [vendor.python(), "-I", str(vendor.HERE / "vendor_hybrid.py")]
    env = {**vendor.pointed(home), "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=home
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        sending, answers = process.stdin, process.stdout

        def ask(*plans: dict[str, Any]) -> list[dict[str, Any]]:
            print(json.dumps(plans), file=sending, flush=True)
            found: list[dict[str, Any]] = json.loads(answers.readline())
            return found

        try:
            ask()
            yield lambda plan: ask(plan)[0]
        finally:
            process.kill()


def followed(bench: Bench, ask: Ask, emulator: Service, lines: int, rounds: int, *, title: str) -> None:
    """A job is followed from its beginning on."""
    mine, others = alternate(
        rounds,
        lambda: ours(emulator, emulator.begin(Written(lines, RATE)), lines, live=True),
        lambda: theirs(ask, emulator, emulator.begin(Written(lines, RATE)), lines, live=True),
    )
    print(f"  {lines:,} lines in {lines / RATE:g} s, {title}")
    for side, found, most in ("ours", mine, 0), ("vendor", others, None):
        losses(bench, side, found, most)
        bench.figure("... a line is late, median", median(one["delays"][0] for one in found), " s")
        bench.figure("... 95%", median(one["delays"][1] for one in found), " s")
        bench.figure("... over after the job's end", median(one["wall"] for one in found) - lines / RATE, " s")
        bench.figure("... requests", median(one["requests"] for one in found))


def afterwards(bench: Bench, ask: Ask, emulator: Service, lines: int, rounds: int, *, title: str) -> None:
    """The log of a job that is over is read."""
    job = emulator.begin(Written(lines, 1e7))
    mine, others = alternate(
        rounds,
        lambda: ours(emulator, job, lines, live=False),
        lambda: theirs(ask, emulator, job, lines, live=False),
    )
    print(f"  {lines:,} lines of a job that is over, {title}")
    for side, found, most in ("ours", mine, 0), ("vendor", others, None):
        losses(bench, side, found, most)
        bench.figure("... after", median(one["wall"] for one in found), " s")


def losses(bench: Bench, side: str, found: list[dict[str, Any]], most: float | None) -> None:
    lost = [one["lost"] for one in found]
    bench.figure(f"lost, {side}, the least", min(lost))
    bench.figure("... the most", max(lost), most=most)
    bench.figure("... doubled", max(one["doubled"] for one in found), most=most)


def ours(emulator: Service, job: Begun, lines: int, *, live: bool) -> dict[str, Any]:
    with counted(emulator) as requests:
        told = follow("ours", Task(emulator.url, job, lines, live=live, watched=False))
    return {**msgspec.structs.asdict(told), "requests": requests["all"]}


def theirs(ask: Ask, emulator: Service, job: Begun, lines: int, *, live: bool) -> dict[str, Any]:
    with counted(emulator) as requests:
        told = ask(
            {"do": "follow", "url": emulator.url, "arn": job.arn, "since": job.since, "rate": RATE, "live": live}
        )
    delays = (quantile(told["delays"], 0.5), quantile(told["delays"], 0.95))
    return {**told, "lost": lines - told["lines"], "delays": delays, "requests": requests["all"]}


@contextmanager
def counted(emulator: Service) -> Iterator[dict[str, int]]:
    """The requests meanwhile, "all" of them."""
    found: dict[str, int] = {}
    before = sum(emulator.requests().values())
    yield found
    found["all"] = sum(emulator.requests().values()) - before


def metrics(bench: Bench, ask: Ask, emulator: Service, rounds: int) -> None:
    job = emulator.begin(Written(METRICS, 1e7, metrics=True))

    async def ours() -> tuple[int, float]:
        async with client_of(emulator.url) as client:
            found = await client.attach("braket/hybrid/local:none/none", job.arn)
            began = time.perf_counter()
            table = await found.metrics()
            return len(table["timestamp"]), time.perf_counter() - began

    def theirs() -> tuple[int, float]:
        told = ask({"do": "many", "url": emulator.url, "arn": job.arn})
        return told["rows"], told["wall"]

    mine, others = alternate(rounds, lambda: asyncio.run(ours()), theirs)
    bench.figure(f"rows of {METRICS:,} reports, ours", min(rows for rows, _ in mine), least=METRICS)
    bench.figure("... vendor", min(rows for rows, _ in others))
    bench.figure("... after, ours", median(seconds for _, seconds in mine), " s")
    bench.figure("... vendor", median(seconds for _, seconds in others), " s")


if __name__ == "__main__":
    main()
