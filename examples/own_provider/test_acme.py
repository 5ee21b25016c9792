"""Every promise of the contract, and every kind of trouble, for a provider of one's own: `pytest test_acme.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

from acme import AcmeProvider
from acme_emulator import AcmeEmulator

from quantumjobs.abc import Circuit, Provider, Request
from quantumjobs.testing.emulators import serve
from quantumjobs.testing.rules import AdapterRules, FaultRules

BELL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;'


class TestAcme(AdapterRules):
    backend = "anvil"
    pause = 0.05
    secrets = ("canary-77",)

    async def make_provider(self, stack: AsyncExitStack) -> Provider:
        url = await stack.enter_async_context(serve(AcmeEmulator(seed=7, queue=0.2)))
        return AcmeProvider(url, self.secrets[0])

    def request(self) -> Request:
        return Request(backend=self.backend, circuits=(Circuit("qasm", BELL.encode()),) * 2, shots=20)

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        asyncio.run(main)  # sockets and workers have no virtual time


class TestAcmeInTrouble(FaultRules):
    address = "acme/anvil"
    counts = {"00": 10}
    operations = {"describe": "machine", "submit": "submit", "look": "look", "cancel": "cancel"}
    wordless = frozenset({"describe"})  # its other replies tell a status

    def make_emulator(self, *, queue: float) -> AcmeEmulator:
        return AcmeEmulator(results="zeros", queue=queue)

    def make_provider(self, url: str, **settings: Any) -> Provider:
        return AcmeProvider(url, **settings)
