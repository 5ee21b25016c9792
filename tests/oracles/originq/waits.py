"""How the two sides wait: each in a process of its own, for an emulator in a third one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.oracles.aqt.vendor import surroundings
from tests.oracles.originq import vendor

ROOT = Path(__file__).parents[3]
OURS, THEIRS, BLOCKING = "ours", "vendor", "ours, blocking"
HELD = 30.0
"""Seconds that a job waits which is not to end by itself."""


@contextmanager
def emulator(home: Path, *options: str) -> Iterator[str]:
    """The URL of one in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "quantumjobs.cli",
        "emulate",
        "originq",
        "--port",
        "0",
        "--results",
        "zeros",
        *options,
    ]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_env(home), text=True)
    assert server.stdout is not None
    try:
        found = re.search(r"http://\S+", server.stdout.readline())
        assert found is not None
        yield found[0]
    finally:
        server.terminate()
        server.wait(10)
        server.stdout.close()


def _env(home: Path, url: str = "") -> dict[str, str]:
    return {**surroundings(home), "PYTHONPATH": str(ROOT), "URL": url, "KEY": vendor.KEY, "no_proxy": "127.0.0.1"}


def _started(side: str, url: str, home: Path, *words: str) -> subprocess.Popen[str]:
    if side == THEIRS:
        command = [vendor.PYTHON, "-I", str(vendor.HERE / "vendor_waits.py"), *words]
    else:
        command = [sys.executable, str(vendor.HERE / "our_waits.py"), *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_env(home, url), text=True, cwd=home
    )


def _told(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"it ended with {process.wait()}"
    found: dict[str, Any] = json.loads(line)
    return found


@contextmanager
def _ending(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def stalled(side: str, home: Path, *, jobs: int, queue: float) -> dict[str, Any]:
    """`longest` stall of the loop and `whole` wait, in seconds, while so many jobs are so long in the queue."""
    with (
        emulator(home, "--queue", str(queue), "--parallel", str(jobs)) as url,
        _ending(_started(side, url, home, "stall", str(jobs))) as process,
    ):
        return _told(process)


def interrupted(side: str, home: Path, *, patience: float) -> float:
    """Seconds from SIGINT to the end of the wait; `patience` where it has not ended by then, and is killed."""
    word = "blocking" if side == BLOCKING else "wait"
    with emulator(home, "--queue", str(HELD)) as url, _ending(_started(side, url, home, word)) as process:
        _told(process)
        time.sleep(0.5)  # it waits by then
        sent = time.time()
        os.kill(process.pid, signal.SIGINT)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            return patience
        return float(_told(process)["ended"]) - sent


def hung(side: str, home: Path, *, jobs: int) -> list[float]:
    """Seconds until each job's result is there while the server does not answer one look; of the vendor, that look."""
    with emulator(home, "--queue", "0.5", "--parallel", str(jobs)) as url:
        # The vendor tries three times. That much patience is nothing that a test has.
        times = 3 if side == THEIRS else 1
        faults = [{"kind": "hang", "operation": "task", "seconds": 300, "times": times}]
        httpx.post(f"{url}/_emulator/faults", json=faults, trust_env=False).raise_for_status()
        with _ending(_started(side, url, home, "hung", str(jobs))) as process:
            _told(process)
            told = _told(process)
            return [told["frozen"]] if side == THEIRS else list(told["took"])
