"""AQT's cloud (Arnica), version 1 of its protocol, and a device with direct access beside it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quantumjobs.core.states import JobState as S
from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import aqt_payload, replies
from quantumjobs.testing.emulators.aqt_direct import DIRECT, DirectAccess
from quantumjobs.testing.emulators.aqt_jobs import Resource, Submitted, failing, wanted
from quantumjobs.testing.emulators.aqt_run import SIMULATE, Task
from quantumjobs.testing.emulators.faults import Fault
from quantumjobs.testing.emulators.frame import Emulator
from quantumjobs.testing.emulators.issuer import SIGN_IN, Issuer
from quantumjobs.testing.emulators.jobs import Job
from quantumjobs.workers.aer import SEED_STEP, wrap_seed

_SINCE = "2026-01-01T00:00:00Z"
_SHOT_BYTES = 400  # of one shot, all its copies in a worker together


class Workspace(Struct, frozen=True, kw_only=True):
    """What an account may use."""

    id: str
    resources: Sequence[Resource]
    accepting: bool = True
    processing: bool = True


WORKSPACES = (
    Workspace(
        id="ws",
        resources=(
            Resource(id="ibex", name="IBEX", type="device", qubits=12),
            Resource(id="simulator_noise", name="Simulator with noise", noise=True),
            Resource(id="simulator_no_noise", name="Simulator without noise"),
        ),
    ),
)


class AqtEmulator(Emulator):
    """Serves `workspaces`, and `device` with `device_qubits` by direct access; other settings: see `Emulator`.

    Circuit *i* of a job is seeded with `seed + 2113 * i`, whatever the job's place: equal jobs have equal samples; by
    direct access each circuit is the first of its job. Devices are simulated without noise, and the simulator with
    noise has the vendor's error rates.

    Under the same address is an OIDC issuer. With `sign_in` the cloud lets in only tokens that it gave and that have
    not expired (see `Issuer` for the settings from `client_id` on); direct access takes any token all the same.
    """

    operations = ("workspaces", "describe", "submit", "result", "cancel", *DIRECT, *SIGN_IN)
    submitting = ("submit", "put")

    def __init__(
        self,
        *,
        workspaces: Sequence[Workspace] = WORKSPACES,
        device: str = "pine-test",
        device_qubits: int = 12,
        sign_in: bool = False,
        client_id: str | None = None,
        client_secret: str | None = None,
        token_seconds: float = 3600.0,
        device_interval: float = 5.0,
        device_seconds: float = 900.0,
        **settings: Any,
    ) -> None:
        if sign_in and settings.get("token") is not None:
            raise UsageError("either one token is let in, or those that signing in gives")
        self.workspaces = workspaces
        self.sign_in = sign_in
        self.direct = DirectAccess(self, name=device, qubits=device_qubits)
        self.issuer = Issuer(
            self,
            client_id=client_id,
            client_secret=client_secret,
            token_seconds=token_seconds,
            device_interval=device_interval,
            device_seconds=device_seconds,
        )
        super().__init__(**settings)

    def routes(self) -> list[Route]:
        return [
            self.route("GET", "/api/v1/workspaces", "workspaces", self._workspaces),
            self.route("GET", "/api/v1/resources/{resource}", "describe", self._describe),
            self.route("POST", "/api/v1/submit/{workspace}/{resource}", "submit", self._submit),
            self.route("GET", "/api/v1/result/{job}", "result", self._result),
            self.route("DELETE", "/api/v1/jobs/{job}", "cancel", self._cancel),
            *self.direct.routes(),
            *self.issuer.routes(),
        ]

    def lets_in(self, operation: str, request: Request) -> bool:
        """With `sign_in` the cloud takes what its issuer gave; a device has tokens of its own, given by hand."""
        by_sign_in = self.sign_in and operation not in DIRECT
        if by_sign_in and not self.issuer.takes(self.credential(request), request.scope):
            return False
        return super().lets_in(operation, request)

    # --- discovery ----------------------------------------------------------------------------
    async def _workspaces(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        return replies.json(
            [
                {
                    "id": one.id,
                    "accepting_job_submissions": one.accepting,
                    "jobs_being_processed": one.processing,
                    "resources": [{"id": r.id, "name": r.name or r.id, "type": r.type} for r in one.resources],
                }
                for one in self.workspaces
            ]
        )

    async def _describe(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        wanted = request.path_params["resource"]
        found = next((r for one in self.workspaces for r in one.resources if r.id == wanted), None)
        if found is None:
            return replies.json({"detail": "Resource not available"}, 403)
        return replies.json(
            {
                "id": found.id,
                "name": found.name or found.id,
                "type": found.type,
                "status": found.status,
                "available_qubits": found.qubits,
                "status_updated_at": _SINCE,
                "characterisation": None,
            }
        )

    # --- jobs ---------------------------------------------------------------------------------
    async def _submit(self, request: Request, body: bytes) -> Response:
        workspace = next((one for one in self.workspaces if one.id == request.path_params["workspace"]), None)
        if workspace is None:
            return replies.json({"detail": "Workspace not available"}, 403)
        wanted = request.path_params["resource"]
        resource = next((one for one in workspace.resources if one.id == wanted), None)
        if resource is None:
            return replies.json({"detail": "Resource not found in workspace"}, 404)
        try:
            given = aqt_payload.read(body, qubits=resource.qubits)
        except aqt_payload.Invalid as error:
            return replies.json({"detail": error.detail}, 422)
        if self.queue.is_full:
            return replies.json({"detail": "The emulator keeps no more jobs"}, 503)
        about = Submitted(workspace.id, resource, given.label)
        job = self.queue.accept(Job(list(given.payload.circuits), about, fails=failing(request)))
        return replies.json({"job": _about(job), "response": {"status": "queued"}})

    async def _result(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        job = wanted(request, self.jobs, Submitted)
        return job if isinstance(job, Response) else replies.json(_document(job))

    async def _cancel(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        job = wanted(request, self.jobs, Submitted)
        if isinstance(job, Response):
            return job
        again = job.state is S.CANCELLED or job.stops
        self.queue.cancel(job)
        return Response(status_code=208 if again else 204)

    # --- outcomes -----------------------------------------------------------------------------
    async def run_circuit(self, job: Job, place: int) -> bytes:
        circuit: aqt_payload.Circuit = job.circuits[place]
        seed = None if self.seed is None else wrap_seed(self.seed + SEED_STEP * place)
        task = Task(circuit=circuit, seed=seed, noise=job.about.resource.noise)
        memory = (16 << circuit.number_of_qubits) + _SHOT_BYTES * circuit.repetitions
        return await self.work(SIMULATE, msgspec.msgpack.encode(task), memory=memory)

    def fixed_outcome(self, job: Job, place: int) -> bytes:
        circuit: aqt_payload.Circuit = job.circuits[place]
        return _fixed(self.pattern, circuit.number_of_qubits, circuit.repetitions)

    # --- what goes wrong ----------------------------------------------------------------------
    def unknown_job(self, fault: Fault, request: Request) -> Response:
        if fault.code != 200:
            return replies.json({"detail": "Job not found"}, fault.code)
        return replies.json({"job_id": request.path_params.get("job"), "message": "unknown job_id"})

    def reworded(self, reply: Response, word: str) -> Response:
        document = msgspec.json.decode(reply.body) if reply.body else None
        if isinstance(document, dict):
            for place in ("response", "payload"):  # of the cloud's reply, and of a device's
                if place in document:
                    return replies.json({**document, place: {"status": word}})
        return reply


@functools.lru_cache(maxsize=64)
def _fixed(pattern: str, qubits: int, shots: int) -> bytes:
    shot = f"[{','.join((pattern * qubits)[:qubits])}]"
    return f"[{','.join([shot] * shots)}]".encode()


def _about(job: Job) -> dict[str, Any]:
    about: Submitted = job.about
    return {
        "job_id": job.id,
        "job_type": "quantum_circuit",
        "label": about.label,
        "resource_id": about.resource.id,
        "workspace_id": about.workspace,
    }


def _document(job: Job) -> dict[str, Any]:
    response: dict[str, Any] = {}
    if job.state is S.QUEUED:
        response = {"status": "queued"}
    elif job.state is S.RUNNING:
        response = {"status": "ongoing", "finished_count": len(job.parts)}
    elif job.state is S.COMPLETED:
        result = {str(place): msgspec.Raw(part) for place, part in enumerate(job.parts)}
        response = {"status": "finished", "result": result}
    elif job.state is S.FAILED:
        response = {"status": "error", "message": job.message}
    else:
        response = {"status": "cancelled"}
    return {"job": _about(job), "response": response}
