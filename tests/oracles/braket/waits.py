"""How the two sides wait: each in a process of its own, for an emulator in a third one."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from typing import Any

import httpx

from tests.oracles.braket import vendor
from tests.oracles.braket.recorded import Case

ROOT = Path(__file__).parents[3]
OURS, THEIRS = "ours", "vendor"
LATENCY = 0.05
"""Seconds before each of the emulator's replies."""
HELD = 3600.0
"""Seconds for which a task waits that is not to end by itself."""


class Server:
    """An emulator in another process: `served.py`."""

    def __init__(self, url: str) -> None:
        self.url = url

    def stats(self) -> dict[str, Any]:
        reply = httpx.get(f"{self.url}/_emulator/stats", trust_env=False)
        found: dict[str, Any] = reply.raise_for_status().json()
        return found

    def looks(self) -> tuple[int, int]:
        """Requests about tasks so far: single ones, and searches."""
        requests = self.stats()["requests"]
        return requests.get("poll", 0), requests.get("survey", 0)


@contextmanager
def emulator(home: Path, **settings: Any) -> Iterator[Server]:
    given = {"results": "zeros", "latency": LATENCY, "token": f"{vendor.KEY_ID}:{vendor.SECRET}", **settings}
    with _ours(home, "served.py", json.dumps(given)) as process:
        yield Server(_line(process))


def _started(command: list[str], env: dict[str, str], home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, text=True, cwd=home)


@contextmanager
def _ours(home: Path, script: str, *words: str, url: str = "") -> Iterator[subprocess.Popen[str]]:
    env = {**vendor.pointed(home, url), "PYTHONPATH": str(ROOT), "URL": url}
    with _ending(_started([sys.executable, str(vendor.HERE / script), *words], env, home)) as process:
        yield process


@contextmanager
def _side(side: str, home: Path, url: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    if side == OURS:
        with _ours(home, "our_waits.py", *words, url=url) as process:
            yield process
        return
    command = [vendor.python(), "-I", str(vendor.HERE / "vendor_waits.py"), *words]
    with _ending(_started(command, vendor.pointed(home, url), home)) as process:
        yield process


@contextmanager
def _ending(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    assert process.stdout is not None
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, f"it ended with {process.wait()}"
    return line


def gathered(side: str, home: Path, *, tasks: int, duration: float) -> dict[str, Any]:
    """Seconds for `one` task and for `all`, each from its submission to its counts; the loop's stalls during the latter."""
    with (
        emulator(home, duration=duration, parallel=32, quotas=True) as server,
        _side(side, home, server.url, "gather", str(tasks)) as process,
    ):
        found: dict[str, Any] = json.loads(_line(process))
        return {**found, "refused": server.stats()["refused"]}


def queued(side: str, home: Path, *, tasks: int, queue: float, word: str = "queued") -> dict[str, float]:
    """`requests` about a task until its result is there, and the `delay` from its end until then, in seconds."""
    with (
        emulator(home, queue=queue, parallel=tasks, spread=1.0) as server,
        _side(side, home, server.url, word, str(tasks)) as process,
    ):
        seen = json.loads(_line(process))["seen"]
        ended = server.stats()["ended"]
        assert seen.keys() == ended.keys()
        delays = [moment - ended[task] for task, moment in seen.items()]
        return {"requests": sum(server.looks()) / tasks, "delay": mean(delays)}


def crowd(home: Path, *, tasks: int, settled: float, seconds: float) -> dict[str, Any]:
    """Requests a second about so many tasks of a QPU that wait, `settled` seconds after the last was submitted.

    `rate` is all of them, `searches` are some; `refused` are those that were too many, from the beginning on.
    """
    with (
        emulator(home, queue=HELD, quotas=True) as server,
        _side(OURS, home, server.url, "crowd", str(tasks)) as process,
    ):
        _line(process)
        time.sleep(settled)
        before, began = server.looks(), time.monotonic()
        time.sleep(seconds)
        after, took = server.looks(), time.monotonic() - began
        looks, searches = ((one - other) / took for one, other in zip(after, before, strict=True))
        return {"rate": looks + searches, "searches": searches, "refused": server.stats()["refused"]}


def again(side: str, home: Path, *, tasks: int) -> dict[str, int]:
    """The `results` that are there once all tasks are done, of waits that had timed out before."""
    with emulator(home, queue=2.0, parallel=tasks) as server:
        if side == OURS:
            with _side(side, home, server.url, "again", str(tasks)) as process:
                return {"results": json.loads(_line(process))["results"], "tasks": server.stats()["jobs"]}
        plan = Case().plan("wait_again", url=server.url, patience=0.3)
        told = asyncio.run(vendor.jobs([plan] * tasks, home=home))
        results = sum(one["told"][1] not in ("TimeoutError", "CancelledError") for one in told)
        return {"results": results, "tasks": server.stats()["jobs"]}


def slow_batch(home: Path, *, tasks: int) -> int:
    """Of the vendor: the tasks that so many become, if none is done in time."""
    with emulator(home, queue=HELD) as server:
        case = Case(programs=Case().programs * tasks)
        plan = case.plan("batch", url=server.url, options={"poll_timeout_seconds": 0.3})
        asyncio.run(vendor.jobs([plan], home=home))
        return int(server.stats()["jobs"])
