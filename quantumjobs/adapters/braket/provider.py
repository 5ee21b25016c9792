"""The plug-in: what there is under `braket`, how it behaves, and how to open it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, cast

from quantumjobs.abc import Adapter, Report
from quantumjobs.adapters.braket import about, credentials
from quantumjobs.adapters.braket import settings as braket_settings
from quantumjobs.adapters.braket.cloud import BraketAdapter
from quantumjobs.adapters.braket.codec import BraketCodec
from quantumjobs.adapters.braket.connections import Connections
from quantumjobs.adapters.braket.endpoints import arn_of, region_of
from quantumjobs.adapters.braket.options import admitted
from quantumjobs.adapters.braket.storage import Storage
from quantumjobs.core.states import Fetch
from quantumjobs.core.traffic import Rate
from quantumjobs.core.traits import Idempotent, Traits
from quantumjobs.errors import UsageError, unknown_name
from quantumjobs.wire import transports
from quantumjobs.wire.pools import Make

SIMULATOR, QPU = "simulator", "qpu"
QUOTAS: Mapping[str, Rate] = {
    "CreateQuantumTask": Rate(20, 40),
    "GetQuantumTask": Rate(100, 500),
    "SearchQuantumTasks": Rate(5, 50),
    "CancelQuantumTask": Rate(2, 20),
    "GetDevice": Rate(5, 50),
    "SearchDevices": Rate(5, 50),
}
"""Requests per second, and how many at once, of an account in one region; from the developer guide's page on quotas."""
_SHARED = frozenset({"GetQuantumTask", "SearchQuantumTasks"})
"""What the poller sends by itself: of these it uses a part, since the account's other clients look, too."""
_MARGIN = 0.9
"""Of the others: requests that leave here one after the other may arrive closer together."""
_CHANNELS: Mapping[str, str] = {
    "submit": "CreateQuantumTask",
    "poll": "GetQuantumTask",
    "survey": "SearchQuantumTasks",
    "find": "SearchQuantumTasks",
    "cancel": "CancelQuantumTask",
    "describe": "GetDevice",
    "backends": "SearchDevices",
}


class BraketProvider:
    """One account's quantum tasks, in every region.

    `transport` makes the connections; for tests, and for who brings a transport of their own.
    """

    name = "braket"

    def __init__(self, settings: braket_settings.Settings, *, transport: Make | None = None) -> None:
        self._settings = settings
        self._transport = transport
        self._codec = BraketCodec()
        self._traits = {family: _traits(family, settings) for family in (SIMULATOR, QPU)}

    def __repr__(self) -> str:
        return f"<BraketProvider {self._settings.region} {self._settings.account}>"

    @property
    def codec(self) -> BraketCodec:
        return self._codec

    def family(self, backend: str) -> str:
        return SIMULATOR if about.is_simulator(self._arn(backend)) else QPU

    def traits(self, family: str) -> Traits:
        if family not in self._traits:
            raise unknown_name("family", family, self._traits, where="braket")
        return self._traits[family]

    def lane(self, backend: str) -> str:
        """Of the device's region; of the simulators, which are in several, the account's."""
        return self._lane(region_of(self._arn(backend)) or self._settings.region)

    def lanes(self) -> Sequence[str]:
        """A lane for each region whose devices are listed."""
        return [self._lane(region) for region in self._settings.regions]

    def _lane(self, region: str) -> str:
        return f"braket:{region}:{self._settings.account}:{self._settings.endpoint_url or 'aws'}"

    def _arn(self, backend: str) -> str:
        if not backend:
            raise UsageError("braket: write braket/<device>: a short name such as sv1, or the device's ARN")
        return arn_of(backend, self._settings.devices)

    def least_shots(self, backend: str) -> int:
        """Simulators compute values exactly."""
        return 0 if self.family(backend) == SIMULATOR else 1

    def admit(self, backend: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Check the device's name and the options; see `options.admitted`."""
        self._arn(backend)
        return admitted(options, where=f"braket/{backend}"), {}

    def connect(self, lane: str, report: Report) -> AbstractAsyncContextManager[Adapter]:  # noqa: ARG002 - no pushes
        """Raises `CredentialError` where there are no credentials, saying where we looked."""
        return self._cloud(lane.split(":")[1])

    @asynccontextmanager
    async def _cloud(self, region: str) -> AsyncIterator[Adapter]:
        credential = credentials.credential(self._settings)
        await credential.get()  # missing ones are told now, not at the first request
        async with AsyncExitStack() as stack:
            connections = Connections(self._settings, region, credential, stack, transport=self._transport)
            yield BraketAdapter(connections, Storage(connections), wall=time.time)


def _traits(family: str, settings: braket_settings.Settings) -> Traits:
    """The token is the service's key for `window` seconds; after that a task can be looked for, and not be disproved.

    The vendor's SDK looks once a second.
    """
    rates = {
        name: settings.quotas.get(name, _part(rate, settings.quota_share if name in _SHARED else _MARGIN))
        for name, rate in QUOTAS.items()
    }
    rates["survey"] = rates["SearchQuantumTasks"]  # of which surveys take no more, so that a search has its turn
    return Traits(
        submit=Idempotent(window=settings.window),
        fetch=Fetch.EAGER,
        bulk=1,
        min_interval=1.0,
        in_flight=settings.in_flight if family == SIMULATOR else None,
        described_for=300.0,
        rates=rates,
        channels=dict(_CHANNELS),
    )


def _part(rate: Rate, share: float) -> Rate:
    return Rate(rate.per_second * share, max(1, int(rate.burst * share)))


def provider(settings: Mapping[str, Any]) -> BraketProvider:
    """From the settings in configuration or code; see `settings.NAMES`. Not in an event loop: it reads files."""
    given = dict(settings)
    transport = given.pop("transport", None)
    if transport is None:
        transports.prepare()
    elif not callable(transport):
        raise UsageError("braket: setting 'transport' must be a function from a URL to an httpx transport")
    return BraketProvider(braket_settings.read(given), transport=cast("Make | None", transport))
