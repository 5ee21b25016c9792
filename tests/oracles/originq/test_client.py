"""The vendor's client works against our emulator, and our adapter gives what it gives.

That client looks once a second and holds the interpreter's lock meanwhile; one process does what can be done together.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import quantumjobs as qj
from quantumjobs.adapters.originq import NoiseModel
from quantumjobs.testing.emulators import Fault, OriginqEmulator, serve
from tests.adapters.originq.helpers import QUICK
from tests.oracles.originq import vendor
from tests.oracles.originq.recorded import SEQUENCES, masked

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(240)]

SHOTS = 200
BELL = "QINIT 2\nCREG 2\nH q[0]\nCNOT q[0],q[1]\nMEASURE q[0],c[0]\nMEASURE q[1],c[1]\n"
FLIP = "QINIT 3\nCREG 3\nX q[1]\nRX q[2],(0.25)\nMEASURE q[0],c[0]\nMEASURE q[1],c[1]\nMEASURE q[2],c[2]\n"
STATE = "QINIT 2\nCREG 1\nRY q[0],(0.75)\nCNOT q[0],q[1]\n"
TERMS = [["Z0 Z1", 1.0], ["X0 X1", 0.5], ["Y0 Y1", 0.25], ["Z0", -0.5]]
OURS = [("ZZ", 1.0), ("XX", 0.5), ("YY", 0.25), ("IZ", -0.5)]
NOISE = ["BITFLIP_KRAUS_OPERATOR", [0.05], [0.1]]
FULL, CHIP = "full_amplitude", "WK_C180"


def emulator(**settings: Any) -> vendor.Recorder:
    return vendor.Recorder(seed=vendor.SEED, token=vendor.KEY, **settings)


def plan(do: str, *programs: str, backend: str = FULL, shots: int = SHOTS, **more: Any) -> dict[str, Any]:
    return {"do": do, "backend": backend, "programs": list(programs or (BELL,)), "shots": shots, **more}


def client_of(url: str) -> qj.Client:
    providers = {"originq": {"url": url, "api_key": vendor.KEY}}
    return qj.Client(ledger="memory", providers=providers, policies=QUICK)


async def test_the_vendors_client_completes_all_its_kinds_of_runs_and_ours_has_the_same_counts(tmp_path: Path):
    plans = [
        plan("run", BELL),
        plan("run", BELL, FLIP, backend=CHIP, list=True),
        plan("run", BELL, noise=NOISE),
        plan("run", FLIP, backend=CHIP, options={"mapping": True, "amend_flag": 0, "specified_block": [45, 46, 47]}),
        plan("run", STATE, qubits=[0, 1]),
        plan("expval", STATE, terms=TERMS),
        plan("expval", STATE, terms=TERMS, backend=CHIP, options={}),
        plan("expval", STATE, terms=TERMS, noise=NOISE),
    ]
    service = emulator(duration=0.15)
    async with serve(service) as url:
        single, several, noisy, chip, exact, value, from_shots, from_noise = await vendor.jobs(
            plans, url=f"{url}/base", home=tmp_path
        )
        theirs = len(service.noted)
        async with client_of(f"{url}/under/another/path") as client:
            full, hardware = client.backend(f"originq/{FULL}"), client.backend(f"originq/{CHIP}")
            model = NoiseModel(NOISE[0], tuple(NOISE[1]), tuple(NOISE[2]))  # type: ignore[arg-type] # as in a plan's JSON
            assert [one.counts for one in await (await full.run(BELL, shots=SHOTS))] == single["counts"]
            assert [one.counts for one in await (await hardware.run([BELL, FLIP], shots=SHOTS))] == several["counts"]
            assert [one.counts for one in await (await full.run(BELL, shots=SHOTS, noise_model=model))] == noisy[
                "counts"
            ]
            ours = await (await full.run(STATE, qubits=[0, 1]))
            assert ours.probabilities == pytest.approx(exact["probabilities"][0], abs=1e-12)
            ours = await (await full.run(STATE, observables=OURS))
            assert ours.data["expectation_values"][0] == pytest.approx(value["value"], abs=1e-9)
            drawn = await (await hardware.run(STATE, observables=OURS, shots=1000))
            expected, error = drawn.data["expectation_values"][0], drawn.data["standard_errors"][0]
            # Other programs, since terms that one basis measures are one program here: so other samples.
            assert abs(expected - from_shots["value"]) < 6 * error + 0.05
            assert abs(from_noise["value"] - value["value"]) < 0.6
    for one in (single, several, noisy, chip):
        assert one["words"][-1] == "FINISHED"
        assert one["error"] == ""
        assert one["again"] == "JobStatus.FINISHED"
        assert [sum(counts.values()) for counts in one["counts"]] == [SHOTS] * len(one["counts"])
    assert [set(counts) for counts in several["counts"]] == [{"00", "11"}, {"010", "110"}]
    assert exact["probabilities"] == [pytest.approx({"00": 0.8658444344, "11": 0.1341555656}, abs=1e-9)]
    assert any(note["path"].startswith("/base/oqcs/") for note in service.noted[:theirs])


async def test_what_is_cancelled_or_fails_is_told_by_the_vendors_client(tmp_path: Path):
    service = emulator(queue=0.5, duration=0.5, faults=[Fault("fail", operation="submit", body="the fridge is warm")])
    plans = [
        plan("run"),
        plan("cancel"),
        plan("cancel", running=True),
        plan(
            "refused",
            plans=[
                {"backend": "WK_C999", "list": True},
                {"shots": 0},
                {"programs": [BELL] * 201, "backend": CHIP, "list": True},
                {"key": "another-key"},
            ],
        ),
    ]
    async with serve(service) as url:
        failed, waiting, running, refused = await vendor.jobs(plans, url=url, home=tmp_path)
    assert failed["words"][-1] == "FAILED"
    assert failed["error"].endswith("run failed: ok")  # the reason, which is in errorMessage, is not told
    assert failed["counts"] == []
    for one in (waiting, running):
        assert one["answers"] == [True, False]
        assert (one["words"], one["counts"]) == (["FAILED"], [])
    chip, shots, many, key = refused["told"]
    assert chip == ["RuntimeError", "chip resource is null"]
    assert shots == ["RuntimeError", "shot: 0; at least 1 is needed"]
    assert many == ["RuntimeError", "a task has 1 to 200 programs, and not 201"]
    assert key == ["RuntimeError", "Unauthorized"]
    assert refused["unknown"] == "JobStatus.FAILED"


async def test_the_vendors_client_reads_all_that_is_said_of_chips(tmp_path: Path):
    service = emulator()
    async with serve(service) as url, serve(OriginqEmulator(chips=())) as without:
        (told,) = await vendor.jobs([{"do": "describe", "backend": CHIP}], url=url, home=tmp_path)
        (listed,) = await vendor.jobs([{"do": "backends"}], url=without, home=tmp_path)
    assert told["version"] == "0.5.1"
    assert told["ours is here"] is False
    assert listed["backends"] == {"full_amplitude": True, "partial_amplitude": True, "single_amplitude": True}
    assert (told["chip"], told["count"], told["gates"]) == (CHIP, 180, ["RPhi", "CZ"])
    assert told["available"] == [*range(45, 51), *range(54, 60)]
    assert sorted(sorted(one[:2]) for one in told["doubles"]) == sorted(
        sorted(one) for one in service.chips[CHIP].edges
    )
    assert [one[0] for one in told["singles"]] == [str(qubit) for qubit in told["available"]]
    assert all(0.9 < one[4] < 1 for one in told["singles"])
    assert [len(block) for block in told["blocks"]] == [3, 3]


async def test_what_the_vendors_client_sends_is_what_was_recorded(tmp_path: Path):
    plans = {
        "single": [plan("run", BELL)],
        "list": [plan("run", BELL, FLIP, backend=CHIP, list=True)],
        "chip": [plan("run", BELL, backend=CHIP, options={})],
        "noise": [plan("run", BELL, noise=NOISE)],
        "probabilities": [plan("run", STATE, qubits=[0, 1])],
        "cancel": [plan("cancel")],
        "describe": [{"do": "describe", "backend": CHIP}],
        "amplitudes": [
            plan("submit", STATE, backend="partial_amplitude", amplitudes=["0", "3"]),
            plan("submit", STATE, backend="single_amplitude", amplitudes="3"),
        ],
    }
    found = {}
    for name, several in plans.items():
        service = emulator(queue=0.3)
        async with serve(service) as url:
            await vendor.jobs(several, url=url, home=tmp_path)
        found[name] = masked(service.noted, {"task": next(iter(service.jobs), "-none-"), "key": vendor.KEY})
    assert json.dumps(found, sort_keys=True) == json.dumps(SEQUENCES, sort_keys=True)
