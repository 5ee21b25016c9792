"""The public rules of the contract for Braket on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

from quantumjobs.abc import Circuit, Provider, Request
from quantumjobs.adapters.braket import provider
from quantumjobs.testing.adapter_rules import AdapterRules
from quantumjobs.testing.emulators import BraketEmulator, serve
from tests.adapters.braket.helpers import SECRET, settings_of

BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'


class _Rules(AdapterRules):
    circuits = 2
    pause = 0.05
    secrets = (SECRET,)

    def request(self) -> Request:
        return Request(backend=self.backend, circuits=(Circuit("qasm", BELL.encode()),) * self.circuits, shots=20)

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        asyncio.run(main)

    async def make_provider(self, stack: AsyncExitStack) -> Provider:
        url = await stack.enter_async_context(serve(BraketEmulator(seed=7, queue=0.1, spilled=True)))
        return provider(settings_of(url))


class TestASimulator(_Rules):
    """Of a list each circuit is a task."""

    backend = "sv1"

    def request(self) -> Request:
        return Request(
            backend=self.backend,
            circuits=(Circuit("qasm", BELL.encode()),) * self.circuits,
            shots=20,
            options={"program_set": False},
        )


class TestAChip(_Rules):
    """A list is a program set, whose results are many objects."""

    backend = "Garnet"
    unknown_id = "arn:aws:braket:eu-north-1:123456789012:quantum-task/00000000-0000-4000-8000-000000000000"
