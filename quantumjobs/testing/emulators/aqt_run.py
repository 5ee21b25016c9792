"""The run function of the AQT emulator: one circuit of a payload through Aer, in a worker."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators.aqt_payload import Circuit

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

SIMULATE = "quantumjobs.testing.emulators.aqt_run:simulate"
ONE_QUBIT_ERROR = 0.003
TWO_QUBIT_ERROR = 0.01


class Task(Struct, frozen=True, kw_only=True):
    """What decides the outcome."""

    circuit: Circuit
    seed: int | None
    noise: bool = False


def simulate(body: bytes) -> bytes:
    """Run one `Task` (msgpack). Gives the shots as the cloud has them: a JSON list of lists of bits, by qubit.

    They are text when they leave here, so that the server's loop never turns megabytes into JSON.
    Raises `UsageError` for what Aer cannot run.
    """
    task = _task.decode(body)
    circuit = build(task.circuit)
    options: dict[str, Any] = {"shots": task.circuit.repetitions, "memory": True, "method": "statevector"}
    if task.seed is not None:
        options["seed_simulator"] = task.seed
    if task.noise:
        options["noise_model"] = _noise()
    result = _simulator().run(circuit, **options).result()
    if not result.success:
        raise UsageError(f"the circuit could not be simulated: {result.results[0].status if result.results else ''}")
    # Aer prints qubit 0 last; the cloud lists it first.
    return ("[" + ",".join([f"[{','.join(shot[::-1])}]" for shot in result.get_memory()]) + "]").encode()


def build(given: Circuit) -> QuantumCircuit:
    """Angles come in units of pi; all qubits are measured at the end."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(given.number_of_qubits)
    for step in given.quantum_circuit:
        if step.operation == "RZ":
            circuit.rz(step.phi * math.pi, step.qubit)
        elif step.operation == "R":
            circuit.r(step.theta * math.pi, step.phi * math.pi, step.qubit)
        elif step.operation == "RXX":
            a, b = step.qubits
            circuit.rxx(step.theta * math.pi, a, b)
    circuit.measure_all()
    return circuit


@functools.cache
def _simulator() -> Any:
    from qiskit_aer import AerSimulator

    return AerSimulator()


@functools.cache
def _noise() -> Any:
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    model = NoiseModel(basis_gates=["r", "rz", "rxx"])
    model.add_all_qubit_quantum_error(depolarizing_error(ONE_QUBIT_ERROR, 1), ["r"])
    model.add_all_qubit_quantum_error(depolarizing_error(TWO_QUBIT_ERROR, 2), ["rxx"])
    return model


_task = msgspec.msgpack.Decoder(Task)
