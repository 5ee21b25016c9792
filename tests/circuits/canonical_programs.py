"""What users write in a step that is repeated. `python canonical_programs.py N` prints each program's digest.

N objects with counted names are made before each: in a repeated step the counters stand elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import qiskit_aer.library  # noqa: F401 - gives circuits their save_ methods
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm2
from qiskit.circuit import AnnotatedOperation, ControlModifier, Gate, InverseModifier, Parameter, ParameterVector
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import MCXGate, PauliEvolutionGate, PermutationGate, QFTGate, XGate
from qiskit.quantum_info import Kraus, SparsePauliOp, random_clifford
from qiskit_aer.noise import (
    NoiseModel,
    ReadoutError,
    amplitude_damping_error,
    depolarizing_error,
    thermal_relaxation_error,
)

from quantumjobs.abc import Request
from quantumjobs.adapters.aer.options import admit
from quantumjobs.circuits import given
from quantumjobs.circuits.canonical import digest_of


def request(circuits: Any, **changes: Any) -> Request:
    return Request(**{"backend": "b", "circuits": tuple(given.each(circuits)), **changes})


def digest(circuits: Any, **changes: Any) -> str:
    return digest_of(msgspec.msgpack.encode(request(circuits, **changes))).decode()


def plain() -> Any:
    circuit = QuantumCircuit(3, 3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.rz(0.1 + 0.2, 2)
    circuit.measure([0, 1, 2], [2, 1, 0])
    return circuit


def unnamed_registers() -> Any:
    circuit = QuantumCircuit(QuantumRegister(2), ClassicalRegister(1), ClassicalRegister(2), ClassicalRegister(1, "k"))
    circuit.cx(0, 1)
    circuit.measure([0, 1], [3, 0])
    return circuit


def parameters() -> Any:
    a, v = Parameter("a"), ParameterVector("v", 12)
    circuit = QuantumCircuit(2, global_phase=a)
    circuit.rx(2 * a + v[11] ** 2, 0)
    circuit.ry(v[3].sin() * a - np.pi, 1)
    circuit.measure_all()
    return circuit


def bound() -> Any:
    return parameters().assign_parameters([0.3, 0.1, 1 / 7])


def composed() -> Any:
    part = QuantumCircuit(2)
    part.h(0)
    part.cp(0.2, 0, 1)
    circuit = QuantumCircuit(3, 1)
    circuit.append(part.to_gate(), [2, 0])
    circuit.append(part.to_instruction(), [0, 1])
    circuit.append(part.to_gate().control(1, ctrl_state=0), [0, 1, 2])
    circuit.append(part.to_gate().inverse(), [1, 2])
    circuit.compose(part, [0, 2], inplace=True)
    return circuit


def control_flow() -> Any:
    a = Parameter("a")
    circuit = QuantumCircuit(QuantumRegister(4), ClassicalRegister(2, "k"), ClassicalRegister(2))
    with circuit.for_loop(range(3)) as p:
        circuit.rx(p * a, 0)
        circuit.cx(3, 1)
        with circuit.if_test((circuit.cregs[0], 2)) as otherwise:
            circuit.x(2)
            circuit.h(0)
            circuit.measure(1, 1)
            with circuit.for_loop((1, 2)) as q:
                circuit.rz(p + q, 3)
        with otherwise:
            circuit.z(3)
    with circuit.while_loop(expr.logic_and(circuit.clbits[3], expr.less(circuit.cregs[0], 3))):
        circuit.measure(0, 3)
        circuit.measure(2, 0)
        circuit.h(1)
    with circuit.switch(circuit.cregs[0]) as case:
        with case(0, 1):
            circuit.x(0)
        with case(case.DEFAULT):
            circuit.y(1)
            circuit.x(3)
    return circuit


def variables() -> Any:
    circuit = QuantumCircuit(2, 2)
    asked = circuit.add_input("asked", types.Uint(8))
    kept = circuit.add_var("kept", expr.bit_and(asked, 3))
    with circuit.if_test(expr.less(kept, 2)):
        circuit.x(0)
        circuit.store(kept, expr.lift(7, types.Uint(8)))
    return circuit


def library() -> Any:
    circuit = QuantumCircuit(5, metadata={"b": [1, 2.5], "a": {"when": None}})
    circuit.append(PauliEvolutionGate(SparsePauliOp(["XX", "ZI"], [0.1, 0.2]), 0.3), [0, 1])
    circuit.append(QFTGate(3), [0, 1, 2])
    circuit.unitary([[0, 1j], [1, 0]], [1])
    circuit.initialize([0.6, 0.8], 2)
    circuit.append(PermutationGate([1, 0, 2]), [0, 1, 2])
    circuit.delay(100, 0)
    circuit.append(random_clifford(2, seed=3), [0, 1])
    circuit.append(AnnotatedOperation(XGate(), [ControlModifier(1), InverseModifier()]), [0, 1])
    circuit.append(MCXGate(4), range(5))
    circuit.append(Gate("opaque", 2, [0.5]), [0, 1])
    circuit.pauli("XYZ", [0, 1, 2])
    circuit.reset(0)
    circuit.barrier()
    return circuit


def aer() -> Any:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.append(depolarizing_error(0.1, 1), [0])
    circuit.append(Kraus(amplitude_damping_error(0.2)).to_instruction(), [0])
    circuit.save_expectation_value(SparsePauliOp(["XX", "ZZ"], [1, 0.3]), [0, 1])
    circuit.save_statevector(label="z", pershot=True)
    circuit.set_statevector([1, 0, 0, 0])
    circuit.save_amplitudes([0, 1])
    return circuit


def noise(strength: float = 0.1) -> NoiseModel:
    model = NoiseModel(basis_gates=["cx", "rz", "sx", "x", "h", "id"])
    model.add_all_qubit_quantum_error(depolarizing_error(strength, 1), ["x", "h", "sx"])
    model.add_quantum_error(thermal_relaxation_error(50, 70, 1), ["rz"], [1])
    model.add_readout_error(ReadoutError([[0.9, 0.1], [0.1, 0.9]]), [0])
    return model


def objects() -> dict[str, bytes]:
    names = {Parameter("a"): [1, 2], ParameterVector("v", 2)[1]: [3, 4]}
    return admit(
        "", {"noise_model": noise(), "parameter_binds": [dict(sorted(names.items(), key=lambda item: hash(item[0])))]}
    )[1]


PROGRAMS: dict[str, Callable[[], str]] = {
    "plain": lambda: digest(plain()),
    "text": lambda: digest(qasm2.dumps(plain())),
    "unnamed registers": lambda: digest(unnamed_registers()),
    "parameters": lambda: digest(parameters()),
    "bound": lambda: digest(bound()),
    "composed": lambda: digest(composed()),
    "control flow": lambda: digest(control_flow()),
    "variables": lambda: digest(variables()),
    "library": lambda: digest(library()),
    "aer": lambda: digest(aer()),
    "noise": lambda: digest([plain(), plain()], blobs=objects(), options={"b": 1, "a": 2}),
}


def digests(before: int) -> dict[str, str]:
    found = {}
    for name, program in PROGRAMS.items():
        for _ in range(before):
            QuantumCircuit(QuantumRegister(1), ClassicalRegister(1))
            with QuantumCircuit(1).for_loop(range(2)):
                pass
        found[name] = program()
    return found


if __name__ == "__main__":
    print(msgspec.json.encode(digests(int(sys.argv[1]))).decode())
