"""Braket's quantum tasks in every cell of the fault matrix."""

from __future__ import annotations

from tests.adapters.braket.matrix import BraketFaults


class TestSimulator(BraketFaults):
    address = "braket/sv1"
    counts = {"00": 10}
    operations = {"describe": "describe", "submit": "submit", "look": "poll", "fetch": "fetch", "cancel": "cancel"}


class TestIdentity(TestSimulator):
    """The account's number, which is asked for once, where the bucket is not named."""

    only = frozenset({"describe"})
    operations = {**TestSimulator.operations, "describe": "identity"}
    more = {}
