"""Requests to AWS, signed with Signature Version 4 in the `Authorization` header; and its keys."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import httpx

from quantumjobs.wire.replies import Reply
from quantumjobs.wire.secrets import Secret
from quantumjobs.wire.wire import Unsigned

NEAR = 60.0
"""Seconds by which two clocks may differ; AWS takes five minutes."""
_SETTLING = 60.0
"""Seconds after the other clock was learnt, in which requests may be refused that were signed before."""
_ALGORITHM = "AWS4-HMAC-SHA256"
_LOOKED_AT = 4096
_MISTIMED = re.compile(
    r"RequestTimeTooSkewed|RequestExpired|RequestInTheFuture|signature (?:has )?expired|signature not yet current",
    re.IGNORECASE,
)


class AwsKeys(Secret):
    """The secret access key, with the id that names it and the token of a session. Equal where all three are."""

    __slots__ = ("key_id", "session")

    def __init__(
        self,
        key_id: str,
        value: str,
        session: Secret | None = None,
        *,
        until: float | None = None,
        origin: str = "",
    ) -> None:
        super().__init__(value, until=until, origin=origin)
        self.key_id = key_id
        self.session = session

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, AwsKeys)
            and self.key_id == other.key_id
            and self.session == other.session
            and super().__eq__(other)
        )

    __hash__ = Secret.__hash__


HASH = "x-amz-content-sha256"
"""The header with the body's SHA-256: who sends a large one gives it, since hashing that would stall the loop."""


class Signer:
    """Signs for one service in one region: the wire's `sign`, and with `mistimed` its eye on the service's clock.

    `clock` gives seconds since the epoch. A request's URL must have all the percent-encoding that it needs.
    """

    def __init__(self, service: str, region: str, *, clock: Callable[[], float] = time.time) -> None:
        self.offset = 0.0
        """Seconds that the service's clock is ahead of ours, as far as it is known."""
        self._service = service
        self._region = region
        self._clock = clock
        self._learnt: float | None = None
        self._derived: tuple[Secret, str, bytes] | None = None

    def __call__(self, request: Unsigned, secret: Secret) -> None:
        """Add what is missing to the headers: date, session token, hash of the body for S3, and authorization."""
        assert isinstance(secret, AwsKeys), "an adapter of AWS has credentials of AWS"
        hashed = request.headers.get(HASH) or hashlib.sha256(request.body or b"").hexdigest()
        now = datetime.fromtimestamp(self._clock() + self.offset, UTC).strftime("%Y%m%dT%H%M%SZ")
        headers = request.headers
        headers["x-amz-date"] = now
        if secret.session is not None:
            headers["x-amz-security-token"] = secret.session.reveal()
        if self._service == "s3":
            headers[HASH] = hashed
        names, canonical = self._canonical(request, hashed)
        scope = f"{now[:8]}/{self._region}/{self._service}/aws4_request"
        text = f"{_ALGORITHM}\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._key(secret, now[:8]), text.encode(), "sha256").hex()
        headers["authorization"] = (
            f"{_ALGORITHM} Credential={secret.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        )

    def _canonical(self, request: Unsigned, hashed: str) -> tuple[str, str]:
        """The names of the headers that are signed, and the request as it is signed."""
        sent = httpx.URL(request.url)  # which decides what is sent as host and path
        path, _, query = sent.raw_path.decode().partition("?")
        if self._service != "s3":  # which alone is signed as it is sent
            path = quote(re.sub("//+", "/", path), safe="/~")
        pairs = sorted((name, value) for name, _, value in (pair.partition("=") for pair in query.split("&") if query))
        signed = {"host": sent.netloc.decode(), **_signed(request.headers)}
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{' '.join(value.split())}\n" for name, value in sorted(signed.items()))
        given = "&".join(f"{name}={value}" for name, value in pairs)
        return names, f"{request.method.upper()}\n{path}\n{given}\n{lines}\n{names}\n{hashed}"

    def _key(self, secret: AwsKeys, day: str) -> bytes:
        """The key of the day; the last one is kept, since most requests are of the same."""
        if self._derived is None or self._derived[0] is not secret or self._derived[1] != day:
            key = f"AWS4{secret.reveal()}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._derived = secret, day, key
        return self._derived[2]

    def mistimed(self, reply: Reply) -> bool:
        """Whether it refuses a request for the time in its signature, and another time is known now."""
        if reply.status not in (400, 401, 403) or not _MISTIMED.search(_reason(reply)):
            return False
        now = self._clock()
        theirs = _date(reply.headers)
        if theirs is not None and abs(theirs - (now + self.offset)) > NEAR:
            self.offset = theirs - now
            self._learnt = now
            return True
        # Of requests that were under way together, the first reply teaches, and the others are as wrong.
        return self._learnt is not None and abs(now - self._learnt) < _SETTLING


def _signed(headers: Mapping[str, str]) -> dict[str, str]:
    """Those that no proxy changes, and that say what is asked for."""
    return {name: value for name, value in headers.items() if name == "content-type" or name.startswith("x-amz-")}


def _reason(reply: Reply) -> str:
    return f"{reply.headers.get('x-amzn-errortype', '')} {reply.body[:_LOOKED_AT].decode('utf-8', 'replace')}"


def _date(headers: Mapping[str, str]) -> float | None:
    """When it was sent, in seconds since the epoch."""
    try:
        found = parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError, IndexError, OverflowError):  # what it raises for one text or another
        return None
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
