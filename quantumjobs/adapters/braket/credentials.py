"""An account's keys: those given here or by a function of the user's, else what is found where AWS's tools look."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from quantumjobs.adapters import checks
from quantumjobs.adapters.braket import shared
from quantumjobs.adapters.braket.chain import ADVICE, LEEWAY, VARIABLES, Chain, has_botocore
from quantumjobs.adapters.braket.keys import keys
from quantumjobs.errors import CredentialError
from quantumjobs.wire import Credential, Secret
from quantumjobs.wire.credentials import Source
from quantumjobs.wire.sigv4 import AwsKeys

if TYPE_CHECKING:
    from quantumjobs.adapters.braket.settings import Given, Settings


def credential(settings: Settings) -> Credential:
    """How the account's requests are signed."""
    advice = checks.looked_at(places(settings))
    if settings.keys is not None:
        return Credential(_always(settings.keys), advice=advice)
    if settings.given is not None:
        return Credential(_asked(settings.given), advice=advice)
    source = Chain(settings.profile, advice)
    return Credential(source, advice=advice, changed=source.changed, leeway=LEEWAY)


def places(settings: Settings) -> list[str]:
    """Where keys are looked for, in this order; for messages."""
    here = "braket" if settings.account == "default" else f'"braket:{settings.account}"'
    environment = [] if settings.profile else [f"the environment variables {' and '.join(VARIABLES)}"]
    config, given = shared.files()
    profile = settings.profile or shared.named() or "default"
    extra = "what botocore asks for them" if has_botocore() else f"roles, sign-ins and the like, for which {ADVICE}"
    return [
        f"the settings 'access_key_id' and 'credentials' of [providers.{here}]",
        *environment,
        f"the profile {profile!r} in {given} and {config}",
        extra,
    ]


def _always(given: AwsKeys) -> Source:
    async def source(fresh: bool) -> AwsKeys:  # noqa: ARG001 - there are no others
        return given

    return source


def _asked(function: Given) -> Source:
    async def source(fresh: bool) -> AwsKeys:  # noqa: ARG001 - it is asked anew each time
        origin = "the keys that the function 'credentials' gave"
        given = await checks.asked(function, where="braket", what="the function 'credentials'")
        if isinstance(given, AwsKeys):
            return given
        if not isinstance(given, tuple | list) or not 2 <= len(given) <= 4:
            raise CredentialError(
                "braket: the function 'credentials' must give (access key id, secret access key, session token or "
                f"None, end or None), and gave a {type(given).__name__}"
            )
        key_id, secret, token, until = (*given, None, None)[:4]
        if not all(isinstance(one, str | Secret | None) for one in (key_id, secret, token)):
            raise CredentialError(f"braket: {origin} are not all texts")
        return keys(key_id, secret, token, until=_epoch(until), origin=origin)

    return source


def _epoch(until: datetime | float | None) -> float | None:
    if isinstance(until, datetime):  # without a zone it is UTC, as AWS's documents are
        return (until if until.tzinfo is not None else until.replace(tzinfo=UTC)).timestamp()
    if until is not None and not isinstance(until, int | float):
        raise CredentialError(f"braket: the function 'credentials' gave a {type(until).__name__} as their end")
    return until
