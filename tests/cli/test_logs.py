"""The commands about hybrid jobs: their logs, metrics and files; a plain job is refused."""

from __future__ import annotations

import io
import json
import signal
import sys

import pytest

from quantumjobs.cli.documents import EMPTY
from tests.cli.helpers import Command
from tests.cli.programs import Codec, Programs, install, leave
from tests.display.helpers import Tty
from tests.engine.programs import packed

pytestmark = pytest.mark.usefixtures("late_lines_soon")

DOCUMENT = {"schema", "quantumjobs", "exit_code", "error"}
WRITTEN = [
    (0.1, "algo-1", "one"),
    (0.2, "algo-2", "two"),
    (0.3, "algo-1", "three"),
    (0.4, "algo-1", "four"),
    (0.5, "algo-1", "five"),
    (0.6, "algo-2", "six"),
]
REPORTED = [
    (0.0, "algo-1", "[n0] Metrics - timestamp=12.5; loss=0.5; iteration_number=1;"),
    (0.0, "algo-1", "nothing"),
    (0.0, "algo-1", "[n0] Metrics - timestamp=11.5; loss=0.75; iteration_number=0;"),
    (0.0, "algo-1", "[n0] Metrics - timestamp=13; loss=nan; iteration_number=1;"),
]


@pytest.fixture
def fake(folder, clouds):
    """A provider whose programs end as soon as they are there."""
    clouds["fake"] = fake = Programs(written=WRITTEN)
    return fake


@pytest.fixture
def told(quantumjobs):
    """The document of a command, which has its keys whatever happens."""

    def told(*arguments: str, code: int = 0) -> dict:
        found, out, _ = quantumjobs(*arguments, "--json")
        document = json.loads(out)
        assert (found, document["exit_code"]) == (code, code)
        assert document.keys() == DOCUMENT | EMPTY[arguments[0]].keys()
        return document

    return told


# --- logs -------------------------------------------------------------------------------
def test_logs_are_printed_in_the_order_of_time(fake, quantumjobs):
    job = leave(fake)
    assert quantumjobs("logs", job[:8]) == (0, "one\ntwo\nthree\nfour\nfive\nsix\n", "")


def test_reading_logs_takes_no_job_over(fake, quantumjobs, told):
    fake.cloud.running = 1e6
    job = leave(fake)
    polls = fake.polls
    for command in ("logs", "metrics"):
        assert quantumjobs(command, job)[0] == 0
    assert fake.polls == polls
    story = json.loads(quantumjobs("show", job, "--json")[1])["job"]["story"]
    assert [line["event"] for line in story].count("TakenOver") == 0


def test_only_the_last_lines_are_printed(fake, quantumjobs):
    job = leave(fake)
    assert quantumjobs("logs", job, "--tail", "2") == (0, "five\nsix\n", "")
    assert quantumjobs("logs", job, "--tail", "99") == quantumjobs("logs", job)
    assert quantumjobs("logs", job, "--tail", "0") == (0, "", "")


def test_following_prints_what_comes_up_to_the_jobs_end(fake, quantumjobs):
    fake.is_slow = True
    fake.cloud.running = 1.0
    job = leave(fake)
    code, out, err = quantumjobs("logs", job, "-f")
    assert (code, err) == (0, "")
    assert sorted(out.split()) == sorted(message for _, _, message in WRITTEN)


def test_following_from_the_last_lines_loses_and_doubles_none(fake, quantumjobs):
    """A line that comes between the two readings moves those behind it, and is printed all the same."""
    fake.written = [(0.1, "algo-1", "first"), (0.2, "algo-2", "second"), (0.4, "algo-1", "last")]
    fake.cloud.running = 1.0
    job = leave(fake)
    pages = 0

    def grow() -> None:
        nonlocal pages
        pages += 1
        if pages == 3:  # the first reading has two
            fake.written = [*fake.written, (0.3, "algo-2", "between")]

    fake.on_page = grow
    assert quantumjobs("logs", job, "--follow", "--tail", "1") == (0, "last\nbetween\n", "")


def test_following_ends_as_the_job_does(fake, quantumjobs, told):
    fake.cloud.ending = "failed"
    job = leave(fake)
    code, out, err = quantumjobs("logs", job, "--follow")
    assert code == 1
    assert len(out.splitlines()) == 6
    assert err.startswith(f"quantumjobs: job {job} failed")
    assert quantumjobs("logs", job) == (0, out, "")
    document = told("logs", job, "--follow", code=1)
    assert (document["error"]["type"], document["state"], len(document["lines"])) == ("JobFailed", "failed", 6)


def test_a_timeout_ends_the_following_and_not_the_job(fake, quantumjobs, told):
    fake.cloud.running = 1e6
    job = leave(fake)
    code, out, err = quantumjobs("logs", job, "-f", "--timeout", "0.3")
    assert code == 5
    assert len(out.splitlines()) == 6
    assert err == f"quantumjobs: not done within 0.3 s: job {job} goes on at fake as remote-0\n"
    assert fake.cancels == 0
    document = told("logs", job, "-f", "--timeout", "0.3", code=5)
    assert (document["error"]["type"], len(document["lines"])) == ("ResultTimeout", 6)


def test_logs_as_json_are_what_was_written(fake, told):
    fake.written = [(0.5, "algo-2", "\x1b]0;x\x07é\r"), (0.0, "algo-1", "a")]
    job = leave(fake)
    document = told("logs", job)
    assert (document["job"], document["error"]) == (job, None)
    assert document["lines"] == [
        {"at": 1e9, "stream": "algo-1", "index": 0, "message": "a"},
        {"at": 1e9 + 0.5, "stream": "algo-2", "index": 1, "message": "\x1b]0;x\x07é\r"},
    ]


def test_on_a_terminal_each_instance_has_its_colour_and_nothing_commands_it(fake, quantumjobs, monkeypatch):
    fake.written = [(0.0, "algo-1", "a\x1b[2J\té"), (0.1, "algo-2", "\x1b[1mb\x1b[0m")]
    job = leave(fake)
    stream = Tty()
    for name, value in (("TERM", "xterm"), ("NO_COLOR", "")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", stream)
    quantumjobs("logs", job)
    monkeypatch.setenv("NO_COLOR", "1")
    quantumjobs("logs", job)
    assert stream.getvalue() == "\x1b[34ma\\x1b[2J\té\x1b[0m\n\x1b[35m\x1b[1mb\x1b[0m\x1b[0m\na\\x1b[2J\té\nb\n"


def test_a_reader_that_leaves_ends_the_following(fake, quantumjobs, monkeypatch):
    class Left(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    fake.cloud.running = 1e6
    job = leave(fake)
    monkeypatch.setattr(sys, "stdout", Left())
    assert quantumjobs("logs", job, "--follow")[0] == 141
    assert fake.cancels == 0


def test_ctrl_c_ends_the_following_and_not_the_job(folder):
    install(folder)
    job = leave(Programs("distant", running=1e6))
    with Command("logs", job, "--follow", folder=folder) as command:
        assert command.process.stdout is not None
        first, second = (command.process.stdout.readline().decode() for _ in range(2))
        command.process.send_signal(signal.SIGINT)
        code, out, err = command.end()
    assert (first, second) == ("begun\n", "\\x1b]0;x\\x07too\n")
    assert (code, out) == (130, "")
    assert err == f"quantumjobs: interrupted: job {job} goes on at distant as remote-0\n"


# --- metrics ----------------------------------------------------------------------------
def test_metrics_are_a_table_in_ascending_order(fake, quantumjobs):
    fake.written = REPORTED
    job = leave(fake)
    code, out, err = quantumjobs("metrics", job)
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["timestamp", "iteration_number", "node_id", "loss"],
        ["11.5", "0", "n0", "0.75"],
        ["12.5", "1", "n0", "0.5"],
        ["13", "1", "n0", "nan"],
    ]
    _, out, _ = quantumjobs("metrics", job, "--by", "iteration_number", "--statistic", "min")
    assert [line.split() for line in out.splitlines()[:2]] == [
        ["iteration_number", "timestamp", "node_id", "loss"],
        ["0", "11.5", "n0", "0.75"],
    ]
    assert out.splitlines()[2].split()[:3] == ["1", "12.5", "n0"]


def test_metrics_as_json_are_columns(fake, told):
    fake.written = [*REPORTED, (0.0, "algo-2", "Metrics - timestamp=14; energy=-1;")]
    job = leave(fake)
    document = told("metrics", job)
    assert document["job"] == job
    assert document["columns"] == {
        "timestamp": [11.5, 12.5, 13.0, 14.0],
        "loss": [0.75, 0.5, "nan", None],
        "iteration_number": [0.0, 1.0, 1.0, None],
        "node_id": ["n0", "n0", "n0", None],
        "energy": [None, None, None, -1.0],
    }


def test_a_cell_without_a_value_has_a_dash(fake, quantumjobs):
    fake.written = [(0.0, "a", "Metrics - timestamp=1; x=1;"), (0.0, "a", "Metrics - timestamp=2; y\x1b=1; y=2;")]
    _, out, _ = quantumjobs("metrics", leave(fake))
    assert [line.split() for line in out.splitlines()] == [["timestamp", "x", "y"], ["1", "1", "-"], ["2", "-", "2"]]


def test_a_job_that_has_reported_nothing_has_no_table(fake, quantumjobs, told):
    job = leave(fake)
    assert quantumjobs("metrics", job) == (0, "", f"quantumjobs: job {job} has reported nothing by timestamp\n")
    assert told("metrics", job)["columns"] == {}


# --- download ---------------------------------------------------------------------------
def test_files_are_waited_for_and_unpacked_into_a_new_folder(fake, folder, quantumjobs, told):
    fake.archive = packed({"results.json": b"{}", "model/weights.txt": b"1 2 3"})
    fake.cloud.running = 0.5
    job = leave(fake)
    code, out, err = quantumjobs("download", job)
    assert (code, out, err) == (0, f"unpacked into {folder / 'trained'}\n", "")
    assert (folder / "trained/model/weights.txt").read_text() == "1 2 3"
    code, out, err = quantumjobs("download", job)
    assert (code, out) == (2, "")
    assert "is there already" in err
    document = told("download", job, "elsewhere")
    assert (document["job"], document["folder"]) == (job, str(folder / "elsewhere/trained"))
    assert (folder / "elsewhere/trained/results.json").read_text() == "{}"


def test_a_timeout_ends_the_wait_for_files(fake, folder, quantumjobs, told):
    fake.cloud.running = 1e6
    job = leave(fake)
    code, out, err = quantumjobs("download", job, "--timeout", "0.2")
    assert (code, out) == (5, "")
    assert err == f"quantumjobs: not done within 0.2 s: job {job} goes on at fake as remote-0\n"
    document = told("download", job, "--timeout", "0.2", code=5)
    assert (document["job"], document["folder"]) == (job, None)
    assert not (folder / "trained").exists()


def test_the_files_of_a_job_that_failed_are_not_there(fake, quantumjobs):
    fake.cloud.ending = "failed"
    code, out, err = quantumjobs("download", leave(fake))
    assert (code, out) == (1, "")
    assert "failed" in err


# --- what is wrong ----------------------------------------------------------------------
@pytest.mark.parametrize("command", ["logs", "metrics", "download"])
def test_a_plain_job_is_refused(clouds, quantumjobs, told, left, command):
    clouds["fake"] = Programs(running=1e6, pushes=True)
    job = left()
    code, out, err = quantumjobs(command, job[:8])
    assert (code, out) == (2, "")
    assert err == (
        f"quantumjobs: job {job} is no hybrid job, it has circuits and no program; see 'quantumjobs result {job[:8]}'\n"
    )
    assert told(command, job, code=2)["error"]["type"] == "UsageError"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["logs"], "ID"),
        (["logs", "x"], "holds no jobs"),
        (["logs", "x", "--tail", "-1"], "--tail"),
        (["logs", "x", "-f", "--timeout", "0"], "--timeout"),
        (["metrics", "x", "--by", "time"], "did you mean 'timestamp'"),
        (["metrics", "x", "--statistic", "avg"], "known: max, min"),
        (["download", "x", "bell.qasm"], "not a folder"),
    ],
)
def test_a_wrong_command_is_told_in_text_and_in_its_own_document(fake, quantumjobs, told, arguments, said):
    code, out, err = quantumjobs(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert told(*arguments, code=2)["error"]["type"] == "UsageError"


# --- what it saved ----------------------------------------------------------------------
def test_what_a_program_saved_is_its_result(fake, quantumjobs, told, monkeypatch):
    monkeypatch.setattr(Codec, "values", lambda *_: {"energy": b"-1.5", "note": b'"\\u001b]0;x\\u0007"'})
    job = leave(fake)
    code, out, err = quantumjobs("result", job[:8])
    assert (code, err) == (0, "")
    assert '"energy": -1.5' in out
    assert "\x1b" not in out
    (found,) = told("result", job)["jobs"]
    assert found["saved"] == {"energy": -1.5, "note": "\x1b]0;x\x07"}
    assert found["circuits"] == []
