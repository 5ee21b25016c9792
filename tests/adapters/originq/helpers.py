"""A client that looks often, and circuits that are told apart by their counts."""

from __future__ import annotations

from typing import Any

from qiskit import QuantumCircuit
from tenacity import wait_fixed

import quantumjobs as qj
from quantumjobs.core.schedule import Pace
from quantumjobs.engine.policies import Policy

KEY = "302e0201canary5f2b9c/12345"
GHZ = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; creg c[3]; h q[0]; cx q[0], q[1]; cx q[0], q[2]; measure q -> c;'
QUICK = {"originq": Policy(wait=wait_fixed(0.01), pace=Pace(first=0.01, at_least=0.02, at_most=0.05))}


def client_of(url: str, **settings: Any) -> qj.Client:
    """A client of this service alone."""
    more = settings.pop("more", {})
    providers = {"originq": {"url": url, "api_key": KEY, **more}}
    return qj.Client(providers=providers, **{"ledger": "memory", "policies": QUICK} | settings)


def flipped(*bits: int, name: str = "flipped") -> QuantumCircuit:
    """Measures these bits, the last one left-most."""
    circuit = QuantumCircuit(len(bits), len(bits), name=name)
    for qubit, bit in enumerate(bits):
        if bit:
            circuit.x(qubit)
        circuit.measure(qubit, qubit)
    return circuit
