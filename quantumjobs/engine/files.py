"""Jobs in files: out of a ledger and into another, and those that a vendor's own client has kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from quantumjobs.abc import KeepsJobs, Kept, Provider, Request, Vouches
from quantumjobs.core.records import Handle, JobRecord, Line, Link
from quantumjobs.core.states import JobState
from quantumjobs.core.traits import Rerunnable
from quantumjobs.engine import codecs, portable
from quantumjobs.engine.barred import barred
from quantumjobs.engine.bodies import digest, encode_request
from quantumjobs.engine.intents import handle_maker
from quantumjobs.errors import UsageError
from quantumjobs.workers.beside import beside

if TYPE_CHECKING:
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.job import Job
    from quantumjobs.engine.lane import Lane

MOST_BYTES = 1 << 30


class Files:
    """What `Client` does with files."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def export(self, path: str | os.PathLike[str], jobs: Sequence[Job]) -> int:
        """Write jobs into one file; how many. Raises `UsageError` where it cannot be written."""
        ledger = self._engine.ledger
        lines = [await portable.pack(ledger, await ledger.handle(job.id)) for job in jobs]
        target = _at(path)
        try:
            await beside(_write, target, lines)
        except OSError as error:
            raise UsageError(f"{target} cannot be written: {error.strerror or error}") from error
        return len(lines)

    async def take_in(self, path: str | os.PathLike[str]) -> list[Job]:
        """Every job of a file, as a job of this ledger; those that it holds already are left as they are."""
        carried = await beside(_read, _at(path))
        return [await self._take_in(one) for one in carried]

    async def restore(
        self,
        path: str | os.PathLike[str],
        providers: Sequence[tuple[str, Provider]],
        backend: tuple[str, str] | None = None,
    ) -> Job:
        """The one job of a file: `Job.persist`'s, or one that the client of a provider given here has written.

        `backend` (a provider's key, and the name there) is for the latter, where the file does not say it.
        """
        file = _at(path)
        body = await beside(_start, file)
        for key, provider in providers:
            codec = provider.codec
            if isinstance(codec, KeepsJobs) and codec.is_kept(body):
                whole = await beside(_body, file)
                kept = await codecs.kept_by(await self._engine.workers(), provider.codec, whole, file.name)
                return await self._take_kept(key, provider, kept, backend)
        if backend is not None:
            raise UsageError(f"{file} says itself which backend its job is of: leave out backend=")
        jobs = await self.take_in(file)
        if len(jobs) != 1:
            raise UsageError(f"{file} holds {len(jobs)} jobs: take them in with client.import_jobs(path)")
        return jobs[0]

    async def _take_in(self, carried: portable.Carried) -> Job:
        engine = self._engine
        lanes: dict[str, Lane] = {}
        records = []
        for record in carried.records:
            lanes[record.id], why = await engine.finder.lane_of(record)
            if why is None:  # a family is ours to say: the file's may be none
                family = lanes[record.id].provider.family(record.backend)
                record = msgspec.structs.replace(record, family=family)  # noqa: PLW2901 - the same one
            records.append(record)
        carried = msgspec.structs.replace(carried, records=tuple(records))

        def is_plain(record: JobRecord, what: str, body: bytes) -> bool:
            provider = lanes[record.id].provider
            try:
                codec = provider.codec
            except UsageError:  # not set up here, so nobody can vouch for it
                return False
            return isinstance(codec, Vouches) and codec.is_plain(what, body)

        def rerunnable(record: JobRecord) -> bool:
            return isinstance(lanes[record.id].provider.traits(record.family).submit, Rerunnable)

        safe = barred(carried, at=engine.wall(), is_plain=is_plain, rerunnable=rerunnable)
        return await engine.attacher.carried(safe.handle, safe.records, safe.blobs)

    async def _take_kept(self, key: str, provider: Provider, kept: Kept, backend: tuple[str, str] | None) -> Job:
        """A job of the vendor's client: it is at the provider, or was."""
        engine = self._engine
        if backend is not None:
            if backend[0].partition(":")[0] != key.partition(":")[0]:
                raise UsageError(f"this is a job of {kept.tool}, and not of {backend[0]}")
            key, provider = backend[0], await engine.finder.provider(backend[0])
            provider.admit(backend[1], {})
            said = kept.backend.rpartition("/")[2]
            if said and said != backend[1].rpartition("/")[2]:
                raise UsageError(f"{kept.tool} wrote that this job is of {said!r}, and not of {backend[1]!r}")
            kept = msgspec.structs.replace(kept, backend=backend[1])
        if not kept.backend:
            raise UsageError(
                f"{kept.tool} did not write which backend this job is of: restore(path, backend={key + '/...'!r})"
            )
        if kept.is_local:
            return await self._run_again(key, provider, kept)
        lane = provider.lane(kept.backend)
        held = await engine.ledger.by_remote(lane, kept.remote_id)
        if held is not None:
            return await engine.finder.find(held.id)
        now = engine.wall()
        request = Request(backend=kept.backend, circuits=kept.circuits, shots=kept.shots, memory=kept.memory)
        asked = encode_request(request)
        count = len(kept.circuits)
        record = JobRecord(
            id=uuid4().hex,
            provider=key,
            lane=lane,
            backend=kept.backend,
            family=provider.family(kept.backend),
            payload="",
            layout=digest(kept.layout),
            created_at=now,
            circuits=count,
            state=JobState.QUEUED,
            remote_id=kept.remote_id,
            accepted_at=now,
            story=(Line(now, "Attached", JobState.CREATED, JobState.QUEUED, f"kept by {kept.tool}"),),
        )
        handle = Handle(
            id=record.id,
            address=f"{key}/{kept.backend}",
            links=(Link(record.id, 0, count),),
            created_at=now,
            request=digest(asked),
            single=count == 1,
            options={"shots": kept.shots, "memory": kept.memory},
        )
        blobs = {digest(asked): asked, record.layout: kept.layout}
        return await engine.attacher.keep(handle, [record], blobs)

    async def _run_again(self, key: str, provider: Provider, kept: Kept) -> Job:
        """A simulation that ended with its program."""
        request = Request(
            backend=kept.backend, circuits=kept.circuits, shots=kept.shots, memory=kept.memory, transpile=False
        )
        options = {"shots": kept.shots, "memory": kept.memory}
        alone = len(kept.circuits) == 1
        make = handle_maker(f"{key}/{kept.backend}", options=options, alone=alone)
        job, _ = await self._engine.submit(key, provider, request, make, recorded=True)
        return job


def _at(path: str | os.PathLike[str]) -> Path:
    return Path(path).expanduser()


def _write(path: Path, lines: Sequence[bytes]) -> None:
    portable.write(path, lines, version=version("quantumjobs"))


def _read(path: Path) -> list[portable.Carried]:
    return list(portable.read(path))


def _start(path: Path) -> bytes:
    return _bytes(path, 4096)


def _body(path: Path) -> bytes:
    body = _bytes(path, MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise UsageError(f"{path}: larger than the limit of {MOST_BYTES:,} bytes")
    return body


def _bytes(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
