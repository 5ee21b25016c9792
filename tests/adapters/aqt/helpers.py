"""The codec called directly, and what a circuit of the wire does."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit.library import PermutationGate
from qiskit.quantum_info import Operator

from quantumjobs.abc import Part, Raw, Request
from quantumjobs.adapters.aqt.codec import AqtCodec
from quantumjobs.adapters.aqt.messages import About
from quantumjobs.adapters.aqt.schemas import CLOUD
from quantumjobs.circuits import given
from quantumjobs.core.results import Result


def heavy() -> QuantumCircuit:
    """One that an offline simulator has to work on while the test looks."""
    circuit = QuantumCircuit(18)
    for _ in range(20):
        circuit.rx(0.3, range(18))
        for qubit in range(17):
            circuit.rxx(0.2, qubit, qubit + 1)
    circuit.measure_all()
    return circuit


def about(**facts: Any) -> bytes:
    return msgspec.json.encode(About(**{"workspace": "ws", "resource": "ibex", "qubits": 12} | facts))


ABOUT = about()


def request(circuits: Any, *, shots: int | None = 4, memory: bool = False, transpile: bool = True,
            optimization_level: int = 1, **options: Any) -> Request:  # fmt: skip
    return Request(
        backend="ws/ibex",
        circuits=tuple(given.each(circuits)),
        shots=shots,
        memory=memory,
        transpile=transpile,
        optimization_level=optimization_level,
        options=options,
    )


def prepare(circuits: Any, *, device: bytes = ABOUT, seed: int = 1, **arguments: Any) -> tuple[Part, ...]:
    return AqtCodec().prepare(request(circuits, **arguments), device, seed=seed).parts


def sent(circuit: QuantumCircuit, **arguments: Any) -> dict[str, Any]:
    """The only circuit of the only part, as on the wire."""
    (part,) = prepare(circuit, **arguments)
    return read(part)


def read(part: Part) -> dict[str, Any]:
    """The only circuit of a part, as on the wire."""
    (one,) = msgspec.json.decode(part.payload)["payload"]["circuits"]
    return one


def operations(circuit: QuantumCircuit, **arguments: Any) -> list[dict[str, Any]]:
    return sent(circuit, **arguments)["quantum_circuit"]


def counted(circuit: QuantumCircuit, **arguments: Any) -> dict[str, int]:
    """How many of each operation."""
    names = [one["operation"].lower() for one in operations(circuit, **arguments)]
    return {name: names.count(name) for name in ("r", "rz", "rxx")}


def answer(samples: Any, *, status: str = "finished", **more: Any) -> bytes:
    """The body that tells of these samples, circuit by circuit."""
    job = {
        "job_id": "571accdf",
        "job_type": "quantum_circuit",
        "label": None,
        "resource_id": "ibex",
        "workspace_id": "ws",
    }
    response = {"status": status, **more}
    if samples is not None:
        response["result"] = {str(place): each for place, each in enumerate(samples)}
    return msgspec.json.encode({"job": job, "response": response})


def decode(body: bytes, layout: bytes | None) -> Result:
    return AqtCodec().decode(Raw(CLOUD, {"body": body}), layout)


def answered(circuits: Any, samples: Any, **arguments: Any) -> Result:
    """What comes of these circuits when the device answers with these samples."""
    (part,) = prepare(circuits, **{"shots": len(samples[0])} | arguments)
    return decode(answer(samples), part.layout)


def rebuilt(one: dict[str, Any], qubits: int) -> QuantumCircuit:
    """Qiskit's form of a circuit of the wire; fails for an angle out of range."""
    circuit = QuantumCircuit(qubits)
    *gates, last = one["quantum_circuit"]
    assert last == {"operation": "MEASURE"}
    for gate in gates:
        match gate:
            case {"operation": "R", "qubit": qubit, "theta": theta, "phi": phi}:
                assert 1e-12 < theta <= 1
                assert 0 <= phi <= 2
                circuit.r(theta * np.pi, phi * np.pi, qubit)
            case {"operation": "RZ", "qubit": qubit, "phi": phi}:
                assert abs(phi) > 1e-12
                circuit.rz(phi * np.pi, qubit)
            case {"operation": "RXX", "qubits": [a, b], "theta": theta}:
                assert 1e-12 < theta <= 0.5
                circuit.rxx(theta * np.pi, a, b)
            case _:
                raise AssertionError(gate)
    assert one["number_of_qubits"] <= qubits
    return circuit


def distance(circuit: QuantumCircuit, part: Part, *, up_to_z: bool = True) -> float:
    """How far the part's circuit is from the given one without its measurements, which measures each qubit once into
    the clbit of its number. Up to global phase, and where wished up to a last rotation about z on each qubit."""
    (one,) = msgspec.json.decode(part.payload)["payload"]["circuits"]
    (plan,) = msgspec.msgpack.decode(part.layout)["circuits"]
    sources = plan[3]
    qubits = circuit.num_qubits
    back = rebuilt(one, qubits)
    # Swaps that the transpiler left out are in the order in which qubits are read.
    back.append(PermutationGate([sources[qubit] for qubit in range(qubits)]), range(qubits))
    bare = circuit.remove_final_measurements(inplace=False)
    rest = Operator(back).data @ Operator(bare).data.conj().T
    diagonal = np.diag(rest)
    if not up_to_z:
        return float(np.abs(rest - diagonal[0] * np.eye(len(rest))).max())
    return float(max(np.abs(rest - np.diag(diagonal)).max(), np.abs(np.abs(diagonal) - 1).max()))
