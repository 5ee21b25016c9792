"""The vendor's client, in its own environment and process. Used by the tests and by benchmarks/oracle_aqt.py."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from tests.oracles.processes import carried_out

VARIABLE = "QUANTUMJOBS_ORACLE_AQT"
TOKEN = "T"
SEED = 7
PYTHON = os.environ.get(VARIABLE, "")  # when this module is loaded: no test sees such variables
HERE = Path(__file__).parent
PATIENCE = 50  # seconds for one process


def python() -> str:
    """The interpreter of the vendor's environment."""
    if not PYTHON:
        raise RuntimeError(f"{VARIABLE} names no interpreter: run this by `nox -s oracles`")
    return PYTHON


def surroundings(home: Path) -> dict[str, str]:
    """Nothing of the user's: no token, no proxy, no home."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
    return {**kept, **single, "HOME": str(home), "NO_PROXY": "127.0.0.1"}


def _pointed(home: Path, url: str) -> dict[str, str]:
    """The vendor's variables."""
    direct = {"AQT_DIRECT_URL": url} if url else {}
    return {**surroundings(home), **direct, "AQT_PORTAL_URL": url, "AQT_TOKEN": TOKEN}


def _command(script: str, *arguments: str) -> list[str]:
    """`-I`: neither this package nor the user's site-packages are there."""
    return [python(), "-I", str(HERE / script), *arguments]


async def jobs(plans: Sequence[dict[str, Any]], *, url: str, home: Path) -> list[dict[str, Any]]:
    """Let `vendor_jobs.py` carry out the plans, in one process."""
    return await carried_out(plans, _command("vendor_jobs.py"), env=_pointed(home, url), home=home, patience=PATIENCE)


def gates(texts: Sequence[str], *, home: Path) -> list[dict[str, int]]:
    """What the vendor's plug-in makes of OpenQASM 2 texts at level 3."""
    done = subprocess.run(
        _command("vendor_gates.py"),
        input=json.dumps(list(texts)),
        capture_output=True,
        text=True,
        env=_pointed(home, ""),
        cwd=home,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Converter:
    """A process that turns the same bodies into counts, at each call again."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self) -> tuple[float, str]:
        """Seconds of CPU, and a digest of the counts."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, f"the vendor's process ended with {self._process.wait()}"
        told = json.loads(line)
        return told["seconds"], told["digest"]


@contextmanager
def converter(bodies: Sequence[bytes], *, qubits: int, home: Path) -> Iterator[Converter]:
    """`vendor_convert.py` with these bodies."""
    files = [home / f"body-{number}.json" for number in range(len(bodies))]
    for file, body in zip(files, bodies, strict=True):
        file.write_bytes(body)
    with subprocess.Popen(
        _command("vendor_convert.py", str(qubits), *map(str, files)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=_pointed(home, ""),
        cwd=home,
    ) as process:
        try:
            yield Converter(process)
        finally:
            process.kill()


@asynccontextmanager
async def emulator(home: Path, *options: str) -> AsyncIterator[str]:
    """`quantumjobs emulate aqt` in a process of its own; gives its address."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "quantumjobs.cli", "emulate", "aqt", "--port=0", f"--seed={SEED}", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "HOME": str(home), "PYTHONUNBUFFERED": "1"},
        cwd=home,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            line = (await process.stdout.readline()).decode().strip()
        assert line.startswith("listening on "), line or f"the emulator ended with {await process.wait()}"
        yield line.removeprefix("listening on ")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
