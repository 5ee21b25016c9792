"""A cloud that Qiskit's transpiler knows, jobs that end when told, and waiting for what comes about."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit.library import CXGate, HGate, Measure
from qiskit.transpiler import Target

from quantumjobs.abc import Raw
from quantumjobs.blocking import Client
from quantumjobs.core.entries import entry, entry_from_counts
from quantumjobs.core.results import Result
from quantumjobs.interop.qiskit import QiskitBackend, backend
from quantumjobs.testing.codec import FakeCodec
from quantumjobs.testing.fake import FakeProvider

NEVER = 1e6  # seconds
PATIENCE = 30.0  # seconds that a slow machine may take for something that comes about at once


class TargetCodec(FakeCodec):
    """The fake's codec, with a target of two qubits."""

    def target(self, backend: str, about: bytes) -> Target:
        target = Target(num_qubits=2)
        target.add_instruction(HGate(), {(0,): None, (1,): None})
        target.add_instruction(CXGate(), {(0, 1): None})
        target.add_instruction(Measure(), {(0,): None, (1,): None})
        return target


class CountsCodec(TargetCodec):
    """Of a cloud that never tells single shots."""

    def decode(self, raw: Raw, layout: bytes | None) -> Result:
        return Result.of(
            [
                entry_from_counts(one.counts, 2, registers=one.registers, metadata={"where": "there"})
                for one in super().decode(raw, layout)
            ]
        )


class NothingCodec(TargetCodec):
    """Of a cloud that tells nothing of what was measured."""

    def decode(self, raw: Raw, layout: bytes | None) -> Result:
        return Result.of(
            [entry(b"", 2, shots=one.shots, registers=one.registers) for one in super().decode(raw, layout)]
        )


def cloud(codec: FakeCodec | None = None, **settings: Any) -> FakeProvider:
    fake = FakeProvider(**{"min_interval": 0.02} | settings)
    fake.codec = codec or TargetCodec()
    return fake


@contextmanager
def on(fake: FakeProvider, **options: Any) -> Iterator[QiskitBackend]:
    with Client(providers={"fake": fake}) as client:
        yield backend("fake/sim", client, **options)


def end(fake: FakeProvider) -> None:
    """Let every job of the cloud end now."""
    for job in fake.jobs.values():
        job.starts = job.ends = job.created


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it has not come about"
        time.sleep(0.005)


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2, name="bell")
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def number(value: int, bits: int = 3) -> QuantumCircuit:
    """A circuit that always gives this number."""
    circuit = QuantumCircuit(bits, name=f"number-{value}")
    for bit in range(bits):
        if value >> bit & 1:
            circuit.x(bit)
    circuit.measure_all()
    return circuit
