"""Where IQM's users keep their server and token: what is given here, and the environment.

The names are those of iqm-client and of IQM's QDMI client, so that what works there works here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from quantumjobs.adapters import checks
from quantumjobs.adapters.iqm.tokens import TokensFile, secret
from quantumjobs.errors import CredentialError, UsageError
from quantumjobs.wire import Credential, Deadlines, Origin, Secret
from quantumjobs.wire.origins import checked

RESONANCE = "https://resonance.iqm.tech"
URLS = ("IQM_SERVER_URL", "IQM_BASE_URL")
COMPUTERS = ("IQM_QUANTUM_COMPUTER", "IQM_QC_ALIAS", "IQM_QC_ID")
TOKEN = "IQM_TOKEN"  # noqa: S105 - a name
FILE = "IQM_TOKENS_FILE"
"""Variables of the environment; of several the first that is set counts."""
NAMES = ("account", "allow_http", "deadlines", "quantum_computer", "token", "tokens_file", "url")
_RETIRED = "cocos."


class Settings(Struct, frozen=True, kw_only=True):
    """One account's settings."""

    url: str
    """The server, without a slash at its end and without `/api/v1`."""
    computer: str | None = None
    """Where an address names none: alias or id."""
    token: checks.Token | None = None
    """None: look in the environment, at every refresh anew."""
    file: Path | None = None
    """The tokens file."""
    account: str = "default"
    deadlines: Deadlines = Deadlines()


def read(settings: Mapping[str, Any]) -> Settings:
    """The settings, checked. Reads the environment.

    Raises `UsageError` for an unknown name, a wrong type, a token from two places, or a URL that no token should go to.
    """
    checks.names(settings, NAMES, where="iqm")
    checks.texts(settings, ("account", "quantum_computer", "tokens_file", "url"), where="iqm")
    named = settings.get("url") or _first(URLS)
    url = checked(str(named or RESONANCE).strip(), what="iqm: url", allow_http=checks.hosts(settings, where="iqm"))
    host = urlsplit(url).hostname or ""
    if host.startswith(_RETIRED):
        raise UsageError(f"iqm: url: {host} spoke IQM's old protocol, which is retired; use {RESONANCE}")
    token = checks.token(settings, where="iqm")
    file = settings.get("tokens_file")
    if token is not None and file is not None:
        raise UsageError("iqm: either the setting 'token' or 'tokens_file' is needed, not both")
    if token is None and file is None:
        file = os.environ.get(FILE) or None
        if file and os.environ.get(TOKEN):
            raise UsageError(f"iqm: {TOKEN} and {FILE} are both set in the environment: unset one of them")
    computer = settings.get("quantum_computer") or _first(COMPUTERS)
    return Settings(
        url=url.removesuffix("/api/v1"),
        computer=str(computer).strip() if computer else None,
        token=token,
        file=Path(file).expanduser().absolute() if file else None,
        account=str(settings.get("account") or "default"),
        deadlines=checks.deadlines(settings, where="iqm"),
    )


def _first(variables: tuple[str, ...]) -> str | None:
    return next((found for name in variables if (found := os.environ.get(name))), None)


def credential(settings: Settings) -> Credential:
    """How the account's requests are signed. A server of one's own may need no token; Resonance does."""
    advice = checks.looked_at(places(settings))
    if settings.file is not None:
        source = TokensFile(settings.file)
        return Credential(source, origin=f"the tokens file {settings.file}", advice=advice, changed=source.changed)

    origin = f"the environment variable {TOKEN}" if settings.token is None else checks.GIVEN

    async def token(fresh: bool) -> Secret | None:  # noqa: ARG001 - every reading looks again
        found = settings.token if settings.token is not None else os.environ.get(TOKEN, "")
        if callable(found):
            found = await checks.called(found, where="iqm")
        given = secret(found, origin)
        if not given and Origin.of(settings.url) == Origin.of(RESONANCE):
            raise CredentialError(f"iqm: there is no token for {RESONANCE}. {advice}")
        return given or None

    return Credential(token, origin=origin, advice=advice)


def places(settings: Settings) -> list[str]:
    """Where a token is looked for, in this order; for messages."""
    key = "iqm" if settings.account == "default" else f'"iqm:{settings.account}"'
    return [
        f"the settings 'token' and 'tokens_file' of [providers.{key}]",
        f"the environment variables {TOKEN} and {FILE}",
    ]
