"""The public rules of the contract for hybrid jobs: at Braket on loopback, and on this machine."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from quantumjobs.abc import Program, Provider, Request
from quantumjobs.adapters.braket import provider
from quantumjobs.testing.adapter_rules import AdapterRules
from quantumjobs.testing.emulators import BraketEmulator, serve
from quantumjobs.workers.programs import Run
from tests.adapters.braket.helpers import SECRET, settings_of
from tests.workers.runs import ended, gone


def half(number: int) -> float:
    """What the program of these tests does."""
    return number / 2


class _Rules(AdapterRules):
    pause = 0.05
    secrets = (SECRET,)
    local = False

    def request(self) -> Request:
        program = Program(device="sv1", source=half, arguments={"number": 5}, local=self.local)
        return provider(settings_of("http://127.0.0.1:1")).program(program)

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        asyncio.run(main)


class TestAHybridJob(_Rules):
    backend = "hybrid/sv1"
    unknown_id = "arn:aws:braket:us-west-2:123456789012:job/00000000-0000-4000-8000-000000000000"

    async def make_provider(self, stack: AsyncExitStack) -> Provider:
        url = await stack.enter_async_context(serve(BraketEmulator(results="zeros", queue=0.1)))
        return provider(settings_of(url))


class TestALocalHybridJob(_Rules):
    backend = "local/sv1"
    unknown_id = "/nowhere/at/all"
    local = True

    async def make_provider(self, stack: AsyncExitStack) -> Provider:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.push_async_callback(asyncio.to_thread, all_over, Path(folder))  # they outlive who began them
        return provider({"local_jobs": folder})


def all_over(folder: Path) -> None:
    """Wait for the jobs in the folder, and for the processes that watched over them."""
    for job in folder.iterdir():
        if Run(job).state().state != "queued":
            ended(Run(job))
        gone(job)
