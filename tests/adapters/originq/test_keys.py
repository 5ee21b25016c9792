"""Keys of results: one of three historical forms each, of the measured bits or of all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.adapters.originq import keys
from quantumjobs.adapters.originq.answers import Unread


@given(
    st.integers(1, 200).flatmap(
        lambda width: st.tuples(st.just(width), st.sets(st.integers(0, 2**width - 1), min_size=1))
    )
)
def test_every_form_is_read_at_every_width(drawn: tuple[int, set[int]]):
    width, values = drawn
    outcomes = sorted(values)
    for write in (hex, lambda value: f"0X{value:X}", lambda value: f"0x{value:08x}"):
        assert keys.numbers([write(value) for value in outcomes], [width]) == (outcomes, None)
    assert keys.numbers([f"{value:0{width}b}" for value in outcomes], [width]) == (outcomes, width)
    if any(str(value).strip("01") for value in outcomes):
        assert keys.numbers([str(value) for value in outcomes], [width]) == (outcomes, None)
    assert keys.numbers(outcomes, [width]) == (outcomes, None)


@pytest.mark.parametrize(
    ("given_keys", "widths", "values"),
    [
        (["0", "1"], [4], [0, 1]),  # the same either way
        (["10", "11"], [2], [2, 3]),  # as wide as an outcome: binary
        (["10", "11"], [3], [2, 3]),  # 10 and 11 would need four bits
        (["2", "10"], [4], [2, 10]),  # no binary has a 2
        (["01", "10"], [], [1, 2]),  # nothing is known of the widths
        (["00010", "01010"], [4], [2, 10]),  # no decimal number begins with a 0
        (["00", "11"], [4], [0, 3]),
        (["0 1", "1 0"], [2], [1, 2]),
        ([], [2], []),
    ],
)
def test_binary_and_decimal_are_told_apart_where_that_is_possible(
    given_keys: list[str], widths: list[int], values: list[int]
):
    assert keys.numbers(given_keys, widths)[0] == values


@pytest.mark.parametrize(
    "given_keys",
    [
        ["10", "1"],
        ["0x1", "01"],
        ["0xg"],
        ["a"],
        [""],
        [None],
        [True],
        [1.5],
        ["-1"],
        ["²"],
        ["0x1_0"],
        ["9" * 5000],
        ["1" * 200_000],
    ],
)
def test_what_cannot_be_told_or_is_no_outcome_is_an_error(given_keys: list[object]):
    with pytest.raises(Unread):
        keys.numbers(given_keys, [4])


# --- places -----------------------------------------------------------------------------------
MEASURED = ((1, 0), (3, 5))
"""Of four bits of a program, two are measured, into clbits 0 and 5."""


@pytest.mark.parametrize(
    ("told", "value", "outcome"),
    [
        ({"size": 2}, 0b01, 0b000001),
        ({"size": 2}, 0b10, 0b100000),
        ({"size": None, "text": 2}, 0b11, 0b100001),
        ({"size": None}, 0b10, 0b100000),  # as pyqpanda3's simulator gives them
        ({"size": 4}, 0b0010, 0b000001),
        ({"size": None, "text": 4}, 0b1000, 0b100000),
        ({"size": None, "seen": 0b1010}, 0b0010, 0b000001),  # another one is too large for two bits
        ({"size": 7}, 0b10, 0b100000),  # of something else
        ({"size": 6}, 0b0010, 0b000001),  # what the program declares is one more way to count all bits
        ({"size": None, "text": 6}, 0b0010, 0b000001),
        ({"size": 4, "text": 2}, 0b10, 0b100000),  # what the key itself shows comes first
        ({"size": 2, "text": 4}, 0b0010, 0b000001),
        ({"size": 4}, 0b01, 0b000001),  # the lowest bit was not measured: it is no key of all bits
        ({"size": 2}, 0b1000, 0b100000),  # too large for two bits, whatever they say
    ],
)
def test_keys_of_measured_bits_and_of_all_bits_are_told_apart(told: dict[str, int | None], value: int, outcome: int):
    seen = told.pop("seen", None) or value
    place = keys.placed(MEASURED, (4, 6), size=told["size"], text=told.get("text"), seen=seen)
    assert place(value) == outcome


def test_a_value_that_is_too_large_is_an_error():
    with pytest.raises(Unread, match="an outcome of 3 bits, and 2 were measured"):
        keys.placed(((0, 0), (1, 1)), (2, 2), size=2, text=None, seen=4)
    with pytest.raises(Unread, match="5 bits"):
        keys.placed(MEASURED, (4, 6), size=None, text=None, seen=16)
    with pytest.raises(Unread, match="3 bits"):  # too large for two, and nothing was measured into bit 2
        keys.placed(MEASURED, (4, 6), size=4, text=None, seen=0b100)
