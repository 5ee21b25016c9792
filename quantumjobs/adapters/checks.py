"""What adapters are given from outside, settings and bodies from files, checked in one way for all of them."""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, cast

import msgspec

from quantumjobs.errors import CredentialError, UsageError, unknown_name
from quantumjobs.wire import Deadlines, Secret
from quantumjobs.workers.beside import beside

Token = Secret | Callable[[], Awaitable[str | Secret] | str | Secret]
GIVEN = "the token given in the settings"


def names(settings: Mapping[str, Any], known: Collection[str], *, where: str) -> None:
    """Raise `UsageError` for a setting that there is not."""
    for name in settings:
        if name not in known:
            raise unknown_name("setting", name, known, where=where)


def texts(settings: Mapping[str, Any], which: Collection[str], *, where: str) -> None:
    """Raise `UsageError` where one of these is neither a text nor a path."""
    for name in which:
        if settings.get(name) is not None and not isinstance(settings[name], str | os.PathLike):
            raise UsageError(f"{where}: setting {name!r} must be a text, not {settings[name]!r}")


def hosts(settings: Mapping[str, Any], *, where: str) -> Sequence[str]:
    """`allow_http`: to which hosts a token may go without TLS."""
    allowed = settings.get("allow_http", ())
    if isinstance(allowed, str) or not isinstance(allowed, Sequence):
        raise UsageError(f"{where}: setting 'allow_http' must be a list of hosts, not {allowed!r}")
    return allowed


def deadlines(settings: Mapping[str, Any], *, where: str) -> Deadlines:
    """`deadlines`: an object, or a table of seconds."""
    given = settings.get("deadlines", Deadlines())
    if isinstance(given, Deadlines):
        return given
    try:
        return msgspec.convert(given, Deadlines)
    except msgspec.ValidationError as error:
        raise UsageError(f"{where}: setting 'deadlines': {error}") from error


def token(settings: Mapping[str, Any], *, where: str, name: str = "token") -> Token | None:
    """The setting `name`: a text, or a function that gives one; None where there is none. Never shown in the error."""
    given = settings.get(name)
    if given is None or isinstance(given, Secret):
        return given
    if isinstance(given, str):
        return Secret(given.strip())
    if callable(given):
        return cast("Token", given)
    raise UsageError(
        f"{where}: setting {name!r} must be a text or a function that gives one, not a {type(given).__name__}"
    )


async def asked(function: Callable[[], Any], *, where: str, what: str = "the token function") -> Any:
    """What a user's function gives now. Raises `CredentialError`."""
    try:
        # In a thread: a function that asks a vault may block.
        given = await function() if inspect.iscoroutinefunction(function) else await beside(function)
        return await given if inspect.isawaitable(given) else given
    except CredentialError:
        raise
    except Exception as error:  # it raises what it likes
        raise CredentialError(f"{where}: {what} raised {type(error).__name__}") from error


async def called(function: Callable[[], Any], *, where: str) -> Secret:
    """What a token function gives now. Raises `CredentialError`."""
    given = await asked(function, where=where)
    if isinstance(given, Secret):
        return given
    if not isinstance(given, str):
        raise CredentialError(f"{where}: the token function gave a {type(given).__name__}, and not a text")
    return Secret(given.strip())


def looked_at(places: Sequence[str]) -> str:
    """In words, where a token was looked for."""
    return f"Looked at, in this order: {', '.join(f'({number}) {place}' for number, place in enumerate(places, 1))}"


def decodes(body: bytes, decoder: msgspec.json.Decoder[Any] | msgspec.msgpack.Decoder[Any]) -> bool:
    """Whether a body that came in a file is one of ours. Never raises."""
    try:
        decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True
