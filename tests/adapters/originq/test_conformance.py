"""The public rules of the contract for OriginQ's cloud on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

from quantumjobs.abc import Circuit, Provider, Request
from quantumjobs.adapters.originq import provider
from quantumjobs.testing.adapter_rules import AdapterRules
from quantumjobs.testing.emulators import OriginqEmulator, serve

BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'


class TestAChip(AdapterRules):
    backend = "WK_C180"
    circuits = 2
    pause = 0.05
    secrets = ("302e0201canary5f2b9c/12345",)

    def request(self) -> Request:
        return Request(backend=self.backend, circuits=(Circuit("qasm", BELL.encode()),) * self.circuits, shots=20)

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        asyncio.run(main)

    async def make_provider(self, stack: AsyncExitStack) -> Provider:
        url = await stack.enter_async_context(serve(OriginqEmulator(seed=7, queue=0.2)))
        return provider({"url": url, "api_key": self.secrets[0]})
