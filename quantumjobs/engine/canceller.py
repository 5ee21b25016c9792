"""Cancelling: a wish is kept first, sent when the job's id is known, and answered once for all who ask."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from quantumjobs.abc import CancelReply, Cancels
from quantumjobs.core.events import CancelAccepted, CancelRefused, CancelRequested, CancelSent
from quantumjobs.core.records import JobRecord
from quantumjobs.core.states import WATCHED, CancelOutcome, JobState
from quantumjobs.errors import AdapterError, CredentialError, LedgerError, ProviderError, ProviderRejected, UsageError

if TYPE_CHECKING:
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.tracked import Tracked
    from quantumjobs.engine.traffic import Passage

S = JobState
ASKED_FOR = 5.0
"""Seconds that `cancel()` may be kept by its lane's traffic before it says that the outcome is unknown."""


OWNER_ANSWERS = 5.0
"""Seconds that `cancel()` waits for what another client, which follows the job, makes of the wish."""


class Canceller:
    """Asks providers to end jobs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def cancel(self, job: Tracked) -> CancelOutcome:
        """Ask for one record's end, and say what is known of it when the provider has answered."""
        engine = self._engine
        if job.record.terminal:
            return _ended(job.record)
        if not job.ours:
            return await self._ask_owner(job)
        if job.record.state in WATCHED:
            await job.lane.adapter()
            if job.lane.capability(Cancels) is None:
                return CancelOutcome.UNSUPPORTED
        job.lane.traffic.hurry()
        if job.cancelling is None:
            job.cancelling = engine.loop.create_future()
        outcome = job.cancelling
        record = await engine.own(engine.apply(job, CancelRequested(at=engine.wall())))
        if outcome.done():
            return outcome.result()
        if record.terminal:
            return _ended(record)
        if record.state not in WATCHED:
            return CancelOutcome.REQUESTED  # remembered, and sent when the id is known
        self.start(job)
        return await asyncio.shield(outcome)

    async def _ask_owner(self, job: Tracked) -> CancelOutcome:
        """Another client follows the job: it is told through the ledger, and what it makes of that is seen there."""
        engine = self._engine
        if job.stranded is not None:
            raise UsageError(str(job.stranded))  # each caller has a traceback of its own
        engine.sharing.want(job)
        await engine.own(engine.apply(job, CancelRequested(at=engine.wall())))
        until = engine.loop.time() + OWNER_ANSWERS
        while engine.loop.time() < until:
            record = job.record
            if record.terminal:
                return _ended(record)
            if not record.cancel_wanted:
                return CancelOutcome.REFUSED
            if record.state is S.CANCELLING:
                return CancelOutcome.REQUESTED
            await engine.committed(until)
        return CancelOutcome.REQUESTED

    def start(self, job: Tracked) -> None:
        """Send the wish, once for all who ask meanwhile; `job.cancelling` tells the first outcome."""
        if job.cancel_sender is None:
            if job.cancelling is None:
                job.cancelling = self._engine.loop.create_future()
            job.cancel_sender = self._engine.act(job, self._cancel, job.cancelling)

    async def _cancel(self, job: Tracked, outcome: asyncio.Future[CancelOutcome]) -> None:
        attempt = 0
        try:
            while job.record.state in WATCHED and job.record.cancel_wanted:
                attempt += 1
                passage = await self._turn(job, outcome)
                result, delay = await self._cancel_once(job, attempt, passage)
                if not outcome.done():
                    outcome.set_result(result)
                if delay is None:
                    return
                await asyncio.sleep(delay)
        finally:
            if not outcome.done():
                outcome.set_result(_ended(job.record) if job.record.terminal else CancelOutcome.UNKNOWN)
            job.cancelling = job.cancel_sender = None

    async def _turn(self, job: Tracked, outcome: asyncio.Future[CancelOutcome]) -> Passage:
        """Wait until the cancel may go; whoever asks for it is not kept for long, and the wish stays."""
        traffic, loop = job.lane.traffic, self._engine.loop
        if traffic.free_at("cancel") - loop.time() > ASKED_FOR and not outcome.done():
            outcome.set_result(CancelOutcome.UNKNOWN)
        return await traffic.turn("cancel", job.record.id)

    async def _cancel_once(self, job: Tracked, attempt: int, passage: Passage) -> tuple[CancelOutcome, float | None]:
        """One cancel request: what came of it, and the seconds after which it should be sent again, if it should."""
        engine, lane = self._engine, job.lane
        if job.look is not None:  # one that holds would keep the cancel waiting for hours
            await self._interrupt(job, job.look)
        await job.wire.take()
        try:
            if job.record.state not in WATCHED:
                passage.unused()
                return _ended(job.record), None
            with passage:
                await lane.adapter()
                cancels = lane.capability(Cancels)
                if cancels is None:
                    await engine.apply(job, CancelRefused(at=engine.wall(), reason="this provider cannot cancel"))
                    return CancelOutcome.UNSUPPORTED, None
                await engine.apply(job, CancelSent(at=engine.wall()))
                reply = await lane.errand(cancels.cancel, job.remote())
        except AdapterError:
            return CancelOutcome.UNKNOWN, None
        except ProviderRejected as error:
            job.met(error)
            reply = CancelReply.REFUSED
        except (ProviderError, CredentialError, LedgerError) as error:
            job.met(error)
            refused = isinstance(error, CredentialError)  # then the lane waits
            return CancelOutcome.UNKNOWN, 0.0 if refused else lane.policy.delay(attempt, error)
        finally:
            job.wire.give()
            if job.traits.holds:
                engine.poller.again(job)
        return await self._cancel_answered(job, reply), None

    async def _interrupt(self, job: Tracked, look: asyncio.Task[None]) -> None:
        look.cancel()
        await asyncio.wait([look])
        if job.look is look:  # cancelled before its first step, so nothing gave the turn back
            job.look = None
            self._engine.looks.discard(look)
            job.wire.give()

    async def _cancel_answered(self, job: Tracked, reply: CancelReply) -> CancelOutcome:
        engine = self._engine
        match reply:
            case CancelReply.REFUSED:
                await engine.apply(job, CancelRefused(at=engine.wall(), reason="the provider refused the cancel"))
                return CancelOutcome.REFUSED
            case CancelReply.TOO_LATE:
                engine.poller.soon(job)
                return CancelOutcome.TOO_LATE
            case _:
                await engine.apply(job, CancelAccepted(at=engine.wall()))
        if reply is CancelReply.CONFIRMED:
            try:
                await engine.looker.look_now(job)
            except (ProviderError, CredentialError):
                engine.poller.soon(job)
        else:
            engine.poller.soon(job, job.traits.min_interval)
        return _ended(job.record) if job.record.terminal else CancelOutcome.REQUESTED


def _ended(record: JobRecord) -> CancelOutcome:
    return CancelOutcome.CANCELLED if record.state is S.CANCELLED else CancelOutcome.TOO_LATE
