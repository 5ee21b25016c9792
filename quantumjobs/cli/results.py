"""`quantumjobs result`: wait for one job that is there already, and print what was measured."""

from __future__ import annotations

import asyncio
from typing import Any

from quantumjobs.cli import clients
from quantumjobs.cli.asked_jobs import Fetch
from quantumjobs.cli.board import Board
from quantumjobs.cli.choosing import followed
from quantumjobs.cli.exits import Exit, Trouble, trouble
from quantumjobs.cli.interrupts import Interrupts, ignore
from quantumjobs.cli.pages import label
from quantumjobs.cli.report import Report, document, pieces, report
from quantumjobs.cli.terminal import Terminal
from quantumjobs.cli.waiting import wait_for, whereabouts
from quantumjobs.core.results import Result
from quantumjobs.engine.job import Job
from quantumjobs.errors import JobCancelled, JobFailed


def result(asked: Fetch, terminal: Terminal) -> Exit:
    """Print it, or what was finished of it. Raises `UsageError` for an id that is none, or several jobs'."""
    try:
        job, found, error = asyncio.run(_result(asked, terminal))
    except asyncio.CancelledError:  # before there was anything to wait for
        raise KeyboardInterrupt from None
    if found.code is Exit.INTERRUPTED:
        ignore()
    if asked.json:
        terminal.show([document([found], found.code, command="result")])
    else:
        terminal.show(pieces(found, label(job), width=terminal.width, top=asked.top, unicode=terminal.unicode))
    if found.trouble is not None:
        terminal.complain(found.trouble, error)
    return found.code


async def _result(asked: Fetch, terminal: Terminal) -> tuple[Job, Report, Exception | None]:
    with Interrupts() as interrupts:
        return await _told(asked, terminal, interrupts)


async def _told(asked: Fetch, terminal: Terminal, interrupts: Interrupts) -> tuple[Job, Report, Exception | None]:
    async with clients.open_client() as client:
        (job,) = await followed(client, [asked.id])
        async with Board(terminal, wanted=asked.progress) as board:
            outcome, cut, error = await _wait(job, board, asked, interrupts)
    found = None
    if error is not None:
        found = trouble(error)
    elif cut is not None:  # now it is known what became of a local simulation
        found = Trouble(cut.type, f"{cut.message}: {whereabouts(job)}", cut.hint, cut.code)
    return job, report(job.name, job.backend, job, outcome, found, memory=asked.memory), error


async def _wait(
    job: Job, board: Board, asked: Fetch, interrupts: Interrupts
) -> tuple[Result | dict[str, Any] | None, Trouble | None, Exception | None]:
    line = board.line(label(job))
    line.follow(job)
    outcome: Result | dict[str, Any] | None = None  # of a program, what it saved

    async def get() -> None:
        nonlocal outcome
        outcome = await job.result()

    try:
        cut = await wait_for(get(), asked.timeout, interrupts)
        return outcome, cut, None
    except (JobFailed, JobCancelled) as error:
        return error.partial, None, error
    except Exception as error:
        return None, None, error
    finally:
        await line.leave(job)
