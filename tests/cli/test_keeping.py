"""`quantumjobs export` and `import`: jobs on their way from one ledger to another."""

from __future__ import annotations

import json

import pytest

from quantumjobs.testing import FakeProvider


@pytest.fixture
def ids(folder, quantumjobs):
    """Two jobs that are done."""
    code, out, _ = quantumjobs("run", "bell.qasm", "heavy.qasm", "--backend", "fake/sim", "--json", "--shots", "9")
    assert code == 0
    return [job["job"] for job in json.loads(out)["jobs"]]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """From here on, another ledger."""
    return lambda: monkeypatch.setenv("QUANTUMJOBS_STATE_DIR", str(tmp_path / "elsewhere"))


def test_all_jobs_travel_in_one_file_with_their_results(ids, quantumjobs, elsewhere, folder):
    code, out, err = quantumjobs("export", "jobs.file")
    assert (code, err) == (0, "")
    assert out == f"2 jobs written to {folder / 'jobs.file'}\n"
    result = json.loads(quantumjobs("result", ids[0], "--json")[1])["jobs"]
    elsewhere()
    code, out, err = quantumjobs("import", "jobs.file")
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    assert first == "2 jobs came in, 0 were there already"
    assert "never loaded or run" in second
    assert json.loads(quantumjobs("result", ids[0], "--json")[1])["jobs"] == result
    assert quantumjobs("import", "jobs.file")[1] == "0 jobs came in, 2 were there already\n"


def test_chosen_jobs_travel_alone(ids, quantumjobs, elsewhere):
    document = json.loads(quantumjobs("export", "one", ids[1][:9], "--json")[1])
    assert document["jobs"] == 1
    elsewhere()
    document = json.loads(quantumjobs("import", "one", "--json")[1])
    assert [(job["job"], job["already"]) for job in document["jobs"]] == [(ids[1], False)]
    document = json.loads(quantumjobs("import", "one", "--json")[1])
    assert [(job["job"], job["already"]) for job in document["jobs"]] == [(ids[1], True)]


def test_nothing_is_written_over_and_nothing_for_a_wrong_id(ids, quantumjobs, folder):
    (folder / "mine").write_text("mine", encoding="utf-8")
    assert quantumjobs("export", "mine")[0] == 2
    assert (folder / "mine").read_text(encoding="utf-8") == "mine"
    assert quantumjobs("export", "new", "zzz")[0] == 2
    assert not (folder / "new").exists()


def test_what_is_no_export_is_refused(ids, quantumjobs, folder):
    code, out, err = quantumjobs("import", "bell.qasm")
    assert (code, out) == (2, "")
    assert "bell.qasm" in err


def test_exporting_asks_no_provider(quantumjobs, clouds, left):
    clouds["fake"] = FakeProvider(running=1e6)
    left()
    calls = dict(clouds["fake"].calls)
    assert quantumjobs("export", "going")[0] == 0
    assert dict(clouds["fake"].calls) == calls
