"""The plug-in: what there is under `iqm`, how it behaves, and how to open it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

from quantumjobs.abc import Adapter, Report
from quantumjobs.adapters.iqm import settings as iqm_settings
from quantumjobs.adapters.iqm.codec import IqmCodec
from quantumjobs.adapters.iqm.options import admitted
from quantumjobs.adapters.iqm.server import ServerAdapter
from quantumjobs.core.states import Fetch
from quantumjobs.core.traits import Traits, Unknown
from quantumjobs.errors import UsageError, unknown_name
from quantumjobs.wire import Wire, transports
from quantumjobs.wire.pools import Make

FAMILY = "server"
# No key makes a second submit harmless, and nothing can be looked for: in doubt, the user decides. The default
# calibration set changes once in a while, and the vendor's client asks for it before every job.
TRAITS = Traits(submit=Unknown(), fetch=Fetch.EAGER, bulk=1, min_interval=1.0, described_for=300.0)
_TIMESLOT = ":timeslot"


class IqmProvider:
    """One account at one IQM Server: IQM Resonance, or a quantum computer on your premises.

    `transport` makes the connections; for tests, and for who brings a transport of their own.
    """

    name = "iqm"

    def __init__(self, settings: iqm_settings.Settings, *, transport: Make | None = None) -> None:
        self._settings = settings
        self._transport = transport
        self._codec = IqmCodec()

    def __repr__(self) -> str:
        return f"<IqmProvider {self._settings.url} {self._settings.account}>"

    @property
    def codec(self) -> IqmCodec:
        return self._codec

    def family(self, backend: str) -> str:  # noqa: ARG002 - all quantum computers behave alike
        return FAMILY

    def traits(self, family: str) -> Traits:
        if family != FAMILY:
            raise unknown_name("family", family, [FAMILY], where="iqm")
        return TRAITS

    def lane(self, backend: str) -> str:  # noqa: ARG002 - one server has all of an account's quantum computers
        return f"iqm:{self._settings.url}:{self._settings.account}"

    def admit(self, backend: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Check the options; see `options.admitted`."""
        alias, slash, calibration = backend.partition("/")
        where = f"iqm/{backend}" if backend else "iqm"
        if alias.endswith(_TIMESLOT):
            raise UsageError(f"{where}: write iqm/{alias.removesuffix(_TIMESLOT)} and give use_timeslot=True to run()")
        if slash and (not calibration or "/" in calibration):
            raise UsageError(f"{where}: write iqm/<alias>, or iqm/<alias>/<calibration set id>")
        found = admitted(options, where=where)
        wanted = found.get("calibration_set_id")
        if calibration and wanted not in {None, calibration}:
            raise UsageError(f"{where} names another calibration set than calibration_set_id={wanted!r}")
        return found, {}

    def described(self, backend: str, options: Mapping[str, Any]) -> str:
        """Circuits are prepared for the calibration set that they are to run with."""
        wanted = options.get("calibration_set_id")
        return backend if not wanted or "/" in backend else f"{backend}/{wanted}"

    def connect(self, lane: str, report: Report) -> AbstractAsyncContextManager[Adapter]:  # noqa: ARG002 - one lane, and no pushes
        """Raises `CredentialError` where a token is needed and none is there, saying where we looked."""
        return self._server()

    @asynccontextmanager
    async def _server(self) -> AsyncIterator[Adapter]:
        settings = self._settings
        credential = iqm_settings.credential(settings)
        await credential.get()  # a missing one is told now, not at the first request
        async with Wire(
            settings.url,
            provider="iqm",
            credential=credential,
            transport=self._transport,
            deadlines=settings.deadlines,
        ) as wire:
            yield ServerAdapter(wire, settings.computer)


def provider(settings: Mapping[str, Any]) -> IqmProvider:
    """From the settings in configuration or code; see `settings.NAMES`. Not in an event loop: it reads files."""
    given = dict(settings)
    transport = given.pop("transport", None)
    if transport is None:
        transports.prepare()
    elif not callable(transport):
        raise UsageError("iqm: setting 'transport' must be a function from a URL to an httpx transport")
    return IqmProvider(iqm_settings.read(given), transport=cast("Make | None", transport))
