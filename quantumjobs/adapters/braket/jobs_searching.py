"""Searches for hybrid jobs: which ones to ask for, and what a page of answers tells. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from quantumjobs.abc import Remote, Sending
from quantumjobs.adapters.braket.jobs_messages import Found, HybridJob
from quantumjobs.adapters.braket.searching import MARGIN, WHOLE, created, since

_ARN = re.compile(r"arn:aws[a-z-]*:braket:[a-z0-9-]+:\d{12}:job/[A-Za-z0-9-]{1,64}", re.ASCII)


def is_job(arn: str) -> bool:
    """Whether it is a hybrid job's ARN, which has the region in it."""
    return _ARN.fullmatch(arn) is not None


def stream_prefix(arn: str, name: str) -> str:
    """What the names of a job's log streams begin with. ARNs of older jobs end with the job's name."""
    last = arn.rpartition("/")[2]
    return f"{name}/" if last == name else f"{name}/{last}/"


def window(jobs: Sequence[Remote], *, after: str = "", ahead: float = 0.0) -> dict[str, Any]:
    """The body of a search for all hybrid jobs created since the oldest of these; `ahead` as in `searching.window`."""
    return _search(min(created(job, ahead) for job in jobs), after)


def around(sending: Sending, *, after: str = "", ahead: float = 0.0) -> dict[str, Any]:
    """The body of a search for the jobs that one submission may have made, at whichever of its attempts."""
    return _search(sending.first_sent_at + ahead, after)


def of_job(arn: str, *, after: str = "") -> dict[str, Any]:
    """The body of a search for the quantum tasks that a hybrid job has created."""
    body: dict[str, Any] = {
        "filters": [{"name": "jobArn", "operator": "EQUAL", "values": [arn]}],
        "maxResults": WHOLE,
    }
    return {**body, "nextToken": after} if after else body


def jobs(found: Found) -> Iterator[HybridJob]:
    """Those of a page that can be read; what is odd about another one, a look at that job will show."""
    for raw in found.jobs:
        try:
            yield _job.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue


def _search(moment: float, after: str) -> dict[str, Any]:
    body: dict[str, Any] = {"filters": [since(moment - MARGIN)], "maxResults": WHOLE}
    return {**body, "nextToken": after} if after else body


_job = msgspec.json.Decoder(HybridJob)
