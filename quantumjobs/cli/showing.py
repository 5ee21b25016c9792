"""`quantumjobs show`: everything about one job, as the ledger has it. Nothing is sent, asked or taken over."""

from __future__ import annotations

import asyncio
import time

from quantumjobs.cli import clients, facts, pages
from quantumjobs.cli.asked_jobs import Show
from quantumjobs.cli.choosing import shown
from quantumjobs.cli.documents import document
from quantumjobs.cli.exits import Exit
from quantumjobs.cli.terminal import Terminal


def show(asked: Show, terminal: Terminal) -> Exit:
    """Print it. Raises `UsageError` for an id that is none, or several jobs'."""
    asyncio.run(_show(asked, terminal))
    return Exit.DONE


async def _show(asked: Show, terminal: Terminal) -> None:
    async with clients.open_client() as client:
        (job,) = await shown(client, [asked.id])
        if asked.json:
            terminal.show([document("show", Exit.DONE, job=facts.details(job))])
        else:
            terminal.show(pages.page(job, terminal, time.time()))
