"""What the user asked for about signing in."""

from __future__ import annotations

from msgspec import Struct


class Login(Struct, frozen=True, kw_only=True):
    """`quantumjobs login`."""

    provider: str
    browser: bool = True
    json: bool = False


class Logout(Struct, frozen=True, kw_only=True):
    """`quantumjobs logout`."""

    provider: str
    json: bool = False


class Whoami(Struct, frozen=True, kw_only=True):
    """`quantumjobs whoami`; None is all providers that are set up."""

    provider: str | None = None
    json: bool = False


AskedOfLogin = Login | Logout | Whoami
