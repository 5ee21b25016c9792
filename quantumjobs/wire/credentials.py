"""A credential and its refresh: read when it is first needed, and read again once for all who met its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from msgspec import Struct

from quantumjobs.wire.secrets import Secret

Source = Callable[[bool], Awaitable[Secret | None]]
"""`source(fresh)`: the secret now, None for none needed. `fresh`: the last one was refused, so look again, or get a new
one. Raises `CredentialError`, saying where it looked."""


class Held(Struct, frozen=True):
    """A secret and the number of times one was read before it."""

    secret: Secret | None
    generation: int


class Credential:
    """One lane's credential."""

    def __init__(self, source: Source, *, origin: str = "") -> None:
        self.origin = origin
        """Where it comes from, for messages."""
        self._source = source
        self._held: Held | None = None
        self._reading: asyncio.Task[Held] | None = None

    async def get(self) -> Held:
        """The current one. Raises `CredentialError`."""
        if self._held is not None:
            return self._held
        return await self._read(fresh=False)

    async def renew(self, refused: Held) -> Held:
        """Another one, or the same where there is no other; one reading for all whose request was refused with it."""
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
        self._held = Held(await self._source(fresh), generation)
        return self._held

    def _has_read(self, task: asyncio.Task[Held]) -> None:
        self._reading = None
        if not task.cancelled():
            task.exception()  # seen: those who waited have it

    async def aclose(self) -> None:
        """End a reading that is under way."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
