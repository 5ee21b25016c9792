"""What the engine's tests share: a circuit that the fake takes, and a client on a fake."""

from __future__ import annotations

from typing import Any

import quantumjobs as qj
from quantumjobs.engine.policies import Policy
from quantumjobs.testing.fake import FakeProvider

BELL = "OPENQASM 2.0; // the fake does not read it"


def client_on(fake: FakeProvider, **settings: Any) -> qj.Client:
    """A client with one provider, `fake`."""
    return qj.Client(ledger=settings.pop("ledger", "memory"), providers={"fake": fake}, **settings)


def policy(**settings: Any) -> dict[str, Policy]:
    """The fake's lane's habits."""
    return {"fake": Policy(**settings)}
