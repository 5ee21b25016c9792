"""Our tables of metrics against those of the vendor's parser, of the same logs: the same rows, in another order."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from quantumjobs.core.logs import LogLine
from quantumjobs.core.metrics import Metrics
from tests.oracles.braket import vendor
from tests.oracles.processes import carried_out

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(240)]

LOGS = 300
NAMES = ("timestamp", "iteration_number", "loss", "energy", "node_id", "größe", "a_1")
VALUES = ("0", "1", "2", "-0.0", "1.5", "1e-3", "1700000000.25", "1_0", " 7 ", "inf", "-inf", "\t3\n", "٣", "nan")
NO_VALUES = ("", " ", "abc", "1,5", "0x1", "a=b", "=1", "--1")
BETWEEN = ("; ", ";", " ;", ";;", ";\n", "; x.y ", "; = ", " ", "")
BEGINNINGS = ("Metrics - ", "Metrics - ", "[n0]: Metrics - ", "[n1] ", "[] ", " [n0] ", "[un", "2026-01-01 12:00 ", "")
NOISE = "ab1_ =;[]-.\t\n"


def message(chance: Random) -> str:
    if chance.random() < 0.1:
        return "".join(chance.choices(NOISE, k=chance.randrange(30)))
    pieces = [chance.choice(BEGINNINGS)]
    for _ in range(chance.randrange(5)):
        value = chance.choice(VALUES if chance.random() < 0.85 else NO_VALUES)
        equals = chance.choice(("=", "=", "=", " = ", "==", "\t=\n"))
        between = chance.choice(BETWEEN) if chance.random() < 0.3 else "; "
        pieces.append(f"{chance.choice(NAMES)}{equals}{value}{between}")
    return "".join(pieces)


def log(chance: Random) -> dict[str, Any]:
    """Times are numbers here: of texts and numbers in one cell the vendor's parser makes an error."""
    lines = [
        (chance.choice((None, chance.uniform(1, 2e9), float(chance.randrange(1, 4)))), message(chance))
        for _ in range(chance.randrange(60))
    ]
    return {
        "metric_type": chance.choice(("timestamp", "iteration_number")),
        "statistic": chance.choice(("max", "min")),
        "lines": lines,
    }


def ours(log: dict[str, Any]) -> dict[str, list[Any]]:
    made = Metrics(log["metric_type"], log["statistic"])
    made.add(LogLine(text, at) for at, text in log["lines"])
    return made.table()


def in_order(table: dict[str, list[Any]], pivot: str) -> dict[str, list[str]]:
    """The rows by the pivot's value, those with equal ones as they are. As texts: NaN is equal to NaN, -0.0 not to 0.0."""
    pivots = table.get(pivot, [])
    places = sorted(range(len(pivots)), key=lambda at: (pivots[at] != pivots[at], pivots[at]))
    return {name: [repr(column[at]) for at in places] for name, column in table.items()}


async def test_our_tables_are_the_vendors_in_order(tmp_path: Path):
    chance = Random(10)
    logs = [log(chance) for _ in range(LOGS)]
    command = (vendor.python(), "-I", str(vendor.HERE / "vendor_metrics.py"))
    theirs = await carried_out(logs, command, env=vendor.pointed(tmp_path), home=tmp_path, patience=vendor.PATIENCE)
    shared = 0
    for one, their_table in zip(logs, theirs, strict=True):
        found, pivot = ours(one), one["metric_type"]
        assert in_order(found, pivot) == in_order(their_table, pivot), one
        assert in_order(found, pivot) == {name: [*map(repr, column)] for name, column in found.items()}
        shared += len(found.get(pivot, ())) < sum(";" in text for _, text in one["lines"])
    assert sum(bool(one) for one in theirs) > 0.8 * LOGS
    assert sum("node_id" in one for one in theirs) > 0.5 * LOGS
    assert shared > 0.5 * LOGS  # several lines made one row
