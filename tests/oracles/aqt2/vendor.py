"""The second generation of the vendor's client, in its own environment and process."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from tests.oracles.aqt import vendor as first

VARIABLE = "QUANTUMJOBS_ORACLE_AQT2"
PYTHON = os.environ.get(VARIABLE, "")  # when this module is loaded: no test sees such variables
SCRIPT = Path(__file__).parent / "vendor_jobs.py"
PATIENCE = 60  # seconds for one process
SEED = first.SEED
emulator = first.emulator

Heard = Callable[[str], Awaitable[None]]


async def jobs(
    plans: Sequence[dict[str, Any]], *, url: str, home: Path, heard: Heard | None = None
) -> list[dict[str, Any]]:
    """Let `vendor_jobs.py` carry out the plans; `heard` is given each line that the client says to its user."""
    if not PYTHON:
        raise RuntimeError(f"{VARIABLE} names no interpreter: run this by `nox -s oracles`")
    # `-I`: neither this package nor the user's site-packages are there; `-u`: lines are heard when they are said; and
    # a login draws its address in characters that are not ASCII.
    process = await asyncio.create_subprocess_exec(
        *(PYTHON, "-I", "-u", "-X", "utf8", str(SCRIPT)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**first.surroundings(home), "EMULATOR": url},
        cwd=home,
        limit=1 << 24,
    )
    try:
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
            errors = group.create_task(_all(process.stderr))
            lines = group.create_task(_lines(process.stdout, heard))
            assert process.stdin is not None
            process.stdin.write(json.dumps(list(plans)).encode())
            process.stdin.close()
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.result().decode()
    return json.loads(lines.result()[-1])


def told_code(line: str) -> str:
    """The code that the client asks its user to compare, if it is in this line."""
    return line.partition("Verify the following code: ")[2].strip()


async def _all(stream: asyncio.StreamReader | None) -> bytes:
    assert stream is not None
    return await stream.read()


async def _lines(stream: asyncio.StreamReader | None, heard: Heard | None) -> list[str]:
    assert stream is not None
    lines: list[str] = []
    while line := (await stream.readline()).decode():
        lines.append(line)
        if heard is not None:
            await heard(line)
    return lines
