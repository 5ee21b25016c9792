"""Observables as users write them, the bases that measure them, and the values that come of outcomes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.quantum_info import Pauli, SparsePauliOp, Statevector, random_statevector

from quantumjobs.circuits import pauli
from quantumjobs.circuits.pauli import Group, Observable
from quantumjobs.errors import UsageError

widths = st.integers(1, 4)


@st.composite
def observables(draw: st.DrawFn) -> list[Observable]:
    width = draw(widths)
    term = st.tuples(st.text("IXYZ", min_size=width, max_size=width), st.floats(-2, 2))
    return [tuple(one) for one in draw(st.lists(st.lists(term, min_size=1, max_size=6), min_size=1, max_size=3))]


def distribution(circuit: QuantumCircuit, group: Group) -> dict[int, float]:
    turned = pauli.measured(circuit, group, measure=False)
    return dict(enumerate(Statevector(turned).probabilities([qubit for qubit, _ in group.basis])))


# --- what is given ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("ZZI", [[["ZZI", 1.0]]]),
        ({"ZZ": 0.5, "XI": -1}, [[["ZZ", 0.5], ["XI", -1.0]]]),
        ([("ZZ", 0.5), ("XI", 1 + 0j)], [[["ZZ", 0.5], ["XI", 1.0]]]),
        (["ZZ", "XX"], [[["ZZ", 1.0]], [["XX", 1.0]]]),
        ([("ZZ", 0.5)], [[["ZZ", 0.5]]]),
        ([[("ZZ", 0.5)], {"XX": 2}], [[["ZZ", 0.5]], [["XX", 2.0]]]),
        (SparsePauliOp(["ZI", "IX"], [1, -2]), [[["ZI", 1.0], ["IX", -2.0]]]),
        ([SparsePauliOp("ZI"), Pauli("-XX")], [[["ZI", 1.0]], [["XX", -1.0]]]),
        (Pauli("Y"), [[["Y", 1.0]]]),
    ],
)
def test_observables_are_given_in_many_forms(given: Any, plain: Any):
    assert pauli.plain(given) == plain


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "the list is empty"),
        ({}, "no terms"),
        ([[]], "no terms"),
        ("ZQ", "not made of I, X, Y and Z"),
        ("", "not made of"),
        (["ZZ", "Z"], "1 and 2 qubits"),
        ([("ZZ", 1j)], "real, finite"),
        ([("ZZ", float("nan"))], "real, finite"),
        ([("ZZ", None)], "no number"),
        ({"ZZ": "much"}, "no number"),
        (7, "int is no observable"),
        ([("ZZ", 1, 2)], "no \\(label, coefficient\\)|no number"),
        (Pauli("iX"), "not made of"),
    ],
)
def test_what_is_no_observable_is_refused_with_what_is_one(given: Any, words: str):
    with pytest.raises(UsageError, match=words):
        pauli.plain(given)


def test_reading_what_is_given_needs_no_qiskit():
    code = "import sys; from quantumjobs.circuits import pauli; pauli.plain('ZZ'); print('qiskit' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- bases ------------------------------------------------------------------------------------
@given(observables())
def test_every_term_is_in_one_group_which_measures_it(given: list[Observable]):
    found = pauli.groups(given, len(given[0][0][0]))
    for number, observable in enumerate(given):
        weights: dict[str, float] = {}
        for label, coefficient in observable:
            weights[label] = weights.get(label, 0.0) + coefficient
        seen: dict[str, float] = {}
        for group in found:
            for share in group.shares:
                for term in share.terms if share.observable == number else ():
                    letters = ["I"] * len(given[0][0][0])
                    for bit in term.bits:
                        qubit, axis = group.basis[bit]
                        letters[-1 - qubit] = axis
                    assert "".join(letters) not in seen
                    seen["".join(letters)] = term.coefficient
        assert seen == pytest.approx(weights)


def test_terms_that_agree_qubit_by_qubit_share_a_basis():
    found = pauli.groups([(("ZZI", 1.0), ("IZZ", 1.0), ("XXX", 1.0), ("III", 2.0))], 3)
    assert sorted(group.basis for group in found) == [
        ((0, "X"), (1, "X"), (2, "X")),
        ((0, "Z"), (1, "Z"), (2, "Z")),
    ]


def test_the_identity_alone_measures_something_all_the_same():
    (group,) = pauli.groups([(("II", 3.0),)], 2)
    assert group.basis == ((0, "Z"),)
    assert pauli.estimate(group, {0: 0.5, 1: 0.5}) == [(0, 3.0, 0.0)]


def test_another_width_than_the_circuits_is_refused():
    with pytest.raises(UsageError, match="has 3 qubits, and the observables are for 2"):
        pauli.groups([(("ZZ", 1.0),)], 3)


def test_bases_follow_qubits_to_where_they_were_brought():
    (group,) = pauli.groups([(("ZY", 1.0),)], 2)
    assert pauli.placed(group, [5, 3]).basis == ((5, "Y"), (3, "Z"))


# --- circuits ---------------------------------------------------------------------------------
def test_final_measurements_are_replaced_and_earlier_ones_refused():
    circuit = QuantumCircuit(2, 2, name="mine", metadata={"a": 1})
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    made = pauli.measured(circuit, Group(((0, "X"), (1, "Y")), ()))
    assert [step.name for step in made.data] == ["h", "h", "sdg", "h", "measure", "measure"]
    assert [register.name for register in made.cregs] == [pauli.REGISTER]
    assert (made.name, made.metadata) == ("mine", {"a": 1})
    circuit.x(0)
    with pytest.raises(UsageError, match="measures before the end"):
        pauli.measured(circuit, Group(((0, "Z"),), ()))


def test_a_register_of_that_name_does_no_harm():
    circuit = QuantumCircuit(QuantumRegister(1, pauli.REGISTER), ClassicalRegister(1, "basis_"))
    circuit.h(0)
    made = pauli.measured(circuit, Group(((0, "Z"),), ()))
    assert [register.name for register in made.cregs] == ["basis_", "basis__"]


# --- values -----------------------------------------------------------------------------------
@settings(max_examples=40, deadline=None)
@given(observables(), st.integers(0, 1000))
def test_groups_add_up_to_the_expectation_value(given: list[Observable], seed: int):
    width = len(given[0][0][0])
    state = random_statevector(2**width, seed=seed)
    circuit = QuantumCircuit(width)
    circuit.prepare_state(state)
    shares = [(pauli.estimate(one, distribution(circuit, one)), None) for one in pauli.groups(given, width)]
    values, errors = pauli.total(shares)
    assert values == pytest.approx(
        [state.expectation_value(SparsePauliOp.from_list(one)).real for one in given], abs=1e-9
    )
    assert errors == [0.0] * len(given)


def test_standard_errors_are_those_of_samples():
    (group,) = pauli.groups([(("Z", 2.0),)], 1)
    numbers = np.random.default_rng(7)
    samples = [int(numbers.binomial(400, 0.3)) for _ in range(2000)]
    found = [pauli.total([(pauli.estimate(group, {0: 400 - one, 1: one}), 400)]) for one in samples]
    spread = float(np.std([values[0] for values, _ in found]))
    assert spread == pytest.approx(float(np.mean([errors[0] for _, errors in found])), rel=0.05)


def test_weights_need_not_sum_to_one_and_may_be_below_zero():
    (group,) = pauli.groups([(("Z", 1.0),)], 1)
    ((_, value, _),) = pauli.estimate(group, {0: 1.05, 1: -0.05})
    assert value == pytest.approx(1.1)
    ((_, value, variance),) = pauli.estimate(group, {0: 30, 1: 10})
    assert (value, variance) == (0.5, 0.75)
