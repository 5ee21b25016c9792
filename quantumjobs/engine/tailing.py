"""Reading a job's logs: page by page, every instance's lines in their order, to the end or for as long as it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TYPE_CHECKING

from quantumjobs.abc import Logs
from quantumjobs.core.logs import LogLine
from quantumjobs.core.merging import Merge
from quantumjobs.engine.asking import Asker

if TYPE_CHECKING:
    from quantumjobs.engine.job import Job

SOON, LATE = 0.5, 5.0
"""Seconds between two readings while lines come, and the most where none do. The vendor's client reads every 5 s."""
_IN_A_TURN = 200
"""Lines given out in one turn of the loop, each of which costs whoever reads them some microseconds."""


async def lines(job: Job, *, follow: bool) -> AsyncIterator[LogLine]:
    """What has been written by now; with `follow` also what comes, until the job is over and its last lines are there.

    Lines of one stream come in their order, each once. Those of several are merged by time, as far as they are there.
    Lines may come late: of a job that is over, they are read until none has come for `LATE` seconds.
    """
    part = job._parts[0]
    asker = Asker(job._engine, part, patient=follow)
    logs = await asker.able(Logs, "logs")
    merge = Merge()
    places: dict[str, str] = {}
    closed: set[str] = set()
    pause = SOON
    news_at = job._engine.loop.time()
    while True:
        over = job.done()  # before reading: what is written after that, the next reading finds
        if follow and not over:
            job._raise_if_stuck()
        known = part.remote() if part.record.remote_id else None
        news = False
        if known is not None:
            for stream in await asker.ask("logs", logs.log_streams, known):
                places.setdefault(stream, "")
            fresh = places.keys() - closed
            while reading := [stream for stream in places if stream in fresh or stream in merge.needs()]:
                for stream in reading:
                    fresh.discard(stream)
                    page = await asker.ask("logs", logs.log_page, known, stream, places[stream])
                    goes_on = page.more and page.after != places[stream]
                    places[stream] = page.after
                    merge.put(stream, page.lines, at_end=not goes_on)
                    if page.closed:
                        closed.add(stream)
                for number, line in enumerate(merge.take(), 1):
                    news = True
                    yield line
                    if number % _IN_A_TURN == 0:
                        await asyncio.sleep(0)
        now = job._engine.loop.time()
        if news:
            news_at = now
        complete = bool(places) and closed >= places.keys()
        if not follow or (over and (complete or now - news_at >= LATE)):
            return
        pause = SOON if news or over else min(LATE, 2 * pause)
        if over:
            await asyncio.sleep(pause)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await job.wait(progress=False)  # its end ends the pause
