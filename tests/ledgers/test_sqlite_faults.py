"""A disk that is full or broken, at every system call of a commit: what was refused is not there, the rest is whole.

`strace` makes the k-th call of one kind fail, in a process forked for that k. Counters are per process, so a child
that should see its k-th call fail first makes so many harmless ones that its k-th is the one strace waits for.
"""

from __future__ import annotations

import functools
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from quantumjobs.ledgers.sqlite import InlineLedger
from tests.ledgers.sqlite_helpers import MODES, ROOT, commit, whole

STRACE = shutil.which("strace")
MOST = 400  # calls of one kind, at most
COMMITS = (("big", 70_000), ("again", 10))

FORKS = """
import asyncio, errno, json, os, signal, sqlite3, sys
from pathlib import Path
from quantumjobs.errors import LedgerWriteError
from quantumjobs.ledgers.sqlite import InlineLedger
from tests.ledgers.sqlite_helpers import commit
from tests.ledgers.test_sqlite_faults import COMMITS

directory, mode, call, error = Path(sys.argv[1]), *sys.argv[2:5]
spare = os.open(directory / "spare", os.O_RDWR | os.O_CREAT)
harmless = {
    "fsync": lambda: os.fsync(spare),
    "fdatasync": lambda: os.fdatasync(spare),
    "pwrite64": lambda: os.pwrite(spare, b"x", 0),
    "write": lambda: os.write(spare, b"x"),
    "ftruncate": lambda: os.ftruncate(spare, 0),
    "unlink": lambda: os.unlink(directory / "nowhere"),
    "rename": lambda: os.rename(directory / "nowhere", directory / "nobody"),
}[call]

def fails():
    try:
        harmless()
    except OSError as found:
        return found.errno == getattr(errno, error)
    return False

def beside(path):
    "Another process that has the file open: what is in the WAL stays there when our connection closes."
    ready, say = os.pipe()
    child = os.fork()
    if child == 0:
        if path.exists():
            connection = sqlite3.connect(path)
            connection.execute("SELECT count(*) FROM job").fetchone()
        os.writev(say, [b"."])
        signal.pause()
    os.read(ready, 1)
    return child

async def work(path):
    ledger = InlineLedger(path, journal_mode=mode, timeout=1)
    outcomes = []
    for name, size in COMMITS:
        try:
            await commit(ledger, name, size=size)
        except LedgerWriteError as refusal:
            outcomes.append(str(refusal))
        else:
            outcomes.append("")
    return outcomes

forever, places = sys.argv[5] == "forever", [int(k) for k in sys.argv[6:]]
for k in places:
    if os.fork() == 0:
        path = directory / str(k) / "ledger"
        other = beside(path)
        for _ in range(places[-1] - k):
            assert not fails()
        outcomes = asyncio.run(work(path))
        os.kill(other, signal.SIGKILL)
        os.waitpid(other, 0)
        in_vain = not forever and any([fails() for _ in range(k)])
        os.writev(1, [json.dumps([k, in_vain, outcomes]).encode(), b"\\n"])
        os._exit(in_vain)  # nothing is closed: as if it had been killed
    ended = os.waitstatus_to_exitcode(os.wait()[1])
    assert ended in (0, 1)
    if ended:
        break
"""


@functools.cache
def traced() -> bool:
    """Whether one process may trace another here."""
    if STRACE is None:
        return False
    probe = [STRACE, "-f", "-o", "/dev/null", "-e", "inject=fsync:error=EIO:when=1", sys.executable, "-c"]
    code = "import os\ntry: os.fsync(1)\nexcept OSError as error: print(error.errno)"
    answer = subprocess.run([*probe, code], capture_output=True, text=True, check=False)
    return answer.stdout == "5\n"


def inject(
    directory: Path, mode: str, call: str, error: str, places: Sequence[int], *, forever: bool = False
) -> list[tuple[int, list[str]]]:
    """(k, outcomes of `COMMITS`) for each k of `places`, up to the number of such calls."""
    if not traced():
        pytest.skip(f"0 of some {len(places)} faults were injected: strace is missing, or may not trace here")
    command = [str(STRACE), "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", f"trace={call}", "-e"]
    command += [f"inject={call}:error={error}:when={places[-1]}{'+' if forever else ''}", sys.executable, "-c", FORKS]
    command += [str(directory), mode, call, error, "forever" if forever else "once", *map(str, places)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=110)
    assert answer.returncode == 0, answer.stderr
    rows = [json.loads(line) for line in answer.stdout.splitlines()]
    return [(k, outcomes) for k, in_vain, outcomes in rows if not in_vain]


async def prepare(directory: Path, mode: str, places: Sequence[int]) -> None:
    """A ledger for each, so that the calls to come are those of commits and not of making tables."""
    template = InlineLedger(directory / "template", journal_mode=mode)
    await template.unsettled()
    await template.aclose()
    for k in places:
        (directory / str(k)).mkdir()
        shutil.copy(template.path, directory / str(k) / "ledger")
        (directory / str(k) / "ledger").chmod(0o600)


async def check(path: Path, mode: str, outcomes: list[str], *, doubts: bool) -> None:
    ledger = InlineLedger(path, journal_mode=mode)
    for (name, size), refused in zip(COMMITS, outcomes, strict=True):
        there = await whole(ledger, name, size=size)
        if not (doubts and "may be there or not" in refused):
            assert there == (not refused), f"{path}: {name} {'is' if there else 'is not'} there: {refused!r}"
        if not there:
            await commit(ledger, name, size=size)
            assert await whole(ledger, name, size=size)
    await ledger.aclose()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


# What fails, and how often at least such a call is made (a lower number would mean that something else is tested).
CALLS = [
    ("pwrite64", "ENOSPC", 6),
    pytest.param("pwrite64", "ENOSPC", 30, marks=pytest.mark.soak),
    pytest.param("pwrite64", "EIO", 30, marks=pytest.mark.soak),  # the same ways as a full disk
    ("fsync", "EIO", 3),
    ("fdatasync", "EIO", 4),
    ("write", "ENOSPC", 1),
    ("unlink", "EIO", 0),
    ("rename", "EIO", 1),
    ("ftruncate", "EIO", 0),
]
EACH = pytest.mark.parametrize(("call", "error", "least"), CALLS)


@MODES
@EACH
@pytest.mark.timeout(120)
async def test_one_call_that_fails(tmp_path: Path, mode: str, call: str, error: str, least: int) -> None:
    places = range(1, 160, 5 if least == 6 else 1)  # every fifth of them, or in a soak all
    await prepare(tmp_path, mode, places)
    rows = inject(tmp_path, mode, call, error, places)
    assert least <= len(rows) < len(places)
    for k, outcomes in rows:
        await check(tmp_path / str(k) / "ledger", mode, outcomes, doubts=False)
        assert sum(map(bool, outcomes)) <= 1, outcomes  # the next one is written


@MODES
@pytest.mark.parametrize(("call", "error"), [("pwrite64", "ENOSPC"), ("fdatasync", "EIO")])
@pytest.mark.timeout(120)
async def test_a_disk_that_fails_and_stays_so(tmp_path: Path, mode: str, call: str, error: str) -> None:
    places = range(1, 60, 2 if call == "pwrite64" else 1)[:20]
    await prepare(tmp_path, mode, places)
    rows = inject(tmp_path, mode, call, error, places, forever=True)
    assert len(rows) == len(places)
    for k, outcomes in rows:
        # where nothing can be synced any more, nobody can know, and the error says so; a full disk is no such case
        await check(tmp_path / str(k) / "ledger", mode, outcomes, doubts=call == "fdatasync")
        first = next((n for n, outcome in enumerate(outcomes) if outcome), len(outcomes))
        assert all(outcomes[first:]), outcomes


@MODES
@pytest.mark.parametrize(("call", "error"), [("pwrite64", "ENOSPC"), ("fdatasync", "EIO"), ("fsync", "EIO")])
@pytest.mark.timeout(120)
async def test_one_call_that_fails_while_a_ledger_is_made(tmp_path: Path, mode: str, call: str, error: str) -> None:
    places = range(1, 150, 9) if call == "pwrite64" else range(1, 9)
    rows = inject(tmp_path, mode, call, error, places)
    assert len(rows) >= 5
    for k, outcomes in rows:
        await check(tmp_path / str(k) / "ledger", mode, outcomes, doubts=False)
        assert sum(map(bool, outcomes)) <= 1, outcomes


@MODES
@EACH
@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_every_call_that_fails_while_a_ledger_is_made(
    tmp_path: Path, mode: str, call: str, error: str, least: int
) -> None:
    for start in range(1, MOST, 100):
        rows = inject(tmp_path, mode, call, error, range(start, start + 100))
        for k, outcomes in rows:
            await check(tmp_path / str(k) / "ledger", mode, outcomes, doubts=False)
        if len(rows) < 100:
            break
    assert start + len(rows) > least
