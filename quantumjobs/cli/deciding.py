"""`quantumjobs cancel`, and the three ways out of a doubt: `adopt`, `resubmit`, `abandon`."""

from __future__ import annotations

import asyncio
from typing import Any

from quantumjobs.cli import clients, facts, pages
from quantumjobs.cli.asked_jobs import Cancel, Decide
from quantumjobs.cli.choosing import followed, short
from quantumjobs.cli.documents import document
from quantumjobs.cli.exits import Exit, Trouble, together, trouble
from quantumjobs.cli.interrupts import Interrupts
from quantumjobs.cli.terminal import Terminal
from quantumjobs.cli.waiting import wait_for
from quantumjobs.core.states import UNACCEPTED, CancelOutcome
from quantumjobs.engine.job import Job

C = CancelOutcome
_CODES = {
    C.CANCELLED: Exit.DONE,
    C.REQUESTED: Exit.DONE,
    C.TOO_LATE: Exit.JOB,
    C.REFUSED: Exit.JOB,
    C.UNSUPPORTED: Exit.JOB,
    C.UNKNOWN: Exit.UNAVAILABLE,
}
MEANINGS = {
    C.CANCELLED: "cancelled",
    C.REQUESTED: "asked to stop",
    C.TOO_LATE: "too late to be cancelled",
    C.REFUSED: "the provider refused to cancel it",
    C.UNSUPPORTED: "this provider cannot cancel",
    C.UNKNOWN: "asked to stop, without an answer yet; the wish is kept",
}


# --- cancel -----------------------------------------------------------------------------
def cancel(asked: Cancel, terminal: Terminal) -> Exit:
    """Ask for the end of every job, and print what came of each. Raises `UsageError` for an id, before any is asked."""
    told = asyncio.run(_cancel(asked, terminal))
    code = together(code for _, code in told)
    if asked.json:
        terminal.show([document("cancel", code, jobs=[one for one, _ in told])])
    return code


async def _cancel(asked: Cancel, terminal: Terminal) -> list[tuple[dict[str, Any], Exit]]:
    async with clients.open_client() as client:
        jobs = await followed(client, asked.ids)
        size = short(job.id for job in jobs)

        async def one(job: Job) -> tuple[dict[str, Any], Exit]:
            try:
                outcome = await job.cancel()
            except Exception as error:
                found = trouble(error)
                terminal.complain(found, error, label=pages.label(job, size))
                return _told(job, None, found), found.code
            if not asked.json:
                terminal.show([f"{pages.label(job, size)}: {MEANINGS[outcome]}, {job.state}"])
            return _told(job, outcome, None), _CODES[outcome]

        return await asyncio.gather(*map(one, jobs))


def _told(job: Job, outcome: CancelOutcome | None, found: Trouble | None) -> dict[str, Any]:
    return {
        "job": job.id,
        "outcome": outcome and outcome.value,
        "state": job.state.value,
        "error": found and found.as_json(),
    }


# --- ways out of a doubt ----------------------------------------------------------------
def decide(asked: Decide, terminal: Terminal) -> Exit:
    """Carry out what the user has decided, and print where the job is now. Raises `UsageError` for one not in doubt."""
    job, found = asyncio.run(_decide(asked))
    code = found.code if found is not None else Exit.DONE
    terminal.told_of(job.id)
    if asked.json:
        terminal.show([document(asked.way, code, job=facts.details(job))])
    else:
        terminal.show([pages.ending(job)])
    if found is not None:
        terminal.complain(found, label=pages.label(job))
    return code


async def _decide(asked: Decide) -> tuple[Job, Trouble | None]:
    interrupts = Interrupts()
    async with clients.open_client() as client:
        (job,) = await followed(client, [asked.id])
        if asked.way == "adopt":
            await job.adopt(asked.remote_id)
        elif asked.way == "abandon":
            await job.abandon()
        else:
            await job.resubmit()
            cut = await wait_for(_sent(job), asked.timeout, interrupts)
            return job, _after(job, cut)
    return job, None


async def _sent(job: Job) -> None:
    async for snapshot in job.events():
        if facts.needs_decision(job) or snapshot.state not in UNACCEPTED:
            return


def _after(job: Job, cut: Trouble | None) -> Trouble | None:
    if cut is None:
        return None if facts.code_of(job) is Exit.DONE else facts.trouble_of(job)
    why = f" ({job.error})" if job.error is not None else ""
    kept = f"it is not sent yet{why}; it stays in the ledger, and whoever follows it sends it"
    return Trouble(cut.type, f"{cut.message}: {kept}", f"quantumjobs watch {job.id[:8]} follows it", cut.code)
