"""Whole replies, and what a status code means when an adapter knows nothing better."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from msgspec import Struct

from quantumjobs.errors import ProviderError, ProviderProtocolError, ProviderRejected, ProviderUnavailable
from quantumjobs.wire.secrets import masked, masked_bytes

PASSING = frozenset({408, 425, 429})
"""Client errors that pass, besides all 5xx."""
NOT_TAKEN = frozenset({425, 429})
"""Of a submit: the server says that it did not look at it (RFC 8470, RFC 6585)."""
_SHOWN = 500
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a1-\uffff]+")


class Reply(Struct, frozen=True):
    """One answer, read whole."""

    status: int
    headers: Mapping[str, str]
    """Lower-case names."""
    body: bytes
    retry_after: float | None = None
    """Seconds."""


class Told(Struct, frozen=True):
    """A server's reason, taken apart."""

    message: str
    error_code: str = ""
    request_id: str = ""

    def __str__(self) -> str:
        more = [self.error_code, f"request {self.request_id}" if self.request_id else ""]
        told = ", ".join(one for one in more if one)
        return f"{self.message} ({told})" if self.message and told else self.message or told


def shown(text: str) -> str:
    """A server's words, fit for a message: masked, on one line, and not too many."""
    text = _UNPRINTABLE.sub(" ", masked(text)).strip()
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def check(
    reply: Reply,
    *,
    provider: str,
    what: str,
    explain: Callable[[bytes], str | Told],
    taken: bool = True,
    later: frozenset[int] = frozenset(),
    channel: str = "",
) -> Reply:
    """The reply, if it is a 2xx. Raises what it means otherwise.

    `taken`: whether a failed request may have been carried out all the same (False for a look). `later`: statuses by
    which this provider, with a Retry-After, says that it was not: a gateway that failed half-way says no time to come
    back. `explain` finds the server's reason in a body, and gives "" where there is none; a `Told`'s facts become the
    error's.
    """
    status = reply.status
    if 200 <= status < 300:
        return reply
    told = explain(reply.body)
    reason = shown(str(told))
    message = f"{provider}: {what} was answered {status}{f': {reason}' if reason else ''}"
    not_now = status in later and reply.retry_after is not None
    error = _error(reply, message, provider, taken=taken and not not_now, channel=channel)
    if isinstance(told, Told):
        error.error_code, error.request_id = shown(told.error_code), shown(told.request_id)
    raise error


def _error(reply: Reply, message: str, provider: str, *, taken: bool, channel: str) -> ProviderError:
    status = reply.status
    error: ProviderError
    if status in PASSING or status >= 500:
        sent = taken and status not in NOT_TAKEN
        error = ProviderUnavailable(
            message, provider=provider, sent=sent, retry_after=reply.retry_after, channel=channel
        )
    elif 400 <= status < 500:
        error = ProviderRejected(message, provider=provider, code=str(status))
    else:  # 1xx and 3xx: a gateway or a captive portal, not the provider
        error = ProviderProtocolError(message, provider=provider, body=masked_bytes(reply.body[:_SHOWN]))
    return error
