"""`quantumjobs watch`: follow jobs that are there already, and print each as it ends."""

from __future__ import annotations

import asyncio

from quantumjobs.cli import clients, facts, pages
from quantumjobs.cli.asked_jobs import Watch
from quantumjobs.cli.board import Board, Line
from quantumjobs.cli.choosing import followed, short
from quantumjobs.cli.documents import document
from quantumjobs.cli.exits import Exit, Trouble, together
from quantumjobs.cli.interrupts import Interrupts, ignore
from quantumjobs.cli.terminal import Terminal
from quantumjobs.cli.waiting import wait_for
from quantumjobs.client.client import Client
from quantumjobs.engine.job import Job


def watch(asked: Watch, terminal: Terminal) -> Exit:
    """Wait for them. Being stopped ends the watching, never a job at a provider. Raises `UsageError` for an id."""
    try:
        jobs, cut = asyncio.run(_watch(asked, terminal))
    except asyncio.CancelledError:  # before there was anything to wait for
        raise KeyboardInterrupt from None
    code = together(facts.code_of(job) for job in jobs) if cut is None else cut.code
    if code is Exit.INTERRUPTED:
        ignore()
    if asked.json:
        terminal.show([document("watch", code, cut, jobs=[facts.summary(job) for job in jobs])])
    if cut is not None:
        going = sum(not job.done() for job in jobs)
        goes_on = f"{going} job{' goes' if going == 1 else 's go'} on" if going else "nothing goes on"
        terminal.complain(Trouble(cut.type, f"{cut.message}: {goes_on}", cut.hint, cut.code))
    return code


async def _watch(asked: Watch, terminal: Terminal) -> tuple[list[Job], Trouble | None]:
    with Interrupts() as interrupts:
        return await _watched(asked, terminal, interrupts)


async def _watched(asked: Watch, terminal: Terminal, interrupts: Interrupts) -> tuple[list[Job], Trouble | None]:
    async with clients.open_client() as client:
        jobs = await _chosen(client, asked.ids)
        if not jobs and not asked.json:
            terminal.say("no job goes on")
        async with Board(terminal, wanted=asked.progress) as board:
            cut = await follow(jobs, terminal, board, asked, interrupts)
    return jobs, cut


async def _chosen(client: Client, ids: tuple[str, ...]) -> list[Job]:
    """Those that were named; else all that have not ended and can be followed here, the oldest first.

    The latter may be very many: to wait for them is enough, then they are taken up together, within a second.
    """
    if ids:
        return await followed(client, ids)
    return [job for job in reversed(await client.jobs()) if not job.done() and facts.elsewhere(job) is None]


async def follow(
    jobs: list[Job], terminal: Terminal, board: Board, asked: Watch, interrupts: Interrupts
) -> Trouble | None:
    """Wait until all are over; returns why that was cut short, if it was."""
    size = short(job.id for job in jobs)

    async def one(job: Job, line: Line) -> None:
        line.follow(job)
        try:
            await job.wait()
        finally:
            await line.leave(job)
        board.lines.remove(line)
        if not asked.json:
            terminal.show([pages.ending(job, size)])
        found = facts.trouble_of(job)
        if found is not None:
            terminal.complain(found, job.error, label=pages.label(job, size))

    lines = [board.line(pages.label(job, size)) for job in jobs]
    tasks = [asyncio.create_task(one(job, line)) for job, line in zip(jobs, lines, strict=True)]
    try:
        return await wait_for(asyncio.gather(*tasks), asked.timeout, interrupts)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
