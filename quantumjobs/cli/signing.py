"""`quantumjobs login`, `logout` and `whoami`."""

from __future__ import annotations

import asyncio
import time
import webbrowser
from typing import Any

from msgspec.structs import asdict

from quantumjobs.abc import Identity, LoginPage, SignedOut, SignsIn
from quantumjobs.cli import clients, times
from quantumjobs.cli.asked_login import Login, Logout, Whoami
from quantumjobs.cli.documents import document
from quantumjobs.cli.exits import Exit, Trouble, trouble
from quantumjobs.cli.terminal import Terminal
from quantumjobs.client.client import Client
from quantumjobs.display import neutral
from quantumjobs.errors import CredentialError, ProviderError
from quantumjobs.workers.beside import beside

USUAL = "aqt"
"""Asked about where no provider is set up: its answer says how that is done."""


# --- login ------------------------------------------------------------------------------
def login(asked: Login, terminal: Terminal) -> Exit:
    """Sign in, and tell who one is now. Raises what `Client.login` raises."""
    found = asyncio.run(_login(asked, terminal))
    if asked.json:
        terminal.show([document("login", Exit.DONE, identity=_told(found))])
    else:
        terminal.show([f"signed in at {found.provider}", *_facts(found), *(f"  note: {one}" for one in found.notes)])
    return Exit.DONE


async def _login(asked: Login, terminal: Terminal) -> Identity:
    async def show(page: LoginPage) -> None:
        terminal.say(f"open {page.url}", hint=f"and confirm the code {page.code}, within {_minutes(page.expires_in)}")
        if asked.browser and terminal.is_drawn_on:  # a script's user sees no browser
            await beside(webbrowser.open, page.url)

    async with clients.open_client() as client:
        return await client.login(asked.provider, show=show)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"


# --- logout -----------------------------------------------------------------------------
def logout(asked: Logout, terminal: Terminal) -> Exit:
    """Sign out, and tell what went and what is left. Raises what `Client.logout` raises."""
    found = asyncio.run(_logout(asked))
    if asked.json:
        removed, left = list(found.files), list(found.left)
        terminal.show([document("logout", Exit.DONE, provider=asked.provider, removed=removed, left=left)])
        return Exit.DONE
    first = f"signed out at {asked.provider}" if found.files else f"no sign-in was kept for {asked.provider}"
    gone = [f"  removed {neutral(one)}" for one in found.files]
    terminal.show([first, *gone, *(f"  still there: {neutral(one)}" for one in found.left)])
    return Exit.DONE


async def _logout(asked: Logout) -> SignedOut:
    async with clients.open_client() as client:
        return await client.logout(asked.provider)


# --- whoami -----------------------------------------------------------------------------
def whoami(asked: Whoami, terminal: Terminal) -> Exit:
    """Tell of each provider. Raises `UsageError`; what is wrong with one provider's credential is told with the rest."""
    found, errors = asyncio.run(_whoami(asked, terminal))
    code = Exit.UNAVAILABLE if errors or not all(one.accepted for one in found) else Exit.DONE
    if asked.json:
        first = errors[0] if errors else None
        terminal.show([document("whoami", code, first, identities=[_told(one) for one in found])])
    else:
        terminal.show([line for one in found for line in _lines(one)])
    return code


async def _whoami(asked: Whoami, terminal: Terminal) -> tuple[list[Identity], list[Trouble]]:
    found: list[Identity] = []
    errors: list[Trouble] = []
    async with clients.open_client() as client:
        for key in [asked.provider] if asked.provider is not None else await _with_sign_in(client):
            try:
                found.append(await client.whoami(key))
            except (CredentialError, ProviderError) as error:
                errors.append(trouble(error))
                terminal.complain(errors[-1], error)
    return found, errors


async def _with_sign_in(client: Client) -> list[str]:
    return [key for key, plug_in in await client._set_up() if isinstance(plug_in, SignsIn)] or [USUAL]


# --- in words ---------------------------------------------------------------------------
def _lines(one: Identity) -> list[str]:
    words = {True: "accepted", False: "refused", None: "not checked"}
    why = [f"  {neutral(one.reason)}"] if one.reason else []
    return [f"{one.provider}: {words[one.accepted]}", *_facts(one), *why]


def _facts(one: Identity) -> list[str]:
    rows = {
        "credential": one.origin,
        "who": one.subject,
        "until": "" if one.until is None else _until(one.until),
        "workspaces": ", ".join(one.workspaces),
        "kept in": " and ".join(one.stored),
    }
    return [f"  {name:10}  {neutral(value)}" for name, value in rows.items() if value]


def _until(at: float) -> str:
    left = at - time.time()
    return f"{times.local(at)} ({f'{times.ago(left)} left' if left > 0 else 'over'})"


def _told(one: Identity) -> dict[str, Any]:
    until = None if one.until is None else times.local(one.until)
    return {**asdict(one), "until": until, "subject": one.subject or None, "reason": one.reason or None}
