"""AQT's emulator for tests that block: served from a thread, with a client that looks often."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qiskit import QuantumCircuit, qpy
from tenacity import wait_fixed

import quantumjobs as qj
from quantumjobs.blocking import Client
from quantumjobs.core.schedule import Pace
from quantumjobs.engine.policies import Policy
from quantumjobs.testing.emulators import AqtEmulator, serve
from tests.adapters.aqt.portal import Portal, PortalProvider
from tests.interop.helpers import PATIENCE

IBEX = "aqt/ws/ibex"
TOKEN = "canary-7d1e"
OFTEN = {"aqt": Policy(wait=wait_fixed(0.01), pace=Pace(first=0.01, at_least=0.02, at_most=0.05))}


def emulator(**settings: Any) -> AqtEmulator:
    """Every circuit answers with qubit 0 as 0, 1 as 1, 2 as 0, ... and is not simulated."""
    return AqtEmulator(**{"results": "01"} | settings)


@contextmanager
def served(made: AqtEmulator) -> Iterator[str]:
    """Serve in a thread; the address."""
    ready, ends = threading.Event(), asyncio.Event()
    told: list[Any] = []

    async def main() -> None:
        async with serve(made) as url:
            told.extend((url, asyncio.get_running_loop()))
            ready.set()
            await ends.wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(PATIENCE)
    url, loop = told
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(ends.set)
        thread.join(PATIENCE)
        assert not thread.is_alive()


def client_of(url: str, **settings: Any) -> Client:
    """A client of this address alone, for the cloud and for the device."""
    more = {"ledger": "memory", "policies": OFTEN} | settings
    return Client(providers={"aqt": {"url": url, "direct_url": url, "token": TOKEN}}, **more)


def portal_client(portal: Portal, **more: object) -> qj.Client:
    """An async client of a portal without sockets, for virtual time."""
    return qj.Client(ledger="memory", providers={"aqt": PortalProvider(portal)}, **more)  # type: ignore[arg-type] # the caller knows them


def device(url: str) -> str:
    """The address of the emulator's device by direct access."""
    return "aqt/direct/" + url.removeprefix("http://")


def first(folder: Path, remote_id: str, circuits: Sequence[QuantumCircuit], *, resource: str = "ibex",
          kind: str = "device", shots: int = 20, memory: bool = False) -> Path:  # fmt: skip
    """A job as version 1 of AQT's client keeps it."""
    workspace = "default" if kind == "offline_simulator" else "ws"
    place = {"workspace_id": workspace, "resource_id": resource, "resource_name": "", "resource_type": kind}
    options = {"shots": shots, "memory": memory, "query_period_seconds": 0.5, "query_timeout_seconds": 60.0}
    body = {"resource": place, "circuits": base64.b64encode(_qpy(circuits)).decode()}
    file = folder / remote_id
    file.write_text(json.dumps(body | {"options": options | {"with_progress_bar": True}}))
    return file


def second(folder: Path, remote_id: str, circuits: Sequence[QuantumCircuit], *, kind: str = "cloud",
           name: str = "ibex") -> Path:  # fmt: skip
    """A job as version 2 of AQT's client keeps it."""
    head = {"format_version": 1, "job_id": remote_id, "backend_kind": kind, "backend_name": name, "shots": 20}
    head |= {"memory": False, "circuit_count": len(circuits)}
    file = folder / f"{remote_id}.aqt-job"
    file.write_bytes(json.dumps(head, separators=(",", ":")).encode() + b"\n" + _qpy(circuits))
    return file


def _qpy(circuits: Sequence[QuantumCircuit]) -> bytes:
    body = io.BytesIO()
    qpy.dump(list(circuits), body)
    return body.getvalue()
