"""The run function of the offline simulators: AQT's payload through Aer, in a worker; the answer is as the cloud's.

The noise is that of the vendor's offline simulators (qiskit-aqt-provider): depolarizing on R and RXX, none on RZ, which
only renames axes, and none on the measurement. Circuit *i* of a job is seeded with `seed + 2113 * i`, as Aer does.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct

from quantumjobs.errors import UsageError
from quantumjobs.workers.aer import SEED_STEP, wrap_seed

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

SIMULATE = "quantumjobs.adapters.aqt.simulate:simulate"
ONE_QUBIT_ERROR = 0.003
TWO_QUBIT_ERROR = 0.01


class Step(Struct, frozen=True, kw_only=True):
    """Any operation of the wire. Angles are in units of pi."""

    operation: Literal["RZ", "R", "RXX", "MEASURE"]
    qubit: int = 0
    qubits: tuple[int, int] = (0, 1)
    theta: float = 0.0
    phi: float = 0.0


class Circuit(Struct, frozen=True, kw_only=True):
    """One circuit of the wire."""

    repetitions: int
    quantum_circuit: tuple[Step, ...]
    number_of_qubits: int


class Simulation(Struct, frozen=True, kw_only=True):
    """The payload of one part, as JSON."""

    circuits: msgspec.Raw
    """A list, as in the payload of the cloud."""
    resource: str
    seed: int
    """Of the first circuit here."""
    noise: bool = False


def simulate(body: bytes, report: Callable[[bytes], None]) -> bytes:
    """Run one `Simulation`; `report` hears how many circuits are done, in decimal.

    Raises `UsageError` for what Aer cannot run.
    """
    given = _simulation.decode(body)
    result: dict[str, msgspec.Raw] = {}
    for place, circuit in enumerate(_circuits.decode(given.circuits)):
        seed = wrap_seed(given.seed + SEED_STEP * place)
        result[str(place)] = msgspec.Raw(samples(circuit, seed=seed, noise=given.noise))
        report(b"%d" % (place + 1))
    job = {"job_id": "", "job_type": "quantum_circuit", "label": None, "resource_id": given.resource}
    return msgspec.json.encode({"job": job, "response": {"status": "finished", "result": result}})


simulate.reports = True  # type: ignore[attr-defined] # how a worker tells functions that report


def samples(circuit: Circuit, *, seed: int | None, noise: bool) -> bytes:
    """The shots of one circuit in their order, as JSON: lists of bits, qubit 0 first. None: Aer draws the seed."""
    options: dict[str, Any] = {"shots": circuit.repetitions, "memory": True, "method": "statevector"}
    if seed is not None:
        options["seed_simulator"] = seed
    if noise:
        options["noise_model"] = noise_model()
    done = _simulator().run(build(circuit), max_parallel_threads=1, **options).result()
    if not done.success:
        why = done.results[0].status if done.results else done.status
        raise UsageError(f"the circuit could not be simulated: {why}")
    # Aer prints qubit 0 last.
    return ("[" + ",".join([f"[{','.join(shot[::-1])}]" for shot in done.get_memory()]) + "]").encode()


def build(given: Circuit) -> QuantumCircuit:
    """Qiskit's circuit: angles come in units of pi, and all qubits are measured at the end."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(given.number_of_qubits)
    for step in given.quantum_circuit:
        if step.operation == "RZ":
            circuit.rz(step.phi * math.pi, step.qubit)
        elif step.operation == "R":
            circuit.r(step.theta * math.pi, step.phi * math.pi, step.qubit)
        elif step.operation == "RXX":
            circuit.rxx(step.theta * math.pi, *step.qubits)
        else:
            circuit.measure_all()
    return circuit


def memory(qubits: int, shots: int) -> int:
    """Bytes that a worker needs for a circuit: the state, and its shots as text."""
    return (16 << qubits) + 20 * qubits * shots


@functools.cache
def _simulator() -> Any:
    from qiskit_aer import AerSimulator

    return AerSimulator()


@functools.cache
def noise_model() -> Any:
    """Aer's `NoiseModel` of the noisy simulator."""
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    model = NoiseModel(basis_gates=["r", "rz", "rxx"])
    model.add_all_qubit_quantum_error(depolarizing_error(ONE_QUBIT_ERROR, 1), ["r"])
    model.add_all_qubit_quantum_error(depolarizing_error(TWO_QUBIT_ERROR, 2), ["rxx"])
    return model


_simulation = msgspec.json.Decoder(Simulation)
_circuits = msgspec.json.Decoder(tuple[Circuit, ...])
