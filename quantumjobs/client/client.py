"""The client: where providers, the ledger and the engine meet. One per event loop."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from msgspec import Struct

from quantumjobs.abc import Identity, Ledger, LoginPage, Provider, SignedOut, SignsIn
from quantumjobs.client import listing, signing
from quantumjobs.client.backend import Backend
from quantumjobs.core.events import AnyEvent
from quantumjobs.core.states import JobState
from quantumjobs.engine.showing import Progress, Show
from quantumjobs.engine.tokens import JobRef, is_token
from quantumjobs.engine.tokens import read as read_token
from quantumjobs.errors import CredentialError, ProviderError, UsageError
from quantumjobs.registry import Registry, parse
from quantumjobs.workers.beside import beside

if TYPE_CHECKING:
    from quantumjobs.engine.engine import Engine
    from quantumjobs.engine.hybrid import HybridJob
    from quantumjobs.engine.job import Job
    from quantumjobs.engine.policies import Policy
    from quantumjobs.ledgers.sqlite import Health

log = logging.getLogger("quantumjobs")
_ENGINE = "quantumjobs.engine.engine"


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

    `ledger` is where jobs are kept: by default the user's own file, which `QUANTUMJOBS_STATE_DIR` moves; a path;
    "memory" (kept while the program runs); or a `Ledger`, which this client closes. Jobs that an earlier program
    left behind there are followed again; with `follow="asked"` only those that this program asks for. `providers`
    maps "aqt" or "aqt:lab2" to settings, or a name of your own to a provider object. `config` is a path to a TOML
    file with the same settings; by default `QUANTUMJOBS_CONFIG`'s, else the user's. `policies` maps the same keys
    to `Policy` objects. With `progress`, waits draw a bar unless they say otherwise.
    """

    def __init__(
        self,
        *,
        ledger: str | os.PathLike[str] | Ledger | None = None,
        providers: Mapping[str, Provider | Mapping[str, Any]] | None = None,
        config: str | os.PathLike[str] | None = None,
        policies: Mapping[str, Policy] | None = None,
        progress: bool = False,
        follow: Literal["all", "asked"] = "all",
    ) -> None:
        if follow not in ("all", "asked"):
            raise UsageError(f"follow={follow!r}: say 'all' or 'asked'")
        if isinstance(ledger, str) and ledger != "memory" and not {".", "/", os.sep} & set(ledger):
            raise UsageError(f"ledger={ledger!r}: say 'memory', or a path with a suffix, such as './{ledger}.sqlite3'")
        self._ledger = ledger
        self._follow = follow
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

                engine = Engine(
                    self._open_ledger(),
                    self._provider,
                    policies=self._policies,
                    limits=self._limits,
                    progress=self._progress,
                    everything=self._follow == "all",
                )
                try:
                    await engine.sharing.start()
                except BaseException:
                    await engine.close()
                    await engine.ledger.aclose()
                    raise
                self._engine = engine
        return self._engine

    def _open_ledger(self) -> Ledger:
        """The ledger; its file is opened at its first use."""
        given = self._ledger
        if given == "memory":
            from quantumjobs.ledgers.memory import MemoryLedger

            return MemoryLedger()
        if given is None or isinstance(given, (str, os.PathLike)):
            from quantumjobs.ledgers.sqlite import SqliteLedger

            return SqliteLedger(given)
        return given

    def _import(self) -> None:
        ledger = "quantumjobs.ledgers." + ("memory" if self._ledger == "memory" else "sqlite")
        for module in (_ENGINE, ledger, *self._registry.modules()):
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

    async def backends(self, provider: str | None = None) -> list[str]:
        """The addresses of all backends that the providers set up here offer; or those of one ("aqt", "aqt:lab2").

        Who cannot say is left out, be it a provider or one of its regions, and a warning is logged. Where nobody answers
        the error is raised, `CredentialError`, `ProviderError` or `UsageError`; of one that is asked by name a
        `CredentialError` in any case.
        """
        return await listing.backends(self, await self._start(), provider)

    async def _set_up(self) -> Sequence[tuple[str, Provider]]:
        """The providers that are set up here. Raises `UsageError` for settings that are wrong."""
        found = []
        for key in self._registry.keys():  # noqa: SIM118 - no mapping
            try:
                found.append((key, await self._provider(key)))
            except UsageError as error:
                if self._registry.is_chosen(key):
                    raise
                log.info("%s is left out: %s", key, error)  # its variables may be there for other programs
        return found

    async def hybrid_job(
        self,
        device: str,
        source: Any,
        *,
        entry_point: str | None = None,
        arguments: Mapping[str, Any] | None = None,
        local: bool = False,
        name: str | None = None,
        tags: Sequence[str] = (),
        key: str | None = None,
        until: Literal["accepted", "recorded"] = "accepted",
        wait_until_complete: bool = False,
        **options: Any,
    ) -> HybridJob:
        """Have a program run beside a device, such as "braket/sv1", and return it as soon as it is accepted.

        `source` is a folder, a `.py` file, an archive in the provider's storage (`s3://...`), or a function; then
        `arguments` are what it is called with, plain JSON values, and what it returns is saved. `entry_point` is
        "package.module" or "package.module:function"; by default the folder or file itself. What is packed is kept
        before anything is sent, and uploaded before the submit, which costs nothing. With `local` the same program
        runs as a process of this machine. `wait_until_complete` prints the logs and waits for the end. `name` is its
        name at the provider, too; `tags`, `key` and `until` are as for `Backend.run`. Other `options` are the
        provider's own (of Braket: hyperparameters, input_data, instance_config, checkpoint_config, ...).

        Raises what `Backend.run` does. A name that another job has is a `JobRejected`: that job is never adopted.
        """
        from quantumjobs.client import programs

        job = await programs.submit(
            self,
            device,
            source,
            entry_point=entry_point,
            arguments=arguments,
            local=local,
            name=name,
            tags=tags,
            key=key,
            until=until,
            options=options,
        )
        if wait_until_complete:
            try:
                await job.print_logs(follow=True)
            except (ProviderError, CredentialError) as error:  # the job is there, whoever may not read its lines
                log.warning("the logs of job %s cannot be followed: %s", job.id, error)
            await job.wait()
        return job

    # --- signing in -------------------------------------------------------------------------
    async def login(self, provider: str, *, show: Callable[[LoginPage], object] | None = None) -> Identity:
        """Sign in at "aqt" or "aqt:lab2": who one is now, until when, and where that is kept.

        Where that needs you, `show` is called with a page and a code; else standard error tells them. Jobs that waited
        for a credential go on. Raises `CredentialError` where it is refused or nobody answers in time, and `UsageError`
        for a provider without a sign-in.
        """
        found = await (await self._signs_in(provider)).sign_in(show or signing.tell)
        if self._engine is not None:
            for lane in self._engine.lanes:
                if lane.key == provider:
                    lane.traffic.hurry()
        return found

    async def logout(self, provider: str) -> SignedOut:
        """Remove the sign-in that is kept: which files went, and which other credentials are still there."""
        return await (await self._signs_in(provider)).sign_out()

    async def whoami(self, provider: str) -> Identity:
        """Which credential is used, where it was found, and whether the provider takes it. Never the credential."""
        return await (await self._signs_in(provider)).identity()

    async def _signs_in(self, address: str) -> SignsIn:
        if self._engine is not None:
            self._engine.check_open()
        key = signing.key_of(address)
        self._registry.check(key)
        return signing.able(key, await self._provider(key))

    # --- jobs -------------------------------------------------------------------------------
    async def job(self, job_id: str) -> Job:
        """The job of that id, followed from here if nobody else does. Raises `LedgerError` for an unknown id."""
        return await (await self._start()).finder.find(job_id)

    async def jobs(
        self,
        *,
        state: JobState | str | None = None,
        provider: str | None = None,
        tag: str | None = None,
        since: float | None = None,
    ) -> list[Job]:
        """The ledger's jobs, newest first, also those of other programs; `since` is in seconds since the epoch."""
        engine = await self._start()
        wanted = None if state is None else JobState(state)
        handles = [
            handle
            for handle in await engine.ledger.handles(since=since, tag=tag)
            if provider is None or parse(handle.address).key.partition(":")[0] == provider.partition(":")[0]
        ]
        jobs = await engine.finder.revive(handles)
        return [job for job in jobs if wanted is None or job.state is wanted]

    async def attach(self, token: str | JobRef, remote_id: str | None = None) -> Job:
        """Follow a job that another program submitted, by its `token`, or by an address and the provider's id for it.

            job = await client.attach(token)                      # `job.token`, or a job that was pickled
            job = await client.attach("aqt/default/ibex", "0b52c0d5-...")  # submitted by any other tool

        A job that this ledger holds is found there, with its circuits. Raises `UsageError` for a text that is no token,
        and for a job of an account or origin that is not set up here.
        """
        engine = await self._start()
        text = token.token if isinstance(token, JobRef) else token
        if remote_id is None:
            if not is_token(text):
                raise UsageError(f"{text!r} is no job's token; an address needs the provider's id of the job, too")
            return await engine.attacher.by_ticket(read_token(text))
        if not remote_id.strip(".") or not remote_id.isprintable():
            raise UsageError(f"remote_id={remote_id!r}: the provider's id of the job is needed")
        key, name = parse(text)
        self._registry.check(key)
        return await engine.attacher.by_remote_id(key, await self._provider(key), text, name, remote_id)

    async def restore(self, path: str | os.PathLike[str], *, backend: str | None = None) -> Job:
        """The job that `job.persist(path)` wrote; or one that the vendor's own client kept (qiskit-aqt-provider).

        It becomes a job of this ledger, unless it is one already, and is followed if it is alive; a vendor's local
        simulation is run again. `backend` is its address, for files that do not say it: version 2 of that client keeps
        neither a workspace nor a device's host. What a file says is checked, and nothing in it is ever unpickled.
        Raises `UsageError` naming the file.
        """
        engine = await self._start()
        providers = await self._set_up()
        if backend is not None:
            self._registry.check(parse(backend).key)
        return await engine.files.restore(path, providers, None if backend is None else parse(backend))

    async def export(self, path: str | os.PathLike[str], jobs: Sequence[Job] | None = None) -> int:
        """Write jobs (else all of the ledger) into one file, with circuits and results; how many. It has no secret."""
        engine = await self._start()
        return await engine.files.export(path, await self.jobs() if jobs is None else jobs)

    async def import_jobs(self, path: str | os.PathLike[str]) -> list[Job]:
        """The jobs of an exported file, taken into this ledger; those it holds already are left as they are.

        Nothing is sent to a provider because of it: what was not accepted yet where it came from is in doubt here.
        Raises `UsageError` naming file and line.
        """
        return await (await self._start()).files.take_in(path)

    async def health(self) -> Health | None:
        """What there is to know of the ledger's file: versions, permissions, integrity; None for one in memory."""
        ledger: Any = (await self._start()).ledger
        return await ledger.health() if hasattr(ledger, "health") else None

    async def forget(self, jobs: Sequence[Job]) -> int:
        """Take finished jobs, with their circuits and results, out of the ledger; the bytes that were freed.

        Raises `UsageError` where one has not ended, or its result is not kept yet; then none is forgotten.
        """
        engine = await self._start()
        for job in jobs:
            if not all(record.settled for record in job.parts):
                raise UsageError(f"job {job.id} is {job.state}: only finished jobs can be forgotten")
        return await engine.forget([job.id for job in jobs])

    async def events(self, *, since: int = 0) -> AsyncIterator[Occurrence]:
        """Everything that happens to any job, from a cursor on, without end; also what other programs do.

        Keep the cursor of the last one to go on from there, in another process, too; 0 begins with the oldest.
        """
        engine = await self._start()
        cursor = since
        while True:
            for at, record_id, event in await engine.finder.events(cursor):
                cursor = at
                yield Occurrence(cursor, record_id, event)


def _bars() -> Show:
    from quantumjobs.display.bars import bars

    return bars()
