"""Hybrid jobs of the Braket emulator: what is remembered of them, and what the service says of them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from math import floor
from typing import Any
from uuid import uuid4

from quantumjobs.core.states import JobState as S
from quantumjobs.testing.emulators.braket_jobs_payload import JobCreation, members
from quantumjobs.testing.emulators.braket_tasks import ACCOUNT, written
from quantumjobs.testing.emulators.jobs import Job

_FAR = 15
"""Places in the queue that are told exactly."""
_LONGEST_REASON = 1024
_MOST_EVENTS = 20


class HybridJob(Job):
    """A hybrid job. Its id is its ARN."""

    about: JobCreation

    def __init__(
        self,
        about: JobCreation,
        *,
        region: str,
        endpoint: str = "",
        now: Callable[[], float],
        fails: str | None = None,
    ) -> None:
        super().__init__([about], about, fails=fails)
        self.region = region
        self.endpoint = endpoint
        """Where the program finds the emulator."""
        self.uuid = str(uuid4())
        self.id = f"arn:aws:braket:{region}:{ACCOUNT}:job/{self.uuid}"
        self.token = secrets.token_urlsafe(32)
        """What tasks that the program creates are sent with. A secret: it is told to the program alone."""
        self.tags = dict(about.tags or {})
        self.created_at = _milliseconds(now())
        self.started_at: float | None = None
        self.ended_at: float | None = None
        self.events: list[tuple[str, float, str]] = []
        self.cancel_asked = asyncio.Event()
        """Set when the program is to be ended."""
        self.was_ended = False
        """The program has ended because it was told to."""
        self._now = now
        self._history: list[tuple[float, str]] = []
        self._enter("QUEUED", "QUEUED_FOR_EXECUTION", "The hybrid job is queued.")

    @property
    def status(self) -> str:
        """In the service's words."""
        return self._history[-1][1]

    def stream(self, number: int) -> str:
        """The name of an instance's log stream; instances are counted from 1."""
        return f"{self.about.job_name}/{self.uuid}/algo-{number}-{int(self.created_at)}"

    def status_at(self, moment: float) -> str | None:
        """What it was then, in seconds of the loop; None before it was created."""
        return next((word for since, word in reversed(self._history) if since <= moment), None)

    def happened(self, event: str, message: str) -> None:
        """One more event; the first twenty are told."""
        self.events.append((event, self._now(), message))

    def begin(self) -> None:
        super().begin()
        self.started_at = _milliseconds(self._now())
        if self.status != "CANCELLING":
            self._enter("RUNNING", "STARTING_INSTANCE", "The instance is starting.")

    def cancelling(self) -> None:
        """It will be cancelled, if it is not over before."""
        if self.state is S.QUEUED:
            self.state = S.CANCELLING  # the queue starts none that is not queued
        self._enter("CANCELLING")

    def end(self, state: S, message: str = "") -> None:
        if self.was_ended:
            state, message = S.CANCELLED, ""
        self.ended_at = max(_milliseconds(self._now()), self.started_at or 0.0)
        if state is S.FAILED and self.started_at and self.ended_at - self.started_at >= self.about.longest:
            self.happened("MAX_RUNTIME_EXCEEDED", "The hybrid job has run for as long as it may.")
        said = {S.COMPLETED: "The hybrid job has completed.", S.CANCELLED: "The hybrid job was cancelled."}
        self._enter(state.name, state.name, said.get(state, message))
        super().end(state, message)

    def again(self) -> None:
        """It was under way when the emulator was stopped."""
        self._history, self.started_at = [], None
        self.cancel_asked = asyncio.Event()
        self._enter("QUEUED", "QUEUED_FOR_EXECUTION", "The hybrid job is queued again.")

    def _enter(self, word: str, event: str = "", message: str = "") -> None:
        self._history.append((asyncio.get_running_loop().time(), word))
        if event:
            self.happened(event, message)


def _milliseconds(moment: float) -> float:
    """As precise as it is told."""
    return floor(moment * 1000) / 1000


def summary(job: HybridJob, status: str) -> dict[str, Any]:
    """As a search tells of it."""
    found: dict[str, Any] = {
        "status": status,
        "jobArn": job.id,
        "jobName": job.about.job_name,
        "device": job.about.device_config.device,
        **_times(job, status),
    }
    return found | ({"tags": job.tags} if job.tags else {})


def _times(job: HybridJob, status: str) -> dict[str, str]:
    found = {"createdAt": written(job.created_at)}
    if job.started_at is not None and status != "QUEUED":
        found["startedAt"] = written(job.started_at)
    if job.ended_at is not None and status == job.status:
        found["endedAt"] = written(job.ended_at)
    return found


def document(job: HybridJob, *, tells_count: bool) -> dict[str, Any]:
    """What the service says of it by itself; how many instances it has may be left out."""
    found: dict[str, Any] = members(job.about) | {"jobArn": job.id, "status": job.status, **_times(job, job.status)}
    machines = dict(found["instanceConfig"]) | {"instanceCount": job.about.instances}
    if not tells_count:
        del machines["instanceCount"]
    found["instanceConfig"] = machines
    found["stoppingCondition"] = {"maxRuntimeInSeconds": job.about.longest}
    found["associations"] = found.get("associations", [])
    found["tags"] = job.tags
    found["events"] = [
        {"eventType": kind, "timeOfEvent": written(at), "message": message}
        for kind, at, message in job.events[:_MOST_EVENTS]
    ]
    if job.state is S.FAILED:
        found["failureReason"] = (job.message or "unknown")[:_LONGEST_REASON]
    if job.started_at is not None and job.ended_at is not None:
        found["billableDuration"] = round((job.ended_at - job.started_at) * 1000)
    return found


def queue_info(job: HybridJob, ahead: int) -> dict[str, Any]:
    """The place in the queue, as text."""
    found = {"queue": "JOBS_QUEUE", "position": "None"}
    if job.state is S.QUEUED:
        return found | {"position": str(ahead + 1) if ahead < _FAR else f">{_FAR}"}
    return found | {
        "message": f"Job is in {job.status} status. AmazonBraket does not show queue position for this status."
    }
