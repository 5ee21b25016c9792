"""The one place that chooses who carries requests: stock httpx, or httpx over aiohttp where the extra `fast` is there.

Submits always go over stock httpx, whose `trace` extension shows whether anything of a request was written. Transports
are called directly: an `httpx.AsyncClient` around them would keep cookies, follow its own mind on headers, and cost a
tenth of a millisecond more per request.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import ssl
import urllib.request
from urllib.parse import urlsplit

import httpx

IDLE = 30.0
"""Seconds a connection for looks is kept unused."""
IDLE_SUBMIT = 2.0
"""For submits it is short: a server that closes a kept connection just as a submit goes out would leave us in doubt."""


@functools.cache
def ssl_context() -> ssl.SSLContext:
    """One for the process: making one costs 17 ms."""
    return httpx.create_ssl_context()


def has_fast() -> bool:
    """Whether the extra `fast` is installed."""
    return importlib.util.find_spec("httpx_aiohttp") is not None


def prepare() -> None:
    """Do what takes long, for who must not do it in an event loop: the SSL context, and aiohttp's import."""
    ssl_context()
    if has_fast():
        importlib.import_module("httpx_aiohttp")


def for_submits(url: str) -> httpx.AsyncBaseTransport:
    """For requests whose fate must be known."""
    return _stock(url, IDLE_SUBMIT)


def for_looks(url: str) -> httpx.AsyncBaseTransport:
    """For all others. Where the environment names a proxy, stock httpx, which knows how to use it."""
    if has_fast() and _proxy(url) is None:
        return _fast()
    return _stock(url, IDLE)


def for_exact_looks(url: str) -> httpx.AsyncBaseTransport:
    """For looks whose signature covers the URL: aiohttp sends another one (`:` for `%3A`), and cannot be told not to."""
    return _stock(url, IDLE)


def _stock(url: str, idle: float) -> httpx.AsyncBaseTransport:
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=idle)  # see pools.py
    return httpx.AsyncHTTPTransport(verify=ssl_context(), limits=limits, proxy=_proxy(url))


def _fast() -> httpx.AsyncBaseTransport:
    import aiohttp
    from httpx_aiohttp import AiohttpTransport

    def session() -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(ssl=ssl_context(), limit=0, keepalive_timeout=IDLE)
        # A cookie jar would carry state, and credentials, from one request to the next.
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    transport: httpx.AsyncBaseTransport = AiohttpTransport(verify=ssl_context(), client=session)
    return transport


def _proxy(url: str) -> httpx.Proxy | None:
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    if not found or urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return httpx.Proxy(found if "://" in found else f"http://{found}")
