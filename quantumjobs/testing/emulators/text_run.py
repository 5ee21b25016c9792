"""The run function for services that take OpenQASM: one circuit through Aer, in a worker."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from quantumjobs.abc import Circuit
from quantumjobs.circuits.load import load
from quantumjobs.errors import UsageError

SIMULATE = "quantumjobs.testing.emulators.text_run:simulate"


class Task(Struct, frozen=True, kw_only=True):
    """What decides the outcome."""

    text: str
    shots: int
    seed: int | None


def simulate(body: bytes) -> bytes:
    """Run one `Task` (msgpack); counts as msgpack. Raises `UsageError` for what is no circuit or Aer cannot run."""
    from qiskit import transpile
    from qiskit_aer import AerSimulator

    task = _task.decode(body)
    (circuit,) = load(Circuit("qasm", task.text.encode()))
    simulator = AerSimulator()
    options = {} if task.seed is None else {"seed_simulator": task.seed}
    result = simulator.run(transpile(circuit, simulator, optimization_level=0), shots=task.shots, **options).result()
    if not result.success:
        raise UsageError(f"the circuit could not be simulated: {result.status}")
    return msgspec.msgpack.encode(result.get_counts())


_task = msgspec.msgpack.Decoder(Task)
