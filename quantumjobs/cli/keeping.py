"""`quantumjobs gc`, `export` and `import`: what is kept in the ledger, and what goes out of it and into it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence

from quantumjobs.cli import clients, facts, pages
from quantumjobs.cli.asked_jobs import Export, Gc, Import
from quantumjobs.cli.choosing import shown
from quantumjobs.cli.documents import document
from quantumjobs.cli.exits import Exit
from quantumjobs.cli.sizes import size
from quantumjobs.cli.terminal import Terminal
from quantumjobs.client.client import Client
from quantumjobs.core.states import JobState
from quantumjobs.display import neutral
from quantumjobs.engine.job import Job
from quantumjobs.errors import LedgerError


# --- gc ---------------------------------------------------------------------------------
def gc(asked: Gc, terminal: Terminal) -> Exit:
    """Forget what finished long ago, and print what that was; with `dry_run`, only print it."""
    asyncio.run(_gc(asked, terminal))
    return Exit.DONE


async def _gc(asked: Gc, terminal: Terminal) -> None:
    async with clients.open_client() as client:
        jobs = await client.jobs()
        now = time.time()
        old = outdated(jobs, now - asked.older_than)
        told = [facts.summary(job) for job in old]
        lines = pages.listed(old, terminal, now)
        freed = await _bytes(client, old, jobs) if asked.dry_run else await client.forget(old) if old else 0
    if asked.json:
        terminal.show([document("gc", Exit.DONE, jobs=told, bytes=freed, dry_run=asked.dry_run)])
        return
    would = "would be forgotten, which frees" if asked.dry_run else "forgotten, which freed"
    terminal.show([*lines, f"{_number(len(old))} {would} {size(freed)}"])


def outdated(jobs: Iterable[Job], before: float) -> list[Job]:
    """Those with nothing left to do whose last change was before a moment. Never one that lives or is in doubt."""
    return [job for job in jobs if facts.settled(job) and facts.ended_at(job) < before]


async def _bytes(client: Client, old: Sequence[Job], jobs: Sequence[Job]) -> int:
    """What forgetting them would free: the bodies that no other job has in common with them."""
    going = set(old)
    stays = set[str]().union(*(_bodies(job) for job in jobs if job not in going))
    total = 0
    for digest in set[str]().union(*map(_bodies, old)) - stays:
        try:
            total += len(await (await client._start()).ledger.blob(digest))
        except LedgerError:  # it is missing or damaged: `doctor` tells
            continue
    return total


def _bodies(job: Job) -> set[str]:
    found = {job._handle.request}
    for record in job.parts:
        found |= {record.payload, record.layout, *(record.result.blobs.values() if record.result else ())}
    return found - {""}


# --- export and import ------------------------------------------------------------------
def export(asked: Export, terminal: Terminal) -> Exit:
    """Write jobs into a file. Raises `UsageError` for an id, or a file that is there."""
    number = asyncio.run(_export(asked))
    if asked.json:
        terminal.show([document("export", Exit.DONE, file=str(asked.file), jobs=number)])
    else:
        terminal.show([f"{_number(number)} written to {neutral(str(asked.file), unicode=terminal.unicode)}"])
    return Exit.DONE


async def _export(asked: Export) -> int:
    async with clients.open_client() as client:
        chosen = await shown(client, asked.ids) if asked.ids else None
        return await client.export(asked.file, chosen)


def import_jobs(asked: Import, terminal: Terminal) -> Exit:
    """Take the jobs of a file into the ledger; those it has already stay as they are. Raises `UsageError`."""
    jobs, known = asyncio.run(_import(asked))
    new = [job for job in jobs if job.id not in known]
    if asked.json:
        told = [{**facts.summary(job), "already": job.id in known} for job in jobs]
        terminal.show([document("import", Exit.DONE, file=str(asked.file), jobs=told)])
        return Exit.DONE
    there = len(jobs) - len(new)
    terminal.show([f"{_number(len(new))} came in, {there} {'was' if there == 1 else 'were'} there already"])
    if new:
        terminal.show(["  pickles in it are never loaded or run: jobs that need one are kept, and not run again here"])
    doubts = sum(job.state is JobState.IN_DOUBT for job in new)
    if doubts:
        terminal.show([f"  {_number(doubts)} in doubt, which only the ledger of old knows more of: quantumjobs doctor"])
    return Exit.DONE


async def _import(asked: Import) -> tuple[list[Job], set[str]]:
    async with clients.open_client() as client:
        known = {job.id for job in await client.jobs()}
        return await client.import_jobs(asked.file), known


def _number(jobs: int) -> str:
    return f"{jobs} job{'' if jobs == 1 else 's'}"
