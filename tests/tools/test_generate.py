"""Generated files are what the generators would write now, and the check sees any difference."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from quantumjobs._tools import generate, states
from quantumjobs.core.machine import OURS, THEIRS
from quantumjobs.core.states import TERMINAL, JobState

TEXTS = generate.outputs()


def run(root: Path, *arguments: str) -> int:
    return generate.main(arguments, root=root)


def test_what_is_checked_in_is_what_would_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(generate.ROOT, "--check") == 0, capsys.readouterr().out


@pytest.mark.parametrize("path", TEXTS)
@pytest.mark.parametrize("extra", ["one more line\n", "\n", " "])
def test_text_appended_to_a_generated_file_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str, extra: str
) -> None:
    run(tmp_path)
    assert run(tmp_path, "--check") == 0
    with (tmp_path / path).open("a", encoding="utf-8", newline="") as file:
        file.write(extra)
    capsys.readouterr()
    assert run(tmp_path, "--check") == 1
    said = capsys.readouterr().out
    assert path in said
    assert "nox -s generate" in said


@pytest.mark.parametrize("path", TEXTS)
def test_a_generated_file_cut_short_missing_or_with_other_line_ends_is_found(tmp_path: Path, path: str) -> None:
    file = tmp_path / path
    for damage in (lambda text: text[:-1], lambda text: text.replace(b"\n", b"\r\n"), lambda _: None):
        run(tmp_path)
        damaged = damage(file.read_bytes())
        file.unlink() if damaged is None else file.write_bytes(damaged)
        assert run(tmp_path, "--check") == 1


def test_checking_writes_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, "--check") == 1
    assert list(tmp_path.iterdir()) == []


def test_writing_twice_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path)
    capsys.readouterr()
    assert run(tmp_path) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_text_is_the_same_in_every_process(seed: str) -> None:
    program = "import sys; from quantumjobs._tools import generate; sys.stdout.write(repr(generate.outputs()))"
    other = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", program],
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": seed},
    )
    assert other.stdout.decode() == repr(TEXTS)


def test_the_page_has_every_state_and_every_transition() -> None:
    page, diagram = TEXTS[states.PAGE], states.diagram()
    for state in JobState:
        assert f"| `{state}` |" in page
        assert (f"{state} --> [*]" in diagram) == (state in TERMINAL)
        for event, after in OURS.get(state, {}).items():
            assert f"`{event.__name__}`" in page
            if after not in {None, state}:
                assert f"{state} --> {after}: " in diagram
        for after in THEIRS.get(state, {}).values():
            assert after is state or f"{state} --> {after}: " in diagram
