"""A client that looks often, and circuits that are told apart by their counts."""

from __future__ import annotations

import json
from typing import Any

from qiskit import QuantumCircuit
from tenacity import wait_fixed

import quantumjobs as qj
from quantumjobs.core.schedule import Pace
from quantumjobs.engine.policies import Policy
from quantumjobs.testing.emulators.braket import BraketEmulator

KEY_ID, SECRET = "AKIDCANARY5F2B9C0001", "canary/5f2b9c+secretaccesskey0123456789"
ACCOUNT = "123456789012"
BUCKET = f"amazon-braket-us-west-2-{ACCOUNT}"
GHZ = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; creg c[3]; h q[0]; cx q[0], q[1]; cx q[0], q[2]; measure q -> c;'
TURN = "OPENQASM 3.0;\ninput float theta;\nbit[1] b;\nqubit[1] q;\nrx(theta) q[0];\nb[0] = measure q[0];\n"
"""In Braket's dialect, with a value that is given beside it."""
QUICK = {"braket": Policy(wait=wait_fixed(0.01), pace=Pace(first=0.01, at_least=0.02, at_most=0.05))}


def settings_of(url: str, **more: Any) -> dict[str, Any]:
    """All services are at one place."""
    return {
        "endpoint_url": url,
        **{f"{service}_endpoint_url": url for service in ("s3", "sts", "logs", "iam")},
        "region": "us-west-2",
        **({} if "credentials" in more else {"access_key_id": KEY_ID, "secret_access_key": SECRET}),
        **more,
    }


def client_of(url: str, **settings: Any) -> qj.Client:
    """A client of this service alone; `more` are the provider's settings."""
    providers = {"braket": settings_of(url, **settings.pop("more", {}))}
    return qj.Client(providers=providers, **{"ledger": "memory", "policies": QUICK} | settings)


def bodies(emulator: BraketEmulator) -> list[dict[str, Any]]:
    """What was taken, with the action read."""
    found = []
    for job in emulator.jobs.values():
        about = job.about
        found.append({"action": json.loads(about.action), "shots": about.shots, "device": about.device_arn})
    return found


def flipped(*bits: int, name: str = "flipped") -> QuantumCircuit:
    """Measures these bits, the last one left-most."""
    circuit = QuantumCircuit(len(bits), len(bits), name=name)
    for qubit, bit in enumerate(bits):
        if bit:
            circuit.x(qubit)
        circuit.measure(qubit, qubit)
    return circuit
