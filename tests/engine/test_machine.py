"""The life of jobs under everything at once: crashes, several clients, bad weather, a full disk, clocks that jump.

Hypothesis chooses what happens; `machine.audit` says what must hold all the time, and `_come_to_rest` what must hold
when all clients live, the weather is good and some time has passed.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import initialize, invariant, precondition, rule

import quantumjobs as qj
import quantumjobs.engine.engine  # a client would import it beside the loop
from quantumjobs.core.events import SubmitAccepted
from quantumjobs.core.records import JobRecord
from quantumjobs.core.states import Fetch, JobState
from quantumjobs.core.traits import Findable, Idempotent, Rerunnable
from quantumjobs.testing.fake import Fault
from tests.engine.machine.audit import Audit
from tests.engine.machine.network import Observed, late_replies
from tests.engine.machine.stores import Disk
from tests.engine.machine.world import World

S = JobState
KINDS = ("unknown", "idempotent", "findable", "local", "series")
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


class Jobs(World):
    """The machine, on a store in memory."""

    # --- the world --------------------------------------------------------------------------
    @initialize(
        delay=st.sampled_from([0.0, 0.0, 0.02]),
        latency=st.sampled_from([0.0, 0.2, 4.0]),
        window=st.sampled_from([60.0, 86_400.0]),
        queued=st.sampled_from([0.0, 10.0]),
        fetched=st.booleans(),
        pushes=st.booleans(),
        cancel=st.sampled_from(["confirmed", "accepted", "refused", "too_late"]),
        stops=st.booleans(),
    )
    def begin(
        self,
        *,
        delay: float,
        latency: float,
        window: float,
        queued: float,
        fetched: bool,
        pushes: bool,
        cancel: str,
        stops: bool,
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
            # Lists only: their parts go one after the other, and one in five fails.
            "series": Observed(
                "series",
                part_size=1,
                in_order=True,
                stop_on_failure=stops,
                outcome=lambda index: "failed" if index % 5 == 3 else "completed",
                **common,
            ),
            "local": Observed("local", submit_class=Rerunnable(3), gone_after=1, gone_for=0.0, **common),
        }
        self.audit = Audit(self.fakes)
        self.start()

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
        self, *, which: int, several: list[str], key: str | None, recorded: bool, meets: str | None, then: float
    ) -> None:
        program = self.pick(which)
        for kind in several:
            if meets is not None:
                self.trouble(kind, "submit", meets)
            circuit = f"OPENQASM 2.0; // {len(self.acts) if key is None else key}"
            self.act(program, self._submit(program, kind, circuit, f"{kind} {key}" if key else None, recorded))
        self.do(asyncio.sleep(then))

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
            unsaved = found.parts[0].state is S.CANCELLED and self.disk.refuses
            alone = len(found.parts) == 1
            if alone and outcome is qj.CancelOutcome.CANCELLED and held.state is not S.CANCELLED and not unsaved:
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

    @precondition(lambda self: self._told_by_network())
    @rule(which=some, job=some)
    def hear_twice(self, which: int, job: int) -> None:
        """The reply to a submit comes a second time. A pipe to a child process does not do that."""
        accepted = self._told_by_network()
        record = accepted[job % len(accepted)]
        engine = self.pick(which).client._engine
        known = engine.known(record.id) if engine is not None else None
        if engine is not None and known is not None and known.record.remote_id == record.remote_id:
            event = SubmitAccepted(at=engine.wall(), remote_id=record.remote_id or "")
            after = self.do(self._in(self.pick(which), engine.apply(known, event)))
            assert after is None or after.extra_ids == record.extra_ids

    def _told_by_network(self) -> list[JobRecord]:
        return [record for record in self.audit.held.values() if record.remote_id and record.provider != "local"]

    # --- time -------------------------------------------------------------------------------
    @rule(seconds=st.sampled_from([0.01, 0.15, 0.4, 1.0, 3.0, 15.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))

    @rule(seconds=st.sampled_from([10.0, 600.0, 100_000.0]))
    def suspend(self, seconds: float) -> None:
        if seconds < self.window or not any(self.audit.under_way.values()):  # a request may arrive after the window
            self.loop.suspend(seconds)

    @rule(seconds=st.sampled_from([-600.0, -5.0, 5.0, 3600.0]))
    def clock_jumps(self, seconds: float) -> None:
        """Somebody sets the clock of the machine that all these programs run on; the clouds have their own."""
        if self.window > 7200 or seconds > 0:  # a window has a margin of hours, or no clock goes back
            self.furthest()
            self.ahead += seconds
            self.furthest()

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
        breaks: dict[str, BaseException] = {}
        if operation:
            breaks[operation] = qj.ProviderUnavailable("down", provider=kind, sent=False)
        self.fakes[kind].breaks = breaks

    @rule(what=st.sampled_from(["", "", "*", "SubmitStarted", "SubmitAccepted", *EVENTS]))
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

        async def orphans() -> list[JobRecord]:
            inner = program.ledger._inner
            return await inner.orphans() if program.life.alive else []  # a trap may have sprung just now

        found = {record.id: record.fence for record in self.do(orphans())}
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


class JobsOnFile(Jobs):
    """The same on the real file."""

    on_file = True


_phases = [phase for phase in Phase if phase is Phase.generate or "FAULT_SEEDED" not in os.environ]  # tests/faults
_slow = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
_common: dict[str, Any] = {
    "stateful_step_count": 30,
    "deadline": None,
    "phases": _phases,
    "suppress_health_check": _slow,
}
TestInMemory = Jobs.TestCase
TestInMemory.settings = settings(max_examples=120, **_common)
TestOnFile = JobsOnFile.TestCase
TestOnFile.settings = settings(max_examples=25, **_common)
