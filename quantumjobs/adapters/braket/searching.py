"""Searches for tasks: which ones to ask for, and what a page of answers tells. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from quantumjobs.abc import Remote, Sending
from quantumjobs.adapters.braket.messages import Found, Task

MARGIN = 120.0
"""Seconds by which a window is longer: clocks differ, and a record is a little older or younger than its task."""
WHOLE = 100
"""Tasks a page may have, as documented."""

_ARN = re.compile(r"arn:aws[a-z-]*:braket:[a-z0-9-]+:\d{12}:quantum-task/[A-Za-z0-9-]{1,64}", re.ASCII)


def is_task(arn: str) -> bool:
    """Whether it is a quantum task's ARN, which has the region in it."""
    return _ARN.fullmatch(arn) is not None


def directory(prefix: str, token: str) -> str:
    """Where the results of a submission go: its own, so that it can be told from all others by that."""
    return f"{prefix}/{token}" if prefix else token


def window(jobs: Sequence[Remote], *, after: str = "", ahead: float = 0.0) -> dict[str, Any]:
    """The body of a search for all tasks created since the oldest of these; of its device, where it is one.

    `ahead`: by how many seconds the service's clock is ahead of ours.
    """
    oldest = min(created(job, ahead) for job in jobs)
    return _search([since(oldest - MARGIN)], {job.details.get("device", "") for job in jobs}, after)


def around(sending: Sending, *, ahead: float = 0.0) -> dict[str, Any]:
    """The body of a search for the tasks that one submission may have made, at whichever of its attempts."""
    return _search([since(sending.first_sent_at + ahead - MARGIN)], {sending.details.get("device", "")}, "")


def tasks(found: Found) -> Iterator[Task]:
    """Those of a page that can be read; what is odd about another one, a look at that task will show."""
    for raw in found.quantum_tasks:
        try:
            yield _task.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue


def created(job: Remote, ahead: float) -> float:
    """When, by the service's clock. As the service told, since a job that was attached to has a later date here."""
    told = job.details.get("created")
    return float(told) if told else job.created_at + ahead


def since(moment: float) -> dict[str, Any]:
    """The filter for what was created then or later."""
    text = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {"name": "createdAt", "operator": "GTE", "values": [text]}


def _search(filters: list[dict[str, Any]], devices: set[str], after: str) -> dict[str, Any]:
    if len(devices) == 1 and "" not in devices:
        filters = [*filters, {"name": "deviceArn", "operator": "EQUAL", "values": list(devices)}]
    body: dict[str, Any] = {"filters": filters, "maxResults": WHOLE}
    return {**body, "nextToken": after} if after else body


_task = msgspec.json.Decoder(Task)
