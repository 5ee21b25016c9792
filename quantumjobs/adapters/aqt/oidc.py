"""What AQT's issuer of tokens (OpenID Connect, at Auth0) is asked: client credentials, the device flow, a refresh.

Signatures are the cloud's to check: of a token only its claims are read, to know when it ends and whose it is. Nothing
of the issuer's is shown or used before it was looked at, and no body of its is ever quoted: tokens are in there.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec
from msgspec import Struct

from quantumjobs.adapters.bearer import claims, is_token
from quantumjobs.errors import CredentialError, ProviderError, ProviderProtocolError, ProviderUnavailable
from quantumjobs.wire import Limits, Reply, Secret, Wire, shown

LIMITS = Limits(decoded=256 << 10)
SCOPE = "openid profile offline_access"
TRIES = 5
"""Of a step of a sign-in, in bad weather: about half a minute."""

_PRINTABLE = re.compile(r"[\x21-\x7e]+", re.ASCII)
_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
_THEIR_OWN_FAULT = frozenset({"server_error", "temporarily_unavailable", "too_many_requests"})
_CODE = re.compile(r"[a-z_]{1,40}", re.ASCII)
_FORM = {"content-type": "application/x-www-form-urlencoded"}
_LONGEST_URL = 2000
T = TypeVar("T")
_S = TypeVar("_S", bound=Struct)


class Refused(CredentialError):
    """The issuer's no. `code` is its word for it, as OAuth 2 lists them."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class Tokens(Struct, frozen=True):
    """What a sign-in or a refresh gives."""

    access: Secret
    refresh: Secret | None = None


class Device(Struct, frozen=True):
    """A sign-in that waits for its user; times are seconds."""

    url: str
    user_code: str
    code: Secret
    interval: float
    expires_in: float


# --- what is asked --------------------------------------------------------------------------
async def by_credentials(wire: Wire, client_id: str, secret: Secret, audience: str) -> Secret:
    """A token for a program. Raises `Refused`, `ProviderUnavailable`."""
    asked = {
        "client_id": client_id,
        "client_secret": secret.reveal(),
        "audience": audience,
        "grant_type": "client_credentials",
    }
    reply = await _told(wire.request("POST", "/oauth/token", msgspec.json.encode(asked)))
    return _tokens(_read(reply, _TokenReply, "a token"), prefer_id=False).access


async def device(wire: Wire, client_id: str) -> Device:
    """Begin the sign-in of a user. Raises `Refused`, `ProviderUnavailable`."""
    body = urlencode({"client_id": client_id, "scope": SCOPE}).encode()
    reply = await _told(wire.request("POST", "/oauth/device/code", body, headers=_FORM))
    found = _read(reply, _DeviceReply, "a sign-in")
    if not is_token(found.device_code):
        raise _strange("a sign-in without a code")
    return Device(
        url=_page(found.verification_uri_complete or found.verification_uri),
        user_code=shown(found.user_code)[:40],
        code=Secret(found.device_code),
        interval=min(max(found.interval, 0.1), 60.0),
        expires_in=min(max(found.expires_in, 1.0), 3600.0),
    )


async def by_device(wire: Wire, client_id: str, device: Device) -> Tokens:
    """Wait for the user's word, by the loop's clock. Bad weather ends the waiting no earlier than the code ends.

    Raises `Refused`: the user said no, or nothing in time.
    """
    loop = asyncio.get_running_loop()
    ends = loop.time() + device.expires_in
    asked = {"grant_type": _DEVICE, "device_code": device.code.reveal(), "client_id": client_id}
    interval = device.interval
    trouble: ProviderUnavailable | None = None
    while True:
        wait = max(interval, (trouble.retry_after or 0.0) if trouble is not None else 0.0)
        if loop.time() + wait > ends:
            await asyncio.sleep(max(0.0, ends - loop.time()))
            if trouble is not None:
                raise trouble
            raise Refused("aqt: nobody confirmed the sign-in in time; begin again", code="expired_token")
        await asyncio.sleep(wait)
        try:
            return _tokens(_read(await _form(wire, asked), _TokenReply, "a token"), prefer_id=True)
        except ProviderUnavailable as error:
            trouble = error
        except Refused as error:
            trouble = None
            if error.code == "slow_down":
                interval += 5.0  # RFC 8628
            elif error.code != "authorization_pending":
                raise _worded(error) from None


async def refreshed(wire: Wire, client_id: str, refresh: Secret) -> Tokens:
    """New tokens for a refresh token, which is used up by that. Sent once: see `Wire.submit`.

    Raises `Refused`, and `ProviderUnavailable`, after which it may be used up or not.
    """
    asked = {"client_id": client_id, "grant_type": "refresh_token", "refresh_token": refresh.reveal()}
    return _tokens(_read(await _form(wire, asked), _TokenReply, "a token"), prefer_id=True)


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """A step of a sign-in that may be repeated, through bad weather. Raises what the last of `TRIES` raised."""
    for attempt in range(1, TRIES):
        try:
            return await ask()
        except ProviderUnavailable as error:
            await asyncio.sleep(min(max(error.retry_after or 0.0, 2.0 ** (attempt - 1)), 30.0))
    return await ask()


# --- what comes back --------------------------------------------------------------------------
class _TokenReply(Struct, frozen=True):
    access_token: str = ""
    id_token: str = ""
    refresh_token: str = ""

    def __repr__(self) -> str:
        return "<tokens>"


class _DeviceReply(Struct, frozen=True):
    device_code: str
    user_code: str
    verification_uri: str = ""
    verification_uri_complete: str = ""
    interval: float = 5.0
    expires_in: float = 900.0

    def __repr__(self) -> str:
        return "<a sign-in>"


class _ErrorReply(Struct, frozen=True):
    error: str = ""
    error_description: str = ""


async def _form(wire: Wire, fields: dict[str, str]) -> Reply:
    return await _told(wire.submit("/oauth/token", urlencode(fields).encode(), headers=_FORM))


async def _told(asking: Awaitable[Reply]) -> Reply:
    """The reply, where it is no weather: an answer that nobody understands is a gateway's, or a portal's on the way."""
    try:
        reply = await asking
    except ProviderProtocolError as error:
        raise ProviderUnavailable(str(error), provider="aqt") from error
    passing = reply.status in {408, 425, 429} or reply.status >= 500
    if (passing and _error(reply) != "slow_down") or (reply.status >= 400 and _error(reply) in _THEIR_OWN_FAULT):
        raise ProviderUnavailable(
            f"aqt: the issuer of tokens answered {reply.status}", provider="aqt", retry_after=reply.retry_after
        )
    return reply


def _read(reply: Reply, kind: type[_S], what: str) -> _S:
    """The document of a 2xx. Raises `Refused` for a no, `ProviderUnavailable` for what nobody understands."""
    if not 200 <= reply.status < 300:
        code = _error(reply)
        if not code:
            raise _strange(f"{reply.status}, and does not say why")
        said = shown(_decoded(reply.body, _ErrorReply).error_description)[:200]
        raise Refused(
            f"aqt: the issuer of tokens gave no {what.removeprefix('a ')}: {code}{f', {said}' if said else ''}",
            code=code,
        )
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, OverflowError):
        raise _strange(f"something else than {what}") from None  # the cause would carry the body


def _error(reply: Reply) -> str:
    code = _decoded(reply.body, _ErrorReply).error
    return code if _CODE.fullmatch(code) else ""


def _decoded(body: bytes, kind: type[_S]) -> _S:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, OverflowError):
        return kind()


def _tokens(reply: _TokenReply, *, prefer_id: bool) -> Tokens:
    """After a user's sign-in the token for the cloud is the id token: the access token is for the issuer itself."""
    token = (prefer_id and reply.id_token) or reply.access_token
    if not is_token(token):
        raise _strange("no token that can be sent")
    refresh = Secret(reply.refresh_token) if is_token(reply.refresh_token) else None
    return Tokens(Secret(token, until=claims(token).exp), refresh)


def _page(url: str) -> str:
    """Raises where it is nothing to show to a user, or to open."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
    except ValueError:
        fine = False
    if not fine or len(url) > _LONGEST_URL or _PRINTABLE.fullmatch(url) is None:
        raise _strange("an address for signing in that is no http:// or https:// one")
    return url


def _strange(what: str) -> ProviderError:
    return ProviderUnavailable(f"aqt: the issuer of tokens answered with {what}", provider="aqt")


def _worded(error: Refused) -> Refused:
    words = {
        "access_denied": "the sign-in was refused on the page",
        "expired_token": "nobody confirmed the sign-in in time; begin again",
        "invalid_grant": "this sign-in is over; begin again",
    }
    return Refused(f"aqt: {words[error.code]}", code=error.code) if error.code in words else error
