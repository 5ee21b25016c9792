"""Submitting a program that runs beside a device: `Client.hybrid_job`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from quantumjobs.abc import HYBRID, Program, RunsPrograms
from quantumjobs.client.backend import check_key, check_until, checked_tags
from quantumjobs.errors import UsageError
from quantumjobs.registry import parse
from quantumjobs.workers.beside import beside

if TYPE_CHECKING:
    from quantumjobs.client.client import Client
    from quantumjobs.engine.hybrid import HybridJob


async def submit(
    client: Client,
    device: str,
    source: Any,
    *,
    entry_point: str | None,
    arguments: Mapping[str, Any] | None,
    local: bool,
    name: str | None,
    tags: Sequence[str],
    key: str | None,
    until: str,
    options: Mapping[str, Any],
) -> HybridJob:
    """See `Client.hybrid_job`."""
    check_until(until)
    check_key(key)
    tagged = checked_tags(tags)
    from quantumjobs.engine.intents import handle_maker

    engine = await client._start()
    provider_key, backend = parse(device)
    client._registry.check(provider_key)
    provider = await client._provider(provider_key)
    if not isinstance(provider, RunsPrograms):
        raise UsageError(f"{provider_key} runs no hybrid jobs")
    asked = Program(
        device=backend,
        source=source,
        entry_point=entry_point,
        arguments=arguments,
        local=bool(local),
        name=name,
        options=options,
    )
    request = await beside(provider.program, asked)  # it reads and packs files
    make = handle_maker(
        f"{provider_key}/{request.backend}", name=name, tags=tagged, options=request.options, alone=True, kind=HYBRID
    )
    job, new = await engine.submit(provider_key, provider, request, make, recorded=until == "recorded", key=key)
    if until == "accepted":
        await (engine.intents.accepted(job, job._parts) if new else engine.intents.joined(job))
    return cast("HybridJob", job)
