"""The page that compares us with AerJob names tests that exist, and leaves no member of AerJob out."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from qiskit_aer import AerSimulator
from qiskit_aer.jobs import AerJob

from quantumjobs.interop.qiskit import QiskitJob
from tests.interop.helpers import bell

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "reference" / "parity-aerjob.md"
HEADER = ["AerJob", "async", "blocking", "JobV1 form", "proven by"]


class Row(NamedTuple):
    aer: str
    ours: tuple[str, ...]
    tests: tuple[str, ...]


def rows() -> Iterator[Row]:
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        assert len(cells) == len(HEADER), line
        if cells == HEADER or set(line) <= set("| -"):
            continue
        yield Row(cells[0], tuple(cells[1:4]), tuple(re.findall(r"`([^`]+)`", cells[4])))


ROWS = list(rows())


@functools.cache
def defined(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=[row.aer[:40] for row in ROWS])
def test_each_row_is_whole_and_its_tests_exist(row: Row) -> None:
    assert all(row.ours)
    assert row.tests
    for test in row.tests:
        file, _, name = test.partition("::")
        assert (TESTS / file).is_file(), test
        assert name.startswith("test_"), test
        assert name in defined(TESTS / file), test


@pytest.mark.parametrize("kind", [AerJob, QiskitJob])
def test_every_public_name_has_a_row(kind: type) -> None:
    job = AerSimulator().run(bell())
    public = {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}
    public |= {name for name in vars(job) if not name.startswith("_")}
    if kind is AerJob:
        missing = {name for name in public if not any(re.match(rf"`{name}\b", row.aer) for row in ROWS)}
    else:
        page = PAGE.read_text(encoding="utf-8")
        missing = {name for name in public if not re.search(rf"`(job\.)?{name}\b", page)}
    assert not missing


def test_every_parameter_of_the_constructor_and_of_the_waits_is_there() -> None:
    constructor = next(row.aer for row in ROWS if row.aer.startswith("`AerJob("))
    assert {
        name for name in inspect.signature(AerJob).parameters if not re.search(rf"\b{name}\b", constructor)
    } == set()
    for method, parameters in {"result": {"timeout"}, "wait_for_final_state": {"timeout", "wait", "callback"}}.items():
        assert set(inspect.signature(getattr(AerJob, method)).parameters) - {"self"} == parameters
        told = " ".join(row.aer for row in ROWS if row.aer.startswith(f"`{method}("))
        assert all(f"`{parameter}`" in told or f"({parameter})" in told for parameter in parameters)


def test_a_row_that_differs_says_how_to_get_the_old_way_or_why_there_is_none() -> None:
    assert sum("**Differs" in cell for row in ROWS for cell in row.ours) > 10


def test_what_is_seeded_wrong_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text("| AerJob | async | blocking | JobV1 form | proven by |\n| --- | --- | --- | --- | --- |\n"
                    "| `x()` | a | b | c | `interop/test_parity_page.py::test_none_such` |\n")  # fmt: skip
    monkeypatch.setattr(f"{__name__}.PAGE", page)
    (row,) = rows()
    with pytest.raises(AssertionError, match="test_none_such"):
        test_each_row_is_whole_and_its_tests_exist(row)
