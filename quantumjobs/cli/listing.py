"""`quantumjobs backends`: what there is to run on."""

from __future__ import annotations

import asyncio

from quantumjobs.cli.asked import Backends
from quantumjobs.cli.exits import Exit
from quantumjobs.cli.report import backends_document
from quantumjobs.cli.terminal import Terminal
from quantumjobs.client.client import Client
from quantumjobs.display import neutral


def backends(asked: Backends, terminal: Terminal) -> Exit:
    """Print the addresses, one a line. Raises what `Client.backends` raises."""
    addresses = asyncio.run(_addresses())
    if asked.json:
        terminal.show([backends_document(addresses, Exit.DONE)])
    else:
        terminal.show([neutral(address) for address in addresses])
    return Exit.DONE


async def _addresses() -> list[str]:
    async with Client() as client:
        return await client.backends()
