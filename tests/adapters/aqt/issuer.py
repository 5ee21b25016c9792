"""An issuer of tokens as a function, for tests in virtual time, and a cloud that lets in what it gave."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx

from quantumjobs.adapters.aqt import AqtProvider, settings
from quantumjobs.adapters.aqt.configured import DEVICE_CLIENT
from quantumjobs.adapters.aqt.signin import SignIn
from quantumjobs.testing.clock import VirtualLoop
from tests.adapters.aqt.portal import URL, Converted, Portal

ISSUER = "https://issuer.example"
CANARY = "canary5f2b9c"
"""In every secret that the issuer gives or is given."""
Weather = Callable[[str, int], httpx.Response | Exception | None]


def wall() -> float:
    loop = asyncio.get_running_loop()
    return loop.wall_time() if isinstance(loop, VirtualLoop) else time.time()


def jwt(subject: str, until: float | None, *, iss: str = f"{ISSUER}/", **more: Any) -> str:
    """Unsigned, which is for nobody but the cloud to see."""
    claims = {"iss": iss, "sub": subject, **({} if until is None else {"exp": until}), **more}
    parts = (json.dumps(one).encode() for one in ({"alg": "RS256"}, claims))
    head, body = (base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in parts)
    return f"{head}.{body}.{CANARY}"


class Issuer:
    """Its users allow what they are shown after `patience` polls. A refresh token is good for one use.

    `weather(kind, number)` comes before an answer, with kind "credentials", "device", "poll" or "refresh"; `lost` kinds
    are carried out, and their answers are lost.
    """

    def __init__(self, *, lasts: float = 3600.0, patience: int = 2, weather: Weather | None = None) -> None:
        self.lasts = lasts
        self.patience = patience
        self.weather = weather or (lambda kind, number: None)
        self.lost: set[str] = set()
        self.secret = f"{CANARY}-program"
        self.asked: list[tuple[str, dict[str, str], float]] = []
        self.live: set[str] = set()
        """Refresh tokens that were not used yet."""
        self.latency = 0.05
        self.interval = 5.0
        self._numbers = itertools.count(1)

    def count(self, kind: str) -> int:
        return sum(one == kind for one, _, _ in self.asked)

    def refresh_token(self) -> str:
        token = f"{CANARY}-refresh-{next(self._numbers)}"
        self.live.add(token)
        return token

    def token(self, subject: str = "ada") -> str:
        return jwt(subject, wall() + self.lasts, n=next(self._numbers))

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        body = request.content.decode()
        is_json = request.headers["content-type"] == "application/json"
        fields = json.loads(body) if is_json else {name: one[0] for name, one in parse_qs(body).items()}
        kind = "device" if request.url.path == "/oauth/device/code" else fields["grant_type"].rpartition(":")[2]
        kind = {"client_credentials": "credentials", "device_code": "poll", "refresh_token": "refresh"}.get(kind, kind)
        assert is_json == (kind == "credentials")
        assert "authorization" not in request.headers
        self.asked.append((kind, fields, asyncio.get_running_loop().time()))
        await asyncio.sleep(self.latency)
        strange = self.weather(kind, self.count(kind))
        if isinstance(strange, Exception):
            raise strange
        answer = strange or getattr(self, f"_{kind}")(fields)
        if kind in self.lost:
            raise httpx.ReadError("reset")
        return answer

    def _credentials(self, fields: dict[str, str]) -> httpx.Response:
        if fields["client_secret"] != self.secret:
            return refusal("invalid_client", 401, f"no such secret: {fields['client_secret']}")
        return httpx.Response(200, json={"access_token": self.token(fields["client_id"]), "expires_in": 3600})

    def _device(self, fields: dict[str, str]) -> httpx.Response:
        assert fields == {"client_id": DEVICE_CLIENT, "scope": "openid profile offline_access"}
        page = "https://login.example/activate"
        told = {"device_code": f"{CANARY}-device", "user_code": "ABCD-EFGH", "interval": self.interval}
        pages = {"verification_uri": page, "verification_uri_complete": f"{page}?user_code=ABCD-EFGH"}
        return httpx.Response(200, json=told | pages)

    def _poll(self, fields: dict[str, str]) -> httpx.Response:
        assert (fields["device_code"], fields["client_id"]) == (f"{CANARY}-device", DEVICE_CLIENT)
        if self.count("poll") <= self.patience:
            return refusal("authorization_pending")
        return httpx.Response(
            200,
            json={"id_token": self.token(), "access_token": "for-the-issuer", "refresh_token": self.refresh_token()},
        )

    def _refresh(self, fields: dict[str, str]) -> httpx.Response:
        assert fields["client_id"] == DEVICE_CLIENT
        if fields["refresh_token"] not in self.live:
            return refusal("invalid_grant", 403, f"unknown: {fields['refresh_token']}")
        self.live.remove(fields["refresh_token"])
        return httpx.Response(200, json={"access_token": self.token(), "refresh_token": self.refresh_token()})


def refusal(error: str, status: int = 403, said: str = "") -> httpx.Response:
    return httpx.Response(status, json={"error": error, "error_description": said})


class World:
    """The issuer and a cloud that lets in what it gave until that ends; `banned` tokens excepted."""

    def __init__(self, folder: Path, issuer: Issuer | None = None, portal: Portal | None = None) -> None:
        self.folder = folder
        self.issuer = issuer or Issuer()
        self.portal = portal or Portal()
        self.banned: set[str] = set()
        self.shown: list[str] = []
        """Tokens, as the cloud saw them."""

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if str(request.url).startswith(ISSUER):
            return await self.issuer(request)
        token = request.headers["authorization"].removeprefix("Bearer ")
        self.shown.append(token)
        if token in self.banned or not self.takes(token):
            await asyncio.sleep(self.portal.latency)
            return httpx.Response(401, json={"detail": "Could not validate credentials"})
        request.headers["authorization"] = f"Bearer {self.portal.token}"
        return await self.portal(request)

    def takes(self, token: str) -> bool:
        try:
            body = token.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except (IndexError, ValueError):
            return False
        return claims["iss"] == f"{ISSUER}/" and claims["exp"] > wall()

    def settings(self, **given: Any) -> settings.Settings:
        usual = {"url": URL, "issuer": ISSUER, "config_dir": self.folder, "load_dotenv": False}
        return settings.read(usual | given)

    def sign_in(self, **given: Any) -> SignIn:
        return SignIn(self.settings(**given), transport=self.transport, clock=wall)

    def provider(self, **given: Any) -> AqtProvider:
        made = AqtProvider(self.settings(**given), transport=self.transport)
        made._sign_in = self.sign_in(**given)
        made._codec = Converted()  # type: ignore[assignment] # a stand-in that runs in the loop
        return made

    def transport(self, _: str) -> httpx.AsyncBaseTransport:
        return httpx.MockTransport(self)

    # --- what is kept -----------------------------------------------------------------------
    def keep(self, access: str | None, refresh: str | None) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
        for name, value in (("access_token", access), ("refresh_token", refresh)):
            if value is not None:
                (self.folder / name).write_text(value)

    def kept(self) -> tuple[str | None, str | None]:
        access, refresh = (self.folder / name for name in ("access_token", "refresh_token"))
        return tuple(one.read_text() if one.exists() else None for one in (access, refresh))  # type: ignore[return-value] # two of them
