"""The fault matrix of the generic service: whole in one submit class, and what depends on the class in the others."""

from __future__ import annotations

from typing import Any

from quantumjobs.testing.emulators import GenericEmulator, GenericProvider
from quantumjobs.testing.rules import FaultRules


class Matrix(FaultRules):
    address = "generic/sim"
    counts = {"00": 10}
    operations = {"describe": "describe", "submit": "submit", "look": "look", "fetch": "result", "cancel": "cancel"}
    wordless = frozenset({"describe", "fetch"})
    submit: Any = "unknown"

    def make_emulator(self, *, queue: float) -> GenericEmulator:
        return GenericEmulator(results="zeros", queue=queue)

    def make_provider(self, url, *, token, deadlines, transport):
        return GenericProvider(
            url=url,
            token=token,
            submit=self.submit,
            settle=0.1,
            min_interval=0.05,
            deadlines=deadlines,
            transport=transport,
        )


class TestUnknown(Matrix):
    pass


class Submits(Matrix):
    """Nothing but a submit depends on its class."""

    only = frozenset({"submit"})


class TestIdempotent(Submits):
    submit = "idempotent"


class TestFindable(Submits):
    submit = "findable"
