"""Metrics: from the lines of a log to a table in ascending order, whatever the lines hold."""

from __future__ import annotations

import time
from math import isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.core.logs import LogLine
from quantumjobs.core.metrics import Metrics, rows
from quantumjobs.errors import UsageError

TYPES, STATISTICS = ("timestamp", "iteration_number"), ("max", "min")
NAMES = st.sampled_from(["timestamp", "iteration_number", "loss", "node_id", "energy_2", "ä"])
NUMBERS = st.sampled_from([0.0, -0.0, 1.0, 2.5, 1e300]) | st.floats(allow_nan=False)
REPORTED = st.dictionaries(NAMES, NUMBERS, min_size=1)


def table(given_rows, *arguments):
    """The table of these rows, which stay as they are."""
    made = Metrics(*arguments)
    for row in given_rows:
        made.add_row(row.copy())
    return made.table()


def lines(*messages: str, at: float | None = None) -> list[LogLine]:
    return [LogLine(message, at) for message in messages]


def reported(*messages: str, at: float | None = None) -> list[dict]:
    return list(rows(lines(*messages, at=at)))


@st.composite
def written(draw: st.DrawFn) -> list[LogLine]:
    """Lines as programs write them, and some that report nothing."""
    nodes = st.sampled_from(["", "[n0]: ", "[n1] "])
    return [
        LogLine(
            draw(nodes)
            + draw(st.sampled_from(["Metrics - ", "", "epoch 3: "]))
            + "".join(f"{name}={value!r}; " for name, value in draw(REPORTED).items()),
            draw(st.none() | st.floats(1, 2e9)),
        )
        if draw(st.integers(0, 5))
        else LogLine(draw(st.text(max_size=9)), 1.0)
        for _ in range(draw(st.integers(0, 20)))
    ]


# --- lines --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("message", "row"),
    [
        ("Metrics - timestamp=1.5; loss=0.25; iteration_number=3;", {"timestamp": 1.5, "loss": 0.25, "iteration_number": 3.0}),
        ("[n0]: Metrics - loss = 1e-3 ;", {"loss": 0.001, "node_id": "n0"}),
        ("[]a=1;", {"a": 1.0, "node_id": ""}),
        (" [n0] a=1;", {"a": 1.0}),
        ("[n0] node_id=3;", {"node_id": "n0"}),
        ("a=1; a=2;", {"a": 2.0}),
        ("a=1; a=x;", {"a": 1.0}),
        ("a=inf;b=-1_0;c=\t7\n;", {"a": float("inf"), "b": -10.0, "c": 7.0}),
        ("x y.z=1;", {"z": 1.0}),
        ("größe=1;", {"größe": 1.0}),
        ("==a=1;", {"a": 1.0}),
        ("a=;b=1;", {"b": 1.0}),
        ("a=1", None),
        ("a=b=1;", None),
        ("a= ;", None),
        ("=1;", None),
        ("a=1,5;", None),
        ("", None),
        (";" * 9, None),
    ],
)  # fmt: skip
def test_what_a_line_reports(message, row):
    assert reported(message) == ([] if row is None else [row])


def test_a_line_without_a_timestamp_has_that_of_its_writing():
    assert reported("a=1;", "timestamp=2; a=1;", "nothing", at=7.0) == [
        {"a": 1.0, "timestamp": 7.0},
        {"a": 1.0, "timestamp": 2.0},
    ]
    assert reported("a=1;", at=0.0) == [{"a": 1.0, "timestamp": 0.0}]


@pytest.mark.parametrize(
    "message",
    [
        "a" * 1_000_000,
        "a" * 1_000_000 + ";",
        "a" + " " * 1_000_000,
        " " * 1_000_000 + "=1;",
        "a " * 500_000 + ";",
        "a=a" * 300_000,
        "a=;" * 300_000,
        "a=\n" * 300_000 + "x",
        "a=1;" + "b=" * 400_000,
        "=" * 1_000_000 + ";",
        "[" * 1_000_000,
    ],
    ids=lambda message: message[:4] + message[-4:],
)
def test_no_line_takes_long(message):
    began = time.process_time()
    assert reported(message) in ([], [{"a": 1.0}])
    assert time.process_time() - began < 2  # a search that begins again at every character takes hours


@given(st.text())
def test_any_text_is_read(text):
    for row in reported(text):
        assert row
        assert all(isinstance(value, float) or name == "node_id" for name, value in row.items())


@given(REPORTED)
def test_what_was_written_is_read(values):
    (row,) = reported("Metrics - " + " ".join(f"{name}={value!r};" for name, value in values.items()))
    assert row == values


# --- tables -------------------------------------------------------------------------------
def test_a_table_in_the_order_of_time_whatever_came_first():
    given = lines(
        "[n0] Metrics - timestamp=1700000002.5; loss=0.001; iteration_number=1;",
        "Metrics - timestamp=1700000001.5; energy=-1.5; iteration_number=1;",
        "Metrics - timestamp=1700000000.5; energy=-1.25; iteration_number=0;",
        "Metrics - nothing",
    )
    assert table(rows(given)) == {
        "timestamp": [1700000000.5, 1700000001.5, 1700000002.5],
        "energy": [-1.25, -1.5, None],
        "iteration_number": [0.0, 1.0, 1.0],
        "loss": [None, None, 0.001],
        "node_id": [None, None, "n0"],
    }


def test_values_of_one_iteration_share_a_row_for_each_node():
    given = lines(
        "iteration_number=1; a=2;",
        "[n1] iteration_number=0; b=0;",
        "iteration_number=0; a=2; b=1;",
        "iteration_number=0; a=1;",
        "a=0;",
    )
    columns = {"iteration_number": [0.0, 0.0, 1.0], "b": [0.0, 1.0, None], "node_id": ["n1", None, None]}
    assert table(rows(given), "iteration_number", "min") == columns | {"a": [None, 1.0, 2.0]}
    assert table(rows(given), "iteration_number", "max") == columns | {"a": [None, 2.0, 2.0]}
    assert table(rows(given)) == {}


def test_nan_comes_last():
    given = lines("timestamp=nan; a=1;", "timestamp=inf; a=2;", "timestamp=-inf; a=3;", "timestamp=nan; a=4;")
    found = table(rows(given))
    assert found["a"] == [3.0, 2.0, 1.0, 4.0]
    assert isnan(found["timestamp"][2])
    assert table(rows(lines("timestamp=1; a=nan;", "timestamp=1; a=5;")))["a"] == [pytest.approx(nan, nan_ok=True)]


@given(written(), st.sampled_from(TYPES), st.sampled_from(STATISTICS), st.data())
def test_pages_make_the_table_of_all_lines(given_lines, metric_type, statistic, data):
    grown = Metrics(metric_type, statistic)
    left = list(given_lines)
    while left:
        size = data.draw(st.integers(1, 5))
        grown.add(left[:size])
        del left[:size]
        grown.table()  # looking changes nothing
    found = grown.table()
    assert found == table(rows(given_lines), metric_type, statistic)
    assert list(found) == list(table(rows(given_lines), metric_type, statistic))


@given(written(), st.sampled_from(TYPES), st.sampled_from(STATISTICS))
def test_a_table_is_right(given_lines, metric_type, statistic):
    every = [row for row in rows(given_lines) if metric_type in row]
    found = table(rows(given_lines), metric_type, statistic)
    assert found.keys() == {name for row in every for name in row}
    assert len({len(column) for column in found.values()}) <= 1
    pivots = found.get(metric_type, [])
    assert pivots == sorted(pivots)
    keys = list(zip(pivots, found.get("node_id", [None] * len(pivots)), strict=True))
    assert len(keys) == len(set(keys))
    assert set(keys) == {(row[metric_type], row.get("node_id")) for row in every}
    for at, key in enumerate(keys):
        shared = [row for row in every if (row[metric_type], row.get("node_id")) == key]
        for name, column in found.items():
            values = [row[name] for row in shared if name in row]
            best = max if statistic == "max" else min
            assert column[at] == (best(values) if values else None)


def test_a_table_keeps_its_rows_and_not_the_lines():
    grown = Metrics("iteration_number")
    for at in range(3000):
        grown.add(lines(f"timestamp={at}; iteration_number={at % 3}; loss={-at};"))
    assert len(grown._rows) == 3
    assert grown.table()["loss"] == [0.0, -1.0, -2.0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("time", "max"), "unknown metric_type 'time'.*timestamp"),
        (("x", "max"), "known: iteration_number, timestamp"),
        (("timestamp", "avg"), "unknown statistic 'avg'.*known: max, min"),
        ((None, "max"), "known: iteration_number, timestamp"),
    ],
)
def test_another_column_or_statistic_is_refused_with_those_there_are(arguments, said):
    with pytest.raises(UsageError, match=said):
        Metrics(*arguments)
    with pytest.raises(UsageError, match=said):
        table([], *arguments)
