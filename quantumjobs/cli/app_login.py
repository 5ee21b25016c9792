"""The commands about signing in: from arguments to what was asked, as in `app`."""

# ruff: noqa: ARG001 - `debug` is read before the rest, so that it holds for all of it
from __future__ import annotations

from typing import Annotated

import typer

from quantumjobs.cli import texts_login as texts
from quantumjobs.cli.flags import Debug, Json

Provider = Annotated[str, typer.Argument(metavar="PROVIDER", show_default=False, help="provider[:account].")]


def add_to(app: typer.Typer) -> None:
    """Make them commands of the app."""
    for name, command, text in (
        ("login", _login, texts.LOGIN),
        ("logout", _logout, texts.LOGOUT),
        ("whoami", _whoami, texts.WHOAMI),
    ):
        app.command(name, help=text)(command)


def _login(
    provider: Provider,
    *,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only show the link; by default a terminal's user gets it opened.")
    ] = False,
    json: Json = False,
    debug: Debug = False,
) -> object:
    from quantumjobs.cli import asked_login as asked

    return asked.Login(provider=provider, browser=not no_browser, json=json)


def _logout(provider: Provider, *, json: Json = False, debug: Debug = False) -> object:
    from quantumjobs.cli import asked_login as asked

    return asked.Logout(provider=provider, json=json)


def _whoami(
    provider: Annotated[
        str | None, typer.Argument(metavar="[PROVIDER]", show_default=False, help="provider[:account].")
    ] = None,
    *,
    json: Json = False,
    debug: Debug = False,
) -> object:
    from quantumjobs.cli import asked_login as asked

    return asked.Whoami(provider=provider, json=json)
