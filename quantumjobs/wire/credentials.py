"""A credential and its refresh: read when it is first needed, shortly before it ends, and when it was refused.

One reading serves all who need it. While a reading fails because of the weather, what is still good is used on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from math import inf

from msgspec import Struct

from quantumjobs.errors import CredentialError, ProviderError, ProviderRejected, ProviderUnavailable
from quantumjobs.wire.secrets import Secret

Source = Callable[[bool], Awaitable[Secret | None]]
"""`source(fresh)`: the secret now, None for none needed. `fresh`: the last one was refused, so look again, or get a new
one. Raises `CredentialError`, saying where it looked, or a `ProviderError` where who gives it cannot be asked."""

LEEWAY = 30.0
"""Seconds before its end at which a secret is read anew; half of its time, where that is less."""
PATIENCE = 5.0
"""Seconds between two readings before the end that fail."""


class Held(Struct, frozen=True):
    """A secret and the number of times one was read before it."""

    secret: Secret | None
    generation: int
    renew_at: float = inf
    """When to read it anew, in seconds since the epoch."""


class Credential:
    """One lane's credential.

    `origin` says where it comes from, where a secret does not say so itself, and `advice` what to do when it is refused:
    both for messages. `changed` says, at no cost, whether there is another secret to read, before every request. `clock`
    gives seconds since the epoch.
    """

    def __init__(
        self,
        source: Source,
        *,
        origin: str = "",
        advice: str = "",
        changed: Callable[[], bool] | None = None,
        clock: Callable[[], float] = time.time,
        leeway: float = LEEWAY,
    ) -> None:
        self.origin = origin
        self.advice = advice
        self._source = source
        self._changed = changed
        self._clock = clock
        self._leeway = leeway
        self._held: Held | None = None
        self._reading: asyncio.Task[Held] | None = None
        self._not_before = -inf

    async def get(self) -> Held:
        """The current one. Raises `CredentialError`, and `ProviderUnavailable` with `sent=False`."""
        held = self._held
        if held is None:
            return await self._read(fresh=False)
        now = self._clock()
        if self._changed is not None and self._changed():
            return await self._read(fresh=False)
        if now < held.renew_at:
            return held
        if not self._is_over(held, now) and self._reading is None and now < self._not_before:
            return held
        try:
            return await self._read(fresh=False)
        except ProviderUnavailable:
            now = self._clock()
            if self._is_over(held, now):
                raise
            self._not_before = now + PATIENCE
            return held

    @staticmethod
    def _is_over(held: Held, now: float) -> bool:
        return held.secret is not None and held.secret.until is not None and held.secret.until <= now

    async def renew(self, refused: Held) -> Held:
        """Another one, or the same where there is no other; one reading for all whose request was refused with it.

        Raises what `get` does.
        """
        if self._held is not None and self._held.generation > refused.generation:
            return self._held  # somebody else has renewed it meanwhile
        return await self._read(fresh=True)

    async def _read(self, *, fresh: bool) -> Held:
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._take(fresh))
            self._reading.add_done_callback(self._has_read)
        return await asyncio.shield(self._reading)  # one impatient caller must not end it for the others

    async def _take(self, fresh: bool) -> Held:
        generation = self._held.generation + 1 if self._held is not None else 0
        try:
            secret = await self._source(fresh)
        except ProviderUnavailable as error:
            error.sent = False  # of the request that needs the credential
            raise
        except ProviderRejected as error:  # a no to the credential is none to the request
            raise CredentialError(str(error)) from error
        except ProviderError as error:  # a captive portal, a gateway's page: no word of who gives credentials
            raise ProviderUnavailable(str(error), provider=error.provider, sent=False) from error
        self._held = Held(secret, generation, self._renew_at(secret))
        return self._held

    def _renew_at(self, secret: Secret | None) -> float:
        if secret is None or secret.until is None:
            return inf
        left = secret.until - self._clock()
        # Given as over already: one of the clocks is wrong, and the server will say so.
        return secret.until - min(self._leeway, left / 2) if left > 0 else inf

    def _has_read(self, task: asyncio.Task[Held]) -> None:
        self._reading = None
        if not task.cancelled():
            task.exception()  # seen: those who waited have it

    async def aclose(self) -> None:
        """End a reading that is under way."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
