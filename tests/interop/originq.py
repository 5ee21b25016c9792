"""OriginQ's emulator for tests that block, and a client that looks often."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from tenacity import wait_fixed

from quantumjobs.blocking import Client
from quantumjobs.core.schedule import Pace
from quantumjobs.engine.policies import Policy
from quantumjobs.testing.emulators import Fault, OriginqEmulator
from tests.interop.helpers import NEVER

FULL, CHIP = "originq/full_amplitude", "originq/WK_C180"
KEY = "302e0201canary3c9a/12345"
OFTEN = {"originq": Policy(wait=wait_fixed(0.01), pace=Pace(first=0.01, at_least=0.02, at_most=0.05))}
RARELY = {"originq": Policy(pace=Pace(first=NEVER, at_least=NEVER, at_most=NEVER))}
"""So that each look is one that somebody asked for."""
MAINTENANCE = '{"success": false, "code": 20045, "message": "under maintenance"}'
NO_OBJ = '{"success": true, "code": 10000, "message": "ok"}'
WEATHER = [
    Fault("schema", operation="task", body=MAINTENANCE),
    Fault("schema", operation="task", at=2, body=NO_OBJ),
    Fault("word", operation="task", at=3, word="42"),
    Fault("status", operation="task", status=502, at=4),
    Fault("garbage", operation="task", at=5),
    Fault("schema", operation="task", at=6, body='{"success": false, "code": 401, "message": "Unauthorized"}'),
]


def emulator(**settings: Any) -> OriginqEmulator:
    """What is measured first answers 1, the next one 0, then 1, ...; nothing is simulated."""
    return OriginqEmulator(**{"results": "10"} | settings)


def client_of(url: str, *, more: Mapping[str, Any] = {}, **settings: Any) -> Client:
    """A client of this service alone; `more` are further settings of the account."""
    providers = {"originq": {"url": url, "api_key": KEY, **more}}
    return Client(providers=providers, **{"ledger": "memory", "policies": OFTEN} | settings)


def sent(made: OriginqEmulator) -> list[dict[str, Any]]:
    """The bodies of the submissions."""
    return [json.loads(job.about.body) for job in made.jobs.values()]


def warm() -> Fault:
    return Fault("fail", operation="submit", body="the fridge is warm")


def registers() -> QuantumCircuit:
    """Nobody measures into the second one; `emulator()` answers "0 0 10"."""
    a, unused, b = ClassicalRegister(2, "a"), ClassicalRegister(1, "unused"), ClassicalRegister(1, "b")
    circuit = QuantumCircuit(QuantumRegister(2, "q"), a, unused, b, name="three", metadata={"angle": 0.5})
    circuit.measure([0, 1], [a[1], b[0]])
    return circuit
