"""Log lines for people: coloured where somebody looks, and never a command to what shows them."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.core.logs import LogLine
from quantumjobs.display.logs import Printer, print_lines, text_of
from tests.display.helpers import ROOT, Tty

COLOURED = re.compile(r"\x1b\[[0-9;:]*m")


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    """No notebook, and a terminal as it should be."""
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "JPY_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)


def line(message: str, index: int = 0) -> LogLine:
    return LogLine(message, 1.0, f"algo-{index}", index)


def printed(*lines: LogLine, file: io.StringIO | None = None, colour: bool | None = None) -> str:
    stream = file or io.StringIO()
    print_lines(lines, stream, colour=colour)
    return stream.getvalue()


class Ascii(Tty):
    encoding = "ascii"


# --- where --------------------------------------------------------------------------------
def test_on_a_terminal_each_instance_has_its_colour():
    given = [line(f"of {index}", index) for index in range(7)]
    codes = (34, 35, 32, 36, 33, 34, 35)
    assert printed(*given, file=Tty()) == "".join(
        f"\x1b[{code}mof {index}\x1b[0m\n" for index, code in enumerate(codes)
    )


def test_elsewhere_a_line_is_text():
    assert printed(line("one"), line("two", 3)) == "one\ntwo\n"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_who_wants_no_colours_sees_none(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert printed(line("one"), file=Tty()) == "one\n"


def test_what_is_asked_for_holds_everywhere(monkeypatch):
    assert printed(line("one"), colour=True) == "\x1b[34mone\x1b[0m\n"
    assert printed(line("one"), file=Tty(), colour=False) == "one\n"


def test_standard_output_is_looked_up_when_it_is_printed(monkeypatch):
    stream = Tty()
    monkeypatch.setattr(sys, "stdout", stream)
    print_lines([line("one")])
    Printer().print(line("two", 1))
    assert stream.getvalue() == "\x1b[34mone\x1b[0m\n\x1b[35mtwo\x1b[0m\n"


def test_without_a_standard_output_nothing_is_printed(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    print_lines([line("one")])


def test_what_a_notebook_has_started_is_coloured_too(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("JPY_PARENT_PID", "17")
    print_lines([line("one")])
    assert stream.getvalue() == "\x1b[34mone\x1b[0m\n"
    assert printed(line("one")) == "one\n"  # a file of the user's is no notebook


def test_a_notebooks_cell_is_given_coloured_text_and_no_html(monkeypatch):
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    print_lines([line("<b>one</b>")])
    monkeypatch.setenv("NO_COLOR", "1")
    print_lines([line("two")])
    assert stream.getvalue() == "\x1b[34m<b>one</b>\x1b[0m\ntwo\n"


# --- harmless -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("a\tb", "a\tb"),
        ("a\nb", "a\nb"),
        ("red \x1b[31mx\x1b[0m", "red \x1b[31mx\x1b[0m"),
        ("\x1b[38;2;1;2;3mx", "\x1b[38;2;1;2;3mx"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x1b]8;;http://a\x1b\\link", r"\x1b]8;;http://a\x1b\link"),
        ("\x1b[2J\x1b[1;1H", r"\x1b[2J\x1b[1;1H"),
        ("\x1b[?25l\x1bc\x1bP", r"\x1b[?25l\x1bc\x1bP"),
        ("\x9b31m \x85", r"\x9b31m \x85"),
        ("\x1b[>4;1m", r"\x1b[>4;1m"),
        (f"\x1b[{'1' * 99}m", rf"\x1b[{'1' * 99}m"),
        ("10 %\r20 %", r"10 %\r20 %"),
        ("done\r", "done"),
        ("\u202eleft", r"\u202eleft"),
        ("\ud800", r"\ud800"),
        ("größe 量", "größe 量"),
    ],
)
def test_colours_are_shown_and_whatever_else_a_terminal_obeys_is_written_out(message, shown):
    assert printed(line(message), file=Tty()) == f"\x1b[34m{shown}\x1b[0m\n"
    assert printed(line(message)) == COLOURED.sub("", shown) + "\n"


def test_what_is_left_out_joins_nothing():
    assert printed(line("\x1b\x1b[0m]0;title\x07")) == "\\x1b]0;title\\x07\n"
    assert printed(line("\x1b[\x1b[0m2J")) == "\\x1b[2J\n"


def test_a_terminal_without_unicode_is_given_none():
    assert printed(line("größe\t\x1b[31m量"), file=Ascii()) == "\x1b[34mgr\\xf6\\xdfe\t\x1b[31m\\u91cf\x1b[0m\n"


@given(st.text(alphabet=st.sampled_from("\x1b\x9b[]0;:m2JaA?\t\n\r\x07\x85 ")) | st.text(), st.booleans())
def test_nothing_commands_a_terminal(message, colour):
    shown = text_of(line(message), colour=colour)
    left = COLOURED.sub("", shown) if colour else shown
    assert left.replace("\t", "").replace("\n", "").isprintable()
    if colour:
        assert shown.startswith("\x1b[34m")
        assert shown.endswith("\x1b[0m")


def test_lines_are_there_as_soon_as_they_are_printed():
    """In a process whose standard output is a pipe, which keeps what is not flushed."""
    code = (
        "import os; from quantumjobs.core.logs import LogLine; from quantumjobs.display.logs import print_lines\n"
        "print_lines([LogLine('one', None)]); os._exit(0)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=50, cwd=ROOT)
    assert found.stdout == b"one\n"
