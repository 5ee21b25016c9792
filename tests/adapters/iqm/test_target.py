"""What is calibrated where, as Qiskit's target; and circuits are placed where errors are small."""

from __future__ import annotations

from math import log1p

import pytest

from quantumjobs.adapters.iqm import native
from quantumjobs.adapters.iqm.attempts import cost
from quantumjobs.adapters.iqm.messages import Architecture, GateInfo, Implementation
from quantumjobs.adapters.iqm.target import target
from tests.adapters.iqm import architectures
from tests.adapters.iqm.architectures import LINE, STAR, WITHOUT_CONDITIONS, device
from tests.adapters.iqm.circuits import ghz, native_pair, places_of


def test_qubits_that_cannot_be_turned_or_measured_are_left_out():
    gates = dict(LINE.gates)
    gates["prx"] = GateInfo({"usual": Implementation(tuple(one for one in gates["prx"].loci if one != ("QB7",)))})
    gates["measure"] = GateInfo(
        {"usual": Implementation(tuple(one for one in gates["measure"].loci if one != ("QB2",)))}
    )
    here = device(Architecture(calibration_set_id="x", qubits=LINE.qubits, gates=gates))
    assert here.names == ("QB1", "QB3", "QB4", "QB5", "QB6")
    assert here.cz == ((1, 2), (2, 3), (3, 4))


def test_a_gate_is_where_any_of_its_implementations_is():
    gates = dict(LINE.gates)
    gates["cz"] = GateInfo(
        {
            "one": Implementation((("QB1", "QB2"), ("QB2", "QB3"))),
            "other": Implementation((("QB3", "QB2"), ("QB4", "QB5"))),
        }
    )
    here = device(Architecture(calibration_set_id="x", qubits=LINE.qubits, gates=gates))
    assert here.cz == ((0, 1), (1, 2), (3, 4))


def test_users_see_qubits_alone_and_a_cz_between_any_two_that_share_a_resonator():
    seen = target(device(STAR))
    assert seen.num_qubits == 6
    assert set(seen.operation_names) == {"r", "id", "cz", "measure", "delay", "reset", "if_else"}
    assert set(seen.qargs_for_operation_name("cz")) == {(a, b) for a in range(6) for b in range(6) if a != b}
    few = target(device(architectures.FEW_MOVERS))
    assert {tuple(sorted(pair)) for pair in few.qargs_for_operation_name("cz")} == {
        (a, b) for a in range(2) for b in range(a + 1, 6)
    }


def test_without_conditional_prx_there_is_neither_reset_nor_if_else():
    assert set(target(device(WITHOUT_CONDITIONS)).operation_names) == {"r", "id", "cz", "measure", "delay"}


def test_errors_and_durations_are_those_of_the_calibration():
    told = {"prx": {"QB1": 0.001}, "cz": {"QB2,QB1": 0.01}, "measure": {"QB3": 0.02}}
    seen = target(device(LINE, errors=told, durations={"prx": {"QB1": 2e-8}}))
    assert (seen["r"][0,].error, seen["r"][0,].duration) == (0.001, 2e-8)
    assert seen["r"][1,] is None
    assert seen["cz"][0, 1].error == seen["cz"][1, 0].error == 0.01
    assert seen["measure"][2,].error == 0.02


def test_a_cz_through_a_resonator_has_the_error_of_its_best_way():
    told = {"cz": {"QB1,CR1": 0.02, "QB2,CR1": 0.01}, "move": {"QB1,CR1": 0.005, "QB2,CR1": 0.1}}
    seconds = {"cz": {"QB1,CR1": 4e-8, "QB2,CR1": 4e-8}, "move": {"QB1,CR1": 1e-7, "QB2,CR1": 1e-7}}
    seen = target(device(STAR, errors=told, durations=seconds))
    assert seen["cz"][0, 1].error == pytest.approx(1 - 0.99 * 0.995**2)
    assert seen["cz"][0, 1].duration == pytest.approx(2.4e-7)
    assert seen["cz"][2, 3] is None


@pytest.mark.parametrize("level", [2, 3])  # below, Qiskit takes the first qubits where these are coupled
def test_a_pair_is_placed_where_errors_are_small(level: int):
    told = {"cz": {f"QB{n},QB{n + 1}": 0.002 if n == 5 else 0.1 for n in range(1, 7)}}
    told["measure"] = {f"QB{n}": 0.01 for n in range(1, 8)}
    ready = native.ready(ghz(2), device(LINE, errors=told), transpile=True, level=level)
    assert {places for name, places in places_of(ready) if name == "cz"} <= {(4, 5), (5, 4)}


def test_the_cost_of_a_circuit_is_its_errors_and_then_its_gates():
    circuit = native_pair()
    assert cost(circuit, device(LINE)) == (0.0, 1, 1)
    told = {"prx": {"QB1": 0.001}, "cz": {"QB1,QB2": 0.01}, "measure": {"QB2": 0.05}}
    loss, *gates = cost(circuit, device(LINE, errors=told))
    assert loss == pytest.approx(-log1p(-0.001) - log1p(-0.01) - log1p(-0.05))
    assert gates == [1, 1]
