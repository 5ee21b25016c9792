"""How many durable intents a second, awaited one at a time, against DBOS's durable steps on SQLite?

Ours: `await ledger.commit(...)` as a new job needs it (a record, its handle, and three bodies: request, payload and
layout), each awaited before the next is made, on an `SqliteLedger` with its default settings, in a loop of asyncio. DBOS:
one workflow whose steps do nothing, each awaited before the next begins, in an environment of its own (`nox -s oracles
-- --bench` makes it); an async workflow, as ours is, and a blocking one, which is quicker. Both write new files in one
folder. In turns; a turn of either starts its own threads and connections, which are warm before the clock starts.

DBOS 3.4 sets no pragma of durability (`dbos/_sys_db_sqlite.py`: busy_timeout and foreign_keys), so it has SQLite's
defaults: a rollback journal (DELETE) and `synchronous = FULL`. That outlives a killed process; a power cut may bring an
unlinked journal back and undo the last commits. Each step is one IMMEDIATE transaction with one row, and a look first
whether the row is there already. Our ledger has WAL with FULL where the linked SQLite is safe with it, else DELETE with
EXTRA, which syncs the folder, too: the commit outlives a power cut. So DBOS is also measured with EXTRA, and ours in
both journal modes. The pragmas that are printed were asked of the connections in use.

Not compared: what DBOS's steps can do beyond being kept (retries, recovery of a whole workflow), and its Postgres.

Target: at least three times the steps of DBOS's quicker form, as both are by default.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

from measure import BELL, Bench, alternate, ratio

from quantumjobs.abc import Change, Circuit, Request
from quantumjobs.core.records import Handle, JobRecord, Link
from quantumjobs.engine.bodies import digest, encode_request
from quantumjobs.ledgers.sqlite import SqliteLedger
from quantumjobs.ledgers.sqlite.connection import JournalMode, pragma
from quantumjobs.testing import FakeProvider

VARIABLE = "QUANTUMJOBS_ORACLE_DBOS"
WARM = 50
SYNCHRONOUS = {2: "FULL", 3: "EXTRA"}
Turn = Callable[[], dict[str, Any]]


def intents(home: Path, count: int, mode: JournalMode = "auto") -> dict[str, Any]:
    """So many per second, and the pragmas."""
    with tempfile.TemporaryDirectory(dir=home) as folder:
        return asyncio.run(_intents(SqliteLedger(Path(folder) / "ledger", journal_mode=mode), count))


async def _intents(ledger: SqliteLedger, count: int) -> dict[str, Any]:
    fake = FakeProvider()
    for number in range(WARM):
        await _intent(ledger, fake, -1 - number)
    began = time.perf_counter()
    for number in range(count):
        await _intent(ledger, fake, number)
    seconds = time.perf_counter() - began
    assert len(await ledger.handles()) == count + WARM
    told = {name: await ledger._do(lambda name=name: pragma(ledger._store.open(), name)) for name in PRAGMAS}
    await ledger.aclose()
    return {"rate": count / seconds, **told}


PRAGMAS = ("journal_mode", "synchronous")


async def _intent(ledger: SqliteLedger, fake: FakeProvider, number: int) -> None:
    """What `engine/intents.py` keeps of a new job."""
    now = time.time()
    request = Request(backend="sim", circuits=(Circuit("qasm", f"{BELL}// {number}\n".encode()),), shots=100)
    part = fake.codec.prepare(request, fake.about, seed=number).parts[0]
    asked = encode_request(request)
    blobs = {digest(body): body for body in (asked, part.payload, part.layout)}
    record = JobRecord(
        id=uuid4().hex,
        provider="fake",
        lane=fake.lane("sim"),
        backend="sim",
        family=fake.family("sim"),
        payload=digest(part.payload),
        layout=digest(part.layout),
        created_at=now,
        circuits=part.count,
    )
    links = (Link(record.id, 0, 1),)
    handle = Handle(id=uuid4().hex, address="fake/sim", links=links, created_at=now, request=digest(asked), single=True)
    await ledger.commit([Change(record=record)], handles=(handle,), blobs=blobs)


def steps(home: Path, count: int, *options: str) -> dict[str, Any]:
    """What `dbos_steps.py` tells; `rate` is that of the quicker form."""
    python = os.environ.get(VARIABLE)
    if not python:
        raise SystemExit(f"{VARIABLE} names no interpreter: run this by `nox -s oracles -- --bench`")
    script = Path(__file__).with_name("dbos_steps.py")
    with tempfile.TemporaryDirectory(dir=home) as folder:
        done = subprocess.run(
            [python, "-I", str(script), str(Path(folder) / "steps.sqlite"), str(count), *options],
            stdout=subprocess.PIPE,
            env={"PATH": os.environ.get("PATH", ""), "HOME": folder},
            cwd=folder,
            check=True,
            timeout=300,
        )
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["kept"] == 2 * count, "not every step was kept"
    return {**told, "rate": max(told["async"], told["blocking"])}


def main() -> None:
    bench = Bench(__doc__)
    options = bench.parse()
    count, rounds = (100, 1) if options.quick else (300, 7)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        home = Path(folder)
        turns: dict[str, Turn] = {
            "ours, as it is by default": lambda: intents(home, count),
            "ours, WAL": lambda: intents(home, count, "wal"),
            "ours, DELETE": lambda: intents(home, count, "delete"),
            "DBOS, as it is by default": lambda: steps(home, count),
            "DBOS, EXTRA": lambda: steps(home, count, "EXTRA"),
        }
        told = dict(zip(turns, alternate(rounds, *turns.values()), strict=True))
    print(
        f"  SQLite {sqlite3.sqlite_version}, DBOS {told['DBOS, EXTRA'][0]['version']} on {told['DBOS, EXTRA'][0]['sqlite']}"
    )
    for name, rows in told.items():
        pragmas = f"{rows[0]['journal_mode']}, {SYNCHRONOUS[rows[0]['synchronous']]}"
        bench.figure(f"{name} ({pragmas})", median(row["rate"] for row in rows), " a second")
    for form in ("async", "blocking"):
        rate = median(row[form] for row in told["DBOS, as it is by default"])
        bench.figure(f"DBOS, as it is by default, {form} workflow", rate, " a second")
    rates = {name: [row["rate"] for row in rows] for name, rows in told.items()}
    default, theirs, extra = (
        rates["ours, as it is by default"],
        rates["DBOS, as it is by default"],
        rates["DBOS, EXTRA"],
    )
    bench.figure("ours / DBOS, as they are by default", ratio(default, theirs), "x", least=3.0)
    bench.figure("ours / DBOS, both DELETE and EXTRA", ratio(rates["ours, DELETE"], extra), "x")
    bench.figure("ours WAL / DBOS, both FULL", ratio(rates["ours, WAL"], theirs), "x")
    bench.end()


if __name__ == "__main__":
    main()
