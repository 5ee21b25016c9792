"""Circuits of the AQT protocol, and a client as raw as can be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from quantumjobs.testing.emulators import Emulator, serve

MEASURE = {"operation": "MEASURE"}
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def circuit(*steps: dict[str, Any], qubits: int = 2, shots: int = 20) -> dict[str, Any]:
    return {"repetitions": shots, "quantum_circuit": [*steps, MEASURE], "number_of_qubits": qubits}


BELL = circuit({"qubits": [0, 1], "theta": 0.5, "operation": "RXX"})
FLIP = circuit({"qubit": 0, "theta": 1.0, "phi": 0.0, "operation": "R"}, qubits=3)


def submission(*circuits: dict[str, Any], **more: Any) -> dict[str, Any]:
    given = list(circuits or (BELL,))
    return {"job_type": "quantum_circuit", "label": "mine", "payload": {"circuits": given}, **more}


@asynccontextmanager
async def served(emulator: Emulator) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": "Bearer T"}
    async with (
        serve(emulator) as url,
        httpx.AsyncClient(base_url=f"{url}/api/v1", headers=headers, trust_env=False, timeout=20) as client,
    ):
        yield client


async def submit(client: httpx.AsyncClient, *circuits: dict[str, Any], resource: str = "ibex") -> str:
    reply = await client.post(f"/submit/ws/{resource}", json=submission(*circuits))
    assert reply.status_code == 200, reply.text
    found: str = reply.json()["job"]["job_id"]
    return found


async def look(client: httpx.AsyncClient, job: str) -> dict[str, Any]:
    reply = await client.get(f"/result/{job}")
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()["response"]
    return found


async def until(client: httpx.AsyncClient, job: str, *wanted: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while (found := await look(client, job))["status"] not in wanted:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)
    return found


async def outcome(client: httpx.AsyncClient, *circuits: dict[str, Any], resource: str = "ibex") -> Any:
    job = await submit(client, *circuits, resource=resource)
    return (await until(client, job, "finished"))["result"]
