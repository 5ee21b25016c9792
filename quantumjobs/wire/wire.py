"""One lane's connection to its provider: requests go out signed, whole replies or this library's errors come back."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Self
from urllib.parse import urljoin

import anyio
import httpx
from msgspec import Struct

from quantumjobs.errors import CredentialError, ProviderProtocolError, ProviderUnavailable
from quantumjobs.wire import logs, transports
from quantumjobs.wire.bodies import ENCODINGS, Limits, read
from quantumjobs.wire.credentials import Credential, Held
from quantumjobs.wire.origins import Origin
from quantumjobs.wire.pools import Make, Pool
from quantumjobs.wire.replies import Reply, shown
from quantumjobs.wire.retry_after import retry_after
from quantumjobs.wire.secrets import Secret


class Unsigned(Struct, frozen=True):
    """A request that is ready but for its credential. `url` is what is sent, byte for byte."""

    method: str
    url: str
    headers: dict[str, str]
    """Lower-case names; whoever signs adds to them."""
    body: bytes | memoryview | None = None


Sign = Callable[[Unsigned, Secret], None]
"""Adds a credential to the headers of one request: the only place where a secret is revealed."""

REDIRECTS = 3
SLOWEST = 64 << 10
"""Bytes per second of a line over which uploads come to an end."""
_LARGE = 256 << 10
"""Bytes of a body that is sent in pieces: each is encrypted in one go."""
_MOVED = frozenset({301, 302, 303, 307, 308})
# What a server does to a kept connection that it closes just now; a fresh connection that fails so is broken.
_STALE = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


class Deadlines(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds; one attempt, not a wait. Looks that hold keep `connect` and `hold` only."""

    connect: float = 10.0
    silence: float = 30.0
    total: float = 60.0
    hold: float = 600.0
    """A look that holds is given up after so long and asked anew: a connection that died unnoticed must not end a wait."""


class _Asked(Struct, frozen=True):
    """One request as an adapter asks for it."""

    method: str
    path: str
    body: bytes | memoryview | None = None
    headers: Mapping[str, str] = {}
    submit: bool = False
    holds: bool = False
    slack: float = 0.0
    """Seconds besides the total deadline."""
    limits: Limits = Limits()


class _Trace:
    """What was seen of one request on its way out, by httpcore's `trace` extension."""

    __slots__ = ("blind", "connected", "written")

    def __init__(self) -> None:
        self.blind = False
        """Given to a transport that tells nothing."""
        self.connected = False
        self.written = False

    @property
    def may_be_sent(self) -> bool:
        return self.written or self.blind

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:  # noqa: ARG002 - httpcore's signature
        if event.endswith("send_request_headers.started"):
            self.written = True  # also a proxy's CONNECT: rather a doubt too many
        elif event == "connection.connect_tcp.started":
            self.connected = True


def bearer(request: Unsigned, secret: Secret) -> None:
    """`Authorization: Bearer ...` (RFC 6750)."""
    request.headers["authorization"] = f"Bearer {secret.reveal()}"


class Wire:
    """Requests to one origin. Use as a context manager: leaving it closes the connections.

    `url` is the server's root, checked by `origins.checked`; paths are put behind it. `transport` replaces both kinds,
    for tests and for users with a transport of their own. With `issues` a 401 is an answer as any other: of a server
    that gives credentials, and so is asked without one. `headers` go with every request. `denies` tells of a reply
    that refuses the credential without saying 401. `mistimed` is shown every reply and tells of one that refuses a
    request for the time in its signature: signed anew, it goes once more. `exact`: signatures cover the URL, so that
    it must be sent byte for byte.
    """

    def __init__(
        self,
        url: str,
        *,
        provider: str,
        credential: Credential | None = None,
        sign: Sign = bearer,
        agent: str = "quantumjobs",
        headers: Mapping[str, str] | None = None,
        denies: Callable[[Reply], bool] | None = None,
        mistimed: Callable[[Reply], bool] | None = None,
        deadlines: Deadlines = Deadlines(),  # noqa: B008 - frozen
        limits: Limits = Limits(),  # noqa: B008 - frozen
        transport: Make | None = None,
        issues: bool = False,
        exact: bool = False,
    ) -> None:
        logs.install()
        self.url = url
        self.origin = Origin.of(url)
        self._provider = provider
        self._credential = credential
        self._sign = sign
        self._headers = {
            "accept": "application/json",
            "accept-encoding": ENCODINGS,
            "user-agent": agent,
            **(headers or {}),
        }
        self._deadlines = deadlines
        self._limits = limits
        self._issues = issues
        self._denies = denies
        self._mistimed = mistimed
        self._looks = Pool(transport or (transports.for_exact_looks if exact else transports.for_looks), url)
        self._submits = Pool(transport or transports.for_submits, url)

    def __repr__(self) -> str:
        return f"<Wire {self.origin}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._credential is not None:
            await self._credential.aclose()
        await self._looks.close()
        await self._submits.close()

    async def drop_connections(self) -> None:
        """Start anew with fresh connections; a submit that is under way keeps its own, since its reply counts."""
        await self._looks.close()
        await self._submits.retire()

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None, limits: Limits | None = None) -> Reply:
        """A look: safe to repeat, and repeated once at no charge on a kept connection that turns out dead."""
        return await self._authorised(_Asked("GET", path, headers=headers or {}, limits=limits or self._limits))

    async def hold(self, path: str) -> Reply | None:
        """A look that the server answers when there is news, which may take hours. None: ask again."""
        with anyio.move_on_after(self._deadlines.hold):
            return await self._authorised(_Asked("GET", path, holds=True, limits=self._limits))
        return None

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> Reply:
        """Any other request that may be repeated: a cancel, a question that is asked by POST."""
        return await self._authorised(_Asked(method, path, body, headers or {}, limits=limits or self._limits))

    async def upload(self, path: str, body: memoryview, *, headers: Mapping[str, str] | None = None) -> Reply:
        """PUT a file, which may be large: it goes in pieces, and has the time that a slow line needs for it."""
        slack = len(body) / SLOWEST
        return await self._authorised(_Asked("PUT", path, body, headers or {}, slack=slack, limits=self._limits))

    async def submit(
        self, path: str, body: bytes, *, method: str = "POST", headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One billable request, sent once: nothing here repeats it, whatever comes back.

        `ProviderUnavailable.sent` is False where nothing of it was written. A 401 renews the credential and is told as
        not sent: the next attempt is the engine's, with an intent of its own.
        """
        return await self._authorised(_Asked(method, path, body, headers or {}, submit=True, limits=self._limits))

    # --- credentials ----------------------------------------------------------------------
    async def _authorised(self, asked: _Asked) -> Reply:
        held = await self._credential.get() if self._credential is not None else None
        reply = await self._followed(asked, held)
        if self._mistimed is not None and self._mistimed(reply):
            if asked.submit:
                message = f"{self._provider}: this machine's clock is wrong, and the service's is known now"
                raise ProviderUnavailable(message, provider=self._provider, sent=False)
            reply = await self._followed(asked, held)
        if not self._is_denied(reply) or self._issues:
            return reply
        if self._credential is None or held is None or held.secret is None:
            advice = f". {self._credential.advice}" if self._credential is not None and self._credential.advice else ""
            raise CredentialError(f"{self._provider}: {self.origin} asks for a credential, and none is set{advice}")
        renewed = await self._credential.renew(held)
        if asked.submit:
            if renewed.secret == held.secret:
                raise self._refused(reply, renewed)
            raise ProviderUnavailable(
                f"{self._provider}: the credential had expired and was renewed", provider=self._provider, sent=False
            )
        reply = await self._followed(asked, renewed)
        if self._is_denied(reply):
            raise self._refused(reply, renewed)
        return reply

    def _is_denied(self, reply: Reply) -> bool:
        return reply.status == 401 or (self._denies is not None and self._denies(reply))

    def _refused(self, reply: Reply, held: Held) -> CredentialError:
        assert self._credential is not None
        said = shown(reply.body[:1000].decode("utf-8", "replace"))
        origin = (held.secret.origin if held.secret is not None else "") or self._credential.origin
        where = f" ({origin})" if origin else ""
        advice = f". {self._credential.advice}" if self._credential.advice else ""
        return CredentialError(
            f"{self._provider}: {self.origin} refused the credential{where}{f': {said}' if said else ''}{advice}"
        )

    # --- redirects ------------------------------------------------------------------------
    async def _followed(self, asked: _Asked, held: Held | None) -> Reply:
        """Redirects of a GET within the origin; nowhere else would a credential be safe, or a POST sent once."""
        url = self.url + asked.path
        for _ in range(REDIRECTS + 1):
            reply = await self._sent(asked, url, held)
            if reply.status not in _MOVED or "location" not in reply.headers:
                return reply
            target = urljoin(url, reply.headers.get("location", ""))
            if asked.method != "GET" or not self._is_ours(target):
                raise ProviderProtocolError(
                    f"{self._provider}: {asked.method} was redirected to {shown(target)}, and is not sent there",
                    provider=self._provider,
                )
            url = target
        raise ProviderProtocolError(f"{self._provider}: redirected in a circle", provider=self._provider)

    def _is_ours(self, url: str) -> bool:
        try:
            return Origin.of(url) == self.origin
        except ValueError:
            return False

    # --- one request ----------------------------------------------------------------------
    async def _sent(self, asked: _Asked, url: str, held: Held | None) -> Reply:
        headers = {**self._headers, **asked.headers}
        if isinstance(asked.body, memoryview):
            headers["content-length"] = str(asked.body.nbytes)  # known, though it goes in pieces
            headers.setdefault("content-type", "application/octet-stream")
        elif asked.body is not None:
            headers.setdefault("content-type", "application/json")
        if held is not None and held.secret:
            self._sign(Unsigned(asked.method, url, headers, asked.body), held.secret)
        deadlines = self._deadlines
        silence = None if asked.holds else deadlines.silence
        timeout = {"connect": deadlines.connect, "read": silence, "write": silence, "pool": None}
        free = not asked.submit  # the one immediate retry
        while True:
            trace = _Trace()
            extensions = {"timeout": timeout, "trace": trace}
            content = _pieces(asked.body) if isinstance(asked.body, memoryview) else asked.body
            request = httpx.Request(asked.method, url, headers=headers, content=content, extensions=extensions)
            try:
                with anyio.move_on_after(None if asked.holds else deadlines.total + asked.slack) as scope:
                    return await self._exchange(asked, request, trace)
            except Exception as error:
                if free and isinstance(error, _STALE) and trace.written and not trace.connected:
                    free = False
                    continue
                raise self._trouble(error, sent=trace.may_be_sent) from error
            if scope.cancelled_caught:
                raise ProviderUnavailable(
                    f"{self._provider}: no whole answer from {self.origin} within {deadlines.total + asked.slack:g} s",
                    provider=self._provider,
                    sent=trace.may_be_sent,
                )

    async def _exchange(self, asked: _Asked, request: httpx.Request, trace: _Trace) -> Reply:
        async with (self._submits if asked.submit else self._looks).borrowed() as transport:
            trace.blind = not isinstance(transport, httpx.AsyncHTTPTransport)
            response = await transport.handle_async_request(request)
            try:
                stream = response.stream
                assert isinstance(stream, httpx.AsyncByteStream)
                body = await read(
                    aiter(stream),
                    response.headers.get("content-encoding", "").strip().lower(),
                    asked.limits,
                    provider=self._provider,
                    clock=asyncio.get_running_loop().time,
                    patient=asked.holds,
                )
            finally:
                await response.aclose()
        headers = dict(response.headers.items())
        return Reply(response.status_code, headers, body, retry_after(headers, time.time()))

    def _trouble(self, error: Exception, *, sent: bool) -> Exception:
        """What came up, as one of our errors; a `ProviderError` of ours is one already."""
        if isinstance(error, ProviderUnavailable):
            error.sent = sent
            return error
        if isinstance(error, ProviderProtocolError | CredentialError):
            return error
        if isinstance(error, (httpx.HTTPError, httpx.InvalidURL, OSError, *_foreign())):
            told = shown(str(error))
            return ProviderUnavailable(
                f"{self._provider}: no answer from {self.origin}: {told or type(error).__name__}",
                provider=self._provider,
                sent=sent,
            )
        return error  # a bug: the lane's affair


async def _pieces(body: memoryview) -> AsyncIterator[bytes]:
    for at in range(0, body.nbytes, _LARGE):
        yield bytes(body[at : at + _LARGE])


def _foreign() -> tuple[type[Exception], ...]:
    """The errors of aiohttp: its transport translates most of them, not all."""
    aiohttp = sys.modules.get("aiohttp")
    return () if aiohttp is None else (aiohttp.ClientError,)
