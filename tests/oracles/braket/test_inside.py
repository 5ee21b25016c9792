"""What programs save inside a job, by the vendor's SDK and by `quantumjobs.hybrid`: each reads what the other wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quantumjobs import hybrid
from quantumjobs.errors import UsageError
from tests.oracles.braket import vendor
from tests.oracles.processes import carried_out

pytestmark = [pytest.mark.oracle, pytest.mark.timeout(180)]

VALUES: dict[str, Any] = {
    "counts": {"00": 51, "11": 49},
    "angles": [0.1, -1e-17, 1e300, 3],
    "big": 2**70,
    "name": 'Grüße 🎈 "\\\n\u2028',
    "nothing": None,
    "yes": True,
    "deep": {"a": [[], {}, [{"b": [1]}]]},
    "": 0,
}
METRICS: list[dict[str, Any]] = [
    {"value": -1.5, "timestamp": 1700000000.5},
    {"value": 3, "timestamp": 1700000001, "iteration_number": 0},
    {"value": 1e-17, "timestamp": 1700000002.25, "iteration_number": 12},
    {"value": float("nan"), "timestamp": 1700000003.0},
]


def variables(folder: Path, name: str = "demo") -> dict[str, str]:
    """Of a job whose files are all in one folder, as far as they can be."""
    (folder / "hyperparameters.json").write_text('{"steps": "20"}')
    given = {
        "JOB_NAME": name,
        "DEVICE_ARN": "arn:aws:braket:::device/quantum-simulator/amazon/sv1",
        "JOB_RESULTS_DIR": str(folder),
        "CHECKPOINT_DIR": str(folder),
        "INPUT_DIR": str(folder / "input"),
        "HP_FILE": str(folder / "hyperparameters.json"),
    }
    return {f"AMZN_BRAKET_{key}": value for key, value in given.items()}


async def vendors(plans: list[dict[str, Any]], home: Path) -> list[dict[str, Any]]:
    command = (vendor.python(), "-I", str(vendor.HERE / "vendor_inside.py"))
    return await carried_out(plans, command, env=vendor.pointed(home), home=home, patience=vendor.PATIENCE)


def where() -> dict[str, Any]:
    return {
        "job_name": hybrid.job_name(),
        "device": hybrid.device(),
        "input_dir": str(hybrid.input_dir("molecules")),
        "results_dir": str(hybrid.results_dir()),
        "checkpoint_dir": str(hybrid.checkpoint_dir()),
        "hyperparameters": hybrid.hyperparameters(),
    }


@pytest.mark.real_time
async def test_each_reads_what_the_other_wrote_inside_a_job_and_by_hand(tmp_path, monkeypatch, capsys):
    ours, theirs, pickled, by_hand = (tmp_path / name for name in ("ours", "theirs", "pickled", "by_hand"))
    for folder in (ours, theirs, pickled, by_hand):
        folder.mkdir()

    def inside(folder: Path, name: str = "demo") -> dict[str, str]:
        given = variables(folder, name)
        for variable, value in given.items():
            monkeypatch.setenv(variable, value)
        return given

    # Ours writes first.
    monkeypatch.chdir(by_hand)
    by_hand_ours = where()
    hybrid.save_result({"by": "ours"})
    hybrid.save_checkpoint({"by": "ours"})
    of_ours = inside(ours)
    in_ours = where()
    hybrid.save_result(VALUES)
    hybrid.save_result(7)
    hybrid.save_checkpoint(VALUES)
    hybrid.save_checkpoint({"step": 9}, "best")
    for metric in METRICS:
        hybrid.log_metric("loss", **metric)
    written = {file.name: file.read_bytes() for file in ours.iterdir()}
    printed = capsys.readouterr().out

    # Then the vendor's reads that, writes over it, and writes the same elsewhere.
    metrics = [("loss", one["value"], one["timestamp"], one.get("iteration_number")) for one in METRICS]
    saving = [["result", [VALUES]], ["result", [7]], ["checkpoint", [VALUES]], ["checkpoint", [{"step": 9}, "best"]]]
    plans = [
        {
            "folder": str(by_hand),
            "variables": {},
            "calls": [
                ["where", ["molecules"]],
                ["read result", []],
                ["read checkpoint", []],
                ["checkpoint", [{"by": "theirs"}, "x"]],
            ],
        },
        {
            "folder": str(tmp_path),
            "variables": of_ours,
            "calls": [
                ["where", ["molecules"]],
                ["read result", []],
                ["read checkpoint", []],
                ["read checkpoint", ["demo", "best"]],
                ["read metrics", [printed]],
                ["result", [{"result": 8, "more": [1]}]],
            ],
        },
        {
            "folder": str(tmp_path),
            "variables": variables(theirs),
            "calls": [*saving, *(["metric", metric] for metric in metrics), ["checkpoint", [{}]]],
        },
        {"folder": str(tmp_path), "variables": variables(pickled), "calls": [["pickled result", [VALUES]]]},
    ]
    hand, read, wrote, _ = await vendors(plans, tmp_path)

    assert hand["given"] == [by_hand_ours, {"by": "ours"}, {"by": "ours"}, None]
    place, result, checkpoint, best, table, _ = read["given"]
    assert place == in_ours
    assert (result, checkpoint, best) == ({**VALUES, "result": 7}, VALUES, {"step": 9})
    assert table["loss"][:3] == [-1.5, 3, 1e-17]
    assert table["timestamp"] == [1700000000.5, 1700000001, 1700000002.25, 1700000003]
    assert table["iteration_number"] == [None, 0, 12, None]

    # The same calls left the same bytes, and the same lines.
    assert {file.name: file.read_bytes() for file in theirs.iterdir()} == written
    assert wrote["printed"] == printed
    assert wrote["given"][-1] == "ValueError"  # ours is one, too
    assert issubclass(UsageError, ValueError)

    # Then ours reads what the vendor's wrote, and writes over it.
    assert hybrid.load_result() == {**VALUES, "result": 8, "more": [1]}
    hybrid.save_result({"more": [2]})
    assert hybrid.load_result() == {**VALUES, "result": 8, "more": [2]}
    inside(theirs, "later")
    assert hybrid.load_result() == {**VALUES, "result": 7}
    assert (hybrid.load_checkpoint("demo"), hybrid.load_checkpoint("demo", "best")) == (VALUES, {"step": 9})
    assert json.loads((by_hand / "_x.json").read_text())["dataDictionary"] == {"by": "theirs"}
    inside(pickled)
    with pytest.raises(UsageError, match="was pickled"):
        hybrid.load_result()
