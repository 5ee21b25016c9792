"""The commands about jobs that are there already, in this process: each call is a client of its own on one ledger."""

from __future__ import annotations

import json
import re
import time
from collections import deque

import pytest

import quantumjobs as qj
from quantumjobs.cli.asked_jobs import Watch
from quantumjobs.cli.board import Board
from quantumjobs.cli.documents import EMPTY
from quantumjobs.cli.interrupts import Interrupts
from quantumjobs.cli.terminal import Terminal
from quantumjobs.cli.watching import follow
from quantumjobs.errors import ProviderUnavailable
from quantumjobs.ledgers.sqlite import Health
from quantumjobs.testing import FakeProvider, Fault
from tests.cli.helpers import ROOT

DOCUMENT = {"schema", "quantumjobs", "exit_code", "error"}
JOB = {
    *("job", "name", "tags", "key", "backend", "provider", "state", "raw_status", "progress", "queue_position", "eta"),
    *("created_at", "changed_at", "remote_ids", "error"),
}
DETAILS = JOB | {"options", "token", "timeline", "story", "parts", "decide"}
PART = {
    *("token", "lane", "backend", "state", "circuits", "attempts", "sent_at", "accepted_at", "remote_id", "extra_ids"),
    *("raw_status", "reason", "trouble", "cancel_wanted", "has_result", "result_kept", "result_gone"),
}


@pytest.fixture
def run(folder, quantumjobs):
    """Run a file on the fake provider; the job's id."""

    def run(*arguments: str, code: int = 0, file: str = "bell.qasm", backend: str = "fake/sim") -> str:
        found, out, _ = quantumjobs("run", file, "--backend", backend, "--json", *arguments)
        assert found == code
        return json.loads(out)["jobs"][0]["job"]

    return run


@pytest.fixture
def told(quantumjobs):
    """The document of a command, which has its keys whatever happens."""

    def told(*arguments: str, code: int = 0) -> dict:
        found, out, _ = quantumjobs(*arguments, "--json")
        document = json.loads(out)
        assert (found, document["exit_code"]) == (code, code)
        assert document.keys() >= DOCUMENT
        return document

    return told


@pytest.fixture
def doubtful(run, clouds):
    """A job in doubt; the cloud has it."""
    clouds["fake"].script["submit"] = deque([Fault.REPLY_LOST])
    return run(code=4)


# --- jobs -------------------------------------------------------------------------------
def test_what_was_run_is_listed_newest_first(run, quantumjobs):
    first, second = run(file="bell.qasm"), run(file="heavy.qasm")
    code, out, err = quantumjobs("jobs")
    assert (code, err) == (0, "")
    head, *rows = out.splitlines()
    assert head.split() == ["JOB", "STATE", "AGE", "BACKEND", "NAME"]
    assert [row.split()[0] for row in rows] == [second[:8], first[:8]]
    assert re.fullmatch(rf"{second[:8]}  completed  \d+ s  fake/sim  heavy\.qasm", rows[0])


def test_an_empty_ledger_lists_nothing_and_says_so_aside(quantumjobs):
    assert quantumjobs("jobs") == (0, "", "quantumjobs: the ledger holds no jobs\n")
    assert quantumjobs("jobs", "--tag", "x") == (0, "", "quantumjobs: no such job\n")


def test_jobs_are_chosen_by_state_provider_tag_and_time(run, told, clouds):
    clouds["other"] = FakeProvider("other", outcome="failed", pushes=True)
    done, failed = run(), run(backend="other/sim", code=1)

    def ids(*arguments: str) -> list[str]:
        return [job["job"] for job in told("jobs", *arguments)["jobs"]]

    assert ids() == [failed, done]
    assert ids("--state", "completed") == ids("--provider", "fake") == [done]
    assert ids("--state", "failed", "--since", "1h") == [failed]
    assert ids("--tag", "none") == ids("--since", "0s") == []
    (tag,) = told("show", done)["job"]["tags"]
    assert ids("--tag", tag) == [done]


def test_jobs_as_json_keep_their_schema(run, told):
    run()
    document = told("jobs")
    assert document.keys() == DOCUMENT | {"jobs"}
    (job,) = document["jobs"]
    assert job.keys() == JOB
    assert (job["state"], job["name"], job["error"]) == ("completed", "bell.qasm", None)
    assert job["progress"] == {"done": 1, "total": 1}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", job["created_at"])


def test_reading_the_ledger_asks_no_provider_and_takes_nothing_over(told, quantumjobs, clouds, left):
    clouds["fake"] = fake = FakeProvider(running=1e6)
    job = left()
    calls = dict(fake.calls)
    for arguments in (["jobs"], ["show", job], ["gc", "--older-than", "0s", "--dry-run"], ["gc", "--older-than", "0s"]):
        assert quantumjobs(*arguments)[0] == 0
    assert dict(fake.calls) == calls
    assert [line["event"] for line in told("show", job)["job"]["story"]].count("TakenOver") == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["jobs", "--state", "complete"], "did you mean 'completed'"),
        (["jobs", "--since", "tuesday"], "--since 'tuesday'"),
        (["show"], "ID"),
        (["show", "x"], "holds no jobs"),
        (["cancel", ""], "empty"),
        (["result", "x", "--timeout", "-1"], "--timeout"),
        (["adopt", "x"], "REMOTE_ID"),
        (["adopt", "x", " "], "REMOTE_ID"),
        (["gc"], "--older-than"),
        (["gc", "--older-than", "30"], "30d, 12h or 90m"),
        (["export", "bell.qasm"], "not written over"),
        (["export", "none/x"], "no directory"),
        (["import", "none"], "no such file"),
        (["import", "."], "not a file"),
    ],
)
def test_a_wrong_command_is_told_in_text_and_in_its_own_document(folder, quantumjobs, told, arguments, said):
    code, out, err = quantumjobs(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    document = told(*arguments, code=2)
    assert document.keys() == DOCUMENT | EMPTY[arguments[0]].keys()
    assert document["error"]["type"] == "UsageError"


# --- show -------------------------------------------------------------------------------
def test_a_jobs_page_has_everything(run, quantumjobs):
    job = run("--shots", "7")
    code, out, err = quantumjobs("show", job[:6])
    assert (code, err) == (0, "")
    assert out.startswith(f"job {job}: completed\n")
    for text in ("bell.qasm", "fake/sim", "remote-0", "shots=7", "in 1 attempt", "created -> submitting", "timeline"):
        assert text in out
    assert f"quantumjobs result {job[:8]}" in out
    assert out.isascii()


def test_show_as_json_keeps_its_schema(run, told):
    job = run()
    found = told("show", job)["job"]
    assert found.keys() == DETAILS
    (part,) = found["parts"]
    assert part.keys() == PART
    assert (part["attempts"], part["remote_id"], part["result_kept"]) == (1, "remote-0", True)
    assert found["token"].startswith("qj1-")
    assert next(iter(found["timeline"])) == "created"
    assert found["decide"] == []


def test_a_failed_job_says_what_is_wrong(run, quantumjobs, clouds):
    clouds["fake"] = FakeProvider(outcome="failed", pushes=True)
    job = run(code=1)
    code, out, _ = quantumjobs("show", job)
    assert code == 0
    assert re.search(r"what is wrong\n  job .* failed on fake/sim: as told\n", out)


def test_a_job_of_a_provider_that_is_not_set_up_is_shown_all_the_same(quantumjobs, clouds, left):
    clouds["fake"] = FakeProvider(running=1e6)
    job = left()
    del clouds["fake"]
    assert "running" in quantumjobs("jobs")[1]
    code, out, _ = quantumjobs("show", job)
    assert code == 0
    assert "not set up here" in out


# --- result -----------------------------------------------------------------------------
def test_a_result_is_printed_again(run, quantumjobs, told):
    job = run("--shots", "10", "--memory")
    code, out, err = quantumjobs("result", job[:5], "--memory")
    assert (code, err) == (0, "")
    assert out.startswith(f"{job[:8]} bell.qasm on fake/sim: completed\n  00  ####")
    assert "in order: " in out
    (found,) = told("result", job)["jobs"]
    assert found["file"] == "bell.qasm"
    assert sum(found["circuits"][0]["counts"].values()) == 10


def test_a_result_is_waited_for(quantumjobs, clouds, left):
    clouds["fake"] = FakeProvider(running=1.0)
    job = left()
    code, out, err = quantumjobs("result", job, "--timeout", "20")
    assert (code, err) == (0, "")
    assert "completed" in out
    assert clouds["fake"].submits == 1


def test_a_result_that_does_not_come_in_time_is_a_timeout(quantumjobs, told, clouds, left):
    clouds["fake"] = FakeProvider(running=1e6)
    job = left()
    code, out, err = quantumjobs("result", job, "--timeout", "0.3")
    assert (code, out) == (5, "")
    assert err == f"quantumjobs: not done within 0.3 s: job {job} goes on at fake as remote-0\n"
    assert told("result", job, "--timeout", "0.3", code=5)["jobs"][0]["error"]["type"] == "ResultTimeout"


def test_what_a_failed_job_has_finished_is_printed(run, quantumjobs, clouds):
    clouds["fake"] = FakeProvider(outcome="failed", partial=0, pushes=True)
    job = run(code=1)
    code, out, err = quantumjobs("result", job)
    assert code == 1
    assert "failed: as told" in out
    assert f"job {job} failed" in err


# --- cancel -----------------------------------------------------------------------------
def test_jobs_are_cancelled_and_what_came_of_it_is_told(quantumjobs, clouds, left):
    clouds["fake"] = FakeProvider(running=1e6, cancel="confirmed")
    job = left()
    code, out, err = quantumjobs("cancel", job[:8])
    assert (code, err) == (0, "")
    assert out == f"{job[:8]} bell.qasm: cancelled, cancelled\n"


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        ("accepted", "requested", 0),
        ("refused", "refused", 1),
        ("too_late", "too_late", 1),
        ("unsupported", "unsupported", 1),
    ],
)
def test_a_cancel_has_an_exit_code(told, clouds, answer, outcome, code, left):  # noqa: PLR0917 - a table
    clouds["fake"] = FakeProvider(running=1e6, cancel=answer, cancelling=1e6)
    job = left()
    (found,) = told("cancel", job, code=code)["jobs"]
    assert found.keys() == {"job", "outcome", "state", "error"}
    assert (found["outcome"], found["error"]) == (outcome, None)


def test_cancelling_what_has_ended_is_too_late_and_one_wrong_id_cancels_nothing(run, quantumjobs, clouds, left):
    done = run()
    assert quantumjobs("cancel", done)[0] == 1
    clouds["fake"] = FakeProvider(running=1e6)
    going = left()
    code, _, err = quantumjobs("cancel", going, "zzz")
    assert code == 2
    assert "zzz" in err
    assert clouds["fake"].cancels == 0


def test_a_cancel_that_cannot_be_sent_is_an_error_of_that_job(told, clouds, left):
    clouds["fake"] = FakeProvider(running=1e6)
    job = left()
    done = left()
    del clouds["fake"]
    document = told("cancel", job, done, code=2)
    assert {one["job"] for one in document["jobs"]} == {job, done}
    assert all("not set up here" in one["error"]["message"] for one in document["jobs"])


# --- watch ------------------------------------------------------------------------------
def test_watch_follows_all_that_live_and_prints_their_ends(run, quantumjobs, clouds, left):
    run()
    clouds["fake"] = FakeProvider(running=2.0)
    first, second = left(), left()
    code, out, err = quantumjobs("watch", "--timeout", "40", "--progress")
    assert code == 0
    assert sorted(out.splitlines()) == sorted(
        [
            f"{first[:8]} bell.qasm on fake/sim: completed (there: remote-0)",
            f"{second[:8]} bell.qasm on fake/sim: completed (there: remote-1)",
        ]
    )
    assert f"{second[:8]} bell.qasm: completed\n" in err


async def test_jobs_are_printed_as_they_end_and_not_in_the_order_given(capsys):
    terminal = Terminal()
    fake = FakeProvider(running=lambda index: (50, 10, 30)[index], pushes=True)
    async with qj.Client(ledger="memory", providers={"fake": fake}) as client:
        jobs = [await client.backend("fake/sim").run("any.qasm") for _ in range(3)]
        async with Board(terminal, wanted=False) as board:
            assert await follow(jobs, terminal, board, Watch(), Interrupts()) is None
    printed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert printed == [jobs[at].id[:8] for at in (1, 2, 0)]


def test_watch_without_anything_that_lives_is_done(run, quantumjobs, told):
    run()
    assert quantumjobs("watch") == (0, "", "quantumjobs: no job goes on\n")
    assert told("watch")["jobs"] == []


def test_watching_ends_at_its_timeout_and_the_job_does_not(quantumjobs, told, clouds, left):
    clouds["fake"] = fake = FakeProvider(running=1e6)
    job = left()
    assert quantumjobs("watch", "--timeout", "0.3") == (5, "", "quantumjobs: not done within 0.3 s: 1 job goes on\n")
    document = told("watch", job, "--timeout", "0.3", code=5)
    assert document["jobs"][0]["state"] == "running"
    assert document["error"]["type"] == "ResultTimeout"
    assert fake.cancels == 0


def test_the_exit_code_of_watch_tells_how_the_jobs_ended(quantumjobs, told, clouds, doubtful, left):
    clouds["fake"] = FakeProvider(outcome="failed", running=1.0)
    failed = left()
    code, out, err = quantumjobs("watch", failed)
    assert code == 1
    assert f"{failed[:8]} bell.qasm on fake/sim: failed" in out
    assert "as told" in err
    assert told("watch", failed, doubtful, code=4)["jobs"][1]["state"] == "in_doubt"


# --- doubt ------------------------------------------------------------------------------
def test_a_doubt_is_shown_with_its_ways_out(doubtful, quantumjobs, told):
    code, out, _ = quantumjobs("show", doubtful)
    assert code == 0
    for way in ("adopt", "resubmit", "abandon"):
        assert f"quantumjobs {way} {doubtful[:8]}" in out
    assert told("show", doubtful)["job"]["decide"] == [
        f"quantumjobs adopt {doubtful} REMOTE_ID",
        f"quantumjobs resubmit {doubtful}",
        f"quantumjobs abandon {doubtful}",
    ]


def test_the_doubt_of_a_run_names_the_command_that_ends_it(doubtful, quantumjobs):
    code, out, err = quantumjobs("result", doubtful)
    assert (code, out) == (4, "")
    assert f"quantumjobs adopt {doubtful} REMOTE_ID" in err


def test_an_adopted_job_is_followed_to_its_result(doubtful, quantumjobs, clouds):
    code, out, err = quantumjobs("adopt", doubtful, "remote-0")
    assert (code, err) == (0, "")
    assert out.startswith(f"{doubtful[:8]} bell.qasm on fake/sim: ")
    assert out.endswith("(there: remote-0)\n")
    assert quantumjobs("result", doubtful, "--timeout", "20")[0] == 0
    assert clouds["fake"].submits == 1


def test_a_resubmitted_job_is_sent_once_more(run, quantumjobs, told, clouds):
    clouds["fake"].script["submit"] = deque([Fault.REQUEST_LOST])
    job = run(code=4)
    found = told("resubmit", job)["job"]
    assert found["remote_ids"] == ["remote-0"]
    assert found["parts"][0]["attempts"] == 2
    assert quantumjobs("result", job, "--timeout", "20")[0] == 0


def test_a_resubmission_that_is_in_doubt_again_says_so(doubtful, quantumjobs, clouds):
    clouds["fake"].script["submit"] = deque([Fault.REPLY_LOST])
    code, out, err = quantumjobs("resubmit", doubtful)
    assert code == 4, (out, err)
    assert "in_doubt" in out
    assert "may or may not have taken" in err


def test_a_resubmission_that_is_not_taken_in_time_stays(doubtful, quantumjobs, clouds):
    busy = ProviderUnavailable("busy", provider="fake", sent=False, retry_after=1e4)  # then nothing is under way
    clouds["fake"].script["submit"] = deque([busy])
    code, out, err = quantumjobs("resubmit", doubtful, "--timeout", "2")
    assert code == 5
    assert "created" in out
    assert "stays in the ledger" in err
    assert quantumjobs("result", doubtful, "--timeout", "30")[0] == 0


def test_an_abandoned_job_is_lost_and_nothing_is_sent(doubtful, quantumjobs, told, clouds):
    assert told("abandon", doubtful)["job"]["state"] == "lost"
    assert clouds["fake"].submits == 1
    code, _, err = quantumjobs("abandon", doubtful)
    assert code == 2
    assert "not in doubt" in err


# --- gc ---------------------------------------------------------------------------------
def test_gc_forgets_what_finished_long_ago_and_nothing_else(run, quantumjobs, told, clouds, monkeypatch, left):  # noqa: PLR0917 - fixtures
    clouds["fake"].script["submit"] = deque([Fault.REPLY_LOST])
    doubt = run(code=4)
    done = run()
    clouds["fake"] = FakeProvider(running=1e6)
    going = left()
    assert told("gc", "--older-than", "1h")["jobs"] == []
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 7200)
    would = told("gc", "--older-than", "1h", "--dry-run")
    assert ([job["job"] for job in would["jobs"]], would["dry_run"]) == ([done], True)
    code, out, _ = quantumjobs("gc", "--older-than", "1h", "--dry-run")
    assert code == 0
    assert done[:8] in out
    assert "1 job would be forgotten, which frees " in out
    gone = told("gc", "--older-than", "1h")
    assert gone["bytes"] == would["bytes"] > 0
    assert {job["job"] for job in told("jobs")["jobs"]} == {doubt, going}
    assert quantumjobs("gc", "--older-than", "1h")[1] == "0 jobs forgotten, which freed 0 B\n"


def test_a_dry_run_counts_no_body_that_another_job_needs(run, told, monkeypatch):
    run()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 7200)
    young = run()
    would = told("gc", "--older-than", "1h", "--dry-run")
    assert told("gc", "--older-than", "1h")["bytes"] == would["bytes"]
    assert told("result", young)["jobs"][0]["error"] is None


# --- names from elsewhere ---------------------------------------------------------------
def test_hostile_names_are_shown_harmlessly(folder, quantumjobs):
    name = "a\x1b[2J\n;.qasm"
    (folder / name).write_text("", encoding="utf-8")
    assert quantumjobs("run", name, "--backend", "fake/sim")[0] == 0
    for arguments in (["jobs"], ["doctor"], ["gc", "--older-than", "0s", "--dry-run"]):
        assert "\x1b" not in quantumjobs(*arguments)[1]
    (row,) = quantumjobs("jobs")[1].splitlines()[1:]
    assert r"a\x1b[2J\n;.qasm" in row


def test_jobs_on_a_terminal_keep_to_its_width(folder, run, quantumjobs, monkeypatch):
    from quantumjobs.cli import terminal

    (folder / f"{'long' * 20}.qasm").write_text("", encoding="utf-8")
    run(file=f"{'long' * 20}.qasm")
    monkeypatch.setattr(terminal, "_is_terminal", lambda _: True)
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setenv("NO_COLOR", "1")
    _, out, _ = quantumjobs("jobs")
    assert max(map(len, out.splitlines())) <= 50
    assert "…" in out


# --- help -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("command", "keys"),
    [
        ("jobs", JOB),
        ("show", DETAILS | PART),
        ("watch", JOB),
        ("gc", JOB | {"bytes", "dry_run"}),
        ("import", JOB | {"already"}),
        ("adopt", DETAILS | PART),
        ("resubmit", DETAILS | PART),
        ("abandon", DETAILS | PART),
        ("cancel", {"job", "outcome", "state"}),
        ("doctor", {"needs_you", "check", "decide", "why", *Health.__struct_fields__}),
        ("export", set()),
    ],
)
def test_help_names_every_key_of_the_document(quantumjobs, command, keys):
    code, out, _ = quantumjobs(command, "--help")
    assert code == 0
    for key in keys | DOCUMENT | EMPTY[command].keys():
        assert f'"{key}"' in out


def test_every_command_is_in_the_reference_and_has_a_document(quantumjobs):
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    _, out, _ = quantumjobs("--help")
    commands = re.findall(r"^  ([a-z]+)  ", out.partition("Commands:")[2], re.MULTILINE)
    assert set(commands) - {"emulate"} == EMPTY.keys()
    for command in commands:
        assert f"quantumjobs {command}" in page
