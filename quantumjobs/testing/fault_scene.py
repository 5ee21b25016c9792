"""What a cell of the fault matrix is played with: a credential, a watched provider, and a place where it goes wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from quantumjobs.abc import (
    Adapter,
    Attached,
    Codec,
    Prepared,
    Program,
    Programs,
    Provider,
    Raw,
    Report,
    Request,
    RunsPrograms,
)
from quantumjobs.core.results import Result
from quantumjobs.core.states import Fetch
from quantumjobs.core.traits import Findable, Idempotent, Rerunnable, Traits
from quantumjobs.testing.emulators.faults import Fault, Script
from quantumjobs.testing.emulators.frame import Emulator
from quantumjobs.testing.fault_ear import Ear
from quantumjobs.testing.fault_places import Place, inside, on_a_port, stranger
from quantumjobs.testing.fault_table import Cell, Operation, scripted
from quantumjobs.wire import Deadlines

if TYPE_CHECKING:
    from quantumjobs.testing.fault_rules import FaultRules

SHORT = Deadlines(connect=0.3, silence=0.6, total=1.0, hold=1.0)
"""Seconds, for the cells that a deadline ends."""
CALLS = {
    "describe": "describe", "stage": "stage", "submit": "submit", "poll": "look", "fetch": "fetch", "cancel": "cancel",
}  # fmt: skip
OTHERS = ("backends", "drop_connections", "find", "per_page", "survey", "survey_from", "worth")


class Call(NamedTuple):
    """One call of the adapter, and what it raised."""

    operation: str
    error: BaseException | None


class Clocked(Script):
    """A script that remembers when each request came, by the loop's clock."""

    def replace(self, faults: Any) -> None:
        super().replace(faults)
        self.heard: list[tuple[str, float]] = []

    def next(self, operation: str) -> Fault | None:
        self.heard.append((operation, asyncio.get_running_loop().time()))
        return super().next(operation)


class Scene:
    """One cell with one emulator."""

    def __init__(self, rules: FaultRules, cell: Cell, ear: Ear) -> None:
        self.rules = rules
        self.cell = cell
        self.ear = ear
        self.inside = rules.takes_transport and not cell.trouble.wire
        self.first, self.second = f"canary-{uuid4().hex}", f"canary-{uuid4().hex}"
        self.given = self.first
        self.calls: list[Call] = []
        self.gate: asyncio.Event | None = None
        """While it is closed, calls of the cell's operation wait before it."""
        self.waiting = 0
        self.overheard: list[bytes] = []
        """What a stranger was sent."""
        self.address: str
        self.emulator: Emulator
        self.provider: Watched
        self.place: Place
        self._asked = 0
        self._news = asyncio.Event()

    @property
    def silence(self) -> float | None:
        """Seconds that the adapter is to wait for; None for no wish of the provider's."""
        asked = self.cell.trouble.asked
        return None if asked is None else self.rules.blocked_for if asked.seconds is None else asked.seconds

    # --- the credential -----------------------------------------------------------------
    async def token(self) -> str:
        """The credential, as a user's function gives it."""
        self._asked += 1
        if self.cell.trouble.credential == "once" and self._asked > 1:
            self.given = self.second
        return self.given

    # --- the place ----------------------------------------------------------------------
    @asynccontextmanager
    async def played(self) -> AsyncIterator[Scene]:
        """The scene with a fresh emulator at its place."""
        queue = {"cancel": 10_000.0, "look": 20.0 if self.inside else 0.2}.get(self.cell.operation, 0.0)
        self.emulator = self.rules.make_emulator(queue=queue)
        self.emulator.script = Clocked(operations=self.emulator.operations)
        async with (inside if self.inside else on_a_port)(self.emulator) as self.place:
            made = self.rules.make_provider(
                self.place.url,
                token=self.token,
                deadlines=SHORT if self.cell.trouble.slow else Deadlines(),
                transport=self.place.transport,
            )
            self.provider = (WatchedPrograms if isinstance(made, RunsPrograms) else Watched)(made, self)
            self.address = self.rules.address_at(self.place.url)
            held = self.cell.trouble.held
            if held is not None and self.called == "look" and self.traits.holds:
                self.cell = self.cell.otherwise(held)
            yield self
        self.ear.hear(*self.overheard, *(call.error for call in self.calls), made, self.provider.adapter)

    @property
    def key(self) -> str:
        """The provider's, as a client is given it."""
        return self.address.partition("/")[0]

    @property
    def backend(self) -> str:
        """The backend's name, as the provider is given it."""
        return self.address.partition("/")[2]

    @property
    def traits(self) -> Traits:
        """Of the backend's family."""
        return self.provider.traits(self.provider.family(self.backend))

    def connected(self) -> AbstractAsyncContextManager[Any]:
        """A connection, without a client."""
        return self.provider.connect(self.provider.lane(self.backend), lambda *_: None)

    @property
    def called(self) -> Operation:
        """The operation of the adapter's that meets the trouble: results that come with a look are fetched by it."""
        inline = self.traits.fetch is Fetch.INLINE
        return "look" if self.cell.operation == "fetch" and inline else self.cell.operation

    @property
    def resolves_doubts(self) -> bool:
        """A doubt is ended without the user: by sending the same again, or by looking for the job."""
        return isinstance(self.traits.submit, Idempotent | Findable | Rerunnable)

    @property
    def theirs(self) -> str:
        """The emulator's name of it."""
        return self.rules.operations[self.called]

    def heard(self) -> list[float]:
        """When requests of the operation came."""
        assert isinstance(self.emulator.script, Clocked)
        return [at for operation, at in self.emulator.script.heard if operation == self.theirs]

    @asynccontextmanager
    async def trouble(self, *, times: int | None) -> AsyncIterator[None]:
        """It goes wrong so many times, from here on; None: as long as this is open."""
        more: dict[str, Any] = {}
        async with AsyncExitStack() as stack:
            if self.cell.trouble.name.startswith("redirect"):
                more["location"] = await stack.enter_async_context(stranger(self.overheard))
            if self.cell.trouble.away:
                await stack.enter_async_context(self.place.away(self.cell.trouble.away))
            once = self.cell.trouble.credential != ""  # a token that has expired stays so
            fault = scripted(self.cell, self.theirs, times=1 if once else times, **more)
            self.emulator.script.replace([] if fault is None else [fault])
            yield
        if times is None:
            self.emulator.script.replace(())

    # --- what is called -----------------------------------------------------------------
    async def call(self, operation: str, function: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        """One call of the adapter."""
        if self.gate is not None and operation == self.called and not self.gate.is_set():
            self.waiting += 1
            self._news.set()
            await self.gate.wait()
        try:
            value = await function(*args)
        except BaseException as error:
            self._note(operation, error)
            raise
        self._note(operation, None)
        return value

    def _note(self, operation: str, error: BaseException | None) -> None:
        self.calls.append(Call(operation, error))
        self._news.set()

    @property
    def failures(self) -> int:
        """Calls of the cell's operation that failed so far; of a submit also those that come before it each time."""
        failed = Counter(call.operation for call in self.calls if call.error is not None)
        return failed[self.called] + (failed["stage"] if self.called == "submit" else 0)

    async def until(self, fact: Callable[[], bool]) -> None:
        """Wait for something that a call makes true."""
        while not fact():
            self._news.clear()
            await self._news.wait()


class InLoop:
    """A codec that runs in the loop: a virtual clock sees no workers, and here time is not what is tested."""

    inline = frozenset({"prepare", "decode"})

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def prepare(self, request: Request, about: bytes, *, seed: int) -> Prepared:
        """The codec's."""
        return self._codec.prepare(request, about, seed=seed)

    def decode(self, raw: Raw, layout: bytes | None) -> Result:
        """The codec's."""
        return self._codec.decode(raw, layout)


class ProgramsInLoop(InLoop):
    """Of a provider that runs programs, too."""

    def arrange(self, request: Request, about: bytes) -> Prepared:
        """The codec's."""
        assert isinstance(self._codec, Programs)
        return self._codec.arrange(request, about)

    def values(self, raw: Raw) -> Mapping[str, bytes]:
        """The codec's."""
        assert isinstance(self._codec, Programs)
        return self._codec.values(raw)


class Watched:
    """A provider whose adapter's calls are noted."""

    def __init__(self, provider: Provider, scene: Scene) -> None:
        self._provider = provider
        self._scene = scene
        self.name = provider.name
        self.codec = (ProgramsInLoop if isinstance(provider.codec, Programs) else InLoop)(provider.codec)
        self.adapter: Adapter | None = None

    def lane(self, backend: str) -> str:
        """The provider's."""
        return self._provider.lane(backend)

    def family(self, backend: str) -> str:
        """The provider's."""
        return self._provider.family(backend)

    def traits(self, family: str) -> Traits:
        """The provider's."""
        return self._provider.traits(family)

    def admit(self, backend: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, bytes]]:
        """The provider's."""
        return self._provider.admit(backend, options)

    def connect(self, lane: str, report: Report) -> AbstractAsyncContextManager[Any]:
        """The provider's, watched."""
        return self._connected(lane, report)

    @asynccontextmanager
    async def _connected(self, lane: str, report: Report) -> AsyncIterator[Any]:
        async with self._provider.connect(lane, report) as adapter:
            self.adapter = adapter
            yield _Seen(adapter, self._scene)


class WatchedPrograms(Watched):
    """One that runs programs, too."""

    def program(self, program: Program) -> Request:
        """The provider's."""
        assert isinstance(self._provider, RunsPrograms)
        return self._provider.program(program)

    def attached(self, backend: str, remote_id: str) -> Attached:
        """The provider's."""
        assert isinstance(self._provider, RunsPrograms)
        return self._provider.attached(backend, remote_id)


class _Seen:
    """An adapter with the same capabilities: as attributes of its own, which is what protocols look for."""

    def __init__(self, adapter: Adapter, scene: Scene) -> None:
        for name, operation in CALLS.items():
            if hasattr(adapter, name):
                setattr(self, name, _noted(scene, operation, getattr(adapter, name)))
        for name in OTHERS:
            if hasattr(adapter, name):
                setattr(self, name, getattr(adapter, name))


def _noted(scene: Scene, operation: str, function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def call(*args: Any) -> Any:
        return await scene.call(operation, function, *args)

    return call
