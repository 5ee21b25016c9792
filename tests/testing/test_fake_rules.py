"""The fake provider keeps the contract, in every guise it can take."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import pytest

from quantumjobs.abc import Circuit, Provider, Request
from quantumjobs.core.states import Fetch
from quantumjobs.core.traits import Findable, Idempotent, Rerunnable
from quantumjobs.testing.adapter_rules import AdapterRules
from quantumjobs.testing.fake import FakeProvider

CIRCUITS = tuple(Circuit("qasm", body) for body in (b"one", b"two", b"three"))


class FakeRules(AdapterRules):
    settings: dict[str, Any] = {}

    async def make_provider(self, stack: AsyncExitStack) -> Provider:
        return FakeProvider(**{"queued": 5, "running": 20} | self.settings)

    def request(self) -> Request:
        return Request(backend="sim", circuits=CIRCUITS, shots=100)


class TestPlain(FakeRules):
    pass


class TestBulkWithSeparateResults(FakeRules):
    settings = {"bulk": 10, "fetch": Fetch.EAGER, "submit_class": Idempotent(60.0), "hints": True, "survey_from": 3}


class TestFindableWithLazyResults(FakeRules):
    settings = {"fetch": Fetch.LAZY, "submit_class": Findable(10.0), "find_lag": 5, "stages": True, "latency": 0.2}


class TestPushing(FakeRules):
    settings = {"pushes": True, "submit_class": Rerunnable(), "cancel": "accepted"}


class TestHolding(FakeRules):
    settings = {"holds": True, "cancel": "refused"}


class TestWithoutCancel(FakeRules):
    settings = {"cancel": "unsupported", "part_size": 2}


class TestWithoutAWordForCancelled(FakeRules):
    settings = {"no_cancelled_word": True}


class TestInstant(FakeRules):
    settings = {"queued": 0, "running": 0}


# --- a rule that finds nothing is no rule ------------------------------------------------
RULES = [name for name in dir(AdapterRules) if name.startswith("test_")]
FAULTY = {
    "gone as an exception": {"breaks": "poll"},
    "a trait without its method": {"fetch": Fetch.EAGER},
    "fails": {"outcome": "failed"},
}


@pytest.mark.parametrize("settings", FAULTY.values(), ids=FAULTY)
def test_a_faulty_provider_breaks_a_rule(settings: dict[str, Any]) -> None:
    class Faulty(FakeRules):
        async def make_provider(self, stack: AsyncExitStack) -> Provider:
            fake = FakeProvider(**settings)
            if "fetch" in settings:
                fake._adapter_class = FakeProvider()._adapter_class
            return fake

    broken = []
    for name in RULES:
        try:
            getattr(Faulty(), name)()
        except (AssertionError, KeyError):
            broken.append(name)
    assert broken
