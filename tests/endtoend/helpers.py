"""Programs of a user's, found again in /proc by a mark in their environment; and circuits whose outcome is known."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Self

import pytest

ROOT = Path(__file__).parents[2]
MARK = "QUANTUMJOBS_TEST_MARK"
TICK = os.sysconf("SC_CLK_TCK")

needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="processes are seen through /proc")

BELL = """OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q; bit[2] c;
h q[0]; cx q[0], q[1];
c = measure q;
"""

# Put before a program's own lines. `heavy` simulates for minutes.
PREAMBLE = """
import asyncio, json, os, sys, time
import quantumjobs as qj
def say(*words):
    print(*words, flush=True)
async def running(job):
    async for seen in job.events():
        if seen.state == "running":
            return
layer = "".join(f"rx(0.1) q[{i}]; cx q[{i}], q[{i + 1}];" for i in range(22))
heavy = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[23]; creg c[23];' + layer * 200 + "measure q -> c;"
bell = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;'
"""

# The same with quantum volume of 20 qubits instead: half a minute on two quiet cores. The program imports qiskit.
VOLUME = f"""{PREAMBLE}
from qiskit.circuit.library import quantum_volume
heavy = quantum_volume(20, 400, seed=1)
heavy.measure_all()
"""


# --- circuits ---------------------------------------------------------------------------
def fixed(value: int, bits: int = 9, *, version: int = 3) -> str:
    """OpenQASM text of a circuit that always gives `value`, with some gates on the way that cancel each other."""
    if version == 2:
        head = f'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[{bits}];\ncreg c[{bits}];\n'
        end = "measure q -> c;\n"
    else:
        head = f'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[{bits}] q;\nbit[{bits}] c;\n'
        end = "c = measure q;\n"
    flips = "".join(f"x q[{bit}];\n" for bit in range(bits) if value >> bit & 1)
    return f"{head}h q[0];\nh q[0];\n{flips}cx q[0], q[1];\ncx q[0], q[1];\n{end}"


def counts_of(value: int, shots: int, bits: int = 9) -> dict[str, int]:
    return {format(value, f"0{bits}b"): shots}


def volume(qubits: int, depth: int, seed: int = 1):
    """A quantum-volume circuit: 20 qubits take about a second for each 15 layers."""
    from qiskit.circuit.library import quantum_volume

    circuit = quantum_volume(qubits, depth, seed=seed)
    circuit.measure_all()
    circuit.name = f"volume-{qubits}-{depth}-{seed}"
    return circuit


def random_text(seed: int, qubits: int = 8) -> str:
    """A circuit with many outcomes, so that two runs hardly ever agree by chance."""
    turns = "".join(f"rx({0.3 + (seed * 7 + bit) % 5 * 0.4}) q[{bit}];\n" for bit in range(qubits))
    links = "".join(f"cx q[{bit}], q[{bit + 1}];\n" for bit in range(qubits - 1))
    head = f'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[{qubits}] q;\nbit[{qubits}] c;\n'
    return f"{head}{turns}{links}{turns}c = measure q;\n"


# --- processes --------------------------------------------------------------------------
def stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the state on; None for a process that is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields


def cpu(pid: int) -> float | None:
    fields = stat(pid)
    return None if fields is None else (int(fields[11]) + int(fields[12])) / TICK


def pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def children(pid: int) -> list[int]:
    return [child for child in pids() if (fields := stat(child)) is not None and int(fields[1]) == pid]


async def busiest_worker(program: int, *, besides: int = 0) -> int:
    """The worker that has a simulation: the one child of the program's fork server that uses CPU."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        workers = [worker for server in children(program) for worker in children(server) if worker != besides]
        before = {worker: cpu(worker) or 0.0 for worker in workers}
        await asyncio.sleep(0.2)
        used = {worker: (cpu(worker) or 0.0) - before[worker] for worker in workers}
        if used and max(used.values()) > 0.05:
            return max(used, key=lambda worker: used[worker])
    raise AssertionError("no worker uses any CPU")


def each_of(function: Callable[..., None], cases: Iterable[tuple[object, ...]]) -> None:
    """Try all cases, two at a time: most of a program's life is its start. What fails says which one it was."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        trials = [(case, pool.submit(function, *case)) for case in cases]
    errors = []
    for case, trial in trials:
        error = trial.exception()
        if error is not None:
            error.add_note(f"in the case {case[-3:]}")
            errors.append(error)
    if errors:
        raise errors[0] if len(errors) == 1 else BaseExceptionGroup("several cases failed", errors)


class Program:
    """A program of a user's: in a process group of its own, and with the mark that all it starts inherits."""

    def __init__(self, source: str, folder: Path, *, how: str = "file", preamble: str = PREAMBLE, warn: str = "error",
                 listens: bool = False, **environment: str) -> None:  # fmt: skip
        self.mark = f"{MARK}={uuid.uuid4().hex}"
        source = preamble + textwrap.dedent(source)
        command = [sys.executable, "-W", warn] if warn else [sys.executable]
        match how:
            case "file":
                script = Path(folder) / f"script-{self.mark[-6:]}.py"
                script.write_text(source)
                command.append(str(script))
            case "-c":
                command += ["-c", source]
            case "stdin":
                command.append("-")
        environment.setdefault("QUANTUMJOBS_STATE_DIR", str(Path(folder) / f"state-{self.mark[-6:]}"))  # a user's own
        self.process = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": str(ROOT), MARK: self.mark.partition("=")[2], **environment},
            cwd=folder,
            stdin=subprocess.PIPE if how == "stdin" or listens else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        if how == "stdin":
            assert self.process.stdin is not None
            self.process.stdin.write(source)
            self.process.stdin.close()
            self.process.stdin = None

    # --- talking ------------------------------------------------------------------------
    def until(self, word: str) -> str:
        """Read what it says until a line begins so; the rest of that line."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(word):
                return line.removeprefix(word).strip()
        raise AssertionError(f"it ended without saying {word!r}: {self.process.communicate()[1]}")

    def end(self, within: float = 40) -> tuple[int, str, str]:
        """Exit code, standard output and standard error. A hang fails, with the processes that are there."""
        try:
            out, err = self.process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            family = [Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")[-90:] for pid in self.family()]
            self.process.send_signal(signal.SIGABRT)
            raise AssertionError(f"it has not ended within {within} s; there are {family}") from None
        return self.process.returncode, out, err

    def finish(self) -> str:
        """Wait for a good and quiet end that leaves nothing; what it printed."""
        code, out, err = self.end()
        assert (code, err) == (0, ""), f"exit code {code}, standard error: {err}"
        left = self.family()
        assert not left, f"left behind: {left}"
        return out

    # --- its family ---------------------------------------------------------------------
    def family(self) -> list[int]:
        """All processes with the mark in their environment, whoever their parent is now."""
        mark, found = self.mark.encode(), []
        for pid in pids():
            try:
                if mark in Path(f"/proc/{pid}/environ").read_bytes() and stat(pid) is not None:
                    found.append(pid)
            except OSError:
                continue
        return found

    def cpu(self) -> dict[int, float]:
        return {pid: used for pid in self.family() if (used := cpu(pid)) is not None}

    def cpu_within(self, seconds: float) -> float:
        """CPU that the family uses from now on, per second."""
        before, begun = self.cpu(), time.monotonic()
        time.sleep(seconds)
        after, passed = self.cpu(), time.monotonic() - begun
        return sum(used - before.get(pid, 0.0) for pid, used in after.items()) / passed

    def gone(self, within: float) -> None:
        """Nothing of it is left after so many seconds at the latest."""
        deadline = time.monotonic() + within
        while left := self.family():
            assert time.monotonic() < deadline, f"left behind: {left}"
            time.sleep(0.02)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        deadline = time.monotonic() + 5
        while (left := self.family()) and time.monotonic() < deadline:
            time.sleep(0.02)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left, "processes were left behind"
