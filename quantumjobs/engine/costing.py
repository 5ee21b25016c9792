"""What a handle costs: the sum of its parts, each by the prices that were published when it was made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quantumjobs.core import costs
from quantumjobs.core.costs import Cost
from quantumjobs.core.records import Link
from quantumjobs.core.states import JobState

if TYPE_CHECKING:
    from quantumjobs.engine.job import Job
    from quantumjobs.engine.tracked import Tracked


async def cost(job: Job, parts: Sequence[tuple[Link, Tracked]]) -> Cost:
    """Where time is what is paid for, a finished job's result is read, since it tells how long each circuit ran."""
    ran: list[float] = []
    if job.state is JobState.COMPLETED and any(costs.is_timed(part.record.details) for _, part in parts):
        ran = [float(one.metadata.get(costs.SECONDS) or 0.0) for one in await job.result()]
    found = []
    at = 0
    for link, part in parts:
        seconds = sum(ran[at : at + link.count])
        found.append(costs.cost(part.record.details, part.record.state, seconds=seconds or None))
        at += link.count
    return costs.total(found)
