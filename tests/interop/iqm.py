"""IQM's emulator for tests that block, a client that looks often, and what a submission said."""

from __future__ import annotations

import json
from typing import Any

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from tenacity import wait_fixed

from quantumjobs.blocking import Client
from quantumjobs.core.schedule import Pace
from quantumjobs.engine.policies import Policy
from quantumjobs.testing.emulators import Fault, IqmEmulator
from quantumjobs.testing.emulators.iqm_jobs import IqmJob
from tests.interop.helpers import NEVER

GARNET = "iqm/garnet"
TOKEN = "canary-3c9a"
OFTEN = {"iqm": Policy(wait=wait_fixed(0.01), pace=Pace(first=0.01, at_least=0.02, at_most=0.05))}
RARELY = {"iqm": Policy(pace=Pace(first=NEVER, at_least=NEVER, at_most=NEVER))}
"""So that each look is one that somebody asked for."""
WEATHER = [
    Fault("status", operation="job", status=429, retry_after=0),
    Fault("status", operation="job", status=502, at=2),
    Fault("reset", operation="job", at=3),
    Fault("garbage", operation="job", at=4),
    Fault("status", operation="job", status=401, at=5),
    Fault("word", operation="job", word="meditating", at=6),
]
BEGUN, DONE = [("iqm-server", "created"), ("iqm-station-control", "received")], ("iqm-server", "ready")


def emulator(**settings: Any) -> IqmEmulator:
    """What is measured first answers 1, the next one 0, then 1, ...; nothing is simulated."""
    return IqmEmulator(**{"results": "10"} | settings)


def client_of(url: str, **settings: Any) -> Client:
    """A client of this server alone."""
    return Client(providers={"iqm": {"url": url, "token": TOKEN}}, **{"ledger": "memory", "policies": OFTEN} | settings)


def last(made: IqmEmulator) -> tuple[dict[str, Any], IqmJob]:
    """The body of the last submission, and the job as the server has it."""
    job = list(made.jobs.values())[-1]
    assert isinstance(job, IqmJob)
    return json.loads(job.about.body), job


def refused(status: int, code: str, message: str) -> Fault:
    body = f'{{"message": "{message}", "error_code": "{code}", "source": "iqm-server", "request_id": "r-1"}}'
    return Fault("status", operation="submit", status=status, body=body)


def warm() -> Fault:
    return Fault("fail", operation="submit", body="the fridge is warm")


def three_registers() -> QuantumCircuit:
    """Nobody measures into the second one; `emulator()` answers "0 0 10"."""
    a, unused, b = ClassicalRegister(2, "a"), ClassicalRegister(1, "unused"), ClassicalRegister(1, "b")
    circuit = QuantumCircuit(QuantumRegister(2, "q"), a, unused, b, name="three", metadata={"angle": 0.5})
    circuit.measure([0, 1], [a[1], b[0]])
    return circuit
