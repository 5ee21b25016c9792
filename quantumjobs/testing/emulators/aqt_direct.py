"""Direct access to a device of AQT: one circuit at a time, and a request that stays until the circuit is over."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from quantumjobs.core.states import JobState as S
from quantumjobs.testing.emulators import aqt_payload, replies
from quantumjobs.testing.emulators.aqt_jobs import OnDevice, Resource, failing, wanted
from quantumjobs.testing.emulators.frame import Emulator
from quantumjobs.testing.emulators.jobs import Job

DIRECT = ("ions", "name", "put", "wait")
"""Its operations."""


class DirectAccess:
    """The routes of one device, in an emulator; its circuits are jobs of the emulator's queue."""

    def __init__(self, emulator: Emulator, *, name: str, qubits: int) -> None:
        self.emulator = emulator
        self.device = Resource(id=name, name=name, type="device", qubits=qubits)

    def routes(self) -> list[Route]:
        """Its part of the emulator's."""
        route = self.emulator.route
        return [
            route("GET", "/status/ions", "ions", self._ions),
            route("GET", "/system/name", "name", self._name),
            route("PUT", "/circuit", "put", self._put),
            route("GET", "/circuit/result/{job}", "wait", self._wait),
        ]

    async def _ions(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        return replies.json({"num_ions": self.device.qubits})

    async def _name(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        return replies.json(self.device.name)

    async def _put(self, request: Request, body: bytes) -> Response:
        try:
            circuit = aqt_payload.read_circuit(body, qubits=self.device.qubits)
        except aqt_payload.Invalid as error:
            return replies.json({"detail": error.detail}, 422)
        queue = self.emulator.queue
        if queue.is_full:
            return replies.json({"detail": "The emulator keeps no more jobs"}, 503)
        job = queue.accept(Job([circuit], OnDevice(self.device), fails=failing(request)))
        return replies.json(job.id)

    async def _wait(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        job = wanted(request, self.emulator.jobs, OnDevice)
        if isinstance(job, Response):
            return job
        if not job.is_over:
            await _over(job, request)
        return replies.json({"job_id": job.id, "payload": _payload(job)})


async def _over(job: Job, request: Request) -> None:
    """Wait for the end of the job. Raises `ClientDisconnect` when nobody waits for the reply any more."""
    ended = asyncio.create_task(job.ended.wait())
    left = asyncio.create_task(replies.gone(request.receive))
    try:
        await asyncio.wait([ended, left], return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended.cancel()
        left.cancel()
        await asyncio.wait([ended, left])
    if not job.is_over:
        raise ClientDisconnect


def _payload(job: Job) -> dict[str, Any]:
    if job.state is S.COMPLETED:
        return {"status": "finished", "result": msgspec.Raw(job.parts[0])}
    return {"status": "error"}  # and no word why
