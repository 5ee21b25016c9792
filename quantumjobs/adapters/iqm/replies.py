"""What IQM Server says when it refuses."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from quantumjobs.adapters.iqm.messages import Said
from quantumjobs.wire import Reply, Told, check

GONE = frozenset({404, 410})
"""Statuses of a question about something that the server does not know (any more)."""
BLOCKED_FOR = 30.0
"""Seconds for which the server refuses whoever asked too often, where it does not say so itself: as IQM's QDMI client."""
_LATER = frozenset({503})


class _Refusal(Said, frozen=True):
    """One error of a request."""

    request_id: str | None = None


class _Faults(Struct, frozen=True):
    """The other form in which a server refuses."""

    errors: tuple[_Refusal, ...]


class _At(Struct, frozen=True):
    loc: tuple[str | int, ...] = ()
    msg: str = ""


class _Invalid(Struct, frozen=True):
    """A body that did not even parse, as FastAPI tells of it."""

    detail: tuple[_At, ...]


def checked(reply: Reply, what: str, *, taken: bool = False) -> Reply:
    """The reply, if it is a 2xx; see `wire.check`."""
    if reply.status == 429 and reply.retry_after is None:
        reply = msgspec.structs.replace(reply, retry_after=BLOCKED_FOR)
    return check(reply, provider="iqm", what=what, explain=explained, taken=taken, later=_LATER)


def explained(body: bytes) -> Told:
    """The server's reason, its own code for it, and the request's id; empty where there is none."""
    for decoder in (_faults, _invalid, _fault):  # the last takes any object
        try:
            found = decoder.decode(body)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
        match found:
            case _Refusal() as fault:
                return Told(fault.words, fault.error_code or "", fault.request_id or "")
            case _Faults(errors=(first, *_) as errors):
                words = "; ".join(one.words for one in errors[:5])
                return Told(words, first.error_code or "", first.request_id or "")
            case _Invalid(detail=detail):
                return Told("; ".join(f"{'.'.join(map(str, one.loc))}: {one.msg}" for one in detail[:5]))
    return Told("")


_faults = msgspec.json.Decoder(_Faults)
_invalid = msgspec.json.Decoder(_Invalid)
_fault = msgspec.json.Decoder(_Refusal)
