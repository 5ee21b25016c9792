"""IQM Server in every cell of the fault matrix."""

from __future__ import annotations

from quantumjobs.adapters.iqm import provider
from quantumjobs.adapters.iqm.replies import BLOCKED_FOR
from quantumjobs.testing.emulators import IqmEmulator
from quantumjobs.testing.fault_table import GIVES_UP
from quantumjobs.testing.rules import FaultRules


class TestServer(FaultRules):
    address = "iqm/garnet"
    counts = {"00": 10}
    operations = {
        "describe": "architecture",
        "submit": "submit",
        "look": "job",
        "fetch": "counts",
        "cancel": "cancel",
    }
    wordless = frozenset({"describe", "fetch"})
    blocked_for = BLOCKED_FOR
    # A run() waits 30 s for a description, and the server refuses for as long.
    otherwise = {f"test_describe_meets_429_{form}": GIVES_UP for form in ("without_retry_after", "with_nonsense")}

    def make_emulator(self, *, queue: float) -> IqmEmulator:
        return IqmEmulator(results="zeros", queue=queue)

    def make_provider(self, url, *, token, deadlines, transport):
        settings = {"url": url, "token": token, "deadlines": deadlines}
        return provider(settings if transport is None else {**settings, "transport": transport})


class TestComputers(TestServer):
    """Another request of a description."""

    only = frozenset({"describe"})
    operations = {**TestServer.operations, "describe": "computers"}
