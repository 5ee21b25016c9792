"""Lists of PUBs of all kinds, made from a number."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

ONE = ("h", "x", "s", "sx", "t")
TURNS = ("rx", "ry", "rz", "p")
SHAPES = ((), (1,), (3,), (2, 2), (1, 3))
SHOTS = (None, None, 1, 7, 32, 100)


def sampler_pubs(number: int) -> list[Any]:
    draw = random.Random(number)
    return [sampler_pub(draw) for _ in range(draw.randint(1, 4))]


def sampler_pub(draw: random.Random) -> Any:
    circuit = ansatz(draw, registers=draw.choice((1, 1, 2, 3)))
    measure(draw, circuit)
    shots = draw.choice(SHOTS)
    if not circuit.num_parameters:
        return draw.choice([circuit, (circuit,), (circuit, None, shots)])
    shape = draw.choice(SHAPES)
    values = np.array([draw.uniform(-3, 3) for _ in range(int(np.prod(shape)) * circuit.num_parameters)])
    return circuit, values.reshape((*shape, circuit.num_parameters)), shots


def estimator_pubs(number: int) -> list[Any]:
    draw = random.Random(number)
    pubs: list[Any] = []
    for _ in range(draw.randint(1, 3)):
        circuit = ansatz(draw, registers=0)
        observables = [observable(draw, circuit.num_qubits) for _ in range(draw.randint(1, 3))]
        if circuit.num_parameters:
            rows = draw.randint(1, 3)
            values = np.array([[[draw.uniform(-3, 3)] * circuit.num_parameters] for _ in range(rows)])
            pubs.append((circuit, observables, values, draw.choice((None, 0.2, 0.3))))
        else:
            pubs.append((circuit, observables, None, draw.choice((None, 0.25))))
    return pubs


def observable(draw: random.Random, qubits: int) -> SparsePauliOp:
    terms = {"".join(draw.choice("IXYZ") for _ in range(qubits)) for _ in range(draw.randint(1, 3))}
    return SparsePauliOp(sorted(terms), [draw.uniform(-1, 1) for _ in terms])


def ansatz(draw: random.Random, *, registers: int) -> QuantumCircuit:
    """Gates with up to three parameters, on up to four qubits."""
    qubits = draw.randint(1, 4)
    bits = [ClassicalRegister(draw.randint(1, 5), f"c{place}") for place in range(registers)]
    circuit = QuantumCircuit(QuantumRegister(qubits, "q"), *bits)
    circuit.metadata = draw.choice(({}, {"number": draw.randrange(9)}))
    parameters = [Parameter(f"p{place}") for place in range(draw.randint(0, 3))]
    for _ in range(draw.randint(2, 8)):
        qubit = draw.randrange(qubits)
        if qubits > 1 and draw.random() < 0.3:
            circuit.cx(qubit, (qubit + 1) % qubits)
        else:
            getattr(circuit, draw.choice(ONE))(qubit)
    for parameter in parameters:
        getattr(circuit, draw.choice(TURNS))(parameter, draw.randrange(qubits))
        circuit.h(draw.randrange(qubits))
    return circuit


def measure(draw: random.Random, circuit: QuantumCircuit) -> None:
    """At the end, and sometimes on the way; some bits stay unmeasured, some are written twice."""
    kind = draw.choice(("end", "end", "middle", "branch", "reset"))
    qubit, bit = draw.randrange(circuit.num_qubits), draw.randrange(circuit.num_clbits)
    if kind in {"middle", "branch"}:
        circuit.measure(qubit, bit)
    if kind == "branch":
        with circuit.if_test((circuit.clbits[bit], 1)):
            circuit.x(draw.randrange(circuit.num_qubits))
    if kind == "reset":
        circuit.reset(qubit)
    circuit.h(qubit)
    for each in range(circuit.num_qubits):
        if each == 0 or draw.random() < 0.8:
            circuit.measure(each, draw.randrange(circuit.num_clbits))
