"""A fake provider that runs programs, too: what they write, report, save and submit is what a test says."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import msgspec

from quantumjobs.abc import (
    Attached,
    Child,
    Children,
    LogPage,
    Part,
    Piece,
    Prepared,
    Program,
    Raw,
    Remote,
    Request,
    Status,
)
from quantumjobs.core.logs import LogLine
from quantumjobs.core.states import Fetch, JobState
from quantumjobs.errors import ProviderRejected, UsageError
from quantumjobs.testing.cloud import RemoteJob
from quantumjobs.testing.codec import FakeCodec, Payload
from quantumjobs.testing.fake import FakeProvider
from quantumjobs.testing.fake_adapter import FakeAdapter

PLAIN, PICKLED = "program/1", "program/pickled"
_CIRCUIT = msgspec.msgpack.encode(Payload(10, False, 0, (0,)))  # so that the cloud takes a program for one circuit


class ProgramCodec(FakeCodec):
    """What was saved travels as one blob: bytes by name."""

    def arrange(self, request: Request, about: bytes) -> Prepared:
        return Prepared(parts=(Part(payload=_CIRCUIT, layout=b"", count=1, details={"name": "of-the-provider"}),))

    def values(self, raw: Raw) -> Mapping[str, bytes]:
        if raw.schema == PICKLED:
            raise UsageError("its values are pickled")
        return msgspec.msgpack.decode(raw.blobs["saved"], type=dict[str, bytes])


class ProgramProvider(FakeProvider):
    """Implements `quantumjobs.abc.RunsPrograms`, and all that its jobs can be asked, on top of the fake's own.

    Every setting is an attribute that may be changed while jobs run, and is the same for all of them: `saved` (values by
    name, bytes as they are; with `is_pickled` nobody can read them), `archive` (the bytes of the files), `told` (the
    metadata), `page_size` (lines, or jobs, of a page), `empty_pages` (so many are given before each one that is not),
    `piece_size` (bytes). `write` and `spawn` say what a program does. Operations to script, break or slow down, and in
    `calls`: "logs" (both kinds of questions), "metrics", "metadata", "children" and "download".
    """

    def __init__(
        self,
        name: str = "fake",
        *,
        saved: Mapping[str, Any] | None = None,
        is_pickled: bool = False,
        archive: bytes | None = None,
        told: Mapping[str, Any] | None = None,
        page_size: int = 1000,
        empty_pages: int = 0,
        piece_size: int = 1 << 20,
        backends: Sequence[str] = ("sim", "hybrid/sim", "local/sim"),
        **settings: Any,
    ) -> None:
        super().__init__(name, backends=backends, **settings)
        self.codec = ProgramCodec()
        self.saved = {} if saved is None else saved
        self.is_pickled = is_pickled
        self.archive = packed({"results.json": b"{}"}) if archive is None else archive
        self.told = {"status": "RUNNING"} if told is None else told
        self.page_size = page_size
        self.empty_pages = empty_pages
        self.piece_size = piece_size
        self.tag = "first"
        """Of the archive: another one is another file."""
        self.lines: dict[str, list[LogLine]] = {}
        """By stream."""
        self.reported: list[LogLine] = []
        self.children: dict[str, list[RemoteJob]] = {}
        """Jobs that programs made, by the program's remote id."""
        self.programs: list[Program] = []
        """What was asked for."""
        self._ticks = count(1_000_000_000)
        base = _Fetching if settings.get("fetch", Fetch.INLINE) is not Fetch.INLINE else _ProgramAdapter
        self._adapter_class = type("ProgramAdapter", (base, self._adapter_class), {})

    # --- the plug-in's face -------------------------------------------------------------
    def program(self, program: Program) -> Request:
        self.programs.append(program)
        options = {**program.options, "source": str(program.source), "arguments": dict(program.arguments or {})}
        where = "local" if program.local else "hybrid"
        return Request(backend=f"{where}/{program.device}", options=options, kind="hybrid")

    def attached(self, backend: str, remote_id: str) -> Attached:
        return Attached(backend, remote_id, "hybrid" if _is_program(backend) else "circuits")

    # --- what programs do ---------------------------------------------------------------
    def write(self, *messages: str, stream: str = "algo-1", at: float | None = None) -> None:
        """Add lines to a stream. Without `at`, each is written a second after the one before it, in whatever stream."""
        lines = self.lines.setdefault(stream, [])
        index = list(self.lines).index(stream)
        for message in messages:
            line = LogLine(message, float(next(self._ticks)) if at is None else at, stream, index)
            lines.append(line)
            if "Metrics - " in message:
                self.reported.append(line)

    def spawn(self, remote_id: str, backend: str = "sim") -> str:
        """Let a program submit a circuit: the remote id of that job."""
        made = self.children.setdefault(remote_id, [])
        now = self.cloud.jobs[remote_id].created
        job = self.cloud.make(token=f"{remote_id}/{len(made)}", backend=backend, payload=_CIRCUIT, now=now)
        made.append(job)
        return job.id

    def result(self) -> Raw:
        values = {
            name: value if isinstance(value, bytes) else msgspec.json.encode(value)
            for name, value in self.saved.items()
        }
        return Raw(PICKLED if self.is_pickled else PLAIN, {"saved": msgspec.msgpack.encode(values)})

    def page(self, of: Sequence[Any], after: str) -> tuple[Sequence[Any], str, bool]:
        """What a place leads to: items, the place behind them, and whether there is more by now."""
        at, _, empty = after.partition("+")
        start, passed = int(at or 0), int(empty or 0)
        if start < len(of) and passed < self.empty_pages:
            return [], f"{start}+{passed + 1}", True
        end = min(start + self.page_size, len(of))
        return of[start:end], str(end), end < len(of)


class _ProgramAdapter(FakeAdapter):
    _fake: ProgramProvider

    def _ended(self, job: RemoteJob, state: JobState) -> Status:
        status = super()._ended(job, state)
        if status.result is None or not _is_program(job.backend):
            return status
        return msgspec.structs.replace(status, result=self._fake.result())

    async def log_streams(self, job: Remote) -> Sequence[str]:
        await self._asked("logs")
        return list(self._fake.lines)

    async def log_page(self, job: Remote, stream: str, after: str = "") -> LogPage:
        await self._asked("logs")
        return LogPage(*self._fake.page(self._fake.lines[stream], after))

    async def metric_page(self, job: Remote, after: str = "") -> LogPage:
        await self._asked("metrics")
        return LogPage(*self._fake.page(self._fake.reported, after))

    async def piece(self, job: Remote, at: int, tag: str = "") -> Piece:
        await self._asked("download")
        fake = self._fake
        if tag not in ("", fake.tag):
            raise ProviderRejected("the archive is another one by now", provider=fake.name)
        return Piece(fake.archive[at : at + fake.piece_size], len(fake.archive), fake.tag)

    async def metadata(self, job: Remote) -> bytes:
        await self._asked("metadata")
        return msgspec.json.encode({"id": job.id, **self._fake.told})

    async def children(self, job: Remote, after: str = "") -> Children:
        await self._asked("children")
        made, place, more = self._fake.page(self._fake.children.get(job.id, []), after)
        return Children([Child(one.id, one.backend, one.created) for one in made], place if more else "")

    async def _asked(self, operation: str) -> None:
        await self._fake.finish(operation, await self._fake.begin(operation))


class _Fetching(_ProgramAdapter):
    async def fetch(self, job: Remote) -> Raw:
        found = await super().fetch(job)  # of the class beside it
        return self._fake.result() if _is_program(job.backend) else found


def _is_program(backend: str) -> bool:
    return backend.startswith(("hybrid/", "local/"))


def packed(files: Mapping[str, bytes]) -> bytes:
    """An archive of these files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return out.getvalue()
