from __future__ import annotations

import pickle

import msgspec
import numpy as np
import pytest
from qiskit.circuit import Parameter, ParameterVector
from qiskit_aer import AerSimulator

from quantumjobs.adapters.aer import options
from quantumjobs.adapters.aer.options import admit
from quantumjobs.errors import UsageError
from tests.adapters.aer import programs


def test_the_table_has_exactly_aers_options() -> None:
    extra = {"fusion_parallelization_threshold", "target_gpus"}
    ours = set(options.AER) | set(options.OBJECTS) | set(options.DEAD) | set(options.REQUEST)
    assert ours - extra - {"parameter_binds"} == set(AerSimulator().options.__dict__)


def test_the_tables_types_are_aers_types() -> None:
    from qiskit_aer.backends import aer_compiler

    for name, kind in options.AER.items():
        theirs = aer_compiler.BACKEND_RUN_ARG_TYPES[name]
        first = theirs[0] if isinstance(theirs, tuple) else theirs
        assert kind is first or (kind is bool and first is int), name


def test_the_methods_are_aers_methods() -> None:
    assert set(AerSimulator().available_methods()) <= set(options.METHODS)
    assert set(AerSimulator._SIMULATION_METHODS) == set(options.METHODS)


def test_an_unknown_option_lists_near_names() -> None:
    with pytest.raises(UsageError, match="unknown option 'fusion_enabled' for aer; did you mean 'fusion_enable'"):
        admit("", {"fusion_enabled": True})


def test_an_unknown_address_lists_near_names() -> None:
    with pytest.raises(UsageError, match="unknown backend 'statevektor' for aer; did you mean 'statevector'"):
        admit("statevektor", {})


@pytest.mark.parametrize("name", ["executor", "max_job_size", "max_shot_size"])
def test_aers_dead_options_say_what_to_use_instead(name: str) -> None:
    with pytest.raises(UsageError, match=r'does nothing in Aer any more.*providers=\{"aer": \{"executor"'):
        admit("", {name: 3})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fusion_enable", 1),
        ("max_parallel_threads", True),
        ("max_parallel_threads", 1.5),
        ("seed_simulator", "7"),
        ("zero_threshold", "x"),
        ("precision", 3),
        ("time_limit", "1 s"),
        ("seed_simulator", np.array([1])),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"option '{name}' must be"):
        admit("", {name: value})


@pytest.mark.parametrize("value", [0, -1.0, float("inf"), float("nan")])
def test_a_time_limit_is_a_positive_number(value: float) -> None:
    with pytest.raises(UsageError, match="time_limit"):
        admit("", {"time_limit": value})


@pytest.mark.parametrize(("name", "value"), [("method", "statevec"), ("device", "TPU"), ("precision", "half")])
def test_a_value_that_does_not_exist_is_refused(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"unknown {name} '{value}'"):
        admit("", {name: value})


def test_numbers_of_numpy_are_numbers() -> None:
    plain, _ = admit("", {"seed_simulator": np.int64(5), "zero_threshold": np.float64(0.5), "fusion_enable": np.True_})
    assert plain == {"seed_simulator": 5, "zero_threshold": 0.5, "fusion_enable": True}
    assert all(type(value) in {int, float, bool} for value in plain.values())


def test_none_is_as_if_not_given() -> None:
    assert admit("", {"seed_simulator": None, "noise_model": None, "method": None, "time_limit": None}) == ({}, {})


def test_seed_is_another_name_of_seed_simulator() -> None:
    assert admit("", {"seed": 3}) == ({"seed_simulator": 3}, {})
    with pytest.raises(UsageError, match="same option"):
        admit("", {"seed": 3, "seed_simulator": 3})


@pytest.mark.parametrize("seed", [1 << 63, -(1 << 63) - 1])
def test_a_seed_beyond_64_bits_is_refused(seed: int) -> None:
    with pytest.raises(UsageError, match="64 bits"):
        admit("", {"seed": seed})


def test_address_and_option_may_not_contradict_each_other() -> None:
    assert admit("stabilizer", {"method": "stabilizer"})[0] == {"method": "stabilizer"}
    assert admit("automatic", {"method": "stabilizer"})[0] == {"method": "stabilizer"}
    with pytest.raises(UsageError, match="aer/statevector and the option method='stabilizer' contradict"):
        admit("statevector", {"method": "stabilizer"})


def test_a_noise_model_becomes_a_blob() -> None:
    plain, blobs = admit("", {"noise_model": programs.noise()})
    assert plain == {}
    assert pickle.loads(blobs["noise_model"]) == programs.noise()


@pytest.mark.parametrize(
    ("model", "why"), [({"errors": []}, "dict form loses errors"), ("ibm", "must be a qiskit_aer")]
)
def test_what_is_no_noise_model_is_refused_with_the_reason(model: object, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        admit("", {"noise_model": model})


def test_parameter_binds_are_kept_by_name() -> None:
    vector = ParameterVector("v", 2)
    binds = [{Parameter("a"): np.array([1.0, 2.0]), vector[1]: [3, 4]}, {}]
    _, blobs = admit("", {"parameter_binds": binds})
    assert msgspec.msgpack.decode(blobs["parameter_binds"]) == [{"a": [1.0, 2.0], "v[1]": [3.0, 4.0]}, {}]


@pytest.mark.parametrize(
    ("binds", "why"),
    [
        (3, "list with one dict per circuit"),
        ([3], "list with one dict per circuit"),
        ([{3: [1]}], "3 is not a parameter"),
        ([{"a": 1.0}], "'a' needs a list of numbers"),
        ([{"a": ["x"]}], "'a' needs a list of numbers"),
        ([{"a": [1], "b": [1, 2]}], "equal length"),
    ],
)
def test_parameter_binds_of_another_shape_are_refused(binds: object, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        admit("", {"parameter_binds": binds})
