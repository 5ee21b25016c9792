"""Direct access to a device: one circuit at a time, and a request that stays until it is over."""

from __future__ import annotations

import asyncio
import uuid

import httpx
import pytest

from quantumjobs.testing.emulators import AqtEmulator, Fault
from tests.testing.emulators.helpers import BELL, FLIP, MEASURE, UNKNOWN, circuit, served, submit, until

pytestmark = pytest.mark.real_time


async def put(client: httpx.AsyncClient, given=BELL) -> str:
    reply = await client.put(client.base_url.join("/circuit"), json=given)
    assert reply.status_code == 200, reply.text
    found = reply.json()
    assert uuid.UUID(found).version == 4
    return found


async def wait(client: httpx.AsyncClient, job: str) -> httpx.Response:
    return await client.get(client.base_url.join(f"/circuit/result/{job}"))


async def asked(emulator: AqtEmulator, operation: str, often: int = 1) -> None:
    async with asyncio.timeout(10):
        while emulator.requests[operation] < often:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


async def test_a_device_says_its_name_and_its_ions():
    async with served(AqtEmulator(device="oak", device_qubits=5)) as client:
        assert (await client.get(client.base_url.join("/status/ions"))).json() == {"num_ions": 5}
        assert (await client.get(client.base_url.join("/system/name"))).json() == "oak"
        wide = await client.put(client.base_url.join("/circuit"), json=circuit(qubits=6))
        assert wide.status_code == 422
        assert wide.json()["detail"][0]["loc"] == ["body", "number_of_qubits"]


async def test_a_circuit_runs_as_the_first_of_a_job_in_the_cloud_does():
    emulator = AqtEmulator(seed=7)
    async with served(emulator) as client:
        first, second = await put(client), await put(client)
        found = (await wait(client, first)).json()
        assert found["job_id"] == first
        assert found["payload"]["status"] == "finished"
        shots = found["payload"]["result"]
        assert {tuple(shot) for shot in shots} == {(0, 0), (1, 1)}
        assert (await wait(client, second)).json()["payload"] == found["payload"]
        assert (await wait(client, first)).json() == found  # it may be asked for again
        in_cloud = await until(client, await submit(client, BELL), "finished")
        assert in_cloud["result"]["0"] == shots
    assert len(emulator.jobs) == 3
    assert emulator.stats["submissions"] == 3
    assert emulator.requests == {"put": 2, "wait": 3, "submit": 1, "result": emulator.requests["result"]}


async def test_the_reply_comes_when_the_circuit_is_over_to_everybody_who_waits():
    emulator = AqtEmulator(results="01", duration=0.2)
    async with served(emulator) as client:
        job = await put(client, FLIP)
        waiting = [asyncio.create_task(wait(client, job)) for _ in range(3)]
        await asked(emulator, "wait", 3)
        assert not emulator.jobs[job].is_over
        assert not any(one.done() for one in waiting)
        for one in waiting:
            payload = {"status": "finished", "result": [[0, 1, 0]] * 20}
            assert (await one).json() == {"job_id": job, "payload": payload}


async def test_who_leaves_is_waited_for_no_longer_and_may_come_back():
    emulator = AqtEmulator(results="zeros", duration=1.5)
    async with served(emulator) as client:
        job = await put(client)
        before = asyncio.all_tasks()
        leaving = asyncio.create_task(wait(client, job))
        await asked(emulator, "wait")
        leaving.cancel()
        async with asyncio.timeout(10):
            while asyncio.all_tasks() - before:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.005)
        assert not emulator.jobs[job].is_over  # the request was over before the circuit
        assert (await wait(client, job)).json()["payload"]["status"] == "finished"


async def test_a_circuit_that_fails_says_no_word_why(monkeypatch):
    fault = Fault("fail", operation="put", body="ions were lost")
    async with served(AqtEmulator(faults=[fault])) as client:
        scripted = await put(client)
        assert (await wait(client, scripted)).json() == {"job_id": scripted, "payload": {"status": "error"}}
        monkeypatch.setattr("quantumjobs.testing.emulators.aqt.SIMULATE", "quantumjobs.testing.emulators.aqt_run:none")
        broken = await put(client)
        assert (await wait(client, broken)).json() == {"job_id": broken, "payload": {"status": "error"}}


async def test_what_is_no_circuit_and_what_is_no_job_is_refused():
    async with served(AqtEmulator(results="zeros", job_limit=2)) as client:
        url = client.base_url.join("/circuit")
        wrong = [
            {},
            BELL | {"quantum_circuit": [MEASURE] * 2},
            BELL | {"repetitions": 0},
            BELL | {"label": "x"},
            [BELL],
        ]
        for given in wrong:
            reply = await client.put(url, json=given)
            assert (reply.status_code, reply.json()["detail"][0]["loc"][0]) == (422, "body"), given
        assert (await wait(client, UNKNOWN)).status_code == 404
        assert (await wait(client, "none")).status_code == 422
        in_cloud, on_device = await submit(client), await put(client)
        assert (await wait(client, in_cloud)).status_code == 404  # each is known where it was submitted
        assert (await client.get(f"/result/{on_device}")).status_code == 404
        assert (await client.delete(f"/jobs/{on_device}")).status_code == 404
        assert (await client.put(url, json=BELL)).status_code == 503


async def test_the_same_tokens_are_let_in_as_by_the_cloud():
    async with served(AqtEmulator(results="zeros", token="T")) as client:
        job = await put(client)
        del client.headers["authorization"]
        for method, path in [("GET", "/status/ions"), ("GET", "/system/name"), ("GET", f"/circuit/result/{job}")]:
            reply = await client.request(method, client.base_url.join(path))
            assert (reply.status_code, reply.json()) == (401, {"detail": "Not authenticated"})
        refused = await client.put(client.base_url.join("/circuit"), json=BELL, headers={"Authorization": "Bearer x"})
        assert refused.status_code == 401


async def test_faults_strike_the_request_that_waits():
    faults = [
        Fault("vanish", operation="wait"),
        Fault("word", operation="wait", at=2, word="napping"),
        Fault("reset", operation="wait", at=3),
        Fault("status", operation="put", at=2, after=True),
    ]
    emulator = AqtEmulator(results="zeros", faults=faults)
    async with served(emulator) as client:
        job = await put(client)
        assert (await wait(client, job)).status_code == 404
        assert (await wait(client, job)).json() == {"job_id": job, "payload": {"status": "napping"}}
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await wait(client, job)
        assert (await wait(client, job)).json()["payload"]["status"] == "finished"
        assert (await client.put(client.base_url.join("/circuit"), json=BELL)).status_code == 503
    assert len(emulator.jobs) == 2


async def cut_off(emulator: AqtEmulator) -> str:
    """Whoever waits for a circuit when the emulator is served no more."""
    async with served(emulator) as client:
        job = await put(client)
        waiting = asyncio.create_task(wait(client, job))
        await asked(emulator, "wait")
    with pytest.raises(httpx.TransportError):
        await waiting
    return job


async def waited_for(emulator: AqtEmulator, job: str) -> None:
    async with served(emulator) as client:
        assert (await wait(client, job)).json()["payload"]["status"] == "finished"


async def test_a_circuit_is_waited_for_again_where_it_is_served_again():
    emulator = AqtEmulator(results="zeros", duration=0.2)
    await waited_for(emulator, await cut_off(emulator))


def test_a_circuit_is_waited_for_again_in_another_loop():
    emulator = AqtEmulator(results="zeros", duration=0.2)
    job = asyncio.run(cut_off(emulator))
    asyncio.run(waited_for(emulator, job))
