"""Several objects, threads and processes on one ledger file: locks, ownership, kill -9, forks, cancelled callers."""

# ruff: noqa: ASYNC251 - nothing else runs in the loops of these tests
from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from quantumjobs.abc import Change
from quantumjobs.errors import LedgerError, LedgerWriteError
from quantumjobs.ledgers.sqlite import InlineLedger, SqliteLedger, owners
from quantumjobs.ledgers.sqlite.rows import Commit
from quantumjobs.testing.ledger_rules import after, job, started
from tests.ledgers.sqlite_helpers import MODES, commit, end, finish, intent, python, whole

pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks and signals of POSIX systems")

TRY = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
try:
    connection.execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError as error:
    print(error)
else:
    print("let in")
"""

HOLD = """
import asyncio, sys
from quantumjobs.ledgers.sqlite import SqliteLedger
from tests.ledgers.sqlite_helpers import intent

async def main():
    ledger = SqliteLedger(sys.argv[1])
    changes, handles, blobs = intent("held")
    await ledger.commit(changes, handles=handles, blobs=blobs)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    if sys.argv[2] == "close":
        await ledger.aclose()
        print("closed", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main())
"""

HAMMER = """
import asyncio, os, sys
from quantumjobs.abc import Change
from quantumjobs.ledgers.sqlite import SqliteLedger
from quantumjobs.ledgers.sqlite.rows import Commit
from quantumjobs.testing.ledger_rules import after, started
from tests.ledgers.sqlite_helpers import intent

path, mode, name, seconds = sys.argv[1:]
said = os.open(f"{path}.{name}.said", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

def say(line):
    os.write(said, f"{line}\\n".encode())
    os.fsync(said)

async def one(ledger, number):
    job = f"{name}-{number}"
    changes, handles, blobs = intent(job, size=70_000 if number % 40 == 0 else 100)
    await ledger.commit(changes, handles=handles, blobs=blobs)
    say(f"made {job}")
    await ledger.commit([Change(record=after(changes[0].record), event=started())])
    say(f"started {job}")
    await ledger.others(after=0)

async def main():
    ledger = SqliteLedger(path, journal_mode=mode)
    number = 0
    end = asyncio.get_running_loop().time() + float(seconds)
    while asyncio.get_running_loop().time() < end:
        await asyncio.gather(*(one(ledger, number + n) for n in range(8)))
        number += 8
    await ledger.aclose()

try:
    asyncio.run(main())
except Exception as error:
    say(f"error {error!r}")
    raise
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.sqlite3"


# --- locks ------------------------------------------------------------------------------
async def test_another_object_that_comes_and_goes_does_not_drop_the_locks_of_the_first(path: Path) -> None:
    first = InlineLedger(path, journal_mode="delete")
    await commit(first, "a")
    connection = first._store.open()
    connection.execute("BEGIN IMMEDIATE")
    second = InlineLedger(path, journal_mode="delete", timeout=0.01)
    assert [record.id for record in await second.unsettled()] == ["a"]
    await second.health()
    await second.backup(path.with_name("copy"))
    with pytest.raises(LedgerWriteError):
        await commit(second, "b")
    await second.aclose()
    with pytest.raises(LedgerError, match="is there already"):
        await InlineLedger(path, journal_mode="delete").backup(path)
    assert finish(python(TRY, path)) == "database is locked\n"
    connection.execute("ROLLBACK")
    assert finish(python(TRY, path)) == "let in\n"
    await first.aclose()


@MODES
@pytest.mark.real_time
async def test_several_objects_that_open_a_new_file_at_once_all_get_it(path: Path, mode: str) -> None:
    ledgers = [SqliteLedger(path, journal_mode=mode) for _ in range(8)]
    await asyncio.gather(*(commit(ledger, f"j{n}") for n, ledger in enumerate(ledgers)))
    assert len(await ledgers[0].unsettled()) == 8
    assert len({ledger._store.writer for ledger in ledgers}) == 8
    await asyncio.gather(*(ledger.aclose() for ledger in ledgers))


# --- ownership --------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["close", "exit", "kill"])
async def test_an_owner_is_alive_until_it_closes_ends_or_is_killed(path: Path, how: str) -> None:
    process = python(HOLD, path, how)
    ledger = InlineLedger(path)
    try:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        assert await ledger.orphans() == []
        if how == "kill":
            process.send_signal(signal.SIGKILL)
            process.wait(10)
        else:
            process.stdin.write("\n")
            process.stdin.flush()
            if how == "close":
                assert process.stdout.readline() == "closed\n"
            else:
                assert process.wait(10) == 0
        assert [record.id for record in await ledger.orphans()] == ["held"]
        (record,) = await ledger.orphans()
        await ledger.commit([Change(record=after(record, fence=record.fence + 1))])
        assert await ledger.orphans() == []
        left = owners.listed(path.with_name(f"{path.name}.owners"))
        assert left == [ledger._store.writer]  # the dead one's file is gone
    finally:
        end([process])
        await ledger.aclose()


async def test_an_owners_name_never_becomes_a_path_unchecked(path: Path) -> None:
    ledger = InlineLedger(path)
    await commit(ledger, "a")
    ledger._store.open().execute("UPDATE job SET owner = '../../etc/passwd'")
    with pytest.raises(LedgerError, match="not an owner's id"):
        await ledger.orphans()
    await ledger.aclose()


def test_looking_for_life_does_not_make_a_dead_owner_look_alive(tmp_path: Path) -> None:
    directory = tmp_path / "owners"
    dead = owners.Owner(directory)
    dead.abandon()
    looking = os.open(directory / dead.id, os.O_RDWR)
    assert owners._lock(looking, shared=True)  # another process, in the middle of its look
    assert not owners.alive(directory, dead.id)
    os.close(looking)
    assert owners.bury(directory) == []
    assert owners.listed(directory) == []


def test_the_living_are_not_buried(tmp_path: Path) -> None:
    one, other = owners.Owner(tmp_path), owners.Owner(tmp_path)
    assert sorted(owners.bury(tmp_path)) == sorted([one.id, other.id])
    one.release()
    one.release()
    assert (owners.alive(tmp_path, one.id), owners.alive(tmp_path, other.id)) == (False, True)
    other.release()
    assert owners.listed(tmp_path) == []


# --- forks ------------------------------------------------------------------------------
FORK = """
import asyncio, os, sys
from quantumjobs.errors import LedgerError
from quantumjobs.ledgers.sqlite import InlineLedger, SqliteLedger
from tests.ledgers.sqlite_helpers import commit

ledger = InlineLedger(sys.argv[1])
threaded = SqliteLedger(sys.argv[1])
loop = asyncio.new_event_loop()
loop.run_until_complete(commit(ledger, "a"))
loop.run_until_complete(commit(threaded, "b"))
if os.fork() == 0:
    for inherited in (ledger, threaded):
        for question in (inherited.unsettled(), commit(inherited, "c")):
            try:
                asyncio.new_event_loop().run_until_complete(question)
            except LedgerError as error:
                assert "before a fork" in str(error), error
            else:
                os._exit(1)
        asyncio.new_event_loop().run_until_complete(inherited.aclose())
    sys.stderr.close()
    print("child", os.getpid(), flush=True)
    sys.stdin.readline()
    os._exit(0)
print("parent", os.getpid(), flush=True)
sys.stdin.readline()
"""


MID_TRANSACTION = """
import asyncio, os, sys, threading, time
from quantumjobs.errors import LedgerError
from quantumjobs.ledgers.sqlite import InlineLedger, SqliteLedger, forks
from tests.ledgers.sqlite_helpers import commit

path, mode, kind, patience = sys.argv[1:]
forks.PATIENCE = float(patience)
ledger = (SqliteLedger if kind == "thread" else InlineLedger)(path, journal_mode=mode)
asyncio.run(commit(ledger, "a"))
inside = threading.Event()

def transaction():
    with ledger._store.reading() as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM job").fetchone()
        inside.set()
        time.sleep(0.3)
        connection.execute("ROLLBACK")

thread = threading.Thread(target=lambda: asyncio.run(ledger._do(transaction)))
thread.start()
inside.wait()
child = os.fork()
if child == 0:
    time.sleep(0.4)  # whatever happened at the fork, the parent is out of it by now
    for new in (InlineLedger(path, journal_mode=mode, timeout=1), SqliteLedger(path, journal_mode=mode, timeout=1)):
        try:
            asyncio.run(commit(new, f"child-{type(new).__name__}"))
            print("the child wrote")
        except LedgerError as error:
            print(error)
        asyncio.run(new.aclose())
    sys.stdout.flush()
    os._exit(0)
os.waitpid(child, 0)
thread.join()
asyncio.run(commit(ledger, "b"))
asyncio.run(ledger.aclose())
print("the parent wrote")
"""


@MODES
@pytest.mark.parametrize("kind", ["thread", "inline"])
@pytest.mark.parametrize("patience", ["10", "0.05"], ids=["in time", "in vain"])
def test_a_fork_waits_for_a_transaction_or_its_child_says_that_it_did_not(
    path: Path, mode: str, kind: str, patience: str
) -> None:
    source = "import warnings; warnings.simplefilter('ignore')\n" + MID_TRANSACTION
    *child, parent = finish(python(source, path, mode, kind, patience)).splitlines()
    assert len(child) == 2
    if patience == "10":
        assert set(child) == {"the child wrote"}
    else:
        assert all("forked in the middle of a ledger's transaction" in line for line in child)
    assert parent == "the parent wrote"


async def test_a_forked_child_keeps_no_ownership_and_uses_no_inherited_ledger(path: Path) -> None:
    process = python("import warnings; warnings.simplefilter('ignore')\n" + FORK, path)
    ledger = InlineLedger(path)
    assert process.stdout is not None
    found = dict(process.stdout.readline().split() for _ in range(2))
    try:
        assert await ledger.orphans() == []  # the child's aclose frees nothing of its parent's
        process.kill()
        process.wait(10)
        os.kill(int(found["child"]), 0)  # it is alive, and does not count
        assert [record.id for record in await ledger.orphans()] == ["a", "b"]
    finally:
        if "child" in found:
            os.kill(int(found["child"]), signal.SIGKILL)
        end([process])
        await ledger.aclose()


# --- kill -9 ----------------------------------------------------------------------------
@MODES
async def test_processes_that_are_killed_while_they_commit_lose_nothing_that_was_acknowledged(
    path: Path, mode: str
) -> None:
    seconds, draw = 6.0, random.Random(7)
    path.parent.mkdir(mode=0o700)
    begun = time.monotonic()
    names = iter(f"p{n}" for n in range(1000))
    running = {name: python(HAMMER, path, mode, name, 60) for name in (next(names), next(names))}
    survivor = python(HAMMER, path, mode, "survivor", seconds)
    killed = 0
    try:
        while time.monotonic() < begun + seconds:
            time.sleep(draw.uniform(0.5, 0.9))
            victim = draw.choice(sorted(running))
            process = running.pop(victim)
            assert process.poll() is None, process.communicate()
            end([process])
            killed += 1
            name = next(names)
            running[name] = python(HAMMER, path, mode, name, 60)
        finish(survivor)
    finally:
        end([*running.values(), survivor])
    said = [line.split(" ", 1) for file in path.parent.glob("*.said") for line in file.read_text().splitlines()]
    assert [line for line in said if line[0] == "error"] == []
    made = {job_id for what, job_id in said if what == "made"}
    begun_jobs = {job_id for what, job_id in said if what == "started"}
    assert killed >= 5
    assert len(made) > 50
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
    ledger = InlineLedger(path, journal_mode=mode)
    held = {record.id: record for record in await ledger.unsettled()}
    assert made - held.keys() == set()
    assert {job_id for job_id in begun_jobs if held[job_id].version != 1} == set()
    for record in held.values():
        assert await ledger.blob(record.payload)
    assert {record.id for record in await ledger.orphans()} == held.keys()
    await ledger.aclose()


# --- the thread -------------------------------------------------------------------------
@pytest.mark.real_time
async def test_commits_that_wait_are_written_together(path: Path) -> None:
    ledger = SqliteLedger(path)
    await commit(ledger, "first")
    groups = []
    real = ledger._store.commit_group

    def counted(commits: Sequence[Commit]) -> list[Exception | None]:
        groups.append(len(commits))
        return real(commits)

    ledger._store.commit_group = counted  # type: ignore[method-assign]
    await asyncio.gather(*(commit(ledger, f"j{n}") for n in range(200)))
    assert sum(groups) == 200
    assert len(groups) < 20
    assert len(await ledger.unsettled()) == 201
    await ledger.aclose()


@pytest.mark.real_time
async def test_a_question_sees_the_commits_before_it_though_nobody_waited_for_them(path: Path) -> None:
    ledger = SqliteLedger(path)
    tasks = []
    for n in range(20):
        tasks += [asyncio.ensure_future(commit(ledger, f"j{n}")), asyncio.ensure_future(ledger.records([f"j{n}"]))]
    answers = await asyncio.gather(*tasks)
    assert [[record.id for record in held] for held in answers[1::2]] == [[f"j{n}"] for n in range(20)]
    await ledger.aclose()


@pytest.mark.real_time
async def test_closing_answers_what_was_asked_before(path: Path) -> None:
    ledger = SqliteLedger(path)
    tasks = [asyncio.ensure_future(commit(ledger, f"j{n}")) for n in range(50)]
    await asyncio.sleep(0)
    await asyncio.gather(ledger.aclose(), ledger.aclose(), *tasks)
    again = InlineLedger(path)
    assert len(await again.orphans()) == 50
    await again.aclose()
    with pytest.raises(LedgerWriteError, match="closed"):
        await commit(ledger, "late")


@pytest.mark.real_time
async def test_a_cancelled_commit_is_whole_or_not_there_and_hurts_nobody(path: Path) -> None:
    ledger = SqliteLedger(path)
    tasks = [asyncio.ensure_future(commit(ledger, f"j{n}")) for n in range(60)]
    await asyncio.sleep(0.002)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert not any(isinstance(outcome, BaseException) for outcome in outcomes[1::2])
    for n in range(60):
        assert await whole(ledger, f"j{n}") or n % 2 == 0
    await ledger.aclose()


@pytest.mark.real_time
async def test_a_ledger_that_is_dropped_unclosed_lets_go_of_its_records(path: Path) -> None:
    before = set(threading.enumerate())  # other tests' clients may be open
    ledger = SqliteLedger(path)
    await commit(ledger, "a")
    del ledger
    gc.collect()
    other = InlineLedger(path)
    for _ in range(200):
        if await other.orphans():
            break
        await asyncio.sleep(0.01)
    assert [record.id for record in await other.orphans()] == ["a"]
    await other.aclose()
    assert not {thread for thread in threading.enumerate() if thread.name == "quantumjobs-ledger"} - before


@pytest.mark.real_time
async def test_a_loop_that_is_gone_disturbs_nobody(path: Path) -> None:
    ledger = SqliteLedger(path)
    loop = asyncio.new_event_loop()

    def elsewhere() -> None:
        async def leave() -> None:
            asyncio.get_running_loop().create_task(commit(ledger, "a"))
            await asyncio.sleep(0)

        loop.run_until_complete(leave())
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()

    await asyncio.to_thread(elsewhere)
    await commit(ledger, "b")
    assert await whole(ledger, "a")
    await ledger.aclose()


EXIT = """
import asyncio, sys
from quantumjobs.ledgers.sqlite import SqliteLedger
from tests.ledgers.sqlite_helpers import commit

async def main():
    global ledger
    ledger = SqliteLedger(sys.argv[1])
    await commit(ledger, "a")
    global tasks
    tasks = [asyncio.ensure_future(commit(ledger, f"j{n}")) for n in range(100)]
    await asyncio.sleep(0)

asyncio.run(main())
print("end")
"""


async def test_a_program_that_forgets_to_close_ends_at_once_and_in_silence(path: Path) -> None:
    process = python(EXIT, path)
    out, errors = process.communicate(timeout=20)
    assert (process.returncode, out, errors) == (0, "end\n", "")
    ledger = InlineLedger(path)
    assert await whole(ledger, "a")
    assert "a" in {record.id for record in await ledger.orphans()}
    await ledger.aclose()


@pytest.mark.real_time
async def test_others_is_cheap_while_nothing_changes_and_misses_nothing(path: Path) -> None:
    ledger, other = SqliteLedger(path), SqliteLedger(path)
    record = await commit(other, "a")
    cursor, _ = await ledger.others(after=0)
    seen: list[str] = []
    ledger._store.open().set_trace_callback(seen.append)
    for _ in range(5):
        assert await ledger.others(after=cursor) == (cursor, [])
    assert seen == ["PRAGMA data_version"] * 5
    ledger._store.open().set_trace_callback(None)
    for n in range(5):
        record = after(record)
        await other.commit([Change(record=record, event=started())])
        await commit(ledger, f"own-{n}")
        cursor, changed = await ledger.others(after=cursor)
        assert list(changed) == [record]
    assert list(await ledger.events(after=cursor)) == []
    _, unknown = await ledger.others(after=0)  # an old cursor is answered in full, whatever was seen since
    assert [one.id for one in unknown] == ["a"]
    await ledger.aclose()
    await other.aclose()


def test_the_intent_helper_makes_what_the_rules_make() -> None:
    changes, handles, blobs = intent("a")
    assert changes[0].record.id == job("a").id == handles[0].links[0].job
    assert changes[0].record.payload in blobs
