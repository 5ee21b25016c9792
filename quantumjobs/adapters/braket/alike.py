"""What quantum tasks and hybrid jobs have in common when they are searched for, surveyed, cancelled and fetched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from typing import Any, Protocol, TypeVar

import msgspec

from quantumjobs.abc import Answer, CancelReply, LookCloser, Status, Surveyed
from quantumjobs.adapters.braket.messages import Cancelled
from quantumjobs.adapters.braket.replies import checked
from quantumjobs.core.states import JobState
from quantumjobs.errors import ProviderRejected
from quantumjobs.wire import Reply, decode

S = JobState
PAGES = 20
"""That a search for one task or job, or a list of devices, may have."""
_BETWEEN = 0.5
"""Seconds between two of them, of which the service documents five a second for everybody."""
_PLACES = 2
"""Of a survey, those that are looked at for their place in the queue."""
_JUST_NOW = 60.0
"""Seconds after its end in which what is not there may still be on its way."""


class Page(Protocol):
    """Of any search."""

    @property
    def next_token(self) -> str | None: ...


P = TypeVar("P", bound=Page)


async def pages(ask: Callable[[dict[str, Any]], Awaitable[P]], body: dict[str, Any]) -> AsyncIterator[P]:
    """The pages of a search, without haste, and no more than `PAGES`: the last one tells whether there are more."""
    for number in range(PAGES):
        if number:
            await asyncio.sleep(_BETWEEN)
        found = await ask(body)
        yield found
        if not found.next_token:
            return
        body = {**body, "nextToken": found.next_token}


class Survey:
    """Makes answers of what a search tells. The index has neither reasons nor places in the queue.

    So what `closer` says is to be looked at by itself; and so are, in turn, a few of those that wait.
    """

    def __init__(self, closer: Callable[[Status], bool]) -> None:
        self._closer = closer
        self._turn = 0
        """Whose place in the queue is asked for next, of those that a survey finds waiting."""

    def page(self, found: Iterable[tuple[str, Status]], ours: Collection[str], *, after: str, more: str) -> Surveyed:
        """One page: ARNs and what is told of each. `after` is what was asked with for it."""
        answers: dict[str, Answer] = {}
        waiting = []
        for arn, status in found:
            answers[arn] = LookCloser() if self._closer(status) else msgspec.structs.replace(status, hint=True)
            if status.state is S.QUEUED and arn in ours:
                waiting.append(arn)
        if waiting and not after:
            for arn in (waiting[(self._turn + place) % len(waiting)] for place in range(_PLACES)):
                answers[arn] = LookCloser()
            self._turn += _PLACES
        return Surveyed(answers, more)


async def cancelled(reply: Reply, look: Callable[[], Awaitable[Answer]]) -> CancelReply:
    """What the answer to a cancel means. A conflict: it has ended, or is being cancelled already; then a look tells."""
    try:
        checked(reply, "the cancel")
    except ProviderRejected as error:
        if error.code == "ResourceNotFoundException":
            return CancelReply.TOO_LATE
        if error.code != "ConflictException":
            return CancelReply.REFUSED
        answer = await look()
        if not isinstance(answer, Status) or answer.state is None:
            return CancelReply.REFUSED
        if answer.state is S.CANCELLED:  # by an earlier request, whose answer was lost, or by somebody else
            return CancelReply.CONFIRMED
        return CancelReply.TOO_LATE if answer.state.is_terminal else CancelReply.ACCEPTED
    told = decode(reply.body, Cancelled, provider="braket", what="the answer to the cancel")
    return CancelReply.CONFIRMED if told.cancellation_status == "CANCELLED" else CancelReply.ACCEPTED


def is_on_its_way(error: ProviderRejected, *, completed: str, now: float) -> bool:
    """Whether what S3 does not have may come yet: it has just been completed. `now` is the service's."""
    return error.code == "NoSuchKey" and bool(completed) and now - float(completed) < _JUST_NOW
