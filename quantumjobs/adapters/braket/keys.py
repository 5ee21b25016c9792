"""Texts from anywhere as AWS's keys."""

from __future__ import annotations

import re

from quantumjobs.errors import CredentialError
from quantumjobs.wire import Secret
from quantumjobs.wire.sigv4 import AwsKeys

_SENDABLE = re.compile(r"[!-~]{1,16384}", re.ASCII)


def keys(
    key_id: str | Secret | None,
    secret: str | Secret | None,
    token: str | Secret | None = None,
    *,
    until: float | None = None,
    origin: str,
) -> AwsKeys:
    """Raises `CredentialError`, quoting nothing, for what cannot be keys."""
    plain_id, plain, session = (_plain(one) for one in (key_id, secret, token))
    if not all(map(_SENDABLE.fullmatch, (plain_id, plain, session or "-"))):
        raise CredentialError(f"braket: {origin} are no keys: one is empty, or has characters that no key has")
    return AwsKeys(plain_id, plain, Secret(session) if session else None, until=until, origin=origin)


def _plain(value: str | Secret | None) -> str:
    return (value.reveal() if isinstance(value, Secret) else value or "").strip()
