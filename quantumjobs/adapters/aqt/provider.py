"""The plug-in: what there is under `aqt`, how it behaves, and how to open it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

from quantumjobs.abc import Adapter, Identity, Report, Show, SignedOut
from quantumjobs.adapters import checks
from quantumjobs.adapters.aqt import offline
from quantumjobs.adapters.aqt import settings as aqt_settings
from quantumjobs.adapters.aqt.cloud import CloudAdapter
from quantumjobs.adapters.aqt.codec import AqtCodec
from quantumjobs.adapters.aqt.direct import DirectAdapter
from quantumjobs.adapters.aqt.options import admitted
from quantumjobs.adapters.aqt.signin import SignIn
from quantumjobs.adapters.aqt.simulate import SIMULATE
from quantumjobs.core.states import Fetch
from quantumjobs.core.traits import Rerunnable, Traits, Unknown
from quantumjobs.errors import UsageError, unknown_name
from quantumjobs.wire import Credential, Secret, Wire, transports
from quantumjobs.wire.pools import Make
from quantumjobs.workers.runners import PoolRunner

DIRECT = "direct"
TRAITS = {
    # No key makes a second submit harmless, and nothing can be looked for: in doubt, the user decides.
    "cloud": Traits(submit=Unknown(), fetch=Fetch.INLINE, bulk=1, min_interval=0.5),
    # One circuit a request; the device answers a look when that is run.
    "direct": Traits(submit=Unknown(), fetch=Fetch.INLINE, bulk=1, holds=True, min_interval=0.5),
    # A worker that died is known at once, not by silence: one "gone" is enough to run the job again.
    "offline": Traits(
        submit=Rerunnable(), fetch=Fetch.INLINE, bulk=1000, pushes=True, gone_after=1, gone_for=0.0, min_interval=5.0
    ),
}


class AqtProvider:
    """AQT's cloud, devices with direct access, and the offline simulators: each in lanes of its own.

    `transport` makes the connections; for tests, and for who brings a transport of their own.
    """

    name = "aqt"

    def __init__(self, settings: aqt_settings.Settings, *, transport: Make | None = None) -> None:
        self._settings = settings
        self._transport = transport
        self._codec = AqtCodec()
        self._sign_in = SignIn(settings, transport=transport)
        self._signed_in = False

    def __repr__(self) -> str:
        return f"<AqtProvider {self._settings.url} {self._settings.account}>"

    @property
    def codec(self) -> AqtCodec:
        return self._codec

    def family(self, backend: str) -> str:
        if backend in offline.BACKENDS:
            return "offline"
        return "direct" if backend.partition("/")[0] == DIRECT else "cloud"

    def traits(self, family: str) -> Traits:
        if family not in TRAITS:
            raise unknown_name("family", family, TRAITS, where="aqt")
        return TRAITS[family]

    def lane(self, backend: str) -> str:
        """Raises `UsageError` for a device that the settings do not name."""
        account = self._settings.account
        match self.family(backend):
            case "offline":
                return f"aqt:offline:{account}"
            case "direct":
                return f"aqt:{self._device(backend)}:{account}:{DIRECT}"
            case _:
                return f"aqt:{self._settings.url}:{account}"

    def lanes(self) -> Sequence[str]:
        """The cloud's where something is set up for it, every device's, and that of the offline simulators."""
        devices = [self.lane(f"{DIRECT}/{host}") for host in self._settings.direct]
        cloud = [self.lane("")] if self._settings.given or self._signed_in else []
        return [*cloud, *devices, self.lane(offline.BACKENDS[0])]

    def _device(self, backend: str) -> str:
        host = backend.partition("/")[2]
        url = self._settings.direct.get(host.lower())
        if url is None:
            known = ", ".join(f"aqt/{DIRECT}/{one}" for one in self._settings.direct) or "none is"
            raise UsageError(
                f"aqt/{backend}: no device of that name is set up by {aqt_settings.DIRECT_VARIABLE} or the setting "
                f"'direct_url'; known: {known}"
            )
        return url

    def admit(self, backend: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Check the options; see `options.admitted`."""
        workspace, _, resource = backend.partition("/")
        if not workspace or not resource or "/" in resource:
            raise UsageError(
                f"aqt/{backend}: write aqt/<workspace>/<resource> or aqt/{DIRECT}/<host>; client.backends() lists those "
                "of your account"
            )
        return admitted(self.family(backend), options, where=f"aqt/{backend}"), {}

    def connect(self, lane: str, report: Report) -> AbstractAsyncContextManager[Adapter]:
        """Raises `CredentialError` where the cloud's is missing, saying where we looked."""
        if lane == self.lane(offline.BACKENDS[0]):
            return self._simulators(report)
        for host, url in self._settings.direct.items():
            if lane == self.lane(f"{DIRECT}/{host}"):
                return self._direct(host, url)
        return self._cloud()

    @asynccontextmanager
    async def _cloud(self) -> AsyncIterator[Adapter]:
        credential = self._sign_in.credential()
        await credential.get()  # a missing one is told now, not at the first request
        async with self._wire(self._settings.url, credential) as wire:
            yield CloudAdapter(wire)

    @asynccontextmanager
    async def _direct(self, host: str, url: str) -> AsyncIterator[Adapter]:
        """With the static token, as qiskit-aqt-provider 1.x sends it; a device may need none."""
        settings = self._settings

        async def source(fresh: bool) -> Secret | None:  # noqa: ARG001 - every reading looks again
            return await aqt_settings.static_token(settings)

        advice = checks.looked_at(aqt_settings.places(settings))
        credential = Credential(source, origin=aqt_settings.origin(settings), advice=advice)
        async with self._wire(url, credential) as wire:
            yield DirectAdapter(wire, f"{DIRECT}/{host}")

    def _wire(self, url: str, credential: Credential) -> Wire:
        return Wire(
            url, provider="aqt", credential=credential, transport=self._transport, deadlines=self._settings.deadlines
        )

    async def sign_in(self, show: Show) -> Identity:
        """See `SignsIn`."""
        found = await self._sign_in.sign_in(show)
        self._signed_in = True
        return found

    async def sign_out(self) -> SignedOut:
        """See `SignsIn`."""
        return await self._sign_in.sign_out()

    async def identity(self) -> Identity:
        """See `SignsIn`."""
        return await self._sign_in.identity()

    @asynccontextmanager
    async def _simulators(self, report: Report) -> AsyncIterator[Adapter]:
        runner = PoolRunner(SIMULATE)
        adapter = offline.OfflineAdapter(runner, report)
        try:
            yield adapter
        finally:
            await adapter.aclose()
            await runner.aclose()


def provider(settings: Mapping[str, Any]) -> AqtProvider:
    """From the settings in configuration or code; see `settings.NAMES`. Not in an event loop: it reads files."""
    given = dict(settings)
    transport = given.pop("transport", None)
    if transport is None:
        transports.prepare()
    elif not callable(transport):
        raise UsageError("aqt: setting 'transport' must be a function from a URL to an httpx transport")
    return AqtProvider(aqt_settings.read(given), transport=cast("Make | None", transport))
