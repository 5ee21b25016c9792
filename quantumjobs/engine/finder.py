"""Finding: the jobs that a ledger holds, followed again by this engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from quantumjobs.abc import Provider
from quantumjobs.core.events import AnyEvent, SubmitInDoubt
from quantumjobs.core.records import Handle
from quantumjobs.core.states import JobState
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.job import Job
    from quantumjobs.engine.tracked import Tracked

S = JobState


class Finder:
    """Takes up what the ledger holds. `providers` resolves a provider's key to its plug-in."""

    def __init__(self, engine: Engine, providers: Callable[[str], Awaitable[Provider]]) -> None:
        self._engine = engine
        self._providers = providers

    async def recover(self) -> None:
        """Follow every job of the ledger that is not settled."""
        engine = self._engine
        for record in await engine.ledger.unsettled():
            try:
                provider = await self._providers(record.provider)
            except UsageError:
                continue  # no settings for it here: its jobs are kept and not asked about
            if provider.lane(record.backend) != record.lane:
                continue  # another account's or origin's
            job = engine.track(record, engine.lane(record.provider, provider, record.lane))
            if record.state is S.SUBMITTING:
                engine.act(job, self._found_submitting)
            else:
                engine.begin(job)

    async def _found_submitting(self, job: Tracked) -> None:
        await self._engine.apply(
            job, SubmitInDoubt(at=self._engine.wall(), reason="its sender ended before an answer was kept")
        )

    async def find(self, handle_id: str) -> Job:
        """The job of that id. Raises `LedgerError` for an unknown one."""
        known = self._engine.held(handle_id)
        if known is not None:
            return known
        handle = await self._engine.ledger.handle(handle_id)
        return await self.revive(handle)

    async def revive(self, handle: Handle) -> Job:
        """The `Job` of a handle that the ledger holds."""
        known = self._engine.held(handle.id)
        if known is not None:
            return known
        engine = self._engine
        parts = []
        for link in handle.links:
            part = engine.known(link.job)
            if part is None:
                record = await engine.ledger.record(link.job)
                provider = await self._providers(record.provider)
                part = engine.track(record, engine.lane(record.provider, provider, record.lane))
            parts.append(part)
        return engine.handle(handle, parts)

    async def events(self, cursor: int) -> Sequence[tuple[int, str, AnyEvent]]:
        """Committed events after a cursor, waiting for the next one when there are none."""
        while True:
            self._engine.check_open()
            rows = await self._engine.ledger.events(after=cursor)
            if rows:
                return rows
            await self._engine.committed()
