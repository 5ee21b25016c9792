"""The I/O half of the offline simulators: AQT's devices without AQT, in workers. No account, no network."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from quantumjobs.abc import Raw, Status
from quantumjobs.adapters.aqt.messages import About
from quantumjobs.adapters.aqt.schemas import BODY, CLOUD
from quantumjobs.core.states import JobState
from quantumjobs.errors import ProviderRejected, unknown_name
from quantumjobs.workers.local import LocalAdapter

WORKSPACE = "default"
NAMES = {
    "offline_simulator_no_noise": "Offline ideal simulator",
    "offline_simulator_noise": "Offline noisy simulator",
}
"""By id, as qiskit-aqt-provider calls them."""
BACKENDS = tuple(f"{WORKSPACE}/{name}" for name in NAMES)
QUBITS = 20


class OfflineAdapter(LocalAdapter):
    """Both simulators."""

    async def describe(self, backend: str) -> bytes:
        """`messages.About` as JSON."""
        if backend not in BACKENDS:
            problem = unknown_name("simulator", backend, BACKENDS, where="aqt")
            raise ProviderRejected(str(problem), provider="aqt", code="404")
        resource = backend.partition("/")[2]
        about = About(
            family="offline",
            workspace=WORKSPACE,
            resource=resource,
            name=NAMES[resource],
            type="offline_simulator",
            qubits=QUBITS,
            cores=self._runner.cores,
            noise=resource.endswith("_simulator_noise"),
        )
        return msgspec.json.encode(about)

    async def backends(self) -> Sequence[str]:
        """Both."""
        return BACKENDS

    def ended(self, body: bytes) -> Status:
        """The answer of `simulate`; it raised where something failed."""
        return Status(state=JobState.COMPLETED, raw_status="finished", result=Raw(CLOUD, {BODY: body}))
