"""Intents: a request that was prepared becomes a handle with its records, durable in one commit, and begins."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from quantumjobs.abc import CIRCUITS, HYBRID, Change, Prepared, Request
from quantumjobs.core.events import CancelRequested
from quantumjobs.core.records import Handle, JobRecord, Link
from quantumjobs.core.states import TERMINAL, UNACCEPTED, UNSENT, JobState
from quantumjobs.core.traits import Rerunnable
from quantumjobs.engine import endings
from quantumjobs.engine.bodies import digest, encode_request
from quantumjobs.engine.codecs import HEAVY
from quantumjobs.errors import CredentialError, KeyConflict, LedgerError, LedgerWriteError, ProviderUnavailable
from quantumjobs.workers.beside import beside

if TYPE_CHECKING:
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.job import Job
    from quantumjobs.engine.lane import Lane
    from quantumjobs.engine.tracked import Tracked

log = logging.getLogger("quantumjobs")
S = JobState


class Intents:
    """Keeps what the user wants before anything is sent."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def record(
        self, lane: Lane, request: Request, prepared: Prepared, make: Callable[[str, Prepared], Handle]
    ) -> Job:
        """Keep handle, parts and bodies in one commit, then begin."""
        engine = self._engine
        now = engine.wall()
        family = lane.provider.family(request.backend)
        handle = make(uuid4().hex, prepared)
        blobs: dict[str, bytes] = {}
        # What a program is made of is in its payload, and need not be kept twice.
        body = encode_request(msgspec.structs.replace(request, blobs={}) if request.kind == HYBRID else request)
        asked = digest(body)
        blobs[asked] = body
        records: list[JobRecord] = []
        for link, part in zip(handle.links, prepared.parts, strict=True):
            large = len(part.payload) > HEAVY  # a program with its files: hashing it here would stall the loop
            payload = await beside(digest, part.payload) if large else digest(part.payload)
            layout = digest(part.layout)
            blobs[payload] = part.payload
            blobs[layout] = part.layout
            records.append(
                JobRecord(
                    id=link.job,
                    provider=lane.key,
                    lane=lane.name,
                    backend=request.backend,
                    family=family,
                    payload=payload,
                    layout=layout,
                    created_at=now,
                    circuits=part.count,
                    details=part.details,
                    after=records[-1].id if prepared.in_order and records else "",
                    after_failure=bool(prepared.in_order and records and not prepared.stop_on_failure),
                )
            )
        handle = msgspec.structs.replace(handle, request=asked, created_at=now)
        return await self.keep(lane, handle, records, blobs)

    async def keep(self, lane: Lane, handle: Handle, new: Sequence[JobRecord], blobs: Mapping[str, bytes]) -> Job:
        """Commit a handle with its new records, follow them, and begin."""
        engine = self._engine
        try:
            await engine.ledger.commit([Change(record=record) for record in new], handles=(handle,), blobs=blobs)
        except LedgerWriteError:
            engine.spawn(self._take_back(handle, new, lane))
            raise
        fresh = {record.id: engine.track(record, lane) for record in new}
        parts = [fresh.get(link.job) or await self._part(link.job, lane) for link in handle.links]
        job = engine.handle(handle, parts)
        for part in fresh.values():
            engine.begin(part)
        return job

    async def _take_back(self, handle: Handle, new: Sequence[JobRecord], lane: Lane) -> None:
        """`run()` has said that this was not kept. Where it is there all the same, it is withdrawn and never sent."""
        engine = self._engine
        attempt = 0
        while True:
            attempt += 1
            await asyncio.sleep(min(60.0, 0.5 * 2.0**attempt))
            try:
                for record in await engine.ledger.records([record.id for record in new]):
                    job = engine.track(record, lane)
                    await engine.apply(job, CancelRequested(at=engine.wall()), only_in=UNSENT)
            except LedgerError as error:
                log.warning("job %s: the ledger does not say whether it is there: %s", handle.id, error)
            else:
                return

    async def _part(self, job_id: str, lane: Lane) -> Tracked:
        """A record that is there already, whoever owns it."""
        record = await self._engine.ledger.record(job_id)
        return self._engine.known(job_id) or self._engine.track(record, lane, ours=record.settled)

    async def held(self, key: str, intent: str) -> Job | None:
        """The job that a key stands for. Raises `KeyConflict` where it stands for another request.

        A job that ended without anything having run frees its key: the step that asks again means to run it.
        """
        engine = self._engine
        handle = await engine.ledger.by_key(key)
        if handle is None:
            return None
        if handle.intent != intent:
            raise KeyConflict(
                f"key {key!r} stands for another request, job {handle.id}: the circuits, shots, options or the "
                "backend are not the same",
                key=key,
                job_id=handle.id,
            )
        job = await engine.finder.find(handle.id)
        if not all(_came_to_nothing(part) for part in job._parts):
            return job
        freed = msgspec.structs.replace(handle, key=None)
        await engine.own(engine.ledger.commit((), handles=(freed,)))
        job._handle = freed
        return None

    async def again(self, handle: Handle, parts: Sequence[Tracked]) -> Job:
        """A new handle that keeps the completed parts and submits the others again, as new records."""
        now = self._engine.wall()
        new: list[JobRecord] = []
        links: list[Link] = []
        in_order = any(part.record.after for part in parts)
        for link, part in zip(handle.links, parts, strict=True):
            old = part.record
            if old.state is S.COMPLETED:
                links.append(link)
                continue
            record = JobRecord(
                id=uuid4().hex,
                provider=old.provider,
                lane=old.lane,
                backend=old.backend,
                family=old.family,
                payload=old.payload,
                layout=old.layout,
                created_at=now,
                circuits=old.circuits,
                details=old.details,
                after=new[-1].id if in_order and new else "",
                after_failure=bool(new) and old.after_failure,
            )
            new.append(record)
            links.append(Link(record.id, link.offset, link.count))
        fresh = msgspec.structs.replace(handle, id=uuid4().hex, links=tuple(links), created_at=now, key=None)
        return await self.keep(parts[0].lane, fresh, new, {})

    async def accepted(self, job: Job, parts: Sequence[Tracked]) -> None:
        """Wait until the first part is accepted.

        Raises what `run` raises: `JobRejected`, `SubmissionUncertain`, and, withdrawing what was not sent,
        `CredentialError`, `ProviderUnavailable` and `LedgerWriteError`.
        """
        first = parts[0]
        policy = first.lane.policy
        loop = self._engine.loop
        deadline: float | None = None
        error: Exception | None = None
        try:
            while first.record.state in UNACCEPTED:
                job._raise_if_stuck()
                error = first.last_error or _weather(first) or error
                if first.record.state is S.CREATED and error is not None:
                    if isinstance(error, (CredentialError, LedgerError)) or not policy.tries_again(
                        max(1, first.misses), error
                    ):
                        raise error
                    told_when = isinstance(error, ProviderUnavailable) and error.retry_after is not None
                    if deadline is None and not told_when:
                        deadline = loop.time() + policy.budget
                    if policy.gives_up(first.misses, error) or (deadline is not None and loop.time() >= deadline):
                        raise error
                unsent = first.record.state is S.CREATED  # the budget is for that; a doubt takes what time it takes
                await job._acceptance(deadline if unsent else None)
        except BaseException:
            await self._engine.own(self.withdraw(job, parts))
            raise
        if first.record.state in (S.REJECTED, S.LOST, S.CANCELLED):
            raise endings.failure(job)
        for part in parts:
            if part.unsaved and part.record.remote_id is not None:
                raise LedgerWriteError(
                    f"{part.record.provider} accepted job {job.id} as {part.record.remote_id!r}, and the ledger could "
                    "not keep this; the job is followed while this program runs",
                    remote_id=part.record.remote_id,
                    job=job,
                )

    async def joined(self, job: Job) -> None:
        """Wait until a job that somebody else submitted is accepted; leaving takes nothing back.

        Raises `SubmissionUncertain` and the like where that cannot be waited for.
        """
        while job.state in UNACCEPTED:
            job._raise_if_stuck()
            await job._acceptance(None)

    async def withdraw(self, job: Job, parts: Sequence[Tracked]) -> None:
        """Take back what has not been sent; what may have been sent goes on without us, and is never sent again.

        What costs nothing but this machine's time is ended wherever it is: nobody has a handle to end it with.
        """
        goes_on = False
        for part in parts:
            free = isinstance(part.traits.submit, Rerunnable)
            try:
                await self._engine.apply(
                    part, CancelRequested(at=self._engine.wall()), only_in=None if free else UNSENT
                )
            except LedgerError as error:
                log.warning("job %s could not be withdrawn: %s", job.id, error)
            goes_on |= not free and part.record.state not in TERMINAL
        if goes_on:
            log.warning("run() ended and its job goes on: %s (client.job(%r) finds it)", job, job.id)

    async def withdraw_recorded(self, recording: asyncio.Task[Job]) -> None:
        """The same for a `run()` that was cancelled while its intent was being kept."""
        await asyncio.wait([recording])
        if not recording.cancelled() and recording.exception() is None:
            job = recording.result()
            await self.withdraw(job, job._parts)


def handle_maker(
    address: str,
    *,
    options: Mapping[str, Any],
    alone: bool,
    name: str | None = None,
    tags: tuple[str, ...] = (),
    kind: str = CIRCUITS,
) -> Callable[[str, Prepared], Handle]:
    """What makes the handle of a request when it has been prepared. `alone`: one circuit was given, not a list."""

    def make(handle_id: str, prepared: Prepared) -> Handle:
        single = len(prepared.parts) == 1  # then the record has the handle's id
        links = [Link(handle_id if single else uuid4().hex, 0, part.count) for part in prepared.parts]
        return Handle(
            id=handle_id,
            address=address,
            links=tuple(links),
            created_at=0.0,
            name=name,
            tags=tags,
            kind=kind,
            single=alone,
            shares=prepared.shares,
            options=options,
        )

    return make


def _came_to_nothing(part: Tracked) -> bool:
    """Refused, or cancelled before it was taken; or a local simulation that was cancelled, which costs nothing."""
    record = part.record
    if record.state is S.CANCELLED and isinstance(part.traits.submit, Rerunnable):
        return True
    return record.state in {S.CANCELLED, S.REJECTED} and record.remote_id is None


def _weather(job: Tracked) -> Exception | None:
    """What keeps a job from being sent, when its own sending is not what failed. Refused credentials are asked again."""
    error = job.lane.traffic.trouble("submit")
    return None if isinstance(error, CredentialError) else error
