"""Looking: what a provider says of its jobs, asked for or pushed, becomes events."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from quantumjobs.abc import Answer, Fetches, Gone, LookCloser, Status, Unreadable
from quantumjobs.core.events import Puzzled, Reported, Vanished
from quantumjobs.core.machine import is_news
from quantumjobs.core.states import TERMINAL, WATCHED, Fetch, JobState
from quantumjobs.engine.bodies import keep_raw
from quantumjobs.errors import AdapterError, CredentialError, ProviderError, ProviderProtocolError

if TYPE_CHECKING:
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.lane import Lane
    from quantumjobs.engine.poller import Turns
    from quantumjobs.engine.tracked import Tracked
    from quantumjobs.engine.traffic import Passage
    from quantumjobs.engine.watchlist import Watchlist

log = logging.getLogger("quantumjobs")
S = JobState
YIELD_EVERY = 16
"""Looks in a row without letting the loop turn."""


class Looker:
    """Asks about jobs and takes the answers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def look(self, watchlist: Watchlist, jobs: Sequence[Tracked], passage: Passage) -> None:
        """Look at some jobs, whose turns on the wire are taken, and go on with others as long as some are due."""
        looks = 0
        turns: Turns | None = (jobs, passage)
        try:
            while turns:
                await self._look(watchlist, *turns)
                looks += 1
                if looks % YIELD_EVERY == 0:  # a provider that answers at once must not hold the loop
                    await asyncio.sleep(0)
                turns = self._engine.poller.next_after(watchlist)
        finally:
            task = asyncio.current_task()
            if task is not None:
                self._engine.looks.discard(task)
            if not watchlist.traits.holds:
                watchlist.lane.leave()

    async def _look(self, watchlist: Watchlist, jobs: Sequence[Tracked], passage: Passage) -> None:
        """One request; afterwards the next look is planned."""
        engine, lane = self._engine, watchlist.lane
        undecided = not watchlist.plain and watchlist.crowd is None
        left_to_survey = False
        asked = {job.record.remote_id or "": job for job in jobs}
        try:
            with passage:
                adapter = await lane.adapter()
                if undecided and engine.poller.surveys(watchlist):  # connected just now, and there is a better way
                    left_to_survey = True
                    passage.unused()
                    return
                answers = await lane.call(adapter.poll, [job.remote() for job in jobs])
        except AdapterError:
            return  # the lane has ended
        except (ProviderError, CredentialError) as error:
            for job in jobs:
                self._miss(job, error)
            return
        finally:
            for job in jobs:
                job.look = None
                job.wire.give()
                if left_to_survey:
                    engine.poller.soon(job)
        for job in jobs:
            job.is_fine()
        for remote_id, answer in answers.items():
            answered = asked.get(remote_id) or lane.by_remote.get(remote_id)
            if answered is not None:
                try:
                    await self.take(answered, remote_id, answer)
                except Exception as error:  # one job's strange answer must not keep the others' from being taken
                    log.exception("job %s: its answer could not be taken", answered.record.id)
                    engine.fail_waits(answered, error)
        for job in jobs:
            engine.poller.again(job)

    async def look_now(self, job: Tracked) -> None:
        """One look outside the cadence. Raises `ProviderError`, `CredentialError`."""
        lane = job.lane
        remote_id = job.record.remote_id
        if job.record.state not in WATCHED or remote_id is None or job.traits.holds:
            return
        await job.wire.take()
        ended = lane.fault is not None
        try:
            lane.fault = None  # asked for: a lane that a bug ended gets another chance
            with lane.traffic.begin("poll", job.record.id):  # and asked for now, whatever holds the others back
                adapter = await lane.adapter()
                answers = await lane.call(adapter.poll, [job.remote()])
        except (ProviderError, CredentialError) as error:
            job.last_error = error
            raise
        finally:
            job.wire.give()
        job.is_fine()
        job.fault = None
        if ended:
            self._engine.mend_lane(lane)
        if remote_id in answers:
            await self.take(job, remote_id, answers[remote_id])
        self._engine.poller.again(job)

    async def take(self, job: Tracked, remote_id: str, answer: Answer) -> None:
        """Turn a provider's answer into an event."""
        engine = self._engine
        if job.record.remote_id != remote_id:
            return  # news of an earlier run
        match answer:
            case Status(state=None):
                await self._unknown_word(job, answer)
            case Status(state=state) if state is not None:
                job.puzzles = 0
                if not is_news(job.record, answer):
                    return
                has_result = answer.has_result
                if state is S.COMPLETED and answer.result is None and not has_result:
                    if job.lane.capability(Fetches) is not None:
                        has_result = True
                    elif job.traits.fetch is Fetch.INLINE and not job.looked_again:
                        job.looked_again = True  # done, and its body not there yet: one more look
                        engine.poller.soon(job, job.traits.min_interval, alone=True)
                        return
                ref, blobs = keep_raw(answer.result) if answer.result is not None else (None, {})
                event = Reported(
                    at=engine.wall(),
                    state=state,
                    raw_status=answer.raw_status,
                    queue_position=answer.queue_position,
                    progress=answer.progress,
                    eta=answer.eta,
                    timeline=answer.timeline,
                    details=answer.details,
                    reason=answer.reason,
                    has_result=has_result and state in TERMINAL,
                    result=ref,
                    hint=answer.hint,
                )
                await engine.apply(job, event, blobs)
            case Gone(reason=reason):
                await engine.apply(job, Vanished(at=engine.wall(), reason=reason))
            case LookCloser():
                engine.poller.soon(job, alone=True)
            case Unreadable(reason=reason):
                job.last_error = ProviderProtocolError(reason, provider=job.lane.key)

    async def _unknown_word(self, job: Tracked, answer: Status) -> None:
        """The job keeps its state; the word is shown, and told to the waiters if it stays."""
        engine, policy = self._engine, job.lane.policy
        now = engine.wall()
        if not job.puzzles:
            job.puzzling_since = now
            log.warning("job %s: %s says %r, which nobody here knows", job.record.id, job.lane.key, answer.raw_status)
        job.puzzles += 1
        await engine.apply(job, Reported(at=now, state=job.record.state, raw_status=answer.raw_status), only_in=WATCHED)
        if job.puzzles >= policy.puzzled_looks and now - job.puzzling_since >= policy.puzzled_for:
            await engine.apply(job, Puzzled(at=now, word=answer.raw_status))

    def _miss(self, job: Tracked, error: Exception) -> None:
        """A look that failed ends no wait: look again after the policy's delay."""
        job.met(error)
        refused = isinstance(error, CredentialError)  # then its lane waits, and it goes on when the lane does
        delay = 0.0 if refused else job.lane.policy.delay(job.misses, error)
        self._engine.poller.soon(job, delay, alone=True)

    # --- pushes -------------------------------------------------------------------------------
    def report(self, lane: Lane, remote_id: str, answer: Answer) -> None:
        """An adapter's push: taken in order, or kept until the submit's commit."""
        if self._engine.closed:
            return
        job = lane.by_remote.get(remote_id)
        if job is None:
            lane.keep_early(remote_id, answer)
        else:
            self.pushed(job, remote_id, answer)

    def pushed(self, job: Tracked, remote_id: str, answer: Answer) -> None:
        """Queue a push behind the job's others."""
        if job.pushes is not None:
            job.pushes.append((remote_id, answer))
            return
        job.pushes = deque([(remote_id, answer)])
        self._engine.act(job, self._drain)

    async def _drain(self, job: Tracked) -> None:
        try:
            while job.pushes:
                remote_id, answer = job.pushes.popleft()
                await self.take(job, remote_id, answer)
        finally:
            job.pushes = None
