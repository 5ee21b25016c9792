"""What the user asked for is checked before anything is submitted."""

from __future__ import annotations

import io
import sys

import pytest

from quantumjobs.cli.asked import STDIN, options, sources, timeout
from quantumjobs.errors import UsageError


def given_on_stdin(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("method=statevector", "statevector"),
        ("x=1", 1),
        ("x=1e-3", 0.001),
        ("x=true", True),
        ("x=True", True),
        ("x=None", None),
        ("x=null", None),
        ("x=[1, 2]", [1, 2]),
        ('x="5"', "5"),
        ("x=", ""),
        ("x=a=b", "a=b"),
        ("x=NaN", "NaN"),
        ("x=007", "007"),
        ("x=[[", "[["),
    ],
)
def test_the_value_of_an_option_is_json_or_text(text, value):
    ((_, found),) = options([text]).items()
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["x", "=1", ""])
def test_an_option_without_a_name_or_a_value_is_refused(text):
    with pytest.raises(UsageError, match="NAME=VALUE"):
        options([text])


@pytest.mark.parametrize(
    "name", ["shots", "memory", "circuits", "self", "until", "transpile", "optimization_level", "name"]
)
def test_no_option_takes_the_place_of_an_argument_of_run(name):
    with pytest.raises(UsageError, match=f"--option {name}: this is not an option of the backend"):
        options([f"{name}=1"])


def test_an_option_given_twice_is_refused():
    with pytest.raises(UsageError, match="'a' is given twice"):
        options(["a=1", "a=2"])
    with pytest.raises(UsageError, match="'seed' is given twice"):
        options(["seed=1"], seed=2)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_a_timeout_that_is_no_time_is_refused(seconds):
    with pytest.raises(UsageError, match="a positive number of seconds"):
        timeout(seconds)


def test_a_file_that_is_not_there_is_refused_with_near_names(folder):
    with pytest.raises(UsageError, match=r"bel\.qasm: there is no such file; did you mean bell\.qasm"):
        sources(["bell.qasm", "bel.qasm"])
    with pytest.raises(UsageError, match=r"there is no such file$"):
        sources(["nowhere/at/all.qasm"])


def test_a_file_of_another_kind_is_refused(folder):
    (folder / "folder.qasm").mkdir()
    with pytest.raises(UsageError, match=r"x\.txt: not a \.qasm"):
        sources(["x.txt"])
    with pytest.raises(UsageError, match="not a file"):
        sources(["folder.qasm"])


def test_a_file_whose_name_looks_like_a_program_or_a_home_is_a_file(folder):
    for name in ("OPENQASM 3;.qasm", "~root.qasm"):
        (folder / name).write_text("", encoding="utf-8")
        (source,) = sources([name])
        assert source.circuit == folder / name


def test_standard_input_is_text_even_if_it_could_be_a_path(folder, monkeypatch):
    given_on_stdin(monkeypatch, b"\xef\xbb\xbfbell.qasm")
    (source,) = sources([STDIN])
    assert source.circuit == "bell.qasm\n"
    assert source.label == "standard input"


@pytest.mark.parametrize(
    ("data", "message"), [(b"", "empty"), (b" \n", "empty"), (b"OPENQASM\xff", r"not text in UTF-8 \(byte 8\)")]
)
def test_standard_input_that_is_no_text_is_refused(data, message, monkeypatch):
    given_on_stdin(monkeypatch, data)
    with pytest.raises(UsageError, match=message):
        sources([STDIN])


def test_standard_input_is_read_once_and_only_when_the_files_are_there(folder, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="only once"):
        sources([STDIN, STDIN])
    with pytest.raises(UsageError, match="no such file"):
        sources([STDIN, "none.qasm"])
    with pytest.raises(UsageError, match="closed"):
        sources([STDIN])
