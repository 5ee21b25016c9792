"""`quantumjobs backends` and `quantumjobs jobs`: what there is to run on, and what was run."""

from __future__ import annotations

import asyncio
import time

from quantumjobs.cli import clients, facts, pages
from quantumjobs.cli.asked import Backends
from quantumjobs.cli.asked_jobs import Jobs
from quantumjobs.cli.documents import document
from quantumjobs.cli.exits import Exit
from quantumjobs.cli.terminal import Terminal
from quantumjobs.display import neutral


def backends(asked: Backends, terminal: Terminal) -> Exit:
    """Print the addresses, one a line. Raises what `Client.backends` raises."""
    addresses = asyncio.run(_addresses())
    if asked.json:
        terminal.show([document("backends", Exit.DONE, backends=addresses)])
    else:
        terminal.show([neutral(address) for address in addresses])
    return Exit.DONE


async def _addresses() -> list[str]:
    async with clients.open_client() as client:
        return await client.backends()


def jobs(asked: Jobs, terminal: Terminal) -> Exit:
    """Print the ledger's jobs, newest first. Asks nobody but the ledger; raises its errors."""
    asyncio.run(_jobs(asked, terminal))
    return Exit.DONE


async def _jobs(asked: Jobs, terminal: Terminal) -> None:
    async with clients.open_client() as client:
        found = await client.jobs(state=asked.state, provider=asked.provider, tag=asked.tag, since=asked.since)
        if asked.json:
            terminal.show([document("jobs", Exit.DONE, jobs=[facts.summary(job) for job in found])])
            return
        terminal.show(pages.listed(found, terminal, time.time()))
    if not found:
        terminal.say("no such job" if asked != Jobs() else "the ledger holds no jobs")
