"""AQT's cloud and its direct access in every cell of the fault matrix."""

from __future__ import annotations

from quantumjobs.adapters.aqt import provider
from quantumjobs.testing.emulators import AqtEmulator
from quantumjobs.testing.rules import FaultRules


class TestCloud(FaultRules):
    address = "aqt/ws/ibex"
    counts = {"00": 10}
    operations = {"describe": "describe", "submit": "submit", "look": "result", "cancel": "cancel"}
    wordless = frozenset({"describe", "cancel"})
    bodiless = frozenset({"cancel"})

    def make_emulator(self, *, queue: float) -> AqtEmulator:
        return AqtEmulator(results="zeros", queue=queue)

    def make_provider(self, url, *, token, deadlines, transport):
        settings = {"url": url, "token": token, "deadlines": deadlines, "load_dotenv": False}
        return provider(settings if transport is None else {**settings, "transport": transport})


class TestCloudWorkspaces(TestCloud):
    """The other request of a description."""

    only = frozenset({"describe"})
    operations = {**TestCloud.operations, "describe": "workspaces"}


class TestDirect(FaultRules):
    counts = {"00": 10}
    operations = {"describe": "ions", "submit": "put", "look": "wait"}
    wordless = frozenset({"describe", "submit"})

    def address_at(self, url: str) -> str:
        return f"aqt/direct/{url.removeprefix('http://')}"

    def make_emulator(self, *, queue: float) -> AqtEmulator:
        return AqtEmulator(results="zeros", queue=queue)

    def make_provider(self, url, *, token, deadlines, transport):
        settings = {"direct_url": url, "token": token, "deadlines": deadlines, "load_dotenv": False}
        return provider(settings if transport is None else {**settings, "transport": transport})


class TestDirectName(TestDirect):
    """The other request of a description."""

    only = frozenset({"describe"})
    operations = {**TestDirect.operations, "describe": "name"}
