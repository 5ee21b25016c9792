"""A user's sign-in that is kept: found again, used, refreshed in time, replaced and removed.

It lasts longer than a process and serves several, so every reading looks at the files again; see `tokens` for them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from quantumjobs.adapters.aqt import configured, oidc, tokens
from quantumjobs.errors import CredentialError, ProviderUnavailable
from quantumjobs.wire import Secret, Wire
from quantumjobs.wire.credentials import LEEWAY
from quantumjobs.wire.origins import Origin, is_loopback
from quantumjobs.workers.beside import beside

log = logging.getLogger("quantumjobs")
T = TypeVar("T")


class KeptSignIn:
    """One account's. `issuer` opens a wire to the issuer; `clock` gives seconds since the epoch."""

    def __init__(
        self, login: configured.Login, issuer: Callable[[], Wire], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._login = login
        self._issuer = issuer
        self._clock = clock
        self._busy = asyncio.Lock()
        self._given: Secret | None = None
        """The token that was given last: if it is refused, it is not given again."""
        self._spent: Secret | None = None
        """A refresh token that the issuer refused: it is not sent again."""
        self._memory: tokens.Stored | None = None
        """What is, or could be, kept in no file."""

    def __repr__(self) -> str:
        return f"<KeptSignIn {self._login.folder if self._login.store else 'in memory'}>"

    # --- using it ---------------------------------------------------------------------------
    async def token(self, fresh: bool, *, advice: str) -> Secret:
        """The token for the cloud now; `fresh`: the last one was refused.

        Raises `CredentialError`, which ends with the advice, and `ProviderUnavailable` where the token has ended and
        the issuer cannot be asked for another one.
        """
        async with self._busy:
            held = await self._held()
            why = "no credentials" if held.access is None and held.refresh is None else "the sign-in has ended"
            try:
                if not self._is_good(held, fresh) and self._can_renew(held):
                    held = await self._renewed(held, fresh)
            except ProviderUnavailable:
                if not self._is_good(held, fresh, leeway=0.0):
                    raise  # else it has some seconds left
            except oidc.Refused as error:
                why = f"the sign-in cannot be renewed, {str(error).removeprefix('aqt: ')}"
                held = await self._held()  # AQT's own tools know no lock: they may have been first
            except OSError as error:
                why = f"the sign-in has ended, and another one could not be kept: {error.strerror}"
            found = held.access if self._is_good(held, fresh, leeway=0.0) else await self.elsewhere(fresh)
            if found is None:
                where = f" ({held.shown})" if held.access is not None or held.trouble else ""
                raise CredentialError(f"aqt: {why}{where}. {advice}")
            self._given = found
            return found

    async def elsewhere(self, fresh: bool = False) -> Secret | None:
        """What AQT's tools keep in other places. It is used as long as it lasts: a refresh would end it for them."""
        if not (self._login.elsewhere and self._login.store):
            return None
        for held in await beside(lambda: [tokens.read(folder) for folder in configured.elsewhere()]):
            if self._is_good(held, fresh, leeway=0.0):
                return held.access
        return None

    async def _held(self) -> tokens.Stored:
        if self._memory is not None:
            held = self._memory
            if self._is_good(held, fresh=False) or self._can_renew(held):
                return held
            self._memory = None
        if not self._login.store:
            return tokens.Stored(self._login.folder)
        return await beside(tokens.read, self._login.folder)

    def _is_good(self, held: tokens.Stored, fresh: bool, leeway: float = LEEWAY) -> bool:
        """Whether its token is worth sending: of our issuer, for some time to come, and not the one that was refused."""
        token = held.access
        if token is None or (fresh and token == self._given) or not self._is_ours(held.claims.iss):
            return False
        return token.until is None or token.until - leeway > self._clock()

    def _can_renew(self, held: tokens.Stored) -> bool:
        return held.refresh is not None and held.refresh != self._spent and self._is_ours(held.claims.iss)

    def _is_ours(self, issuer: str) -> bool:
        """What another issuer gave is shown neither to this one nor to its cloud. (This machine has several names.)"""
        ours = self._login.issuer
        if not issuer or issuer.rstrip("/") == ours:
            return True
        with suppress(ValueError):
            return is_loopback(Origin.of(issuer).host) and is_loopback(Origin.of(ours).host)
        return False

    # --- refreshing it ----------------------------------------------------------------------
    async def _renewed(self, held: tokens.Stored, fresh: bool) -> tokens.Stored:
        """What there is after a refresh, ours or another process's.

        Raises `oidc.Refused`, `ProviderUnavailable`, and `OSError` where what a refresh gives could not be kept.
        """
        if held is self._memory:
            assert held.refresh is not None
            self._memory = await _to_its_end(self._refreshed(held.refresh, keep=False))
            return self._memory
        async with tokens.locked(self._login.folder):
            now = await beside(tokens.read, self._login.folder)
            if now.refresh is None or self._is_good(now, fresh) or not self._can_renew(now):
                return now
            return await _to_its_end(self._refreshed(now.refresh, keep=True))

    async def _refreshed(self, refresh: Secret, *, keep: bool) -> tokens.Stored:
        """One request. A lost reply leaves open whether the token is used up: it is tried again at the next reading.

        That can cost nothing: had it been used up, nobody would have what it was used for.
        """
        try:
            async with self._issuer() as wire:
                given = await oidc.refreshed(wire, self._login.device_client, refresh)
        except oidc.Refused:
            self._spent = refresh
            raise
        given = replace(given, refresh=given.refresh or refresh)  # one that does not rotate
        if not keep:
            return self._in_memory(given)
        try:
            await beside(tokens.keep, self._login.folder, given)
        except (OSError, CredentialError) as error:  # the old one is used up: go on with what there is
            log.warning("aqt: the renewed sign-in could not be kept in %s: %s", self._login.folder, error)
            self._memory = self._in_memory(given)
            return self._memory
        return tokens.stored(self._login.folder, given)

    def _in_memory(self, given: oidc.Tokens) -> tokens.Stored:
        return tokens.stored(self._login.folder, given, origin="the sign-in of this process")

    # --- beginning and ending it --------------------------------------------------------------
    async def check(self) -> None:
        """Whether one could be kept. Raises `CredentialError`."""
        if self._login.store:
            with _our_errors(self._login.folder):
                async with tokens.locked(self._login.folder):
                    pass

    async def keep(self, given: oidc.Tokens) -> tuple[Secret, tuple[str, ...]]:
        """Another one instead: its token, and the files where it is. Raises `CredentialError`."""
        folder = self._login.folder
        if self._login.store:
            with _our_errors(folder):
                async with tokens.locked(folder):
                    await _to_its_end(_written(folder, given))
        self._given = self._spent = None
        self._memory = None if self._login.store else self._in_memory(given)
        held = self._memory or tokens.stored(folder, given)
        assert held.access is not None
        names = (tokens.ACCESS, *((tokens.REFRESH,) if given.refresh is not None else ()))
        return held.access, tuple(str(folder / name) for name in names) if self._login.store else ()

    async def forget(self) -> tuple[str, ...]:
        """The files that were removed. Raises `CredentialError`."""
        self._memory = self._given = self._spent = None
        folder = self._login.folder
        if not await beside(folder.is_dir):
            return ()
        with _our_errors(folder):
            async with tokens.locked(folder):
                return tuple(await beside(tokens.remove, folder))


@contextmanager
def _our_errors(folder: Path) -> Iterator[None]:
    """A folder that cannot be used is the user's to mend."""
    try:
        yield
    except OSError as error:
        raise CredentialError(f"aqt: a sign-in cannot be kept in {folder}: {error.strerror}") from error


async def _written(folder: Path, given: oidc.Tokens) -> None:
    await beside(lambda: tokens.keep(folder, given, replace=True))


async def _to_its_end(coroutine: Coroutine[Any, Any, T]) -> T:
    """Also when nobody waits any more: what was used up for it would be lost. Its requests have deadlines."""
    task = asyncio.get_running_loop().create_task(coroutine)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen
        raise
