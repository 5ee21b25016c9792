"""The fault matrix as rules: every cell of `fault_table` as a test of an adapter, and of a job through a whole client.

    class TestMatrix(FaultRules):
        address = "acme/sim"
        operations = {"describe": "backend", "submit": "submit", "look": "job", "cancel": "cancel"}

        def make_emulator(self, *, queue): ...
        def make_provider(self, url, *, token, deadlines, transport): ...

In every cell: no wait is ended by weather, there is one remote job at most and no second submit that could make one,
nothing hangs, memory stays bounded, and the credential is in no error, log, warning, ledger or repr, and reaches
nobody else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from quantumjobs import abc
from quantumjobs.abc import Circuit, Provider, Request
from quantumjobs.core.states import Fetch
from quantumjobs.testing import fault_acts
from quantumjobs.testing.clock import VirtualLoop
from quantumjobs.testing.emulators.faults import Fault
from quantumjobs.testing.emulators.frame import Emulator
from quantumjobs.testing.fault_ear import Ear
from quantumjobs.testing.fault_places import Make
from quantumjobs.testing.fault_scene import Scene
from quantumjobs.testing.fault_table import OPERATIONS, Cell, Operation, Outcome, cells
from quantumjobs.wire import Deadlines

if TYPE_CHECKING:
    from quantumjobs.client.client import Client
    from quantumjobs.engine.job import Job

BELL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;'
CELLS = tuple(cells())
_EMPTY = frozenset({"cut body", "slow drip"})


class FaultRules:
    """Subclass and give `make_emulator`, `make_provider`, the `address`, the `counts`, and the names of `operations`."""

    address: str = ""
    """Where the client runs: "acme/sim". See `address_at` for one that depends on the emulator's."""
    circuit: str = BELL
    shots: int = 10
    options: Mapping[str, Any] = {}
    """Options of `run`, plain values."""
    counts: Mapping[str, int] = {}
    """What a job of the circuit measures at the emulator."""
    operations: Mapping[Operation, str] = {}
    """The emulator's names of ours. One that the adapter lacks is left out; so is "fetch" for results that come inline."""
    wordless: frozenset[Operation] = frozenset({"describe", "fetch", "cancel"})
    """Operations whose reply tells no status; an inline fetch is a look."""
    bodiless: frozenset[Operation] = frozenset()
    """Operations whose reply has no body."""
    only: frozenset[Operation] = frozenset(OPERATIONS)
    """Operations whose cells are run: for a subclass in which no more is different."""
    otherwise: Mapping[str, Outcome] = {}
    """Cells, by the names of their tests, that this provider promises another outcome for; say why beside it."""
    takes_transport: bool = True
    """`make_provider` heeds `transport`: what is above TCP is met on virtual time. Else all of it on sockets."""
    blocked_for: float | None = None
    """Seconds that the adapter waits after a 429 that says none: of a provider known to refuse for so long."""
    patience: float = 20.0
    """Seconds that a cell on sockets may take."""

    def make_emulator(self, *, queue: float) -> Emulator:
        """A fresh one. Its jobs wait `queue` seconds and are done at once then: with 0 s, at the first look."""
        raise NotImplementedError

    def make_provider(
        self, url: str, *, token: Callable[[], Awaitable[str]], deadlines: Deadlines, transport: Make | None
    ) -> Provider:
        """A provider for the emulator at `url`, which asks `token` for its credential, and again after a 401."""
        raise NotImplementedError

    def address_at(self, url: str) -> str:  # noqa: ARG002 - for those that need it
        """Where the client runs when the emulator is at `url`."""
        return self.address

    def request(self, backend: str) -> Request:
        """What is submitted where no client is."""
        circuits = (Circuit("qasm", self.circuit.encode()),)
        return Request(backend=backend, circuits=circuits, shots=self.shots, options=dict(self.options))

    async def run_job(self, client: Client, address: str) -> Job:
        """What a user does to submit it."""
        return await client.backend(address).run(self.circuit, shots=self.shots, **self.options)

    def check_result(self, result: Any) -> None:
        """What the job gives, as it should be. Raises `AssertionError`."""
        assert result.counts == self.counts, result.counts

    def now(self) -> float:
        """Seconds since the epoch, on the loop's clock."""
        wall: Callable[[], float] = getattr(asyncio.get_running_loop(), "wall_time", time.time)
        return wall()

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        for cell in CELLS:
            if not cls.applies(cell):
                setattr(cls, cell.test, None)
            elif getattr(cls, cell.test) is None:  # left out by what this class inherits from
                setattr(cls, cell.test, getattr(FaultRules, cell.test))

    @classmethod
    def applies(cls, cell: Cell) -> bool:
        """Whether the cell is run: its operation is wanted and exists, with a reply in which this can go wrong."""
        named = "look" if cell.operation == "fetch" and "fetch" not in cls.operations else cell.operation
        if cell.operation not in cls.only or named not in cls.operations:
            return False
        if cell.trouble.name == "unknown status word":
            return named not in cls.wordless
        return named not in cls.bodiless or cell.trouble.name not in _EMPTY

    # --- running ------------------------------------------------------------------------
    def check(self, cell: Cell) -> None:
        """Play both acts of a cell. Raises `AssertionError` where it does not keep its promise."""
        cell = cell.otherwise(self.otherwise.get(cell.test, cell.outcome))
        ear = Ear()
        scenes = Scene(self, cell, ear), Scene(self, cell, ear)

        async def main() -> None:
            for scene, act in zip(scenes, (fault_acts.at_the_adapter, fault_acts.through_a_client), strict=True):
                async with scene.played():
                    await act(scene)

        self._run(main(), ear, virtual=scenes[0].inside)
        ear.check(*(secret for scene in scenes for secret in (scene.first, scene.second)))

    def _run(self, main: Coroutine[Any, Any, None], ear: Ear, *, virtual: bool) -> None:
        async def bounded() -> None:
            asyncio.get_running_loop().set_exception_handler(ear.exception_in_loop)
            bound = asyncio.timeout(1e6 if virtual else self.patience)
            try:
                async with bound:
                    await main
            except TimeoutError as error:
                if not bound.expired():
                    raise
                raise AssertionError(f"it hangs: not over after {self.patience:g} s") from error
            for _ in range(5):  # what was closed may say so
                await asyncio.sleep(0)
            left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            assert not left, f"left behind: {left}"

        with ear.listening(), asyncio.Runner(loop_factory=VirtualLoop if virtual else asyncio.new_event_loop) as runner:
            runner.run(bounded())

    # --- what is left out ---------------------------------------------------------------
    def test_cells_that_are_left_out_cannot_happen(self) -> None:
        """What an adapter lacks is not there, and replies without a word or a body have none."""
        cell = next(cell for cell in CELLS if cell.trouble.name == "unknown status word")
        ear = Ear()
        scene = Scene(self, cell, ear)

        async def main() -> None:
            async with scene.played(), scene.connected() as adapter:
                assert set(self.operations) <= set(OPERATIONS)
                assert isinstance(adapter, abc.Cancels) == ("cancel" in self.operations)
                assert ("fetch" in self.operations) == (scene.traits.fetch is not Fetch.INLINE)
                for operation in sorted((self.wordless | self.bodiless) & set(self.operations)):
                    await self._look_at_reply(operation)

        self._run(main(), ear, virtual=scene.inside)
        ear.check(scene.first)

    async def _look_at_reply(self, operation: Operation) -> None:
        cell = next(cell for cell in CELLS if cell.operation == operation)
        scene = Scene(self, cell, Ear())
        scene.inside = self.takes_transport
        async with scene.played(), scene.connected() as adapter:
            emulator: Any = scene.emulator
            rewording, replies = emulator.reworded, []

            def reworded(reply: Any, word: str) -> Any:
                changed = rewording(reply, word)
                replies.append((bytes(reply.body), changed.body != reply.body))
                return reply

            call = await fault_acts.prepared(scene, adapter)
            emulator.reworded = reworded
            emulator.script.replace([Fault("word", operation=self.operations[operation], times=None)])
            await call()
            assert replies, f"{operation}: no reply was seen"
            for body, has_word in replies:
                assert operation not in self.wordless or not has_word, f"{operation} does tell a status"
                assert operation not in self.bodiless or not body, f"{operation} does have a body"


def _rule(cell: Cell) -> Callable[[FaultRules], None]:
    def test(self: FaultRules) -> None:
        self.check(cell)

    test.__name__, test.__qualname__ = cell.test, f"FaultRules.{cell.test}"
    test.__doc__ = f"{cell.outcome.says.value}; {cell.outcome.fate.value}."
    return test


for _cell in CELLS:
    setattr(FaultRules, _cell.test, _rule(_cell))
