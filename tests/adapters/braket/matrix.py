"""Braket's emulator, and a provider on it, for the fault matrix."""

from __future__ import annotations

from typing import Any

from quantumjobs.adapters.braket import provider
from quantumjobs.testing.emulators import BraketEmulator
from quantumjobs.testing.rules import FaultRules
from tests.adapters.braket.helpers import settings_of


class BraketFaults(FaultRules):
    more: dict[str, Any] = {"s3_bucket": "of-my-own"}
    """Further settings of the provider."""

    def make_emulator(self, *, queue: float) -> BraketEmulator:
        return BraketEmulator(results="zeros", queue=queue)

    def make_provider(self, url, *, token, deadlines, transport):
        async def keys() -> tuple[str, str]:
            secret = await token()
            return f"AKID{secret[-12:].upper()}", secret

        settings: dict[str, Any] = settings_of(url, credentials=keys, deadlines=deadlines, **self.more)
        return provider(settings if transport is None else {**settings, "transport": transport})
