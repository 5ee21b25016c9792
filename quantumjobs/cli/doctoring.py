"""`quantumjobs doctor`: what needs somebody's attention. Asks no provider, and changes nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from quantumjobs.cli import clients, pages
from quantumjobs.cli.asked_jobs import Doctor
from quantumjobs.cli.diagnosis import Diagnosis, Doubt, as_json, diagnose
from quantumjobs.cli.documents import document
from quantumjobs.cli.exits import Exit
from quantumjobs.cli.sizes import size
from quantumjobs.cli.table import pairs
from quantumjobs.cli.terminal import Plain, Terminal
from quantumjobs.cli.times import ago, local
from quantumjobs.display import one_line
from quantumjobs.ledgers.sqlite import Health


def doctor(asked: Doctor, terminal: Terminal) -> Exit:
    """Print what was found. Raises `LedgerError` where the ledger cannot be read at all."""
    return asyncio.run(_doctor(asked, terminal))


async def _doctor(asked: Doctor, terminal: Terminal) -> Exit:
    async with clients.open_client() as client:
        found = diagnose(await client.jobs(), await client.health())
        if asked.json:
            terminal.show([document("doctor", found.code, **as_json(found))])
        else:
            terminal.show(_page(found, time.time(), unicode=terminal.unicode))
    return found.code


def _page(found: Diagnosis, now: float, *, unicode: bool) -> Iterable[str]:
    yield from _ledger(found.health, unicode=unicode)
    for text in found.warnings:
        yield f"wrong: {one_line(text, unicode=unicode)}"
    for job, why in found.elsewhere:
        yield f"not followed here: {one_line(pages.label(job), unicode=unicode)}, {job.state}"
        yield Plain(f"  {one_line(why, unicode=unicode)}")
    for text in found.notes:
        yield f"note: {one_line(text, unicode=unicode)}"
    for doubt in found.doubts:
        yield from _doubt(doubt, now, unicode=unicode)
    if not found.doubts:
        yield "no job is in doubt"


def _ledger(health: Health | None, *, unicode: bool) -> Iterable[str]:
    if health is None:
        yield "ledger: in this process's memory"
        return
    yield f"ledger {one_line(health.path, unicode=unicode)}"
    version = "newer than this program, read only" if health.read_only else "this program's"
    yield from map(
        Plain,
        pairs(
            [
                ("SQLite", f"{health.sqlite_version}, journal mode {health.journal_mode}"),
                ("schema", f"{health.schema_version} ({version})"),
                ("integrity", health.integrity),
                ("permissions", f"file {health.file_mode}, directory {health.directory_mode}"),
                (
                    "file system",
                    f"{health.network_file_system}, over a network" if health.network_file_system else "local",
                ),
                ("size", f"{size(health.file_size)}, and {size(health.bodies_size)} of circuits and results in files"),
                ("owners", f"{health.owners_alive} alive, {health.owners_dead} gone that left unfinished jobs"),
            ],
            unicode=unicode,
        ),
    )


def _doubt(doubt: Doubt, now: float, *, unicode: bool) -> Iterable[str]:
    job, record = doubt.job, doubt.record
    provider, _, rest = record.lane.partition(":")
    origin, _, account = rest.rpartition(":")
    sent = "" if record.sent_at is None else f"{local(record.sent_at)}, {ago(now - record.sent_at)} ago"
    yield f"in doubt: job {job.id}"
    yield from map(
        Plain,
        pairs(
            [
                ("name", job.name or ""),
                ("backend", job.backend),
                ("provider", provider),
                ("origin", origin),
                ("account", account),
                ("sent", sent),
                ("attempts", str(record.attempts)),
                ("token", record.id),
                ("why", record.reason),
                ("check", doubt.check),
            ],
            unicode=unicode,
        ),
    )
    yield from pages.ways_out(job)
