"""ACME on this machine: the service's routes, and all that can go wrong with it, in one page.

`Emulator` has the rest: who is let in, faults, latency, a queue, counting, cancelling, and Aer in workers.
"""

from __future__ import annotations

from typing import Any

import acme_messages as messages
import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quantumjobs.core.states import JobState
from quantumjobs.testing.emulators import Emulator
from quantumjobs.testing.emulators.jobs import Job
from quantumjobs.testing.emulators.replies import json

WORDS = {state: word for word, state in messages.STATES.items()}
MACHINES = {"anvil": messages.Machine(name="anvil", qubits=8)}


class AcmeEmulator(Emulator):
    """Settings: see `Emulator`."""

    operations = ("machine", "submit", "look", "cancel")

    def routes(self) -> list[Route]:
        return [
            self.route("GET", "/machines/{machine}", "machine", self._machine),
            self.route("POST", "/programs", "submit", self._submit),
            self.route("GET", "/programs/{job}", "look", self._look),
            self.route("DELETE", "/programs/{job}", "cancel", self._cancel),
        ]

    async def run_circuit(self, job: Job, place: int) -> bytes:
        program: messages.Program = job.circuits[place]
        return msgspec.json.encode(await self.simulated(program.text, shots=program.shots, place=place))

    def fixed_outcome(self, job: Job, place: int) -> bytes:
        program: messages.Program = job.circuits[place]
        return msgspec.json.encode({(self.pattern * 2)[:2]: program.shots})

    async def _machine(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        found = MACHINES.get(request.path_params["machine"])
        return json(found) if found is not None else json({"why": "no such machine"}, 404)

    async def _submit(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - as above
        try:
            program = msgspec.json.decode(body, type=messages.Program)
        except msgspec.MsgspecError as error:
            return json({"why": str(error)}, 422)
        return json(_state(self.queue.accept(Job([program]))))

    async def _look(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - as above
        job = self.jobs.get(request.path_params["job"])
        return json(_state(job)) if job is not None else json({"why": "no such program"}, 404)

    async def _cancel(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - as above
        job = self.jobs.get(request.path_params["job"])
        if job is None or (job.is_over and job.state is not JobState.CANCELLED):
            return json({"why": "there is nothing to stop"}, 404 if job is None else 409)
        self.queue.cancel(job)
        return json(_state(job))


def _state(job: Job) -> dict[str, Any]:
    told: dict[str, Any] = {"id": job.id, "status": WORDS[job.state], "why": job.message}
    return told | ({"counts": msgspec.Raw(job.parts[0])} if job.state is JobState.COMPLETED else {})
