"""Listing the backends of what is set up here: `Client.backends`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from quantumjobs.abc import Lanes, Lists, Provider
from quantumjobs.errors import CredentialError, ProviderError, UsageError

if TYPE_CHECKING:
    from quantumjobs.client.client import Client
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.lane import Lane

log = logging.getLogger("quantumjobs")


async def backends(client: Client, engine: Engine, provider: str | None) -> list[str]:
    """See `Client.backends`."""
    if provider is not None:
        client._registry.check(provider)
    asked = await client._set_up() if provider is None else [(provider, await client._provider(provider))]
    found: list[str] = []
    errors: list[Exception] = []
    for key, plug_in in asked:
        try:
            lanes = _lanes(engine, key, plug_in)
        except UsageError as wrong_settings:
            if provider is not None or client._registry.is_chosen(key):
                raise
            log.info("%s is left out: %s", key, wrong_settings)  # its variables may be there for other programs
        else:
            listed, wrong = await _listed(lanes)
            found += [f"{key}/{one}" if one else key for one in listed]
            errors += wrong
    refused = next((error for error in errors if provider is not None and isinstance(error, CredentialError)), None)
    if errors and (refused or not found):
        raise refused or errors[0]
    for error in errors:
        log.warning("some backends cannot be listed: %s", error)
    return found


def _lanes(engine: Engine, key: str, plug_in: Provider) -> Sequence[Lane]:
    names = plug_in.lanes() if isinstance(plug_in, Lanes) else [plug_in.lane("")]
    return [engine.lane(key, plug_in, name) for name in names]


async def _listed(lanes: Sequence[Lane]) -> tuple[Sequence[str], list[Exception]]:
    """A provider's backends, each once, though it may be in several lanes; and what was in the way."""
    errors: list[Exception] = []
    found: dict[str, None] = {}
    for lane in lanes:
        try:
            adapter = await lane.adapter()
            if isinstance(adapter, Lists):
                found |= dict.fromkeys(await lane.call(adapter.backends))
        except (ProviderError, CredentialError) as error:
            errors.append(error)
    return list(found), errors
