"""`quantumjobs doctor`: every doubt with what to check, jobs nobody here can follow, and the ledger's file."""

from __future__ import annotations

import json
import os
from collections import deque

import msgspec
import pytest

import quantumjobs as qj
from quantumjobs.cli.diagnosis import as_json, diagnose
from quantumjobs.cli.exits import Exit
from quantumjobs.core.traits import Findable, Idempotent
from quantumjobs.ledgers.sqlite import Health
from quantumjobs.testing import FakeProvider, Fault

WELL = Health(
    path="/home/me/ledger.sqlite3",
    sqlite_version="3.51.3",
    journal_mode="wal",
    schema_version=1,
    read_only=False,
    file_mode="600",
    directory_mode="700",
    network_file_system="",
    integrity="ok",
    owners_alive=1,
    owners_dead=0,
    file_size=4096,
    bodies_size=0,
)
DOCUMENT = {"schema", "quantumjobs", "exit_code", "error", "doubts", "elsewhere", "ledger", "warnings", "notes"}
DOUBT = {
    *("job", "name", "backend", "lane", "token", "sent_at", "attempts", "reason", "check", "needs_you", "decide"),
}


# --- the ledger's file, without any ----------------------------------------------------------
def test_a_sound_file_needs_nobody():
    found = diagnose([], WELL)
    assert (found.code, found.warnings, found.notes) == (Exit.DONE, (), ())


def test_a_ledger_in_memory_has_no_file_to_look_at():
    found = diagnose([], None)
    assert found.code is Exit.DONE
    assert as_json(found)["ledger"] is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"integrity": "row 3 missing from index"}, "damaged: row 3"),
        ({"read_only": True}, "newer version"),
        ({"network_file_system": "nfs4"}, r"network file system \(nfs4\)"),
        ({"file_mode": "640"}, "chmod 600 /home/me/ledger"),
        ({"file_mode": "0604"}, "mode 0604"),
        ({"directory_mode": "770"}, "chmod 700"),
        ({"directory_mode": "1777"}, "chmod 700"),
    ],
)
def test_what_is_wrong_with_the_file_is_said_and_is_no_success(wrong, said):
    import re

    found = diagnose([], msgspec.structs.replace(WELL, **wrong))
    (warning,) = found.warnings
    assert re.search(said, warning)
    assert found.code is Exit.UNAVAILABLE


def test_jobs_that_nobody_follows_are_a_note():
    found = diagnose([], msgspec.structs.replace(WELL, owners_dead=2))
    assert "quantumjobs watch" in found.notes[0]
    assert found.code is Exit.DONE


# --- jobs, on clouds that exist only in the clock ----------------------------------------------
async def doubtful(fake: FakeProvider) -> tuple[qj.Client, qj.Job]:
    client = qj.Client(ledger="memory", providers={"fake": fake}, follow="asked")
    job = await client.backend("fake/sim").run("any.qasm", until="recorded")
    async for snapshot in job.events():
        if snapshot.state == "in_doubt":
            break
    return client, job


async def test_a_doubt_that_only_the_user_can_end_needs_you():
    client, job = await doubtful(FakeProvider(fail_submit=[Fault.REPLY_LOST]))
    async with client:
        await job.wait()
        found = diagnose([job], WELL)
        (doubt,) = found.doubts
        assert found.code is Exit.UNCERTAIN
        assert doubt.human
        assert "provider's own list of jobs" in doubt.check


@pytest.mark.parametrize("submit", [Findable(settle=1e5), Idempotent(window=1e6)])
async def test_a_doubt_that_ends_by_itself_is_listed_and_needs_nobody(submit):
    fake = FakeProvider(fail_submit=[Fault.REQUEST_LOST] + [Fault.HANG] * 9, submit_class=submit, find_lag=1e9)
    client, job = await doubtful(fake)
    async with client:
        found = diagnose([job], WELL)
        (doubt,) = found.doubts
        assert found.code is Exit.DONE
        assert not doubt.human
        assert doubt.check.startswith("nothing")


# --- the command --------------------------------------------------------------------------
@pytest.fixture
def in_doubt(folder, quantumjobs, clouds):
    clouds["fake"].script["submit"] = deque([Fault.REPLY_LOST])
    code, out, _ = quantumjobs("run", "bell.qasm", "--backend", "fake/sim", "--json")
    assert code == 4
    return json.loads(out)["jobs"][0]["job"]


def test_every_doubt_is_told_with_what_to_check_and_the_commands_that_decide(in_doubt, quantumjobs):
    code, out, err = quantumjobs("doctor")
    assert (code, err) == (4, "")
    assert f"in doubt: job {in_doubt}\n" in out
    for text in ("bell.qasm", "fake/sim", "attempts  1", "sent ", "token ", "account ", "check ", " ago"):
        assert text in out
    for way in (f"adopt {in_doubt[:8]} REMOTE_ID", f"resubmit {in_doubt[:8]}", f"abandon {in_doubt[:8]}"):
        assert f"quantumjobs {way}" in out
    assert out.isascii()


def test_the_document_keeps_its_schema(in_doubt, quantumjobs):
    code, out, _ = quantumjobs("doctor", "--json")
    document = json.loads(out)
    assert code == document["exit_code"] == 4
    assert document.keys() == DOCUMENT
    (doubt,) = document["doubts"]
    assert doubt.keys() == DOUBT
    assert (doubt["job"], doubt["attempts"], doubt["needs_you"]) == (in_doubt, 1, True)
    assert document["ledger"].keys() == set(Health.__struct_fields__)
    assert document["ledger"]["integrity"] == "ok"
    assert document["warnings"] == []


def test_when_all_is_well_the_ledger_is_described(quantumjobs, folder):
    assert quantumjobs("run", "bell.qasm", "--backend", "fake/sim")[0] == 0
    code, out, err = quantumjobs("doctor")
    assert (code, err) == (0, "")
    assert out.startswith("ledger ")
    for text in (
        "SQLite",
        "journal mode",
        "integrity    ok",
        "permissions",
        "file system  local",
        "no job is in doubt",
    ):
        assert text in out


def test_a_decided_doubt_is_none(in_doubt, quantumjobs):
    assert quantumjobs("abandon", in_doubt)[0] == 0
    assert quantumjobs("doctor")[0] == 0


def test_a_job_whose_account_is_not_set_up_here_is_told(quantumjobs, clouds, left):
    clouds["fake"] = FakeProvider(running=1e6)
    left()
    del clouds["fake"]
    code, out, _ = quantumjobs("doctor")
    assert code == 3
    assert "not followed here: " in out
    assert "not set up here" in out
    document = json.loads(quantumjobs("doctor", "--json")[1])
    assert document["elsewhere"][0].keys() == {"job", "state", "why"}


def test_a_file_that_others_may_read_is_told(folder, quantumjobs):
    assert quantumjobs("run", "bell.qasm", "--backend", "fake/sim")[0] == 0
    path = json.loads(quantumjobs("doctor", "--json")[1])["ledger"]["path"]
    os.chmod(path, 0o644)
    code, out, err = quantumjobs("doctor")
    assert code == 3
    assert f"chmod 600 {path}" in out + err


def test_the_doctor_changes_nothing_and_asks_nobody(in_doubt, quantumjobs, clouds):
    calls = dict(clouds["fake"].calls)
    story = json.loads(quantumjobs("show", in_doubt, "--json")[1])["job"]["story"]
    quantumjobs("doctor")
    assert dict(clouds["fake"].calls) == calls
    assert json.loads(quantumjobs("show", in_doubt, "--json")[1])["job"]["story"] == story
