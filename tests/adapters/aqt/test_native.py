from __future__ import annotations

from functools import partial
from math import pi, remainder

import numpy as np
import pytest
from hypothesis import given as hypothesis_given
from hypothesis import strategies as st
from qiskit import QuantumCircuit, qasm3, transpile
from qiskit.circuit.library import QFTGate, RGate, RXXGate, RZGate
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import Operator
from qiskit.transpiler import PassManager
from qiskit.transpiler.passes import Optimize1qGatesDecomposition

from quantumjobs.adapters.aqt import native, programs
from quantumjobs.adapters.aqt.codec import AqtCodec
from quantumjobs.adapters.aqt.fold import folded
from quantumjobs.adapters.aqt.messages import RXX, RZ, Gate, R
from quantumjobs.adapters.aqt.native import Step
from quantumjobs.circuits import turns
from tests.adapters.aqt.helpers import ABOUT, about, counted, distance, operations, prepare, read, sent

ANGLES = st.one_of(
    st.floats(-20, 20),
    st.builds(
        lambda quarters, crumb: quarters * pi / 4 + crumb,
        st.integers(-40, 40),
        st.sampled_from([0.0, 1e-16, -1e-16, 1e-13, -1e-13, 1e-8, -1e-8]),
    ),
)

CLEAR = st.one_of(
    st.integers(-8, 8).map(lambda quarters: quarters * pi / 4), st.integers(-40, 40).map(lambda n: n / 10)
)
"""Nothing that is counted as zero by one and not by the other."""


def unitary(gates: list[Gate], qubits: int = 2) -> Operator:
    circuit = QuantumCircuit(qubits)
    for gate in gates:
        if isinstance(gate, RXX):
            assert 0 < gate.theta <= 0.5
            circuit.rxx(gate.theta * pi, *gate.qubits)
        elif isinstance(gate, R):
            assert 0 < gate.theta <= 1
            assert 0 <= gate.phi <= 2
            circuit.r(gate.theta * pi, gate.phi * pi, gate.qubit)
        else:
            circuit.rz(gate.phi * pi, gate.qubit)
    return Operator(circuit)


def same(ours: Operator, theirs: Operator) -> bool:
    return bool(abs(abs(np.trace(ours.data.conj().T @ theirs.data)) / len(ours.data) - 1) < 1e-12)


# --- single gates -----------------------------------------------------------------------
@hypothesis_given(ANGLES, ANGLES)
def test_an_r_of_any_angles_is_brought_into_range(theta: float, phi: float) -> None:
    gates = native.r(0, theta, phi)
    assert same(unitary(gates, 1), Operator(RGate(theta, phi)))
    assert len(gates) <= 1


@hypothesis_given(ANGLES)
def test_an_rxx_of_any_angle_is_brought_into_range(theta: float) -> None:
    assert same(unitary(native.rxx(0, 1, theta)), Operator(RXXGate(theta)))


@hypothesis_given(ANGLES)
def test_an_rz_keeps_its_angle(phi: float) -> None:
    gates = native.rz(0, phi)
    assert same(unitary(gates, 1), Operator(RZGate(phi)))
    assert gates == [] or gates == [RZ(0, phi / pi)]
    assert (gates == []) == (abs(remainder(phi, 2 * pi)) < 1e-12 * pi)


# --- whole circuits ---------------------------------------------------------------------
@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("qubits", [2, 3, 4, 5])
def test_what_is_sent_equals_the_circuit_with_all_angles_in_range(
    qubits: int, level: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(12):
        circuit = random_circuit(qubits, 5, max_operands=min(qubits, 3), seed=seed)
        circuit.measure_all()
        (part,) = prepare(circuit, optimization_level=level)
        assert distance(circuit, part) < 1e-9, f"seed {seed}"
        with monkeypatch.context() as patch:  # what is left out before the measurement is an rz per qubit, and no more
            patch.setattr(programs, "folded", partial(folded, keep_last=True))
            (whole,) = prepare(circuit, optimization_level=level)
        assert distance(circuit, whole, up_to_z=False) < 1e-9, f"seed {seed}"
        kept, sent_ones = ([*read(one)["quantum_circuit"]] for one in (whole, part))
        assert kept[: len(sent_ones) - 1] == sent_ones[:-1]
        assert {gate["operation"] for gate in kept[len(sent_ones) - 1 : -1]} <= {"RZ"}


@pytest.mark.parametrize("level", [0, 3])
def test_the_order_in_which_qubits_are_read_follows_swaps_that_were_left_out(level: int) -> None:
    circuit = QuantumCircuit(4)
    circuit.x(0)
    circuit.ry(0.3, 1)
    circuit.swap(0, 3)
    circuit.cx(3, 2)
    circuit.swap(1, 2)
    circuit.append(QFTGate(4), range(4))
    circuit.measure_all()
    (part,) = prepare(circuit, optimization_level=level)
    assert distance(circuit, part) < 1e-9


def steps(angles: st.SearchStrategy[float]) -> st.SearchStrategy[list[Step]]:
    return st.lists(
        st.one_of(
            st.builds(lambda qubit, angle: Step("rz", (qubit,), (angle,)), st.integers(0, 2), angles),
            st.builds(lambda qubit, theta, phi: Step("r", (qubit,), (theta, phi)), st.integers(0, 2), angles, angles),
            st.builds(
                lambda pair, angle: Step("rxx", pair, (angle,)),
                st.permutations([0, 1, 2]).map(lambda order: (order[0], order[1])),
                angles,
            ),
            st.builds(lambda qubits: Step("barrier", tuple(sorted(qubits))), st.sets(st.integers(0, 2), min_size=1)),
        ),
        max_size=30,
    )


@hypothesis_given(steps(ANGLES))
def test_rewriting_gates_in_any_order_changes_nothing_but_last_rotations_about_z(given: list[Step]) -> None:
    circuit = QuantumCircuit(3)
    for step in given:
        if step.name != "barrier":
            getattr(circuit, step.name)(*step.angles, *step.qubits)
    rest = unitary(folded(given, 3), 3).data @ Operator(circuit).data.conj().T
    assert np.abs(rest - np.diag(np.diag(rest))).max() < 1e-7
    # Rotations about z on each qubit, and no other diagonal.
    phases = np.angle(np.diag(rest)).reshape(2, 2, 2)
    mixed = phases - phases[:1] - phases[:, :1] - phases[:, :, :1]
    mixed = mixed + phases[:1, :1] + phases[:1, :, :1] + phases[:, :1, :1] - phases[:1, :1, :1]
    assert np.abs(np.exp(1j * mixed) - 1).max() < 1e-7


def merged(given: list[Step]) -> int:
    """How many r remain where only what stands between two rxx or barriers becomes one."""
    pending = dict.fromkeys(range(3), turns.NONE)
    count = 0
    for step in [*given, Step("barrier", (0, 1, 2))]:
        if step.name in {"r", "rz"}:
            (qubit,) = step.qubits
            pending[qubit] = turns.times(getattr(turns, step.name)(*step.angles), pending[qubit])
        else:
            for qubit in step.qubits:
                count += turns.as_rz_r(pending[qubit]).middle > turns.TINY
                pending[qubit] = turns.NONE
    return count


@hypothesis_given(steps(CLEAR))
def test_rewriting_never_needs_more_pulses_than_merging_but_for_an_rxx_saved(given: list[Step]) -> None:
    ours = folded(given, 3)
    r, rxx = (sum(isinstance(gate, kind) for gate in ours) for kind in (R, RXX))
    before = sum(isinstance(gate, RXX) for step in given for gate in native.gates(step))
    halves = sum(isinstance(gate, R) for step in given if step.name == "rxx" for gate in native.gates(step))
    assert rxx <= before
    assert r <= merged(given) + halves + 2 * (before - rxx)  # two rxx that become one may go over a quarter turn


def test_gates_are_not_moved_across_a_barrier_nor_joined() -> None:
    x, back = Step("r", (0,), (pi, 0.0)), Step("r", (0,), (-pi / 2, 0.0))
    assert folded([x, Step("barrier", (0,)), back], 1) == [R(0, 0.0, 1.0), R(0, 1.0, 0.5)]
    assert folded([x, back], 1) == [R(0, 0.0, pytest.approx(0.5))]
    pair = Step("rxx", (0, 1), (0.3,))
    fence = Step("barrier", (0, 1))
    assert len(folded([pair, fence, pair], 2)) == 2
    assert folded([pair, pair], 2) == [RXX((0, 1), pytest.approx(0.6 / pi))]


def test_a_rotation_about_z_before_the_measurement_is_not_sent() -> None:
    assert folded([Step("r", (0,), (1.0, 0.0)), Step("rz", (0,), (0.4,))], 1) == [
        R(0, pytest.approx(0), pytest.approx(1 / pi))
    ]


def test_a_long_circuit_is_rewritten_in_a_moment() -> None:
    rng = np.random.default_rng(1)
    long = []
    for _ in range(700):
        a, b = (int(one) for one in rng.permutation(12)[:2])
        long += [Step("r", (a,), (*rng.uniform(-4, 4, 2),)), Step("rxx", (a, b), (float(rng.uniform(-4, 4)),))]
    assert len(folded(long, 12)) < 2.5 * len(long)


# --- how many gates ---------------------------------------------------------------------
def usual(circuit: QuantumCircuit) -> dict[str, int]:
    """What comes of bringing each RXX into range and merging what is between them into rx and rz."""
    given = transpile(circuit, target=native.target(32), optimization_level=3, seed_transpiler=0)
    plain = given.copy_empty_like()
    for instruction in given.data:
        if instruction.name != "rxx":
            plain.append(instruction)
            continue
        a, b = instruction.qubits
        theta = remainder(instruction.params[0], 2 * pi)
        if abs(theta) > pi / 2:
            plain.rx(pi, [a, b])
            theta -= pi if theta > 0 else -pi
        if theta < 0:
            plain.rz(pi, a)
        plain.rxx(abs(theta), a, b)
        if theta < 0:
            plain.rz(-pi, a)
    names = PassManager([Optimize1qGatesDecomposition(basis=["rx", "rz"])]).run(plain).count_ops()
    return {"r": names.get("rx", 0), "rz": names.get("rz", 0), "rxx": names.get("rxx", 0)}


def qft(qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits)
    circuit.append(QFTGate(qubits), range(qubits))
    return circuit


def ghz(qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits)
    circuit.h(0)
    for qubit in range(qubits - 1):
        circuit.cx(qubit, qubit + 1)
    return circuit


def anything(qubits: int) -> QuantumCircuit:
    return random_circuit(qubits, 4, max_operands=2, seed=qubits)


@pytest.mark.parametrize("qubits", range(3, 9))
@pytest.mark.parametrize("make", [qft, ghz, anything])
def test_fewer_pulses_are_sent_than_by_merging_alone(make, qubits: int) -> None:
    circuit = make(qubits)
    circuit.measure_all()
    ours, theirs = counted(circuit, optimization_level=3), usual(circuit)
    assert ours["rxx"] <= theirs["rxx"]
    assert ours["r"] < theirs["r"]
    assert sum(ours.values()) < sum(theirs.values())


def test_a_five_qubit_fourier_transform_takes_8_r_and_10_rxx() -> None:
    circuit = qft(5)
    circuit.measure_all()
    ours = counted(circuit, optimization_level=3)
    assert (ours["r"], ours["rxx"]) == (8, 10)
    assert ours["rz"] < 23


# --- what is left alone -----------------------------------------------------------------
def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.r(pi, 0, 0)
    circuit.rxx(pi / 2, 0, 1)
    circuit.rz(-pi / 2, 0)
    circuit.r(pi / 2, pi, 0)
    circuit.r(pi / 2, pi, 1)
    circuit.measure_all()
    return circuit


BELL = [
    {"qubit": 0, "phi": 0.0, "theta": 1.0, "operation": "R"},
    {"qubits": [0, 1], "theta": 0.5, "operation": "RXX"},
    {"qubit": 0, "phi": -0.5, "operation": "RZ"},
    {"qubit": 0, "phi": 1.0, "theta": 0.5, "operation": "R"},
    {"qubit": 1, "phi": 1.0, "theta": 0.5, "operation": "R"},
    {"operation": "MEASURE"},
]


@pytest.mark.parametrize("options", [{}, {"optimization_level": 3}, {"transpile": False}])
def test_a_circuit_of_gates_in_range_is_sent_as_it_is(options: dict) -> None:
    assert operations(bell(), **options) == BELL


def test_without_transpiling_each_gate_out_of_range_is_replaced_for_itself() -> None:
    circuit = QuantumCircuit(2)
    circuit.r(-0.1 * pi, 0.5 * pi, 0)
    circuit.r(0.1 * pi, 0.5 * pi, 0)
    circuit.rz(3 * pi, 0)
    circuit.rxx(-0.25 * pi, 0, 1)
    circuit.rxx(0.75 * pi, 0, 1)
    circuit.measure_all()
    (part,) = prepare(circuit, transpile=False)
    assert distance(circuit, part, up_to_z=False) < 1e-9
    names = [one["operation"] for one in operations(circuit, transpile=False)]
    assert names == ["R", "R", "RZ", "RZ", "RXX", "RZ", "R", "R", "RZ", "RXX", "RZ", "MEASURE"]


def test_gates_that_a_program_defines_itself_count_by_what_they_do() -> None:
    text = qasm3.dumps(bell())
    assert "gate rxx" in text
    assert operations(text) == BELL
    mine = 'OPENQASM 3.0; include "stdgates.inc"; gate r(a, b) q { h q; } bit[1] c; qubit[1] q; r(1, 2) q[0]; c = measure q;'
    (gate, _) = operations(mine)
    assert gate["theta"] == pytest.approx(0.5)


def test_idle_qubits_at_the_end_are_not_sent_and_those_between_are() -> None:
    circuit = QuantumCircuit(20, 2)
    circuit.h([0, 3])
    circuit.measure([0, 3], [0, 1])
    assert sent(circuit)["number_of_qubits"] == 4
    late = QuantumCircuit(9, 1)
    late.x(0)
    late.measure(7, 0)
    assert sent(late)["number_of_qubits"] == 8


# --- the target -------------------------------------------------------------------------
def test_the_target_couples_every_qubit_with_every_other() -> None:
    target = AqtCodec().target("ws/ibex", ABOUT)
    assert target.num_qubits == 12
    assert set(target.operation_names) == {"rz", "r", "rxx", "measure"}
    assert target.build_coupling_map() is None


def test_a_circuit_transpiled_for_the_target_can_be_run() -> None:
    circuit = qft(4)
    circuit.measure_all()
    ready = transpile(circuit, target=AqtCodec().target("ws/ibex", ABOUT), optimization_level=2, seed_transpiler=1)
    assert ready.num_qubits == 4
    assert set(ready.count_ops()) <= native.KNOWN
    assert sent(ready, transpile=False)["number_of_qubits"] == 4
    assert sent(ready)["number_of_qubits"] == 4


def test_the_targets_error_rates_are_the_devices_means() -> None:
    fidelities = {
        "single_qubit_gate_fidelity": {
            "0": {"value": 99.9, "uncertainty": 0.1},
            "1": {"value": 99.7, "uncertainty": 0.1},
        },
        "mean_two_qubit_gate_fidelity": {"value": 98.0, "uncertainty": 0.5},
        "spam_fidelity_lower_bound": 99.5,
    }
    target = AqtCodec().target("ws/ibex", about(characterisation=fidelities))
    assert {name: target[name][None].error for name in ("rz", "r", "rxx", "measure")} == {
        "rz": 0.0,
        "r": pytest.approx(0.002),
        "rxx": pytest.approx(0.02),
        "measure": pytest.approx(0.005),
    }
    circuit = qft(4)
    circuit.measure_all()
    for level in (0, 3):
        assert set(transpile(circuit, target=target, optimization_level=level).count_ops()) <= native.KNOWN


@pytest.mark.parametrize("odd", [None, [], {"spam_fidelity_lower_bound": "good"}, {"spam_fidelity_lower_bound": 101}])
def test_an_odd_characterisation_gives_no_error_rates(odd: object) -> None:
    assert native.errors(odd) == {}
