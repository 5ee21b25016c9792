"""Parts that are sent one after the other: each waits for the end of the one before it, also across restarts.

Who goes before whom stands in the records (`JobRecord.after`), so that whoever takes them over keeps the order.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from quantumjobs.core.events import CancelRequested
from quantumjobs.core.records import JobRecord
from quantumjobs.core.states import UNSENT, JobState
from quantumjobs.errors import LedgerError

if TYPE_CHECKING:
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.tracked import Tracked

log = logging.getLogger("quantumjobs")
S = JobState


class Succession:
    """Lets jobs into their lanes when the ones before them have ended."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: dict[str, list[Tracked]] = {}  # by the record that they wait for

    def begin(self, job: Tracked) -> None:
        """Send the job now or when it is its turn; or cancel it, where the one before it failed and that counts."""
        self._engine.act(job, self._begin)

    async def _begin(self, job: Tracked) -> None:
        attempt = 0
        while job.record.state is S.CREATED and job.ours:
            try:
                return await self._decide(job)
            except LedgerError as error:  # busy, or its disk is full: asked again, as nothing has been decided
                attempt += 1
                job.met(error)
                await asyncio.sleep(job.lane.policy.delay(attempt, error))
        return None

    async def _decide(self, job: Tracked) -> None:
        before = await self._before(job)
        if before is not None and not before.terminal:
            self._waiting.setdefault(before.id, []).append(job)
            return
        if before is None or before.state is S.COMPLETED or job.record.after_failure:
            self._engine.sender.enqueue(job)
            return
        reason = f"not sent: the part before it was {before.state}{f' ({before.reason})' if before.reason else ''}"
        await self._engine.apply(job, CancelRequested(at=self._engine.wall(), reason=reason), only_in=UNSENT)

    async def _before(self, job: Tracked) -> JobRecord | None:
        """The record before it as it is now, followed or shown here; None where it is not in the ledger any more."""
        engine = self._engine
        known = engine.known(job.record.after)
        if known is not None:
            return known.record
        held = await engine.ledger.records([job.record.after])
        if not held:
            log.warning("job %s: the part before it, %s, is not in the ledger", job.record.id, job.record.after)
            return None
        (record,) = held
        if record.terminal:
            return record
        # Another client's, or nobody's yet: what becomes of it is seen here for what is known here, from now on.
        tracked = engine.track(record, job.lane, ours=False)
        await engine.sharing.take(tracked, await engine.ledger.record(record.id))
        return tracked.record

    def ended(self, record: JobRecord) -> None:
        """It is the turn of those that waited for this one."""
        for job in self._waiting.pop(record.id, ()):
            if job.record.state is S.CREATED and job.ours:  # else it was cancelled, or taken over, meanwhile
                self.begin(job)
