"""An OIDC issuer as AQT's cloud has one (it is Auth0's): client credentials, the device flow, and refresh tokens.

Its URL is that of the emulator with a slash at the end, whatever name a client has for this machine.
"""

from __future__ import annotations

import asyncio
import html
import importlib
import math
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, quote

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import replies
from quantumjobs.testing.emulators.frame import Emulator, read_body
from quantumjobs.testing.emulators.grants import Grants, Refused

SIGN_IN = ("token", "device", "keys", "configuration")
"""Its operations."""
DEVICE_CLIENT = "HvaMEfNSq30OoxjqDyRWIRkBfJwJywyi"
"""As whom the vendor's clients sign their users in; public."""
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_SECRET = {"cache-control": "no-store"}


class Issuer:
    """The routes of an issuer, in an emulator.

    `client_id` and `client_secret` are the only credentials that are taken; None takes any. Tokens last for
    `token_seconds`. A device may poll every `device_interval` seconds, for `device_seconds`.
    """

    def __init__(
        self,
        emulator: Emulator,
        *,
        client_id: str | None = None,
        client_secret: str | None = None,
        token_seconds: float = 3600.0,
        device_interval: float = 5.0,
        device_seconds: float = 900.0,
        device_client: str = DEVICE_CLIENT,
    ) -> None:
        if token_seconds <= 0:
            raise UsageError("a token lasts for some time")
        self.emulator = emulator
        self.client_id = client_id
        self.client_secret = client_secret
        self.token_seconds = token_seconds
        self.device_client = device_client
        self.grants = Grants(interval=device_interval, lasts=device_seconds)
        self.now: Callable[[], float] = time.time
        """Seconds since 1970, by which tokens begin and expire; a test may replace it."""

    def __repr__(self) -> str:  # without the secret
        return f"<Issuer for {self.client_id or 'any client'}>"

    def routes(self) -> list[Route]:
        """Its part of the emulator's."""
        route = self.emulator.route
        return [
            route("POST", "/oauth/token", "token", self._token, guarded=False),
            route("POST", "/oauth/device/code", "device", self._device, guarded=False),
            route("GET", "/.well-known/jwks.json", "keys", self._keys, guarded=False),
            route("GET", "/.well-known/openid-configuration", "configuration", self._configuration, guarded=False),
            # What the user does, and a script in the user's place: neither is counted, and nothing goes wrong with it.
            Route("/activate", self._activate, methods=["GET"]),
            Route("/_emulator/device", self._answer, methods=["POST"]),
        ]

    def takes(self, token: str | None, scope: Scope) -> bool:
        """Whether it is of this issuer, for the cloud or for a signed-in user, and has not expired."""
        base = _base(scope)
        audiences = {_audience(base), self.device_client}
        now = self.now()
        return bool(token) and _signing().is_signed(token, issuer=f"{base}/", audiences=audiences, now=now)

    # --- what there is ------------------------------------------------------------------------
    async def _configuration(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        base = _base(request.scope)
        return replies.json(
            {
                "issuer": f"{base}/",
                "token_endpoint": f"{base}/oauth/token",
                "device_authorization_endpoint": f"{base}/oauth/device/code",
                "jwks_uri": f"{base}/.well-known/jwks.json",
                "grant_types_supported": ["client_credentials", DEVICE_GRANT, "refresh_token"],
                "scopes_supported": ["openid", "profile", "offline_access"],
                "response_types_supported": ["token", "id_token"],
                "subject_types_supported": ["public"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "none"],
                "id_token_signing_alg_values_supported": [_signing().ALGORITHM],
            }
        )

    async def _keys(self, request: Request, body: bytes) -> Response:  # noqa: ARG002 - a handler's form
        return replies.json(_signing().keys())

    # --- tokens -------------------------------------------------------------------------------
    async def _token(self, request: Request, body: bytes) -> Response:
        grants: Mapping[str, Callable[[Mapping[str, str], str], dict[str, Any]]] = {
            "client_credentials": self._by_credentials,
            DEVICE_GRANT: self._by_device,
            "refresh_token": self._by_refreshing,
        }
        try:
            given = _fields(request, body)
            grant = grants.get(_field(given, "grant_type"))
            if grant is None:
                raise Refused("unsupported_grant_type", f"Unsupported grant type: {given['grant_type']}")
            return replies.json(grant(given, _base(request.scope)), headers=_SECRET)
        except Refused as error:
            return _refused(error)

    def _by_credentials(self, given: Mapping[str, str], base: str) -> dict[str, Any]:
        client, secret = _field(given, "client_id"), _field(given, "client_secret")
        if self.client_id not in {None, client} or self.client_secret not in {None, secret}:
            raise Refused("access_denied", "Unauthorized", 401)
        if _field(given, "audience") != _audience(base):
            raise Refused("access_denied", f"Service not found: {given['audience']}; here it is {_audience(base)}")
        return self._reply(access_token=self._signed(base, _audience(base), f"{client}@clients"))

    def _by_device(self, given: Mapping[str, str], base: str) -> dict[str, Any]:
        client = self._device_client(given)
        device = self.grants.poll(_field(given, "device_code"), client, _clock())
        # No API was named, so the access token is only for the issuer itself: it is opaque, and no API takes it.
        tokens = {"access_token": f"opaque-{device.code}", "id_token": self._signed(base, client, "user")}
        if "offline_access" in device.scope:
            tokens["refresh_token"] = self.grants.refresh_token(client)
        return self._reply(**tokens)

    def _by_refreshing(self, given: Mapping[str, str], base: str) -> dict[str, Any]:
        client = self._device_client(given)
        self.grants.use(_field(given, "refresh_token"), client)
        # The vendor's client takes the access token here, and the id token above: both are good.
        return self._reply(
            access_token=self._signed(base, _audience(base), "user"),
            id_token=self._signed(base, client, "user"),
            refresh_token=self.grants.refresh_token(client),
        )

    def _reply(self, **tokens: str) -> dict[str, Any]:
        return {**tokens, "token_type": "Bearer", "expires_in": math.ceil(self.token_seconds)}

    def _signed(self, base: str, audience: str, subject: str) -> str:
        now = self.now()
        claims = {"iss": f"{base}/", "aud": audience, "sub": subject, "iat": int(now)}
        token: str = _signing().signed({**claims, "exp": math.ceil(now + self.token_seconds)})
        return token

    def _device_client(self, given: Mapping[str, str]) -> str:
        client = _field(given, "client_id")
        if client != self.device_client:
            raise Refused("unauthorized_client", "Unknown client.")
        return client

    # --- devices and their users --------------------------------------------------------------
    async def _device(self, request: Request, body: bytes) -> Response:
        try:
            given = _fields(request, body)
            device = self.grants.device(self._device_client(given), given.get("scope", "").split(), _clock())
        except Refused as error:
            return _refused(error)
        page = f"{_base(request.scope)}/activate"
        told = {
            "device_code": device.code,
            "user_code": device.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={quote(device.user_code)}",
            "expires_in": _whole(self.grants.lasts),
            "interval": _whole(self.grants.interval),
        }
        return replies.json(told, headers=_SECRET)

    async def _activate(self, request: Request) -> Response:
        code = request.query_params.get("user_code", "")
        if self.grants.answer(code, True, _clock()):
            return _page("Signed in", f"The device with the code {code} is signed in. You may close this page.")
        return _page(
            "Nobody waits", f"No device waits with the code {code!r}: it is unknown, or its time is over.", 404
        )

    async def _answer(self, request: Request) -> Response:
        try:
            given = msgspec.json.decode(await read_body(request), type=_Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return replies.json({"detail": 'send {"user_code": "...", "allow": true}, or false'}, 422)
        if not self.grants.answer(given.user_code, given.allow, _clock()):
            return replies.json({"detail": "No device waits with this code"}, 404)
        return replies.json({})


class _Answer(msgspec.Struct, forbid_unknown_fields=True):
    user_code: str
    allow: bool


def _signing() -> ModuleType:
    """What needs PyJWT, loaded when it is first used."""
    return importlib.import_module("quantumjobs.testing.emulators.signing")


def _clock() -> float:
    """The loop's: a device's patience is not that of the calendar."""
    return asyncio.get_running_loop().time()


def _base(scope: Scope) -> str:
    host, port = scope["server"]
    return f"{scope['scheme']}://{host}{'' if port is None else f':{port}'}"


def _audience(base: str) -> str:
    return f"{base}/api"


def _whole(seconds: float) -> float:
    return int(seconds) if seconds == int(seconds) else seconds


def _fields(request: Request, body: bytes) -> Mapping[str, str]:
    """A form, or JSON. Raises `Refused`."""
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            return msgspec.json.decode(body, type=dict[str, str])
        return {name: values[0] for name, values in parse_qs(body.decode(), strict_parsing=bool(body)).items()}
    except (msgspec.MsgspecError, ValueError) as error:
        raise Refused("invalid_request", "The body is neither a form nor JSON with texts.", 400) from error


def _field(given: Mapping[str, str], name: str) -> str:
    if not given.get(name):
        raise Refused("invalid_request", f"Missing required parameter: {name}", 400)
    return given[name]


def _refused(error: Refused) -> Response:
    document = {"error": error.error, "error_description": error.description}
    return replies.json(document, error.status, _SECRET)


def _page(title: str, text: str, status: int = 200) -> Response:
    body = f"<!doctype html><title>{title}</title><h1>{title}</h1><p>{html.escape(text)}</p>"
    return HTMLResponse(body, status, _SECRET)
