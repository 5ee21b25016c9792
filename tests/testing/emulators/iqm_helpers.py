"""Circuits of IQM's protocol, and a client as raw as can be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import pi
from typing import Any

import httpx

from quantumjobs.testing.emulators import Emulator, serve

Step = dict[str, Any]


def prx(qubit: str = "QB1", angle: float = pi, phase: float = 0.0) -> Step:
    return {"name": "prx", "locus": [qubit], "args": {"angle": angle, "phase": phase}}


def cz(one: str = "QB1", other: str = "QB2") -> Step:
    return {"name": "cz", "locus": [one, other]}


def move(qubit: str = "QB1", resonator: str = "CR1") -> Step:
    return {"name": "move", "locus": [qubit, resonator]}


def measure(*qubits: str, key: str = "m", **more: Any) -> Step:
    return {"name": "measure", "locus": list(qubits or ("QB1",)), "args": {"key": key, **more}}


def cc_prx(qubit: str = "QB2", of: str = "QB1", key: str = "f", angle: float = pi, phase: float = 0.0) -> Step:
    args = {"angle": angle, "phase": phase, "feedback_qubit": of, "feedback_key": key}
    return {"name": "cc_prx", "locus": [qubit], "args": args}


def other(name: str, *locus: str, **args: Any) -> Step:
    return {"name": name, "locus": list(locus), "args": args}


def circuit(*steps: Step, name: str = "mine", **more: Any) -> dict[str, Any]:
    return {"name": name, "instructions": list(steps), **more}


def half(qubit: str) -> Step:
    """As good as a Hadamard on a qubit that is 0."""
    return prx(qubit, pi / 2, pi / 2)


BELL = circuit(
    half("QB1"), half("QB2"), cz(), prx("QB2", -pi / 2, pi / 2), measure("QB1", key="a"), measure("QB2", key="b")
)
FLIP = circuit(prx("QB1"), measure("QB1", "QB2", "QB3", key="m_3"))


def submission(*circuits: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"circuits": list(circuits or (BELL,)), "shots": 20, **more}


@asynccontextmanager
async def served(emulator: Emulator) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": "Bearer T"}
    async with (
        serve(emulator) as url,
        httpx.AsyncClient(base_url=f"{url}/api/v1", headers=headers, trust_env=False, timeout=50) as client,
    ):
        yield client


async def send(client: httpx.AsyncClient, *circuits: dict[str, Any], to: str = "garnet", **more: Any) -> dict[str, Any]:
    """Submit; what the server says of the job."""
    reply = await client.post(f"/jobs/{to}/circuit?use_timeslot=false", json=submission(*circuits, **more))
    assert reply.status_code == 201, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def look(client: httpx.AsyncClient, job: str) -> dict[str, Any]:
    reply = await client.get(f"/jobs/{job}")
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def until(client: httpx.AsyncClient, job: str, *wanted: str) -> dict[str, Any]:
    """Look until the job is in one of these states; the test's own timeout bounds it."""
    while (found := await look(client, job))["status"] not in wanted:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.02)
    return found


async def shots(client: httpx.AsyncClient, *circuits: dict[str, Any], **more: Any) -> Any:
    """Run, and give the measurements."""
    job = (await send(client, *circuits, **more))["id"]
    await until(client, job, "completed")
    return (await client.get(f"/jobs/{job}/artifacts/measurements")).json()
