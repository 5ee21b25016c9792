"""Tasks of the Braket emulator: what is remembered of them, and what the service says of them."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from math import floor
from typing import Any
from uuid import uuid4

from quantumjobs.core.states import JobState as S
from quantumjobs.testing.emulators import braket_run
from quantumjobs.testing.emulators.braket_devices import PROGRAM_SET, Device
from quantumjobs.testing.emulators.braket_payload import Creation, Work
from quantumjobs.testing.emulators.braket_run import Outcome
from quantumjobs.testing.emulators.jobs import Job

ACCOUNT = "123456789012"
_FAR = 2000
"""Places in the queue that are told exactly."""


class BraketTask(Job):
    """A task. Its id is its ARN."""

    about: Creation

    def __init__(
        self,
        work: Work,
        about: Creation,
        *,
        device: Device,
        region: str,
        now: Callable[[], float],
        store: Callable[[BraketTask], None],
        fails: str | None = None,
        job_arn: str = "",
    ) -> None:
        super().__init__(list(work.tasks), about, fails=fails)
        self.work = work
        self.job_arn = job_arn
        """Of the hybrid job whose program has created it; empty for none."""
        self.device = device
        self.region = region
        self.uuid = str(uuid4())
        self.id = f"arn:aws:braket:{region}:{ACCOUNT}:quantum-task/{self.uuid}"
        self.directory = f"{about.output_s3_key_prefix}/{self.uuid}"
        self.created_at = floor(now() * 1000) / 1000  # as precise as it is told
        self.ended_at: float | None = None
        self._now = now
        self._store = store
        self._history: list[tuple[float, str]] = []
        """Since when it is in which state, in seconds of the loop."""
        self._note("CREATED")

    @property
    def is_set(self) -> bool:
        """Of programs."""
        return self.work.kind == PROGRAM_SET

    @property
    def status(self) -> str:
        """In the service's words."""
        return self._history[-1][1]

    @property
    def outcomes(self) -> list[Outcome]:
        """What has been run."""
        return [braket_run.decode(part) for part in self.parts]

    def status_at(self, moment: float) -> str | None:
        """What it was then, in seconds of the loop; None before it was created."""
        return next((word for since, word in reversed(self._history) if since <= moment), None)

    def looked_at(self) -> None:
        """From here on it is queued: CREATED is seen once."""
        if self.status == "CREATED":
            self._note("QUEUED")

    def cancelling(self) -> None:
        """It will be cancelled, if it is not over before."""
        if self.state is S.QUEUED:
            self.state = S.CANCELLING  # the queue starts none that is not queued
        self._note("CANCELLING")

    def begin(self) -> None:
        super().begin()
        if self.status != "CANCELLING":
            self._note("RUNNING")

    def end(self, state: S, message: str = "") -> None:
        self.ended_at = self._now()
        failures = [found.failure for found in self.outcomes if found.failure]
        if self.is_set and state is S.COMPLETED and len(failures) == len(self.circuits):
            state, message = S.FAILED, f"All executables have failed: {failures[0]}"
        self._note(state.name)
        super().end(state, message)
        if state is S.COMPLETED or (self.is_set and self.parts):
            self._store(self)

    def again(self) -> None:
        """It was under way when the emulator was stopped."""
        self._history = []
        self._note("QUEUED")

    def _note(self, word: str) -> None:
        self._history.append((asyncio.get_running_loop().time(), word))


def written(moment: float) -> str:
    """In ISO 8601, to the millisecond."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def summary(task: BraketTask, status: str) -> dict[str, Any]:
    """As a search tells of it."""
    found: dict[str, Any] = {
        "quantumTaskArn": task.id,
        "status": status,
        "deviceArn": task.about.device_arn,
        "shots": task.about.shots,
        "outputS3Bucket": task.about.output_s3_bucket,
        "outputS3Directory": task.directory,
        "createdAt": written(task.created_at),
    }
    if task.ended_at is not None and status == task.status:
        found["endedAt"] = written(task.ended_at)
    if task.about.tags is not None:
        found["tags"] = task.about.tags
    return found


def document(task: BraketTask) -> dict[str, Any]:
    """What the service says of it by itself."""
    action: dict[str, Any] = {"actionType": task.work.kind}
    if task.is_set:
        action |= {"programCount": len(task.work.programs), "executableCount": len(task.work.tasks)}
    found = summary(task, task.status) | {
        "deviceParameters": task.about.device_parameters or "{}",
        "actionMetadata": action,
        "associations": task.about.associations,
    }
    if task.job_arn:
        found["jobArn"] = task.job_arn
    if task.state is S.FAILED:
        found["failureReason"] = task.message
    if task.state is S.COMPLETED:
        found["numSuccessfulShots"] = successful(task)
    return found


def successful(task: BraketTask) -> int:
    """Shots of what did not fail."""
    outcomes = zip(task.outcomes, task.work.tasks, strict=False)
    return sum(one.shots for found, one in outcomes if not found.failure)


def queue_info(task: BraketTask, ahead: int) -> dict[str, Any]:
    """The place in the queue, as text."""
    found = {"queue": "QUANTUM_TASKS_QUEUE", "queuePriority": "Normal", "position": "None"}
    if task.state is S.QUEUED:
        return found | {"position": str(ahead + 1) if ahead < _FAR else f">{_FAR}"}
    return found | {
        "message": f"Task is in status {task.status}. AmazonBraket does not show queue position for this status."
    }
