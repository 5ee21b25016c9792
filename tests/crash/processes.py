"""The processes: the service, the programs that are killed, and strace on them."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).with_name("program.py")
PATIENCE = 40.0
_SERVICE = ("--accepting", "0.3", "--replying", "0.1", "--queue", "0.3", "--duration", "0.1", "--parallel", "16")
_SWITCHES = {
    "idempotent": ("--idempotency", "--no-find"),
    "rerunnable": ("--idempotency", "--no-find"),
    "findable": ("--no-idempotency", "--find"),
    "unknown": ("--no-idempotency", "--no-find"),
}


class Service:
    """The generic service as a process of its own."""

    def __init__(self, submit: str) -> None:
        command = ["-m", "quantumjobs.cli", "emulate", "generic", "--port", "0", *_SERVICE, *_SWITCHES[submit]]
        self._process = subprocess.Popen(
            [sys.executable, *command], env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().removeprefix("listening on ").strip()

    def stats(self) -> dict[str, Any]:
        """When nothing is undecided any more."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found = httpx.get(f"{self.url}/_emulator/stats", trust_env=False, timeout=PATIENCE).json()
            if not found["under_way"]:
                return dict(found)
            assert time.monotonic() < deadline, "the service does not come to rest"
            time.sleep(0.05)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()


@dataclass(frozen=True)
class Ran:
    """What became of one run."""

    killed: bool
    code: int
    said: list[dict[str, Any]]
    error: str
    """The last line of standard error."""

    def all(self, what: str) -> list[dict[str, Any]]:
        return [one for one in self.said if one["said"] == what]


class Template:
    """One program, that forks for each order."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM)],
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._buffer = bytearray()

    def run(self, order: dict[str, Any], trace: Sequence[str] = ()) -> Ran:
        """Carry out an order; `trace` are strace's options."""
        assert self._process.stdin is not None
        out = Path(order["out"])
        self._tell(json.dumps({**order, "gate": bool(trace)}))
        child = int(self._line("pid"))
        tracer = None
        try:
            if trace:
                self._line("ready")
                tracer = _attach(child, trace)
                os.kill(child, signal.SIGUSR1)
            status = int(self._line("status"))
        except BaseException:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            raise
        finally:
            if tracer is not None:
                tracer.wait(PATIENCE)
        said = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        errors = [line for line in out.with_name(f"{out.name}.err").read_text().splitlines() if line]
        code = -1 if killed else os.waitstatus_to_exitcode(status)
        return Ran(killed, code, said, errors[-1] if errors else "")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def _line(self, wanted: str) -> str:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        deadline = time.monotonic() + PATIENCE
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            piece = os.read(descriptor, 4096) if ready else b""
            if not piece:
                raise AssertionError(f"the program did not say {wanted!r}")
            self._buffer += piece
        line, _, rest = self._buffer.partition(b"\n")
        self._buffer = bytearray(rest)
        word, _, value = line.decode().partition(" ")
        assert word == wanted, (word, wanted)
        return value

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


def _attach(child: int, options: Sequence[str]) -> subprocess.Popen[bytes]:
    tracer = subprocess.Popen(["strace", "-f", "-qq", *options, "-p", str(child)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE
    while not re.search(r"^TracerPid:\t[1-9]", Path(f"/proc/{child}/status").read_text(), re.MULTILINE):
        assert tracer.poll() is None, "strace did not attach"
        assert time.monotonic() < deadline, "strace did not attach in time"
        time.sleep(0.002)
    return tracer


def _environment() -> dict[str, str]:
    # numpy's own threads would not survive the fork
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "OPENBLAS_NUM_THREADS": "1"}
