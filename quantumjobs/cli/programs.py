"""Hybrid jobs on the command line: finding one, and doing something with it up to the deadline or Ctrl-C."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from quantumjobs.cli import clients
from quantumjobs.cli.choosing import shown
from quantumjobs.cli.exits import Trouble
from quantumjobs.cli.interrupts import Interrupts, ignore
from quantumjobs.cli.waiting import wait_for, whereabouts
from quantumjobs.engine.hybrid import HybridJob
from quantumjobs.engine.job import Job
from quantumjobs.errors import UsageError


def use(
    id: str, work: Callable[[HybridJob], Awaitable[object]], *, follows: bool, timeout: float | None = None
) -> tuple[HybridJob, Trouble | None]:
    """Do that with the job; returns it, and why that was cut short, if it was.

    `follows`: where nobody else follows the job, it is followed from here; else it stays as it is. Raises `UsageError`
    for an id that is none, or of a job that is no program, and what `work` raises.
    """

    async def used() -> tuple[HybridJob, Trouble | None]:
        with Interrupts() as interrupts:
            async with clients.open_client() as client:
                (found,) = await shown(client, [id])
                job = _program(found)  # a plain job is refused before anything becomes of it
                if follows:
                    job = _program(await client.job(job.id))
                cut = await wait_for(work(job), timeout, interrupts)
        return job, cut

    try:
        job, cut = asyncio.run(used())
    except asyncio.CancelledError:  # before there was anything to wait for
        raise KeyboardInterrupt from None
    if cut is None:
        return job, None
    ignore()
    return job, Trouble(cut.type, f"{cut.message}: {whereabouts(job)}", cut.hint, cut.code)


def _program(job: Job) -> HybridJob:
    if not isinstance(job, HybridJob):
        raise UsageError(
            f"job {job.id} is no hybrid job, it has circuits and no program; see 'quantumjobs result {job.id[:8]}'"
        )
    return job
