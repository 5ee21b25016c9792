"""What a program finds and saves inside a hybrid job, and when it is started by hand."""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from quantumjobs import hybrid
from quantumjobs.errors import UsageError

HEADER = {"name": "braket.jobs_data.persisted_job_data", "version": "1"}


@pytest.fixture
def job(tmp_path, monkeypatch):
    """The folders of a job, whose program has another folder as its current one."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    given = {
        "JOB_NAME": "demo",
        "DEVICE_ARN": "arn:aws:braket:::device/quantum-simulator/amazon/sv1",
        "JOB_RESULTS_DIR": str(tmp_path / "results"),
        "CHECKPOINT_DIR": str(tmp_path / "checkpoints"),
        "INPUT_DIR": str(tmp_path / "input"),
        "HP_FILE": str(tmp_path / "hyperparameters.json"),
    }
    for name, value in given.items():
        monkeypatch.setenv(f"AMZN_BRAKET_{name}", value)
    (tmp_path / "hyperparameters.json").write_text('{"steps": "20", "rate": "0.1"}')
    return tmp_path


@pytest.fixture
def by_hand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def saved(folder: Path, name: str = "results.json") -> dict:
    return json.loads((folder / name).read_text())


def lines(run) -> str:
    return run.readouterr().out


# --- where it runs ------------------------------------------------------------------------
def test_inside_a_job_its_variables_say_where_things_are(job):
    assert hybrid.inside()
    assert hybrid.job_name() == "demo"
    assert hybrid.device() == "arn:aws:braket:::device/quantum-simulator/amazon/sv1"
    assert hybrid.hyperparameters() == {"steps": "20", "rate": "0.1"}
    assert hybrid.input_dir() == job / "input/input"
    assert hybrid.input_dir("molecules") == job / "input/molecules"
    assert hybrid.results_dir() == job / "results"
    assert hybrid.checkpoint_dir() == job / "checkpoints"


def test_by_hand_everything_is_in_the_current_folder(by_hand):
    assert not hybrid.inside()
    assert (hybrid.job_name(), hybrid.device(), hybrid.hyperparameters()) == ("", "local:none/none", {})
    assert {hybrid.input_dir("molecules"), hybrid.results_dir(), hybrid.checkpoint_dir()} == {Path()}
    hybrid.save_result({"energy": -1.5})
    hybrid.save_checkpoint({"step": 3}, "mine")
    assert saved(by_hand)["dataDictionary"] == hybrid.load_result() == {"energy": -1.5}
    assert hybrid.load_checkpoint(suffix="mine") == {"step": 3}


@pytest.mark.parametrize("text", ["", "[1]", '{"steps": 20}', "\xff"])
def test_hyperparameters_that_are_none_are_refused_by_their_file_s_name(job, text):
    (job / "hyperparameters.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"hyperparameters\.json"):
        hybrid.hyperparameters()


# --- results ------------------------------------------------------------------------------
def test_a_result_is_a_document_of_the_vendor_s_schema(job):
    hybrid.save_result({"counts": {"00": 3}, "path": [1, (2.5, None, True)], "name": "Grüße 🎈"})
    values = {"counts": {"00": 3}, "path": [1, [2.5, None, True]], "name": "Grüße 🎈"}
    assert saved(job / "results") == {
        "braketSchemaHeader": HEADER,
        "dataDictionary": values,
        "dataFormat": "plaintext",
    }
    assert hybrid.load_result() == values


def test_later_results_add_keys_and_replace_those_that_are_there(job):
    assert hybrid.load_result() == {}
    hybrid.save_result({"a": {"x": 1}, "b": 2})
    hybrid.save_result({"a": {"y": 1}, "c": 3})
    hybrid.save_result(-1.5)
    assert hybrid.load_result() == {"a": {"y": 1}, "b": 2, "c": 3, "result": -1.5}


def test_threads_that_save_at_once_lose_nothing(job):
    begin = threading.Barrier(8)

    def save(thread: int) -> None:
        begin.wait()
        for step in range(20):
            hybrid.save_result({f"{thread}.{step}": step})

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hybrid.load_result()) == 160
    assert [file.name for file in (job / "results").iterdir()] == ["results.json"]


CIRCLE: list = []
CIRCLE.append(CIRCLE)
NO_JSON = {
    "an array": ({"a": {"b": [0, np.arange(3)]}}, r"^result\['a'\]\['b'\]\[1\] is a numpy.ndarray.*value\.tolist\(\)"),
    "a scalar": ({"loss": np.float32(1)}, r"^result\['loss'\] is a numpy.float32.*value\.tolist\(\)"),
    "a complex number": ([1j], r"^result\['result'\]\[0\] is a complex.*\[value\.real, value\.imag\]"),
    "no number": ({"loss": float("nan")}, r"^result\['loss'\] is nan.*None"),
    "infinite": ({"loss": -float("inf")}, r"^result\['loss'\] is -inf"),
    "a number as a key": ({"counts": {0: 5}}, r"^result\['counts'\] has the key 0; .*str\(key\)"),
    "a number as a name": ({0: 5}, "^result has the key 0;"),
    "bytes": ({"raw": b"x"}, r"^result\['raw'\] is a bytes.*nothing is pickled"),
    "a set": ({"seen": {1}}, r"^result\['seen'\] is a set"),
    "an object": ({"where": Path()}, r"^result\['where'\] is a pathlib\.PosixPath"),
    "half a character": ({"name": "\ud800"}, r"^result\['name'\] is no valid text"),
    "a circle": (CIRCLE, "^result is nested too deeply for JSON, or contains itself"),
}


@pytest.mark.parametrize("name", NO_JSON)
def test_what_is_no_json_is_refused_with_its_place_and_what_to_do(job, name):
    value, message = NO_JSON[name]
    hybrid.save_result({"kept": 1})
    with pytest.raises(UsageError, match=message):
        hybrid.save_result(value)
    assert hybrid.load_result() == {"kept": 1}


def test_numpy_s_own_float_is_a_float(job):
    hybrid.save_result({"energy": np.float64(-1.25)})
    assert hybrid.load_result() == {"energy": -1.25}


class Trap:
    sprung = False

    def __reduce__(self):
        return setattr, (Trap, "sprung", True)


def test_what_was_pickled_is_refused_unread_and_left_as_it_is(job):
    pickled = base64.encodebytes(pickle.dumps(Trap(), protocol=4)).decode()
    document = {"braketSchemaHeader": HEADER, "dataDictionary": {"a": pickled}, "dataFormat": "pickled_v4"}
    for file in (job / "results/results.json", job / "checkpoints/demo.json"):
        file.parent.mkdir()
        file.write_text(json.dumps(document))
    for call in (hybrid.load_result, hybrid.load_checkpoint, lambda: hybrid.save_result({"b": 1})):
        with pytest.raises(UsageError, match="was pickled, and a pickle runs what is in it"):
            call()
    assert saved(job / "results") == document
    assert not Trap.sprung


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"dataDictionary": [], "dataFormat": "plaintext"}', '{"dataDictionary": {}}', "[" * 10**5],
)
def test_a_broken_file_is_refused_by_its_name_and_left_as_it_is(job, text):
    (job / "results").mkdir()
    (job / "results/results.json").write_text(text)
    for call in (hybrid.load_result, lambda: hybrid.save_result({"b": 1})):
        with pytest.raises(UsageError, match=r"results/results\.json"):
            call()
    assert (job / "results/results.json").read_text() == text


def test_a_file_that_cannot_be_replaced_stays_as_it_is(job, monkeypatch):
    hybrid.save_result({"a": 1})

    def full(self, *given, **named):
        Path.open(self, "w").close()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        hybrid.save_result({"b": 1})
    assert hybrid.load_result() == {"a": 1}
    assert [file.name for file in (job / "results").iterdir()] == ["results.json"]


# --- checkpoints --------------------------------------------------------------------------
def test_checkpoints_are_files_of_their_own_and_replaced_whole(job):
    hybrid.save_checkpoint({"step": 1, "angles": [0.5]})
    hybrid.save_checkpoint({"step": 2})
    hybrid.save_checkpoint({"step": 9}, "best")
    assert sorted(file.name for file in (job / "checkpoints").iterdir()) == ["demo.json", "demo_best.json"]
    assert (hybrid.load_checkpoint(), hybrid.load_checkpoint(suffix="best")) == ({"step": 2}, {"step": 9})


def test_an_earlier_job_s_checkpoint_is_found_by_its_name(job, monkeypatch):
    hybrid.save_checkpoint({"step": 9}, "best")
    monkeypatch.setenv("AMZN_BRAKET_JOB_NAME", "later")
    assert hybrid.load_checkpoint("demo", "best") == {"step": 9}
    with pytest.raises(FileNotFoundError, match="later_best"):
        hybrid.load_checkpoint(suffix="best")


@pytest.mark.parametrize("data", [{}, None, [1]])
def test_a_checkpoint_without_data_is_refused(job, data):
    with pytest.raises(UsageError, match="a checkpoint is a dict with something in it"):
        hybrid.save_checkpoint(data)


def test_a_checkpoint_s_values_and_name_are_checked(job):
    with pytest.raises(UsageError, match=r"^checkpoint\['angles'\] is a numpy.ndarray"):
        hybrid.save_checkpoint({"angles": np.ones(2)})
    for job_name, suffix in ((None, "a/b"), (None, ".\\b"), ("../demo", "")):
        with pytest.raises(UsageError, match="parts of a file's name"):
            hybrid.load_checkpoint(job_name, suffix)


# --- metrics ------------------------------------------------------------------------------
def test_a_metric_is_a_line_of_the_log(capsys):
    hybrid.log_metric("energy", -1.5, timestamp=1700000000.5)
    hybrid.log_metric("loss", 3, timestamp=0, iteration_number=0)
    assert lines(capsys) == (
        "Metrics - timestamp=1700000000.5; energy=-1.5;\nMetrics - timestamp=0; loss=3; iteration_number=0;\n"
    )


def test_a_metric_without_a_time_is_of_now(capsys, monkeypatch):
    monkeypatch.setattr("quantumjobs.hybrid.time.time", lambda: 1700000001.25)
    hybrid.log_metric("energy", np.float32(0.5), iteration_number=np.int64(7))
    assert lines(capsys) == "Metrics - timestamp=1700000001.25; energy=0.5; iteration_number=7;\n"


@pytest.mark.parametrize("name", ["", "loss/train", "a b", "a;", "x-y", "timestamp", "iteration_number", "node_id"])
def test_a_metric_that_would_be_read_as_another_is_refused(capsys, name):
    with pytest.raises(UsageError, match="^metric"):
        hybrid.log_metric(name, 1.0)
    assert lines(capsys) == ""


@pytest.mark.parametrize("value", [np.ones(1), "low", None, True, 1j, [1]])
def test_a_metric_that_is_no_number_is_refused(capsys, value):
    with pytest.raises(UsageError, match="no number"):
        hybrid.log_metric("loss", value)
    assert lines(capsys) == ""


def test_a_metric_is_in_the_pipe_before_the_program_goes_on():
    text = "import sys; from quantumjobs.hybrid import log_metric; log_metric('loss', 1, timestamp=2); sys.stdin.readline()"
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        [sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=buffered
    ) as process:
        assert process.stdout.readline() == b"Metrics - timestamp=2; loss=1;\n"  # while the program waits
        process.communicate(b"\n")
    assert process.returncode == 0


# --- cost ---------------------------------------------------------------------------------
def test_a_program_brings_nothing_along_but_the_standard_library():
    text = "import sys; before = set(sys.modules); import quantumjobs.hybrid; print(*(set(sys.modules) - before))"
    found = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True).stdout.split()
    ours = {name for name in found if name.startswith("quantumjobs")}
    assert ours == {"quantumjobs", "quantumjobs.errors", "quantumjobs.hybrid"}
    assert {name.partition(".")[0] for name in found} - sys.stdlib_module_names == {"quantumjobs"}
