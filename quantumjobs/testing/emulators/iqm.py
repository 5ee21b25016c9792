"""IQM Server (`/api/v1`), as the cloud Resonance and machines on premises speak it, without pulse-level jobs."""

from __future__ import annotations

import datetime as dt
import functools
import uuid
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quantumjobs.core.states import JobState as S
from quantumjobs.errors import UsageError, unknown_name
from quantumjobs.testing.emulators import iqm_check, iqm_documents, iqm_payload, iqm_run, replies
from quantumjobs.testing.emulators.faults import Fault
from quantumjobs.testing.emulators.frame import Emulator, Handler
from quantumjobs.testing.emulators.iqm_computers import COMPUTERS, Calibration, Computer, calibration_id
from quantumjobs.testing.emulators.iqm_jobs import SERVER, IqmJob, Submitted, artifacts, document, failing
from quantumjobs.testing.emulators.jobs import Job
from quantumjobs.workers.aer import SEED_STEP, wrap_seed

_CODES = {401: "unauthorized", 404: "not_found", 405: "method_not_allowed", 413: "payload_too_large", 429: "rate_limit"}


class IqmEmulator(Emulator):
    """Serves `computers`; other settings: see `Emulator`.

    Circuit *i* of a job is seeded with `seed + 2113 * i`, whatever the job's place: equal jobs have equal samples. There
    is no noise, so nothing is lost to heralding. All computers share one queue.

    Without `counts_artifact` a job has no `measurement_counts`, and without `queue_availability` there is no such
    endpoint, as at older servers. `warnings` come with each job that is over.
    """

    operations = (
        *("computers", "health", "availability", "static", "about", "architecture", "calibration", "metrics"),
        *("submit", "job", "payload", "measurements", "counts", "cancel", "delete"),
    )
    submitting = ("submit",)

    def __init__(
        self,
        *,
        computers: Sequence[Computer] = COMPUTERS,
        counts_artifact: bool = True,
        queue_availability: bool = True,
        warnings: Sequence[str] = (),
        **settings: Any,
    ) -> None:
        self.computers = computers
        self.counts_artifact = counts_artifact
        self.queue_availability = queue_availability
        self.warnings = warnings
        self.calibrations: dict[str, list[Calibration]] = {}
        """Those that are remembered, by alias; the last one is in use. A computer has one from its first request on."""
        super().__init__(**settings)

    def routes(self) -> list[Route]:
        computer = "/api/v1/quantum-computers/{computer}"
        calibration = "/api/v1/calibration-sets/{computer}/{calibration}"
        job = "/api/v1/jobs/{job}"
        get = functools.partial(self.route, "GET")
        return [
            get("/api/v1/about", "about", self._about),
            get("/api/v1/quantum-computers", "computers", self._list),
            get(f"{computer}/health", "health", self._health),
            get(f"{computer}/queue-availability", "availability", self._availability),
            get(f"{computer}/artifacts/static-quantum-architectures", "static", self._static),
            get(f"{computer}/artifacts/about", "about", self._about),
            get(f"{calibration}/dynamic-quantum-architecture", "architecture", self._calibrated),
            get(f"{calibration}/metrics", "metrics", self._calibrated),
            get(calibration, "calibration", self._calibrated),
            get(job, "job", self._job),
            get(f"{job}/payload", "payload", self._payload),
            get(f"{job}/artifacts/measurements", "measurements", self._artifact),
            get(f"{job}/artifacts/measurement_counts", "counts", self._artifact),
            self.route("POST", "/api/v1/jobs/{computer}/circuit", "submit", self._submit),
            self.route("POST", f"{job}/cancel", "cancel", self._cancel),
            self.route("DELETE", job, "delete", self._delete),
        ]

    def route(self, method: str, path: str, operation: str, handler: Handler, *, guarded: bool = True) -> Route:
        """As everywhere; what a handler raises as a refusal is its reply, which can go wrong as any other."""

        async def answer(request: Request, body: bytes) -> Response:
            try:
                return await handler(request, body)
            except _Refusal as refusal:
                return replies.json(_error(refusal.message, refusal.code), refusal.status)

        return super().route(method, path, operation, answer, guarded=guarded)

    # --- for tests ----------------------------------------------------------------------------
    def recalibrate(self, alias: str, *, forget: bool = False) -> str:
        """Use another calibration set of a computer from here on, and give its id.

        Submissions may still name an earlier one, unless `forget`. Raises `UsageError` for an unknown alias.
        """
        computer = next((one for one in self.computers if one.alias == alias), None)
        if computer is None:
            raise UsageError(unknown_name("quantum computer", alias, [one.alias for one in self.computers]))
        known = self._remembered(computer)
        new = _calibration(computer, known[-1].number + 1)
        self.calibrations[alias] = [*([] if forget else known), new]
        return new.id

    # --- discovery ----------------------------------------------------------------------------
    async def _list(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        listed = [
            {"id": one.uuid, "alias": one.alias, "display_name": one.display_name or one.alias, "proxy_path": None}
            for one in self.computers
        ]
        return replies.json({"quantum_computers": listed})

    async def _health(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        return replies.json({"healthy": self._computer(request, by_id=True).healthy})

    async def _availability(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        computer = self._computer(request, by_id=True)
        if not self.queue_availability:
            raise _Refusal(404, "Not Found")
        now = dt.datetime.now(dt.UTC)
        window = {"start": now.isoformat(), "end": (now + dt.timedelta(days=1)).isoformat()}
        return replies.json({"queue_length": self.queue.ahead(), "available": [window] if computer.healthy else []})

    async def _static(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        return replies.json(iqm_documents.static(self._computer(request)))

    async def _about(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        if "computer" in request.path_params:
            self._computer(request)
        return replies.json({"version": "emulated", "software_versions": {}})

    async def _calibrated(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        computer = self._computer(request)
        calibration = self._calibration(computer, request.path_params["calibration"])
        tell = {"dynamic-quantum-architecture": iqm_documents.dynamic, "metrics": iqm_documents.metrics}
        last = request.url.path.rpartition("/")[2]
        return replies.json(tell.get(last, iqm_documents.calibrated)(computer, calibration))

    def _computer(self, request: Request, *, by_id: bool = False) -> Computer:
        wanted = request.path_params["computer"]
        for one in self.computers:
            if one.alias == wanted or (by_id and one.uuid == wanted):
                return one
        raise _Refusal(404, f"There is no quantum computer {wanted}", "quantum_computer_not_found")

    def _calibration(self, computer: Computer, wanted: str | None) -> Calibration:
        known = self._remembered(computer)
        if wanted in {None, "default"}:
            return known[-1]
        for one in known:
            if one.id == wanted:
                return one
        raise _Refusal(404, f"{computer.alias} has no calibration set {wanted}", "calibration_set_not_found")

    def _remembered(self, computer: Computer) -> list[Calibration]:
        return self.calibrations.setdefault(computer.alias, [_calibration(computer, 0)])

    # --- jobs ---------------------------------------------------------------------------------
    async def _submit(self, request: Request, body: bytes) -> Response:
        computer = self._computer(request)
        slot = request.query_params.get("use_timeslot", "false").lower()
        if slot not in {"true", "false"}:
            raise _Refusal(422, "use_timeslot: true or false is expected", "invalid_payload")
        try:
            given = iqm_payload.read(body)
            circuits = iqm_check.check(given, computer)
        except iqm_payload.Invalid as error:
            raise _Refusal(error.status, error.message, error.code) from error
        wanted = given.calibration_set_id
        calibration = self._calibration(computer, None if wanted is None else str(wanted))
        if self.queue.is_full:
            raise _Refusal(503, "The emulator keeps no more jobs", "job_limit")
        about = Submitted(computer, calibration.id, given.shots, body, slot == "true")
        job = IqmJob(circuits, about, fails=failing(request))
        reply = document(job, position=self.queue.ahead(), artifacts=())
        self.queue.accept(job)
        return replies.json(reply, 201)

    async def _job(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        return self._told(self._wanted(request))

    async def _payload(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        return replies.json(self._wanted(request).about.body)

    async def _artifact(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        job = self._wanted(request)
        name = request.url.path.rpartition("/")[2]
        part = artifacts(job, counts=self.counts_artifact).get(name)
        if part is None:
            raise _Refusal(404, f"The job has no artifact {name}", "artifact_not_found")
        found = [(one.shots, one.counts)[part] for one in map(iqm_run.decode, job.parts)]
        return replies.json(b"[" + b",".join(found) + b"]")

    async def _cancel(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        job = self._wanted(request)
        if job.is_over:
            raise _Refusal(403, f"The job is {job.state.value} already", "illegal_job_status")
        self.queue.interrupt(job)
        return self._told(job)

    async def _delete(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        self.queue.forget(self._wanted(request))
        return Response(status_code=204)

    def _wanted(self, request: Request) -> IqmJob:
        wanted = request.path_params["job"]
        try:
            found = self.jobs.get(str(uuid.UUID(wanted)))
        except ValueError as error:
            raise _Refusal(422, f"{wanted!r} is no UUID", "invalid_payload") from error
        if not isinstance(found, IqmJob):
            raise _Refusal(404, f"There is no job {wanted}", "job_not_found")
        return found

    def _told(self, job: IqmJob) -> Response:
        position = self.queue.ahead(job) if job.state is S.QUEUED else None
        found = artifacts(job, counts=self.counts_artifact)
        return replies.json(document(job, position=position, artifacts=tuple(found), warnings=self.warnings))

    # --- outcomes -----------------------------------------------------------------------------
    async def run_circuit(self, job: Job, place: int) -> bytes:
        circuit: iqm_payload.Circuit = job.circuits[place]
        seed = None if self.seed is None else wrap_seed(self.seed + SEED_STEP * place)
        task = iqm_run.Task(circuit=circuit, shots=job.about.shots, seed=seed)
        memory = iqm_run.memory(circuit, job.about.shots)
        return await self.work(iqm_run.SIMULATE, iqm_run.encode(task), memory=memory)

    def fixed_outcome(self, job: Job, place: int) -> bytes:
        circuit: iqm_payload.Circuit = job.circuits[place]
        measured = [one for one in circuit.instructions if isinstance(one, iqm_payload.Measure)]
        return _fixed(self.pattern, tuple((one.args.key, len(one.locus)) for one in measured), job.about.shots)

    # --- refusals, and what goes wrong --------------------------------------------------------
    def unauthorized(self, request: Request) -> Response:  # noqa: ARG002 - whatever was shown, one answer
        return replies.json(_error("Missing or invalid authentication credentials", "unauthorized"), 401)

    def said(self, code: int, message: str) -> dict[str, Any]:
        return _error(message, _CODES.get(code))

    def unknown_job(self, fault: Fault, request: Request) -> Response:
        message = f"There is no job {request.path_params.get('job', '')}".rstrip()
        return replies.json(_error(message, "job_not_found"), fault.code)


class _Refusal(Exception):
    """An error of the server, as its reply."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code


def _error(message: str, code: str | None) -> dict[str, Any]:
    return {"message": message, "error_code": code, "source": SERVER, "request_id": str(uuid.uuid4())}


def _calibration(computer: Computer, number: int) -> Calibration:
    now = dt.datetime.now(dt.UTC).isoformat().replace("+00:00", "Z")
    return Calibration(calibration_id(computer, number), number, now)


@functools.lru_cache(maxsize=64)
def _fixed(pattern: str, keys: tuple[tuple[str, int], ...], shots: int) -> bytes:
    width = sum(wide for _, wide in keys)
    return iqm_run.encode(iqm_run.outcome(keys, [(pattern * width)[:width]] * shots))
