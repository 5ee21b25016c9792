"""Sending: one request per `submitting(n)`, and what to do when nobody knows whether it arrived."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING

from quantumjobs.abc import Accepted, Finds, Sending, Stages
from quantumjobs.core.events import (
    Abandoned,
    Adopted,
    SubmitAccepted,
    SubmitDeferred,
    SubmitInDoubt,
    SubmitRejected,
    SubmitStarted,
)
from quantumjobs.core.states import DOUBTFUL, UNSENT, JobState
from quantumjobs.core.traits import Findable, Idempotent, Rerunnable
from quantumjobs.errors import (
    AdapterError,
    CredentialError,
    LedgerError,
    LedgerWriteError,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
)

if TYPE_CHECKING:
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.tracked import Tracked
    from quantumjobs.engine.traffic import Passage

log = logging.getLogger("quantumjobs")
S = JobState
GRACE = 3.0
"""Seconds that closing a client waits for the answers to submits."""
SEARCHES = 8
"""Looks for a job in doubt at a provider that does not say how long its search lags."""
_DOUBT = ProviderUnavailable("in doubt")


class _TooLate(Exception):
    """Nothing was sent: what would have made it safe is over."""


class Sender:
    """Sends jobs, and resolves the doubt where a reply did not come."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._under_way: set[asyncio.Task[None]] = set()

    async def settle(self) -> None:
        """Closing: wait a little for the answers to requests that are under way, since each would be a doubt."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=GRACE)

    def enqueue(self, job: Tracked) -> None:
        """Hand the job to its lane: at once, or after the back-off of its last failure."""
        error = job.last_error
        if job.misses and error is not None and not isinstance(error, CredentialError):  # for that the lane waits
            self._engine.loop.call_later(job.lane.policy.delay(job.misses, error), job.lane.enqueue, job)
        else:
            job.lane.enqueue(job)

    def launch(self, job: Tracked, passage: Passage) -> None:
        """The lane says that the job may go. It has entered the lane; whoever ends the request leaves it."""
        self._engine.act(job, self._launch, passage)

    async def _launch(self, job: Tracked, passage: Passage) -> None:
        engine, lane = self._engine, job.lane
        sent = False
        payload = b""
        try:
            if not engine.turnstile.passes():  # places come free many at a time
                await engine.turnstile.turn()
            payload = await engine.ledger.blob(job.record.payload)
            await self._stage(job, passage, payload)
            sent = await self._started(job, UNSENT)
        except (ProviderRejected, AdapterError) as error:
            if isinstance(error, AdapterError):
                lane.enqueue(job)  # sent when the lane is mended
            else:
                await engine.apply(job, SubmitRejected(at=engine.wall(), reason=str(error)))
        except (ProviderError, CredentialError, LedgerError) as error:  # free and repeatable so far
            job.met(error)
            self.enqueue(job)
        finally:
            if not sent:
                passage.unused()
                lane.free_slot(job)
                lane.leave()
        if sent:
            await self.send(job, passage, payload)

    async def _started(self, job: Tracked, only_in: frozenset[JobState]) -> bool:
        """Make `submitting(n)` durable. True: its request is now to be sent, by whoever asked, without delay."""
        engine = self._engine
        if self._is_leaving():
            return False
        task = asyncio.current_task()
        if task is not None:
            self._under_way.add(task)
        started = False
        try:
            record, applied = await engine.applied(job, SubmitStarted(at=engine.wall()), only_in=only_in)
            started = applied and record.state is S.SUBMITTING
            job.undecided &= not started
            if started and self._is_leaving():  # nothing was sent, so that this is no doubt
                started = False
                await engine.apply(job, SubmitDeferred(at=engine.wall(), reason="the client was closed"))
        finally:
            if task is not None and not started:
                self._under_way.discard(task)
        return started

    def _is_leaving(self) -> bool:
        return self._engine.closed

    async def _stage(self, job: Tracked, passage: Passage, payload: bytes) -> None:
        """What comes before a submit, if anything: the first step of its passage, which goes on after it."""
        lane = job.lane
        passage.doing = "stage"
        try:
            await lane.adapter()
            stages = lane.capability(Stages)
            if stages is not None:
                lane.traffic.leads_through("submit", "stage")
                await lane.call(stages.stage, self._sending(job, payload))
        except (ProviderError, CredentialError) as error:
            lane.traffic.ended(passage, error)
            raise
        passage.doing = "submit"

    def _sending(self, job: Tracked, payload: bytes) -> Sending:
        record = job.record
        return Sending(
            backend=record.backend,
            payload=payload,
            token=record.id,
            first_sent_at=record.sent_at or self._engine.wall(),
            attempt=record.attempts,
            details=record.details,
        )

    async def send(self, job: Tracked, passage: Passage, payload: bytes, until: float = inf) -> None:
        """The one request that `submitting(n)` stands for; none after `until`, by the wall clock."""
        engine, lane = self._engine, job.lane
        now = engine.wall
        task = asyncio.current_task()
        if task is not None:
            self._under_way.add(task)
        await job.wire.take()
        try:
            with passage:
                adapter = await lane.adapter()
                if now() >= until:  # the disk was slow, or this machine slept
                    raise _TooLate
                accepted = await lane.call(adapter.submit, self._sending(job, payload))
        except _TooLate:
            await engine.apply(job, SubmitDeferred(at=now(), reason="it was too late to send it again"))
        except ProviderRejected as error:
            if error.stale_description:
                lane.forget(job.record.backend)
            job.met(error)
            await engine.apply(job, SubmitRejected(at=now(), reason=str(error), certain=error.certain))
        except CredentialError as error:
            job.met(error)
            await engine.apply(job, SubmitDeferred(at=now(), reason=str(error)))
        except ProviderUnavailable as error:
            job.met(error)
            outcome = SubmitInDoubt if error.sent else SubmitDeferred
            await engine.apply(job, outcome(at=now(), reason=str(error)))
        except ProviderError as error:  # garbage, or a bug in the adapter: who knows what arrived
            job.met(error)
            await engine.apply(job, SubmitInDoubt(at=now(), reason=str(error)))
        else:
            job.is_fine()
            await engine.apply(job, _taken(accepted, now()))
            if accepted.status is not None:
                await engine.looker.take(job, accepted.remote_id, accepted.status)
        finally:
            if task is not None:
                self._under_way.discard(task)
            job.wire.give()
            lane.leave()

    async def resolve(self, job: Tracked) -> None:
        """In doubt: send the same bytes again where that is safe, find it where it can be found, else tell the user."""
        attempt = 0
        while True:
            try:
                return await self._resolve(job)
            except LedgerWriteError as error:  # nothing was done without being written down first
                attempt += 1
                job.met(error)
                await asyncio.sleep(job.lane.policy.delay(attempt, error))
            if job.record.state is not S.IN_DOUBT or not job.ours:
                return None

    async def _resolve(self, job: Tracked) -> None:
        engine = self._engine
        job.undecided = False
        match job.traits.submit:
            case Rerunnable(attempts=attempts):
                now = engine.wall()
                again = SubmitDeferred(at=now, reason="safe to run again")
                await engine.apply(job, again if job.record.attempts < attempts else Abandoned(at=now))
                return
            case Idempotent(window=window):
                if await self._resend(job, window):
                    return
        if await self._search(job) or job.record.state is not S.IN_DOUBT:
            return
        job.undecided = True
        for handle in job.handles:
            handle._on_change()
        log.warning("job %s is in doubt: %s may or may not have taken it", job.record.id, job.lane.key)

    async def _resend(self, job: Tracked, window: float) -> bool:
        """The same token and bytes again, within the window of the first; `send` goes on from here."""
        engine, lane = self._engine, job.lane
        until = (job.record.sent_at or job.record.created_at) + window
        if lane.fault is not None or engine.wall() >= until or not job.record.payload:
            return False
        try:
            payload = await engine.ledger.blob(job.record.payload)
        except LedgerError:
            log.exception("job %s cannot be sent again: its body is not in the ledger", job.record.id)
            return False
        await asyncio.sleep(lane.policy.delay(max(job.misses, 1), job.last_error or _DOUBT))
        passage = await lane.traffic.turn("submit", job.record.id)
        if engine.wall() >= until:
            passage.unused()
            return False
        lane.enter()
        sent = False
        try:
            sent = await self._started(job, DOUBTFUL)
        finally:
            if not sent:
                passage.unused()
                lane.leave()
        if sent:
            await self.send(job, passage, payload, until)
        return True

    async def _search(self, job: Tracked) -> bool:
        """Look for the job by our token: adopt what is found, or prove that it was not taken. False: cannot tell."""
        engine, lane = self._engine, job.lane
        how = job.traits.submit
        since = engine.loop.time()  # the request had left by then; the wall clock may be set meanwhile
        attempt = 0
        while job.record.state is S.IN_DOUBT and lane.fault is None:
            found: Sequence[str] | None = None
            try:
                with await lane.traffic.turn("find", job.record.id):
                    await lane.adapter()
                    finds = lane.capability(Finds)
                    if finds is None:
                        return False
                    found = await self._find(job, finds)
            except (ProviderError, CredentialError) as error:
                job.met(error)
            if found:
                await engine.apply(job, Adopted(at=engine.wall(), remote_id=found[0]), only_in=DOUBTFUL)
                for more in found[1:]:
                    await engine.apply(job, SubmitAccepted(at=engine.wall(), remote_id=more))
                return True
            if found is not None and isinstance(how, Findable) and engine.loop.time() - since >= how.settle:
                absent = SubmitDeferred(at=engine.wall(), reason="looked for, and not there")
                await engine.apply(job, absent, only_in=DOUBTFUL)
                return True
            attempt += 1
            if found is not None and attempt >= SEARCHES and not isinstance(how, Findable):
                return False
            await asyncio.sleep(lane.policy.delay(attempt, job.last_error or _DOUBT))
        return False

    async def _find(self, job: Tracked, finds: Finds) -> Sequence[str]:
        payload = b"" if not job.record.payload else await self._engine.ledger.blob(job.record.payload)
        await job.wire.take()
        try:
            return await job.lane.errand(finds.find, self._sending(job, payload))
        finally:
            job.wire.give()


def _taken(accepted: Accepted, at: float) -> SubmitAccepted:
    """With the place in the queue, so that it is known as soon as `run()` returns."""
    status = accepted.status
    if status is None or status.state is not S.QUEUED:
        return SubmitAccepted(at=at, remote_id=accepted.remote_id)
    return SubmitAccepted(
        at=at, remote_id=accepted.remote_id, raw_status=status.raw_status, queue_position=status.queue_position
    )
