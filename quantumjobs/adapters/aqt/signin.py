"""Signing in: which credential the cloud is shown, where it was found, and what a user asks for.

In this order: a token that was given, `AQT_TOKEN` (also of a `.env` file), a program's own credentials, the sign-in of a
user. Every reading looks again, so that a sign-in by another process is found.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable

from msgspec.structs import replace

from quantumjobs.abc import Identity, LoginPage, Show, SignedOut
from quantumjobs.adapters import bearer, checks
from quantumjobs.adapters.aqt import configured, oidc
from quantumjobs.adapters.aqt import settings as aqt_settings
from quantumjobs.adapters.aqt.cloud import CloudAdapter
from quantumjobs.adapters.aqt.kept import KeptSignIn
from quantumjobs.errors import CredentialError, ProviderError, ProviderUnavailable
from quantumjobs.wire import Credential, Deadlines, Secret, Wire, shown
from quantumjobs.wire.origins import Origin
from quantumjobs.wire.pools import Make

DEADLINES = Deadlines(connect=10.0, silence=15.0, total=30.0)
"""Of a request to the issuer: a client that is closed waits for a refresh that is under way."""


class SignIn:
    """One account's. `clock` gives seconds since the epoch."""

    def __init__(
        self, settings: aqt_settings.Settings, *, transport: Make | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._login = settings.login
        self._transport = transport
        self._clock = clock
        self._kept = KeptSignIn(settings.login, self._issuer, clock=clock)

    def __repr__(self) -> str:
        return f"<SignIn {self._login.key} {self._login.issuer}>"

    @property
    def advice(self) -> str:
        """What to do where a credential is missing or refused."""
        login = self._login
        half = f" ({login.half})" if login.half else ""
        programs = f"'client_id' with 'client_secret' in the settings, {configured.ID_VARIABLE} with "
        programs += f"{configured.SECRET_VARIABLE}, or both in {login.file}{half}"
        looked = [*aqt_settings.places(self._settings), programs]
        if login.store:
            looked.append(f"the sign-in kept in {login.folder}")
        if login.elsewhere and login.store:
            looked.append("the sign-ins that AQT's own tools keep elsewhere")
        return f"{checks.looked_at(looked)}. To sign in, run: quantumjobs login {login.key}"

    # --- the credential ---------------------------------------------------------------------
    def credential(self) -> Credential:
        """For one wire to the portal."""
        return Credential(self.token, origin=aqt_settings.origin(self._settings), advice=self.advice, clock=self._clock)

    async def token(self, fresh: bool) -> Secret | None:
        """What `wire.credentials.Source` says."""
        found = await aqt_settings.static_token(self._settings)
        if found is not None:
            return found
        try:
            if self._login.program is not None:
                return await self._of_program(self._login.program)
            return await self._kept.token(fresh, advice=self.advice)
        except ProviderUnavailable as error:
            error.channel = error.channel or Origin.of(self._login.issuer).host
            raise

    async def _of_program(self, program: configured.Program) -> Secret:
        try:
            async with self._issuer() as wire:
                found = await oidc.by_credentials(wire, program.id, program.secret, self._login.audience)
        except oidc.Refused as error:
            raise CredentialError(f"{error}. Refused were {program.origin}. {self.advice}") from error
        found.origin = program.origin
        return found

    def _issuer(self) -> Wire:
        return Wire(
            self._login.issuer,
            provider="aqt",
            deadlines=DEADLINES,
            limits=oidc.LIMITS,
            transport=self._transport,
            issues=True,
        )

    # --- what a user asks for -----------------------------------------------------------------
    async def sign_in(self, show: Show) -> Identity:
        """A program's credentials are tried; else the user is shown a page, and waited for."""
        first = await self._first()
        notes = [f"{first} comes first, and is used instead of this"] if first else []
        program = self._login.program
        if program is not None:
            return self._identity(await oidc.patiently(lambda: self._of_program(program)), notes=tuple(notes))
        await self._kept.check()  # before the user takes trouble
        token, files = await self._kept.keep(await self._by_device(show))
        if not files:
            notes.append("store_access_token is off: this sign-in ends with this process")
        return self._identity(token, stored=files, notes=tuple(notes))

    async def _by_device(self, show: Show) -> oidc.Tokens:
        client = self._login.device_client
        async with self._issuer() as wire:
            device = await oidc.patiently(lambda: oidc.device(wire, client))
            said = show(LoginPage(url=device.url, code=device.user_code, expires_in=device.expires_in))
            if inspect.isawaitable(said):
                await said
            return await oidc.by_device(wire, client, device)

    async def sign_out(self) -> SignedOut:
        """The issuer is not told, and nothing but our own files is touched."""
        files = await self._kept.forget()
        left = [await self._first()]
        left.append(self._login.program.origin if self._login.program is not None else "")
        other = await self._kept.elsewhere()
        left.append(other.origin if other is not None else "")
        return SignedOut(files=files, left=tuple(one for one in left if one))

    async def _first(self) -> str:
        """Where a token is that comes before every sign-in; empty where there is none."""
        found = await aqt_settings.static_token(self._settings)
        return "" if found is None else found.origin or aqt_settings.origin(self._settings)

    async def identity(self) -> Identity:
        """Two questions: who one is, to the credential; whether one is let in, to the cloud."""
        credential = self.credential()
        held = await credential.get()
        accepted: bool | None = True
        reason = ""
        workspaces: tuple[str, ...] = ()
        async with Wire(
            self._settings.url,
            provider="aqt",
            credential=credential,
            transport=self._transport,
            deadlines=self._settings.deadlines,
        ) as wire:
            try:
                workspaces = tuple(shown(one.id) for one in await CloudAdapter(wire)._workspaces())
                held = await credential.get()  # renewed, perhaps
            except CredentialError as error:
                accepted, reason = False, str(error)
            except ProviderError as error:
                accepted, reason = None, str(error)
        return replace(self._identity(held.secret), accepted=accepted, reason=reason, workspaces=workspaces)

    def _identity(
        self, secret: Secret | None, *, stored: tuple[str, ...] = (), notes: tuple[str, ...] = ()
    ) -> Identity:
        found = bearer.claims(secret.reveal()) if secret is not None else bearer.Claims()
        return Identity(
            provider=self._login.key,
            origin=(secret.origin if secret is not None else "") or aqt_settings.origin(self._settings),
            subject=shown(found.sub)[:200],
            until=found.exp,
            stored=stored,
            notes=notes,
        )
