"""Waiting for jobs that are there already, up to their end, the user's deadline, or Ctrl-C."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from quantumjobs.cli.exits import Exit, Trouble
from quantumjobs.cli.interrupts import Interrupts
from quantumjobs.engine.job import Job
from quantumjobs.errors import ResultTimeout


async def wait_for(waiting: Awaitable[object], timeout: float | None, interrupts: Interrupts) -> Trouble | None:
    """Wait; returns why the wait was cut short, if it was. Afterwards, Ctrl-C cancels nothing any more.

    Raises what `waiting` raises.
    """
    deadline = asyncio.timeout(timeout)
    try:
        async with deadline:
            await waiting
    except TimeoutError:
        if not deadline.expired():
            raise
        return Trouble(ResultTimeout.__name__, f"not done within {timeout:g} s", "", Exit.TIMEOUT)
    except asyncio.CancelledError:
        return Trouble("Interrupted", "interrupted", "", Exit.INTERRUPTED)
    finally:
        interrupts.over()
    return None


def whereabouts(job: Job) -> str:
    """What becomes of a job that is not waited for any more."""
    if job.done():
        return f"job {job.id} is {job.state}"
    at = f" as {job.remote_id}" if job.remote_id else ""
    return f"job {job.id} goes on at {job.provider}{at}"
