"""Metrics that a program reports in its log, as `Metrics - timestamp=1.5; loss=0.25;`: from lines to a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from math import isnan
from typing import Literal

from quantumjobs.core.logs import LogLine
from quantumjobs.errors import unknown_name

Row = dict[str, float | str]
"""What one line reports. Only a `node_id` may be a text."""
MetricType = Literal["timestamp", "iteration_number"]
Statistic = Literal["max", "min"]

TIMESTAMP, NODE = "timestamp", "node_id"
_CHOICE = {"max": max, "min": min}
# Possessive, and from the beginning of a word: time grows with the length of a line, whatever is in it.
_REPORTED = re.compile(r"(?<!\w)(\w++)\s*+=([^;]++);")
_NODE = re.compile(r"\[([^\]]*+)\]")


def rows(lines: Iterable[LogLine]) -> Iterator[Row]:
    """What each line reports, without the lines that report nothing.

    A line may begin with its node, as `[n0]`. Values that are no numbers are left out. Where a line names no timestamp,
    the time at which it was written stands for it, in seconds since the epoch (Amazon Braket's SDK puts a text there,
    which is not comparable with a number).
    """
    for line in lines:
        row = _row(line.message)
        if not row:
            continue
        if line.at is not None:
            row.setdefault(TIMESTAMP, line.at)
        node = _NODE.match(line.message)
        if node is not None:
            row[NODE] = node[1]
        yield row


def _row(message: str) -> Row:
    row: Row = {}
    # Nothing behind the last semicolon counts, and there a search for one more would begin again at every word.
    for found in _REPORTED.finditer(message, 0, message.rfind(";") + 1):
        try:
            row[found[1]] = float(found[2])
        except ValueError:
            continue
    return row


class Metrics:
    """A table of metrics that grows with the lines it is given; of these it keeps nothing.

    One row for each node and each value of the column `metric_type`; what reports no such value is left out. Where a row
    has several values of one metric, `statistic` chooses. Nothing here waits, so a thread may do it.
    """

    def __init__(self, metric_type: MetricType = "timestamp", statistic: Statistic = "max") -> None:
        if metric_type not in {TIMESTAMP, "iteration_number"}:
            raise unknown_name("metric_type", str(metric_type), [TIMESTAMP, "iteration_number"])
        if statistic not in _CHOICE:
            raise unknown_name("statistic", str(statistic), _CHOICE)
        self._pivot = metric_type
        self._choose = _CHOICE[statistic]
        self._rows: dict[tuple[float, float | str | None], Row] = {}
        self._columns: dict[str, None] = {}

    def add(self, lines: Iterable[LogLine]) -> None:
        """Take in what they report."""
        for row in rows(lines):
            self.add_row(row)

    def add_row(self, row: Row) -> None:
        """Take in what one line reports; the row becomes the table's."""
        at = row.get(self._pivot)
        if at is None or isinstance(at, str):
            return
        known = self._rows.setdefault((at, row.get(NODE)), row)
        self._columns.update(dict.fromkeys(row))
        if known is row:
            return
        for name, value in row.items():
            # Texts are those of the row's own node, and so equal.
            known[name] = self._choose(known[name], value) if name in known else value

    def table(self) -> dict[str, list[float | str | None]]:
        """Columns by name, all of one length, with None where a row has no value.

        In ascending order of the column that makes the rows, equal ones (of several nodes) as they appeared.
        """
        ordered = [self._rows[key] for key in sorted(self._rows, key=_by_value)]
        return {name: [row.get(name) for row in ordered] for name in self._columns}


def _by_value(key: tuple[float, object]) -> tuple[bool, float]:
    """NaN, which has no place among numbers, comes last."""
    return isnan(key[0]), key[0]
