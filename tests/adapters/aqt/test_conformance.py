"""The public rules of the contract for each of AQT's families: the cloud and a device on loopback, simulators in workers."""

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


class _Rules(AdapterRules):
    pause = 0.05
    secrets = ("canary-5f2b9c",)
    circuits = 2

    def request(self) -> Request:
        return Request(backend=self.backend, circuits=(Circuit("qasm", BELL.encode()),) * self.circuits, shots=20)

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        asyncio.run(main)


class TestTheCloud(_Rules):
    backend = "ws/ibex"

    async def make_provider(self, stack: AsyncExitStack) -> Provider:
        url = await stack.enter_async_context(serve(AqtEmulator(seed=7, queue=0.2)))
        return provider({"url": url, "token": self.secrets[0]})


class TestDirectAccess(_Rules):
    circuits = 1  # a part has no more

    async def make_provider(self, stack: AsyncExitStack) -> Provider:
        url = await stack.enter_async_context(serve(AqtEmulator(seed=7, queue=0.2)))
        self.backend = f"direct/{url.removeprefix('http://')}"
        return provider({"direct_url": url, "token": self.secrets[0]})


class TestOfflineSimulators(_Rules):
    backend = "default/offline_simulator_noise"
    # A simulation lives in its process and dies with its connection: it is run again, not found again.
    test_another_connection_knows_the_job = None
    test_an_adapter_keeps_nothing_about_jobs = None

    async def make_provider(self, stack: AsyncExitStack) -> Provider:
        return provider({"token": self.secrets[0]})
