"""The plug-in: what there is under `aer`, how it behaves, and how to open it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from quantumjobs.abc import Adapter, Report
from quantumjobs.adapters.aer import options as aer_options
from quantumjobs.adapters.aer.adapter import AerAdapter
from quantumjobs.adapters.aer.codec import AerCodec
from quantumjobs.adapters.aer.runners import ExecutorRunner
from quantumjobs.core.states import Fetch
from quantumjobs.core.traits import Rerunnable, Traits
from quantumjobs.errors import UsageError, unknown_name
from quantumjobs.workers.aer import SIMULATE
from quantumjobs.workers.runners import PoolRunner, Runner

RUNS = 3
"""How often a simulation whose worker died is begun, the first time included."""

# A worker that died is known at once, not by silence: one "gone" is enough to run the job again.
TRAITS = Traits(
    submit=Rerunnable(RUNS), fetch=Fetch.INLINE, bulk=10_000, pushes=True, gone_after=1, gone_for=0.0, min_interval=5.0
)
SETTINGS = ("executor", "memory", "workers")


class AerProvider:
    """Local simulation. Settings: `workers` (processes), `memory` (bytes for all of them), or an `executor`.

    `executor` is any `concurrent.futures.Executor`, or a function that makes one; what it makes is ours to shut down,
    and is made anew when it breaks.
    """

    name = "aer"

    def __init__(
        self,
        *,
        executor: Executor | Callable[[], Executor] | None = None,
        workers: int | None = None,
        memory: int | None = None,
    ) -> None:
        for name, value in (("workers", workers), ("memory", memory)):
            if value is not None and (type(value) is not int or value < 1):
                raise UsageError(f"aer: setting {name!r} must be a positive whole number, not {value!r}")
        if executor is not None and not (callable(executor) or callable(getattr(executor, "submit", None))):
            raise UsageError(
                "aer: setting 'executor' must be a concurrent.futures.Executor or a function that makes one, "
                f"not {type(executor).__qualname__}"
            )
        self._executor = executor
        self._workers = workers
        self._memory = memory
        self._codec = AerCodec()

    def __repr__(self) -> str:
        return "<AerProvider>" if self._executor is None else f"<AerProvider executor={self._executor!r}>"

    @property
    def codec(self) -> AerCodec:
        """Prepares in workers; decoding is trivial."""
        return self._codec

    @property
    def executor(self) -> Executor | Callable[[], Executor] | None:
        """As given; None: our own workers."""
        return self._executor

    def lane(self, backend: str) -> str:
        """One lane: this machine."""
        aer_options.method_of(backend)
        return "aer:local:default"

    def family(self, backend: str) -> str:
        """All methods behave alike."""
        aer_options.method_of(backend)
        return "local"

    def traits(self, family: str) -> Traits:
        """Of the only family."""
        if family != "local":
            raise unknown_name("family", family, ("local",), where="aer")
        return TRAITS

    def admit(self, backend: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
        """Check the options; see `options.admit`."""
        return aer_options.admit(backend, options)

    def connect(self, lane: str, report: Report) -> AbstractAsyncContextManager[Adapter]:  # noqa: ARG002 - there is one
        """Open the workers; leaving ends every simulation that still runs."""
        return self._connect(report)

    @asynccontextmanager
    async def _connect(self, report: Report) -> AsyncIterator[Adapter]:
        runner: Runner
        if self._executor is None:
            runner = PoolRunner(SIMULATE, self._workers, self._memory)
        else:
            runner = ExecutorRunner(self._executor, self._workers, self._memory)
        adapter = AerAdapter(runner, report)
        try:
            yield adapter
        finally:
            await adapter.aclose()
            await runner.aclose()


def provider(settings: Mapping[str, Any]) -> AerProvider:
    """The entry point: from the settings of `[providers.aer]`, or of `Client(providers={"aer": {...}})`."""
    for name in settings:
        if name not in SETTINGS:
            raise unknown_name("setting", name, SETTINGS, where="aer")
    return AerProvider(**settings)
