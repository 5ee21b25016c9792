"""The emulator computes what the vendor's simulators compute, refuses what they refuse, and serves the vendor's client."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from quantumjobs.testing.emulators import BraketEmulator, braket_run, serve
from quantumjobs.testing.emulators.braket_capabilities import capabilities
from quantumjobs.testing.emulators.braket_devices import DEVICES, PROGRAM_SET
from quantumjobs.testing.emulators.braket_run import Outcome, Task
from tests.oracles.aqt.vendor import surroundings
from tests.oracles.braket.emulator_programs import DRAWN, GATES, MODIFIED, NOISE, REFUSED, RESULTS
from tests.oracles.processes import carried_out

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(240)]

PYTHON = os.environ.get("QUANTUMJOBS_ORACLE_BRAKET", "")  # when this module is loaded: no test sees such variables
NEAR = 1e-9
SV1, DM1 = DEVICES[:2]
EXACT = [(text, False) for text in (*GATES, *MODIFIED, *RESULTS)] + [(text, True) for text in NOISE]


async def test_the_emulator_is_as_the_vendor_has_it(tmp_path: Path):
    exact = [_plan(text, noisy=noisy) for text, noisy in EXACT]
    drawn = [_plan(text, shots=2, inputs=inputs) for text, inputs in DRAWN]
    refused = [_plan(text, shots=shots, inputs=inputs) for text, shots, inputs in REFUSED]
    devices = [_told(device, openqasm) for device in DEVICES for openqasm in (True, False)]
    async with serve(BraketEmulator(seed=7, token="AKID:s3cret", spilled=True)) as url:
        env = _environment(tmp_path, url)
        command = (PYTHON, "-I", str(Path(__file__).with_name("vendor_emulator.py")))
        plans = [*exact, *drawn, *refused, *devices, {"kind": "client"}]
        answers = iter(await carried_out(plans, command, env=env, home=tmp_path, patience=200))
    apart = {plan["source"]: _distance(plan, next(answers)) for plan in exact}
    print(f"{len(apart)} programs, at most {max(apart.values()):.2g} apart")
    assert {source: distance for source, distance in apart.items() if distance >= NEAR} == {}
    for plan in drawn:
        assert msgspec.json.decode(_ours(plan).rows) == next(answers)["measurements"], plan
    for plan in refused:
        assert "refused" in next(answers), plan
        assert _ours(plan).failure, plan
    for plan in devices:
        assert next(answers)["actions"] == list(json.loads(plan["text"])["action"])
    assert PROGRAM_SET in json.loads(devices[0]["text"])["action"]
    _check_client(next(answers))


def _check_client(found: dict[str, Any]) -> None:
    assert found["state"] == "COMPLETED"
    assert found["counts"].keys() == {"00", "11"}
    assert found["again"] == found["counts"]
    (state, value), half = found["values"], 0.5**0.5
    assert np.allclose(state, [[half, 0], [0, 0], [0, 0], [half, 0]])
    assert value == pytest.approx(1)
    assert found["sampled"] == 1
    bell, turn = found["set"]
    assert (set(bell[0]) <= {"00", "11"}, turn) == (True, [{"0": 10}, {"1": 10}])
    assert found["batch"] == [5, 5, 5]
    assert found["failed"] == ["FAILED", "Gate nonsense is not defined."]
    assert found["cancel"] == "ConflictException"
    assert found["garnet"] == {"10": 5}
    assert found["forte"] == {"10": 5}
    assert found["devices"] == ["DM1", "Forte-1", "Garnet", "SV1"]


def _plan(text: str, *, shots: int = 0, inputs: dict[str, Any] | None = None, noisy: bool = False) -> dict[str, Any]:
    return {"kind": "program", "source": text, "shots": shots, "inputs": inputs or {}, "noisy": noisy}


def _told(device: Any, openqasm: bool) -> dict[str, Any]:
    text = json.dumps(capabilities(device, openqasm=openqasm))
    return {"kind": "capabilities", "provider": device.provider, "text": text}


def _environment(home: Path, url: str) -> dict[str, str]:
    given = {
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_SECRET_ACCESS_KEY": "s3cret",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": url,
        "no_proxy": "127.0.0.1",
    }
    return {**surroundings(home), **given}


def _ours(plan: dict[str, Any]) -> Outcome:
    device = DM1 if plan["noisy"] else SV1
    task = Task(text=plan["source"], inputs=plan["inputs"], shots=plan["shots"], rules=device.rules)
    return braket_run.decode(braket_run.simulate(braket_run.encode(task)))


def _distance(plan: dict[str, Any], theirs: dict[str, Any]) -> float:
    """Between the values, the largest."""
    ours = _ours(plan)
    assert "values" in theirs, (plan["source"], theirs)
    assert not ours.failure, (plan["source"], ours.failure)
    values = [one["value"] for one in msgspec.json.decode(ours.results)]
    return max(map(_apart, values, theirs["values"]))


def _apart(ours: Any, theirs: Any) -> float:
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys()
        return max(_apart(ours[key], theirs[key]) for key in ours)
    first, second = np.array(ours), np.array(theirs)
    assert first.shape == second.shape
    return float(np.abs(first - second).max())
