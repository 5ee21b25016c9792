"""What IQM's emulator takes for a circuit, and what it refuses, by name and place."""

from __future__ import annotations

import json

import pytest

from quantumjobs.testing.emulators import iqm_check, iqm_payload
from quantumjobs.testing.emulators.iqm_computers import COMPUTERS, Computer
from tests.testing.emulators.iqm_helpers import BELL, cc_prx, circuit, cz, measure, move, other, prx, submission

BY_ALIAS = {one.alias: one for one in COMPUTERS}
DENEB_CZ = (move("QB1"), cz("QB2", "CR1"), move("QB1"))


def checked(document, alias="garnet"):
    return iqm_check.check(iqm_payload.read(json.dumps(document).encode()), BY_ALIAS[alias])


def refused(document, alias="garnet") -> iqm_payload.Invalid:
    with pytest.raises(iqm_payload.Invalid) as caught:
        checked(document, alias)
    return caught.value


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (prx("QB21"), "there is no QB21 on garnet"),
        (other("prx", "QB1", "QB2", angle=1, phase=0), "locus"),
        (other("prx", "QB1", angle=1), "missing required field `phase`"),
        (other("prx", "QB1", angle=1, phase=0, angle_t=1), "unknown field `angle_t`"),
        (other("prx", "QB1", angle="1", phase=0), "Expected `float`, got `str`"),
        (prx() | {"qubits": ["QB1"]}, "unknown field `qubits`"),
        (prx() | {"implementation": "none"}, "there is no implementation 'none'"),
        (cz("QB1", "QB3"), "cz is not calibrated at QB1, QB3"),
        (cz("QB1", "QB1"), "a component is there twice"),
        (other("cz", "QB1", "QB2", angle=1), "unknown field `angle`"),
        (move("QB1", "QB2"), "move is not calibrated on garnet"),
        (measure(key="first"), "the key 'first' is there already"),
        (measure(key=""), "length >= 1"),
        (measure("QB1", "QB1"), "a component is there twice"),
        (other("measure", key="m"), "length >= 1"),
        (cc_prx(key="never"), "nothing has been measured with the feedback key 'never'"),
        (cc_prx(of="QB2", key="f"), "QB2 was not measured with the feedback key 'f'"),
        (other("delay", "QB1", duration=-1.0), ">= 0"),
        (other("delay", "QB1"), "missing required field `duration`"),
        (other("reset", "QB99"), "there is no QB99 on garnet"),
        (other("barrier"), "length >= 1"),
        (other("h", "QB1"), "Invalid value 'h'"),
        ({"locus": ["QB1"]}, "missing required field `name`"),
    ],
)
def test_an_instruction_that_means_nothing_is_refused_by_circuit_and_place(step, why):
    spoilt = circuit(measure("QB1", key="first", feedback_key="f"), step, name="second")
    found = refused(submission(BELL, spoilt))
    assert why in found.message
    assert "circuit 1" in found.message
    assert "instruction 1" in found.message
    assert (found.status, found.code) in {(422, "invalid_circuit"), (422, "invalid_payload")}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"shots": 0}, "shots: Expected `int` >= 1"),
        ({"shots": 100_001}, "shots: 100001 is more than 100000"),
        ({"shots": 1.5}, "shots: Expected `int`"),
        ({"circuits": []}, "circuits: Expected `array` of length >= 1"),
        ({"circuits": ["QIR"]}, "circuit 0: Expected `object`, got `str`"),
        ({"circuits": [BELL | {"extra": 1}]}, "circuit 0: Object contains unknown field `extra`"),
        ({"circuits": [BELL | {"metadata": []}]}, "circuit 0, metadata: Expected `object | null`"),
        ({"calibration_set_id": "default"}, "calibration_set_id: Invalid UUID"),
        ({"heralding_mode": "ones"}, "heralding_mode: Invalid enum value 'ones'"),
        ({"dd_mode": True}, "dd_mode: "),
        ({"dd_strategy": {"gate_sequences": [[2, "XZ", "center"]]}}, "dd_strategy.gate_sequences"),
        ({"dd_strategy": {"gate_sequences": [[2, "XX", "left"]]}}, "dd_strategy.gate_sequences"),
        ({"dd_strategy": {"target_qubits": ["QB99"]}}, "dd_strategy.target_qubits: there is no qubit QB99"),
        ({"max_circuit_duration_over_t2": -1}, "max_circuit_duration_over_t2: "),
        ({"active_reset_cycles": "2"}, "active_reset_cycles: "),
        ({"move_gate_validation": "lax"}, "move_gate_validation: "),
        ({"move_gate_validation": "none"}, "move_gate_frame_tracking: 'full' needs"),
        ({"custom_settings": {}}, "unknown field `custom_settings`"),
        ({"qubit_mapping": [{"logical_name": "a", "physical_name": "QB99"}]}, "qubit_mapping: there is no QB99"),
        (
            {"qubit_mapping": [{"logical_name": name, "physical_name": "QB1"} for name in "ab"]},
            "qubit_mapping: a name is there twice",
        ),
    ],
)
def test_a_submission_of_another_form_is_refused(change, why):
    found = refused(submission() | change)
    assert why in found.message
    assert found.status == 422


def test_too_many_circuits_are_too_large_and_what_is_no_json_is_no_request():
    many = refused(submission(*[circuit()] * 10_001))
    assert (many.status, many.code) == (413, "payload_too_large")
    for body in (b"", b"{", b"\xff", b'{"shots": NaN}'):
        with pytest.raises(iqm_payload.Invalid) as caught:
            iqm_payload.read(body)
        assert caught.value.status == 400


def test_all_that_the_protocol_has_is_taken():
    strategy = {"merge_contiguous_waits": True, "target_qubits": ["QB1"], "gate_sequences": [[2, "XX", "center"], [4, [[3.1, 0.0]], "asap"]]}  # fmt: skip
    given = circuit(
        prx(angle=-9.5) | {"implementation": "drag_crf_sx"},
        cz("QB2", "QB1"),
        other("barrier", "QB1", "QB2", "QB20"),
        other("delay", "QB1", "QB2", duration=1e-7),
        measure("QB1", "QB2", key="k", feedback_key="f"),
        cc_prx("QB2", "QB2", "f"),
        other("reset", "QB1", "QB3"),
        metadata={"registers": [["c", 2]]},
    )
    document = submission(given) | {
        "calibration_set_id": "cd4dd889-b88b-4370-ba01-eb8262ad9c53",
        "qubit_mapping": None,
        "max_circuit_duration_over_t2": 0.0,
        "heralding_mode": "zeros",
        "move_gate_validation": "allow_prx",
        "move_gate_frame_tracking": "no_detuning_correction",
        "active_reset_cycles": -1,
        "dd_mode": "enabled",
        "dd_strategy": strategy,
        "move_validation_mode": "allow_prx",
        "move_gate_frame_tracking_mode": "no_detuning_correction",
    }
    (found,) = checked(document)
    assert [one.name for one in found.instructions] == [one["name"] for one in given["instructions"]]


def test_logical_names_are_mapped_and_physical_ones_stay():
    pairs = [{"logical_name": "a", "physical_name": "QB2"}, {"logical_name": "QB2", "physical_name": "QB1"}]
    (found,) = checked(submission(circuit(cz("a", "QB2"), prx("QB5"))) | {"qubit_mapping": pairs})
    assert [one.locus for one in found.instructions] == [("QB2", "QB1"), ("QB5",)]
    assert (
        "cz is not calibrated at QB3, QB1"
        in refused(
            submission(circuit(cz("a", "QB1"))) | {"qubit_mapping": [{"logical_name": "a", "physical_name": "QB3"}]}
        ).message
    )


# --- what a computer has ------------------------------------------------------------------
def test_what_is_conditional_is_refused_where_it_is_not_calibrated():
    measured = measure("QB3", key="k", feedback_key="f")
    assert (
        "cc_prx is not calibrated on adonis"
        in refused(submission(circuit(measured, cc_prx("QB1", "QB3"))), "adonis").message
    )
    assert "cc_prx is not calibrated on adonis" in refused(submission(circuit(other("reset", "QB1"))), "adonis").message
    assert checked(submission(circuit(cz("QB3", "QB1"), measured)), "adonis")


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ((move(),), "at the end states are still in a resonator: QB1 in CR1"),
        ((move(), move("QB2")), "CR1 holds the state of QB1"),
        ((move(), prx(), move()), "the state of QB1 is in a resonator"),
        ((move(), measure(), move()), "the state of QB1 is in a resonator"),
        ((move(), other("delay", "QB1", duration=0.0), move()), "the state of QB1 is in a resonator"),
        ((move("CR1", "QB1"),), "move is not calibrated at CR1, QB1"),
        ((prx("CR1"),), "prx is not calibrated at CR1"),
        ((measure("CR1"),), "measure is not calibrated at CR1"),
        ((cz("QB1", "QB2"),), "cz is not calibrated at QB1, QB2"),
    ],
)
def test_a_move_that_is_no_sandwich_is_refused(steps, why):
    found = refused(submission(circuit(prx(), *steps)), "deneb")
    assert why in found.message
    assert "circuit 0 (mine)" in found.message


def test_sandwiches_are_taken_and_so_is_what_validation_lets_pass():
    inside = (move(), other("barrier", "QB1", "QB2"), prx("QB2"), cz("CR1", "QB2"), move())
    assert checked(submission(circuit(*inside, *DENEB_CZ)), "deneb")
    with_prx = submission(circuit(move(), prx(), move()))
    assert checked(with_prx | {"move_gate_validation": "allow_prx"}, "deneb")
    assert checked(with_prx | {"move_validation_mode": "allow_prx"}, "deneb")  # the older name
    open_end = submission(circuit(move())) | {"move_gate_validation": "none", "move_gate_frame_tracking": "none"}
    assert checked(open_end, "deneb")


def test_a_state_cannot_be_in_two_resonators():
    pairs = tuple(("QB1", resonator) for resonator in ("CR1", "CR2"))
    two = Computer(alias="two", qubits=("QB1",), resonators=("CR1", "CR2"), connectivity=pairs)
    given = iqm_payload.read(json.dumps(submission(circuit(move(), move("QB1", "CR2")))).encode())
    with pytest.raises(iqm_payload.Invalid, match="the state of QB1 is in another resonator"):
        iqm_check.check(given, two)


# --- computers ----------------------------------------------------------------------------
def test_computers_differ_in_size_shape_and_gates():
    found = {one.alias: (len(one.qubits), len(one.connectivity), sorted(one.loci())) for one in COMPUTERS}
    usual = ["cc_prx", "cz", "measure", "prx"]
    assert found == {
        "garnet": (20, 30, usual),
        "emerald": (54, 90, usual),
        "deneb": (6, 6, ["cc_prx", "cz", "measure", "move", "prx"]),
        "line": (5, 4, usual),
        "adonis": (5, 4, ["cz", "measure", "prx"]),
    }
    for one in COMPUTERS:
        assert {name for pair in one.connectivity for name in pair} == one.components
