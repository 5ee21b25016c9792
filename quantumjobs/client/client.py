"""The client: where providers, the ledger and the engine meet. One per event loop."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

from msgspec import Struct

from quantumjobs.abc import Ledger, Lists, Provider
from quantumjobs.client.backend import Backend
from quantumjobs.core.events import AnyEvent
from quantumjobs.core.states import JobState
from quantumjobs.engine.showing import Progress, Show
from quantumjobs.errors import CredentialError, ProviderError, UsageError
from quantumjobs.registry import Registry, parse
from quantumjobs.workers.beside import beside

if TYPE_CHECKING:
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.job import Job
    from quantumjobs.engine.policies import Policy

log = logging.getLogger("quantumjobs")
_ENGINE = "quantumjobs.engine.engine"
_LEDGER = "quantumjobs.ledgers.memory"


class Occurrence(Struct, frozen=True):
    """One entry of `client.events()`. `cursor` continues from here, also in another process on the same ledger."""

    cursor: int
    record_id: str
    event: AnyEvent


class Client:
    """Runs circuits anywhere and follows the jobs.

        async with Client() as client:
            job = await client.backend("aer").run(bell)
            result = await job.result()

    Or without `async with`: it starts at its first use and ends with `await client.aclose()`. Leaving it detaches from
    remote jobs, which go on, and cancels local simulations. It belongs to the event loop it was first used in.

    `ledger` is "memory" (kept while the program runs) or a `Ledger`. `providers` maps "aqt" or "aqt:lab2" to settings,
    or a name of your own to a provider object. `config` is a path to a TOML file with the same settings; by default
    `QUANTUMJOBS_CONFIG`'s, else the user's. `policies` maps the same keys to `Policy` objects. With
    `progress`, waits draw a bar unless they say otherwise.
    """

    def __init__(
        self,
        *,
        ledger: Literal["memory"] | Ledger = "memory",
        providers: Mapping[str, Provider | Mapping[str, Any]] | None = None,
        config: str | os.PathLike[str] | None = None,
        policies: Mapping[str, Policy] | None = None,
        progress: bool = False,
    ) -> None:
        if isinstance(ledger, str) and ledger != "memory":
            raise UsageError(f"ledger={ledger!r}: say 'memory' or give a Ledger")
        self._ledger = ledger
        self._registry = Registry(providers, config)
        self._policies = policies
        self._engine: Engine | None = None
        self._starting: asyncio.Lock | None = None
        self._limits: dict[str, int] = {}
        self._making: dict[str, asyncio.Future[Provider]] = {}
        self._progress = Progress(_bars, always=bool(progress))

    def __repr__(self) -> str:
        state = "new" if self._engine is None else "closed" if self.closed else "open"
        return f"<Client {state} {', '.join(self._registry.keys())}>"

    @property
    def closed(self) -> bool:
        """True once it is being closed: nothing can be asked of it any more."""
        return self._engine is not None and self._engine.closed

    @property
    def progress(self) -> bool:
        """Whether waits draw a bar when they do not say; False unless you set it."""
        return self._progress.always

    @progress.setter
    def progress(self, value: bool) -> None:
        self._progress.always = bool(value)

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Detach from remote jobs, cancel local simulations, and end everything this client started."""
        if self._engine is not None:
            await self._engine.close()
            if self._ledger == "memory":
                await self._engine.ledger.aclose()

    async def _start(self) -> Engine:
        if self._engine is not None:
            self._engine.check_open()
            return self._engine
        if self._starting is None:
            self._starting = asyncio.Lock()
        async with self._starting:
            if self._engine is None:
                if _ENGINE not in sys.modules:  # takes longer than the loop may stall
                    await beside(self._import)
                from quantumjobs.engine.engine import Engine
                from quantumjobs.ledgers.memory import MemoryLedger

                ledger = MemoryLedger() if isinstance(self._ledger, str) else self._ledger
                engine = Engine(
                    ledger,
                    self._provider,
                    policies=self._policies,
                    limits=self._limits,
                    progress=self._progress,
                )
                await engine.sharing.start()
                self._engine = engine
        return self._engine

    def _import(self) -> None:
        for module in (_ENGINE, _LEDGER, *self._registry.modules()):
            importlib.import_module(module)

    async def _provider(self, key: str) -> Provider:
        """The plug-in; made beside the loop, since that imports much and may read files."""
        if self._registry.is_made(key):
            return self._registry.provider(key)
        making = self._making.get(key)
        if making is None or making.done():  # once for all who ask; again after an error, since files change
            making = self._making[key] = beside(self._registry.provider, key)
        return await asyncio.shield(making)

    # --- backends ---------------------------------------------------------------------------
    def backend(self, address: str, *, limit: int | None = None) -> Backend:
        """The backend at `provider[:account][/name]`; no I/O.

        With `limit`, at most so many of its jobs are in flight at a time; further ones wait here, in order.
        Raises `UsageError` for an unknown provider. Its settings are checked when it is first used.
        """
        key, name = parse(address)
        self._registry.check(key)
        if limit is not None:
            if limit < 1:
                raise UsageError(f"limit={limit}: at least one job must be allowed in flight")
            self._limits[address] = limit
        return Backend(self, address, key, name)

    async def backends(self) -> list[str]:
        """The addresses of all backends that the providers set up here offer.

        A provider that cannot say is left out, and a warning is logged; its error is raised only when none answers.
        """
        engine = await self._start()
        found: list[str] = []
        errors: list[Exception] = []
        for key in self._registry.keys():  # noqa: SIM118 - not a mapping
            provider = await self._provider(key)
            lane = engine.lane(key, provider, provider.lane(""))
            try:
                adapter = await lane.adapter()
                if isinstance(adapter, Lists):
                    found += [f"{key}/{name}" if name else key for name in await lane.call(adapter.backends)]
            except (ProviderError, CredentialError) as error:
                log.warning("%s cannot list its backends: %s", key, error)
                errors.append(error)
        if errors and not found:
            raise errors[0]
        return found

    # --- jobs -------------------------------------------------------------------------------
    async def job(self, job_id: str) -> Job:
        """The job of that id. Raises `LedgerError` for one that the ledger does not hold."""
        return await (await self._start()).finder.find(job_id)

    async def jobs(
        self,
        *,
        state: JobState | str | None = None,
        provider: str | None = None,
        tag: str | None = None,
        since: float | None = None,
    ) -> list[Job]:
        """The ledger's jobs, newest first; `since` is in seconds since the epoch."""
        engine = await self._start()
        wanted = None if state is None else JobState(state)
        handles = [
            handle
            for handle in await engine.ledger.handles(since=since, tag=tag)
            if provider is None or parse(handle.address).key.partition(":")[0] == provider.partition(":")[0]
        ]
        jobs = await engine.finder.revive(handles)
        return [job for job in jobs if wanted is None or job.state is wanted]

    async def events(self, *, since: int = 0) -> AsyncIterator[Occurrence]:
        """Everything that happens to any job, from a cursor on, without end."""
        engine = await self._start()
        cursor = since
        while True:
            for at, record_id, event in await engine.finder.events(cursor):
                cursor = at
                yield Occurrence(cursor, record_id, event)


def _bars() -> Show:
    from quantumjobs.display.bars import bars

    return bars()
