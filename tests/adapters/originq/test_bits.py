"""Answers about tasks as results: every historical shape, and what nobody can read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from quantumjobs.adapters.originq import bits
from quantumjobs.adapters.originq.plans import AMPLITUDES, COUNTS, PROBABILITIES, TERMS, Plan
from quantumjobs.circuits import pauli
from quantumjobs.core.results import CircuitResult, Result
from quantumjobs.errors import ResultUnavailable, UsageError
from tests.adapters.originq.station import good

TWO = Plan("bell", COUNTS, 10, (("c", 2),), 2, 2, ((0, 0), (1, 1)), (), {"mine": 1})
GAPS = Plan("gaps", COUNTS, 10, (("a", 2), ("unused", 1), ("b", 1)), 4, 2, ((0, 1), (1, 3)))
"""Of four clbits in three registers, two are measured."""


def text(keys: list[Any], values: list[Any]) -> str:
    return json.dumps({"key": keys, "value": values})


COUNTED = text(["0x0", "0x3"], [6, 4])


def read(plans: list[Plan] | None = None, **obj: Any) -> Result:
    body = json.dumps(good({"taskId": "T1", "taskState": "3", **obj})).encode()
    return Result.of(bits.entries(body, [TWO] if plans is None else plans))


def unplanned(**obj: Any) -> Result:
    return Result.of(bits.entries(json.dumps(good({"taskId": "T1", "taskState": "3", **obj})).encode(), None))


def error_of(one: CircuitResult) -> str:
    with pytest.raises(ResultUnavailable) as caught:
        _ = one.counts
    return str(caught.value)


# --- shapes -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "told",
    [
        [COUNTED],
        COUNTED,
        json.loads(COUNTED),
        [json.loads(COUNTED)],
        json.dumps([json.loads(COUNTED)]),
        ['{"Key": ["0x0", "0x3"], "VALUE": [6.0, 4]}'],
        [text(["0X0", "0X3"], [6, 4])],
        [text(["00", "11"], [6, 4])],
        [text(["0", "3"], [6, 4])],
        [text([0, 3], [6, 4])],
        [text(["0x0", "0x3", "0x1"], [6, 4, 0])],
        [text(["0x0", "0x3", "0x3"], [6, 3, 1])],
    ],
)
@pytest.mark.parametrize("sizes", [{}, {"measureQubitSize": [2]}, {"measureQubitSize": 2}, {"measureQubitSize": ["2"]}])
def test_counts_of_every_shape_are_the_same(told: Any, sizes: dict[str, Any]):
    result = read(probCount=told, **sizes)
    assert result.counts == {"00": 6, "11": 4}
    assert (result[0].name, result[0].registers, result[0].shots) == ("bell", (("c", 2),), 10)
    assert result.metadata["circuit_metadata"] == {"mine": 1}


def test_the_older_generations_envelope_is_read():
    older = {"taskState": "3", "probCount": COUNTED, "measureQubitSize": 2, "rQMachineType": "5"}
    result = Result.of(bits.entries(json.dumps(good({"qcodeTaskNewVo": {"taskResultList": [older]}})).encode(), [TWO]))
    assert result.counts == {"00": 6, "11": 4}
    assert result.metadata["rQMachineType"] == "5"


@given(st.data(), st.sampled_from(["hex", "HEX", "binary"]), st.booleans())
def test_outcomes_of_any_circuit_come_back(data: st.DataObject, form: str, told: bool):
    clbits = data.draw(st.integers(1, 90))
    measured = sorted(data.draw(st.sets(st.integers(0, clbits - 1), min_size=1, max_size=20)))
    width = len(measured)
    counts = data.draw(st.dictionaries(st.integers(0, 2**width - 1), st.integers(1, 1000), min_size=1, max_size=8))
    write: Callable[[int], str] = {
        "hex": hex,
        "HEX": lambda value: f"0X{value:X}",
        "binary": lambda value: f"{value:0{width}b}",
    }[form]
    plan = Plan("any", COUNTS, sum(counts.values()), (), clbits, width, tuple(enumerate(measured)))
    sizes = {"measureQubitSize": [width]} if told else {}
    result = read([plan], probCount=[text([write(one) for one in counts], list(counts.values()))], **sizes)
    expected = {}
    for outcome, number in counts.items():
        wide = sum(1 << clbit for at, clbit in enumerate(measured) if outcome >> at & 1)
        expected[f"{wide:0{clbits}b}"] = number
    assert result.counts == expected


def test_bits_that_nobody_measured_are_there():
    result = read([GAPS], probCount=[text(["0x1", "0x2"], [6, 4])], taskResult=[text(["0x1", "0x2"], [0.6, 0.4])])
    assert result.counts == {"0 0 10": 6, "1 0 00": 4}
    assert result.data["probabilities"] == {"0 0 10": 0.6, "1 0 00": 0.4}


@given(st.data(), st.sampled_from(["hex", "binary"]))
def test_keys_of_all_bits_of_a_program_are_those_of_its_measured_bits(data: st.DataObject, form: str):
    """OriginIR that somebody gave: what it declares, and gaps between what it measures."""
    declared = data.draw(st.integers(1, 90))
    measured = sorted(data.draw(st.sets(st.integers(0, declared - 1), min_size=1, max_size=20)))
    plan = Plan("any", COUNTS, 10, (), declared, measured[-1] + 1, tuple((bit, bit) for bit in measured))
    outcomes = data.draw(st.dictionaries(st.sets(st.sampled_from(measured)).map(frozenset), st.integers(1, 9)))
    counts = {sum(1 << bit for bit in one): number for one, number in outcomes.items()} or {0: 10}
    expected = {f"{value:0{declared}b}": number for value, number in counts.items()}
    written = [hex(value) if form == "hex" else f"{value:0{declared}b}" for value in counts]
    sizes = {"measureQubitSize": [declared]} if form == "hex" else {}
    assert read([plan], probCount=[text(written, list(counts.values()))], **sizes).counts == expected


def test_the_size_may_be_what_a_program_declares():
    gaps = Plan("gaps", COUNTS, 10, (), 5, 4, ((1, 1), (3, 3)))
    assert read([gaps], probCount=[text(["0x2"], [10])], measureQubitSize=[5]).counts == {"00010": 10}
    assert read([gaps], probCount=[text(["0x2"], [10])], measureQubitSize=[2]).counts == {"01000": 10}


# --- counts and probabilities -----------------------------------------------------------------
def test_counts_are_those_that_were_measured_and_probabilities_the_services():
    result = read(probCount=[COUNTED], taskResult=[text(["0x0", "0x3"], [0.55, 0.45])])
    assert result.counts == {"00": 6, "11": 4}
    assert result.probabilities == {"00": 0.6, "11": 0.4}
    assert result.data["probabilities"] == {"00": 0.55, "11": 0.45}
    assert "counts_derived" not in result.metadata


def test_counts_that_are_derived_say_so_and_sum_to_the_shots():
    result = read(taskResult=[text(["0x0", "0x1", "0x3"], [0.333, 0.333, 0.334])])
    assert result.counts == {"00": 3, "01": 3, "11": 4}
    assert result.metadata["counts_derived"] is True


@given(st.dictionaries(st.integers(0, 9), st.floats(-0.1, 1), min_size=1), st.integers(1, 10_000))
def test_derived_counts_sum_to_the_shots_and_are_off_by_less_than_one(distribution: dict[int, float], shots: int):
    weights = {key: max(weight, 0.0) for key, weight in distribution.items()}
    total = sum(weights.values())
    if total <= 1e-9:
        return
    found = bits.derived(distribution, shots)
    assert sum(found.values()) == shots
    assert all(abs(number - shots * weights[key] / total) < 1 + 1e-6 for key, number in found.items())


def test_a_distribution_that_nobody_can_read_spoils_no_counts():
    result = read(probCount=[COUNTED], taskResult=[text(["0x0"], ["much"])])
    assert result.counts == {"00": 6, "11": 4}
    assert "probabilities" not in result.data
    assert "no number" in result.metadata["probabilities_unread"]


def test_a_batch_has_each_programs_own():
    three = replace(TWO, name="three", clbits=3, bits=3, measured=((0, 0), (1, 1), (2, 2)), registers=(("d", 3),))
    result = read([TWO, three], probCount=[COUNTED, text(["0x4"], [10])], measureQubitSize=[2, 3])
    assert [one.counts for one in result] == [{"00": 6, "11": 4}, {"100": 10}]


# --- what is computed ---------------------------------------------------------------------------
def test_probabilities_of_qubits_are_by_their_order():
    plan = Plan("p", PROBABILITIES, None, qubits=(2, 1))
    result = read([plan], taskResult=[text(["0x1", "0x2"], [0.25, 0.75])])
    assert result.probabilities == result.data["probabilities"] == {"01": 0.25, "10": 0.75}
    with pytest.raises(UsageError, match="no measured outcomes"):
        _ = result.counts
    assert read([plan], taskResult=[text(["0x1", "0x1"], [0.25, 0.75])]).probabilities == {"01": 1.0}
    assert "no probabilities" in error_of(read([plan], probCount=[text(["0x1"], [10])])[0])
    assert "more bits than the 2 qubits" in error_of(read([plan], taskResult=[text(["0x4"], [1])])[0])


@pytest.mark.parametrize(
    "told",
    [
        {"Key": ["0", "3"], "ValueReal": [0.6, 0], "ValueImag": [0, -0.8]},
        {"key": ["0", "3"], "value": [[0.6, 0], [0, -0.8]]},
        {"key": ["0", "3"], "value": ["0.6+0j", "-0.8j"]},
        {"key": ["0", "3"], "value": [{"r": 0.6, "i": 0}, {"r": 0, "i": -0.8}]},
    ],
)
def test_amplitudes_are_read_in_what_forms_there_may_be(told: dict[str, Any]):
    plan = Plan("a", AMPLITUDES, None)
    assert read([plan], taskResult=[json.dumps(told)]).data["amplitudes"] == {"0": 0.6, "3": -0.8j}


@pytest.mark.parametrize(
    "told",
    [
        {"key": ["0"]},
        {"Key": ["0"], "ValueReal": [1], "ValueImag": []},
        {"key": ["0"], "value": ["much"]},
        {"key": ["0"], "value": [{"r": 1}]},
        {"key": ["0"], "value": [[10**400, 0]]},
        {"key": [], "value": []},
    ],
)
def test_amplitudes_in_another_form_are_an_error(told: dict[str, Any]):
    assert "amplitude" in error_of(read([Plan("a", AMPLITUDES, None)], taskResult=[json.dumps(told)])[0])


# --- expectation values -------------------------------------------------------------------------
def groups() -> tuple[pauli.Group, ...]:
    return pauli.groups([(("ZZ", 1.0), ("XX", 0.5)), (("IZ", 2.0),)], 2)


def share(group: pauli.Group, shots: int | None) -> Plan:
    return Plan(
        "e", TERMS, shots, (), 2, 2, ((0, 0), (1, 1)), tuple(qubit for qubit, _ in group.basis), {"m": 1}, group
    )


@pytest.mark.parametrize("shots", [None, 10])
def test_shares_become_expectation_values(shots: int | None):
    told = [text(["0x0", "0x3"], [0.5, 0.5]), text(["0x0", "0x1"], [0.75, 0.25])]
    first, second = sorted(groups(), key=lambda group: group.basis[0][1] == "X")
    result = read([share(first, shots), share(second, shots)], taskResult=told)
    (whole,) = bits.gathered(result, 2)
    # ZZ is 1, IZ 0 with 00 and 11; XX is 0.5 with three 0 and one odd parity.
    assert whole.data["expectation_values"] == pytest.approx([1 + 0.5 * 0.5, 0.0])
    errors = whole.data["standard_errors"]
    assert errors == pytest.approx([0.5 * (0.75 / 10) ** 0.5, 2 * (1 / 10) ** 0.5] if shots else [0, 0])
    assert (whole.name, whole.shots, whole.metadata["circuit_metadata"]) == ("e", shots or 0, {"m": 1})


def test_shares_are_of_the_corrected_distribution_where_there_is_one():
    first, second = groups()
    told = {"taskResult": [text(["0x0"], [1.0])] * 2, "probCount": [text(["0x3"], [10])] * 2}
    (whole,) = bits.gathered(read([share(first, 10), share(second, 10)], **told), 2)
    assert whole.data["expectation_values"] == [1.5, 2.0]
    (whole,) = bits.gathered(read([share(first, 10), share(second, 10)], probCount=[text(["0x1"], [10])] * 2), 2)
    assert whole.data["expectation_values"] == [-1.5, -2.0]


def test_counts_are_no_shares():
    (whole,) = bits.gathered(read(probCount=[COUNTED]), 1)
    assert "no share in observables" in error_of(whole)


def test_a_circuit_with_one_unread_share_failed_and_the_next_one_did_not():
    first, second = groups()
    plans = [share(first, 10), share(second, 10)] * 2
    fine, wrong = text(["0x0"], [10]), text(["0x0"], [])
    one, other = bits.gathered(read(plans, probCount=[fine, wrong, fine, fine]), 2)
    assert "1 keys and 0 values" in error_of(one)
    assert other.data["expectation_values"] == [1.5, 2.0]


# --- what nobody can read -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, "gave no result"),
        ({"probCount": [], "taskResult": []}, "gave no result"),
        ({"probCount": [COUNTED] * 2}, "2 results for 1 programs"),
        ({"probCount": [None]}, "gave no result for it"),
        ({"probCount": [""]}, "gave no result for it"),
        ({"probCount": ["{"]}, "no JSON"),
        ({"probCount": ["[1]"]}, "no object"),
        ({"probCount": ['{"key": ["0x0"]}']}, "no lists of keys and values"),
        ({"probCount": [text(["0x0"], [1, 2])]}, "1 keys and 2 values"),
        ({"probCount": [text(["0x4"], [10])]}, "an outcome of 3 bits, and 2 were measured"),
        ({"probCount": [text(["0x0"], ["5"])]}, "no number"),
        ({"probCount": [text(["0x0"], [True])]}, "no number"),
        ({"probCount": [text(["0x0"], [2.5])]}, "no whole number"),
        ({"probCount": [text(["0x0"], [10**400])]}, "no number"),
        ({"probCount": [text(["0x0"], [10**16])]}, "no number"),
        ({"taskResult": ['{"key": ["0x0"], "value": [1e999]}']}, "no "),
        ({"probCount": [text(["0x0"], [-1])]}, "no whole number"),
        ({"probCount": [text([{}], [1])]}, "no outcomes"),
        ({"taskResult": [text(["0x0"], [0])]}, "all zero"),
    ],
)
def test_what_cannot_be_read_is_that_circuits_error(told: dict[str, Any], words: str):
    assert words in error_of(read(**told)[0])


def test_one_programs_trouble_is_not_the_others():
    result = read([TWO, TWO], probCount=[COUNTED, None])
    assert result[0].counts == {"00": 6, "11": 4}
    assert "gave no result" in error_of(result[1])


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_results_than_programs_fails_them_all(count: int):
    result = read([TWO, TWO], probCount=[COUNTED] * count)
    assert len(result) == 2
    assert all("for 2 programs" in error_of(one) for one in result)


def test_an_answer_of_somebody_else_is_an_error():
    for body in (b"<html>", b"[]", b'{"success": true, "obj": 7}'):
        (one,) = Result.of(bits.entries(body, [TWO]))
        assert "not OriginQ's" in error_of(one)


# --- without a plan, and facts ------------------------------------------------------------------
def test_a_job_of_somebody_elses_is_read_by_what_the_answer_tells():
    result = unplanned(probCount=[COUNTED, text(["0x1"], [5])], measureQubitSize=[2, 5])
    assert [one.counts for one in result] == [{"00": 6, "11": 4}, {"00001": 5}]
    assert [one.name for one in result] == ["circuit 0", "circuit 1"]
    assert unplanned(probCount=[text(["001", "100"], [1, 2])]).counts == {"001": 1, "100": 2}
    assert unplanned(probCount=[text(["0x5"], [1])]).counts == {"101": 1}
    assert unplanned(taskResult=[text(["0x1"], [1.0])], measureQubitSize=[2]).probabilities == {"01": 1.0}
    amplitudes = {"Key": ["0"], "ValueReal": [0.6], "ValueImag": [0.8]}
    assert unplanned(taskResult=[json.dumps(amplitudes)]).data["amplitudes"] == {"0": 0.6 + 0.8j}
    wider = unplanned(probCount=[text(["0x1"], [10])], taskResult=[text(["0x1", "0x2"], [0.9, 0.1])])
    assert (wider.counts, wider.data["probabilities"]) == ({"01": 10}, {"01": 0.9, "10": 0.1})


def test_a_few_bytes_claim_no_gigabytes():
    for told in ({"measureQubitSize": [999_999]}, {}):
        key = "0x1" if told else "0x" + "f" * 3000
        assert "bits" in error_of(unplanned(probCount=[text([key], [1])], **told)[0])


def test_what_else_is_told_is_metadata_within_bounds():
    result = read(probCount=[COUNTED], startTime="2025-01-01 00:00:00", mappingQubit={"0": 45}, qprog="x" * 100_000)
    assert result.metadata["mappingQubit"] == {"0": 45}
    assert result.metadata["startTime"] == "2025-01-01 00:00:00"
    assert "qprog" not in result.metadata
    assert "probCount" not in result.metadata
