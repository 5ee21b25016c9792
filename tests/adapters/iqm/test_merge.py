"""Runs of gates become one `r`, and turns about Z go where nobody sees them."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit.library import RGate, RXGate, RYGate, UGate, XGate, YGate
from qiskit.quantum_info import Operator

from quantumjobs.adapters.iqm.merge import angles, merged, whole
from quantumjobs.circuits import turns
from tests.adapters.iqm.exact import apart, distance, outcomes

ANGLES = st.one_of(
    st.floats(-20, 20),
    st.builds(
        lambda quarters, crumb: quarters * pi / 4 + crumb,
        st.integers(-40, 40),
        st.sampled_from([0.0, 1e-16, -1e-16, 1e-13, -1e-13, 1e-8, -1e-8]),
    ),
)


def steps(circuit: QuantumCircuit) -> list[str]:
    return [step.name for step in circuit.data]


# --- single rotations -------------------------------------------------------------------
@pytest.mark.parametrize("gate", [XGate(), YGate(), RXGate(0.3), RYGate(-2.0), RGate(0.4, 5.0)])
def test_rotations_about_axes_in_the_plane_are_a_prx(gate: object):
    assert Operator(RGate(*angles(gate))).equiv(Operator(gate), atol=1e-14)


@given(ANGLES, ANGLES, ANGLES)
def test_any_rotation_is_two_prx_at_most(theta: float, phi: float, lam: float) -> None:
    turn = turns.times(turns.rz(phi), turns.times(turns.r(theta, pi / 2), turns.rz(lam)))
    found = whole(turn)
    assert len(found) <= 2
    circuit = QuantumCircuit(1)
    for angle, phase in found:
        circuit.r(angle, phase, 0)
    overlap = abs(np.trace(Operator(circuit).data.conj().T @ Operator(UGate(theta, phi, lam)).data)) / 2
    assert abs(overlap - 1) < 1e-14


@given(ANGLES, ANGLES)
def test_a_prx_stays_one(theta: float, phi: float) -> None:
    assert len(whole(turns.r(theta, phi))) <= 1


# --- circuits ---------------------------------------------------------------------------
def test_a_run_is_one_r_and_what_is_no_rotation_is_nothing():
    circuit = QuantumCircuit(2)
    circuit.rx(0.3, 0)
    circuit.rz(1.0, 0)
    circuit.ry(0.4, 0)
    circuit.rz(2.0, 0)
    circuit.rx(0.5, 1)
    circuit.id(1)
    circuit.rx(-0.5, 1)
    done = merged(circuit)
    assert steps(done) == ["r"]
    assert distance(Operator(done).data, Operator(circuit).data) < 1e-14


def test_turns_about_z_go_through_cz_delays_and_barriers():
    circuit = QuantumCircuit(2)
    for _ in range(3):
        for qubit in (0, 1):
            circuit.rz(0.7, qubit)
            circuit.rx(1.1, qubit)
            circuit.rz(0.4, qubit)
        circuit.cz(0, 1)
        circuit.barrier()
        circuit.delay(100, 0)
        circuit.rz(0.3, 1)
    done = merged(circuit)
    assert done.count_ops() == {"r": 6, "cz": 3, "barrier": 3, "delay": 3}
    assert distance(Operator(done).data, Operator(circuit).data) < 1e-14


def test_gates_are_not_merged_over_barriers_and_delays():
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.barrier(0)
    circuit.x(0)
    circuit.delay(100, 0)
    circuit.x(0)
    assert steps(merged(circuit)) == ["r", "barrier", "r", "delay", "r"]


def test_half_turns_wait_behind_a_cz_and_leave_a_z():
    circuit = QuantumCircuit(3)
    circuit.ry(1.0, 1)
    circuit.x(0)
    circuit.cz(0, 1)
    circuit.y(2)
    circuit.cz(0, 2)
    circuit.rx(0.4, 0)
    circuit.ry(0.3, 2)
    circuit.rx(0.2, 1)
    done = merged(circuit)
    assert steps(done)[:3] == ["r", "cz", "cz"]
    assert done.count_ops() == {"r": 4, "cz": 2}  # and not 6
    assert distance(Operator(done).data, Operator(circuit).data) < 1e-14


def test_what_comes_before_a_measurement_or_a_reset_without_effect_is_dropped():
    circuit = QuantumCircuit(2, 2)
    circuit.rx(0.5, 0)
    circuit.rz(0.4, 0)
    circuit.measure(0, 0)
    circuit.rz(0.3, 0)
    circuit.rx(0.5, 0)
    circuit.measure(0, 1)
    circuit.rx(0.1, 0)
    circuit.reset(0)
    circuit.rx(0.2, 1)
    circuit.reset(1)
    done = merged(circuit)
    assert steps(done) == ["r", "measure", "r", "measure", "reset"]
    assert apart(outcomes(done), outcomes(circuit)) < 1e-14


def test_a_turn_about_z_before_a_measurement_has_no_effect_on_what_comes_after():
    circuit = QuantumCircuit(2, 3)
    for qubit in (0, 1):
        circuit.rx(pi / 2, qubit)
        circuit.rz(0.6, qubit)
    circuit.measure(0, 0)
    for qubit in (0, 1):
        circuit.rx(pi / 2, qubit)
        circuit.measure(qubit, 1 + qubit)
    assert apart(outcomes(merged(circuit)), outcomes(circuit)) < 1e-14


def test_a_reset_is_left_out_only_while_nothing_was_done_to_its_qubit():
    circuit = QuantumCircuit(3, 3)
    circuit.x(0)
    circuit.reset(0)  # fresh: what came before it is gone
    circuit.cz(0, 1)
    circuit.x(1)
    circuit.measure(1, 1)
    circuit.reset(1)
    with circuit.if_test((circuit.clbits[1], 1)):
        circuit.x(2)
    circuit.reset(2)
    circuit.x(0)
    circuit.measure([0, 2], [0, 2])
    done = merged(circuit)
    assert done.count_ops()["reset"] == 2
    assert outcomes(done) == pytest.approx({"011": 1.0})


# --- conditions -------------------------------------------------------------------------
def conditional(after: float) -> QuantumCircuit:
    """A turn about Z waits, then a condition turns about Z, too, and what follows sees both."""
    circuit = QuantumCircuit(2, 2)
    circuit.rx(pi / 2, 0)
    circuit.measure(0, 0)
    circuit.rx(1.2, 1)
    circuit.rz(0.8, 1)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.rx(0.5, 1)
        circuit.rz(after, 1)
    circuit.rx(0.9, 1)
    circuit.measure(1, 1)
    return circuit


@pytest.mark.parametrize(("after", "inside"), [(0.0, 1), (0.7, 2), (pi, 2)])
def test_a_condition_has_as_many_r_as_it_needs_to_leave_no_turn(after: float, inside: int):
    circuit = conditional(after)
    done = merged(circuit)
    (body,) = [step.operation.blocks[0] for step in done.data if step.name == "if_else"]
    assert steps(body) == ["r"] * inside
    assert apart(outcomes(done), outcomes(circuit)) < 1e-12


def test_a_condition_under_which_nothing_happens_is_left_out():
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.rx(0.5, 1)
        circuit.rx(-0.5, 1)
    assert steps(merged(circuit)) == ["measure"]
