"""Where requests go: one origin per lane, checked before anything is sent there."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from quantumjobs.errors import UsageError

_PORTS = {"http": 80, "https": 443}


class Origin(Struct, frozen=True):
    """Scheme, host and port: what may see a credential."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS.get(self.scheme) else f":{self.port}")

    @classmethod
    def of(cls, url: str) -> Origin:
        """That of a URL. Raises `ValueError` for what is not an http(s) URL."""
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError(f"not an http:// or https:// URL: {parts.scheme or 'no scheme'}")
        return cls(parts.scheme, parts.hostname.lower(), parts.port or _PORTS[parts.scheme])


def is_loopback(host: str) -> bool:
    """True for names and addresses of this machine only."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def checked(url: str, *, what: str, allow_http: Iterable[str] = ()) -> str:
    """The URL without a slash at its end. Raises `UsageError` where no credential should go.

    http:// is for this machine, and for the hosts named in `allow_http`: everybody on the way could read the token.
    """
    try:
        origin = Origin.of(url)
        parts: SplitResult = urlsplit(url)
    except ValueError as error:
        raise UsageError(f"{what}: {error}") from error
    if parts.username is not None or parts.password is not None:
        raise UsageError(f"{what}: a URL with a user or password in it; give credentials as settings of their own")
    if parts.query or parts.fragment:
        raise UsageError(f"{what}: a server's root has no query and no fragment")
    if origin.scheme == "http" and not is_loopback(origin.host) and origin.host not in {h.lower() for h in allow_http}:
        raise UsageError(
            f"{what}: http://{origin.host} would send your credential in clear; use https://, "
            f"or allow it by the setting allow_http = [{origin.host!r}]"
        )
    return url.rstrip("/")
