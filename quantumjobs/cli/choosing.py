"""Which job is meant: ids are given whole or by a beginning that only one of them has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import TYPE_CHECKING

from quantumjobs.display import one_line
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from quantumjobs.client.client import Client
    from quantumjobs.engine.job import Job

SHORT = 8
"""Characters of an id that are shown where the whole one is not needed."""
_CANDIDATES = 5


def pick(given: str, jobs: Sequence[Job]) -> Job:
    """The job whose id is or begins with `given`; `jobs` are all there are, newest first.

    Raises `UsageError` that lists candidates when there is none or more than one.
    """
    wanted = given.strip().lower()
    if not wanted:
        raise UsageError("an id is empty; 'quantumjobs jobs' lists them")
    found = [job for job in jobs if job.id.startswith(wanted)]
    exact = next((job for job in found if job.id == wanted), None)
    if exact is not None or len(found) == 1:
        return exact or found[0]
    shown = f"'{one_line(given, limit=64)}'"
    if found:
        raise UsageError(f"{shown} begins the ids of {len(found)} jobs: {_listed(found)}")
    if not jobs:
        raise UsageError(f"no job {shown}: the ledger holds no jobs")
    near = _near(wanted, jobs)
    if near:
        raise UsageError(f"no job {shown}; did you mean {_listed(near)}?")
    raise UsageError(f"no job {shown}; the newest are {_listed(jobs)}")


def _near(wanted: str, jobs: Sequence[Job]) -> list[Job]:
    begins = {job.id[: len(wanted)]: job for job in reversed(jobs)}
    return [begins[one] for one in get_close_matches(wanted, begins, n=3, cutoff=0.7)]


def _listed(jobs: Sequence[Job]) -> str:
    size = short([job.id for job in jobs[:_CANDIDATES]])
    some = [f"{job.id[:size]}{f' ({one_line(job.name, limit=40)})' if job.name else ''}" for job in jobs[:_CANDIDATES]]
    return ", ".join(some) + (", ..." if len(jobs) > _CANDIDATES else "")


def short(ids: Iterable[str]) -> int:
    """How many characters tell these ids apart; at least `SHORT`."""
    ordered = sorted(set(ids))
    size = SHORT
    for one, other in pairwise(ordered):
        while one[:size] == other[:size]:
            size += 1
    return size


async def shown(client: Client, given: Sequence[str]) -> list[Job]:
    """These jobs as the ledger holds them, each once, in the order given; nothing follows them. Raises `UsageError`."""
    jobs = await client.jobs()
    return list(dict.fromkeys(pick(one, jobs) for one in given))


async def followed(client: Client, given: Sequence[str]) -> list[Job]:
    """The same, followed from here where nobody else does."""
    return [await client.job(job.id) for job in await shown(client, given)]
