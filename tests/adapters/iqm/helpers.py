"""What the tests on loopback share."""

from __future__ import annotations

from tenacity import wait_fixed

import quantumjobs as qj
from quantumjobs.core.schedule import Pace
from quantumjobs.engine.policies import Policy

GHZ = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; creg c[3]; h q[0]; cx q[0],q[1]; cx q[1],q[2]; measure q -> c;'
QUICK = {"iqm": Policy(wait=wait_fixed(0.01), pace=Pace(first=0.02, at_least=0.02))}
"""Looks as often as a test wants, and no longer pauses after those that failed."""


def client_of(url: str, **settings: object) -> qj.Client:
    """A client on one server; `policies` and `ledger` are the client's, all else the provider's."""
    policies = settings.pop("policies", QUICK)
    ledger = settings.pop("ledger", "memory")
    given = {"url": url, "token": "opaque-token", **settings}
    return qj.Client(ledger=ledger, providers={"iqm": given}, policies=policies)  # type: ignore[arg-type] # the caller knows them
