"""The vendor's client works against our emulator, and our adapter gives what it gives.

That client looks once a second and imports for seconds, so one process does what can be done together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from quantumjobs.testing.emulators import Fault, IqmEmulator, serve
from tests.oracles.aqt import circuits
from tests.oracles.iqm import vendor
from tests.oracles.iqm.recorded import SEQUENCES, masked

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(240)]

SHOTS = 200
GHZ = circuits.ghz(5)
MIXED = [circuits.ghz(3), *(circuits.clifford_and_t(width, 1) for width in (3, 4, 5))]


def emulator(**settings: Any) -> IqmEmulator:
    return IqmEmulator(seed=vendor.SEED, token=vendor.TOKEN, **settings)


def plan(do: str, *given: str, shots: int = SHOTS, **more: Any) -> dict[str, Any]:
    return {"do": do, "circuits": list(given or ("bell",)), "shots": shots, **more}


def native(do: str, *given: str, **more: Any) -> dict[str, Any]:
    """The circuit goes out as it is written."""
    return plan(do, *given, shots=4, level=None, record=True, **more)


def names(service: IqmEmulator, report: dict[str, Any]) -> dict[str, str]:
    return {"job": report["id"], "calibration": service.calibrations["garnet"][-1].id}


async def test_the_vendors_client_reads_all_that_is_said_of_computers(tmp_path: Path):
    service = emulator()
    described = [{"do": "describe", "computer": one, "fake": one} for one in ("garnet", "emerald", "deneb", "adonis")]
    described += [{"do": "describe", "computer": "line"}]
    async with serve(service) as url:
        found = await vendor.jobs(described, url=url, home=tmp_path)
    garnet, emerald, deneb, adonis, line = found
    assert garnet["versions"] == {"iqm-client": "36.0.0", "qiskit": "2.1.2"}
    assert not any(one["ours is here"] for one in found)
    assert [one["qubits"] for one in found] == [20, 54, 6, 5, 5]
    everything = ["cz", "delay", "id", "if_else", "measure", "r", "reset"]
    assert garnet["operations"] == emerald["operations"] == line["operations"] == everything
    assert adonis["operations"] == ["cz", "delay", "id", "measure", "r"]
    assert deneb["resonators"] == ["CR1"]
    for one in (garnet, emerald, deneb, adonis):
        assert one["edges"] == one["static edges"] == one["published edges"]
    for one in found:
        assert len(set(one["calibration"])) == 1
        assert one["health"] == {"healthy": True}
        assert {"version", "about_station"} <= set(one["about"])
        assert all(0.9 < fidelity < 1 for fidelity in one["fidelities"])
        assert all(0 < error < 0.1 for error in one["errors"])
        assert one["durations"] == [20e-9, 40e-9]
        assert all(0 < seconds["QB1"] < 1e-3 for seconds in one["coherence"])
        assert one["frequency"] > 1e9


async def test_the_vendors_client_submits_follows_and_finishes(tmp_path: Path):
    service = emulator(queue=0.8, duration=0.3, warnings=["cooling down"])
    plans = [
        plan("run", "bell"),
        plan("run", *MIXED),
        plan("run", "conditional"),
        plan("run", GHZ, computer="deneb"),
        plan("run", "conditional", computer="deneb"),
        plan("run", circuits.ghz(6), computer="emerald"),
    ]
    async with serve(service) as url:
        found = await vendor.jobs(plans, url=url, home=tmp_path)
    bell, several, conditional, star, star_conditional, wide = found
    for one in found:
        assert (one["success"], one["error"], one["messages"]) == (True, None, ["cooling down"])
        assert one["words"] == ["QUEUED", "RUNNING", "DONE"]
        assert one["positions"] == [0, None]
        assert one["timeline"][0] == ["iqm-server", "created"]
        assert one["timeline"][-1] == ["iqm-server", "ready"]
        assert [sum(counts.values()) for counts in one["counts"]] == [SHOTS] * len(one["counts"])
        # The histograms are in the order of the keys, which is that of the client's shots, backwards.
        for counts, histogram in zip(one["counts"], one["histograms"], strict=True):
            assert sum(histogram["counts"].values()) == sum(counts.values())
            assert sorted(histogram["counts"].values()) == sorted(counts.values())
    assert [set(one["counts"][0]) for one in (bell, star, wide)] == [{"0" * n, "1" * n} for n in (2, 5, 6)]
    assert len(several["counts"]) == len(MIXED)
    assert several["counts"][0].keys() == {"000", "111"}
    assert conditional["operations"][0].keys() >= {"if_else", "reset", "delay"}
    for one in (conditional, star_conditional):
        assert set(one["counts"][0]) == {"000 00", "101 10"}  # flipped where it was measured as 1; what is reset is 0
    assert star["operations"][0]["move"] >= 2
    assert "move" not in wide["operations"][0]


async def test_what_the_vendors_client_sends_is_what_was_recorded(tmp_path: Path):
    service = emulator(duration=0.5)
    plans = {
        "run": native("run", "bell", "bell"),
        "conditional": plan("run", "conditional", shots=4, record=True),
        "cancel": native("cancel", "bell", "bell"),
        "delete": native("delete", "bell", "bell"),
        "describe": {"do": "describe", "fake": "garnet", "record": True},
    }
    async with serve(service) as url:
        reports = await vendor.jobs(list(plans.values()), url=url, home=tmp_path)
        found = dict(zip(plans, reports, strict=True))
        again = {"do": "retrieve", "id": found["run"]["id"], "record": True}
        (found["retrieve"],) = await vendor.jobs([again], url=url, home=tmp_path)  # in another process
    assert found["retrieve"]["memory"] == found["run"]["memory"]
    assert found["retrieve"]["counts"] == found["run"]["counts"]
    assert found.keys() == SEQUENCES.keys()
    for name, report in found.items():
        known = names(service, {"id": "-none-", **report})
        assert masked(report["requests"], known) == SEQUENCES[name], name


async def test_what_is_cancelled_deleted_or_fails_is_told_by_the_vendors_client(tmp_path: Path):
    failing = [Fault("fail", operation="submit", body="the fridge is warm")]
    service = emulator(queue=1.0, duration=1.0, faults=failing)
    many = ["bell"] * 20
    unknown = "00000000-0000-4000-8000-000000000000"
    plans = [
        plan("run", "bell"),
        plan("cancel", *many, running=True),
        plan("cancel", "bell"),
        plan("delete", "bell"),
        {"do": "refused", "shots": 200_000, "id": unknown, "wrong": "x"},
    ]
    async with serve(service) as url:
        failed, running, waiting, deleted, refused = await vendor.jobs(plans, url=url, home=tmp_path)
    assert failed["words"][-1] == "ERROR"
    assert not failed["success"]
    assert "the fridge is warm" in failed["error"]
    assert "execution_failed" in failed["error"]
    for one in (running, waiting):
        assert one["answers"] == [True, False]  # the second time it is over: 403 illegal_job_status
        assert (one["words"], one["success"], one["counts"]) == (["CANCELLED"], False, [])
    assert ["iqm-station-control", "execution_started"] in running["timeline"]
    assert ["iqm-station-control", "execution_started"] not in waiting["timeline"]
    assert deleted["told"] == ["NotFoundError", f"There is no job {deleted['id']}"]
    shots, nobody, token = refused["told"]
    assert shots[0] == "ValidationError"
    assert "shots: 200000 is more than 100000" in shots[1]
    assert nobody == ["NotFoundError", f"There is no job {unknown}"]
    assert token == ["AuthenticationError", "Missing or invalid authentication credentials"]


async def test_the_queue_moves_while_the_vendors_client_waits(tmp_path: Path):
    service = emulator(duration=1.0)
    plans = [plan("submit", *["bell"] * 5), plan("submit"), plan("submit"), plan("run")]
    async with serve(service) as url:
        first, second, third, last = await vendor.jobs(plans, url=url, home=tmp_path)
        async with httpx.AsyncClient(trust_env=False) as http:
            stats = (await http.get(f"{url}/_emulator/stats")).json()
    assert [one["position"] for one in (second, third)] == [0, 1]
    assert first["position"] == 0
    assert last["positions"][0] == 2
    assert last["positions"][-2:] == [0, None]
    assert last["positions"][:-1] == sorted(last["positions"][:-1], reverse=True)
    assert last["words"] == ["QUEUED", "RUNNING", "DONE"]
    assert stats["states"] == {"completed": 4}
