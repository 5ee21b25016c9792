"""`quantumjobs logs`: what a hybrid job has written, and, if asked, what it goes on to write."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import AsyncIterator
from typing import Any

from quantumjobs.cli import facts, programs
from quantumjobs.cli.asked_programs import ReadLogs
from quantumjobs.cli.documents import document
from quantumjobs.cli.exits import Exit
from quantumjobs.cli.terminal import Terminal
from quantumjobs.core.logs import LogLine
from quantumjobs.display.logs import text_of
from quantumjobs.engine.hybrid import HybridJob


def logs(asked: ReadLogs, terminal: Terminal) -> Exit:
    """Print them. Raises `UsageError` for an id that is none or no hybrid job's, and what reading the logs raises."""
    kept: list[dict[str, Any]] = []

    async def read(job: HybridJob) -> None:
        async for line in chosen(job, asked):
            if asked.json:
                kept.append({"at": line.at, "stream": line.stream, "index": line.index, "message": line.message})
            else:
                terminal.write(f"{text_of(line, colour=terminal.colours, unicode=terminal.encodes)}\n")

    job, cut = programs.use(asked.id, read, follows=asked.follow, timeout=asked.timeout)
    found = cut or (facts.trouble_of(job) if asked.follow else None)
    code = found.code if found is not None else Exit.DONE
    if asked.json:
        terminal.show([document("logs", code, found, job=job.id, state=job.state.value, lines=kept)])
    if found is not None:
        terminal.complain(found, job.error if cut is None else None)
    return code


async def chosen(job: HybridJob, asked: ReadLogs) -> AsyncIterator[LogLine]:
    """The lines that are to be printed, in their order.

    For the last ones, and what comes behind them, the logs are read twice: what was there the first time is told by how
    many lines each stream had, since their order never changes.
    """
    seen = Counter[str]()
    if asked.tail is not None:
        last = deque[LogLine](maxlen=asked.tail)
        async for line in job.logs():
            seen[line.stream] += 1
            last.append(line)
        while last:
            yield last.popleft()
        if not asked.follow:
            return
    async for line in job.logs(follow=asked.follow):
        if seen[line.stream] > 0:
            seen[line.stream] -= 1
        else:
            yield line
