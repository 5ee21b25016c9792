"""Reading a job's logs: page by page, every instance's lines in their order, to the end or for as long as it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from quantumjobs.abc import Logs, Remote
from quantumjobs.core.logs import LogLine
from quantumjobs.core.merging import Merge
from quantumjobs.engine.asking import Asker

if TYPE_CHECKING:
    from quantumjobs.engine.job import Job

SOON, LATE = 0.5, 5.0
"""Seconds between two readings while lines come, and the most where none do. The vendor's client reads every 5 s."""
_IN_A_TURN = 200
"""Lines given out in one turn of the loop, each of which costs whoever reads them some microseconds."""


class _Tail:
    """How far a job's streams have been read."""

    def __init__(self, asker: Asker, logs: Logs) -> None:
        self._asker = asker
        self._logs = logs
        self._merge = Merge()
        self._places: dict[str, str] = {}
        self._closed: set[str] = set()

    @property
    def is_complete(self) -> bool:
        """Nothing will ever come behind what was read."""
        return bool(self._places) and self._closed >= self._places.keys()

    async def read(self, job: Remote) -> AsyncGenerator[LogLine, None]:
        """What is there by now and was not read yet."""
        for stream in await self._asker.ask("logs", self._logs.log_streams, job):
            self._places.setdefault(stream, "")
        reading = [stream for stream in self._places if stream not in self._closed]
        while reading:
            for stream in reading:
                await self._page(job, stream)
            for number, line in enumerate(self._merge.take(), 1):
                yield line
                if number % _IN_A_TURN == 0:
                    await asyncio.sleep(0)
            reading = self._merge.needs()

    async def _page(self, job: Remote, stream: str) -> None:
        page = await self._asker.ask("logs", self._logs.log_page, job, stream, self._places[stream])
        goes_on = page.more and page.after != self._places[stream]
        self._places[stream] = page.after
        self._merge.put(stream, page.lines, at_end=not goes_on)
        if page.closed:
            self._closed.add(stream)


async def lines(job: Job, *, follow: bool) -> AsyncGenerator[LogLine, None]:
    """What has been written by now; with `follow` also what comes, until the job is over and its last lines are there.

    Lines of one stream come in their order, each once. Those of several are merged by time, as far as they are there.
    Lines may come late: of a job that is over, they are read until none has come for `LATE` seconds.
    """
    part, loop = job._parts[0], job._engine.loop
    asker = Asker(job._engine, part, patient=follow)
    tail = _Tail(asker, await asker.able(Logs, "logs"))
    pause, news_at = SOON, loop.time()
    while True:
        over = job.done()  # before reading: what is written after that, the next reading finds
        if follow and not over:
            job._raise_if_stuck()
        news = False
        if part.record.remote_id is not None:
            async with aclosing(tail.read(part.remote())) as found:
                async for line in found:
                    news = True
                    yield line
        now = loop.time()
        if news:
            news_at = now
        if not follow or (over and (tail.is_complete or now - news_at >= LATE)):
            return
        pause = SOON if news or over else min(LATE, 2 * pause)
        if over:
            await asyncio.sleep(pause)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await job.wait(progress=False)  # its end ends the pause
