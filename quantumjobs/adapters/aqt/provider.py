"""The plug-in: what there is under `aqt`, how it behaves, and how to open it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

from quantumjobs.abc import Adapter, Report
from quantumjobs.adapters.aqt import settings as aqt_settings
from quantumjobs.adapters.aqt.adapter import AqtAdapter
from quantumjobs.adapters.aqt.codec import AqtCodec
from quantumjobs.core.states import Fetch
from quantumjobs.core.traits import Traits, Unknown
from quantumjobs.errors import UsageError, unknown_name
from quantumjobs.wire import Credential, Secret, Wire, transports
from quantumjobs.wire.pools import Make

OPTIONS = ("label",)
# No key makes a second submit harmless, and nothing can be looked for: in doubt, the user decides.
TRAITS = Traits(submit=Unknown(), fetch=Fetch.INLINE, bulk=1, min_interval=0.5)


class AqtProvider:
    """AQT's cloud. `transport` makes the connection; for tests, and for who brings a transport of their own."""

    name = "aqt"

    def __init__(self, settings: aqt_settings.Settings, *, transport: Make | None = None) -> None:
        self._settings = settings
        self._transport = transport
        self._codec = AqtCodec()

    def __repr__(self) -> str:
        return f"<AqtProvider {self._settings.url} {self._settings.account}>"

    @property
    def codec(self) -> AqtCodec:
        return self._codec

    def lane(self, backend: str) -> str:  # noqa: ARG002 - one for all resources of the portal
        return f"aqt:{self._settings.url}:{self._settings.account}"

    def family(self, backend: str) -> str:  # noqa: ARG002 - as above
        return "cloud"

    def traits(self, family: str) -> Traits:  # noqa: ARG002 - as above
        return TRAITS

    def admit(self, backend: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Options: `label` (text), which AQT shows with the job and its name tells nothing else."""
        workspace, _, resource = backend.partition("/")
        if not workspace or not resource or "/" in resource:
            raise UsageError(
                f"aqt/{backend}: write aqt/<workspace>/<resource>; client.backends() lists those of your account"
            )
        for name in options:
            if name not in OPTIONS:
                raise unknown_name("option", name, OPTIONS, where=f"aqt/{backend}")
        label = options.get("label")
        if label is not None and not isinstance(label, str):
            raise UsageError(f"label={label!r}: a text is needed")
        return {name: value for name, value in options.items() if value is not None}, {}

    def connect(self, lane: str, report: Report) -> AbstractAsyncContextManager[Adapter]:  # noqa: ARG002 - no pushes
        return self._connected()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Adapter]:
        settings = self._settings

        async def source(fresh: bool) -> Secret | None:  # noqa: ARG001 - every reading looks again
            return await aqt_settings.token(settings)

        credential = Credential(source, origin=aqt_settings.origin(settings))
        await credential.get()  # a missing one is told now, not at the first request
        async with Wire(settings.url, provider="aqt", credential=credential, transport=self._transport) as wire:
            yield AqtAdapter(wire)


def provider(settings: Mapping[str, Any]) -> AqtProvider:
    """From the settings in configuration or code; see `settings.NAMES`. Not in an event loop: it reads files."""
    given = dict(settings)
    transport = given.pop("transport", None)
    if transport is None:
        transports.prepare()
    elif not callable(transport):
        raise UsageError("aqt: setting 'transport' must be a function from a URL to an httpx transport")
    return AqtProvider(aqt_settings.read(given), transport=cast("Make | None", transport))
