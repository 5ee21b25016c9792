"""Signing in, as the client does it: at whom, and what a user is told who did not say how."""

from __future__ import annotations

import sys

from quantumjobs.abc import LoginPage, Provider, SignsIn
from quantumjobs.errors import UsageError
from quantumjobs.registry import parse


def key_of(address: str) -> str:
    """Raises `UsageError` for the address of a backend."""
    key, name = parse(address)
    if name:
        raise UsageError(f"{address!r}: one signs in at a provider; write {key!r}")
    return key


def able(key: str, provider: Provider) -> SignsIn:
    """Raises `UsageError` for a provider without a sign-in."""
    if not isinstance(provider, SignsIn):
        raise UsageError(f"{key}: there is no sign-in; see its documentation for where its credentials belong")
    return provider


def tell(page: LoginPage) -> None:
    """On standard error, where programs do not read."""
    text = f"To sign in, open {page.url} and confirm the code {page.code} within {page.expires_in / 60:.0f} minutes."
    if sys.stderr is not None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
