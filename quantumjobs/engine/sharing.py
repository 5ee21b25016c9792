"""Sharing a ledger: what other clients on the same store did is noticed, and what they left behind is taken up.

A record has one owner, the client that sends, looks and fetches. Others see it as it is in the ledger and may put
their wishes into it: the owner notices them within a second and acts. When an owner has ended, another takes its
records over; the fence it raises tells a former owner who is late that it is one no longer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from quantumjobs.abc import Change
from quantumjobs.core.events import AnyEvent, SubmitInDoubt, TakenOver
from quantumjobs.core.machine import catch_up, step
from quantumjobs.core.records import JobRecord
from quantumjobs.core.states import WATCHED, JobState
from quantumjobs.core.traits import Traits
from quantumjobs.errors import LedgerConflict, LedgerError, LedgerWriteError, UsageError

if TYPE_CHECKING:
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.tracked import Tracked

log = logging.getLogger("quantumjobs")
S = JobState

EVERY = 0.4
"""Seconds between two questions whether others have written."""
DEATHS_EVERY = 1.0
"""Seconds between two searches for jobs whose owner has ended."""
AT_ONCE = 500
"""Records taken over in one commit: more would keep other writers waiting."""
BEGUN_AT_ONCE = 50
"""Records that begin to be followed without letting the loop turn."""
SENDER_ENDED = "its sender ended before an answer was kept"


def taken_over(record: JobRecord, traits: Traits, at: float) -> list[Change]:
    """What a new owner writes first. A record found in `submitting` is in doubt: nobody waits for its answer any more."""
    events: list[AnyEvent] = [TakenOver(at=at, fence=record.fence + 1)]
    if record.state is S.SUBMITTING:
        events.append(SubmitInDoubt(at=at, reason=SENDER_ENDED))
    changes = []
    for event in events:
        record, _ = step(record, event, traits)
        changes.append(Change(record=record, event=event))
    return changes


class Sharing:
    """One client among others. With `everything`, whatever others left behind is taken up; else only what is asked for."""

    def __init__(self, engine: Engine, *, everything: bool) -> None:
        self._engine = engine
        self._everything = everything
        self._cursor = 0
        self._wanted: set[str] = set()

    async def start(self) -> None:
        """Take up what was left behind, and watch from now on."""
        engine = self._engine
        self._cursor, _ = await engine.ledger.others(after=None)
        if self._everything:
            try:
                await self.take_up()
            except LedgerWriteError as error:  # it can be read at least; tried again while this client lives
                log.warning("jobs that were left behind cannot be taken up: %s", error)
        if engine.ledger.shared:
            engine.spawn(self._watch())

    # --- what others did ----------------------------------------------------------------------
    async def _watch(self) -> None:
        loop = self._engine.loop
        deaths = loop.time() + DEATHS_EVERY
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.notice()
                if loop.time() >= deaths:
                    deaths = loop.time() + DEATHS_EVERY
                    if self._everything or self._engine.has_foreign:
                        await self.take_up()
            except LedgerError as error:  # it may be busy, or its disk full: asked again
                log.warning("the ledger does not say what others did: %s", error)
            except Exception:  # a bug of ours or a plug-in's: it must not end the watch for all other jobs
                log.exception("what others did could not be taken")

    async def notice(self) -> None:
        """Take what others have written since the last time."""
        engine = self._engine
        cursor, records = await engine.ledger.others(after=self._cursor)
        if cursor != self._cursor:
            self._cursor = cursor
            engine.wake_readers()
        for record in records:
            job = engine.known(record.id)
            if job is not None:
                try:
                    await self.take(job, record)
                except Exception as error:  # one record must not keep what others did to the rest from being seen
                    log.exception("job %s: what others did to it could not be taken", record.id)
                    engine.fail_waits(job, error)

    async def take(self, job: Tracked, record: JobRecord) -> None:
        """What the ledger holds of a job by now, where that is newer than what is known here."""
        await job.inbox.take()
        try:
            if record.version > job.record.version and not job.unsaved:  # else its next commit puts them in order
                self.absorb(job, record)
        finally:
            job.inbox.give()

    def absorb(self, job: Tracked, record: JobRecord) -> None:
        """The same for whoever has the job's turn."""
        old = job.record
        if record.fence > old.fence and job.ours:
            log.warning("job %s was taken over by another client", record.id)
            self._let_go(job)
        self._engine.publish(job, old, record)
        if job.ours:
            for action in catch_up(old, record, job.traits):
                self._engine.start(action, job)

    def _let_go(self, job: Tracked) -> None:
        """It has another owner now: nothing more is sent or asked from here."""
        job.ours = False
        self._engine.poller.unwatch(job)
        job.lane.free_slot(job)

    # --- what others left behind --------------------------------------------------------------
    def want(self, job: Tracked) -> None:
        """Somebody here asks for this job: it is followed, also by a client that takes up nothing else."""
        if not job.record.settled:
            self._wanted.add(job.record.id)

    async def take_up(self) -> None:
        """Take over what nobody follows any more: all of it, or what is asked for here."""
        engine = self._engine
        served: list[Tracked] = []
        fences: dict[str, int] = {}
        for place, record in enumerate(await engine.ledger.orphans()):
            if place % 100 == 99:  # there may be very many, and others want the loop
                await asyncio.sleep(0)
            known = engine.known(record.id)
            if not self._everything and (known is None or not self._asked_for(known)):
                continue
            if known is not None and known.ours:
                continue
            lane, why = await engine.finder.lane_of(record)
            if why is not None:
                if known is not None:
                    self._strand(known, why)
                continue
            fences[record.id] = record.fence
            served.append(known or engine.track(record, lane, ours=False))
        ours: list[Tracked] = []
        for start in range(0, len(served), AT_ONCE):
            ours += await self._claim(served[start : start + AT_ONCE], fences)
        for place, job in enumerate(ours):  # not before all are claimed: what they then write would stand in the way
            if place % BEGUN_AT_ONCE == BEGUN_AT_ONCE - 1:
                await asyncio.sleep(0)
            self._begin(job)

    def _asked_for(self, job: Tracked) -> bool:
        return job.record.id in self._wanted or any(handle._is_awaited for handle in job.handles)

    def _strand(self, job: Tracked, why: UsageError) -> None:
        if job.stranded is None:
            job.stranded = why
            for handle in job.handles:
                handle._on_change()

    async def _claim(self, jobs: Sequence[Tracked], fences: Mapping[str, int]) -> list[Tracked]:
        """Make them ours, in one commit: those that are. Of several clients that try, one succeeds."""
        engine = self._engine
        held = {record.id: record for record in await engine.ledger.records([job.record.id for job in jobs])}
        changes = {
            job.record.id: taken_over(held[job.record.id], job.traits, engine.wall())
            for job in jobs
            if job.record.id in held
            and not held[job.record.id].settled
            and held[job.record.id].fence == fences[job.record.id]  # else somebody was quicker
        }
        if not changes:
            return []
        try:
            await engine.ledger.commit([change for several in changes.values() for change in several])
        except LedgerConflict:  # somebody was quicker with some of them
            return [one for job in jobs for one in await self._claim([job], fences)] if len(jobs) > 1 else []
        claimed = [job for job in jobs if job.record.id in changes]
        for job in claimed:
            job.ours = True
            job.stranded = None
            self._engine.publish(job, job.record, changes[job.record.id][-1].record)
            self._wanted.discard(job.record.id)
        return claimed

    def _begin(self, job: Tracked) -> None:
        if job.ours and not job.record.settled:  # else it was decided, or lost to another client, meanwhile
            self._engine.begin(job)
            if job.record.state in WATCHED:
                self._engine.poller.soon(job)
