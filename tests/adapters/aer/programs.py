"""Circuits of all kinds for the comparison with Aer itself, made from a number."""

from __future__ import annotations

import random
from typing import Any

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Clbit
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error, thermal_relaxation_error

ONE = ("h", "x", "y", "z", "s", "sdg", "sx", "t", "tdg")
CLIFFORD = ("h", "x", "y", "z", "s", "sdg", "sx")
TWO = ("cx", "cz", "cy", "swap")
TURNS = ("rx", "ry", "rz", "p")

SAVES = (
    "save_statevector", "save_density_matrix", "save_probabilities", "save_probabilities_dict", "save_statevector_dict",
    "save_amplitudes", "save_amplitudes_squared", "save_expectation_value", "save_expectation_value_variance",
    "save_state",
)  # fmt: skip


def noise() -> NoiseModel:
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 1), ["h", "x", "sx"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.08, 2), ["cx"])
    model.add_quantum_error(thermal_relaxation_error(50, 40, 10), ["t"], [0])
    model.add_all_qubit_readout_error(ReadoutError([[0.95, 0.05], [0.1, 0.9]]))
    return model


def registers(draw: random.Random, total: int) -> list[ClassicalRegister]:
    count = draw.choice((1, 1, 2, 3))
    return [ClassicalRegister(draw.randint(1, total), f"c{number}") for number in range(count)]


def circuit(number: int) -> QuantumCircuit:
    """One circuit that can be measured by any general method."""
    draw = random.Random(number)
    qubits = draw.randint(1, 5)
    made = QuantumCircuit(QuantumRegister(qubits, draw.choice(("q", "data"))), *registers(draw, qubits))
    made.name = f"{draw.choice(('bell', 'run', 'näme'))}-{number}"
    if draw.random() < 0.5:
        made.metadata = {"number": number, "tags": ["a", "b"], "nested": {"x": 1.5, "none": None}}
    if draw.random() < 0.3:
        made.global_phase = draw.uniform(0, 6)
    kind = draw.choice(("plain", "plain", "mid", "reset", "if", "save", "wait"))
    gates(draw, made, draw.randint(2, 12))
    if kind == "mid":
        made.measure(draw.randrange(qubits), draw.randrange(made.num_clbits))
        gates(draw, made, 4)
    elif kind == "reset":
        made.reset(draw.randrange(qubits))
        gates(draw, made, 4)
    elif kind == "if":
        bit = draw.randrange(made.num_clbits)
        made.measure(draw.randrange(qubits), bit)
        with made.if_test((made.clbits[bit], 1)) as other:
            made.x(draw.randrange(qubits))
        if draw.random() < 0.5:
            with other:
                made.h(draw.randrange(qubits))
    elif kind == "save":
        save(draw, made)
    elif kind == "wait":
        made.delay(100, 0)
        made.barrier()
    for qubit in range(qubits):  # some bits stay unmeasured, some are written twice
        if qubit == 0 or draw.random() < 0.8:
            made.measure(qubit, draw.randrange(made.num_clbits))
    return made


def gates(draw: random.Random, made: QuantumCircuit, count: int, names: tuple[str, ...] = ONE) -> None:
    for _ in range(count):
        qubit = draw.randrange(made.num_qubits)
        if names is ONE and draw.random() < 0.25:
            getattr(made, draw.choice(TURNS))(draw.uniform(-3, 3), qubit)
        elif made.num_qubits > 1 and draw.random() < 0.4:
            other = draw.choice([at for at in range(made.num_qubits) if at != qubit])
            getattr(made, draw.choice(TWO))(qubit, other)
        else:
            getattr(made, draw.choice(names))(qubit)


def save(draw: random.Random, made: QuantumCircuit) -> None:
    name = draw.choice(SAVES)
    if name.startswith("save_expectation"):
        pauli = "".join(draw.choice("IXYZ") for _ in range(made.num_qubits))
        getattr(made, name)(SparsePauliOp([pauli, "Z" * made.num_qubits], [0.5, 1.0]), range(made.num_qubits))
    elif name.startswith("save_amplitudes"):
        getattr(made, name)([0, 2**made.num_qubits - 1])
    elif name == "save_state":
        made.save_state()
    else:
        flags: dict[str, Any] = {"label": "kept"}
        if draw.random() < 0.3:
            made.measure(0, 0)
            flags["pershot"] = True
        if draw.random() < 0.3:
            flags["conditional"] = True
        getattr(made, name)(**flags)


def wide(number: int, clbits: int = 75) -> QuantumCircuit:
    """Only for stabilizers: more bits than a machine word."""
    draw = random.Random(number)
    made = QuantumCircuit(QuantumRegister(clbits, "q"), ClassicalRegister(clbits - 5, "a"), ClassicalRegister(5, "b"))
    made.name = f"wide-{number}"
    gates(draw, made, 60, CLIFFORD)
    made.measure(range(clbits), range(clbits))
    return made


def loose_bits(number: int) -> QuantumCircuit:
    """Classical bits outside of any register."""
    draw = random.Random(number)
    made = QuantumCircuit(QuantumRegister(2, "q"), [Clbit(), Clbit()], ClassicalRegister(2, "c"))
    made.name = f"loose-{number}"
    gates(draw, made, 5)
    made.measure([0, 1, 0, 1], [0, 1, 2, 3])
    return made
