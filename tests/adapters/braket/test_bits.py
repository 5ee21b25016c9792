"""What Braket's result objects say becomes outcomes bit by bit, and what is not understood is told, never zeros."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.adapters.braket import bits
from quantumjobs.adapters.braket.plans import Plan
from quantumjobs.core.entries import Entry
from quantumjobs.core.results import CircuitResult, Result
from quantumjobs.errors import ProviderProtocolError, ResultUnavailable, UsageError

HEAD = "braket.task_result."
ARN = "arn:aws:braket:us-east-1:123456789012:quantum-task/1"
DEVICE = "arn:aws:braket:::device/quantum-simulator/amazon/sv1"
TIMES = {"createdAt": "2026-11-21T00:57:39.479Z", "endedAt": "2026-11-21T00:57:41.000Z"}
SHOTS = [[0, 1], [1, 1], [0, 1], [0, 0]]
BELL = Plan(name="bell", shots=4, registers=(("c", 2),), clbits=2, measured=(0, 1), metadata={"mine": 1})


def gates(shots: int = 4, *, extra: Mapping[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    return {
        "braketSchemaHeader": {"name": f"{HEAD}gate_model_task_result", "version": "1"},
        **members,
        "taskMetadata": {"id": ARN, "deviceId": DEVICE, "shots": shots, **TIMES},
        "additionalMetadata": {"action": {"source": "OPENQASM 3.0;"}, **(extra or {})},
    }


def read(document: Any, *plans: Plan, memory: bool = False, parts: Mapping[str, Any] | None = None) -> list[Entry]:
    blobs = {"results.json": document, **(parts or {})}
    texts = {path: one if isinstance(one, bytes) else json.dumps(one).encode() for path, one in blobs.items()}
    return bits.entries(texts, plans or None, memory=memory)


def result(document: Any, *plans: Plan, memory: bool = False) -> CircuitResult:
    (found,) = read(document, *plans, memory=memory)
    return Result.of([found])[0]


def errors(found: list[Entry]) -> list[str | None]:
    return [one.error for one in found]


# --- measurements -----------------------------------------------------------------------
def test_column_0_is_right_most_and_shots_keep_their_order_with_memory():
    for plans in ((), (BELL,)):
        found = result(gates(measurements=SHOTS), *plans, memory=True)
        assert found.memory == ["10", "11", "10", "00"]
        assert found.shots == 4


def test_without_memory_there_are_distinct_rows_with_their_numbers():
    found = result(gates(measurements=SHOTS), BELL)
    assert found.counts == {"00": 1, "10": 2, "11": 1}
    with pytest.raises(UsageError, match="single shots"):
        _ = found.memory


def test_columns_go_to_their_clbits_the_others_are_0_and_registers_are_kept_apart():
    plan = Plan(name="crossed", shots=1, registers=(("a", 2), ("b", 2)), clbits=4, measured=(0, 1, 3))
    found = result(gates(1, measurements=[[0, 1, 1]], measuredQubits=[1, 2, 0]), plan)
    assert found.counts == {"10 10": 1}
    assert found.metadata["measured_qubits"] == [1, 2, 0]


def test_digits_as_text_and_any_blanks_are_read_alike():
    document = gates(measurements=[[str(bit) for bit in shot] for shot in SHOTS])
    expected = read(gates(measurements=SHOTS), BELL, memory=True)
    for written in (document, gates(measurements=SHOTS)):
        for layout in ({"indent": 2}, {"separators": (",", ":")}, {"separators": (" ,\t", ":\r\n")}):
            assert read(json.dumps(written, **layout).encode(), BELL, memory=True) == expected  # type: ignore[arg-type] # of mixed kinds


def test_what_is_written_regularly_is_not_parsed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bits, "_lists", None)
    for shots in (SHOTS, [["0", "1"], ["1", "1"], ["0", "1"], ["0", "0"]], [[1]]):
        assert result(gates(measurements=shots)).shots == len(shots)


def test_what_is_written_irregularly_is_parsed_to_the_same():
    odd = b'{"measurements": [[0, 1], ["1", 1], [0, "\\u0031"], [0,0]], "taskMetadata": {"id": "a", "shots": 4}}'
    assert result(odd, memory=True).memory == ["10", "11", "10", "00"]


def test_two_hundred_columns_and_one_are_read():
    for columns in (1, 200):
        shots = [[(shot >> column % 3) & 1 for column in range(columns)] for shot in range(7)]
        found = result(gates(7, measurements=shots), memory=True)
        assert found.memory == ["".join(map(str, reversed(shot))) for shot in shots]


@pytest.mark.parametrize(
    ("measurements", "told"),
    [
        ([[0, 1], [1]], "shots of 1 and of 2 bits"),
        ([[0, 2], [1, 1]], "Invalid enum value 2"),
        ([[0, 1], [1, "x"]], "Invalid enum value 'x'"),
        ([[], []], "shots without bits"),
        ([0, 1], "Expected `array`"),
        ([[0.5, 1]], "got `float`"),
        ([[True, False]], "got `bool`"),
        ([[None]], "got `null`"),
        ("[[0,1]]", "Expected `array`"),
        ({"0": 1}, "Expected `array`"),
        ([[0, 1], [1, 10**30]], "at `$[1][1]`"),
    ],
)
def test_measurements_that_are_none_fail_the_program_and_say_why(measurements: Any, told: str):
    (found,) = read(gates(measurements=measurements), BELL)
    assert told in (found.error or "")
    assert (found.name, found.shots) == ("bell", 4)


@pytest.mark.parametrize("at", range(len(b"[[0,1],[1,0]]")))
def test_no_character_of_the_text_goes_unchecked(at: int):
    right = b"[[0,1],[1,0]]"
    for other in b"2 x":
        wrong = right[:at] + bytes([other]) + right[at + 1 :]
        try:
            (found,) = read(b'{"measurements":' + wrong + b"}")
        except ProviderProtocolError:
            continue  # that is no JSON
        assert found.error is not None, wrong


def test_other_columns_than_were_measured_are_an_error():
    assert errors(read(gates(measurements=[[0, 1, 1]]), BELL)) == [
        "its outcomes have 3 bits, and 2 clbits were measured"
    ]
    assert errors(read(gates(measurements=SHOTS, measuredQubits=[0]))) == [
        "its outcomes have 2 bits, and 1 qubits were measured"
    ]


def test_a_program_that_measures_nothing_itself_has_a_clbit_for_each_qubit_that_the_service_measured():
    plan = Plan(name="values", shots=4, clbits=0, measured=())
    found = result(gates(measurements=SHOTS, measuredQubits=[3, 5]), plan)
    assert found.counts == {"00": 1, "10": 2, "11": 1}
    assert found.metadata["measured_qubits"] == [3, 5]


def test_fewer_shots_than_were_asked_for_are_told():
    found = result(gates(100, measurements=SHOTS))
    assert found.shots == sum(found.counts.values()) == 4
    assert found.metadata["requested_shots"] == 100
    assert "requested_shots" not in result(gates(measurements=SHOTS)).metadata


def test_more_bits_than_memory_is_taken_for_are_refused_before():
    plan = Plan(name="wide", shots=4, clbits=1 << 40, measured=(0, 1))
    (found,) = read(gates(measurements=SHOTS), plan)
    assert "more than is read" in (found.error or "")


# --- probabilities ----------------------------------------------------------------------
def test_probabilities_times_shots_are_counts_and_bit_0_stands_left_in_their_keys():
    found = result(gates(1000, measurementProbabilities={"10": 0.25, "01": 0.75, "11": 0.0}, measurements=None))
    assert found.counts == {"01": 250, "10": 750}
    assert found.shots == 1000
    assert found.data["probabilities"] == {"01": 0.25, "10": 0.75, "11": 0.0}
    assert found.metadata[bits.DERIVED] is True


def test_each_count_is_rounded_by_itself():
    found = result(gates(4, measurementProbabilities={"0": 0.375, "1": 0.625}))  # 1.5 and 2.5: both to the even 2
    assert found.counts == {"0": 2, "1": 2}
    found = result(gates(2, measurementProbabilities={"00": 0.2, "01": 0.2, "10": 0.2, "11": 0.4}))
    assert found.counts == {"11": 1}
    assert found.shots == 2


def test_probabilities_are_placed_as_measurements_are_and_never_have_an_order_of_shots():
    plan = Plan(name="crossed", shots=10, registers=(("a", 2), ("b", 2)), clbits=4, measured=(0, 3))
    found = result(gates(10, measurementProbabilities={"10": 0.1, "01": 0.9}), plan, memory=True)
    assert found.counts == {"00 01": 1, "10 00": 9}
    assert found.data["probabilities"] == {"00 01": 0.1, "10 00": 0.9}
    with pytest.raises(UsageError, match="single shots"):
        _ = found.memory


def test_measurements_go_before_probabilities():
    found = result(gates(measurements=SHOTS, measurementProbabilities={"00": 1.0}))
    assert found.counts == {"00": 1, "10": 2, "11": 1}


@pytest.mark.parametrize(
    ("probabilities", "told"),
    [
        ({"00": 0.5, "1": 0.5}, "different lengths"),
        ({"": 1.0}, "different lengths"),
        ({"0a0": 1.0}, "no bits"),
        ({"0 1": 1.0}, "no bits"),
        ({"٠١": 1.0}, "no bits"),
        ({"00": 1.5}, "<= 1"),
        ({"00": -0.5}, ">= 0"),
        ({"00": "1"}, "got `str`"),
        ([1.0], "Expected `object`"),
    ],
)
def test_probabilities_that_are_none_fail_the_program(probabilities: Any, told: str):
    (found,) = read(gates(measurementProbabilities=probabilities))
    assert told in (found.error or "")


# --- values and facts -------------------------------------------------------------------
def test_without_shots_there_are_the_values_alone():
    plan = Plan(name="exact", shots=0, clbits=0, measured=())
    computed = [{"type": {"type": "probability"}, "value": [0.25, 0.75]}]
    found = result(gates(0, resultTypes=computed, measuredQubits=[0], measurements=[]), plan)
    assert found.data["probability"].tolist() == [0.25, 0.75]
    assert found.probabilities == {"0": 0.25, "1": 0.75}
    assert found.shots == 0
    with pytest.raises(UsageError, match="no measured outcomes"):
        _ = found.counts


def test_beside_outcomes_values_that_are_not_understood_are_told_and_alone_they_are_an_error():
    odd = [{"type": {"type": "expectation", "observable": ["z"], "targets": [0]}}]
    found = result(gates(measurements=SHOTS, resultTypes=odd))
    assert found.counts == {"00": 1, "10": 2, "11": 1}
    assert found.metadata[bits.UNREAD] == {"expectation(z(q[0]))": "it has no value"}
    assert errors(read(gates(0, resultTypes=odd))) == ["expectation(z(q[0])): it has no value"]


def test_a_probability_that_is_estimated_from_shots_is_not_the_probabilities():
    computed = [{"type": {"type": "probability"}, "value": [0.5, 0.5, 0, 0]}]
    found = result(gates(measurements=SHOTS, resultTypes=computed, measuredQubits=[0, 1]))
    assert found.probabilities == {"00": 0.25, "10": 0.5, "11": 0.25}
    assert list(found.data) == ["probability"]


def test_nothing_at_all_is_an_error_with_the_services_reason():
    assert errors(read(gates())) == ["the service gave neither outcomes nor values for it"]
    document = gates()
    document["taskMetadata"]["failureReason"] = "the device\nbroke"
    assert errors(read(document)) == ["the device broke"]
    assert errors(read({**document, "measurements": SHOTS})) == [None]


def test_what_else_is_told_is_in_the_metadata_as_far_as_it_is_small():
    compiled = {"compiledProgram": "OPENQASM 3.0; // native"}
    extra = {"simulatorMetadata": {"executionDuration": 12}, "iqmMetadata": compiled, "rigettiMetadata": None}
    found = result(gates(measurements=SHOTS, measuredQubits=[0, 1], outputs=[{"b": [0, 1]}], extra=extra), BELL)
    assert found.metadata == {
        "task_id": ARN,
        "device": DEVICE,
        "created_at": TIMES["createdAt"],
        "ended_at": TIMES["endedAt"],
        "execution_seconds": 0.012,
        "measured_qubits": [0, 1],
        "outputs": [{"b": [0, 1]}],
        "compiled_program": compiled["compiledProgram"],
        "provider_metadata_bytes": {"iqmMetadata": len(json.dumps(compiled))},
        "circuit_metadata": {"mine": 1},
    }


def test_large_facts_stay_in_the_raw_result():
    outputs = [{"b": [0] * 10}] * 10_000
    extra = {"iqmMetadata": {"compiledProgram": "x" * 100_000}}
    found = result(gates(measurements=SHOTS, outputs=outputs, extra=extra)).metadata
    assert "outputs" not in found
    assert found["outputs_bytes"] == len(json.dumps(outputs))
    assert "compiled_program" not in found
    assert found["provider_metadata_bytes"]["iqmMetadata"] > 100_000


def test_facts_of_an_odd_kind_hinder_nothing():
    document = gates(measurements=SHOTS, outputs={"b": 1}, extra={"simulatorMetadata": [], "iqmMetadata": 3})
    document["taskMetadata"] = ["?"]
    assert result(document).counts == {"00": 1, "10": 2, "11": 1}
    assert result({"measurements": SHOTS}).counts == {"00": 1, "10": 2, "11": 1}


# --- program sets -----------------------------------------------------------------------
def executable(index: int = 0, **members: Any) -> dict[str, Any]:
    head = {"name": f"{HEAD}program_set_executable_result", "version": "1"}
    return {"braketSchemaHeader": head, "inputsIndex": index, **members}


def failure(index: int = 0, category: str = "DEVICE", *, retryable: bool = True) -> dict[str, Any]:
    told = {"failureReason": "out of order", "retryable": retryable, "category": category}
    head = {"name": f"{HEAD}program_set_executable_failure", "version": "1"}
    return {"braketSchemaHeader": head, "inputsIndex": index, "failureMetadata": told}


def program(*executables: Any, source: Any = None) -> dict[str, Any]:
    return {
        "braketSchemaHeader": {"name": f"{HEAD}program_result", "version": "1"},
        "executableResults": list(executables),
        "source": source or {"source": "OPENQASM 3.0;"},
        "additionalMetadata": {"simulatorMetadata": {"executionDuration": 3}},
    }


def described(*fates: list[dict[str, Any]], shots: int = 4) -> dict[str, Any]:
    programs = [{"executables": list(one)} for one in fates]
    return {
        "braketSchemaHeader": {"name": f"{HEAD}program_set_task_metadata", "version": "1"},
        "id": ARN,
        "deviceId": DEVICE,
        "requestedShots": shots,
        "programMetadata": programs,
        **TIMES,
    }


def program_set(*programs: Any, metadata: Any, **members: Any) -> dict[str, Any]:
    head = {"name": f"{HEAD}program_set_task_result", "version": "1"}
    return {"braketSchemaHeader": head, "programResults": list(programs), "taskMetadata": metadata, **members}


def plans(number: int) -> tuple[Plan, ...]:
    return tuple(Plan(name=f"p{at}", shots=4, registers=(("c", 2),), clbits=2, measured=(0, 1)) for at in range(number))


def test_each_executable_is_an_entry_in_order():
    first = program(executable(0, measurements=[[0, 1]]), executable(1, measurementProbabilities={"10": 1.0}))
    document = program_set(first, program(executable(measurements=[[1, 1]])), metadata=described([{}, {}], [{}]))
    found = Result.of(read(document))
    assert [one.counts for one in found] == [{"10": 1}, {"01": 1}, {"11": 1}]
    assert [one.name for one in found] == ["circuit-0", "circuit-1", "circuit-2"]
    assert found[2].metadata["task_id"] == ARN
    assert found[2].metadata["execution_seconds"] == 0.003
    named = Result.of(read(document, *plans(3), memory=True))
    assert [one.name for one in named] == ["p0", "p1", "p2"]
    assert named[0].memory == ["10"]


def test_shots_of_a_set_are_spread_evenly_where_no_plan_tells():
    document = program_set(
        program(executable(0, measurementProbabilities={"0": 1.0}), executable(1, measurementProbabilities={"1": 1.0})),
        metadata=described([{}, {}], shots=10),
    )
    assert [one.counts for one in Result.of(read(document))] == [{"0": 5}, {"1": 5}]


def test_failed_and_cancelled_executables_fail_alone_in_the_services_words():
    document = program_set(
        program(failure()),
        program(executable(measurements=SHOTS)),
        program(failure(category="COMPILATION", retryable=False)),
        program(),
        metadata=described([{}], [{}], [{}], [{"status": "CANCELLED"}], shots=16),
    )
    found = read(document, *plans(4))
    assert errors(found) == [
        "out of order (DEVICE, may be tried again)",
        None,
        "out of order (COMPILATION, not to be tried again)",
        "it is CANCELLED",
    ]
    assert found[0].name == "p0"
    assert Result.of(found)[1].counts == {"00": 1, "10": 2, "11": 1}
    with pytest.raises(ResultUnavailable, match=re.escape("out of order (DEVICE, may be tried again)")):
        _ = Result.of(found)[0].counts


def test_what_is_missing_within_a_program_is_found_by_the_inputs():
    fates = [{"status": "CANCELLED"}, {}, {"failureReason": "no", "retryable": True, "category": "SERVICE"}, {}]
    document = program_set(
        program(executable(1, measurements=[[0]]), executable(3, measurements=[[1]])), metadata=described(fates)
    )
    found = read(document)
    assert errors(found) == ["it is CANCELLED", None, "no (SERVICE, may be tried again)", None]
    assert [one.counts for one in (Result.of(found)[at] for at in (1, 3))] == [{"0": 1}, {"1": 1}]


def test_results_of_which_nothing_tells_whose_they_are_are_nobodys():
    for indices in ((0, 0), (0, 7), (-1, 1)):
        given = program(*[executable(index, measurements=[[0]]) for index in indices])
        found = read(program_set(given, metadata=described([{}, {}, {}])))
        assert errors(found) == ["2 results for 3 executables, and nothing tells for which"] * 3


def test_a_set_that_was_cut_short_keeps_what_there_is():
    document = program_set(program(executable(measurements=SHOTS)), metadata=described([{}], [{}, {}]))
    assert errors(read(document, *plans(3))) == [None] + ["the service gave no result for it"] * 2


def test_one_executable_that_is_not_understood_hides_no_others():
    document = program_set(
        program(executable(measurements=[[0, 3]])),
        program(7),
        ["?"],
        program(executable(measurements=SHOTS)),
        metadata=None,
    )
    found = read(document, *plans(4))
    assert [one.error is None for one in found] == [False, False, False, True]
    assert "Invalid enum value 3" in (found[0].error or "")


def test_as_many_programs_as_were_sent():
    document = program_set(program(executable(measurements=SHOTS)), metadata=described([{}]))
    with pytest.raises(ProviderProtocolError, match="1 programs in it, and 2 were sent"):
        read(document, *plans(2))
    with pytest.raises(ProviderProtocolError, match="1 programs in it, and 3 were sent"):
        read(gates(measurements=SHOTS), *plans(3))


def spilled() -> tuple[dict[str, Any], dict[str, Any]]:
    document = program_set(
        "programs/0/results.json",
        "programs/1/results.json",
        metadata="metadata.json",
        s3Location=["bucket", "prefix/of/it"],
    )
    parts = {
        "metadata.json": described([{}, {}], [{}], shots=12),
        "programs/0/results.json": program("executables/0.json", "executables/1.json", source="program.json"),
        "programs/0/program.json": {"source": "OPENQASM 3.0;"},
        "programs/0/executables/0.json": executable(0, measurements=[[0, 1]]),
        "programs/0/executables/1.json": executable(1, measurementProbabilities={"11": 0.5, "00": 0.5}),
        "programs/1/results.json": program("executables/0.json", source="program.json"),
        "programs/1/executables/0.json": failure(),
    }
    return document, parts


def test_a_spilled_set_is_read_from_its_parts():
    document, parts = spilled()
    found = read(document, parts=parts)
    assert errors(found) == [None, None, "out of order (DEVICE, may be tried again)"]
    assert [one.counts for one in Result.of(found[:2])] == [{"10": 1}, {"00": 2, "11": 2}]
    assert Result.of(found)[0].metadata["ended_at"] == TIMES["endedAt"]


def test_parts_that_are_not_there_fail_what_they_are_about():
    document, parts = spilled()
    del parts["programs/0/executables/1.json"], parts["programs/1/results.json"]
    assert errors(read(document, *plans(3), parts=parts)) == [
        None,
        "programs/0/executables/1.json is not there",
        "programs/1/results.json is not there",
    ]
    del parts["programs/0/results.json"]
    assert errors(read(document, parts=parts)) == ["programs/0/results.json is not there"] * 2 + [
        "programs/1/results.json is not there"
    ]


def test_a_part_that_is_named_again_is_not_read_again():
    document, parts = spilled()
    document["programResults"] = ["programs/0/results.json"] * 3
    parts["programs/0/results.json"]["executableResults"] = ["executables/0.json"] * 2
    parts["metadata.json"] = None
    assert errors(read(document, parts=parts)) == [
        None,
        "programs/0/executables/0.json is not there",
        *["programs/0/results.json is not there"] * 2,
    ]


def test_more_programs_than_any_task_has_are_refused():
    with pytest.raises(ProviderProtocolError, match="more than 20000 programs"):
        read(program_set(*[7] * 20_001, metadata=None))
    found = read(program_set(program(*[7] * 20_001), metadata=None))
    assert errors(found) == ["it has 20001 results, which is more than are read"]


def test_a_compiled_program_is_kept_once_at_most():
    compiled = {"iqmMetadata": {"compiledProgram": "native"}}
    for size, kept in ((1, True), (2, False)):
        one = program(*[executable(index, measurements=[[0]]) for index in range(size)])
        found = Result.of(read(program_set({**one, "additionalMetadata": compiled}, metadata=None)))
        assert ["compiled_program" in each.metadata for each in found] == [kept] * size


# --- what is no result --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (b'{"measurements": NaN}', "malformed"),
        (b'{"measurements": [[0,1]}', "malformed"),
        (b'{"measurements": ' + b"[" * 5000 + b"]" * 5000 + b"}", "recursion"),
        (b'{"braketSchemaHeader": {"name": "braket.task_result.annealing_task_result"}}', "annealing_task_result"),
        (b'{"braketSchemaHeader": {"name": "a\\u001b[31m\\nb"}}', re.escape("a\\x1b[31m b")),
        (b"\xff\xfe", "malformed"),
    ],
)
def test_what_is_no_result_of_circuits_is_the_one_error(body: bytes, told: str):
    with pytest.raises(ProviderProtocolError, match=told) as caught:
        read(body)
    assert caught.value.body == body
    with pytest.raises(ProviderProtocolError, match=re.escape("results.json is not there")):
        bits.entries({}, None, memory=False)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    | st.sampled_from(["0", "1", "01", "CANCELLED", "programs/0/results.json", "statevector", "z"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)
BITS = st.lists(st.lists(st.sampled_from([0, 1, "0", "1", 2]), max_size=3), max_size=4)
ODD = JSON | BITS
TYPES = st.fixed_dictionaries(
    {"type": st.sampled_from(["statevector", "densitymatrix", "probability", "amplitude", "sample", "expectation"])},
    optional={"targets": ODD, "observable": ODD, "states": ODD},
)
MEMBERS: dict[str, st.SearchStrategy[Any]] = {
    "braketSchemaHeader": st.sampled_from([{"name": f"{HEAD}program_set_task_result"}, {"name": None}, None]) | JSON,
    "measurements": ODD,
    "measurementProbabilities": ODD | st.dictionaries(st.sampled_from(["0", "1", "01"]), ODD),
    "measuredQubits": ODD,
    "outputs": ODD,
    "resultTypes": ODD | st.lists(st.fixed_dictionaries({"type": TYPES | ODD, "value": ODD}), max_size=3),
    "taskMetadata": ODD | st.fixed_dictionaries({"shots": ODD, "programMetadata": ODD}),
    "additionalMetadata": ODD | st.dictionaries(st.sampled_from(["simulatorMetadata", "iqmMetadata"]), ODD),
    "programResults": ODD | st.lists(st.fixed_dictionaries({"executableResults": ODD}) | ODD, max_size=3),
}


@given(st.fixed_dictionaries({}, optional=MEMBERS) | ODD, ODD, st.booleans(), st.booleans())
def test_whatever_comes_gives_entries_or_the_one_error(document: Any, part: Any, memory: bool, planned: bool):
    try:
        found = read(document, *plans(1 if planned else 0), memory=memory, parts={"programs/0/results.json": part})
    except ProviderProtocolError:
        return
    for one in Result.of(Result.from_bytes(Result.of(found).to_bytes())[at]._entry for at in range(len(found))):
        if one.error is None:
            assert one.data is not None
            assert not one._entry.rows or sum(one.counts.values()) >= 0


@given(st.integers(0, 5), st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_a_body_with_other_bytes_in_it_gives_entries_or_the_one_error(kind: int, place: int, put: bytes):
    document, parts = spilled()
    computed = [{"type": {"type": "probability"}, "value": [0.25, 0.75]}]
    bodies = [gates(measurements=SHOTS), gates(0, resultTypes=computed), document, *list(parts.values())[:3]]
    body = json.dumps(bodies[kind]).encode()
    place %= len(body)
    body = body[:place] + put + body[place + len(put) :]
    try:
        found = read(body, parts=parts) if kind < 3 else read(document, parts={**parts, list(parts)[kind - 3]: body})
    except ProviderProtocolError:
        return
    assert found or kind >= 2


@given(st.lists(st.integers(0, 2**9 - 1), min_size=1, max_size=40), st.permutations(range(9)), st.integers(1, 9))
def test_any_shots_at_any_clbits_come_back(shots: list[int], order: list[int], columns: int):
    placed = tuple(order[:columns])
    plan = Plan(name="any", shots=len(shots), clbits=9, measured=placed)
    rows = [[shot >> column & 1 for column in range(columns)] for shot in shots]
    expected = [f"{sum(bit << clbit for bit, clbit in zip(row, placed, strict=True)):09b}" for row in rows]
    assert result(gates(len(shots), measurements=rows), plan, memory=True).memory == expected
