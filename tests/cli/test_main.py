"""The command line in this process, on fake providers: what it prints, and what it returns."""

from __future__ import annotations

import json
import logging
import sys

import pytest

import quantumjobs as qj
from quantumjobs.cli import report
from quantumjobs.core.entries import entry, entry_from_counts, entry_from_memory, failed_entry
from quantumjobs.core.results import Result
from quantumjobs.testing import FakeProvider, Fault

JOB = {"file", "backend", "job", "remote_id", "state", "shots", "seed", "circuits", "error"}
CIRCUIT = {"name", "shots", "seed", "counts", "memory", "data", "error"}
DOCUMENT = {"schema", "quantumjobs", "exit_code", "jobs", "error"}


# --- run, as text -----------------------------------------------------------------------
def test_counts_are_drawn_in_the_order_of_the_files(folder, quantumjobs):
    code, out, err = quantumjobs("run", "heavy.qasm", "bell.qasm", "--backend", "fake/sim", "--shots", "10")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [lines[0], lines[4]] == ["heavy.qasm on fake/sim: completed", "bell.qasm on fake/sim: completed"]
    assert lines[1].startswith("  00  ####")
    assert lines[3].startswith("  10 shots, job ")


def test_output_that_is_no_terminal_is_plain(folder, quantumjobs):
    _, out, _ = quantumjobs("run", "bell.qasm", "--backend", "fake/sim")
    assert out.isascii()
    assert "\x1b" not in out


def test_top_bounds_the_outcomes_that_are_shown(folder, quantumjobs):
    _, out, _ = quantumjobs("run", "bell.qasm", "--backend", "fake/sim", "--top", "1")
    assert "and 1 more outcome, together" in out


def test_memory_shows_the_first_shots_in_order(folder, quantumjobs):
    _, out, _ = quantumjobs("run", "bell.qasm", "--backend", "fake/sim", "--memory", "--shots", "100")
    (line,) = [line for line in out.splitlines() if "in order:" in line]
    assert line.startswith("  in order: 00, 00, ")
    assert line.endswith("100 in all, --json has them")
    assert len(line) <= 80


def test_a_partial_failure_prints_what_finished_and_one_line_for_what_did_not(folder, quantumjobs, clouds):
    clouds["fake"] = FakeProvider(pushes=True, outcome=lambda index: "failed" if index == 0 else "completed")
    code, out, err = quantumjobs("run", "bell.qasm", "heavy.qasm", "--backend", "fake/sim")
    assert code == 1
    assert out.startswith("heavy.qasm on fake/sim: completed")
    assert err.startswith("quantumjobs: bell.qasm: job ")
    assert len(err.splitlines()) == 1


def test_an_error_of_all_files_is_said_once(folder, quantumjobs):
    code, out, err = quantumjobs("run", "bell.qasm", "heavy.qasm", "--backend", "fake/sim", "--option", "sede=1")
    assert (code, out) == (2, "")
    assert err == "quantumjobs: unknown option 'sede' for fake/sim; did you mean 'seed'?\n"


def test_a_hint_stands_below_the_error(folder, quantumjobs, clouds):
    clouds["fake"] = FakeProvider(fail_submit=[Fault.REPLY_LOST])
    code, _, err = quantumjobs("run", "bell.qasm", "--backend", "fake/sim")
    assert code == 4
    first, second = err.splitlines()
    assert "may or may not have taken job" in first
    assert second.startswith("  look at the provider")


def test_what_a_provider_says_cannot_command_the_terminal(folder, quantumjobs, clouds):
    evil = qj.ProviderRejected("\x1b]0;owned\x07 [red]no[/red]\nsecond line", provider="fake")
    clouds["fake"] = FakeProvider(fail_submit=[evil])
    code, _, err = quantumjobs("run", "bell.qasm", "--backend", "fake/sim")
    assert code == 1
    assert r"\x1b]0;owned\x07 [red]no[/red] second line" in err
    assert len(err.splitlines()) == 1


def test_a_file_with_a_hostile_name_is_shown_harmlessly(folder, quantumjobs):
    name = "a\x1b[2J[bold]\n;.qasm"
    (folder / name).write_text("", encoding="utf-8")
    code, out, _ = quantumjobs("run", name, "--backend", "fake/sim")
    assert code == 0
    assert out.startswith(r"a\x1b[2J[bold]\n;.qasm on fake/sim: completed")


# --- run, as JSON -----------------------------------------------------------------------
def test_json_is_one_document_that_keeps_its_schema(folder, quantumjobs):
    code, out, err = quantumjobs(
        "run", "bell.qasm", "--backend", "fake/sim", "--json", "--shots", "9", "--memory", "--seed", "3"
    )
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert document.keys() == DOCUMENT
    assert (document["schema"], document["exit_code"], document["error"]) == (1, 0, None)
    (job,) = document["jobs"]
    assert job.keys() == JOB
    assert job["file"] == "bell.qasm"
    assert (job["backend"], job["state"], job["shots"], job["error"]) == ("fake/sim", "completed", 9, None)
    assert len(job["job"]) == 32
    assert job["remote_id"] == "remote-0"
    (circuit,) = job["circuits"]
    assert circuit.keys() == CIRCUIT
    assert sum(circuit["counts"].values()) == len(circuit["memory"]) == 9


def test_json_tells_errors_of_jobs_and_keeps_what_finished(folder, quantumjobs, clouds):
    clouds["fake"] = FakeProvider(pushes=True, outcome=lambda index: "failed" if index == 0 else "completed")
    code, out, err = quantumjobs("run", "bell.qasm", "heavy.qasm", "--backend", "fake/sim", "--json")
    document = json.loads(out)
    assert code == document["exit_code"] == 1
    failed, done = document["jobs"]
    assert failed["state"] == "failed"
    assert failed["error"].keys() == {"type", "message", "hint"}
    assert failed["error"]["type"] == "JobFailed"
    assert done["error"] is None
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["run", "none.qasm"], "UsageError"),
        (["run", "bell.qasm", "--backend", "fak"], "UsageError"),
        (["run", "bell.qasm", "--shots", "none"], "UsageError"),
        (["run", "bell.qasm", "--nonsense"], "UsageError"),
        (["run"], "UsageError"),
    ],
)
def test_json_tells_errors_of_the_command(folder, quantumjobs, arguments, kind):
    code, out, err = quantumjobs(*arguments, "--json")
    document = json.loads(out)
    assert code == document["exit_code"] == 2
    assert document.keys() == DOCUMENT
    assert document["jobs"] == []
    assert document["error"]["type"] == kind
    assert err.startswith("quantumjobs: ")


def test_json_of_names_in_no_encoding_is_ascii(folder, quantumjobs):
    name = "\udcffé.qasm"
    try:
        (folder / name).write_text("", encoding="utf-8")
    except (OSError, UnicodeError):
        pytest.skip("this file system takes no such name")
    _, out, _ = quantumjobs("run", name, "--backend", "fake/sim", "--json")
    assert out.isascii()
    assert json.loads(out)["jobs"][0]["file"] == name


# --- other results than one circuit's counts ----------------------------------------------
def described(result: Result, **options) -> report.Report:
    return report.report("x.qpy", "aer", None, result, None, **options)


def text_of(found: report.Report) -> str:
    return "\n".join(map(str, report.pieces(found, "x.qpy", width=60, top=3, unicode=False)))


def test_several_circuits_stand_under_their_names():
    result = Result.of(
        [
            entry_from_counts({"0": 5, "1": 3}, name="first", seed=4),
            failed_entry("it\nbroke", name="second"),
            entry(b"", 0, name="third", shots=8, data={"statevector": 1}),
        ]
    )
    found = described(result)
    assert [one.data for one in found.circuits] == [[], [], ["statevector"]]
    text = text_of(found)
    for line in ("  first", "  second", "  failed: it broke", "  third", "  nothing was measured; saved: statevector"):
        assert line in text.splitlines()
    assert "8 shots, --seed 4 repeats it" in text


def test_shots_in_order_are_whole_and_apart_also_with_several_registers():
    one = Result.of([entry_from_memory(["1 0", "0 1"] * 3, registers=(("a", 1), ("b", 1)))])
    assert "  in order: 1 0, 0 1, 1 0, 0 1, 1 0, 0 1\n" in text_of(described(one, memory=True))
    many = Result.of([entry_from_memory(["1" * 30] * 3)])
    assert f"  in order: {'1' * 30} ... 3 in all, --json has them\n" in text_of(described(many, memory=True))


def test_shots_that_were_not_kept_are_not_shown():
    one = Result.of([entry_from_counts({"1": 2})])
    assert "in order" not in text_of(described(one, memory=True))


# --- backends ---------------------------------------------------------------------------
def test_backends_are_listed_one_a_line(quantumjobs):
    code, out, _ = quantumjobs("backends")
    assert code == 0
    assert "aer/statevector" in out.splitlines()


def test_backends_as_json(quantumjobs):
    code, out, _ = quantumjobs("backends", "--json")
    document = json.loads(out)
    assert code == 0
    assert document.keys() == DOCUMENT - {"jobs"} | {"backends"}
    assert "aer/statevector" in document["backends"]


def test_an_error_in_listing_is_json_too(quantumjobs, monkeypatch, tmp_path):
    monkeypatch.setenv("QUANTUMJOBS_CONFIG", str(tmp_path / "none.toml"))
    code, out, err = quantumjobs("backends", "--json")
    document = json.loads(out)
    assert code == document["exit_code"] == 2
    assert document["backends"] == []
    assert "none.toml" in document["error"]["message"]
    assert "none.toml" in err


# --- the rest ---------------------------------------------------------------------------
def test_help_names_every_exit_code_and_the_schema(quantumjobs):
    from quantumjobs.cli.exits import MEANINGS

    code, out, _ = quantumjobs("run", "--help")
    assert code == 0
    for exit_code, meaning in MEANINGS.items():
        assert f"{exit_code.value:>3}  {meaning}" in out
    for key in JOB | CIRCUIT | DOCUMENT:
        assert f'"{key}"' in out


def test_the_version_is_that_of_the_package(quantumjobs):
    assert quantumjobs("--version") == (0, f"quantumjobs {qj.__version__}\n", "")


def test_without_a_command_help_is_shown_and_nothing_counts_as_done(quantumjobs):
    code, out, _ = quantumjobs()
    assert code == 2
    assert "Usage: quantumjobs" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["runn"], "runn"),
        (["run", "bell.qasm", "--shuts", "3"], "--shuts"),
        (["run", "bell.qasm", "--shots", "0"], "--shots"),
        (["run", "bell.qasm", "--optimization-level", "4"], "--optimization-level"),
        (["run", "bell.qasm", "--timeout", "0"], "--timeout"),
        (["run", "bell.qasm", "--option", "nonsense"], "NAME=VALUE"),
    ],
)
def test_a_wrong_command_is_told_on_standard_error_in_one_line_and_a_hint(folder, quantumjobs, arguments, said):
    code, out, err = quantumjobs(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("quantumjobs: ")
    assert said in err
    assert len(err.splitlines()) <= 2


def test_something_unexpected_is_one_line_and_with_debug_a_traceback(folder, quantumjobs, monkeypatch):
    from quantumjobs.cli import clients

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by what?")

    monkeypatch.setattr(clients, "Client", broken)
    code, out, err = quantumjobs("run", "bell.qasm")
    assert (code, out) == (70, "")
    assert err.startswith("quantumjobs: ZeroDivisionError: by what?\n  ")
    assert "Traceback" not in err
    assert "Traceback" in quantumjobs("run", "bell.qasm", "--debug")[2]
    monkeypatch.setenv("QUANTUMJOBS_DEBUG", "1")
    assert "Traceback" in quantumjobs("run", "bell.qasm")[2]


def test_debug_shows_where_a_jobs_error_comes_from(folder, quantumjobs, clouds):
    clouds["fake"] = FakeProvider(breaks="submit")
    assert "Traceback" not in quantumjobs("run", "bell.qasm", "--backend", "fake/sim")[2]
    clouds["fake"] = FakeProvider(breaks="submit")
    assert "Traceback" in quantumjobs("run", "bell.qasm", "--backend", "fake/sim", "--debug")[2]


def test_warnings_of_the_library_are_lines_like_the_others(quantumjobs, monkeypatch):
    from quantumjobs.cli import listing

    def warned(*_: object) -> int:
        logging.getLogger("quantumjobs").warning("look: %s", "\x1b[0m")
        return 0

    monkeypatch.setattr(listing, "backends", warned)
    before = logging.getLogger().handlers[:]
    assert quantumjobs("backends") == (0, "", "quantumjobs: look: \\x1b[0m\n")
    assert logging.getLogger().handlers == before


def test_closed_streams_are_no_reason_to_fail(folder, quantumjobs, monkeypatch):
    from quantumjobs.cli import main

    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert main(["run", "bell.qasm", "--backend", "fake/sim"]) == 0
    assert main(["run", "none.qasm", "--backend", "fake/sim"]) == 2
