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


def shown(text: str) -> str:
    """A server's words, fit for a message: masked, on one line, and not too many."""
    text = _UNPRINTABLE.sub(" ", masked(text)).strip()
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def check(
    reply: Reply,
    *,
    provider: str,
    what: str,
    explain: Callable[[bytes], str],
    taken: bool = True,
    later: frozenset[int] = frozenset(),
    channel: str = "",
) -> Reply:
    """The reply, if it is a 2xx. Raises what it means otherwise.

    `taken`: whether a failed request may have been carried out all the same (False for a look). `later`: statuses by
    which this provider, with a Retry-After, says that it was not: a gateway that failed half-way says no time to come
    back. `explain` finds the server's reason in a body, and gives "" where there is none.
    """
    status = reply.status
    if 200 <= status < 300:
        return reply
    reason = shown(explain(reply.body))
    message = f"{provider}: {what} was answered {status}{f': {reason}' if reason else ''}"
    not_now = status in later and reply.retry_after is not None
    return _raise(reply, message, provider, taken=taken and not not_now, channel=channel)


def _raise(reply: Reply, message: str, provider: str, *, taken: bool, channel: str) -> Reply:
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
    raise error
