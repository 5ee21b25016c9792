"""What an answer of OriginQ's cloud says: HTTP's status first, then the envelope, in which a refusal is a 200, too."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from quantumjobs.adapters.originq.messages import UNAUTHORIZED, Envelope, number
from quantumjobs.errors import ProviderRejected
from quantumjobs.wire import Reply, Told, check, decode, shown

_LATER = frozenset({503})
_SHORT = 4096
"""Bytes; no refusal is longer, and results need not be read twice."""
_WORDS: Mapping[str, str] = {
    "10002": "the service knows nothing of that name",
    "20045": "under maintenance, or not offered any more",
}
"""What the codes mean whose meaning is known."""


class _Head(Struct, frozen=True):
    success: bool
    code: int | str | None = None
    message: str | None = None


def denies(reply: Reply) -> bool:
    """Whether the key is refused: in the body of a 200, as the service was seen to do."""
    if reply.status != 200 or len(reply.body) > _SHORT:
        return False
    try:
        told = _head.decode(reply.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return not told.success and number(told.code) == UNAUTHORIZED


def opened(reply: Reply, what: str, *, taken: bool = False) -> Envelope:
    """The envelope of a good reply, whether it says success or not. Raises what HTTP's status means otherwise."""
    check(reply, provider="originq", what=what, explain=explained, taken=taken, later=_LATER)
    return decode(reply.body, Envelope, provider="originq", what=what)


def refused(told: Envelope, what: str) -> ProviderRejected:
    """The service's no, as an error with its code and its words."""
    words = reason(told)
    error = ProviderRejected(f"originq: {what} was refused{f': {words}' if words else ''}", provider="originq")
    error.code = error.error_code = shown(number(told.code))
    return error


def reason(told: Envelope | _Head) -> str:
    """Why something was refused: the service's own words, and what its code is known to mean."""
    code = shown(number(told.code))
    meaning = _WORDS.get(code, "")
    words = shown(told.message or "")
    known = f"{code}, {meaning}" if code and meaning else code
    return f"{words} ({known})" if words and known else words or known


def explained(body: bytes) -> Told:
    """The service's words in the body of an error of HTTP's; empty where the body is somebody else's."""
    try:
        told = _head.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Told("")
    return Told(told.message or "", number(told.code))


_head = msgspec.json.Decoder(_Head)
