"""The pages that compare us with AerJob, AQTJob, IQMJob, QCloudJob and QuantumJob name tests that exist, and leave no
member out."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from qiskit_aer import AerSimulator
from qiskit_aer.jobs import AerJob

from quantumjobs.interop.braket import QuantumJob
from quantumjobs.interop.qiskit import QiskitJob
from tests.interop.helpers import bell
from tests.interop.members import (
    BRAKET,
    BRAKET_PARAMETERS,
    FIRST,
    IQM,
    IQM_PARAMETERS,
    ORIGINQ,
    ORIGINQ_PARAMETERS,
    PARAMETERS,
    SECOND,
)

TESTS = Path(__file__).parents[1]
PAGES = TESTS.parent / "docs" / "reference"
KINDS = ("aer", "aqt", "iqm", "qcloud", "quantum")
AER, AQT, IQMS, QCLOUD, QUANTUM = (PAGES / f"parity-{kind}job.md" for kind in KINDS)
OURS = [["async", "blocking", third, "proven by"] for third in ("JobV1 form", "QuantumJob form")]
"""What is behind the first column, which says whose member it is."""


class Row(NamedTuple):
    whose: str
    theirs: str
    ours: tuple[str, ...]
    tests: tuple[str, ...]


def rows(page: Path) -> Iterator[Row]:
    whose = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("|"):
            whose = ""
        elif cells[1:] in OURS:
            whose = cells[0]
        elif whose and not set(line) <= set("| -"):
            assert len(cells) == 1 + len(OURS[0]), line
            yield Row(whose, cells[0], tuple(cells[1:4]), tuple(re.findall(r"`([^`]+)`", cells[4])))


ROWS: Mapping[Path, list[Row]] = {page: list(rows(page)) for page in (AER, AQT, IQMS, QCLOUD, QUANTUM)}
ALL = [row for page in ROWS.values() for row in page]


@functools.cache
def defined(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def told(page: Path, *whose: str) -> str:
    """The first cells of the rows."""
    return "\n".join(row.theirs for row in ROWS[page] if row.whose in whose)


@pytest.mark.parametrize("row", ALL, ids=[row.theirs[:40] for row in ALL])
def test_each_row_is_whole_and_its_tests_exist(row: Row) -> None:
    assert all(row.ours)
    assert row.tests
    for test in row.tests:
        file, _, name = test.partition("::")
        assert (TESTS / file).is_file(), test
        assert name.startswith("test_"), test
        assert name in defined(TESTS / file), test


@pytest.mark.parametrize("row", ALL, ids=[row.theirs[:40] for row in ALL])
def test_a_difference_is_marked_and_never_only_mentioned(row: Row) -> None:
    for cell in row.ours:
        assert "differs" not in cell.lower().replace("**differs**", "").replace("**differs:**", ""), cell


# --- AerJob -----------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [AerJob, QiskitJob])
def test_every_public_name_has_a_row(kind: type) -> None:
    job = AerSimulator().run(bell())
    public = {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}
    public |= {name for name in vars(job) if not name.startswith("_")}
    if kind is AerJob:
        missing = {name for name in public if not any(re.match(rf"`{name}\b", row.theirs) for row in ROWS[AER])}
    else:
        pages = "".join(page.read_text(encoding="utf-8") for page in ROWS)
        missing = {name for name in public if not re.search(rf"`((job\.)?job\.)?{name}\b", pages)}
    assert not missing


def test_every_parameter_of_the_constructor_and_of_the_waits_is_there() -> None:
    constructor = next(row.theirs for row in ROWS[AER] if row.theirs.startswith("`AerJob("))
    assert {
        name for name in inspect.signature(AerJob).parameters if not re.search(rf"\b{name}\b", constructor)
    } == set()
    for method, parameters in {"result": {"timeout"}, "wait_for_final_state": {"timeout", "wait", "callback"}}.items():
        assert set(inspect.signature(getattr(AerJob, method)).parameters) - {"self"} == parameters
        said = " ".join(row.theirs for row in ROWS[AER] if row.theirs.startswith(f"`{method}("))
        assert all(f"`{parameter}`" in said or f"({parameter})" in said for parameter in parameters)


# --- AQTJob -----------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", FIRST)
def test_every_public_name_of_aqts_first_generation_has_a_row(kind: str) -> None:
    said = told(AQT, kind)
    assert {name for name in FIRST[kind] if not re.search(rf"`(options\.)?{name}\b", said)} == set()


@pytest.mark.parametrize("kind", SECOND)
def test_every_public_name_of_aqts_second_generation_has_a_row_there_or_among_those_of_the_first(kind: str) -> None:
    said = told(AQT, *FIRST, "version 2.0")
    assert {name for name in SECOND[kind] if not re.search(rf"`(\w+\.)?{name}\b", said)} == set()
    assert kind in told(AQT, "version 2.0")


def test_every_parameter_of_aqts_methods_is_there() -> None:
    said = told(AQT, "AQTJob")
    for method, parameters in PARAMETERS.items():
        for parameter in parameters:
            assert re.search(rf"`{method}\([^`]*\b{parameter}\b", said) or f"`{parameter}`" in said, (method, parameter)


# --- IQMJob -----------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", IQM)
def test_every_public_name_of_iqms_has_a_row(kind: str) -> None:
    said = told(IQMS, kind)
    assert {name for name in IQM[kind] if not re.search(rf"`{name}\b", said)} == set()


@pytest.mark.parametrize(("kind", "method"), [(kind, name) for kind, names in IQM_PARAMETERS.items() for name in names])
def test_every_parameter_of_iqms_methods_is_there(kind: str, method: str) -> None:
    said = told(IQMS, kind)
    for parameter in IQM_PARAMETERS[kind][method]:
        assert re.search(rf"`{method}\([^`]*\b{parameter}\b", said), parameter


# --- QCloudJob --------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ORIGINQ)
def test_every_public_name_of_originqs_has_a_row(kind: str) -> None:
    said = told(QCLOUD, kind)
    assert {name for name in ORIGINQ[kind] if not re.search(rf"`{name}\b", said)} == set()


@pytest.mark.parametrize(
    ("kind", "method"), [(kind, name) for kind, names in ORIGINQ_PARAMETERS.items() for name in names]
)
def test_every_parameter_of_originqs_methods_is_there(kind: str, method: str) -> None:
    said = told(QCLOUD, kind)
    for parameter in ORIGINQ_PARAMETERS[kind][method]:
        assert re.search(rf"`{method}\([^`]*\b{parameter}\b", said), parameter


# --- QuantumJob -------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", BRAKET)
def test_every_public_name_of_brakets_has_a_row_there_or_among_those_of_all_of_them(kind: str) -> None:
    said = told(QUANTUM, "QuantumJob", kind)
    assert {name for name in BRAKET[kind] if not re.search(rf"`{name}\b", said)} == set()


@pytest.mark.parametrize(
    ("kind", "method"), [(kind, name) for kind, names in BRAKET_PARAMETERS.items() for name in names]
)
def test_every_parameter_of_brakets_methods_is_there_with_its_default(kind: str, method: str) -> None:
    said = told(QUANTUM, "QuantumJob", kind)
    if kind == "LocalQuantumJob" and method == "create":  # of which all but one are those of the other's
        said = told(QUANTUM, "AwsQuantumJob", kind)
    shown = {"Timestamp": "MetricType.TIMESTAMP", "Max": "MetricStatistic.MAX"}
    for parameter, default in BRAKET_PARAMETERS[kind][method].items():
        assert re.search(rf"`{method}\([^`]*\b{parameter}\b", said), parameter
        if method in BRAKET_PARAMETERS["QuantumJob"]:
            assert f"{parameter}={shown.get(str(default), default)}" in said, parameter


def test_our_face_has_every_public_name_of_brakets_and_its_defaults() -> None:
    public = {name for name in vars(QuantumJob) if not name.startswith("_")}
    assert public == BRAKET["QuantumJob"] | {"job"}
    for method, parameters in BRAKET_PARAMETERS["QuantumJob"].items():
        ours = dict(inspect.signature(getattr(QuantumJob, method)).parameters)
        del ours["self"]
        found = {name: getattr(one.default, "value", one.default) for name, one in ours.items()}
        assert found == {name: one for name, one in parameters.items() if name != "allow_pickle"}


# --- all but Aer --------------------------------------------------------------------------------
FORMS = {
    "async": r"^async def ",
    "blocking": r"\.backend\(|client\.(restore|job|attach)\(|\bjob\.job\b",
    "JobV1 form": r"(?<![.\w])backend\(|\b(QiskitJob|JobStatus)\b|\b(fake|aer)\.run\(",
}
"""By what the source of a test shows that it is about a form."""
HYBRID_FORMS = {
    "async": r"^async def ",
    "blocking": r"^def (?!(.|\n)*\b(QuantumJob|face)\b)(.|\n)*\b(client\.(hybrid_job|attach)|attached)\(",
    "QuantumJob form": r"^def (.|\n)*\b(QuantumJob|face)\(",
}
"""The same of hybrid jobs, whose third form is put on the second one."""
NOT_THERE = frozenset({"`version`: 1, of the interface"})


@functools.cache
def source(test: str) -> str:
    file, _, name = test.partition("::")
    text = (TESTS / file).read_text(encoding="utf-8")
    functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return next(ast.get_source_segment(text, node) or "" for node in functions if node.name == name)


CLOUDS = [(row, FORMS) for page in (AQT, IQMS, QCLOUD) for row in ROWS[page]]
CLOUDS += [(row, HYBRID_FORMS) for row in ROWS[QUANTUM]]


@pytest.mark.parametrize(("row", "forms"), CLOUDS, ids=[row.theirs[:40] for row, _ in CLOUDS])
def test_each_row_of_a_clouds_page_is_shown_in_all_three_forms(row: Row, forms: Mapping[str, str]) -> None:
    ours = [test for test in row.tests if not test.startswith("oracles/")]  # those run the vendor's own client
    for form, sign in forms.items():
        assert any(re.search(sign, source(test)) for test in ours) or row.theirs in NOT_THERE, form


# --- all ----------------------------------------------------------------------------------------
def test_a_row_that_differs_says_how_to_get_the_old_way_or_why_there_is_none() -> None:
    for page in ROWS.values():
        assert sum("**Differs" in cell for row in page for cell in row.ours) > 10


@pytest.mark.parametrize(
    ("row", "because"),
    [
        ("| `x()` | a | b | c | `interop/test_parity_page.py::test_none_such` |", "test_none_such"),
        ("| `x()` | a | b | c | `interop/test_none_such.py::test_x` |", "test_none_such"),
        ("| `x()` | a | b | c | nothing |", r"assert \(\)"),
    ],
)
def test_what_is_seeded_wrong_is_found(tmp_path: Path, row: str, because: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"| AQTJob | async | blocking | JobV1 form | proven by |\n| --- | --- | --- | --- | --- |\n{row}\n")
    (found,) = rows(page)
    assert found.whose == "AQTJob"
    with pytest.raises(AssertionError, match=because):
        test_each_row_is_whole_and_its_tests_exist(found)
