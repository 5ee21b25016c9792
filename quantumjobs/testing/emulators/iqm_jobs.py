"""Jobs of the IQM emulator: what is remembered of them, and what the server says of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from starlette.requests import Request

from quantumjobs.core.states import JobState as S
from quantumjobs.testing.emulators.faults import Fault
from quantumjobs.testing.emulators.iqm_computers import Computer
from quantumjobs.testing.emulators.iqm_payload import Circuit
from quantumjobs.testing.emulators.jobs import Job

SERVER = "iqm-server"
STATION = "iqm-station-control"
WORDS = {
    S.QUEUED: "waiting",
    S.RUNNING: "processing",
    S.COMPLETED: "completed",
    S.FAILED: "failed",
    S.CANCELLED: "cancelled",
}
_BEGUN = (
    "validation_started",
    "validation_ended",
    "fetch_calibration_started",
    "fetch_calibration_ended",
    "compilation_started",
    "compilation_ended",
    "execution_started",
)
_ENDS = {
    S.COMPLETED: (("execution_ended", STATION), ("completed", STATION), ("ready", SERVER)),
    S.FAILED: (("failed", SERVER),),
    S.CANCELLED: (("cancelled", SERVER),),
}


class Submitted(Struct, frozen=True):
    """Of a job, besides its circuits."""

    computer: Computer
    calibration: str
    shots: int
    body: bytes
    """As it was sent."""
    use_timeslot: bool


class IqmJob(Job):
    """A job that keeps its timeline: (word, source, when in ISO 8601)."""

    about: Submitted

    def __init__(self, circuits: list[Circuit], about: Submitted, *, fails: str | None = None) -> None:
        super().__init__(circuits, about, fails=fails)
        self.timeline: list[tuple[str, str, str]] = []
        self._note(("created", SERVER), ("received", STATION))

    def begin(self) -> None:
        super().begin()
        self._note(*((word, STATION) for word in _BEGUN))

    def end(self, state: S, message: str = "") -> None:
        super().end(state, message)
        self._note(*_ENDS[state])

    def _note(self, *reached: tuple[str, str]) -> None:
        now = dt.datetime.now(dt.UTC).isoformat().replace("+00:00", "Z")
        self.timeline += [(word, source, now) for word, source in reached]


def document(
    job: IqmJob, *, position: int | None, artifacts: Sequence[str], warnings: Sequence[str] = ()
) -> dict[str, Any]:
    """What the server says of it. `warnings` are told when it is over."""
    begun = job.state is S.RUNNING or bool(job.parts)
    progress = {"circuits": {"value": len(job.parts), "max_value": len(job.circuits)}}
    failed = {"message": job.message, "error_code": "execution_failed", "source": STATION}
    return {
        "id": job.id,
        "type": "circuit",
        "status": WORDS[job.state],
        "execution": {"progress": progress} if begun else None,
        "compilation": {"calibration_set_id": job.about.calibration},
        "messages": [{"source": SERVER, "message": one} for one in (warnings if job.is_over else ())],
        "errors": [failed] if job.state is S.FAILED else [],
        "queue_position": position,
        "timeline": [{"source": source, "status": word, "timestamp": when} for word, source, when in job.timeline],
        "artifacts": [{"type": name} for name in artifacts],
    }


def failing(request: Request) -> str | None:
    """The message with which the job of a submission is to fail; None where no fault says so."""
    fault: Fault | None = request.state.fault
    return (fault.body or "scripted failure") if fault is not None and fault.kind == "fail" else None


def artifacts(job: Job, *, counts: bool) -> Mapping[str, int]:
    """What can be fetched now: its name, and which part of an outcome it is."""
    if job.state is not S.COMPLETED:
        return {}
    return {"measurements": 0, "measurement_counts": 1} if counts else {"measurements": 0}
