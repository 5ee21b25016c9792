"""Questions about a job that are neither looks nor submits: its logs, its metrics, its files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from quantumjobs.errors import (
    AdapterError,
    CredentialError,
    ProviderError,
    ProviderRejected,
    ProviderUnavailable,
    UsageError,
)

if TYPE_CHECKING:
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.tracked import Tracked

K = TypeVar("K")
T = TypeVar("T")


class Asker:
    """Asks an adapter about one job, through the traffic, and again when the weather was bad.

    `patient`: for as long as it takes, and a refused credential is waited for, too, as in a wait for the job. Else
    the policy's budget is for each question, and a refused credential is told at once.
    """

    def __init__(self, engine: Engine, part: Tracked, *, patient: bool = False) -> None:
        self._engine = engine
        self._part = part
        self._patient = patient

    async def able(self, kind: type[K], what: str) -> K:
        """The adapter, able to do that. Raises `UsageError` where it is not."""
        lane = self._part.lane
        await self._ask("poll", lane.adapter, turn=False)
        able = lane.capability(kind)
        if able is None:
            raise UsageError(f"{lane.key} has no {what}")
        return able

    async def ask(self, operation: str, question: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """The answer. Raises `ProviderRejected` for a no, and `ProviderError` or `CredentialError` where none came."""
        lane = self._part.lane
        return await self._ask(operation, lambda: lane.errand(question, *args))

    async def _ask(self, operation: str, question: Callable[[], Coroutine[Any, Any, T]], *, turn: bool = True) -> T:
        engine, part = self._engine, self._part
        policy = part.lane.policy
        deadline = engine.loop.time() + policy.budget
        attempt = 0
        while True:
            attempt += 1
            engine.check_open()
            try:
                if not turn:
                    return await question()
                passage = await part.lane.traffic.turn(operation, part.record.id, urgent=not self._patient)
                with passage:
                    return await question()
            except (AdapterError, ProviderRejected):
                raise
            except CredentialError:
                if not self._patient:
                    raise
                delay = policy.credential_pause
            except ProviderError as error:
                delay = policy.delay(attempt, error)
                waits = self._patient and isinstance(error, ProviderUnavailable)  # garbage is no weather
                if not waits and (policy.gives_up(attempt, error) or engine.loop.time() + delay > deadline):
                    raise
            await asyncio.sleep(delay)
