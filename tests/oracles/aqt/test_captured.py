"""The captured requests are answered by our emulator as they were answered then. The vendor's client is not needed."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from quantumjobs.testing.emulators import AqtEmulator, serve
from tests.oracles.aqt.recorded import EXCHANGES, TOKEN, shape

HEADERS = {"Authorization": f"Bearer {TOKEN}", "User-Agent": "aqt-portal-client/1.15.0 (Linux; CPython) qiskit/1.4.6"}


@pytest.mark.real_time
async def test_captured_requests_get_replies_of_the_captured_shape():
    emulator = AqtEmulator(seed=7, token=TOKEN, queue=0.3, duration=0.3)
    async with serve(emulator) as url, httpx.AsyncClient(base_url=url, headers=HEADERS, trust_env=False) as http:
        job_id = ""
        for name, exchange in EXCHANGES.items():
            asked, told = exchange["request"], exchange["reply"]
            path = asked["path"].format(job_id=job_id)
            # A look is repeated up to the state that it had then. Its limit is the test's own timeout: the first
            # simulation of a process starts a worker that imports Aer, which took over 4 s on a loaded machine.
            while True:
                reply = await http.request(asked["method"], path, json=asked.get("body"))
                assert reply.status_code == 200, name
                found = reply.json()
                if "{job_id}" not in asked["path"] or found["response"]["status"] == told["response"]["status"]:
                    break
                await asyncio.sleep(0.02)
            assert shape(found) == shape(told), name
            if name in {"submit", "queued", "ongoing", "finished"}:
                job_id = job_id or found["job"]["job_id"]
                same = {"job_type", "label", "resource_id", "workspace_id"}
                assert found["job"]["job_id"] == job_id
                assert {key: found["job"][key] for key in same} == {key: told["job"][key] for key in same}
                assert found["response"]["status"] == told["response"]["status"]
        shots = found["response"]["result"]["0"]
        assert len(shots) == 4
        assert all(shot in ([0, 0], [1, 1]) for shot in shots)


@pytest.mark.real_time
async def test_the_captured_description_is_that_of_the_emulators_device():
    async with serve(AqtEmulator()) as url, httpx.AsyncClient(base_url=url, headers=HEADERS, trust_env=False) as http:
        exchange = EXCHANGES["describe"]
        assert (await http.get(exchange["request"]["path"])).json() == exchange["reply"]
        listed = (await http.get(EXCHANGES["workspaces"]["request"]["path"])).json()
        (captured,) = EXCHANGES["workspaces"]["reply"]
        (found,) = listed
        assert found["id"] == captured["id"]
        assert all(resource in found["resources"] for resource in captured["resources"])
