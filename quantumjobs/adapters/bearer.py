"""Bearer tokens: whether one can be sent, and what a JSON Web Token says of itself. Nobody here checks a signature."""

from __future__ import annotations

import base64
import binascii
import re
from math import isfinite

import msgspec
from msgspec import Struct

LONGEST = 16 << 10
"""Characters of a token."""
_TOKEN = re.compile(r"[\x21-\x7e]+", re.ASCII)


class Claims(Struct, frozen=True):
    """What a token says of itself; unchecked."""

    exp: float | None = None
    """Seconds since the epoch."""
    sub: str = ""
    iss: str = ""


def is_token(text: str) -> bool:
    """Whether it can stand in a header."""
    return len(text) <= LONGEST and _TOKEN.fullmatch(text) is not None


def claims(token: str) -> Claims:
    """Of a JSON Web Token; empty where it is none, or says something else."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > LONGEST:
        return Claims()
    try:
        body = base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars=b"-_", validate=True)
        found = msgspec.json.decode(body, type=Claims)
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError, OverflowError):
        return Claims()
    return found if found.exp is None or isfinite(found.exp) else Claims(None, found.sub, found.iss)
