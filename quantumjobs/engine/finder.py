"""Finding: the jobs that a ledger holds, shown again by this engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from quantumjobs.abc import Provider
from quantumjobs.core.events import AnyEvent
from quantumjobs.core.records import Handle, JobRecord
from quantumjobs.engine.elsewhere import Elsewhere, not_set_up, other_settings
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.job import Job
    from quantumjobs.engine.lane import Lane


class Finder:
    """Shows what the ledger holds. `providers` resolves a provider's key to its plug-in."""

    def __init__(self, engine: Engine, providers: Callable[[str], Awaitable[Provider]]) -> None:
        self._engine = engine
        self._providers = providers

    async def lane_of(self, record: JobRecord) -> tuple[Lane, UsageError | None]:
        """The lane of a record, and why it is not served here, if so: then its jobs are kept and not asked about."""
        lane = self._engine.lanes_by_name.get((record.provider, record.lane)) or await self._made(record)
        if lane.elsewhere is None:
            try:
                lane.provider.traits(record.family)
            except UsageError as error:  # of another version's making: apart from the others of its lane
                why = not_set_up(record, error)
                name = f"{record.lane}?{record.family}"
                lane = self._engine.lane(record.provider, Elsewhere(record.provider, why), name)
                lane.elsewhere = why
        return lane, lane.elsewhere

    async def _made(self, record: JobRecord) -> Lane:
        why: UsageError | None = None
        provider: Provider
        try:
            provider = await self._providers(record.provider)
            here = provider.lane(record.backend)
        except UsageError as error:
            why = not_set_up(record, error)
            provider = Elsewhere(record.provider, why)
        else:
            if here != record.lane:
                why = other_settings(record, here)
        lane = self._engine.lane(record.provider, provider, record.lane)
        lane.elsewhere = why
        return lane

    async def provider(self, key: str) -> Provider:
        """The plug-in of a provider's key. Raises `UsageError`."""
        return await self._providers(key)

    async def find(self, handle_id: str) -> Job:
        """The job of that id, followed from now on. Raises `LedgerError` for an unknown one."""
        job = self._engine.held(handle_id)
        if job is None:
            (job,) = await self.revive([await self._engine.ledger.handle(handle_id)])
        if any(not part.ours and not part.record.settled for part in job._parts):
            for part in job._parts:
                self._engine.sharing.want(part)
            await self._engine.sharing.take_up()
        return job

    async def revive(self, handles: Sequence[Handle]) -> list[Job]:
        """The `Job`s of handles that the ledger holds, as they are there: owned by this client, another one, or nobody."""
        engine = self._engine
        ids = [
            link.job
            for handle in handles
            if engine.held(handle.id) is None
            for link in handle.links
            if engine.known(link.job) is None
        ]
        found = {record.id: record for record in await engine.ledger.records(list(dict.fromkeys(ids)))} if ids else {}
        return [await self._revive(handle, found) for handle in handles]

    async def _revive(self, handle: Handle, found: Mapping[str, JobRecord]) -> Job:
        engine = self._engine
        job = engine.held(handle.id)
        if job is not None:
            return job
        parts = []
        for link in handle.links:
            part = engine.known(link.job)
            if part is None:
                record = found.get(link.job) or await engine.ledger.record(link.job)
                lane, _ = await self.lane_of(record)
                part = engine.known(link.job) or engine.track(record, lane, ours=record.settled)
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
