"""Values that a program had computed: under readable names, checked in full, in the service's order."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from quantumjobs.adapters.braket import result_types
from quantumjobs.adapters.braket.answers import Unread
from quantumjobs.core import values

X = [[[0.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 0.0]]]
Y = [[[0.0, 0.0], [-0.0, -1.0]], [[0.0, 1.0], [0.5, -0.25]]]


def computed(*types: tuple[dict[str, Any], Any], qubits: list[int] | None = None) -> dict[str, Any]:
    text = json.dumps([{"type": kind, "value": value} for kind, value in types]).encode()
    found, unread = result_types.values(Raw(text), qubits)
    assert unread == {}
    assert values.load(values.dump(found)).keys() == found.keys()  # all of it can be kept
    return found


def name(**kind: Any) -> str:
    (found,) = computed((kind, 0.5))
    return found


def refused(kind: dict[str, Any], value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    found, unread = result_types.values(Raw(b'[{"type":%b,"value":%b}]' % (json.dumps(kind).encode(), text)), None)
    assert found == {}
    (reason,) = unread.values()
    return reason


# --- values -----------------------------------------------------------------------------
def test_a_state_vector_is_a_complex_array_in_the_services_order():
    found = computed(({"type": "statevector"}, [[0, 0], [0.6, -1e-3], [0, 0], [-8e-1, 0]]))["state_vector"]
    assert found.dtype == np.complex128
    assert found.tolist() == [0, 0.6 - 1e-3j, 0, -0.8]


def test_a_density_matrix_is_a_square_of_them():
    whole, part = [[[0.5, 0], [0, 0.5]], [[0, -0.5], [0.5, 0]]], [[[1, 0]]]
    found = computed(({"type": "densitymatrix"}, whole), ({"type": "densitymatrix", "targets": [2]}, part))
    assert found["density_matrix"].tolist() == [[0.5, 0.5j], [-0.5j, 0.5]]
    assert found["density_matrix(q[2])"].tolist() == [[1]]
    large = [[[row, column] for column in range(8)] for row in range(8)]
    (read,) = computed(({"type": "densitymatrix"}, large)).values()
    assert read.shape == (8, 8)
    assert read[3, 5] == 3 + 5j


def test_amplitudes_keep_the_keys_that_were_asked_for_and_stand_together():
    first = ({"type": "amplitude", "states": ["01"]}, {"01": [0.5, 0.25]})
    second = ({"type": "amplitude", "states": ["10", "11"]}, {"10": [1, 0], "11": [0, 0]})
    assert computed(first, second) == {"amplitude": {"01": 0.5 + 0.25j, "10": 1, "11": 0}}


def test_numbers_of_one_qubit_are_floats_and_of_all_an_array():
    one = {"type": "expectation", "observable": ["z"], "targets": [0]}
    found = computed((one, 1), ({"type": "variance", "observable": ["z"]}, [0.25, 0.5]))
    assert found["expectation(z(q[0]))"] == 1.0
    assert found["variance(z)"].tolist() == [0.25, 0.5]


def test_samples_are_an_array_of_one_or_of_each_qubit():
    one = {"type": "sample", "observable": ["x"], "targets": [1]}
    found = computed((one, [1, -1, 1]), ({"type": "sample", "observable": ["x"]}, [[1, -1, 1], [1, 1, 1]]))
    assert found["sample(x(q[1]))"].tolist() == [1, -1, 1]
    assert found["sample(x)"].shape == (2, 3)


def test_a_gradient_has_its_expectation_value_and_a_number_for_each_parameter():
    kind = {"type": "adjoint_gradient", "observable": "2 * x @ y + -0.5 * z", "targets": [[0, 1], [2]]}
    value = {"expectation": 0.5, "gradient": {"theta": 0.25, "phi": 0}}
    assert computed((kind, value)) == {"adjoint_gradient(2 * x(q[0]) @ y(q[1]) + -0.5 * z(q[2]))": value}


def test_of_a_kind_that_is_not_known_plain_numbers_are_kept():
    assert computed(({"type": "purity"}, 0.75), ({"type": "spectrum", "targets": [1]}, [0.5])) == {
        "purity": 0.75,
        "spectrum(q[1])": [0.5],
    }


# --- names ------------------------------------------------------------------------------
def test_names_are_written_as_pragmas_are():
    assert name(type="expectation", observable=["x", "z"], targets=[0, 1]) == "expectation(x(q[0]) @ z(q[1]))"
    assert name(type="variance", observable=["h"], targets=[7]) == "variance(h(q[7]))"
    assert name(type="expectation", observable=["i"]) == "expectation(i)"
    assert list(computed(({"type": "probability", "targets": [0, 1]}, [0.25] * 4))) == ["probability(q[0],q[1])"]


def test_a_matrix_is_in_its_name_and_takes_as_many_qubits_as_it_has():
    assert name(type="expectation", observable=[X], targets=[3]) == "expectation(hermitian([[0,1],[1,0]])(q[3]))"
    assert (
        name(type="expectation", observable=[Y, "z"], targets=[3, 1])
        == "expectation(hermitian([[0,0-1im],[0+1im,0.5-0.25im]])(q[3]) @ z(q[1]))"
    )


def test_a_large_matrix_is_named_by_its_size_and_digest_and_another_otherwise():
    large = [[[float(row == column), 0.0] for column in range(8)] for row in range(8)]
    first = name(type="expectation", observable=["z", large], targets=[9, 0, 1, 2])
    assert first.startswith("expectation(z(q[9]) @ hermitian(8x8:")
    assert first.endswith(")(q[0],q[1],q[2]))")
    large[0][0][0] = 0.5
    assert name(type="expectation", observable=["z", large], targets=[9, 0, 1, 2]) != first


def test_the_same_a_second_time_is_numbered():
    kind = {"type": "expectation", "observable": ["z"], "targets": [0]}
    assert computed((kind, 0.5), (kind, 0.25), (kind, 0.75)) == {
        "expectation(z(q[0]))": 0.5,
        "expectation(z(q[0])) #2": 0.25,
        "expectation(z(q[0])) #3": 0.75,
    }


# --- probabilities ------------------------------------------------------------------------
def test_probabilities_of_all_qubits_are_listed_too_in_qiskits_order():
    # Index 1 = 01: the first qubit is 0, the second one 1.
    found = computed(({"type": "probability"}, [0.125, 0.25, 0, 0.625]))
    assert found["probability"].tolist() == [0.125, 0.25, 0, 0.625]
    assert found["probabilities"] == {"00": 0.125, "10": 0.25, "11": 0.625}


def test_targets_in_any_order_are_listed_by_qubit_if_they_are_all():
    some = ({"type": "probability", "targets": [4, 1, 2]}, [0, 0.25, 0.5, 0, 0.25, 0, 0, 0])
    assert computed(some, qubits=[1, 2, 4])["probabilities"] == {"010": 0.25, "001": 0.5, "100": 0.25}
    assert "probabilities" not in computed(some, qubits=[0, 1, 2, 4])
    assert "probabilities" not in computed(some, qubits=[1, 2, 3])
    assert "probabilities" not in computed(some)  # nobody knows whether these are all


def test_targets_that_are_named_twice_or_do_not_fit_are_not_listed():
    value = [0.25] * 4
    assert "probabilities" not in computed(({"type": "probability", "targets": [1, 1]}, value), qubits=[1])
    assert "probabilities" not in computed(({"type": "probability", "targets": [1, 1]}, value), qubits=[1, 2])
    assert "probabilities" not in computed(({"type": "probability", "targets": [0]}, value), qubits=[0])


def test_of_very_many_qubits_there_is_the_array_alone():
    found = computed(({"type": "probability"}, [2.0**-17] * 2**17))
    assert list(found) == ["probability"]


def test_no_kind_is_taken_for_the_probabilities():
    assert list(computed(({"type": "probabilities"}, 0.5))) == ["probabilities #2"]


# --- what is not understood ------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        ("statevector", [[1, 0], [0, 0], [0, 0]], "no list of 2**n pairs"),
        ("statevector", [], "no list of 2**n pairs"),
        ("statevector", [[1, 0, 0], [0]], "no list of 2**n pairs"),
        ("statevector", [1, 0], "no list of 2**n pairs"),
        ("statevector", [[1, None], [0, 0]], "no list of 2**n pairs"),
        ("statevector", [["1", 0], [0, 0]], "no list of 2**n pairs"),
        ("statevector", [[[1, 0], [0, 0]]], "no list of 2**n pairs"),
        ("statevector", b"[[1,0],[1e999,0]]", "out of range"),
        ("statevector", {"0": 1}, "no list of 2**n pairs"),
        ("densitymatrix", [[[1, 0], [0, 0]]], "no square matrix"),
        ("densitymatrix", [[1, 0], [0, 0]], "no square matrix"),
        ("densitymatrix", [[[1, 0]] * 3] * 3, "no square matrix"),
        ("densitymatrix", [[[1, 0]] * 3, [[1, 0]]], "no square matrix"),
        ("densitymatrix", 1, "no square matrix"),
        ("densitymatrix", None, "no square matrix"),
        ("densitymatrix", [], "no square matrix"),
        ("probability", [0.5, 0.25, 0.25], "no power of two"),
        ("probability", [], "no power of two"),
        ("probability", [0.5, True], "no list of numbers"),
        ("probability", 0.5, "no list of numbers"),
        ("probability", [[0.5, 0.5]], "no list of numbers"),
        ("expectation", "0.5", "Expected `float`"),
        ("expectation", None, "Expected `float`"),
        ("expectation", b"1e400", "out of range"),
        ("sample", [[1, 2], [3]], "different lengths"),
        ("sample", [[[1]]], "Expected `float`"),
        ("sample", [[], []], "malformed"),
        ("sample", {"0": 1}, "no list of numbers"),
        ("amplitude", {"0a": [1, 0]}, "no bits"),
        ("amplitude", {"00": [1]}, "length"),
        ("amplitude", [1], "Expected `object`"),
        ("adjoint_gradient", {"gradient": {}}, "missing required field"),
        ("adjoint_gradient", {"expectation": 1, "gradient": {"a": "b"}}, "Expected `float`"),
        ("novel", {"a": {"b": {}}}, "Expected `float`"),
    ],
)
def test_a_value_in_another_form_is_not_understood_and_says_why(kind: str, value: Any, told: str):
    assert told in refused({"type": kind}, value)


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"type": 1},
        {"type": "sample", "targets": [-1]},
        {"type": "sample", "observable": [[[1]]]},
        "z",
    ],
)
def test_a_kind_in_another_form_is_not_understood(kind: Any):
    assert refused(kind, 0.5).startswith("result type 0: ")


@pytest.mark.parametrize("matrix", [[], [[]], [[[1, 0]]], [[[1, 0], [0, 0]]], [[[1, 0], [0, 0]], [[1, 0]]]])
def test_an_observable_that_is_no_square_matrix_is_not_understood(matrix: Any):
    assert refused({"type": "sample", "observable": [matrix]}, [1]) == "its observable is no square matrix"


def test_one_that_is_not_understood_hides_no_others():
    text = b'[{"type": {"type": "statevector"}, "value": 3}, {"type": {"type": "probability"}, "value": [1]}, 5]'
    found, unread = result_types.values(Raw(text), None)
    assert list(found) == ["probability", "probabilities"]
    assert list(unread) == ["state_vector", "result type 2"]


def test_no_list_at_all_is_not_understood():
    with pytest.raises(Unread, match="resultTypes: Expected `array`"):
        result_types.values(Raw(b'{"a": 1}'), None)


def test_a_name_from_the_service_is_one_line_without_escapes():
    (found,) = computed(({"type": "a\x1b[2J\nb", "observable": ["z\n\x07"]}, 1))
    assert found.isprintable()


WORDS = ["statevector", "densitymatrix", "amplitude", "probability", "expectation", "sample", "adjoint_gradient", "q"]
LEAVES = st.sampled_from([0, 1, -1, 0.5, 1e300, None, True, "1", [], {}])
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["0", "01", "expectation", "gradient"]), inner, max_size=2)
    ),
    max_leaves=16,
)
OBSERVABLES = st.recursive(
    st.sampled_from(["x", "2 * x @ y", 0.5, [0, 1]]), lambda inner: st.lists(inner, max_size=3), max_leaves=8
)
QUBITS = st.lists(st.integers(0, 3), max_size=3)
KINDS = st.fixed_dictionaries(
    {"type": st.sampled_from(WORDS)}, optional={"targets": QUBITS | st.lists(QUBITS), "observable": OBSERVABLES}
)


@given(st.lists(st.fixed_dictionaries({"type": KINDS, "value": VALUES}), max_size=3), st.none() | QUBITS)
def test_whatever_comes_is_read_or_is_told(types: list[Any], qubits: list[int] | None):
    found, unread = result_types.values(Raw(json.dumps(types).encode()), qubits)
    assert bool(types) == bool(found or unread)
    assert values.load(values.dump(found)).keys() == found.keys()
