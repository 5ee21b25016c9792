"""Braket in every cell of the fault matrix."""

from __future__ import annotations

from typing import Any

from quantumjobs.adapters.braket import provider
from quantumjobs.testing.emulators import BraketEmulator
from quantumjobs.testing.rules import FaultRules
from tests.adapters.braket.helpers import settings_of


class TestSimulator(FaultRules):
    address = "braket/sv1"
    counts = {"00": 10}
    operations = {"describe": "describe", "submit": "submit", "look": "poll", "fetch": "fetch", "cancel": "cancel"}
    bucket = {"s3_bucket": "of-my-own"}

    def make_emulator(self, *, queue: float) -> BraketEmulator:
        return BraketEmulator(results="zeros", queue=queue)

    def make_provider(self, url, *, token, deadlines, transport):
        async def keys() -> tuple[str, str]:
            secret = await token()
            return f"AKID{secret[-12:].upper()}", secret

        settings: dict[str, Any] = settings_of(url, credentials=keys, deadlines=deadlines, **self.bucket)
        return provider(settings if transport is None else {**settings, "transport": transport})


class TestIdentity(TestSimulator):
    """The account's number, which is asked for once, where the bucket is not named."""

    only = frozenset({"describe"})
    operations = {**TestSimulator.operations, "describe": "identity"}
    bucket = {}
