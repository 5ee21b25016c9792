"""What Amazon Braket says and is told, as far as this adapter reads and writes it; further members are ignored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from quantumjobs.core.states import JobState

STATES: Mapping[str, JobState] = {
    "CREATED": JobState.QUEUED,
    "QUEUED": JobState.QUEUED,
    "RUNNING": JobState.RUNNING,
    "CANCELLING": JobState.CANCELLING,
    "COMPLETED": JobState.COMPLETED,
    "FAILED": JobState.FAILED,
    "CANCELLED": JobState.CANCELLED,
}
"""The service's words. Its CREATED is a task that it has: our `queued`."""


class Created(Struct, frozen=True, rename="camel"):
    """The answer to CreateQuantumTask."""

    quantum_task_arn: str


class Queue(Struct, frozen=True):
    """Where a task stands. `position` is a text: "3", ">2000", or "None" where it does not wait any more."""

    position: str | int | None = None
    message: str | None = None


class Did(Struct, frozen=True, rename="camel"):
    """What kind of action a task is."""

    action_type: str | None = None
    program_count: int | None = None
    executable_count: int | None = None


class Task(Struct, frozen=True, rename="camel"):
    """A quantum task, of GetQuantumTask or, with fewer members, of SearchQuantumTasks."""

    quantum_task_arn: str
    status: str
    device_arn: str | None = None
    failure_reason: str | None = None
    shots: int | None = None
    num_successful_shots: int | None = None
    output_s3_bucket: str | None = msgspec.field(default=None, name="outputS3Bucket")
    output_s3_directory: str | None = msgspec.field(default=None, name="outputS3Directory")
    created_at: datetime | None = None
    ended_at: datetime | None = None
    queue_info: Queue | None = None
    action_metadata: Did | None = None


class Found(Struct, frozen=True, rename="camel"):
    """One page of SearchQuantumTasks. Each task is read by itself, so that one that is odd hides no others."""

    quantum_tasks: list[msgspec.Raw]
    next_token: str | None = None


class Cancelled(Struct, frozen=True, rename="camel"):
    """The answer to CancelQuantumTask."""

    cancellation_status: str


class Waiting(Struct, frozen=True, rename="camel"):
    """How long one of a device's queues is."""

    queue: str | None = None
    queue_size: str | int | None = None
    queue_priority: str | None = None


class Device(Struct, frozen=True, rename="camel"):
    """The answer of GetDevice. `device_capabilities` is a JSON document in a text."""

    device_arn: str
    device_name: str = ""
    provider_name: str = ""
    device_type: str = ""
    device_status: str = ""
    device_capabilities: str = "{}"
    device_queue_info: list[Waiting] | None = None


class Devices(Struct, frozen=True, rename="camel"):
    """One page of SearchDevices."""

    devices: list[Device]
    next_token: str | None = None


def ahead(queue: Queue | None) -> int | None:
    """How many are before it: the first in the queue has position 1. Of ">2000", as many as it says."""
    position = str(queue.position) if queue is not None else ""
    digits = position.removeprefix(">").strip()
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 9:
        return None
    return int(digits) if position.startswith(">") else max(0, int(digits) - 1)


def json(document: Any) -> bytes:
    """The same document gives the same bytes."""
    return _encode(document)


def head(name: str) -> dict[str, str]:
    """The header of a Braket document."""
    return {"name": name, "version": "1"}


_encode = msgspec.json.Encoder(order="deterministic").encode
