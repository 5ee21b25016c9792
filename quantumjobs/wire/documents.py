"""JSON from a server: decoded and checked in one step, and every way in which that fails is one error."""

from __future__ import annotations

import functools
from typing import Any, TypeVar, cast

import msgspec

from quantumjobs.errors import ProviderProtocolError
from quantumjobs.wire.secrets import masked, masked_bytes

T = TypeVar("T")
KEPT = 64 << 10
"""Bytes of a body that nobody understands, kept in the error."""
_SHOWN = 200


@functools.cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def decode(body: bytes, kind: type[T], *, provider: str, what: str) -> T:
    """A document as `kind`. Raises `ProviderProtocolError` with the masked body for anything else.

    Not for what the loop should not read: a body of megabytes belongs to a worker, or into a `Raw` field.
    """
    try:
        decoded: T = _decoder(cast("Any", kind)).decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, OverflowError) as error:
        # RecursionError: nested brackets; UnicodeDecodeError: msgspec raises it as it is.
        shown = masked(body[:_SHOWN].decode("utf-8", "replace")).strip()
        raise ProviderProtocolError(
            f"{provider}: {what} is not what was expected: {masked(str(error))}; it begins with {shown!r}",
            provider=provider,
            body=masked_bytes(body[:KEPT]),
        ) from None  # the cause would carry the unmasked text
    return decoded
