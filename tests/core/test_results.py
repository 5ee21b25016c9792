from __future__ import annotations

import pickle
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from qiskit.primitives import BitArray
from qiskit.result import Result as QiskitResult

from quantumjobs.core import bits, values
from quantumjobs.core.entries import entry, entry_from_counts, entry_from_memory, failed_entry
from quantumjobs.core.results import Result
from quantumjobs.errors import ResultUnavailable, UsageError


def one(shots: list[int], clbits: int, registers: list[tuple[str, int]] | None = None, **facts) -> Result:
    memory = [format(shot, f"0{clbits}b") for shot in shots]
    return Result.of([entry_from_memory(memory, clbits, registers=registers or [("c", clbits)], **facts)])


outcomes = st.integers(1, 130).flatmap(
    lambda clbits: st.tuples(st.lists(st.integers(0, 2**clbits - 1), min_size=1, max_size=30), st.just(clbits))
)


# --- outcomes ---------------------------------------------------------------------------
@given(outcomes, st.data())
def test_counts_and_memory_read_as_qiskit_formats_them(case, data) -> None:
    shots, clbits = case
    sizes = []
    while sum(sizes) < clbits:
        sizes.append(data.draw(st.integers(1, clbits - sum(sizes))))
    registers = [(f"c{at}", size) for at, size in enumerate(sizes)]
    result = one(shots, clbits, registers)
    document = {
        "backend_name": "", "backend_version": "", "job_id": "", "success": True,
        "results": [{
            "shots": len(shots), "success": True,
            "data": {"counts": Counter(map(hex, shots)), "memory": [hex(shot) for shot in shots]},
            "header": {"name": "x", "memory_slots": clbits, "creg_sizes": [list(r) for r in registers]},
        }],
    }  # fmt: skip
    theirs = QiskitResult.from_dict(document)
    assert result.counts == theirs.get_counts()
    assert result.memory == theirs.get_memory()
    assert list(result.counts) == sorted(result.counts)
    ours = result.to_qiskit()
    assert ours.get_counts() == theirs.get_counts()
    assert ours.get_memory() == theirs.get_memory()


@given(outcomes)
def test_bits_are_laid_out_like_qiskits_bit_array(case) -> None:
    shots, clbits = case
    result = one(shots, clbits)
    theirs = BitArray.from_samples([format(shot, f"0{clbits}b") for shot in shots], num_bits=clbits)
    assert result.bits.dtype == np.uint8
    assert result.bits.shape == (len(shots), -(-clbits // 8))
    assert np.array_equal(result.bits, theirs.array)
    assert result.to_bit_array() == theirs
    assert not result.bits.flags.writeable


@given(outcomes)
def test_counts_alone_give_the_same_counts_and_bits_grouped_by_outcome(case) -> None:
    shots, clbits = case
    counts = dict(Counter(format(shot, f"0{clbits}b") for shot in shots))
    result = Result.of([entry_from_counts(counts, clbits)])
    assert result.counts == counts
    assert result[0].shots == len(shots)
    assert result.bits.tolist() == one(sorted(shots), clbits).bits.tolist()
    assert sum(result.probabilities.values()) == pytest.approx(1)


def test_probabilities_are_those_that_were_computed_only_where_nothing_was_counted() -> None:
    computed = {"00": 0.25, "11": 0.75}
    assert Result.of([entry(b"", 0, shots=0, data={"probabilities": computed})]).probabilities == computed
    counted = Result.of([entry_from_counts({"00": 1, "11": 1}, 2, data={"probabilities": computed})])
    assert counted.probabilities == {"00": 0.5, "11": 0.5}
    with pytest.raises(UsageError, match="no measured outcomes; data has: other"):
        _ = Result.of([entry(b"", 0, shots=0, data={"other": computed})]).probabilities
    with pytest.raises(ResultUnavailable):
        _ = Result.of([failed_entry("no power")]).probabilities


@given(outcomes)
def test_packing_columns_puts_clbit_zero_last(case) -> None:
    shots, clbits = case
    columns = np.array([[shot >> at & 1 for at in range(clbits)] for shot in shots], dtype=np.uint8)
    assert bits.pack(columns) == bits.parse([hex(shot) for shot in shots], clbits)


def test_one_register_of_several_can_be_taken_as_a_bit_array() -> None:
    result = one([0b10_1, 0b01_0], 3, [("a", 1), ("b", 2)])
    assert result.counts == {"01 0": 1, "10 1": 1}
    assert result.to_bit_array("b").get_counts() == {"10": 1, "01": 1}
    with pytest.raises(UsageError, match="no classical register 'x'; it has: a, b"):
        result.to_bit_array("x")


def test_bits_outside_of_registers_are_not_lost() -> None:
    assert one([0b1011], 4, [("c", 2), ("d", 1)]).counts == {"1011": 1}


def test_memory_says_how_to_ask_for_it() -> None:
    result = Result.of([entry_from_counts({"0": 3})])
    with pytest.raises(UsageError, match="memory=True"):
        _ = result.memory


def test_a_circuit_without_measurements_names_what_it_has() -> None:
    result = Result.of([entry(b"", 0, name="saved", shots=5, data={"state": 1.5})])
    with pytest.raises(UsageError, match="no measured outcomes; data has: state"):
        _ = result.counts
    assert result.data == {"state": 1.5}


# --- several circuits -------------------------------------------------------------------
def test_a_shortcut_on_several_circuits_says_what_to_write() -> None:
    result = Result.of([entry_from_counts({"0": 1}), entry_from_counts({"1": 1})])
    for name in ("counts", "memory", "probabilities", "bits", "data", "metadata", "raw", "to_bit_array"):
        with pytest.raises(UsageError, match=rf"2 circuits.*result\[0\]\.{name}"):
            attribute = getattr(result, name)
            attribute()


def test_a_result_is_a_sequence() -> None:
    result = Result.of([entry_from_counts({"0": at + 1}, name=str(at)) for at in range(4)])
    assert len(result) == 4
    assert [item.name for item in result] == ["0", "1", "2", "3"]
    assert result[-1].counts == {"0": 4}
    assert [item.name for item in result[1:3]] == ["1", "2"]
    with pytest.raises(IndexError):
        _ = result[4]


def test_parts_are_put_together_in_order_and_keep_what_is_theirs() -> None:
    first = Result.of([entry_from_counts({"0": 1})], about={"job_id": "a"}, raw={"x": b"1"})
    second = Result.of([entry_from_counts({"1": 1}), entry_from_counts({"1": 2})], about={"job_id": "b"}, raw="other")
    merged = Result.of_parts([first, second])
    assert [item.counts for item in merged] == [{"0": 1}, {"1": 1}, {"1": 2}]
    assert [item.raw for item in merged] == [{"x": b"1"}, "other", "other"]
    again = Result.from_bytes(merged.to_bytes())
    assert [item.counts for item in again] == [item.counts for item in merged]
    assert again[2].to_qiskit().job_id == "b"


def test_a_failed_circuit_raises_when_read_and_only_then() -> None:
    partial = Result.of_parts(
        [
            Result.of([entry_from_counts({"0": 1}), failed_entry("out of memory", name="big", seed=7)]),
            Result.failed(2, "cancelled"),
        ]
    )
    assert [item.error for item in partial] == [None, "out of memory", "cancelled", "cancelled"]
    assert (partial[1].name, partial[1].seed) == ("big", 7)
    for name in ("counts", "memory", "bits", "probabilities", "data"):
        with pytest.raises(ResultUnavailable, match="'big' failed: out of memory"):
            getattr(partial[1], name)
    assert "3 failed" in repr(partial)
    theirs = partial.to_qiskit()
    assert not theirs.success
    assert [item.success for item in theirs.results] == [True, False, False, False]


# --- its compact form -------------------------------------------------------------------
values_ = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.complex_numbers(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), values_, max_size=3))
def test_values_come_back_as_they_were(data) -> None:
    assert values.load(values.dump(data)) == data


@pytest.mark.parametrize("dtype", ["<c16", "<f8", ">f4", "<i8", "u1", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_come_back_as_they_were(dtype: str, order: str) -> None:
    array = np.asarray(np.arange(6).reshape(2, 3), dtype=dtype, order=order)
    for sent in (array, array[:, ::2], array[:0], np.asarray(array[0, 0])):
        came = values.load(values.dump({"x": [sent]}))["x"][0]
        assert came.dtype == sent.dtype
        assert np.array_equal(came, sent)
        assert came.shape == sent.shape


def test_tuples_stay_tuples_and_objects_become_text() -> None:
    result = Result.of([entry(b"", 0, data={"mps": ([(np.eye(2), 1j)], [0.5])}, metadata={"odd": NotImplemented})])
    came = Result.from_bytes(result.to_bytes())[0]
    assert type(came.data["mps"]) is tuple
    assert type(came.data["mps"][0][0]) is tuple
    assert came.metadata["odd"] == "NotImplemented"


def test_circular_metadata_does_not_break_a_result() -> None:
    loop: dict = {}
    loop["self"] = loop
    assert "self" in Result.of([entry(b"", 0, metadata=loop)]).metadata


def test_results_can_be_pickled() -> None:
    result = Result.of([entry_from_counts({"01": 4}, name="x")], about={"job_id": "j"}, raw={"r": b"1"})
    again = pickle.loads(pickle.dumps(result))
    assert (again.counts, again.raw, again.to_qiskit().job_id) == ({"01": 4}, {"r": b"1"}, "j")


def test_a_truncated_document_is_an_error_and_not_a_result() -> None:
    body = Result.of([entry_from_counts({"01": 4})]).to_bytes()
    with pytest.raises(ValueError):
        Result.from_bytes(body[:-3])


# --- faces ------------------------------------------------------------------------------
def test_repr_shows_the_most_frequent_outcomes() -> None:
    result = Result.of([entry_from_counts({"0": 1, "1": 9}, name="coin")])
    assert repr(result) == "<Result 'coin' 10 shots {'1': 9, '0': 1}>"
    assert repr(result[0]) == "<CircuitResult 'coin' 10 shots {'1': 9, '0': 1}>"
    assert repr(Result.failed(1, "no luck", name="x")) == "<Result 'x' failed: no luck>"
    assert repr(Result([])) == "<Result of 0 circuits>"


def test_plot_names_the_extra_where_matplotlib_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match=r"quantumjobs\[plot\]"):
        Result.of([entry_from_counts({"0": 1})]).plot()


def test_reading_facts_loads_neither_numpy_nor_qiskit() -> None:
    code = (
        "from quantumjobs.core.results import *; from quantumjobs.core.entries import *; r = Result.of([entry_from_counts({'01': 4}, name='x')]);"
        "r = Result.from_bytes(r.to_bytes()); r[0].name, r[0].shots, r[0].metadata, len(r);"
        "import sys; assert not {'numpy', 'qiskit'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


# --- speed ------------------------------------------------------------------------------
def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@pytest.mark.parametrize(
    ("shots", "clbits", "kinds", "factor"),
    [(1_000_000, 20, 50, 10), (1_000_000, 20, None, 10), (10_000, 127, 50, 5), (10_000, 127, None, 5)],
)
@pytest.mark.alone
def test_counting_is_much_faster_than_joining_rows(shots: int, clbits: int, kinds: int | None, factor: int) -> None:
    draw = np.random.default_rng(1)
    matrix = draw.integers(0, 2, size=(kinds or shots, clbits), dtype=np.uint8)
    if kinds:
        matrix = matrix[draw.integers(0, kinds, size=shots)]
    made = entry(bits.pack(matrix), clbits)
    part = matrix[: shots // 5] if shots > 100_000 else matrix  # the plain way is linear at best: a fifth will do

    def plain() -> Counter[str]:
        return Counter("".join(map(str, row)) for row in part[:, ::-1].tolist())

    # In turn, and the middle of seven: a neighbour's burst hits both sides, and the dictionary harder than the joining.
    pairs = [(seconds(plain), seconds(lambda: Result.of([made]).counts)) for _ in range(7)]
    theirs, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
    theirs *= len(matrix) / len(part)
    assert sum(Result.of([made]).counts.values()) == shots
    if len(part) == len(matrix):
        assert Result.of([made]).counts == dict(plain())
    assert theirs > factor * ours, f"{theirs / ours:.1f} times; seconds: {pairs}"
