"""Measurement keys are those of IQM's own client, and say where a bit belongs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.adapters.iqm import keys
from quantumjobs.adapters.iqm.keys import Place

names = st.text(st.characters(codec="utf-8"), max_size=8)
sizes = st.integers(1, 40)


@given(names, sizes, st.integers(0, 999_999), st.data())
def test_a_key_says_of_which_register_and_bit_it_is(register: str, size: int, index: int, data: st.DataObject):
    bit = data.draw(st.integers(0, size - 1))
    assert keys.place(keys.key(register, size, index, bit)) == Place(register, size, index, bit)


def test_a_registers_name_may_look_like_the_end_of_a_key():
    assert keys.key("meas", 2, 0, 1) == "meas_2_0_1"
    assert keys.place("a_1_1_1_2_0_1") == Place("a_1_1_1", 2, 0, 1)
    assert keys.place("_1_0_0") == Place("", 1, 0, 0)
    assert keys.place("two\nlines_1_0_0") == Place("two\nlines", 1, 0, 0)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "m",
        "c_2_0",
        "c_2_0_0 ",
        "c_2_0_0\n",
        "c_2_0_-1",
        "c_2_0_2",  # behind the register's end
        "c_0_0_0",
        "c_٢_0_0",  # a digit, but none of ours
        f"c_{keys.MOST + 1}_0_0",
        "c_2_1234567_0",
        f"c_2_{'9' * 5000}_0",  # more digits than Python would read
    ],
)
def test_a_key_of_another_scheme_says_nothing(key: str):
    assert keys.place(key) is None


def test_registers_are_told_from_keys_by_their_indexes_and_those_that_nobody_measured_are_not():
    registers, columns = keys.planless(["b_1_2_0", "a_2_0_1"])
    assert registers == (("a", 2), ("b", 1))
    assert columns == (("b_1_2_0", 2), ("a_2_0_1", 1))


def test_keys_of_another_scheme_are_registers_of_one_bit_behind_the_others():
    registers, columns = keys.planless(["y", "a_2_3_0", "x"])
    assert registers == (("a", 2), ("y", 1), ("x", 1))
    assert columns == (("y", 2), ("a_2_3_0", 0), ("x", 3))


def test_keys_that_contradict_each_other_do_not_share_a_clbit():
    measured = ["a_2_0_0", "b_2_0_1", "a_3_0_1", "a_02_0_0", "a_2_0_1"]
    registers, columns = keys.planless(measured)
    assert registers == (("a", 2), ("b_2_0_1", 1), ("a_3_0_1", 1), ("a_02_0_0", 1))
    assert columns == tuple(zip(measured, (0, 2, 3, 4, 1), strict=True))


def test_a_key_that_occurs_twice_is_one():
    assert keys.planless(["x", "a_1_0_0", "x", "a_1_0_0"]) == ((("a", 1), ("x", 1)), (("x", 1), ("a_1_0_0", 0)))


def test_a_few_keys_cannot_claim_more_clbits_than_an_answer_could_pay_for():
    fits = f"a_{keys.UNMEASURED + 1}_0_0"
    assert keys.planless([fits])[0] == (("a", keys.UNMEASURED + 1),)
    wider = f"a_{keys.UNMEASURED + 2}_0_0"
    assert keys.planless([wider, "b_2_1_0"]) == ((("b", 2), (wider, 1)), ((wider, 2), ("b_2_1_0", 0)))
    many = [f"r{place}_600_{place}_0" for place in range(100)]
    registers, columns = keys.planless(many)
    assert sum(size for _, size in registers) <= len(many) + keys.UNMEASURED
    assert len({clbit for _, clbit in columns}) == len(many)
    measured = [f"a_{2 * keys.UNMEASURED}_0_{bit}" for bit in range(2 * keys.UNMEASURED)]
    assert keys.planless(measured)[0] == (("a", 2 * keys.UNMEASURED),)


@given(st.lists(st.one_of(names, st.builds(keys.key, st.sampled_from("ab"), sizes, st.integers(0, 3), sizes))))
def test_whatever_the_keys_each_has_a_clbit_of_its_own_within_the_registers(measured: list[str]):
    registers, columns = keys.planless(measured)
    assert [one for one, _ in columns] == list(dict.fromkeys(measured))
    clbits = {clbit for _, clbit in columns}
    assert len(clbits) == len(set(measured))
    assert all(0 <= clbit < sum(size for _, size in registers) for clbit in clbits)


def test_the_keys_of_registers_that_are_known_give_their_clbits():
    registers = (("a", 2), ("unused", 1), ("b", 1))
    measured = ["b_1_2_0", "a_2_0_1", "other_1_1_0", "a_3_0_0", "b_1_7_0", "x"]
    assert dict(keys.columns(measured, registers)) == {"b_1_2_0": 3, "a_2_0_1": 1}


def test_the_values_of_a_measurement_of_several_qubits_are_numbered():
    assert keys.named("k", 1) == ("k",)
    assert keys.named("k", 3) == ("k[0]", "k[1]", "k[2]")
