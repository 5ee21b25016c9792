"""Where OriginQ's users keep their API key: what is given here, and the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from quantumjobs.adapters import checks
from quantumjobs.adapters.bearer import is_token
from quantumjobs.errors import CredentialError, UsageError
from quantumjobs.wire import Credential, Deadlines, Secret
from quantumjobs.wire.origins import checked

DEFAULT = "https://pyqanda-admin.qpanda.cn"
"""The host that OriginQ's own client asks by plain http. That is how its name is spelt."""
KEYS = ("ORIGIN_API_KEY", "QPANDA3_API_KEY", "ORIGINQ_API_KEY")
"""Variables that programs of OriginQ and others read; the first that is set counts."""
URL = "ORIGINQ_URL"
NAMES = ("account", "allow_http", "api_key", "deadlines", "url")


class Settings(Struct, frozen=True, kw_only=True):
    """One account's settings."""

    url: str
    """The service's root, without a slash at its end; it may have a path."""
    api_key: checks.Token | None = None
    """None: look in the environment, at every refresh anew."""
    account: str = "default"
    deadlines: Deadlines = Deadlines()


def read(settings: Mapping[str, Any]) -> Settings:
    """The settings, checked. Reads the environment.

    Raises `UsageError` for an unknown name, a wrong type, or a URL that no key should go to.
    """
    if "token" in settings:
        raise UsageError("originq: what OriginQ gives its users is a key: the setting is called 'api_key'")
    checks.names(settings, NAMES, where="originq")
    checks.texts(settings, ("account", "url"), where="originq")
    url = str(settings.get("url") or os.environ.get(URL) or DEFAULT).strip()
    return Settings(
        url=checked(url, what="originq: url", allow_http=checks.hosts(settings, where="originq")),
        api_key=checks.token(settings, where="originq", name="api_key"),
        account=str(settings.get("account") or "default"),
        deadlines=checks.deadlines(settings, where="originq"),
    )


def credential(settings: Settings) -> Credential:
    """How the account's requests are signed: one key for all of them, which ends when its owner says so."""
    advice = checks.looked_at(places(settings))

    async def key(fresh: bool) -> Secret:  # noqa: ARG001 - every reading looks again
        origin = checks.GIVEN
        found = settings.api_key
        if found is None:
            name = next((name for name in KEYS if os.environ.get(name)), None)
            if name is None:
                raise CredentialError(f"originq: there is no API key. {advice}")
            origin, found = f"the environment variable {name}", Secret(os.environ[name].strip())
        if callable(found):
            found = await checks.called(found, where="originq")
        return _good(found, origin)

    return Credential(key, advice=advice)


def _good(key: Secret, origin: str) -> Secret:
    if not is_token(key.reveal()):
        raise CredentialError(f"originq: {origin} is no API key: it is empty, or has characters that no key has")
    return Secret(key.reveal(), origin=origin)


def places(settings: Settings) -> list[str]:
    """Where a key is looked for, in this order; for messages."""
    key = "originq" if settings.account == "default" else f'"originq:{settings.account}"'
    return [f"the setting 'api_key' of [providers.{key}]", f"the environment variables {', '.join(KEYS)}"]
