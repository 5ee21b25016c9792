"""Qiskit's circuits as our OriginIR, read and simulated by pyqpanda3: the states are Qiskit's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from qiskit import QuantumCircuit, qasm2
from qiskit.circuit import ControlledGate, Gate
from qiskit.circuit import library as lib
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import SparsePauliOp, Statevector, random_unitary

from quantumjobs.adapters.originq.originir import written
from tests.oracles.originq.states import apart, theirs

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(240)]

CLOSE = 1e-9
SINGLE: list[Gate] = [
    lib.HGate(), lib.XGate(), lib.YGate(), lib.ZGate(), lib.SGate(), lib.SdgGate(), lib.TGate(), lib.TdgGate(),
    lib.IGate(), lib.SXGate(), lib.SXdgGate(), lib.RXGate(0.3), lib.RYGate(-0.7), lib.RZGate(1.1), lib.PhaseGate(0.4),
    lib.U1Gate(0.2), lib.U2Gate(0.3, -0.9), lib.U3Gate(0.5, 0.6, 0.7), lib.UGate(1.5, -0.6, 0.7), lib.RGate(0.9, 0.4),
    lib.RVGate(0.1, 0.2, 0.3),
]  # fmt: skip
DOUBLE: list[Gate] = [
    lib.CXGate(), lib.CYGate(), lib.CZGate(), lib.CHGate(), lib.SwapGate(), lib.iSwapGate(), lib.DCXGate(),
    lib.ECRGate(), lib.CPhaseGate(0.3), lib.CU1Gate(0.4), lib.CU3Gate(0.5, 0.6, 0.7), lib.CUGate(0.1, 0.2, 0.3, 0.4),
    lib.CRXGate(0.5), lib.CRYGate(-0.6), lib.CRZGate(0.7), lib.RXXGate(0.3), lib.RYYGate(0.4), lib.RZZGate(0.5),
    lib.RZXGate(0.6), lib.CSGate(), lib.CSdgGate(), lib.CSXGate(), lib.XXPlusYYGate(0.3, 0.4),
    lib.XXMinusYYGate(0.5, 0.6), lib.CXGate(ctrl_state=0), lib.CPhaseGate(0.3, ctrl_state=0), lib.CUGate(0.1, 0.2, 0.3, 0.4, ctrl_state=0),
]  # fmt: skip
MORE: list[Gate] = [
    lib.CCXGate(), lib.CCZGate(), lib.CSwapGate(), lib.RCCXGate(), lib.RC3XGate(), lib.C3XGate(), lib.C4XGate(),
    lib.C3SXGate(), lib.MCXGate(4), lib.MCPhaseGate(0.7, 3), lib.CCXGate(ctrl_state=1), lib.XGate().control(3, ctrl_state=5, annotated=False),
    lib.ZGate().control(3, annotated=False), lib.SXGate().control(2, annotated=False), lib.RYGate(0.4).control(3, annotated=False), lib.UGate(0.1, 0.2, 0.3).control(2, annotated=False),
    lib.SwapGate().control(2, ctrl_state=2, annotated=False), lib.iSwapGate().control(1, annotated=False), lib.CUGate(0.1, 0.2, 0.3, 0.4).control(1, annotated=False),
    lib.QFTGate(4), lib.HGate().control(2, annotated=False), lib.SdgGate().control(2, annotated=False), lib.RXXGate(0.3).control(1, annotated=False),
    lib.PermutationGate([2, 0, 1]), lib.PauliGate("XYZ"), lib.StatePreparation([0.5, 0.5j, -0.5, 0.5]),
    lib.UnitaryGate(random_unitary(4, seed=1)), lib.UnitaryGate(random_unitary(8, seed=2)),
    lib.UnitaryGate(random_unitary(2, seed=3)).control(2, annotated=False),
    lib.PauliEvolutionGate(SparsePauliOp(["XXI", "ZIZ"], [0.3, 0.4]), time=0.7), lib.DiagonalGate([1, -1, 1j, 1]),
]  # fmt: skip


def mixed(circuit: QuantumCircuit, seed: int) -> None:
    """A layer that makes every amplitude count."""
    numbers = np.random.default_rng(seed)
    for qubit in range(circuit.num_qubits):
        circuit.u(*numbers.uniform(-math.pi, math.pi, 3), qubit)


def between(gate: Gate, places: list[int], seed: int) -> QuantumCircuit:
    circuit = QuantumCircuit(max(places) + 1, name=f"{gate.name} on {places}")
    mixed(circuit, seed)
    circuit.append(gate, places)
    mixed(circuit, seed + 1)
    return circuit


def whole() -> Iterator[QuantumCircuit]:
    """Circuits of several kinds."""
    for width in (2, 3, 5):
        ghz = QuantumCircuit(width, name=f"ghz {width}")
        ghz.h(0)
        for qubit in range(1, width):
            ghz.cx(0, qubit)
        yield ghz
    for width in (3, 5):
        yield between(lib.QFTGate(width), list(range(width)), 11)
    for seed in range(20):
        yield random_circuit(4, 6, max_operands=4, seed=seed)
    yield lib.efficient_su2(4, reps=2).assign_parameters(np.linspace(-3, 3, 24))
    yield lib.quantum_volume(4, 3, seed=5)
    inverse = between(lib.C3SXGate(), [0, 1, 2, 3], 21).inverse()
    inverse.name = "an inverse"
    yield inverse
    annotated = QuantumCircuit(3, name="annotated")
    mixed(annotated, 31)
    annotated.append(lib.SXGate().control(2, annotated=True), [2, 0, 1])
    annotated.append(lib.RZZGate(0.3).inverse(annotated=True), [1, 2])
    yield annotated
    boxed = QuantumCircuit(3, name="nested definitions", global_phase=0.7)
    inner = QuantumCircuit(2, global_phase=0.3)
    inner.sx(0)
    inner.cu(0.1, 0.2, 0.3, 0.4, 1, 0)
    boxed.append(inner.to_gate(), [2, 0])
    boxed.append(inner.to_gate().control(1, annotated=False), [0, 1, 2])
    yield boxed


def circuits() -> list[QuantumCircuit]:
    found = [between(gate, [0], seed) for seed, gate in enumerate(SINGLE)]
    for seed, gate in enumerate(DOUBLE):
        found += [between(gate, places, 100 + seed) for places in ([0, 1], [1, 0])]
    found += [between(gate, list(range(gate.num_qubits))[::-1], 300 + seed) for seed, gate in enumerate(MORE)]
    # Under a control a gate's phase counts, too.
    found += [between(gate.control(2, annotated=False), [2, 0, 1], 400 + seed) for seed, gate in enumerate(SINGLE)]
    return [*found, *whole()]


async def test_our_originir_is_qiskits_circuit(tmp_path: Path):
    given = circuits()
    assert len(given) >= 119
    plans = [{"originir": written(one), "qubits": one.num_qubits} for one in given]
    found = await theirs(plans, home=tmp_path)
    refused = [
        f"{circuit.name}: {state}" for circuit, state in zip(given, found, strict=True) if isinstance(state, str)
    ]
    assert refused == []
    distances = [
        (apart(Statevector(circuit.decompose(["PauliEvolution"])).data, state), circuit.name)
        for circuit, state in zip(given, found, strict=True)
        if not isinstance(state, str)
    ]
    assert max(distances) < (CLOSE, "")
    print(f"{len(given)} circuits, the largest difference of an amplitude is {max(distances)}")


async def test_another_way_through_openqasm_gives_the_same(tmp_path: Path):
    """Qiskit's exporter and pyqpanda3's other reader, of which neither is ours."""
    given, texts = [], []
    for one in circuits():
        if any(isinstance(step.operation, ControlledGate) and step.operation.num_ctrl_qubits > 2 for step in one.data):
            continue  # written as definitions that its reader does not take
        if one.count_ops().keys() & {"r"}:
            continue  # its reader makes something else of Qiskit's definition of it
        try:
            texts.append(qasm2.dumps(one))
        except (qasm2.QASM2ExportError, AttributeError, TypeError):  # a matrix or an annotated gate has no text
            continue
        given.append(one)
    plans = [{"qasm": text} for text in texts] + [{"originir": written(one), "qubits": one.num_qubits} for one in given]
    found = await theirs(plans, home=tmp_path)
    compared = [
        apart(other, ours)
        for other, ours in zip(found[: len(given)], found[len(given) :], strict=True)
        if not isinstance(other, str) and not isinstance(ours, str) and len(other) == len(ours)
    ]
    assert len(compared) >= 90
    assert max(compared) < 1e-5  # its reader keeps eight digits of an angle
