"""Where AQT's users keep their token and portal: what is given here, the environment, a `.env` file.

The names and their order are those of qiskit-aqt-provider 1.x, so that what works there works here. How one signs in, as
2.x does, is in `configured`.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from quantumjobs.adapters import checks
from quantumjobs.adapters.aqt import configured, tokens
from quantumjobs.errors import UsageError
from quantumjobs.wire.origins import checked
from quantumjobs.wire.secrets import Secret
from quantumjobs.wire.wire import Deadlines
from quantumjobs.workers.beside import beside

TOKEN_VARIABLE = "AQT_TOKEN"  # noqa: S105 - a name
PORTAL_VARIABLE = "AQT_PORTAL_URL"
ARNICA_VARIABLE = "AQT_ARNICA_URL"
"""What 2.x calls the portal; with `/api` at its end."""
DIRECT_VARIABLE = "AQT_DIRECT_URL"
NAMES = (
    *("account", "allow_http", "deadlines", "direct_url", "dotenv_path", "load_dotenv", "token", "url"),
    *configured.NAMES,
)


class Settings(Struct, frozen=True, kw_only=True):
    """One account's settings."""

    url: str
    """The portal, without a slash at its end and without `/api/v1`."""
    login: configured.Login
    token: checks.Token | None = None
    """None: look in the environment and the `.env` file, at every refresh anew."""
    account: str = "default"
    dotenv: Path | None = None
    """The `.env` file that was found; its token is read at every refresh anew."""
    direct: Mapping[str, str] = {}
    """Devices with direct access: host, with its port where one is given -> URL."""
    deadlines: Deadlines = Deadlines()
    given: bool = False
    """Something was set up for the cloud, so that it is worth asking."""


def read(settings: Mapping[str, Any]) -> Settings:
    """The settings, checked. Reads the environment and looks for a `.env` file: not in an event loop.

    Raises `UsageError` for an unknown name, a wrong type, or a URL that no token should go to.
    """
    checks.names(settings, NAMES, where="aqt")
    allowed = checks.hosts(settings, where="aqt")
    deadlines = checks.deadlines(settings, where="aqt")
    checks.texts(settings, ("url", "account", "dotenv_path"), where="aqt")
    dotenv = _dotenv_path(settings)

    def lookup(name: str) -> str | None:
        return os.environ.get(name) or _from_file(dotenv, name)

    account = str(settings.get("account") or "default")
    file = configured.read_file(configured.config_dir(settings.get("config_dir")), account)
    named = settings.get("url") or lookup(PORTAL_VARIABLE) or lookup(ARNICA_VARIABLE) or file.portal
    url = checked(str(named or configured.PORTAL).strip(), what="aqt: url", allow_http=allowed)
    url = url.removesuffix("/api/v1").removesuffix("/api")
    login = configured.login(settings, file, url=url, account=account, lookup=lookup, allowed=allowed)
    set_up = named or settings.get("token") is not None or lookup(TOKEN_VARIABLE) or login.program
    return Settings(
        url=url,
        login=login,
        token=checks.token(settings, where="aqt"),
        account=account,
        dotenv=dotenv,
        direct=_devices(settings, dotenv, allowed),
        deadlines=deadlines,
        given=bool(set_up) or _is_signed_in(login),
    )


def _is_signed_in(login: configured.Login) -> bool:
    folders = [login.folder, *(configured.elsewhere() if login.elsewhere else [])]
    return login.store and any(tokens.is_kept(one) for one in folders)


def _devices(settings: Mapping[str, Any], dotenv: Path | None, allowed: Sequence[str]) -> dict[str, str]:
    """Only what is named here is ever sent anything: an address alone, out of a token or a file, names no URL."""
    named = settings.get("direct_url")
    if named is None:
        named = os.environ.get(DIRECT_VARIABLE) or _from_file(dotenv, DIRECT_VARIABLE) or ()
    urls = [named] if isinstance(named, str) else named
    if not isinstance(urls, Sequence) or not all(isinstance(one, str) for one in urls):
        raise UsageError(f"aqt: setting 'direct_url' must be a URL or a list of them, not {named!r}")
    found = [checked(one.strip(), what="aqt: direct_url", allow_http=allowed) for one in urls]
    return {urlsplit(one).netloc.lower(): one for one in found}


def origin(settings: Settings) -> str:
    """Where the token comes from, for messages."""
    if settings.token is not None:
        return checks.GIVEN
    variable = f"the environment variable {TOKEN_VARIABLE}"
    return variable if settings.dotenv is None else f"{variable} or {settings.dotenv}"


def places(settings: Settings) -> list[str]:
    """Where a token is looked for, in this order; for messages."""
    file = settings.dotenv or "a .env file in this folder and those above"
    return [
        f"the setting 'token' of [providers.{settings.login.key}]",
        f"the environment variable {TOKEN_VARIABLE}",
        f"{TOKEN_VARIABLE} in {file}{_hint(settings.dotenv)}",
    ]


async def static_token(settings: Settings) -> Secret | None:
    """The token now: what a function gives when it is called again, or what stands in the environment or the file.

    None where there is none; an empty text is one, too: none is sent. Raises `CredentialError`.
    """
    token = settings.token
    if isinstance(token, Secret):
        return token
    if token is not None:
        return await checks.called(token, where="aqt")
    return await beside(_looked_up, settings.dotenv)


def _looked_up(dotenv: Path | None) -> Secret | None:
    found = os.environ.get(TOKEN_VARIABLE)
    if found is not None:
        return Secret(found.strip(), origin=f"the environment variable {TOKEN_VARIABLE}")
    found = _from_file(dotenv, TOKEN_VARIABLE)
    return None if found is None else Secret(found.strip(), origin=f"{TOKEN_VARIABLE} in {dotenv}")


# --- the .env file ----------------------------------------------------------------------
def _dotenv_path(settings: Mapping[str, Any]) -> Path | None:
    named = settings.get("dotenv_path")
    if named is not None:
        path = Path(named)
        if not path.is_file():
            raise UsageError(f"aqt: dotenv_path: there is no file {path}")
        if not _can_read():
            raise UsageError(f'aqt: reading {path} needs python-dotenv: pip install "quantumjobs[dotenv]"')
        return path
    if not settings.get("load_dotenv", True):
        return None
    folder = Path.cwd()
    for place in (folder, *folder.parents):
        if (place / ".env").is_file():
            return place / ".env"
    return None


def _can_read() -> bool:
    return importlib.util.find_spec("dotenv") is not None


def _from_file(path: Path | None, name: str) -> str | None:
    if path is None or not _can_read():
        return None
    from dotenv import dotenv_values

    try:
        return dotenv_values(path).get(name)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"aqt: {path} cannot be read: {type(error).__name__}") from error


def _hint(dotenv: Path | None) -> str:
    if dotenv is None or _can_read():
        return ""
    return ' (reading it needs python-dotenv: pip install "quantumjobs[dotenv]")'
