"""The public rules of the contract, against the emulator on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

from quantumjobs.abc import Circuit, Provider, Request
from quantumjobs.adapters.aqt import provider
from quantumjobs.testing.adapter_rules import AdapterRules
from quantumjobs.testing.emulators import AqtEmulator, serve

BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'


class TestRules(AdapterRules):
    backend = "ws/ibex"
    pause = 0.05
    secrets = ("canary-5f2b9c",)

    async def make_provider(self, stack: AsyncExitStack) -> Provider:
        url = await stack.enter_async_context(serve(AqtEmulator(seed=7, queue=0.2)))
        return provider({"url": url, "token": self.secrets[0]})

    def request(self) -> Request:
        return Request(backend=self.backend, circuits=(Circuit("qasm", BELL.encode()),) * 2, shots=20)

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        asyncio.run(main)
