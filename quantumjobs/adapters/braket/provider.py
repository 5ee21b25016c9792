"""The plug-in: what there is under `braket`, how it behaves, and how to open it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from math import inf
from typing import Any, cast

from quantumjobs import abc
from quantumjobs.abc import Adapter, Attached, Program, Report, Request
from quantumjobs.adapters.braket import about, credentials, jobs_asked
from quantumjobs.adapters.braket import settings as braket_settings
from quantumjobs.adapters.braket.cloud import BraketAdapter
from quantumjobs.adapters.braket.codec import BraketCodec
from quantumjobs.adapters.braket.connections import Connections
from quantumjobs.adapters.braket.endpoints import arn_of, no_region, region_of
from quantumjobs.adapters.braket.jobs import HybridJobs
from quantumjobs.adapters.braket.jobs_about import HYBRID, LOCAL, device_of, folder_of, is_folder, kind_of
from quantumjobs.adapters.braket.jobs_searching import is_job
from quantumjobs.adapters.braket.jobs_storage import JobStorage
from quantumjobs.adapters.braket.options import admitted
from quantumjobs.adapters.braket.storage import Storage
from quantumjobs.core.states import Fetch
from quantumjobs.core.traffic import Rate
from quantumjobs.core.traits import Idempotent, Traits
from quantumjobs.errors import UsageError, unknown_name
from quantumjobs.wire import transports
from quantumjobs.wire.pools import Make

_JOBS, _LOCAL_JOBS = "braket-jobs", "braket-local"
"""What the names of their lanes begin with."""
SIMULATOR, QPU = "simulator", "qpu"
QUOTAS: Mapping[str, Rate] = {
    "CreateQuantumTask": Rate(20, 40),
    "GetQuantumTask": Rate(100, 500),
    "SearchQuantumTasks": Rate(5, 50),
    "CancelQuantumTask": Rate(2, 20),
    "GetDevice": Rate(5, 50),
    "SearchDevices": Rate(5, 50),
    "CreateJob": Rate(1, 5),
    "GetJob": Rate(5, 25),
    "SearchJobs": Rate(5, 50),
    "CancelJob": Rate(2, 5),
    "GetLogEvents": Rate(10, 10),
    "FilterLogEvents": Rate(5, 5),
}
"""Requests per second, and how many at once, of an account in one region; from the developer guide's page on quotas.
CloudWatch Logs is said to take five FilterLogEvents a second; what it takes of GetLogEvents is a careful guess."""
_SHARED = frozenset({"GetQuantumTask", "SearchQuantumTasks", "GetJob", "SearchJobs", "GetLogEvents", "FilterLogEvents"})
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


_JOB_CHANNELS: Mapping[str, str] = {
    "submit": "CreateJob",
    "poll": "GetJob",
    "survey": "SearchJobs",
    "find": "SearchJobs",
    "cancel": "CancelJob",
    "logs": "GetLogEvents",
    "metrics": "FilterLogEvents",
}


class BraketProvider:
    """One account's quantum tasks and hybrid jobs, in every region; and hybrid jobs that run on this machine.

    `transport` makes the connections; for tests, and for who brings a transport of their own.
    """

    name = "braket"

    def __init__(self, settings: braket_settings.Settings, *, transport: Make | None = None) -> None:
        self._settings = settings
        self._transport = transport
        self._codec = BraketCodec()
        self._traits = {
            **{family: _traits(family, settings) for family in (SIMULATOR, QPU)},
            HYBRID: _job_traits(settings),
            LOCAL: LOCAL_TRAITS,
        }

    def __repr__(self) -> str:
        return f"<BraketProvider {self._settings.region} {self._settings.account}>"

    @property
    def codec(self) -> BraketCodec:
        return self._codec

    def family(self, backend: str) -> str:
        """Of a name that begins with `hybrid/` or `local/`, which run programs, that word."""
        if kind := kind_of(backend):
            return kind
        return SIMULATOR if about.is_simulator(self._arn(backend)) else QPU

    def traits(self, family: str) -> Traits:
        if family not in self._traits:
            raise unknown_name("family", family, self._traits, where="braket")
        return self._traits[family]

    def lane(self, backend: str) -> str:
        """Of the device's region; of what is in several, the account's. Programs have lanes of their own.

        What the service allows of hybrid jobs is apart from what it allows of tasks.
        """
        kind = kind_of(backend)
        if kind == LOCAL:
            return f"{_LOCAL_JOBS}:{self._settings.account}"
        if kind == HYBRID:
            device = device_of(backend, self._settings.devices)
            region = region_of(device) if device.startswith("arn:") else ""
            return self._lane(region or self._settings.region, _JOBS)
        return self._lane(region_of(self._arn(backend)) or self._settings.region)

    def lanes(self) -> Sequence[str]:
        """A lane for each region whose devices are listed."""
        return [self._lane(region) for region in self._settings.regions]

    def _lane(self, region: str, service: str = "braket") -> str:
        if not region:
            raise no_region()
        return f"{service}:{region}:{self._settings.account}:{self._settings.endpoint_url or 'aws'}"

    def _arn(self, backend: str) -> str:
        if not backend:
            raise UsageError("braket: write braket/<device>: a short name such as sv1, or the device's ARN")
        return arn_of(backend, self._settings.devices)

    def least_shots(self, backend: str) -> int:
        """Simulators compute values exactly."""
        return 0 if self.family(backend) == SIMULATOR else 1

    def admit(self, backend: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Check the device's name and the options; see `options.admitted`."""
        if kind_of(backend):
            raise UsageError(f"braket/{backend} runs programs, and not circuits: client.hybrid_job(...)")
        self._arn(backend)
        return admitted(options, where=f"braket/{backend}"), {}

    # --- programs ---------------------------------------------------------------------------
    def program(self, program: Program) -> Request:
        """Check and pack it; see `jobs_asked.request`."""
        backend = f"{LOCAL if program.local else HYBRID}/{program.device}"
        device = device_of(backend, self._settings.devices)
        if not device:
            raise UsageError(
                "braket: write braket/<device> for the device that the program has priority on, "
                "or braket/local:<provider>/<name> for a simulator that it brings with it"
            )
        return jobs_asked.request(program, backend, device)

    def attached(self, backend: str, remote_id: str) -> Attached:
        """Told by the id: an ARN of a hybrid job, or the folder of a local one, also as the vendor's SDK writes it."""
        kind = kind_of(backend) or (HYBRID if is_job(remote_id) else LOCAL if is_folder(remote_id) else "")
        if not kind:
            return Attached(backend, remote_id)
        if not kind_of(backend):
            backend = f"{kind}/{backend}" if backend else kind
        return Attached(backend, folder_of(remote_id) if kind == LOCAL else remote_id, abc.HYBRID)

    def connect(self, lane: str, report: Report) -> AbstractAsyncContextManager[Adapter]:  # noqa: ARG002 - no pushes
        """Raises `CredentialError` where there are no credentials, saying where we looked."""
        service, region = lane.split(":")[:2]
        return self._local() if service == _LOCAL_JOBS else self._cloud(region, jobs=service == _JOBS)

    @asynccontextmanager
    async def _local(self) -> AsyncIterator[Adapter]:
        from quantumjobs.adapters.braket.local import LocalJobs  # rarely needed, and all of it is about this machine

        yield LocalJobs(self._settings.local_jobs, self._settings.devices)

    @asynccontextmanager
    async def _cloud(self, region: str, *, jobs: bool) -> AsyncIterator[Adapter]:
        credential = credentials.credential(self._settings)
        await credential.get()  # missing ones are told now, not at the first request
        async with AsyncExitStack() as stack:
            connections = Connections(self._settings, region, credential, stack, transport=self._transport)
            storage = Storage(connections)
            if jobs:
                yield HybridJobs(connections, JobStorage(connections, storage), wall=time.time)
            else:
                yield BraketAdapter(connections, storage, wall=time.time)


def _rates(settings: braket_settings.Settings) -> dict[str, Rate]:
    return {
        name: settings.quotas.get(name, _part(rate, settings.quota_share if name in _SHARED else _MARGIN))
        for name, rate in QUOTAS.items()
    }


def _traits(family: str, settings: braket_settings.Settings) -> Traits:
    """The token is the service's key for `window` seconds; after that a task can be looked for, and not be disproved.

    The vendor's SDK looks once a second.
    """
    rates = _rates(settings)
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


def _job_traits(settings: braket_settings.Settings) -> Traits:
    """What a program saved stays in S3 until somebody asks: the archive that it is in may be large.

    The vendor's SDK looks every five seconds.
    """
    return Traits(
        submit=Idempotent(window=settings.window),
        fetch=Fetch.LAZY,
        bulk=1,
        min_interval=5.0,
        described_for=300.0,
        rates=_rates(settings),
        channels=dict(_JOB_CHANNELS),
    )


LOCAL_TRAITS = Traits(submit=Idempotent(window=inf), fetch=Fetch.LAZY, bulk=100, min_interval=0.2, gone_for=5.0)
"""A folder is made and begun once for each token, whoever asks; what is gone from a disk does not come back."""


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
