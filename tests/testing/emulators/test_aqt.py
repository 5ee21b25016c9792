"""AQT's protocol: what the emulator takes, refuses and answers."""

from __future__ import annotations

import asyncio
import copy
import socket
import time
import uuid

import httpx
import pytest

from quantumjobs.errors import UsageError
from quantumjobs.testing import emulators
from quantumjobs.testing.emulators import AqtEmulator, Fault, aqt_payload, needs, serve
from tests.testing.emulators.helpers import (
    BELL,
    FLIP,
    MEASURE,
    UNKNOWN,
    circuit,
    look,
    outcome,
    served,
    submission,
    submit,
    until,
)

real_time = pytest.mark.real_time
STATS = "/_emulator/stats"


# --- payloads ---------------------------------------------------------------------------
def rz(**fields):
    return {"operation": "RZ", "qubit": 0, "phi": 0.5} | fields


def r(**fields):
    return {"operation": "R", "qubit": 0, "theta": 0.5, "phi": 0.5} | fields


def rxx(**fields):
    return {"operation": "RXX", "qubits": [0, 1], "theta": 0.25} | fields


def refused(document) -> list[dict[str, object]]:
    import msgspec

    with pytest.raises(aqt_payload.Invalid) as caught:
        aqt_payload.read(msgspec.json.encode(document), qubits=12)
    (detail,) = caught.value.detail
    assert detail.keys() == {"loc", "msg", "type"}
    return detail["loc"]


@pytest.mark.parametrize(
    "step",
    [
        rz(qubit=-1),
        rz(qubit=2),
        rz(theta=1.0),
        r(theta=1.01),
        r(theta=-0.01),
        r(phi=2.01),
        r(phi=-0.01),
        r(phi="0"),
        rxx(theta=0.51),
        rxx(theta=-0.1),
        rxx(qubits=[1, 1]),
        rxx(qubits=[0]),
        rxx(qubits=[0, 2]),
        MEASURE,
        {"operation": "H", "qubit": 0},
        {"qubit": 0},
    ],
)
def test_an_operation_out_of_its_range_is_refused_where_it_stands(step):
    where = refused(submission(circuit(rz(), step)))
    assert where[:6] == ["body", "payload", "circuits", 0, "quantum_circuit", 1]


@pytest.mark.parametrize(
    "change",
    [
        {"repetitions": 0},
        {"repetitions": 2001},
        {"number_of_qubits": 0},
        {"number_of_qubits": 13},
        {"number_of_qubits": 32},
        {"quantum_circuit": []},
        {"quantum_circuit": [rz()]},
        {"quantum_circuit": [rz()] * 2000 + [MEASURE]},
        {"quantum_circuit": [MEASURE, rz()]},
        {"name": "mine"},
    ],
)
def test_a_circuit_beyond_the_limits_is_refused(change):
    assert refused(submission(BELL | change))[:4] == ["body", "payload", "circuits", 0]


@pytest.mark.parametrize(
    "document",
    [
        submission(job_type="other"),
        submission(payload={"circuits": []}),
        submission(payload={"circuits": [BELL] * 51}),
        submission(extra=1),
        submission(label=1),
        {},
        [],
    ],
)
def test_a_body_of_another_form_is_refused(document):
    assert refused(document)[0] == "body"


def test_angles_at_their_bounds_and_full_jobs_are_taken():
    import msgspec

    steps = [rz(phi=-1e9), r(theta=0.0, phi=2.0), r(theta=1, phi=0), rxx(theta=0.5)]
    full = circuit(*steps, *[rz()] * 1995, shots=2000, qubits=12)
    given = submission(*[full] * 50)
    del given["label"]
    assert len(aqt_payload.read(msgspec.json.encode(given), qubits=12).payload.circuits) == 50


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"job_type": NaN}'])
def test_what_is_no_json_is_refused(body):
    with pytest.raises(aqt_payload.Invalid):
        aqt_payload.read(body, qubits=12)


# --- the wire ---------------------------------------------------------------------------
@real_time
async def test_what_there_is_and_what_there_is_not():
    async with served(AqtEmulator(results="zeros")) as client:
        (workspace,) = (await client.get("/workspaces")).json()
        assert [one["id"] for one in workspace["resources"]][:2] == ["ibex", "simulator_noise"]
        assert (await client.get("/resources/ibex")).json()["available_qubits"] == 12
        told = [
            (await client.get("/resources/none"), 403),
            (await client.post("/submit/none/ibex", json=submission()), 403),
            (await client.post("/submit/ws/none", json=submission()), 404),
            (await client.post("/submit/ws/ibex", json={}), 422),
            (await client.get(f"/result/{UNKNOWN}"), 404),
            (await client.get("/result/none"), 422),
            (await client.delete(f"/jobs/{UNKNOWN}"), 404),
            (await client.delete("/jobs/none"), 422),
            (await client.get("/none"), 404),
            (await client.put("/workspaces"), 405),
        ]
        assert [reply.status_code for reply, _ in told] == [code for _, code in told]
        assert all(reply.json()["detail"] for reply, _ in told)


@real_time
async def test_a_scripted_outcome_is_there_at_the_first_look():
    async with served(AqtEmulator(results="01")) as client:
        reply = (await client.post("/submit/ws/ibex", json=submission(FLIP))).json()
        job = reply["job"].pop("job_id")
        assert uuid.UUID(job).version == 4
        about = {"job_type": "quantum_circuit", "label": "mine", "resource_id": "ibex", "workspace_id": "ws"}
        assert reply == {"job": about, "response": {"status": "queued"}}
        found = (await client.get(f"/result/{job}")).json()
        assert found["job"] == {"job_id": job, **about}
        assert found["response"] == {"status": "finished", "result": {"0": [[0, 1, 0]] * 20}}
        assert (await client.delete(f"/jobs/{job}")).status_code == 204
        assert (await look(client, job))["status"] == "finished"


@real_time
async def test_who_shows_no_token_or_another_one_is_not_let_in():
    async with served(AqtEmulator(results="zeros", token="T")) as client:
        assert (await client.get("/workspaces")).status_code == 200
        reply = await client.get("/workspaces", headers={"Authorization": "Bearer other"})
        assert (reply.status_code, reply.json()) == (401, {"detail": "Could not validate credentials"})
        del client.headers["authorization"]
        reply = await client.get("/workspaces")
        assert (reply.status_code, reply.json()) == (401, {"detail": "Not authenticated"})
        url = client.base_url.copy_with(path="/_emulator/token")
        assert (await client.post(url, json={"token": "other"})).status_code == 200
        client.headers["authorization"] = "Bearer other"
        assert (await client.get("/workspaces")).status_code == 200
        assert (await client.delete(url)).status_code == 200
        assert (await client.get("/workspaces")).status_code == 401
        assert (await client.post(url, json={})).status_code == 422


@real_time
async def test_what_was_asked_for_is_counted():
    emulator = AqtEmulator(results="zeros", faults=[Fault("status", operation="submit", at=2)])
    async with served(emulator) as client:
        job = await submit(client)
        await client.post("/submit/ws/ibex", json=submission())
        await client.delete(f"/jobs/{job}")
        del client.headers["authorization"]
        assert (await client.get(client.base_url.copy_with(path=STATS))).json() == {
            "requests": {"submit": 2, "cancel": 1},
            "submissions": 2,
            "cancels": 1,
            "jobs": 1,
            "accepted": 1,
            "states": {"completed": 1},
            "faults": 1,
            "connections": 1,
            "open_connections": 1,
        }


@real_time
async def test_latency_comes_before_every_reply():
    async with served(AqtEmulator(results="zeros", latency=0.15)) as client:
        began = time.monotonic()
        await client.get("/workspaces")
        assert time.monotonic() - began >= 0.14


@real_time
async def test_a_body_or_a_job_too_many_is_refused(monkeypatch):
    monkeypatch.setattr("quantumjobs.testing.emulators.frame.BODY_LIMIT", 2000)
    async with served(AqtEmulator(results="zeros", job_limit=1)) as client:
        reply = await client.post("/submit/ws/ibex", json=submission(label="x" * 3000))
        assert reply.status_code == 413
        await submit(client)
        assert (await client.post("/submit/ws/ibex", json=submission())).status_code == 503


# --- jobs -------------------------------------------------------------------------------
@real_time
async def test_circuits_really_run_and_the_seed_decides():
    emulator = AqtEmulator(seed=7)
    async with served(emulator) as client:
        first = await outcome(client, BELL, FLIP, BELL)
        assert first["1"] == [[1, 0, 0]] * 20  # by qubit, in their order
        assert {tuple(shot) for shot in first["0"]} == {(0, 0), (1, 1)}
        assert first["0"] != first["2"]  # each place in a job has a seed of its own
        assert await outcome(client, BELL, FLIP, BELL, resource="simulator_no_noise") == first
        emulator.seed = 7 + 2 * 2113
        assert (await outcome(client, BELL))["0"] == first["2"]
        many = circuit(*[rxx(theta=0.5)] * 40, shots=2000)
        noisy = (await outcome(client, many, resource="simulator_noise"))["0"]
        assert 0 < sum(first != second for first, second in noisy) < 1000


@real_time
async def test_a_job_is_cancelled_in_the_queue_and_while_it_runs():
    async with served(AqtEmulator(results="zeros", duration=0.1)) as client:
        running, waiting = await submit(client, *[BELL] * 20), await submit(client)
        found = await until(client, running, "ongoing")
        assert found["finished_count"] in range(20)
        codes = [(await client.delete(f"/jobs/{job}")).status_code for job in (waiting, running, waiting, running)]
        assert codes == [204, 204, 208, 208]
        assert (await look(client, waiting))["status"] == "cancelled"
        assert (await until(client, running, "cancelled")) == {"status": "cancelled"}


@real_time
async def test_jobs_wait_in_the_queue_and_run_in_their_order():
    async with served(AqtEmulator(results="zeros", queue=0.3, duration=0.05)) as client:
        first, second = await submit(client, BELL, BELL), await submit(client, *[BELL] * 10)
        assert (await look(client, first))["status"] == "queued"
        await until(client, first, "finished")
        assert (await look(client, second))["status"] in {"queued", "ongoing"}
        await until(client, second, "finished")


@real_time
async def test_what_cannot_be_run_is_an_error_with_a_message(monkeypatch):
    monkeypatch.setattr("quantumjobs.testing.emulators.aqt.SIMULATE", "quantumjobs.testing.emulators.aqt_run:none")
    async with served(AqtEmulator()) as client:
        found = await until(client, await submit(client), "error")
        assert "none" in found["message"]


# --- serving ----------------------------------------------------------------------------
@real_time
async def test_jobs_stay_when_it_is_served_again():
    emulator = AqtEmulator(results="zeros", duration=0.1)
    async with served(emulator) as client:
        job = await submit(client, BELL, BELL)
        await until(client, job, "ongoing")
    async with served(emulator) as client:
        assert (await until(client, job, "finished"))["result"].keys() == {"0", "1"}


@real_time
async def test_the_end_cuts_off_what_is_under_way():
    emulator = AqtEmulator(results="zeros", latency=30, faults=[Fault("hang")])
    async with asyncio.timeout(10), httpx.AsyncClient(headers={"Authorization": "Bearer T"}) as client:
        async with serve(emulator) as url:
            asking = [asyncio.create_task(client.get(f"{url}/api/v1/workspaces")) for _ in range(3)]
            while emulator.requests["workspaces"] < 3:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        found = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(one, httpx.TransportError) for one in found)
    assert emulator.open_connections == 0


@real_time
async def test_a_reply_does_not_wait_for_an_acknowledgement():
    async with served(AqtEmulator(results="zeros")) as client:
        took = []
        for _ in range(40):
            began = time.monotonic()
            await client.get("/workspaces")
            took.append(time.monotonic() - began)
        assert min(took[-10:]) < 0.03  # a delayed one takes 0.04; a system acknowledges the first ones at once


@real_time
async def test_a_port_that_is_taken_is_told():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} of 127.0.0.1 cannot be had"):
            async with serve(AqtEmulator(), port):
                pass


# --- settings ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    "settings", [{"results": "2"}, {"results": ""}, {"latency": -1}, {"parallel": 0}, {"queue": -1}]
)
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(UsageError):
        AqtEmulator(**settings)


def test_a_missing_extra_is_told_with_its_command(monkeypatch):
    monkeypatch.setattr(needs, "find_spec", lambda name: None if name == "uvicorn" else copy)
    with pytest.raises(UsageError, match=r'uvicorn, which is not installed: pip install "quantumjobs\[emulators\]"'):
        _ = emulators.AqtEmulator
    assert emulators.Fault is Fault  # scripts are only data
    with pytest.raises(AttributeError):
        _ = emulators.nothing
    assert set(emulators.__all__) == set(dir(emulators))
