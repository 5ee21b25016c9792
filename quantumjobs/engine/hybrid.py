"""A hybrid job: a program that runs beside a device, with logs, metrics, files and jobs of its own."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Generator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import msgspec

from quantumjobs.abc import Child, Fetches, Metrics, Raw, Spawns, Tells
from quantumjobs.core.logs import LogLine
from quantumjobs.core.metrics import Metrics as Table
from quantumjobs.core.states import JobState
from quantumjobs.display.logs import Printer
from quantumjobs.engine import downloading, tailing
from quantumjobs.engine.asking import Asker
from quantumjobs.engine.job import Job
from quantumjobs.errors import ProviderProtocolError, ProviderRejected, ResultUnavailable, UsageError
from quantumjobs.workers import archives
from quantumjobs.workers.beside import beside

if TYPE_CHECKING:
    from quantumjobs.engine.tracked import Tracked

_FOLDER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?", re.ASCII)
"""A name that is a folder's on every system."""


class HybridJob(Job):
    """A program that runs at a provider, or as a process of this machine; awaitable as any job.

    `await job` is what the program has saved: a dict of plain values. Its circuits are jobs of their own: see `tasks`.
    """

    __slots__ = ("_told",)

    _told: dict[str, Any] | None

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._told = None

    def __repr__(self) -> str:
        return f"<HybridJob {self.id[:8]} {self._handle.address} {self.state}>"

    # --- what it is -------------------------------------------------------------------------
    @property
    def arn(self) -> str | None:
        """The provider's name for it, as `remote_id`; of a local job the path of its folder. None before it is known."""
        return self.remote_id

    @property
    def name(self) -> str | None:
        """As given, else as it was named for the provider; None before that is known."""
        return self._handle.name or self._parts[0].record.details.get("name")

    # --- the result -------------------------------------------------------------------------
    # What a program saves is no result of circuits, so these two give something else than those of the base class.
    def __await__(self) -> Generator[Any, None, dict[str, Any]]:  # type: ignore[override]  # see above
        return self.result().__await__()

    async def result(self, *, progress: bool | None = None) -> dict[str, Any]:  # type: ignore[override]  # see above
        """Wait for the end and return what the program saved: plain JSON values by name, {} where it saved nothing.

        Never unpickles anything: values that the vendor's SDK was told to pickle are refused. Deadlines are the
        caller's. Raises as `Job.result` does; `JobFailed.partial` and `JobCancelled.partial` are what had been saved
        by then.
        """
        found: Any = await super().result(progress=progress)
        values: dict[str, Any] = found
        return values

    async def _whole(self) -> dict[str, Any]:
        part = self._parts[0]
        kept = part.record.result
        if kept is not None:
            blobs = {name: await self._engine.ledger.blob(digest) for name, digest in kept.blobs.items()}
            return await self._values(Raw(kept.schema, blobs))
        # It was refused once, for want of a right, maybe, that is there by now.
        asker = Asker(self._engine, part)
        try:
            able = await asker.able(Fetches, "files of its programs")
            return await self._values(await asker.ask("fetch", able.fetch, part.remote()))
        except (ProviderRejected, UsageError) as error:
            raise ResultUnavailable(f"what job {self.id} saved is not to be had: {error}", job=self) from error

    async def _finished(self) -> dict[str, Any] | None:
        await self._get_lazy()
        if self._parts[0].record.result is None:
            return None
        try:
            return await self._whole()
        except ResultUnavailable:
            return None

    async def _values(self, raw: Raw) -> dict[str, Any]:
        """One value at a time, and others have their turn between them."""
        try:
            found = await self._engine.values(self._parts[0].lane.provider, raw)
        except UsageError as error:
            raise ResultUnavailable(f"what job {self.id} saved cannot be read: {error}", job=self) from error
        values: dict[str, Any] = {}
        for name, body in found.items():
            try:
                values[name] = msgspec.json.decode(body)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise ResultUnavailable(
                    f"value {name[:100]!r} of job {self.id} is no JSON: {error}", job=self
                ) from error
            await asyncio.sleep(0)
        return values

    async def circuits(self) -> NoReturn:
        """Raises `UsageError`: the program makes its circuits itself."""
        raise UsageError(f"job {self.id} is a program: its circuits are those of its jobs, see tasks()")

    # --- what it writes ---------------------------------------------------------------------
    async def logs(self, *, follow: bool = False) -> AsyncIterator[LogLine]:
        """The lines that it has written; with `follow` also those to come, until it is over and all of them are there.

        Each line once, those of one instance in their order, those of several merged by time. Bad weather, a throttled
        service and expired credentials do not end following. Raises `UsageError` where there are no logs, and without
        `follow` what came of a question that got no answer.
        """
        async with aclosing(tailing.lines(self, follow=follow)) as lines:
            async for line in lines:
                yield line

    async def print_logs(self, *, follow: bool = False) -> None:
        """Print the lines, on a terminal or in a notebook in a colour for each instance; as `logs` otherwise."""
        printer = Printer()
        async for line in self.logs(follow=follow):
            printer.print(line)

    async def metrics(
        self,
        metric_type: Literal["timestamp", "iteration_number"] = "timestamp",
        statistic: Literal["max", "min"] = "max",
    ) -> dict[str, list[Any]]:
        """What it reported: columns by name, a row for each timestamp or iteration, in ascending order.

        Cells are floats, texts (`node_id`) or None. Where a row has several values of one metric, `statistic` chooses.
        Raises `ProviderError` where it is not to be had now: never an empty table instead.
        """
        table = Table(metric_type, statistic)
        part = self._accepted()
        asker = Asker(self._engine, part)
        able = await asker.able(Metrics, "metrics")
        after, passed = "", {""}
        while True:
            page = await asker.ask("metrics", able.metric_page, part.remote(), after)
            if page.lines:
                await beside(table.add, page.lines)
            if not page.more:
                break
            after = _onwards(page.after, passed, "metrics", part)
        return await beside(table.table)

    # --- what is known of it ------------------------------------------------------------------
    async def metadata(self, *, cached: bool = False) -> dict[str, Any]:
        """All that the provider tells of it, in its own words; with `cached` the last that this object got, if any.

        Raises `ProviderError` where it cannot be had now.
        """
        if cached and self._told is not None:
            return self._told
        part = self._accepted()
        asker = Asker(self._engine, part)
        able = await asker.able(Tells, "metadata")
        body = await asker.ask("poll", able.metadata, part.remote())
        try:
            told: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ProviderProtocolError(f"{part.lane.key}: metadata that is no JSON", provider=part.lane.key) from error
        self._told = told
        return told

    async def download_result(
        self, extract_to: str | os.PathLike[str] | None = None, *, max_bytes: int | None = None
    ) -> Path:
        """Wait for the end, and unpack the program's files into the new folder `<extract_to>/<name>`, or `<id>` for a name
        that is no folder's; which one it is.

        `extract_to` is the current directory by default. The archive is checked: names that lead elsewhere, links,
        devices, and what unpacks to very much more than it is itself are refused, and nothing of it is left;
        `max_bytes` says instead to how many bytes it may unpack. Raises as `result` does, `UsageError` where the folder
        is there already, and `ProviderProtocolError` for a hostile archive.
        """
        await self.wait(progress=False)
        if self.state is not JobState.COMPLETED:
            await self.result(progress=False)  # which says why
        folder = Path.cwd() if extract_to is None else Path(extract_to)
        name = self.name or ""
        if not _FOLDER.fullmatch(name):  # a provider may have told it
            name = self.id
        limits = archives.Limits() if max_bytes is None else archives.Limits(bytes=max_bytes, floor=max_bytes)
        return await downloading.download(self, folder / name, limits)

    async def tasks(self) -> list[Job]:
        """The jobs that the program has submitted so far, oldest first; each is followed from here, as if attached."""
        part = self._accepted()
        asker = Asker(self._engine, part)
        able = await asker.able(Spawns, "jobs of its programs")
        found: dict[str, Child] = {}
        after, passed = "", {""}
        while True:
            page = await asker.ask("find", able.children, part.remote(), after)
            found |= {child.id: child for child in page.jobs}
            if not page.after:
                break
            after = _onwards(page.after, passed, "tasks", part)
        attacher, provider, key = self._engine.attacher, part.lane.provider, part.lane.key
        return [
            await attacher.by_remote_id(key, provider, f"{key}/{child.backend}", child.backend, child.id)
            for child in sorted(found.values(), key=lambda child: child.created_at)
        ]

    async def retry_failed(self) -> Job:
        """Submit it again, as a new job. Raises `UsageError` for one with a name: that is one job's only."""
        if self._handle.name is not None:
            raise UsageError(
                f"job {self.id} is called {self._handle.name!r}: submit the program again, by another name"
            )
        return await super().retry_failed()

    def _accepted(self) -> Tracked:
        part = self._parts[0]
        if part.record.remote_id is None:
            raise UsageError(
                f"job {self.id} is {self.state}: the provider has not accepted it, and knows nothing of it"
            )
        return part


def _onwards(after: str, passed: set[str], what: str, part: Tracked) -> str:
    """The place of the next page. Raises `ProviderProtocolError` for one that was there before."""
    if after in passed:
        raise ProviderProtocolError(f"{part.lane.key}: the {what} go round in a circle", provider=part.lane.key)
    passed.add(after)
    return after
