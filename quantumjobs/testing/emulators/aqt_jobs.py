"""Jobs of the AQT emulator: what is remembered of them besides their circuits, and how requests find them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from quantumjobs.testing.emulators import replies
from quantumjobs.testing.emulators.faults import Fault
from quantumjobs.testing.emulators.jobs import Job


class Resource(Struct, frozen=True, kw_only=True):
    """A device or a simulator."""

    id: str
    name: str = ""
    type: str = "simulator"
    qubits: int = 20
    status: str = "online"
    noise: bool = False


class Submitted(Struct, frozen=True):
    """Of a job of the cloud."""

    workspace: str
    resource: Resource
    label: str | None


class OnDevice(Struct, frozen=True):
    """Of a circuit that came by direct access."""

    resource: Resource


def failing(request: Request) -> str | None:
    """The message with which the job of a submission is to fail; None where no fault says so."""
    fault: Fault | None = request.state.fault
    return (fault.body or "scripted failure") if fault is not None and fault.kind == "fail" else None


def wanted(request: Request, jobs: Mapping[str, Job], kind: type[Submitted | OnDevice]) -> Job | Response:
    """The job of this kind that the path names, or the refusal."""
    try:
        id = str(uuid.UUID(request.path_params["job"]))
    except ValueError:
        where = {"loc": ["path", "job_id"], "msg": "Input should be a valid UUID", "type": "uuid_parsing"}
        return replies.json({"detail": [where]}, 422)
    job = jobs.get(id)
    if job is None or not isinstance(job.about, kind):
        return replies.json({"detail": "Job not found"}, 404)
    return job
