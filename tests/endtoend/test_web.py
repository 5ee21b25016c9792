"""The example's web application behind a real server: one request awaits a job, others are served meanwhile."""

from __future__ import annotations

import asyncio
import importlib.util
import statistics
import time

import httpx
import pytest
import uvicorn

from tests.endtoend.helpers import ROOT, fixed


def application():
    spec = importlib.util.spec_from_file_location("web_app", ROOT / "examples" / "web_app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app


def heavy() -> str:
    gates = "".join(f"rx(0.1) q[{i}]; cx q[{i}], q[{i + 1}];" for i in range(19)) * 25
    return f'OPENQASM 2.0; include "qelib1.inc"; qreg q[20]; creg c[20]; {gates} measure q -> c;'


@pytest.mark.real_time
async def test_a_handler_awaits_a_job_while_others_are_served():
    server = uvicorn.Server(uvicorn.Config(application(), port=0, log_level="error", ws="none"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    host, port = server.servers[0].sockets[0].getsockname()
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=50, trust_env=False) as http:
        first = await http.post("/simulate", content=fixed(5, 3))
        assert first.json()["counts"] == {"101": 1000}
        begun = time.perf_counter()
        answer = asyncio.create_task(http.post("/simulate", content=heavy()))
        waits = []
        while not answer.done():
            asked = time.perf_counter()
            assert (await http.get("/ping")).text == "pong"
            waits.append(time.perf_counter() - asked)
        took = time.perf_counter() - begun
        assert sum((await answer).json()["counts"].values()) == 1000
        assert took > 20 * statistics.median(waits)  # a loop that simulates answers once, and late
        assert len(waits) > 20
        assert sum((await http.post("/simulate", content=fixed(5, 3))).json()["counts"].values()) == 1000
    server.should_exit = True
    await serving
