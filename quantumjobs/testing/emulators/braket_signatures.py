"""AWS Signature Version 4, checked as the services check it: written apart from whatever signs requests here."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from urllib.parse import quote, unquote

from msgspec import Struct

TOLERANCE = 300.0
"""Seconds by which a client's clock may be off."""
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=(?P<key>[^/,\s]+)/(?P<day>\d{8})/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)/aws4_request"
    r" *, *SignedHeaders=(?P<names>[^,\s]+) *, *Signature=(?P<signature>[0-9a-f]{64})",
    re.ASCII,
)
_MOMENT = "%Y%m%dT%H%M%SZ"
_UNHASHED = ("UNSIGNED-PAYLOAD", "STREAMING-")
_S3 = "s3"


class Problem(Enum):
    """Why a request is not let in."""

    MISSING = "no signature"
    MALFORMED = "a signature that cannot be read"
    KEY = "an unknown access key"
    SIGNATURE = "another signature"
    SESSION = "another session token"
    EXPIRED = "credentials that have expired"
    OLD = "signed too long ago"
    EARLY = "signed in the future"


class Keys(Struct, frozen=True):
    """What a client signs with."""

    id: str
    secret: str
    session: str = ""

    @classmethod
    def read(cls, text: str) -> Keys:
        """`id:secret`, or with a session's token `id:secret:token`."""
        key, _, rest = text.partition(":")
        secret, _, session = rest.partition(":")
        return cls(key, secret, session)


class Shown(Struct, frozen=True):
    """What the header `Authorization` says."""

    key: str
    day: str
    region: str
    service: str
    names: tuple[str, ...]
    signature: str


class Signed(Struct, frozen=True):
    """A request as it came; names of headers in lower case, the target's path and query in their raw forms."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def read(authorization: str) -> Shown | None:
    """None for what is no such header."""
    found = _AUTHORIZATION.fullmatch(authorization.strip())
    if found is None:
        return None
    names = tuple(found["names"].split(";"))
    return Shown(found["key"], found["day"], found["region"], found["service"], names, found["signature"])


def problem(request: Signed, now: float, keys: Keys | None) -> Problem | None:
    """What is wrong with a request's signature at a moment (seconds since the epoch); None if nothing is.

    Without keys nobody knows the secret: then form and time are all that can be wrong.
    """
    authorization = request.headers.get("authorization", "")
    if not authorization:
        return Problem.MISSING
    shown = read(authorization)
    if shown is None or not _is_whole(request, shown):
        return Problem.MALFORMED
    if keys is not None and shown.key != keys.id:
        return Problem.KEY
    signed_at = moment(request.headers["x-amz-date"])
    if signed_at is None:
        return Problem.MALFORMED
    if abs(now - signed_at) > TOLERANCE:
        return Problem.OLD if signed_at < now else Problem.EARLY
    if keys is None:
        return None
    if not hmac.compare_digest(shown.signature, signature(request, shown, keys.secret)):
        return Problem.SIGNATURE
    return None if request.headers.get("x-amz-security-token", "") == keys.session else Problem.SESSION


def _is_whole(request: Signed, shown: Shown) -> bool:
    """What has to be signed is."""
    needed = {"host", "x-amz-date", *(name for name in request.headers if name.startswith("x-amz-"))}
    if "content-type" in request.headers and shown.service != _S3:
        needed.add("content-type")
    date = request.headers.get("x-amz-date", "")
    named = [name.lower() for name in shown.names]
    is_there = set(named) <= request.headers.keys() and needed <= set(named)
    return is_there and named == sorted(named) and date[:8] == shown.day and _tells_hash(request, shown)


def _tells_hash(request: Signed, shown: Shown) -> bool:
    told = request.headers.get("x-amz-content-sha256")
    if told is None:
        return shown.service != _S3
    return told.startswith(_UNHASHED) or told == hashlib.sha256(request.body).hexdigest()


def moment(text: str) -> float | None:
    """Seconds since the epoch of `20260102T030405Z`; None for another form."""
    try:
        return dt.datetime.strptime(text, _MOMENT).replace(tzinfo=dt.UTC).timestamp()
    except ValueError:
        return None


def written(moment: float) -> str:
    """As in `x-amz-date`."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime(_MOMENT)


def signature(request: Signed, shown: Shown, secret: str) -> str:
    """What the signature should be, in hexadecimal digits."""
    scope = f"{shown.day}/{shown.region}/{shown.service}/aws4_request"
    whole = hashlib.sha256(canonical(request, shown.service, shown.names).encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, whole))
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def canonical(request: Signed, service: str, names: Iterable[str]) -> str:
    """The canonical request: everything that is signed, as one text."""
    path = request.path or "/"
    hashed = request.headers.get("x-amz-content-sha256") or hashlib.sha256(request.body).hexdigest()
    lines = [
        request.method,
        path if service == _S3 else quote(path, safe="/-_.~"),
        _query(request.query),
        *(f"{name}:{' '.join(request.headers[name].split())}" for name in names),
        "",
        ";".join(names),
        hashed,
    ]
    return "\n".join(lines)


def _query(raw: str) -> str:
    pairs = []
    for part in filter(None, raw.split("&")):
        name, _, value = part.partition("=")
        pairs.append((_encoded(name), _encoded(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encoded(text: str) -> str:
    return quote(unquote(text), safe="-_.~")
