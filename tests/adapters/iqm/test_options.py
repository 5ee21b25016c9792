"""The options of `run`: those that are known, and what is said of all others before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from quantumjobs.adapters.iqm.options import admitted
from quantumjobs.errors import UsageError

CALIBRATION = "cd4dd889-b88b-4370-ba01-eb8262ad9c53"
GIVEN: dict[str, Any] = {
    "active_reset_cycles": 3,
    "calibration_set_id": CALIBRATION,
    "circuits_per_job": 50,
    "dd_mode": "enabled",
    "dd_strategy": {"gate_sequences": [[2, "XX", "center"], [4, [[3.14, 0.0]], "asap"]], "target_qubits": ["QB1"]},
    "heralding_mode": "zeros",
    "max_circuit_duration_over_t2": 0.5,
    "move_gate_frame_tracking": "none",
    "move_gate_validation": "none",
    "qubit_mapping": ["QB3", "QB1"],
    "use_timeslot": True,
}


def test_every_option_is_taken_as_it_is_given() -> None:
    found = admitted(GIVEN, where="iqm/garnet")
    strategy = found.pop("dd_strategy")
    assert found == {name: value for name, value in GIVEN.items() if name != "dd_strategy"}
    assert strategy == {
        "merge_contiguous_waits": True,
        "target_qubits": ["QB1"],
        "skip_leading_wait": True,
        "skip_trailing_wait": True,
        "gate_sequences": [[2, "XX", "center"], [4, [[3.14, 0.0]], "asap"]],
    }


def test_none_is_as_if_it_had_not_been_given() -> None:
    assert admitted(dict.fromkeys(GIVEN), where="iqm/garnet") == {}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("heralding_mode", "ones", "one of 'none', 'zeros'"),
        ("move_gate_validation", True, "one of 'strict'"),
        ("dd_mode", "on", "one of 'disabled', 'enabled'"),
        ("calibration_set_id", "default", "UUID"),
        ("calibration_set_id", 7, "UUID"),
        ("active_reset_cycles", 0, "positive whole number"),
        ("active_reset_cycles", True, "positive whole number"),
        ("circuits_per_job", 2.5, "positive whole number"),
        ("max_circuit_duration_over_t2", -0.1, "no less than 0"),
        ("max_circuit_duration_over_t2", float("nan"), "no less than 0"),
        ("max_circuit_duration_over_t2", "1", "no less than 0"),
        ("use_timeslot", 1, "True or False"),
        ("qubit_mapping", "QB1", "a list such as"),
        ("qubit_mapping", [], "a list such as"),
        ("qubit_mapping", ["QB1", "QB1"], "one place"),
        ("qubit_mapping", [True], "no name and no number"),
        ("qubit_mapping", {0: "QB1", 2: "QB2"}, "as keys"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_needed(name: str, value: object, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        admitted({name: value}, where="iqm/garnet")
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        ({"sequences": []}, "unknown field"),
        ({"gate_sequences": [[2, "XZ", "asap"]]}, "not made of X and Y"),
        ({"gate_sequences": [[2, "", "asap"]]}, "not made of X and Y"),
        ({"gate_sequences": [[2, "XX", "left"]]}, "none of asap, center, alap"),
        ({"gate_sequences": [[0, "XX", "asap"]]}, "not positive"),
        ("XX", "Expected `object`"),
    ],
)
def test_a_wrong_decoupling_strategy_is_explained(strategy: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        admitted({"dd_mode": "enabled", "dd_strategy": strategy}, where="iqm/garnet")


def test_a_strategy_without_decoupling_is_refused_and_not_ignored() -> None:
    with pytest.raises(UsageError, match='dd_mode="enabled"'):
        admitted({"dd_strategy": {}}, where="iqm/garnet")


def test_frames_are_not_tracked_through_moves_that_nobody_checked() -> None:
    with pytest.raises(UsageError, match='move_gate_frame_tracking="full" needs'):
        admitted({"move_gate_validation": "none"}, where="iqm/deneb")


def test_a_mapping_may_be_a_dictionary_of_the_circuits_qubits() -> None:
    for mapping in ({0: "QB3", 1: "QB1"}, {"1": "QB1", "0": "QB3"}):
        assert admitted({"qubit_mapping": mapping}, where="iqm/garnet") == {"qubit_mapping": ["QB3", "QB1"]}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("timeout_seconds", "asyncio.timeout"),
        ("circuit_compilation_options", "heralding_mode"),
        ("move_validation_mode", "move_gate_validation"),
        ("heralding", "did you mean 'heralding_mode'"),
        ("nonsense", "known: active_reset_cycles"),
    ],
)
def test_what_iqms_clients_call_otherwise_is_told_by_its_name_here(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        admitted({name: 1}, where="iqm/garnet")
