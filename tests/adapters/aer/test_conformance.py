"""The public rules of the contract, on real workers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

from quantumjobs.abc import Provider, Request
from quantumjobs.adapters.aer import provider
from quantumjobs.testing.adapter_rules import AdapterRules
from tests.adapters.aer import helpers
from tests.adapters.aer.test_codec import measured


class TestRules(AdapterRules):
    backend = "automatic"
    pause = 0.02

    async def make_provider(self, stack: AsyncExitStack) -> Provider:
        return provider({})

    def request(self) -> Request:
        return helpers.request([measured(2), measured(3)], backend=self.backend)

    # A simulation lives in its process and dies with its connection: it is run again, not found again.
    test_another_connection_knows_the_job = None
    test_an_adapter_keeps_nothing_about_jobs = None

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        asyncio.run(main)
