"""The I/O half: simulations in workers; see `workers.local`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec

from quantumjobs.abc import Raw, Status
from quantumjobs.adapters.aer import options
from quantumjobs.adapters.aer.codec import SCHEMA, About
from quantumjobs.core.records import Progress
from quantumjobs.core.states import JobState
from quantumjobs.workers.aer import Outcome
from quantumjobs.workers.local import LocalAdapter

_SHOWN = 5  # failed circuits named in a reason


class AerAdapter(LocalAdapter):
    """Aer's simulations on one runner."""

    async def describe(self, backend: str) -> bytes:
        """Versions, cores, memory, methods and options: `codec.About` as JSON."""
        options.method_of(backend)
        about = About(
            method=options.method_of(backend),
            cores=self._runner.cores,
            memory=self._runner.memory,
            qiskit=_version("qiskit"),
            aer=_version("qiskit-aer"),
            methods=options.METHODS,
            options=tuple(sorted(options.NAMES)),
        )
        return msgspec.json.encode(about)

    async def backends(self) -> Sequence[str]:
        """The methods: `aer/<method>`."""
        return options.METHODS

    def ended(self, body: bytes) -> Status:
        """From the outcome's first fields; the result itself is only handed on."""
        outcome = _outcome.decode(body)
        raw = Raw(SCHEMA, {"outcome": body})
        progress = Progress(outcome.count - len(outcome.failed), outcome.count)
        if not outcome.failed:
            return Status(state=JobState.COMPLETED, raw_status="completed", progress=progress, result=raw)
        return Status(
            state=JobState.FAILED, raw_status="failed", progress=progress, reason=_reason(outcome), result=raw
        )


def _reason(outcome: Outcome) -> str:
    if outcome.count == 1:
        return outcome.failed[0][2]
    shown = "; ".join(f"[{place}] {name}: {error}" for place, name, error in outcome.failed[:_SHOWN])
    more = len(outcome.failed) - _SHOWN
    return (
        f"{len(outcome.failed)} of {outcome.count} circuits failed: {shown}{f'; and {more} more' if more > 0 else ''}"
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


_outcome: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(Outcome)
