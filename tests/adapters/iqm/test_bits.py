"""What IQM's artifacts say becomes outcomes bit by bit, and what is not understood is told, never zeros."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.adapters.iqm import bits, keys
from quantumjobs.adapters.iqm.keys import Plan
from quantumjobs.core.entries import Entry
from quantumjobs.core.results import Result
from quantumjobs.errors import ProviderProtocolError

BELL = Plan("bell", 4, (("meas", 2),), (("meas_2_0_0", 0), ("meas_2_0_1", 1)), 2)
SHOTS = {"meas_2_0_0": [[0], [1], [0], [1]], "meas_2_0_1": [[0], [1], [1], [1]]}
COUNTS = {"measurement_keys": ["meas_2_0_0", "meas_2_0_1"], "counts": {"00": 1, "01": 1, "11": 2}}


def body(*circuits: Any, compact: bool = True) -> bytes:
    return json.dumps(circuits, separators=(",", ":") if compact else None, indent=None if compact else 2).encode()


def read(circuit: dict[str, Any], plan: Plan | None = None) -> list[str]:
    """Outcome of each shot."""
    (found,) = bits.shots_entries(body(circuit), [plan] if plan else None, memory=True)
    return list(Result.of([found])[0].memory)


def counted(circuit: dict[str, Any], plan: Plan | None = None) -> Entry:
    (found,) = bits.counts_entries(body(circuit), [plan] if plan else None)
    return found


def counts(entry: Entry) -> dict[str, int]:
    return Result.of([entry])[0].counts


def metadata(entry: Entry) -> dict[str, Any]:
    said = dict(Result.of([entry])[0].metadata)
    del said["circuit_metadata"]
    return said


# --- what is right ----------------------------------------------------------------------
def test_bit_0_is_right_most_and_the_first_key_of_counts_is_left_most():
    assert read(SHOTS, BELL) == read(SHOTS) == ["00", "11", "10", "11"]
    assert counts(counted(COUNTS, BELL)) == counts(counted(COUNTS)) == {"00": 1, "10": 1, "11": 2}


def test_without_memory_shots_become_the_same_counts():
    (found,) = bits.shots_entries(body(SHOTS), [BELL], memory=False)
    assert found == counted(COUNTS, BELL)
    assert found.weights is not None


def test_clbits_that_nobody_measured_are_zero():
    assert read({"c_3_0_2": [[1], [0]]}) == ["100", "000"]


def test_registers_that_nobody_measured_are_kept_as_far_as_they_are_known():
    circuit = {"a_2_0_1": [[1]], "b_1_2_0": [[0]]}
    plan = Plan("c", 1, (("a", 2), ("unused", 1), ("b", 1)), (("a_2_0_1", 1), ("b_1_2_0", 3)), 4)
    assert read(circuit, plan) == ["0 0 10"]
    assert read(circuit) == ["0 10"]
    histogram = {"measurement_keys": list(circuit), "counts": {"10": 1}}
    assert counts(counted(histogram, plan)) == {"0 0 10": 1}


def test_clbits_in_no_register_have_their_places():
    plan = Plan("c", 2, (("a", 1),), (("loose_2_1_1", 2), ("a_1_0_0", 1)), 3)
    assert read({"a_1_0_0": [[1], [0]], "loose_2_1_1": [[0], [1]]}, plan) == ["010", "100"]


def test_names_metadata_and_what_is_told_besides_come_with_the_outcomes():
    plan = Plan("mine", 4, BELL.registers, BELL.columns, 2, {"run": 7})
    for (found,) in (
        bits.shots_entries(body(SHOTS), [plan], memory=True, metadata={"calibration": "x"}),
        bits.counts_entries(body(COUNTS), [plan], metadata={"calibration": "x"}),
    ):
        assert (found.name, found.shots, found.registers) == ("mine", 4, (("meas", 2),))
        assert metadata(found) == {"calibration": "x"}
        assert Result.of([found])[0].metadata["circuit_metadata"] == {"run": 7}
    found = bits.shots_entries(body(SHOTS, SHOTS), None, memory=True)
    assert [one.name for one in found] == ["circuit-0", "circuit-1"]


def test_each_circuit_is_read_by_its_own_plan():
    other = Plan("other", 1, (("a", 1),), (("a_1_0_0", 0),), 1)
    found = bits.shots_entries(body(SHOTS, {"a_1_0_0": [[1]]}), [BELL, other], memory=False)
    assert [counts(one) for one in found] == [{"00": 1, "10": 1, "11": 2}, {"1": 1}]


def test_white_space_means_nothing():
    assert bits.shots_entries(body(SHOTS, compact=False), [BELL], memory=True) == bits.shots_entries(
        body(SHOTS), [BELL], memory=True
    )


def test_keys_that_were_not_asked_for_are_ignored():
    assert read({**SHOTS, "heralding": [[0], [0], [1], [0]]}, BELL) == ["00", "11", "10", "11"]
    wider = {"measurement_keys": ["h", *COUNTS["measurement_keys"]], "counts": {"000": 1, "101": 1, "011": 1, "111": 1}}
    assert counts(counted(wider, BELL)) == {"00": 1, "10": 1, "11": 2}


def test_values_above_1_are_ones_and_their_shots_are_counted():
    circuit = {"meas_2_0_0": [[2], [1], [0], [10]], "meas_2_0_1": [[0], [0], [2], [3]]}
    for memory in (True, False):
        (found,) = bits.shots_entries(body(circuit), [BELL], memory=memory)
        assert counts(found) == {"01": 2, "10": 1, "11": 1}
        assert metadata(found) == {"values_above_1": 3}
    histogram = {**COUNTS, "counts": {"20": 2, "10": 1, "13": 1}}
    assert counts(counted(histogram, BELL)) == {"01": 3, "11": 1}
    assert metadata(counted(histogram, BELL)) == {"values_above_1": 3}
    assert metadata(counted(COUNTS, BELL)) == {}


def test_outcomes_that_never_occurred_are_left_out():
    never = counted({**COUNTS, "counts": {"00": 3, "01": 0, "11": 1}}, BELL)
    assert counts(never) == {"00": 3, "11": 1}
    assert counted({**COUNTS, "counts": {"01": 0}}).shots == 0


def test_a_measurement_of_several_qubits_has_a_bit_for_each():
    circuit = {"k": [[0, 1], [1, 0], [1, 1]], "m": [[1], [0], [0]]}
    (found,) = bits.shots_entries(body(circuit), None, memory=True)
    assert found.registers == (("k[0]", 1), ("k[1]", 1), ("m", 1))
    assert list(Result.of([found])[0].memory) == ["1 1 0", "0 0 1", "0 1 1"]
    found = counted({"measurement_keys": ["k"], "counts": {"011": 2, "100": 1}})
    assert found.registers == (("k[0]", 1), ("k[1]", 1), ("k[2]", 1))
    assert counts(found) == {"0 0 1": 1, "1 1 0": 2}


def test_where_a_plan_tells_how_many_qubits_a_key_measures_counts_are_read_by_it():
    plan = Plan("c", 3, (("c", 3),), (("m", 0), ("k[0]", 1), ("k[1]", 2)), 3)
    assert counts(counted({"measurement_keys": ["k", "m"], "counts": {"011": 2, "100": 1}}, plan)) == {
        "101": 2,
        "010": 1,
    }


@pytest.mark.parametrize("outcome", ["0110", "01101"])
def test_where_nothing_tells_whose_a_character_is_none_is_given_to_a_key(outcome: str):
    found = counted({"measurement_keys": ["k", "m"], "counts": {outcome: 1}})
    assert [name for name, _ in found.registers] == [f"k,m[{place}]" for place in range(len(outcome))]
    assert counts(found) == {" ".join(reversed(outcome)): 1}


def test_with_heralding_there_may_be_fewer_shots_or_none():
    plan = Plan("c", 9, BELL.registers, BELL.columns, 2, exact=False)
    assert read(SHOTS, plan) == ["00", "11", "10", "11"]
    assert counts(counted(COUNTS, plan)) == {"00": 1, "10": 1, "11": 2}
    nothing: dict[str, Any] = {key: [] for key in SHOTS}
    for memory in (True, False):
        (found,) = bits.shots_entries(body(nothing), [plan], memory=memory)
        assert (found.shots, bytes(found.rows), found.clbits) == (0, b"", 2)
    assert counted({**COUNTS, "counts": {}}, plan).shots == 0


def test_a_circuit_that_measures_nothing_has_no_outcomes():
    plan = Plan("c", 7, (), (), 0)
    for memory in (True, False):
        (found,) = bits.shots_entries(body({}), [plan], memory=memory)
        assert (found.clbits, bytes(found.rows), found.weights, found.error) == (0, b"", None, None)
        for often in ({"": 7}, {}):
            assert counted({"measurement_keys": [], "counts": often}, plan) == found
        assert found.shots == 7
        assert bits.shots_entries(body({"h": [[1]] * 7}), [plan], memory=memory) == [found]
        assert counted({"measurement_keys": ["h"], "counts": {"0": 3, "1": 4}}, plan) == found
    with pytest.raises(ProviderProtocolError, match="has 3 shots, and 7 were asked for"):
        counted({"measurement_keys": [], "counts": {"": 3}}, plan)
    (found,) = bits.shots_entries(body({}), None, memory=False)
    assert found.clbits == 0


def test_more_than_64_clbits_are_read():
    clbits = 70
    names = [keys.key("c", clbits, 0, bit) for bit in range(clbits)]
    lines = [f"{number:0{clbits}b}" for number in (1, 1 << 69, (1 << 70) - 1, 1, 0x2A << 60)]
    circuit = {name: [[int(line[-1 - bit])] for line in lines] for bit, name in enumerate(names)}
    assert read(circuit) == lines
    (found,) = bits.shots_entries(body(circuit), None, memory=False)
    assert counts(found) == Counter(lines)
    assert counted({"measurement_keys": names, "counts": Counter(line[::-1] for line in lines)}) == found


def test_text_as_a_machine_writes_it_is_never_parsed_into_lists(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bits, "_parsed", lambda text, what: pytest.fail(f"{what}: {text!r}"))
    several = {"k": [[0, 1, 2], [1, 0, 3]], "m": [[1], [0]]}
    for circuit in (SHOTS, several, {"a": [[0], [2]]}, {"a": [[0]], "b": [[1, 1]]}):
        for compact in (True, False):
            assert bits.shots_entries(body(circuit, compact=compact), None, memory=False)


# --- what is wrong ----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("circuit", "said"),
    [
        ({"meas_2_0_0": SHOTS["meas_2_0_0"]}, "circuit 0 ('bell') has no key 'meas_2_0_1'"),
        ({}, "circuit 0 ('bell') has 0 shots, and 4 were asked for"),
        ({**SHOTS, "meas_2_0_1": [[0]]}, "circuit 0 ('bell') has 1 shots of one key and 4 of another"),
        ({name: column[:3] for name, column in SHOTS.items()}, "has 3 shots, and 4 were asked for"),
        ({name: [*column, [0]] for name, column in SHOTS.items()}, "has 5 shots, and 4 were asked for"),
        ({**SHOTS, "meas_2_0_1": [[0], [1, 1], [1], [1]]}, "key 'meas_2_0_1' has shots of 1 and of 2 values"),
        ({**SHOTS, "meas_2_0_1": [[0], [], [1], [1]]}, "key 'meas_2_0_1' has shots of 0 and of 1 values"),
        ({**SHOTS, "meas_2_0_1": [[], [], [], []]}, "key 'meas_2_0_1' has shots without values"),
        ({**SHOTS, "meas_2_0_1": [[0, 0]] * 4}, "has no key 'meas_2_0_1'"),
        ({**SHOTS, "meas_2_0_1": [[0], [-1], [1], [1]]}, "key 'meas_2_0_1': Expected `int` >= 0"),
        ({**SHOTS, "meas_2_0_1": [[0], [256], [1], [1]]}, "key 'meas_2_0_1': Expected `int` <= 255"),
        ({**SHOTS, "meas_2_0_1": [[0], [0.5], [1], [1]]}, "key 'meas_2_0_1': Expected `int`, got `float`"),
        ({**SHOTS, "meas_2_0_1": [[0], [True], [1], [1]]}, "key 'meas_2_0_1': Expected `int`, got `bool`"),
        ({**SHOTS, "meas_2_0_1": [[0], ["1"], [1], [1]]}, "key 'meas_2_0_1': Expected `int`, got `str`"),
        ({**SHOTS, "meas_2_0_1": [0, 1, 1, 1]}, "key 'meas_2_0_1': Expected `array`, got `int`"),
        ({**SHOTS, "meas_2_0_1": None}, "key 'meas_2_0_1': Expected `array`, got `null`"),
        ({**SHOTS, "meas_2_0_1": "0111"}, "key 'meas_2_0_1': Expected `array`, got `str`"),
    ],
)
def test_shots_that_do_not_fit_are_told(circuit: dict[str, Any], said: str):
    with pytest.raises(ProviderProtocolError, match=re.escape(said)) as caught:
        bits.shots_entries(body(circuit), [BELL], memory=True)
    assert caught.value.provider == "iqm"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"measurement_keys": ["meas_2_0_0", "x"]}, "circuit 0 ('bell') has no key 'meas_2_0_1'"),
        ({"measurement_keys": ["meas_2_0_0"]}, "outcomes of 2 characters for 1 measured qubits"),
        ({"measurement_keys": ["meas_2_0_0"] * 2}, "has a measurement key twice"),
        ({"counts": {"00": 1, "1": 3}}, "has outcomes of 1 and of 2 characters"),
        ({"counts": {"000": 4}}, "outcomes of 3 characters for 2 measured qubits"),
        ({"counts": {"0": 4}}, "outcomes of 1 characters for 2 measured qubits"),
        ({"counts": {"0x": 4}}, "characters that are no digits"),
        ({"counts": {"0 ": 4}}, "characters that are no digits"),
        ({"counts": {"0٢": 4}}, "characters that are no digits"),
        ({"counts": {"00": 5, "01": -1}}, "numbers of shots that are none"),
        ({"counts": {"00": 1 << 64, "01": 0}}, "numbers of shots that are none"),
        ({"counts": {"00": 3}}, "has 3 shots, and 4 were asked for"),
        ({"counts": {}}, "has 0 shots, and 4 were asked for"),
        ({"counts": {"00": 4.5}}, "Expected `int`, got `float`"),
        ({"counts": None}, "Expected `object`, got `null`"),
        ({"measurement_keys": None}, "Expected `array`, got `null`"),
    ],
)
def test_counts_that_do_not_fit_are_told(change: dict[str, Any], said: str):
    with pytest.raises(ProviderProtocolError, match=re.escape(said)) as caught:
        counted({**COUNTS, **change}, BELL)
    assert caught.value.provider == "iqm"


@pytest.mark.parametrize("number", [0, 1, 3])
def test_another_number_of_circuits_than_was_sent_is_told(number: int):
    said = f"{number} circuits in it, and 2 were sent"
    with pytest.raises(ProviderProtocolError, match=said):
        bits.shots_entries(body(*[SHOTS] * number), [BELL, BELL], memory=True)
    with pytest.raises(ProviderProtocolError, match=said):
        bits.counts_entries(body(*[COUNTS] * number), [BELL, BELL])


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"<html>",
        b"null",
        b"{}",
        b"[1]",
        b"[[]]",
        b"[null]",
        b"\xff",
        b'[{"\xff":1}]',
        b'[{"a":[[0],[1]',
        b"[" * 10**6,
        b'[{"a":' + b"[" * 10**6,
    ],
    ids=lambda garbage: repr(garbage[:16]),
)
def test_what_is_no_artifact_is_told_with_its_body(garbage: bytes):
    with pytest.raises(ProviderProtocolError) as caught:
        bits.shots_entries(garbage, [BELL], memory=True)
    assert caught.value.body == garbage
    with pytest.raises(ProviderProtocolError):
        bits.counts_entries(garbage, [BELL])


def test_deep_nesting_within_a_key_is_told():
    with pytest.raises(ProviderProtocolError, match="key 'meas_2_0_0': Expected `int`, got `array`"):
        bits.shots_entries(b'[{"meas_2_0_0":' + b"[" * 500 + b"]" * 500 + b"}]", [BELL], memory=True)


def test_more_shots_than_were_asked_for_are_told_with_heralding_too():
    plan = Plan("c", 3, BELL.registers, BELL.columns, 2, exact=False)
    with pytest.raises(ProviderProtocolError, match="has 4 shots, and 3 were asked for"):
        read(SHOTS, plan)
    with pytest.raises(ProviderProtocolError, match="has 4 shots, and 3 were asked for"):
        counted(COUNTS, plan)


@pytest.mark.parametrize("clbit", [-1, 2, 7, 8])
def test_a_plan_whose_clbits_are_not_there_is_told(clbit: int):
    plan = Plan("c", 4, BELL.registers, (("meas_2_0_0", clbit),), 2)
    with pytest.raises(ProviderProtocolError, match=f"has no clbit {clbit}"):
        read(SHOTS, plan)


def test_a_key_that_is_another_ones_numbered_value_is_told():
    with pytest.raises(ProviderProtocolError, match="two values named"):
        read({"k": [[0, 1]], "k[1]": [[1]]})


# --- laws -------------------------------------------------------------------------------
@st.composite
def measured(draw: st.DrawFn, *, most: int = 1) -> tuple[Plan, dict[str, list[list[int]]]]:
    """A circuit of some registers, loose bits and measurements in any order, and what its shots gave."""
    sizes = draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    registers = tuple((f"r{place}", size) for place, size in enumerate(sizes))
    known = [keys.key(f"r{index}", size, index, bit) for index, size in enumerate(sizes) for bit in range(size)]
    loose = draw(st.integers(0, 3))
    places = [*enumerate(known), *((len(known) + bit, f"loose_{loose}_{len(sizes)}_{bit}") for bit in range(loose))]
    chosen = draw(st.lists(st.sampled_from(places), min_size=1, unique=True))
    shots = draw(st.integers(1, 20))
    column = st.lists(st.tuples(st.integers(0, most)).map(list), min_size=shots, max_size=shots)
    circuit = {key: draw(column) for _, key in chosen}
    columns = tuple((key, clbit) for clbit, key in chosen)
    return Plan("c", shots, registers, columns, len(places)), circuit


def naive(plan: Plan, circuit: dict[str, list[list[int]]]) -> list[str]:
    """The outcomes, bit by bit; a space between registers where these are all there is."""
    found = []
    for shot in range(plan.shots):
        line = ["0"] * plan.clbits
        for key, clbit in plan.columns:
            line[clbit] = str(min(circuit[key][shot][0], 1))
        pieces, start = [], 0
        for _, size in plan.registers:
            pieces.append("".join(line[start : start + size]))
            start += size
        found.append((" ".join(pieces) if start == plan.clbits else "".join(line))[::-1])
    return found


def histogram(circuit: dict[str, list[list[int]]]) -> dict[str, Any]:
    columns = [[str(bit) for (bit,) in column] for column in circuit.values()]
    return {"measurement_keys": list(circuit), "counts": Counter(map("".join, zip(*columns, strict=True)))}


@given(measured(most=3), st.booleans())
def test_shots_and_counts_of_the_same_data_say_the_same_and_what_a_reading_bit_by_bit_says(
    case: tuple[Plan, dict[str, list[list[int]]]], compact: bool
):
    plan, circuit = case
    expected = naive(plan, circuit)
    shots = body(circuit, compact=compact)
    (kept,) = bits.shots_entries(shots, [plan], memory=True)
    (summed,) = bits.shots_entries(shots, [plan], memory=False)
    (counted,) = bits.counts_entries(body(histogram(circuit), compact=compact), [plan])
    assert list(Result.of([kept])[0].memory) == expected
    assert summed == counted
    assert counts(counted) == counts(kept) == Counter(expected)
    assert list(counts(counted)) == sorted(Counter(expected))


@given(measured(), st.data())
def test_a_changed_character_is_read_for_what_it_says_or_told(
    case: tuple[Plan, dict[str, list[list[int]]]], data: st.DataObject
):
    plan, circuit = case
    text = bytearray(body(circuit))
    at = data.draw(st.integers(0, len(text) - 1))
    text[at : at + data.draw(st.integers(0, 1))] = data.draw(
        st.sampled_from([b"[", b"]", b",", b"0", b"1", b"2", b" ", b"]["])
    )
    try:
        (found,) = bits.shots_entries(bytes(text), [plan], memory=True)
    except ProviderProtocolError:
        return
    (meant,) = json.loads(text)
    assert list(Result.of([found])[0].memory) == naive(plan, meant)
