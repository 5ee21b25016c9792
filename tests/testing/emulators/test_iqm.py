"""IQM's protocol: what the emulator answers, and what becomes of jobs."""

from __future__ import annotations

import asyncio
import datetime as dt
import uuid

import pytest

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import Fault, IqmEmulator
from quantumjobs.testing.emulators.iqm_computers import COMPUTERS, Computer, line, names
from tests.testing.emulators.iqm_helpers import (
    BELL,
    FLIP,
    circuit,
    half,
    look,
    measure,
    prx,
    send,
    served,
    submission,
    until,
)

pytestmark = pytest.mark.real_time
UNKNOWN = "00000000-0000-4000-8000-000000000000"
SMALL = Computer(alias="small", qubits=names(2), connectivity=line(2), healthy=False)


def error(reply) -> str:
    """The code of a refusal, which has IQM's form."""
    found = reply.json()
    assert found.keys() == {"message", "error_code", "source", "request_id"}
    assert found["message"]
    assert found["source"] == "iqm-server"
    assert uuid.UUID(found["request_id"])
    return found["error_code"]


# --- discovery --------------------------------------------------------------------------
async def test_computers_are_listed_and_found_by_alias_or_id():
    emulator = IqmEmulator(computers=[*COMPUTERS, SMALL])
    async with served(emulator) as client:
        listed = (await client.get("/quantum-computers")).json()["quantum_computers"]
        by_alias = {one["alias"]: one["id"] for one in listed}
        assert list(by_alias) == ["garnet", "emerald", "deneb", "line", "adonis", "small"]
        assert len({uuid.UUID(id) for id in by_alias.values()}) == 6
        for name in ("garnet", by_alias["garnet"]):
            assert (await client.get(f"/quantum-computers/{name}/health")).json() == {"healthy": True}
            found = (await client.get(f"/quantum-computers/{name}/queue-availability")).json()
            assert found["queue_length"] == 0
            assert len(found["available"]) == 1
        assert (await client.get("/quantum-computers/small/health")).json() == {"healthy": False}
        assert (await client.get("/quantum-computers/small/queue-availability")).json()["available"] == []
        (static,) = (await client.get("/quantum-computers/deneb/artifacts/static-quantum-architectures")).json()
        assert static["computational_resonators"] == ["CR1"]
        assert static["connectivity"] == [[qubit, "CR1"] for qubit in static["qubits"]]
        for path in ("/about", "/quantum-computers/deneb/artifacts/about"):
            assert (await client.get(path)).json().keys() == {"version", "software_versions"}


async def test_what_is_not_there_is_refused_in_the_servers_form():
    async with served(IqmEmulator(results="zeros")) as client:
        told = [
            (await client.get("/quantum-computers/none/health"), 404, "quantum_computer_not_found"),
            (await client.post("/jobs/none/circuit", json=submission()), 404, "quantum_computer_not_found"),
            (await client.get("/calibration-sets/none/default"), 404, "quantum_computer_not_found"),
            (await client.get(f"/calibration-sets/garnet/{UNKNOWN}/metrics"), 404, "calibration_set_not_found"),
            (await client.get(f"/jobs/{UNKNOWN}"), 404, "job_not_found"),
            (await client.get(f"/jobs/{UNKNOWN}/payload"), 404, "job_not_found"),
            (await client.post(f"/jobs/{UNKNOWN}/cancel"), 404, "job_not_found"),
            (await client.delete(f"/jobs/{UNKNOWN}"), 404, "job_not_found"),
            (await client.get("/jobs/none"), 422, "invalid_payload"),
            (await client.post("/jobs/garnet/circuit", content=b"{"), 400, "invalid_payload"),
            (await client.post("/jobs/garnet/circuit?use_timeslot=x", json=submission()), 422, "invalid_payload"),
            (await client.get("/none"), 404, "not_found"),
            (await client.put("/quantum-computers"), 405, "method_not_allowed"),
        ]
    assert [(reply.status_code, error(reply)) for reply, _, _ in told] == [(code, word) for _, code, word in told]


async def test_an_architecture_is_that_of_its_calibration_and_a_new_one_takes_its_place():
    emulator = IqmEmulator(results="zeros")
    path = "/calibration-sets/deneb/{}/dynamic-quantum-architecture"
    async with served(emulator) as client:
        first = (await client.get(path.format("default"))).json()
        move = first["gates"]["move"]
        assert move["implementations"][move["default_implementation"]]["loci"] == [[q, "CR1"] for q in first["qubits"]]
        assert first["computational_resonators"] == ["CR1"]
        new = emulator.recalibrate("deneb")
        second = (await client.get(path.format("default"))).json()
        assert second["calibration_set_id"] == new != first["calibration_set_id"]
        assert (await client.get(path.format(first["calibration_set_id"]))).json() == first
        old = {"calibration_set_id": first["calibration_set_id"]}
        told = await send(client, circuit(measure()), to="deneb", **old)
        assert told["compilation"] == old
        told = await send(client, circuit(measure()), to="deneb")
        assert told["compilation"] == {"calibration_set_id": new}
        emulator.recalibrate("deneb", forget=True)
        reply = await client.post("/jobs/deneb/circuit", json=submission(circuit(measure()), **old))
        assert (reply.status_code, error(reply)) == (404, "calibration_set_not_found")
    assert IqmEmulator().recalibrate("deneb") == new  # the same in every process
    with pytest.raises(UsageError, match="garnett.*did you mean 'garnet'"):
        emulator.recalibrate("garnett")


async def test_metrics_say_how_good_and_how_long_every_gate_is():
    emulator = IqmEmulator()
    async with served(emulator) as client:
        found = (await client.get("/calibration-sets/deneb/default/metrics")).json()
        calibration = (await client.get("/calibration-sets/deneb/default")).json()
        emulator.recalibrate("deneb")
        later = (await client.get("/calibration-sets/deneb/default/metrics")).json()
    assert found["observation_set_type"] == "quality-metric-set"
    assert found["describes_id"] == calibration["observation_set_id"] != found["observation_set_id"]
    values = {one["dut_field"]: one["value"] for one in found["observations"]}
    assert 0.99 < values["metrics.rb.prx.drag_crf_sx.QB4.fidelity"] < 1
    assert 0.98 < values["metrics.irb.cz.crf_acstarkcrf.QB1__CR1.fidelity"] < 1
    assert 0.98 < values["metrics.irb.move.crf_crf.QB6__CR1.fidelity"] < 1
    errors = [values[f"metrics.ssro.measure.constant.QB2.error_{one}"] for one in ("0_to_1", "1_to_0")]
    assert sum(errors) / 2 == pytest.approx(1 - values["metrics.ssro.measure.constant.QB2.fidelity"])
    assert values["gates.move.crf_crf.QB1__CR1.duration"] == 96e-9
    assert 0 < values["characterization.model.CR1.t2_time"] < values["characterization.model.QB1.t1_time"] < 1e-3
    rates = {values[f"metrics.rb.prx.drag_crf_sx.{qubit}.fidelity"] for qubit in names(6)}
    assert len(rates) == 6
    assert rates.isdisjoint(one["value"] for one in later["observations"])


# --- who is let in, and what goes wrong ---------------------------------------------------
async def test_who_is_not_let_in_is_told_as_the_server_tells_it():
    async with served(IqmEmulator(results="zeros", token="T")) as client:
        assert (await client.get("/quantum-computers")).status_code == 200
        for headers in ({"Authorization": "Bearer other"}, {"Authorization": ""}):
            reply = await client.get(f"/jobs/{UNKNOWN}", headers=headers)
            assert (reply.status_code, error(reply)) == (401, "unauthorized")
            assert reply.json()["message"] == "Missing or invalid authentication credentials"


async def test_scripted_errors_have_the_servers_form():
    emulator = IqmEmulator(results="zeros")
    async with served(emulator) as client:
        job = (await send(client))["id"]
        emulator.script.replace(
            [
                Fault("status", operation="job", status=429, retry_after=30),
                Fault("status", operation="job", at=2, status=520),
                Fault("status", operation="job", at=3, status=403, body='{"detail": "legacy"}'),
                Fault("vanish", operation="job", at=4),
                Fault("word", operation="job", at=5, word="pending_execution"),
                Fault("expire", operation="job", at=6),
            ]
        )
        limited, odd, legacy, gone, word, expired = [await client.get(f"/jobs/{job}") for _ in range(6)]
        assert (limited.status_code, error(limited), limited.headers["retry-after"]) == (429, "rate_limit", "30")
        assert (odd.status_code, error(odd)) == (520, None)
        assert (legacy.status_code, legacy.json()) == (403, {"detail": "legacy"})
        assert (gone.status_code, error(gone)) == (404, "job_not_found")
        assert (word.json()["status"], word.json()["id"]) == ("pending_execution", job)
        assert (expired.status_code, error(expired)) == (401, "unauthorized")


async def test_a_refusal_goes_wrong_as_any_other_reply():
    async with served(IqmEmulator(faults=[Fault("status", operation="submit", after=True)])) as client:
        reply = await client.post("/jobs/none/circuit", json=submission())
        assert (reply.status_code, error(reply)) == (503, None)


# --- jobs -------------------------------------------------------------------------------
async def test_a_job_waits_runs_and_completes_with_everything_the_server_says_of_it():
    emulator = IqmEmulator(results="01", queue=0.3, duration=0.2, warnings=["cooling down"])
    async with served(emulator) as client:
        began = dt.datetime.now(dt.UTC)
        told = await send(client, FLIP, FLIP, FLIP)
        job = told["id"]
        assert uuid.UUID(job).version == 4
        assert (told["type"], told["status"], told["queue_position"]) == ("circuit", "waiting", 0)
        assert (told["execution"], told["artifacts"], told["errors"], told["messages"]) == (None, [], [], [])
        running = await until(client, job, "processing")
        assert running["queue_position"] is None
        assert running["execution"]["progress"]["circuits"]["max_value"] == 3
        for name in ("measurements", "measurement_counts"):
            reply = await client.get(f"/jobs/{job}/artifacts/{name}")
            assert (reply.status_code, error(reply)) == (404, "artifact_not_found")
        done = await until(client, job, "completed")
        assert done["execution"] == {"progress": {"circuits": {"value": 3, "max_value": 3}}}
        assert done["messages"] == [{"source": "iqm-server", "message": "cooling down"}]
        assert done["artifacts"] == [{"type": "measurements"}, {"type": "measurement_counts"}]
        words = [(one["source"], one["status"]) for one in done["timeline"]]
        assert words[:2] == [("iqm-server", "created"), ("iqm-station-control", "received")]
        assert ("iqm-station-control", "execution_started") in words
        assert words[-1] == ("iqm-server", "ready")
        stamps = {one["status"]: dt.datetime.fromisoformat(one["timestamp"]) for one in done["timeline"]}
        assert began <= stamps["created"] <= stamps["execution_started"] - dt.timedelta(seconds=0.2)
        assert stamps["execution_started"] <= stamps["ready"] - dt.timedelta(seconds=0.5)
        measurements = (await client.get(f"/jobs/{job}/artifacts/measurements")).json()
        assert measurements == [{"m_3": [[0, 1, 0]] * 20}] * 3
        counts = (await client.get(f"/jobs/{job}/artifacts/measurement_counts")).json()
        assert counts == [{"measurement_keys": ["m_3"], "counts": {"010": 20}}] * 3


async def test_the_payload_is_what_was_sent_byte_for_byte():
    body = b'{"shots":3, "circuits" : [{"name":"\xc3\xa9","instructions":[],"metadata":{"a":1e0}}]}'
    async with served(IqmEmulator(results="zeros")) as client:
        reply = await client.post("/jobs/line/circuit?use_timeslot=true", content=body)
        assert reply.status_code == 201
        job = reply.json()["id"]
        found = await client.get(f"/jobs/{job}/payload")
        assert found.content == body
        assert found.headers["content-type"] == "application/json"


async def test_positions_count_the_jobs_ahead_and_fall_as_the_queue_moves():
    async with served(IqmEmulator(results="zeros", duration=1.0)) as client:
        told = [await send(client, circuit(measure()), to=alias) for alias in ("garnet", "line", "garnet", "deneb")]
        assert [one["status"] for one in told] == ["waiting"] * 4
        first, second, third, last = [one["id"] for one in told]
        await until(client, first, "processing")
        assert [(await look(client, job))["queue_position"] for job in (first, second, third, last)] == [None, 0, 1, 2]
        assert (await client.get("/quantum-computers/line/queue-availability")).json()["queue_length"] == 3
        assert (await send(client, circuit(measure())))["queue_position"] == 3
        await client.post(f"/jobs/{second}/cancel")
        assert [(await look(client, job))["queue_position"] for job in (second, third, last)] == [None, 0, 1]
        await until(client, third, "processing")
        assert (await look(client, last))["queue_position"] == 0


async def test_positions_are_right_while_the_next_job_waits_for_its_time():
    async with served(IqmEmulator(results="zeros", queue=30)) as client:
        told = [await send(client) for _ in range(3)]
        assert [one["queue_position"] for one in told] == [0, 1, 2]
        await asyncio.sleep(0)  # the runner has taken the first one, which is still the first
        assert [(await look(client, one["id"]))["queue_position"] for one in told] == [0, 1, 2]


async def test_a_running_job_is_interrupted_and_the_next_one_runs():
    emulator = IqmEmulator(results="zeros", duration=30)
    async with served(emulator) as client:
        running, waiting = [(await send(client))["id"] for _ in range(2)]
        await until(client, running, "processing")
        emulator.queue.duration = 0.0
        reply = await client.post(f"/jobs/{running}/cancel")
        assert (reply.status_code, reply.json()["status"]) == (200, "cancelled")
        assert (await until(client, waiting, "completed"))["artifacts"]
        found = await look(client, running)
        assert (found["status"], found["artifacts"], found["errors"]) == ("cancelled", [], [])
        assert found["timeline"][-1]["status"] == "cancelled"


async def test_a_simulation_is_interrupted_in_its_worker():
    emulator = IqmEmulator(seed=1)
    long = circuit(*[half(qubit) for qubit in names(20)] * 400, measure(*names(20)))
    async with served(emulator) as client:
        running = (await send(client, long))["id"]
        await until(client, running, "processing")
        assert (await client.post(f"/jobs/{running}/cancel")).status_code == 200
        after = (await send(client, circuit(prx(), measure())))["id"]
        await until(client, after, "completed")
        assert (await look(client, running))["status"] == "cancelled"


async def test_a_job_that_is_over_cannot_be_cancelled_and_stays():
    emulator = IqmEmulator(results="zeros", faults=[Fault("fail", operation="submit", at=2, body="the fridge is warm")])
    async with served(emulator) as client:
        done, failed = [(await send(client))["id"] for _ in range(2)]
        found = await until(client, failed, "failed")
        assert found["errors"] == [
            {"message": "the fridge is warm", "error_code": "execution_failed", "source": "iqm-station-control"}
        ]
        assert found["artifacts"] == []
        for job, word in ((done, "completed"), (failed, "failed")):
            reply = await client.post(f"/jobs/{job}/cancel")
            assert (reply.status_code, error(reply)) == (403, "illegal_job_status")
            assert (await look(client, job))["status"] == word


async def test_what_is_deleted_is_interrupted_and_unknown():
    emulator = IqmEmulator(results="zeros", duration=30)
    async with served(emulator) as client:
        running, waiting = [(await send(client))["id"] for _ in range(2)]
        await until(client, running, "processing")
        for job in (waiting, running):
            assert (await client.delete(f"/jobs/{job}")).status_code == 204
            reply = await client.get(f"/jobs/{job}")
            assert (reply.status_code, error(reply)) == (404, "job_not_found")
        assert (await client.delete(f"/jobs/{running}")).status_code == 404
        emulator.queue.duration = 0.0
        after = (await send(client))["id"]
        await until(client, after, "completed")
        assert list(emulator.jobs) == [after]


async def test_older_servers_have_neither_counts_nor_availability():
    async with served(IqmEmulator(results="zeros", counts_artifact=False, queue_availability=False)) as client:
        job = (await send(client))["id"]
        assert (await look(client, job))["artifacts"] == [{"type": "measurements"}]
        for path in (f"/jobs/{job}/artifacts/measurement_counts", "/quantum-computers/garnet/queue-availability"):
            reply = await client.get(path)
            assert reply.status_code == 404
            error(reply)
        assert (await client.get(f"/jobs/{job}/artifacts/measurements")).status_code == 200


async def test_what_was_asked_for_is_counted():
    emulator = IqmEmulator(results="zeros")
    async with served(emulator) as client:
        job = (await send(client, BELL))["id"]
        await look(client, job)
        await client.get(f"/jobs/{job}/artifacts/measurement_counts")
        await client.post(f"/jobs/{job}/cancel")
        await client.delete(f"/jobs/{job}")
    assert emulator.stats["requests"] == dict.fromkeys(("submit", "job", "counts", "cancel", "delete"), 1)
    assert (emulator.stats["submissions"], emulator.stats["cancels"], emulator.stats["jobs"]) == (1, 1, 0)
