"""The connections of one account: to the service in each region, to S3, and to STS."""

from __future__ import annotations

from contextlib import AsyncExitStack

from quantumjobs.adapters.braket.settings import Settings
from quantumjobs.wire import Credential, Wire
from quantumjobs.wire.pools import Make
from quantumjobs.wire.sigv4 import Signer

AGENT = "quantumjobs BraketSchemas/1.32.1"
"""GetDevice leaves the OpenQASM action out for clients that do not name a schema version as new as 1.8.0."""


class Connections:
    """Each is opened when it is first asked for, and closed with `stack`."""

    def __init__(
        self,
        settings: Settings,
        region: str,
        credential: Credential,
        stack: AsyncExitStack,
        *,
        transport: Make | None = None,
    ) -> None:
        self.settings = settings
        self.region = region
        self._credential = credential
        self._stack = stack
        self._transport = transport
        self._wires: dict[tuple[str, str], tuple[Wire, Signer]] = {}

    @property
    def ahead(self) -> float:
        """Seconds by which the service's clock is ahead of this machine's, as far as it is known."""
        return max((signer.offset for _, signer in self._wires.values()), key=abs, default=0.0)

    def braket(self, region: str = "") -> Wire:
        """The service in a region; by default the lane's."""
        return self._open("braket", region)

    def identity(self) -> Wire:
        """STS."""
        return self._open("sts", "")
