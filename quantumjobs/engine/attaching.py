"""Attaching: jobs that this ledger does not hold yet, told of by a token, a remote id or a file, are followed here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from quantumjobs.abc import CIRCUITS, Change, Provider, RunsPrograms
from quantumjobs.core.records import Handle, JobRecord, Line, Link
from quantumjobs.core.states import WATCHED, JobState
from quantumjobs.core.traits import Rerunnable
from quantumjobs.engine.tokens import Ticket, Where
from quantumjobs.errors import LedgerError, UsageError

if TYPE_CHECKING:
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.job import Job

S = JobState


class Attacher:
    """Makes records of what others know."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._attaching = asyncio.Lock()

    async def by_ticket(self, ticket: Ticket) -> Job:
        """The job that a token stands for: this ledger's own, or a new record that follows the same remote job.

        Raises `UsageError` where it was not accepted when the token was made, and where its lane is not served here.
        """
        engine = self._engine
        held = await self._held(ticket.id)
        if held is not None:
            return held
        now = engine.wall()
        records = [self._attached(part, now, ticket.id) for part in ticket.parts]
        for record in records:
            lane, why = await engine.finder.lane_of(record)
            if why is not None:
                raise UsageError(str(why))
            if isinstance(lane.provider.traits(record.family).submit, Rerunnable):
                raise UsageError(f"job {ticket.id} is a local simulation of another program: only that one follows it")
        handle = Handle(
            id=ticket.id,
            address=ticket.address,
            links=tuple(Link(part.record, part.offset, part.count) for part in ticket.parts),
            created_at=ticket.created_at,
            name=ticket.name,
            tags=ticket.tags,
            single=ticket.single,
            kind=ticket.kind,
            shares=ticket.shares,
            options=ticket.options,
        )
        return await self.keep(handle, records, {})

    async def by_remote_id(self, key: str, provider: Provider, address: str, backend: str, remote_id: str) -> Job:
        """A job that another tool submitted. The one this ledger has of that remote id already, unless that is lost."""
        engine = self._engine
        kind = CIRCUITS
        if isinstance(provider, RunsPrograms):
            told = provider.attached(backend, remote_id)
            backend, remote_id, kind = told.backend, told.remote_id, told.kind
            address = f"{key}/{backend}" if backend else key
        lane = engine.lane(key, provider, provider.lane(backend))
        family = provider.family(backend)
        if isinstance(provider.traits(family).submit, Rerunnable):
            raise UsageError(f"{address} runs simulations of this program only: there is nothing to attach to")
        async with self._attaching:  # two who attach to one job at the same time get the same
            held = await engine.ledger.by_remote(lane.name, remote_id)
            note = "attached by its remote id"
            if held is not None:
                job = await engine.finder.find(held.id)
                if job.state is not S.LOST:
                    return job
                note += f"; lost before as job {job.id}"
            now = engine.wall()
            where = Where(uuid4().hex, remote_id, key, lane.name, backend, family, 0, now, {}, 0, 0)
            record = self._attached(where, now, note)
            handle = Handle(id=record.id, address=address, links=(Link(record.id, 0, 0),), created_at=now, kind=kind)
            return await self.keep(handle, [record], {})

    async def carried(self, handle: Handle, records: Sequence[JobRecord], blobs: Mapping[str, bytes]) -> Job:
        """A job out of a file, which has no key (see `barred`). The one this ledger holds already, if it does."""
        held = await self._held(handle.id)
        if held is not None:
            return held
        fresh = [msgspec.structs.replace(record, fence=0, version=0) for record in records]
        return await self.keep(handle, fresh, blobs)

    async def keep(self, handle: Handle, records: Sequence[JobRecord], blobs: Mapping[str, bytes]) -> Job:
        """Commit what came from elsewhere, and follow what is alive of it."""
        engine = self._engine
        await engine.own(
            engine.ledger.commit([Change(record=record) for record in records], handles=(handle,), blobs=blobs)
        )
        parts = []
        for record in records:
            lane, why = await engine.finder.lane_of(record)
            part = engine.track(record, lane, ours=why is None or record.settled)
            part.stranded = None if record.settled else why
            parts.append(part)
        job = engine.handle(handle, parts)
        for part in parts:
            if part.ours:
                engine.begin(part)
                if part.record.state in WATCHED:
                    engine.poller.soon(part)
        return job

    async def _held(self, handle_id: str) -> Job | None:
        try:
            return await self._engine.finder.find(handle_id)
        except LedgerError:
            return None

    def _attached(self, part: Where, now: float, note: str) -> JobRecord:
        if part.remote_id is None:
            raise UsageError(
                f"job {part.record} was not accepted yet when this token was made: only the client that sends it, or "
                "one on the same ledger, can follow it"
            )
        return JobRecord(
            id=part.record,
            provider=part.provider,
            lane=part.lane,
            backend=part.backend,
            family=part.family,
            payload="",
            layout="",
            created_at=part.created_at,
            circuits=part.circuits,
            state=S.QUEUED,
            remote_id=part.remote_id,
            accepted_at=part.created_at,
            details=part.details,
            story=(Line(now, "Attached", S.CREATED, S.QUEUED, note),),
        )
