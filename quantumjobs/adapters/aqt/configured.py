"""How an account signs in: settings, the environment, and the configuration file of AQT's own tools (`~/.aqt/config`).

Names, places and their order are those of qiskit-aqt-provider 2.x, so that what works there works here.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from quantumjobs.adapters.aqt.tokens import RESERVED
from quantumjobs.errors import UsageError
from quantumjobs.wire.origins import Origin, checked, is_loopback
from quantumjobs.wire.secrets import Secret

PORTAL = "https://arnica.aqt.eu"
ISSUER = "https://arnica.eu.auth0.com"
DEVICE_CLIENT = "HvaMEfNSq30OoxjqDyRWIRkBfJwJywyi"
"""As whom AQT's tools sign their users in; public."""
NAMES = ("audience", "client_id", "client_secret", "config_dir", "device_client_id", "issuer", "store_access_token")
"""Settings that are read here."""
ID_VARIABLE = "AQT_CLIENT_ID"
SECRET_VARIABLE = "AQT_CLIENT_SECRET"  # noqa: S105 - a name
STORE_VARIABLE = "AQT_STORE_ACCESS_TOKEN"
EMULATED = "emulator"
"""Where sign-ins at an issuer on this machine are kept, so that they do not take the place of the real one."""
_LARGEST = 1 << 20
_ON = frozenset({"1", "true", "yes", "on"})
_OFF = frozenset({"", "0", "false", "no", "off"})

Lookup = Callable[[str], str | None]
"""A variable of the environment, or of the `.env` file."""


class File(Struct, frozen=True):
    """What the configuration file says of one account."""

    path: Path
    portal: str | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    store: bool | None = None


class Program(Struct, frozen=True):
    """A program's own credentials."""

    id: str
    secret: Secret
    origin: str
    """Where they were found, for messages."""


class Login(Struct, frozen=True, kw_only=True):
    """How an account signs in."""

    key: str
    """The provider as addressed: "aqt" or "aqt:lab2"."""
    issuer: str
    """Without a slash at its end."""
    audience: str
    program: Program | None = None
    half: str = ""
    """Where one of a program's id and secret was found without the other."""
    device_client: str = DEVICE_CLIENT
    store: bool = True
    folder: Path
    """Where the sign-in is kept."""
    file: Path
    """The configuration file."""
    elsewhere: bool = False
    """The other places of AQT's tools are looked at, too."""


def config_dir(given: Any) -> Path:
    """The folder of AQT's own tools, or another that was named."""
    if given is None:
        return Path.home() / ".aqt"
    if not isinstance(given, str | os.PathLike):
        raise UsageError(f"aqt: setting 'config_dir' must be a text, not {given!r}")
    return Path(given).expanduser().absolute()


def account_folder(folder: Path, account: str) -> Path:
    """Raises `UsageError` for an account whose name is none for a folder."""
    if account == "default":
        return folder
    bad = account in RESERVED or account.startswith(".") or {"/", "\\", "\0"} & set(account)
    if bad or len(account) > 100 or not account.isprintable():
        raise UsageError(f"aqt: {account!r} is no name for an account: its sign-in is kept in a folder of that name")
    return folder / account


def read_file(folder: Path, account: str) -> File:
    """The table `[<account>]`; for the default account also what stands above all tables.

    Raises `UsageError` naming the file for one that cannot be understood, and never quotes a value.
    """
    path = folder / "config"
    try:
        with path.open("rb") as file:
            body = file.read(_LARGEST + 1)
        if len(body) > _LARGEST:
            raise UsageError(f"aqt: {path} is too large for a configuration")
        document = tomllib.loads(body.decode())
    except (FileNotFoundError, NotADirectoryError):
        return File(path)
    except OSError as error:
        raise UsageError(f"aqt: {path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"aqt: {path} is not TOML") from error
    table = document.get(account, {})
    if not isinstance(table, dict):
        raise UsageError(f"aqt: {path}: [{account}] must be a table")
    found = {**document, **table} if account == "default" else table
    secret = _text(found, "client_secret", path)
    return File(
        path=path,
        portal=_text(found, "arnica_url", path),
        client_id=_text(found, "client_id", path),
        client_secret=Secret(secret) if secret else None,
        store=_is_on(found.get("store_access_token"), f"{path}: store_access_token"),
    )


def _text(found: Mapping[str, Any], name: str, path: Path) -> str | None:
    value = found.get(name)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"aqt: {path}: {name} must be a text")
    return value.strip() if value else None


def login(
    settings: Mapping[str, Any], file: File, *, url: str, account: str, lookup: Lookup, allowed: Sequence[str]
) -> Login:
    """See `Login`; `url` is the portal's. Raises `UsageError`."""
    for name in ("audience", "client_id", "device_client_id", "issuer"):
        if settings.get(name) is not None and not isinstance(settings[name], str):
            raise UsageError(f"aqt: setting {name!r} must be a text, not a {type(settings[name]).__name__}")
    program, half = _program(settings, file, lookup)
    here = is_loopback(Origin.of(url).host)  # an emulator is its own issuer, and AQT's is not told of it
    issuer = checked(settings.get("issuer") or (url if here else ISSUER), what="aqt: issuer", allow_http=allowed)
    folder = account_folder(file.path.parent, account)
    moved = settings.get("config_dir") is not None
    if is_loopback(Origin.of(issuer).host) and not moved:
        folder /= EMULATED
    store = _is_on(settings.get("store_access_token"), "setting 'store_access_token'")
    if store is None:
        store = _is_on(lookup(STORE_VARIABLE), STORE_VARIABLE)
    if store is None:
        store = file.store
    return Login(
        key="aqt" if account == "default" else f"aqt:{account}",
        issuer=issuer,
        audience=settings.get("audience") or f"{url}/api",
        program=program,
        half=half,
        device_client=settings.get("device_client_id") or DEVICE_CLIENT,
        store=store is not False,
        folder=folder,
        file=file.path,
        elsewhere=account == "default" and not moved and issuer == ISSUER,
    )


def _program(settings: Mapping[str, Any], file: File, lookup: Lookup) -> tuple[Program | None, str]:
    """Each of the two from the first place that has it, as AQT's tools do."""
    given = settings.get("client_secret")
    if given is not None and not isinstance(given, str | Secret):
        raise UsageError(f"aqt: setting 'client_secret' must be a text, not a {type(given).__name__}")
    id_at, id = _first(
        ("the setting 'client_id'", settings.get("client_id")),
        (f"the variable {ID_VARIABLE}", lookup(ID_VARIABLE)),
        (f"{file.path}", file.client_id),
    )
    secret_at, secret = _first(
        ("the setting 'client_secret'", given),
        (f"the variable {SECRET_VARIABLE}", lookup(SECRET_VARIABLE)),
        (f"{file.path}", file.client_secret),
    )
    if not id or not secret:
        return None, f"only one of them, by {id_at or secret_at}" if id or secret else ""
    secret = secret if isinstance(secret, Secret) else Secret(secret.strip())
    places = id_at if id_at == secret_at else f"{id_at} and {secret_at}"
    return Program(id.strip(), secret, f"the program's credentials by {places}"), ""


def _first(*places: tuple[str, Any]) -> tuple[str, Any]:
    return next(((place, value) for place, value in places if value), ("", None))


def _is_on(given: Any, what: str) -> bool | None:
    """Also where it is a text: "false" is off."""
    if given is None or isinstance(given, bool):
        return given
    word = str(given).strip().lower()
    if word in _ON | _OFF:
        return word in _ON
    raise UsageError(f"aqt: {what} must be true or false")


def elsewhere() -> list[Path]:
    """Other folders in which AQT's tools keep sign-ins; only ever read. Blocks."""
    import platformdirs

    folders = [platformdirs.user_config_path("aqt")]
    versions = platformdirs.user_cache_path("qiskit_aqt_provider")
    try:
        found = [one for one in versions.iterdir() if one.is_dir()]
        folders += sorted(found, key=lambda one: one.stat().st_mtime, reverse=True)[:10]
    except OSError:
        pass
    return folders
