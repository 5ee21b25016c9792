"""What Amazon Braket says of hybrid jobs, as far as it is read here; further members are ignored."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct

from quantumjobs.abc import Status
from quantumjobs.adapters.braket.messages import STATES, Queue, ahead
from quantumjobs.core.records import Stamp
from quantumjobs.core.states import JobState
from quantumjobs.wire import shown

S = JobState
_EVENTS = 100
"""Of which the service documents up to 20."""


class Created(Struct, frozen=True, rename="camel"):
    """The answer to CreateJob."""

    job_arn: str


class Event(Struct, frozen=True, rename="camel"):
    """One step of a job's way, as the service tells it."""

    event_type: str | None = None
    time_of_event: datetime | None = None


class Output(Struct, frozen=True):
    """Where results go."""

    s3_path: str = msgspec.field(default="", name="s3Path")


class Checkpoints(Struct, frozen=True):
    """Where checkpoints go."""

    s3_uri: str = msgspec.field(default="", name="s3Uri")


class Device(Struct, frozen=True):
    """What the job has priority on."""

    device: str = ""


class HybridJob(Struct, frozen=True, rename="camel"):
    """A hybrid job, of GetJob or, with fewer members, of SearchJobs."""

    job_arn: str
    status: str
    job_name: str = ""
    device: str | None = None
    device_config: Device | None = None
    failure_reason: str | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    billable_duration: int | None = None
    """Milliseconds, as far as is known: the documentation names no unit."""
    output_data_config: Output | None = None
    checkpoint_config: Checkpoints | None = None
    events: list[Event] | None = None
    queue_info: Queue | None = None


class Found(Struct, frozen=True, rename="camel"):
    """One page of SearchJobs. Each job is read by itself, so that one that is odd hides no others."""

    jobs: list[msgspec.Raw]
    next_token: str | None = None


def status_of(job: HybridJob) -> Status:
    """The service's word on a job, with its events as the provider's own timeline."""
    state = STATES.get(job.status)
    over = state is not None and state.is_terminal
    details = {
        "name": shown(job.job_name),
        "device": job.device or (job.device_config.device if job.device_config is not None else ""),
        "output": job.output_data_config.s3_path if job.output_data_config is not None else "",
        "created": _moment(job.created_at),
        "started": _moment(job.started_at),
        "ended": _moment(job.ended_at),
        "completed": _moment(job.ended_at) if state is S.COMPLETED else "",
        "billable_ms": "" if job.billable_duration is None else str(job.billable_duration),
    }
    return Status(
        state=state,
        raw_status=shown(job.status),
        queue_position=ahead(job.queue_info) if state is S.QUEUED else None,
        timeline=_timeline(job, over=over),
        details={name: value for name, value in details.items() if value},
        reason=shown(job.failure_reason or "") if state in (S.FAILED, S.CANCELLED) else "",
        has_result=over,  # of what had been saved by then
    )


def _timeline(job: HybridJob, *, over: bool) -> tuple[Stamp, ...]:
    stamps = [Stamp(job.created_at.timestamp(), "CREATED", "braket")] if job.created_at is not None else []
    stamps += [
        Stamp(event.time_of_event.timestamp(), shown(event.event_type), "braket")
        for event in (job.events or ())[:_EVENTS]
        if event.event_type and event.time_of_event is not None
    ]
    if over and job.ended_at is not None and all(stamp.status != job.status for stamp in stamps):
        stamps.append(Stamp(job.ended_at.timestamp(), job.status, "braket"))
    return tuple(stamps)


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else repr(moment.timestamp())
