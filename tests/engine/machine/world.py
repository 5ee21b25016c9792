"""The ground that the lifecycle machine stands on: programs on one store, users, and how all comes to rest."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from hypothesis.stateful import RuleBasedStateMachine

import quantumjobs as qj
from quantumjobs.core.states import JobState
from quantumjobs.core.traits import Idempotent, Unknown
from quantumjobs.errors import AdapterError
from quantumjobs.testing.clock import VirtualLoop
from tests.engine.machine import lives
from tests.engine.machine.audit import Audit
from tests.engine.machine.network import Observed, Way, late_replies
from tests.engine.machine.stores import Disk, Guarded, Memory, OneOfSeveral, OnFile

S = JobState


class Program:
    """A client and the life that it has."""

    def __init__(self, client: qj.Client, life: lives.Life, ledger: Guarded) -> None:
        self.client = client
        self.life = life
        self.ledger = ledger
        self.waits: list[tuple[str, asyncio.Task[Any]]] = []


class World(RuleBasedStateMachine):
    """Without rules. `fakes`, `window`, `disk` and `audit` are for whoever has them to set."""

    window: float
    disk: Disk
    fakes: dict[str, Observed]
    audit: Audit
    on_file: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.loop.set_task_factory(lives.factory)
        self.heard: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.heard.append(context))
        self.programs: list[Program] = []
        self.dead: list[Program] = []
        self.acts: list[tuple[lives.Life, asyncio.Task[Any]]] = []
        self.made: list[str] = []  # ids of jobs that were acknowledged
        self.orphans: dict[str, tuple[int, float]] = {}
        self.failed = False
        self.latest = 0.0
        self.ahead = 0.0  # seconds by which the machine's wall clock is wrong
        self.directory = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        self.memory = Memory()

    # --- programs ---------------------------------------------------------------------------
    def start(self) -> None:
        """A new program on the same store."""
        life = lives.Life(self.loop)
        inner: Any = OnFile(Path(self.directory.name) / "ledger") if self.on_file else OneOfSeveral(self.memory)
        ledger = Guarded(inner, life, self.disk, self.audit.committed)
        providers = {kind: Way(fake, life, self.audit) for kind, fake in self.fakes.items()}
        client = qj.Client(ledger=ledger, providers=providers)
        life.on_death.append(lambda landing: self.audit.died(life))
        self.programs.append(Program(client, life, ledger))
        self.do(self._in(self.programs[-1], client.__aenter__()))
        engine = client._engine
        if engine is not None:
            engine.wall = lambda: self.loop.wall_time() + self.ahead

    async def _in(self, program: Program, coroutine: Any) -> Any:
        task = program.life.run(coroutine)
        await asyncio.wait([task])
        if not task.cancelled():
            return task.result()
        return None

    def do(self, coroutine: Any) -> Any:
        try:
            return self.loop.run_until_complete(coroutine)
        except BaseException:
            self.failed = True
            raise

    def act(self, program: Program, coroutine: Any) -> asyncio.Task[Any]:
        """Something a user of that program does, in the background."""
        task = program.life.run(coroutine)
        self.acts.append((program.life, task))
        return task

    def pick(self, which: int) -> Program:
        self.bury()
        return self.programs[which % len(self.programs)]

    def bury(self) -> None:
        """Programs that died in a trap."""
        for program in [one for one in self.programs if not one.life.alive]:
            self.programs.remove(program)
            self.dead.append(program)
        if not self.programs:
            self.start()
            self.bury()

    # --- users ------------------------------------------------------------------------------
    async def _submit(self, program: Program, kind: str, circuit: str, key: str | None, recorded: bool) -> None:
        backend = program.client.backend(f"{kind}/sim")
        circuits = circuit if kind != "series" else [f"{circuit} {place}" for place in range(3)]
        job = await backend.run(circuits, key=key, until="recorded" if recorded else "accepted")
        program.life.check()
        self.made.append(job.id)
        program.waits.append((job.id, asyncio.current_task()))  # type: ignore[arg-type]
        await self._wait(program, job)

    async def _wait(self, program: Program, job: qj.Job) -> None:
        result = await job.result()
        self.audit.read(job.id, [dict(entry.counts) for entry in result])

    async def _decide(self, program: Program, record_id: str, give_up: bool) -> None:
        """A user who looks at the provider first."""
        job = await program.client.job(self.audit.handle_of(record_id).id)
        record = self.audit.held[record_id]
        if self.audit.under_way[record_id] or job.state is not S.IN_DOUBT:
            return
        there = self.fakes[record.provider].made.get(record_id)
        if there:
            await job.adopt(there[0])
        elif give_up:
            await job.abandon()
        else:
            await job.resubmit()

    # --- the end ----------------------------------------------------------------------------
    def _no_surprise(self) -> None:
        """What users were told are errors that we document; what the loop heard, nothing."""
        for _, task in self.acts:
            error = task.exception() if task.done() and not task.cancelled() else None
            if error is not None and not _is_expected(error):
                self.failed = True
                raise error
        heard = [context for context in self.heard if not self._of_the_dead(context)]
        self.failed = self.failed or bool(heard)
        assert not heard, heard

    def _of_the_dead(self, context: dict[str, Any]) -> bool:
        task = context.get("task") or context.get("future")
        return any(task in program.life.tasks for program in (*self.dead, *self.programs) if not program.life.alive)

    def teardown(self) -> None:
        try:
            if not self.failed and hasattr(self, "audit"):
                self._come_to_rest()
        finally:
            self._end()

    def _come_to_rest(self) -> None:
        self.bury()
        self.disk.refuses = ""
        for program in self.programs:
            program.life.trap = None
        for fake in self.fakes.values():
            fake.breaks = {}
            fake.script.clear()
            late_replies(fake).clear()
        for _ in range(6):
            for _ in range(10):
                self.do(asyncio.sleep(60))
                if all(record.settled for record in self.audit.held.values()):
                    break
            open_ones = [record for record in self.audit.held.values() if not record.settled]
            if not open_ones:
                break
            for record in [one for one in open_ones if not self.audit.waits_for_another(one)]:
                how = self.audit.traits(record).submit
                assert record.state is S.IN_DOUBT, f"neither ended nor stuck: {record}"
                late = isinstance(how, Idempotent) and self.furthest() >= (record.sent_at or 0.0) + self.window
                assert late or isinstance(how, Unknown), f"left in doubt: {record}"
                self.do(self._in(self.programs[0], self._is_stuck(self.programs[0], record.id)))
                self.do(self._in(self.programs[0], self._decide(self.programs[0], record.id, False)))
        self.do(asyncio.sleep(2))
        for record in self.audit.held.values():
            assert record.settled, f"never ends: {record}"
        for program in self.programs:
            self.do(self._in(program, self._everything_is_told(program)))
        for life, task in self.acts:
            assert task.done() or not life.alive, f"hangs: {task}"
        self.do(self.audit.at_rest(self.programs[0].ledger._inner))
        assert not self.audit.violations, self.audit.violations
        self._no_surprise()

    def furthest(self) -> float:
        """The latest time that the wall clock of these programs may have shown."""
        self.latest = max(self.latest, self.loop.wall_time() + self.ahead)
        return self.latest

    async def _is_stuck(self, program: Program, record_id: str) -> None:
        job = await program.client.job(self.audit.handle_of(record_id).id)
        assert isinstance(job.error, qj.SubmissionUncertain), (
            f"in doubt, and nobody is told: {job.error!r}, {job.parts}"
        )

    async def _everything_is_told(self, program: Program) -> None:
        """By every client: each acknowledged job, as the ledger has it, and the same result again."""
        listed = {job.id for job in await program.client.jobs()}
        assert set(self.made) <= listed
        for job_id in self.made:
            job = await program.client.job(job_id)
            for record in job.parts:
                held = self.audit.held[record.id]
                # an id that comes late, to another client, is not looked for by those that have let go of an ended job
                names = ["extra_ids", "version", "fence"]
                if self.audit.disowned:  # two that took themselves for the owner saw the same news at different times
                    names.append("story")
                late = {name: getattr(held, name) for name in names}
                seen = msgspec.structs.replace(record, **late)
                assert seen == held, f"{program.life} has {differences(record, held)}"
            if job.state is S.COMPLETED:
                try:
                    await self._wait(program, job)
                except qj.ResultUnavailable:
                    assert self.audit.held[job.parts[0].id].result_gone
                    assert job_id not in self.audit.results

    def _end(self) -> None:
        for program in self.programs:
            program.life.die(landing=False)
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        with contextlib.suppress(BaseException):
            self.loop.run_until_complete(asyncio.sleep(0.1))
        self.loop.close()
        self.directory.cleanup()


def differences(seen: Any, held: Any) -> str:
    names = [name for name in seen.__struct_fields__ if getattr(seen, name) != getattr(held, name)]
    return f"{seen.id}: " + ", ".join(
        f"{name} {getattr(seen, name)!r}, held is {getattr(held, name)!r}" for name in names
    )


def _is_expected(error: BaseException) -> bool:
    """What the documentation says may happen to these users."""
    if isinstance(error, qj.UsageError):
        return type(error) is qj.UsageError and ("closed" in str(error) or "nothing to decide" in str(error))
    return isinstance(error, qj.QuantumJobsError) and not isinstance(error, AdapterError)
