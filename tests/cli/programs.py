"""A fake provider that runs programs: their logs, metrics and files are as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from quantumjobs.abc import Adapter, Attached, LogPage, Part, Piece, Prepared, Program, Raw, Remote, Report, Request
from quantumjobs.core.logs import LogLine
from quantumjobs.testing import FakeProvider
from quantumjobs.testing.codec import FakeCodec, Payload
from quantumjobs.testing.fake_adapter import FakeAdapter
from tests.cli.helpers import install_plugin
from tests.engine.programs import packed

PAGE = 2
PLUGIN = """
from tests.cli.programs import Programs
def provider(settings):
    return Programs("distant", running=1e6, written=[(0, "algo-1", "begun"), (0, "algo-2", "\\x1b]0;x\\x07too")])
"""


class Codec(FakeCodec):
    def arrange(self, request: Request, about: bytes) -> Prepared:
        return Prepared(parts=(Part(payload=msgspec.msgpack.encode(Payload(1, False, 0, (0,))), layout=b"", count=1),))

    def values(self, raw: Raw) -> Mapping[str, bytes]:
        return {}


class Programs(FakeProvider):
    """`written`: what its jobs write, each line as its time, stream and message."""

    def __init__(self, name: str = "fake", *, written: Sequence[tuple[float, str, str]] = (), **given) -> None:
        super().__init__(name, **given)
        self.codec = Codec()
        self.written = written
        self.is_slow = False
        """Whether a line is there only so many seconds after its job was made; else all are at once."""
        self.on_page: Callable[[], None] = lambda: None
        """Called before a page of a log is given."""
        self.archive = packed({"results.json": b"{}"})

    def program(self, program: Program) -> Request:
        return Request(backend=program.device, kind="hybrid")

    def attached(self, backend: str, remote_id: str) -> Attached:
        return Attached(backend, remote_id, "hybrid")

    @asynccontextmanager
    async def _connected(self, report: Report) -> AsyncIterator[Adapter]:
        adapter = _Adapter(self, report)
        try:
            yield adapter
        finally:
            adapter.close()


class _Adapter(FakeAdapter):
    _fake: Programs

    def _written(self, job: Remote) -> list[LogLine]:
        """By now."""
        age = self._fake.wall() - job.created_at if self._fake.is_slow else 1e9
        names = sorted({stream for _, stream, _ in self._fake.written})
        return [
            LogLine(message, 1e9 + at, stream, names.index(stream))
            for at, stream, message in self._fake.written
            if at <= age
        ]

    async def log_streams(self, job: Remote) -> Sequence[str]:
        await self._fake.begin("logs")
        return sorted({line.stream for line in self._written(job)})

    async def log_page(self, job: Remote, stream: str, after: str = "") -> LogPage:
        await self._fake.begin("logs")
        self._fake.on_page()
        return self._page([line for line in self._written(job) if line.stream == stream], after)

    async def metric_page(self, job: Remote, after: str = "") -> LogPage:
        await self._fake.begin("metrics")
        return self._page([line for line in self._written(job) if "Metrics - " in line.message], after)

    async def piece(self, job: Remote, at: int, tag: str = "") -> Piece:
        await self._fake.begin("download")
        return Piece(self._fake.archive[at:], len(self._fake.archive), "tag")

    def _page(self, lines: list[LogLine], after: str) -> LogPage:
        at = int(after or 0)
        end = min(at + PAGE, len(lines))
        return LogPage(lines[at:end], str(end), more=end < len(lines))


def install(folder: Path) -> None:
    """Make it `distant`, a provider of every process with `folder` on its path; its jobs never end."""
    install_plugin(folder)
    (folder / "distant_plugin.py").write_text(PLUGIN, encoding="utf-8")


def leave(provider: Programs, name: str = "trained") -> str:
    """Submit a program and leave: the id of a job that nobody follows."""
    import quantumjobs as qj

    async def submitted() -> str:
        async with qj.Client(providers={provider.name: provider}, follow="asked") as client:
            job = await client.hybrid_job(f"{provider.name}/sim", "a program", name=name)
            return job.id

    return asyncio.run(submitted())
