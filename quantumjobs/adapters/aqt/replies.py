"""What AQT's servers say when they refuse."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from quantumjobs.wire import Reply, check

GONE = frozenset({404, 410})
"""Statuses of a look at a job that the server does not know (any more)."""
_LATER = frozenset({503})


def checked(reply: Reply, what: str, *, taken: bool = False) -> Reply:
    """The reply, if it is a 2xx; see `wire.check`."""
    return check(reply, provider="aqt", what=what, explain=explained, taken=taken, later=_LATER)


def explained(body: bytes) -> str:
    """FastAPI's `{"detail": ...}`: a text, or a list of what is wrong where."""
    try:
        detail = _detail.decode(body).detail
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""
    if isinstance(detail, str):
        return detail
    return "; ".join(f"{'.'.join(str(step) for step in one.loc)}: {one.msg}" for one in detail[:5])


class _Fault(Struct, frozen=True):
    loc: tuple[str | int, ...] = ()
    msg: str = ""


class _Detail(Struct, frozen=True):
    detail: str | tuple[_Fault, ...]


_detail = msgspec.json.Decoder(_Detail)
