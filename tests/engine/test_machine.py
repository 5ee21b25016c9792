"""The life of jobs under everything at once: crashes, several clients, bad weather, a full disk, clocks that jump.

Hypothesis chooses what happens; `machine.audit` says what must hold all the time, and `_come_to_rest` what must hold
when all clients live, the weather is good and some time has passed.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import deque
from pathlib import Path
from typing import Any, ClassVar

import hypothesis.strategies as st
import msgspec
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import quantumjobs as qj
from quantumjobs.core.events import SubmitAccepted
from quantumjobs.core.states import Fetch, JobState
from quantumjobs.core.traits import Findable, Idempotent, Rerunnable, Unknown
from quantumjobs.engine import engine as _engine  # imported here: a client would do it beside the loop
from quantumjobs.errors import AdapterError
from quantumjobs.testing.clock import VirtualLoop
from quantumjobs.testing.fake import Fault
from tests.engine.machine import lives
from tests.engine.machine.audit import Audit
from tests.engine.machine.network import Observed, Way, late_replies
from tests.engine.machine.stores import Disk, Guarded, Memory, OneOfSeveral, OnFile

S = JobState
KINDS = ("unknown", "idempotent", "findable", "local")
SOON = 3.0  # seconds within which the living have taken over from the dead
MOST = 3  # clients at a time
EVENTS = (
    "intent", "SubmitStarted", "SubmitAccepted", "SubmitInDoubt", "SubmitDeferred", "Reported", "ResultKept", "TakenOver",
    "CancelRequested", "CancelSent", "CancelAccepted", "Adopted", "key",
)  # fmt: skip
OPERATIONS = ("connect", "describe", "submit", "poll", "fetch", "cancel", "find")
TROUBLES = ("not sent", "429", "503", "lost", "reply lost", "late", "garbage", "refused")
kinds = st.sampled_from(KINDS)
moments = st.sampled_from([0.0, 0.01, 0.3, 2.0])  # seconds
some = st.integers(0, 50)  # which one: modulo how many there are


class Program:
    """A client and the life that it has."""

    def __init__(self, client: qj.Client, life: lives.Life, ledger: Guarded) -> None:
        self.client = client
        self.life = life
        self.ledger = ledger
        self.waits: list[tuple[str, asyncio.Task[Any]]] = []


class Jobs(RuleBasedStateMachine):
    """The machine, on a store in memory."""

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
        self.ahead = 0.0  # seconds by which the machine's wall clock is wrong
        self.directory = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        self.memory = Memory()

    # --- the world --------------------------------------------------------------------------
    @initialize(
        delay=st.sampled_from([0.0, 0.0, 0.02]),
        latency=st.sampled_from([0.0, 0.2, 4.0]),
        window=st.sampled_from([60.0, 86_400.0]),
        queued=st.sampled_from([0.0, 10.0]),
        fetched=st.booleans(),
        pushes=st.booleans(),
        cancel=st.sampled_from(["confirmed", "accepted", "refused", "too_late"]),
    )
    def begin(
        self, delay: float, latency: float, window: float, queued: float, fetched: bool, pushes: bool, cancel: str
    ) -> None:
        self.window = window
        self.disk = Disk(0.0 if self.on_file else delay)
        common: dict[str, Any] = {
            "queued": queued,
            "running": 5.0,
            "latency": latency,
            "cancel": cancel,
            "fetch": Fetch.EAGER if fetched else Fetch.INLINE,
            "pushes": pushes,
        }
        self.fakes = {
            "unknown": Observed("unknown", **common),
            "idempotent": Observed("idempotent", submit_class=Idempotent(window), **common),
            "findable": Observed("findable", submit_class=Findable(20.0), find_lag=5.0, **common),
            "local": Observed("local", submit_class=Rerunnable(3), gone_after=1, gone_for=0.0, **common),
        }
        self.audit = Audit(self.fakes)
        self.start()

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

    # --- what users do ----------------------------------------------------------------------
    @rule(
        which=some,
        several=st.lists(kinds, min_size=1, max_size=3),
        key=st.sampled_from([None, None, "a", "b"]),
        recorded=st.booleans(),
        meets=st.sampled_from([None, None, *TROUBLES]),
        then=moments,
    )
    def submit(
        self, which: int, several: list[str], key: str | None, recorded: bool, meets: str | None, then: float
    ) -> None:
        program = self.pick(which)
        for kind in several:
            if meets is not None:
                self.trouble(kind, "submit", meets)
            circuit = f"OPENQASM 2.0; // {len(self.acts) if key is None else key}"
            self.act(program, self._submit(program, kind, circuit, f"{kind} {key}" if key else None, recorded))
        self.do(asyncio.sleep(then))

    async def _submit(self, program: Program, kind: str, circuit: str, key: str | None, recorded: bool) -> None:
        backend = program.client.backend(f"{kind}/sim")
        job = await backend.run(circuit, key=key, until="recorded" if recorded else "accepted")
        program.life.check()
        self.made.append(job.id)
        program.waits.append((job.id, asyncio.current_task()))  # type: ignore[arg-type]
        await self._wait(program, job)

    async def _wait(self, program: Program, job: qj.Job) -> None:
        result = await job.result()
        self.audit.read(job.id, dict(result.counts))

    @precondition(lambda self: self.made)
    @rule(which=some, job=some)
    def wait_elsewhere(self, which: int, job: int) -> None:
        program = self.pick(which)
        job_id = self.made[job % len(self.made)]

        async def wait() -> None:
            await self._wait(program, await program.client.job(job_id))

        program.waits.append((job_id, self.act(program, wait())))

    @precondition(lambda self: self.made)
    @rule(which=some, job=some, then=moments)
    def cancel(self, which: int, job: int, then: float) -> None:
        program = self.pick(which)

        async def cancel() -> None:
            found = await program.client.job(self.made[job % len(self.made)])
            outcome = await found.cancel()
            held = self.audit.held[found.parts[0].id]
            if outcome is qj.CancelOutcome.CANCELLED and held.state is not S.CANCELLED:
                self.audit.wrong(f"{found.id}: cancelled, it was said, and it is {held.state}")

        self.act(program, cancel())
        self.do(asyncio.sleep(then))

    @precondition(lambda self: self.made)
    @rule(which=some, job=some)
    def look(self, which: int, job: int) -> None:
        program = self.pick(which)

        async def look() -> None:
            await (await program.client.job(self.made[job % len(self.made)])).refresh()

        self.act(program, look())

    @precondition(lambda self: any(record.state is S.IN_DOUBT for record in self.audit.held.values()))
    @rule(which=some, job=some, give_up=st.booleans())
    def decide(self, which: int, job: int, give_up: bool) -> None:
        doubtful = [record.id for record in self.audit.held.values() if record.state is S.IN_DOUBT]
        program = self.pick(which)
        self.act(program, self._decide(program, doubtful[job % len(doubtful)], give_up))

    async def _decide(self, program: Program, record_id: str, give_up: bool) -> None:
        """A user who looks at the provider first."""
        handle = next(h for h in self.audit.handles.values() if h.links[0].job == record_id)
        job = await program.client.job(handle.id)
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

    @precondition(lambda self: any(record.remote_id for record in self.audit.held.values()))
    @rule(which=some, job=some)
    def hear_twice(self, which: int, job: int) -> None:
        """The reply to a submit comes a second time."""
        accepted = [record for record in self.audit.held.values() if record.remote_id]
        record = accepted[job % len(accepted)]
        engine = self.pick(which).client._engine
        known = engine.known(record.id) if engine is not None else None
        if engine is not None and known is not None and known.record.remote_id == record.remote_id:
            event = SubmitAccepted(at=engine.wall(), remote_id=record.remote_id or "")
            after = self.do(self._in(self.pick(which), engine.apply(known, event)))
            assert after is None or after.extra_ids == record.extra_ids

    # --- time -------------------------------------------------------------------------------
    @rule(seconds=st.sampled_from([0.01, 0.15, 0.4, 1.0, 3.0, 15.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))

    @rule(seconds=st.sampled_from([10.0, 600.0, 100_000.0]))
    def suspend(self, seconds: float) -> None:
        self.loop.suspend(seconds)

    @rule(seconds=st.sampled_from([-600.0, -5.0, 5.0, 3600.0]))
    def clock_jumps(self, seconds: float) -> None:
        """Somebody sets the clock of the machine that all these programs run on; the clouds have their own."""
        if self.window > 7200 or seconds > 0:  # a window has a margin of hours, or no clock goes back
            self.ahead += seconds

    # --- what goes wrong --------------------------------------------------------------------
    @rule(kind=kinds, operation=st.sampled_from(OPERATIONS), what=st.sampled_from(TROUBLES))
    def trouble(self, kind: str, operation: str, what: str) -> None:
        fake = self.fakes[kind]
        if kind == "local" and operation == "submit" and what in ("reply lost", "late", "lost", "garbage"):
            return  # a child process and its pipe: nothing gets lost between
        if what == "refused" and operation not in ("submit", "fetch", "cancel"):
            return
        if what == "late":
            late_replies(fake).setdefault(operation, deque()).append(12.0)
            return
        steps: dict[str, Any] = {
            "not sent": Fault.NOT_SENT,
            "429": qj.ProviderUnavailable("429", provider=kind, sent=False, retry_after=5.0),
            "503": qj.ProviderUnavailable("503", provider=kind),
            "lost": Fault.REQUEST_LOST,
            "reply lost": Fault.REPLY_LOST,
            "garbage": qj.ProviderProtocolError("<html>", provider=kind),
            "refused": qj.ProviderRejected("no", provider=kind),
        }
        fake.script.setdefault(operation, deque()).append(steps[what])

    @rule(kind=kinds, operation=st.sampled_from(("", *OPERATIONS)))
    def outage(self, kind: str, operation: str) -> None:
        """One begins; or it ends."""
        down = qj.ProviderUnavailable("down", provider=kind, sent=False)
        self.fakes[kind].breaks = {operation: down} if operation else {}

    @rule(what=st.sampled_from(["", "", "*", *EVENTS]))
    def disk_is_full(self, what: str) -> None:
        """For some commits, or for all; or it has space again."""
        self.disk.refuses = what

    # --- life and death ---------------------------------------------------------------------
    @rule(which=some, landing=st.booleans(), then=moments)
    def crash(self, which: int, landing: bool, then: float) -> None:
        self.pick(which).life.die(landing=landing)
        self.do(asyncio.sleep(then))

    @rule(
        which=some,
        when=st.sampled_from(["before", "after"]),
        what=st.sampled_from(EVENTS + OPERATIONS),
        landing=st.booleans(),
    )
    def crash_at(self, which: int, when: str, what: str, landing: bool) -> None:
        life = self.pick(which).life
        life.trap, life.landing = (when, what), landing

    @precondition(lambda self: len(self.programs) < MOST)
    @rule()
    def another(self) -> None:
        self.start()

    @rule(which=some)
    def close(self, which: int) -> None:
        """It says goodbye."""
        program = self.pick(which)
        self.programs.remove(program)
        self.dead.append(program)
        full = self.disk.refuses
        self.do(self._in(program, program.client.aclose()))
        program.life.alive = False
        if full:
            self.audit.died(program.life)
        else:
            self.audit.vanish_local(program.life)

    @precondition(lambda self: not self.audit.disowned)
    @rule(which=some)
    def disown(self, which: int) -> None:
        """Somebody tidies up lock files: the others take it for dead, and it lives."""
        program = self.pick(which)
        program.life.disowned = self.audit.disowned = True
        program.ledger.disown()

    # --- what must hold ---------------------------------------------------------------------
    @invariant()
    def nothing_is_wrong(self) -> None:
        if not hasattr(self, "audit"):
            return
        if self.audit.violations or self.heard:
            self.failed = True
        assert not self.audit.violations, "\n".join(self.audit.violations)
        self._no_surprise()

    def _no_surprise(self) -> None:
        """What users were told are errors that we document; what the loop heard, nothing."""
        for life, task in self.acts:
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                if not _is_expected(error):
                    self.failed = True
                    raise error
        heard = [context for context in self.heard if not self._of_the_dead(context)]
        self.failed = self.failed or bool(heard)
        assert not heard, heard

    def _of_the_dead(self, context: dict[str, Any]) -> bool:
        task = context.get("task") or context.get("future")
        return any(task in program.life.tasks for program in (*self.dead, *self.programs) if not program.life.alive)

    @invariant()
    def the_living_take_over_from_the_dead(self) -> None:
        if not self.programs:
            return
        self.bury()
        now = self.loop.time()
        if self.disk.refuses:
            self.orphans.clear()
            return
        program = self.programs[0]
        found = {record.id: record.fence for record in self.do(program.ledger._inner.orphans())}
        self.orphans = {
            job_id: (fence, self.orphans[job_id][1] if self.orphans.get(job_id, (-1, 0))[0] == fence else now)
            for job_id, fence in found.items()
        }
        for job_id, (_, since) in self.orphans.items():
            if now - since > SOON:
                self.failed = True
                raise AssertionError(
                    f"{job_id}: nobody has taken it over for {now - since:g} s: {self.audit.held[job_id]}"
                )

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
        for _ in range(3):
            for _ in range(10):
                self.do(asyncio.sleep(60))
                if all(record.settled for record in self.audit.held.values()):
                    break
            open_ones = [record for record in self.audit.held.values() if not record.settled]
            if not open_ones:
                break
            for record in open_ones:
                how = self.audit.traits(record).submit
                undecidable = isinstance(how, Unknown) or (isinstance(how, Idempotent) and self.window < 3600)
                undecidable = undecidable or (record.sent_at and self.loop.wall_time() > record.sent_at + self.window)
                assert record.state is S.IN_DOUBT and undecidable, f"neither ended nor stuck: {record}"
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
        self.nothing_is_wrong()

    async def _is_stuck(self, program: Program, record_id: str) -> None:
        handle = next(h for h in self.audit.handles.values() if h.links[0].job == record_id)
        job = await program.client.job(handle.id)
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
                late = {name: getattr(held, name) for name in ("extra_ids", "version", "fence")}
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


class JobsOnFile(Jobs):
    """The same on the real file."""

    on_file = True


_slow = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
TestInMemory = Jobs.TestCase
TestInMemory.settings = settings(max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=_slow)
TestOnFile = JobsOnFile.TestCase
TestOnFile.settings = settings(max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=_slow)
