"""`quantumjobs run`: submit every file, wait, and tell of each in the order given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from uuid import uuid4

from quantumjobs.cli import clients
from quantumjobs.cli.asked import STDIN, Run, Source
from quantumjobs.cli.board import Board, Line
from quantumjobs.cli.exits import Exit, Trouble, together, trouble
from quantumjobs.cli.interrupts import Interrupts, ignore
from quantumjobs.cli.report import Report, document, pieces, report
from quantumjobs.cli.terminal import Terminal, Unread
from quantumjobs.client.backend import Backend
from quantumjobs.client.client import Client
from quantumjobs.core.results import Result
from quantumjobs.display import neutral
from quantumjobs.engine.job import Job
from quantumjobs.errors import JobCancelled, JobError, JobFailed, QuantumJobsError, ResultTimeout, SubmissionUncertain


class _One:
    """One file on its way."""

    def __init__(self, source: Source, line: Line) -> None:
        self.source = source
        self.line = line
        self.job: Job | None = None
        self.result: Result | None = None
        self.error: Exception | None = None

    @property
    def name(self) -> str:
        """What the job is called in the ledger."""
        return neutral(self.source.label)

    async def follow(self, backend: Backend, asked: Run, tag: str) -> None:
        """Submit and wait; what goes wrong is kept, so that no file's trouble is another's."""
        try:
            self.job = await backend.run(self.source.circuit, name=self.name, tags=(tag,), **asked.arguments)
            self.line.follow(self.job)
            self.result = await self.job
        except Exception as error:
            self.error = error
            if isinstance(error, (JobError, SubmissionUncertain)):
                self.job = self.job or error.job
            if isinstance(error, (JobFailed, JobCancelled)):
                self.result = error.partial
        finally:
            await self.line.leave(self.job)

    def ended(self, asked: Run, cut: Trouble | None) -> Report:
        """`cut` is why the wait was ended before this file's; None where it was not."""
        found = None
        if self.error is not None:
            found = _named(trouble(self.error), self.source)
        elif self.result is None and cut is not None:
            found = Trouble(cut.type, f"{cut.message}: {self._whereabouts()}", cut.hint, cut.code)
        return report(self.source.name, asked.backend, self.job, self.result, found, memory=asked.memory)

    @property
    def goes_on(self) -> bool:
        """There is a job, and it has not ended."""
        return self.job is not None and not self.job.done()

    def _whereabouts(self) -> str:
        job = self.job
        if job is None:
            return "it was not submitted"
        if job.done():
            return f"job {job.id} is {job.state}"
        at = f" as {job.remote_id}" if job.remote_id else ""
        return f"job {job.id} goes on at {job.provider}{at}"


def run(asked: Run, terminal: Terminal) -> Exit:
    """Run, and print as the jobs end; `--json` prints at the end."""
    try:
        reports = asyncio.run(_run(asked, terminal))
    except asyncio.CancelledError:  # before there was anything to wait for
        raise KeyboardInterrupt from None
    code = together(one.code for one in reports)
    if code is Exit.INTERRUPTED:
        ignore()
    if asked.json:
        terminal.show([document(reports, code)])
    return code


async def _run(asked: Run, terminal: Terminal) -> list[Report]:
    with Interrupts() as interrupts:
        return await _reported(asked, terminal, interrupts)


async def _reported(asked: Run, terminal: Terminal, interrupts: Interrupts) -> list[Report]:
    def tell(one: _One, found: Report) -> None:
        if not asked.json:
            label = one.source.label
            terminal.show(pieces(found, label, width=terminal.width, top=asked.top, unicode=terminal.unicode))
        if found.trouble is not None:
            terminal.complain(found.trouble, one.error, label=one.source.label)

    return await run_all(clients.open_client(), asked, tell, Board(terminal, wanted=asked.progress), interrupts.over)


async def run_all(
    client: Client,
    asked: Run,
    tell: Callable[[_One, Report], None],
    board: Board,
    over: Callable[[], None] = lambda: None,
) -> list[Report]:
    """Run every file; `tell` hears of each as soon as those before it have ended. Closes the client.

    `over` is called when nothing is waited for any more: from then on this must not be cancelled.
    A timeout and an interruption (this task is cancelled) end the waits: local simulations are cancelled, remote jobs
    go on. Raises `UsageError` for an unknown backend before anything is submitted, and `Unread` when `tell` does.
    """
    files = [_One(source, board.line(source.label)) for source in asked.sources]
    reports: list[Report] = []
    cut: Trouble | None = None
    unread: Unread | None = None
    tag = f"cli-{uuid4().hex}"

    def end(one: _One) -> None:
        found = one.ended(asked, cut)
        reports.append(found)
        board.lines.remove(one.line)
        tell(one, found)

    async with client:
        backend = client.backend(asked.backend)
        async with board:
            tasks = [asyncio.create_task(one.follow(backend, asked, tag)) for one in files]
            try:
                async with asyncio.timeout(asked.timeout):
                    for one, task in zip(files, tasks, strict=True):
                        await asyncio.wait([task])
                        end(one)
            except TimeoutError:
                message = f"not done within {asked.timeout:g} s"
                cut = Trouble(ResultTimeout.__name__, message, "", Exit.TIMEOUT)
            except asyncio.CancelledError:
                cut = Trouble("Interrupted", "interrupted", "", Exit.INTERRUPTED)
            except Unread as error:
                cut = Trouble(Unread.__name__, "the output is not read", "", Exit.UNREAD)
                unread = error
            finally:
                over()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                if cut is not None:
                    await _find(client, tag, files)
    for one in files[len(reports) :]:  # now it is known what became of the local simulations
        if unread is None or one.goes_on:
            end(one)
    if unread is not None:
        raise unread
    return reports


async def _find(client: Client, tag: str, files: Sequence[_One]) -> None:
    """A submission that was cut short may have made a job all the same; the ledger knows."""
    without = [one for one in files if one.job is None and one.error is None]
    if not without:
        return
    known = {one.job for one in files}
    with suppress(QuantumJobsError):
        for job in await client.jobs(tag=tag):
            one = next((one for one in without if job not in known and one.job is None and one.name == job.name), None)
            if one is not None:
                one.job = job


def _named(found: Trouble, source: Source) -> Trouble:
    """Circuits are called as the user called them."""
    ours = "the OpenQASM text" if source.name == STDIN else str(source.circuit)
    return Trouble(found.type, found.message.replace(ours, source.label), found.hint, found.code)
