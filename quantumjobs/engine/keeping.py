"""Keeping: what happened is written down, and what the ledger cannot take is held until it can.

A commit may fail, or seem to: then the record is read again, and what was not kept is folded into what is there.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from quantumjobs.abc import Change
from quantumjobs.core.events import (
    Abandoned,
    Adopted,
    CancelRequested,
    CancelSent,
    Resubmitted,
    SubmitAccepted,
    SubmitStarted,
    TakenOver,
)
from quantumjobs.core.machine import step
from quantumjobs.core.records import JobRecord
from quantumjobs.core.traits import Traits
from quantumjobs.errors import LedgerConflict, LedgerError

if TYPE_CHECKING:
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.tracked import Tracked

log = logging.getLogger("quantumjobs")
_NOTHING: Mapping[str, bytes] = {}
_WISHES = (SubmitStarted, Adopted, Resubmitted, Abandoned, TakenOver, CancelRequested, CancelSent)
"""What we are about to do or what the user wants: not done where it cannot be written. All else is true already."""


class Keeping:
    """Writes the changes of records."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def write(self, job: Tracked, change: Change, blobs: Mapping[str, bytes]) -> None:
        """Write one change, and before it those that could not be written earlier."""
        changes = (*job.unsaved, change)
        if job.unsaved_blobs:
            blobs = {**job.unsaved_blobs, **blobs}
        try:
            await self._engine.ledger.commit(changes, blobs=blobs)
        except LedgerConflict:
            raise
        except LedgerError as error:
            if isinstance(change.event, _WISHES):
                raise
            if not job.unsaved and not self._engine.closed:
                self._engine.spawn(self._save_later(job))
            job.unsaved, job.unsaved_blobs = changes, blobs
            _tell(change, error)
        else:
            job.unsaved, job.unsaved_blobs = (), _NOTHING

    async def rebase(self, job: Tracked) -> bool:
        """Another client has changed the record, or a commit that seemed to fail did not: go on from what is held.

        False when that is what was known already.
        """
        held = await self._engine.ledger.record(job.record.id)
        unsaved = job.unsaved
        if unsaved:
            held, changes = _rebased(held, unsaved, job.traits)
            job.unsaved = tuple(changes)
        if held == job.record:
            return len(job.unsaved) < len(unsaved)  # they were kept after all
        self._engine.sharing.absorb(job, held)
        return True

    async def _save_later(self, job: Tracked) -> None:
        """Try again until the ledger has taken what a provider told of the job."""
        attempt = 0
        while job.unsaved:
            attempt += 1
            await asyncio.sleep(min(60.0, 0.5 * 2.0**attempt))
            await self.save(job)

    async def save(self, job: Tracked) -> None:
        """Write what could not be written before, if there is anything, and if it can be written now."""
        await job.inbox.take()
        try:
            if not job.unsaved:
                return
            try:
                await self._engine.ledger.commit(job.unsaved, blobs=job.unsaved_blobs)
            except LedgerConflict:
                await self.rebase(job)  # what is still to be saved is saved the next time
            except LedgerError as error:
                log.warning("job %s: the ledger still cannot keep its outcome: %s", job.record.id, error)
            else:
                job.unsaved = ()
            if not job.unsaved:
                job.unsaved_blobs = _NOTHING
                log.info("job %s: the ledger has its outcome now", job.record.id)
                if job.record.settled:
                    self._engine.let_go(job)
        finally:
            job.inbox.give()


def _rebased(held: JobRecord, unsaved: Iterable[Change], traits: Traits) -> tuple[JobRecord, list[Change]]:
    """What could not be saved before, on top of what the ledger holds by now."""
    changes = []
    for change in unsaved:
        if change.event is None:
            continue
        new, _ = step(held, change.event, traits)
        if new is not held:
            changes.append(msgspec.structs.replace(change, record=new))
            held = new
    return held, changes


def _tell(change: Change, error: LedgerError) -> None:
    record, event = change.record, change.event
    log.error("job %s is %s, and the ledger could not keep it: %s", record.id, record.state, error)
    if isinstance(event, SubmitAccepted):
        # The only trace of a job that may cost money: said once, wherever logging goes.
        sys.stderr.write(
            f"quantumjobs: {record.provider} accepted job {record.id} as {event.remote_id!r}, "
            f"and the ledger could not keep this: {error}\n"
        )
