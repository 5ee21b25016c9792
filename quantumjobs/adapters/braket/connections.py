"""The connections of one account: to the service in each region, to S3, STS, CloudWatch Logs and IAM."""

from __future__ import annotations

from contextlib import AsyncExitStack

from quantumjobs.adapters.braket.replies import denies
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
        self._wires: dict[tuple[str, str, str], tuple[Wire, Signer]] = {}

    @property
    def ahead(self) -> float:
        """Seconds by which the service's clock is ahead of this machine's, as far as it is known."""
        return max((signer.offset for _, signer in self._wires.values()), key=abs, default=0.0)

    def braket(self, region: str = "") -> Wire:
        """The service in a region; by default the lane's."""
        where = region or self.region
        return self._open("braket", self.settings.endpoints.of("braket", where), where)

    def logs(self, region: str = "") -> Wire:
        """CloudWatch Logs in a region; by default the lane's."""
        where = region or self.region
        return self._open("logs", self.settings.endpoints.of("logs", where), where)

    def roles(self) -> Wire:
        """IAM, which is one for all regions."""
        return self._open("iam", self.settings.endpoints.of("iam", self.region), "us-east-1")

    def identity(self) -> Wire:
        """STS."""
        return self._open("sts", self.settings.endpoints.of("sts", self.region), self.region)

    def storage(self, bucket: str, region: str = "") -> tuple[Wire, str]:
        """S3, and the path before a key of that bucket. Raises `UsageError` for what is no bucket's name."""
        where = region or self.region
        url, path = self.settings.endpoints.bucket(bucket, where)
        return self._open("s3", url, where), path

    def _open(self, service: str, url: str, region: str) -> Wire:
        key = (service, url, region)
        if key not in self._wires:
            signer = Signer(service, region)
            signer.offset = self.ahead  # the services' clocks are one: what another one taught need not be learnt anew
            wire = Wire(
                url,
                provider="braket",
                credential=self._credential,
                sign=signer,
                mistimed=signer.mistimed,
                denies=denies,
                agent=AGENT,
                deadlines=self.settings.deadlines,
                transport=self._transport,
                exact=True,
            )
            self._stack.push_async_exit(wire)
            self._wires[key] = wire, signer
        return self._wires[key][0]

    async def drop(self) -> None:
        """Drop pooled connections: after a suspend they are dead."""
        for wire, _ in self._wires.values():
            await wire.drop_connections()
