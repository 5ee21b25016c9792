"""OriginQ's cloud in every cell of the fault matrix."""

from __future__ import annotations

from quantumjobs.adapters.originq import provider
from quantumjobs.testing.emulators import OriginqEmulator
from quantumjobs.testing.rules import FaultRules


class TestSimulator(FaultRules):
    address = "originq/full_amplitude"
    counts = {"00": 10}
    operations = {"submit": "submit", "look": "task", "cancel": "cancel"}

    def make_emulator(self, *, queue: float) -> OriginqEmulator:
        return OriginqEmulator(results="zeros", queue=queue)

    def make_provider(self, url, *, token, deadlines, transport):
        settings = {"url": url, "api_key": token, "deadlines": deadlines}
        return provider(settings if transport is None else {**settings, "transport": transport})


class TestChip(TestSimulator):
    """Tasks that are placed by the chip's own description: the one request that simulators do without."""

    only = frozenset({"describe"})
    address = "originq/WK_C180"
    operations = {**TestSimulator.operations, "describe": "chip"}
    options = {"mapping": False}
