"""The options of `run`: what is taken for what, and what is refused before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from quantumjobs.adapters.originq import NoiseModel, provider
from quantumjobs.adapters.originq.options import FULL, PARTIAL, SINGLE, known
from quantumjobs.errors import UsageError

CHIP = "WK_C180"


def admitted(backend: str, **options: Any) -> dict[str, Any]:
    plain, blobs = provider({"api_key": "k"}).admit(backend, options)
    assert blobs == {}
    return plain


def test_a_chip_takes_all_that_the_vendors_options_have():
    given = {
        "amend_flag": 3,
        "is_prob_counts": False,
        "mapping": True,
        "optimization": False,
        "point_label": 2,
        "specified_block": [45, 46],
        "use_cz_pattern": True,
    }
    assert admitted(CHIP, **given) == given
    assert admitted(CHIP, batch_id="b", task_form=7) == {"batch_id": "b", "task_form": 7}
    assert admitted(CHIP, mapping=None) == {}


@pytest.mark.parametrize(("given", "flag"), [(True, 1), (False, 0), (0, 0), (1, 1), (3, 3)])
def test_the_amendment_is_a_flag_or_a_number(given: Any, flag: int):
    assert admitted(CHIP, amend_flag=given) == {"amend_flag": flag}


@pytest.mark.parametrize(
    ("backend", "options", "words"),
    [
        (CHIP, {"amend_flag": 2}, "0 (off), 1 (global sampling) or 3"),
        (CHIP, {"mapping": 1}, "True or False"),
        (CHIP, {"maping": True}, "did you mean 'mapping'"),
        (CHIP, {"noise_model": {}}, "one of full_amplitude"),
        (CHIP, {"amplitudes": ["0"]}, "one of partial_amplitude and single_amplitude"),
        (CHIP, {"qubits": [0]}, "one of full_amplitude"),
        (CHIP, {"options": {}}, "give its fields as options"),
        (CHIP, {"enable_binary_encoding": True}, "circuits are sent as OriginIR"),
        (CHIP, {"circuits_per_job": 201}, "from 1 to 200"),
        (CHIP, {"specified_block": [1, 1]}, "named twice"),
        (CHIP, {"specified_block": [1], "mapping": False}, "mapping=False says not to"),
        (CHIP, {"extra": {"shot": 3}}, "has an option of its own"),
        (CHIP, {"extra": {"x": object()}}, "extra"),
        (CHIP, {"keys": ["a b"]}, "names such as"),
        (CHIP, {"batch_id": 7}, "a text"),
        (CHIP, {"point_label": -1}, "from 0"),
        (FULL, {"mapping": True}, "it is one of chips"),
        (FULL, {"seed": 7}, "take no seed"),
        (FULL, {"qubits": []}, "a list of qubits"),
        (FULL, {"qubits": [0], "observables": "ZZ"}, "exact probabilities"),
        (FULL, {"noise_model": {"name": "BITFLIP_KRAUS_OPERATOR"}}, "noise_model"),
        (FULL, {"noise_model": {"name": "BITFLIP", "single": [0.1], "double": [0.1]}}, "unknown noise model"),
        (FULL, {"noise_model": NoiseModel("BITFLIP_KRAUS_OPERATOR", (0.1,), (-1.0,))}, "no less than 0"),
        (FULL, {"noise_model": NoiseModel("BITFLIP_KRAUS_OPERATOR", (0.1,), ())}, "each need a parameter"),
        (PARTIAL, {"amplitudes": ["0x3"]}, "decimal numbers"),
        (PARTIAL, {"amplitudes": [True]}, "decimal numbers"),
        (SINGLE, {"amplitudes": ["0", "1"]}, "one amplitude at a time"),
        (SINGLE, {"amplitudes": ["0"], "observables": "Z"}, "one of full_amplitude"),
    ],
)
def test_what_is_wrong_is_refused_with_what_to_do(backend: str, options: dict[str, Any], words: str):
    with pytest.raises(UsageError) as caught:
        admitted(backend, **options)
    assert words in str(caught.value)


def test_noise_goes_by_the_vendors_names_and_is_spelt_as_on_the_wire():
    given = NoiseModel("BIT_PHASE_FLIP_OPERATOR", (0.01,), (0.02,))
    wire = {
        "single_gate": ["BIT_PHASE_FLIP_OPRATOR", 0.01],
        "double_gate": ["BIT_PHASE_FLIP_OPRATOR", 0.02],
    }
    assert admitted(FULL, noise_model=given) == {"noise_model": wire}
    as_dict = {"name": "BIT_PHASE_FLIP_OPRATOR", "single": [0.01], "double": [0.02]}
    assert admitted(FULL, noise_model=as_dict) == {"noise_model": wire}


def test_the_vendors_own_noise_model_is_known_by_its_methods():
    class QCloudNoiseModel:
        def get_noise_model(self) -> str:
            return "PHASE_DAMPING_OPRATOR"

        def get_single_params(self) -> list[float]:
            return [0.1]

        def get_double_params(self) -> list[float]:
            return [0.2]

    found = admitted(FULL, noise_model=QCloudNoiseModel())["noise_model"]
    assert found == {"single_gate": ["PHASE_DAMPING_OPRATOR", 0.1], "double_gate": ["PHASE_DAMPING_OPRATOR", 0.2]}


def test_amplitudes_are_decimal_numbers_however_they_are_given():
    assert admitted(PARTIAL, amplitudes=["0", 3]) == {"amplitudes": ["0", "3"]}
    assert admitted(SINGLE, amplitudes="0") == {"amplitudes": ["0"]}
    assert admitted(SINGLE, amplitudes=[2**70]) == {"amplitudes": [str(2**70)]}


def test_keys_may_have_the_names_of_the_client_or_of_the_wire():
    found = admitted(CHIP, keys=["mapping_qubit", "qprog", "mappingQubit"])
    assert found == {"keys": ["mappingQubit", "qprog"]}


def test_extra_fields_are_plain_values_and_really_sent():
    assert admitted(CHIP, extra={"dataFormat": 2, "list": (1, 2)}) == {"extra": {"dataFormat": 2, "list": [1, 2]}}


@pytest.mark.parametrize("backend", [FULL, PARTIAL, SINGLE, CHIP])
def test_an_unknown_option_is_refused_with_those_that_there_are(backend: str):
    with pytest.raises(UsageError, match=known(backend)[0]):
        admitted(backend, nonsense=1)
