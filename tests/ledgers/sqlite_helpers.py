"""What the tests of the SQLite ledger share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from quantumjobs.abc import Change
from quantumjobs.core.records import Handle, JobRecord, Link
from quantumjobs.ledgers.sqlite.face import StoreLedger
from quantumjobs.testing.ledger_rules import digest, job

ROOT = Path(__file__).parents[2]
MODES = pytest.mark.parametrize("mode", ["delete", "wal"])


def intent(name: str, *, size: int = 10) -> tuple[list[Change], list[Handle], dict[str, bytes]]:
    """A new job with its handle and its payload: the arguments of `commit`."""
    body = f"payload {name} ".encode().ljust(size, b".")
    handle = Handle(id=f"h-{name}", address="fake/sim", links=(Link(name, 0, 1),), created_at=1.0)
    return [Change(record=replace(job(name), payload=digest(body)))], [handle], {digest(body): body}


async def commit(ledger: StoreLedger, name: str, *, size: int = 10) -> JobRecord:
    """Commit an intent."""
    changes, handles, blobs = intent(name, size=size)
    await ledger.commit(changes, handles=handles, blobs=blobs)
    return changes[0].record


async def whole(ledger: StoreLedger, name: str, *, size: int = 10) -> bool:
    """Whether an intent is there; fails where half of it is."""
    _, handles, blobs = intent(name, size=size)
    record = bool(await ledger.records([name]))
    handle = handles[0] in await ledger.handles()
    assert record == handle, f"half of {name} is there"
    if record:
        for key, body in blobs.items():
            assert await ledger.blob(key) == body
    return record


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Another process; it can import what the tests can."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def finish(process: subprocess.Popen[str], *, timeout: float = 30) -> str:
    """Its output; fails with its errors where it failed."""
    out, errors = process.communicate(timeout=timeout)
    assert process.returncode == 0, errors
    return out


def end(processes: Sequence[subprocess.Popen[str]]) -> None:
    """Kill those that still run, and read what they wrote."""
    for process in processes:
        process.kill()
        process.communicate()
