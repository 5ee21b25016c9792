"""The plug-in: what there is under `originq`, how it behaves, and how to open it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

from quantumjobs.abc import Adapter, Report
from quantumjobs.adapters.originq import settings as originq_settings
from quantumjobs.adapters.originq.cloud import LANGUAGE, CloudAdapter
from quantumjobs.adapters.originq.codec import OriginqCodec
from quantumjobs.adapters.originq.options import SIMULATORS, admitted
from quantumjobs.adapters.originq.replies import denies
from quantumjobs.core.states import Fetch
from quantumjobs.core.traits import Traits, Unknown
from quantumjobs.errors import UsageError, unknown_name
from quantumjobs.wire import Secret, Unsigned, Wire, transports
from quantumjobs.wire.pools import Make

SIMULATOR, CHIP = "simulator", "chip"
# No key makes a second submit harmless, nothing can be looked for, and there is no word for cancelled. The answer that
# says finished has the result in it. pyqpanda3 looks once a second.
_TRAITS = Traits(
    submit=Unknown(),
    fetch=Fetch.INLINE,
    bulk=1,
    min_interval=1.0,
    failed_after_cancel_is_cancelled=True,
    described_for=300.0,
)
TRAITS: Mapping[str, Traits] = {SIMULATOR: _TRAITS, CHIP: _TRAITS}


def sign(request: Unsigned, key: Secret) -> None:
    """As the service knows its users: not by a scheme of RFC 9110."""
    request.headers["authorization"] = f"oqcs_auth={key.reveal()}"


class OriginqProvider:
    """One account at OriginQ's cloud.

    `transport` makes the connections; for tests, and for who brings a transport of their own.
    """

    name = "originq"

    def __init__(self, settings: originq_settings.Settings, *, transport: Make | None = None) -> None:
        self._settings = settings
        self._transport = transport
        self._codec = OriginqCodec()

    def __repr__(self) -> str:
        return f"<OriginqProvider {self._settings.url} {self._settings.account}>"

    @property
    def codec(self) -> OriginqCodec:
        return self._codec

    def family(self, backend: str) -> str:
        return SIMULATOR if backend in SIMULATORS else CHIP

    def traits(self, family: str) -> Traits:
        if family not in TRAITS:
            raise unknown_name("family", family, list(TRAITS), where="originq")
        return TRAITS[family]

    def lane(self, backend: str) -> str:  # noqa: ARG002 - one service has all of an account's backends
        return f"originq:{self._settings.url}:{self._settings.account}"

    def admit(self, backend: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Check the options; see `options.admitted`."""
        if not backend or "/" in backend:
            known = ", ".join(SIMULATORS)
            raise UsageError(f"originq/{backend}: write originq/<backend>: a simulator ({known}), or a chip by name")
        return admitted(backend, options, where=f"originq/{backend}"), {}

    def described(self, backend: str, options: Mapping[str, Any]) -> str:
        """A chip's qubits count only where the service does not place circuits itself; else nothing is asked."""
        return backend if options.get("mapping") is False else f"{backend}/any"

    def connect(self, lane: str, report: Report) -> AbstractAsyncContextManager[Adapter]:  # noqa: ARG002 - one lane, and no pushes
        """Raises `CredentialError` where there is no key, saying where we looked."""
        return self._cloud()

    @asynccontextmanager
    async def _cloud(self) -> AsyncIterator[Adapter]:
        settings = self._settings
        credential = originq_settings.credential(settings)
        await credential.get()  # a missing one is told now, not at the first request
        async with Wire(
            settings.url,
            provider="originq",
            credential=credential,
            sign=sign,
            headers=LANGUAGE,
            denies=denies,
            transport=self._transport,
            deadlines=settings.deadlines,
        ) as wire:
            yield CloudAdapter(wire)


def provider(settings: Mapping[str, Any]) -> OriginqProvider:
    """From the settings in configuration or code; see `settings.NAMES`."""
    given = dict(settings)
    transport = given.pop("transport", None)
    if transport is None:
        transports.prepare()
    elif not callable(transport):
        raise UsageError("originq: setting 'transport' must be a function from a URL to an httpx transport")
    return OriginqProvider(originq_settings.read(given), transport=cast("Make | None", transport))
