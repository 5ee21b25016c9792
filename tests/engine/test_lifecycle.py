"""The whole life of jobs, in any order that Hypothesis can think of, on virtual time and through the public face.

What the world does (lose replies, forget jobs, speak in riddles, have weather, put the machine to sleep) and what the
user does (submit, wait, stop waiting, cancel, decide in doubt, leave and come back) are rules; the promises are
invariants. At the end the weather clears, and everybody must have been told.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import quantumjobs as qj
from quantumjobs.core.states import CancelOutcome, Fetch, JobState
from quantumjobs.core.traits import Findable, Idempotent, Rerunnable, SubmitClass, Unknown
from quantumjobs.engine.job import Job
from quantumjobs.errors import ProviderProtocolError, ProviderRejected, ProviderUnavailable, QuantumJobsError
from quantumjobs.ledgers.memory import MemoryLedger
from quantumjobs.testing.clock import Deadlock, Livelock, VirtualLoop
from quantumjobs.testing.fake import FakeProvider, Fault
from tests.engine.helpers import BELL

S = JobState
DAY = 86_400.0

submit_classes = st.sampled_from([Unknown(), Idempotent(600.0), Findable(30.0), Rerunnable(3)])
durations = st.sampled_from([0.0, 0.5, 30.0, 3_000.0])
submit_faults = st.sampled_from(
    [None, None, Fault.NOT_SENT, Fault.REQUEST_LOST, Fault.REPLY_LOST, Fault.REPLY_LOST, "rejected", "busy"]
)
weathers = st.sampled_from(
    [
        ProviderUnavailable("503"),
        ProviderUnavailable("429", retry_after=20.0),
        ProviderProtocolError("half a document"),
        Fault.NOT_SENT,
        Fault.REPLY_LOST,
    ]
)


class Lifecycle(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.loop.patience = 3_000
        self.hung = False
        self.unhandled: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.unhandled.append(context))
        self.ledger = MemoryLedger()
        self.jobs: dict[str, Job] = {}
        self.ended: dict[str, JobState] = {}
        self.awaiters: list[tuple[str, asyncio.Task[str]]] = []
        self.runs: list[asyncio.Task[str]] = []
        self.cancelled: list[asyncio.Task[CancelOutcome | str]] = []
        self.decided: set[str] = set()
        """Jobs whose user said what became of them: from then on at their own risk."""

    # --- the machinery --------------------------------------------------------------------
    def do(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        try:
            return self.loop.run_until_complete(coroutine)
        except (Deadlock, Livelock):
            self.hung = True  # nothing more can be learned from this loop
            raise

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = self.loop.create_task(coroutine)
        self.do(_turns(5))
        return task

    async def enter(self) -> None:
        self.client = qj.Client(ledger=self.ledger, providers={"fake": self.fake})
        await self.client.__aenter__()
        self.jobs = {job.id: job for job in await self.client.jobs()}

    async def see(self) -> None:
        """Hold every job, also those whose `run` ended without giving one."""
        for job in await self.client.jobs():
            self.jobs.setdefault(job.id, job)

    def pick(self, data: st.DataObject) -> Job:
        return data.draw(st.sampled_from(list(self.jobs.values())), label="job")

    # --- the beginning --------------------------------------------------------------------
    @initialize(
        submit=submit_classes,
        fetch=st.sampled_from(Fetch),
        bulk=st.sampled_from([1, 10]),
        mode=st.sampled_from(["plain", "pushes", "holds"]),
        queued=durations,
        running=durations,
        outcome=st.sampled_from(["completed", "completed", "failed", "cancelled"]),
        in_flight=st.sampled_from([None, None, 2]),
        part_size=st.sampled_from([None, 2]),
        latency=st.sampled_from([0.0, 1.0]),
    )
    def begin(self, submit: SubmitClass, bulk: int, mode: str, **how: Any) -> None:
        self.submit_class = submit
        self.fake = FakeProvider(
            submit_class=submit,
            bulk=1 if mode == "holds" else bulk,
            pushes=mode == "pushes",
            holds=mode == "holds",
            cancelling=20.0,
            **how,
        )
        self.do(self.enter())

    # --- what the user does ---------------------------------------------------------------
    @rule(
        fault=submit_faults,
        until=st.sampled_from(["accepted", "recorded"]),
        patience=st.sampled_from([0.0, 0.4, 1.2, 1_000.0]),
        circuits=st.integers(1, 3),
    )
    def submit(self, fault: Any, until: str, patience: float, circuits: int) -> None:
        steps = {"rejected": ProviderRejected("400"), "busy": ProviderUnavailable("429", sent=False, retry_after=5.0)}
        self.fake.script["submit"].append(steps.get(fault, fault))

        async def run() -> str:
            try:
                async with asyncio.timeout(patience):
                    job = await self.client.backend("fake/sim").run([BELL] * circuits, until=until)  # type: ignore[arg-type]
                return job.id
            except (QuantumJobsError, TimeoutError) as error:
                return type(error).__name__

        self.runs.append(self.start(run()))

    @rule(seconds=st.sampled_from([0.01, 1.0, 10.0, 100.0, 2_000.0]))
    def advance(self, seconds: float) -> None:
        self.do(asyncio.sleep(seconds))

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), how=st.sampled_from(["result", "wait", "await"]))
    def wait(self, data: st.DataObject, how: str) -> None:
        job = self.pick(data)

        async def waiting() -> str:
            try:
                if how == "wait":
                    await job.wait()
                    return "over"
                result = await (job if how == "await" else job.result())
            except QuantumJobsError as error:
                return type(error).__name__
            assert all(sum(entry.counts.values()) == entry.shots for entry in result)
            return "result"

        self.awaiters.append((job.id, self.start(waiting())))

    @precondition(lambda self: any(not task.done() for _, task in self.awaiters))
    @rule(data=st.data())
    def stop_waiting(self, data: st.DataObject) -> None:
        waiting = [one for one in self.awaiters if not one[1].done()]
        one = data.draw(st.sampled_from(waiting), label="awaiter")
        others = [task for job_id, task in waiting if job_id == one[0] and task is not one[1]]
        before = self.jobs[one[0]].state
        one[1].cancel()
        self.do(_turns(3))
        assert one[1].cancelled()
        self.awaiters.remove(one)
        assert not any(task.cancelled() for task in others), "cancelling one awaiter hurt another"
        assert self.jobs[one[0]].state is before or self.fake.latency == 0.0

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), answer=st.sampled_from(["confirmed", "accepted", "refused", "too_late"]))
    def cancel(self, data: st.DataObject, answer: str) -> None:
        job = self.pick(data)
        self.fake.cancel = deque([answer])

        async def cancelling() -> CancelOutcome | str:
            try:
                return await job.cancel()
            except QuantumJobsError as error:
                return type(error).__name__

        self.cancelled.append(self.start(cancelling()))

    @precondition(lambda self: any(job.state is S.IN_DOUBT for job in self.jobs.values()))
    @rule(data=st.data(), how=st.sampled_from(["adopt", "resubmit", "abandon"]))
    def decide(self, data: st.DataObject, how: str) -> None:
        job = data.draw(st.sampled_from([job for job in self.jobs.values() if job.state is S.IN_DOUBT]), label="job")
        self.do(self._decide(job, how))

    async def _decide(self, job: Job, how: str) -> None:
        doubtful = next((record for record in job.parts if record.state is S.IN_DOUBT), None)
        if doubtful is None:
            return  # the engine found out by itself
        there = self.fake.made.get(doubtful.id, ())
        self.decided.add(doubtful.id)
        if how == "adopt" and there:
            await job.adopt(there[0])
        elif how == "resubmit":
            await job.resubmit()
        else:
            await job.abandon()

    @rule()
    def leave_and_come_back(self) -> None:
        self.do(self.client.aclose())
        self.do(_turns(5))
        running = [task for _, task in self.awaiters if not task.done()]
        assert not running, "a wait outlived its client"
        self.ended = {}  # local simulations may have been cancelled; everything is read again
        self.do(self.enter())

    # --- what the world does --------------------------------------------------------------
    @rule(step=weathers, times=st.integers(1, 4))
    def weather(self, step: Any, times: int) -> None:
        for operation in ("poll", "fetch", "cancel", "find"):
            self.fake.script.setdefault(operation, deque()).extend([step] * times)

    @precondition(lambda self: self.fake.jobs)
    @rule(data=st.data())
    def vanish(self, data: st.DataObject) -> None:
        remote = data.draw(st.sampled_from(list(self.fake.jobs.values())), label="remote job")
        self.fake.cloud.vanish(remote, self.loop.wall_time())

    @rule(word=st.sampled_from(["", "purring"]))
    def riddle(self, word: str) -> None:
        self.fake.unknown_word = word

    @rule(seconds=st.sampled_from([60.0, DAY]))
    def sleep_of_the_machine(self, seconds: float) -> None:
        self.loop.suspend(seconds)

    # --- the promises ---------------------------------------------------------------------
    @invariant()
    def everything_is_seen(self) -> None:
        if hasattr(self, "client"):
            self.do(self.see())

    @invariant()
    def at_most_one_remote_job_per_intent(self) -> None:
        if not hasattr(self, "fake"):
            return
        most = self.submit_class.attempts if isinstance(self.submit_class, Rerunnable) else 1
        for token, made in self.fake.made.items():
            assert len(made) <= most or token in self.decided, (token, made)

    @invariant()
    def no_remote_job_is_unknown_to_us(self) -> None:
        for token in self.fake.made if hasattr(self, "fake") else ():
            assert _now(self.ledger.record(token))  # the intent was there before the request

    @invariant()
    def the_ledger_is_what_the_handles_say(self) -> None:
        for job in self.jobs.values():
            for record in job.parts:
                assert _now(self.ledger.record(record.id)) == record

    @invariant()
    def an_ended_job_stays_as_it_is(self) -> None:
        for job in self.jobs.values():
            for record in job.parts:
                if record.terminal:
                    assert self.ended.setdefault(record.id, record.state) is record.state

    @invariant()
    def the_limit_of_jobs_in_flight_is_kept(self) -> None:
        if hasattr(self, "fake") and self.fake.traits("").in_flight:
            assert self.fake.max_in_flight <= self.fake.traits("").in_flight

    @invariant()
    def nothing_failed_unseen(self) -> None:
        assert not self.unhandled

    # --- the end --------------------------------------------------------------------------
    def teardown(self) -> None:
        if self.hung:
            return
        try:
            if hasattr(self, "client"):
                self.do(self._end())
            self.do(self.loop.shutdown_asyncgens())
            assert not self.unhandled
        finally:
            if not self.hung:
                for task in asyncio.all_tasks(self.loop):
                    task.cancel()
                self.do(_turns(3))
                self.loop.close()

    async def _end(self) -> None:
        self.fake.unknown_word = ""
        for steps in self.fake.script.values():
            steps.clear()
        last = [asyncio.ensure_future(_outcome(job)) for job in self.jobs.values()]
        for _ in range(50):
            await asyncio.sleep(DAY)
            await self.see()
            stuck = [job for job in self.jobs.values() if job.state is S.IN_DOUBT]
            for job in stuck:
                await self._decide(job, "adopt")
            if all(job.done() for job in self.jobs.values()) and not stuck:
                break
        await asyncio.sleep(DAY)
        left = [job for job in self.jobs.values() if not job.done()]
        assert not left, f"never ended: {[(job, job.story, job.error) for job in left]}"
        for name, tasks in (
            ("run", self.runs),
            ("cancel", self.cancelled),
            ("awaiter", [task for _, task in self.awaiters]),
            ("last awaiter", last),
        ):
            assert all(task.done() for task in tasks), f"a {name} was never told: {[t for t in tasks if not t.done()]}"
            for task in tasks:
                if not task.cancelled():
                    task.result()
        for job in self.jobs.values():
            await self._check_end(job)
        self.an_ended_job_stays_as_it_is_now()
        await self.client.aclose()
        await _turns(5)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, f"left over: {others}"

    def an_ended_job_stays_as_it_is_now(self) -> None:
        for job in self.jobs.values():
            for record in job.parts:
                assert self.ended.get(record.id, record.state) is record.state

    async def _check_end(self, job: Job) -> None:
        outcome = await _outcome(job)
        if job.state is S.COMPLETED:
            forgotten = any(record.result_gone for record in job.parts)  # by the cloud, before we had it
            assert outcome == ("ResultUnavailable" if forgotten else "result"), (outcome, job.story)
        else:
            assert outcome != "result"
        for record in job.parts:
            assert record.settled, record
            assert await self.ledger.record(record.id) == record
            known = {record.remote_id, *record.extra_ids}
            made = set(self.fake.made.get(record.id, ()))
            if not isinstance(self.submit_class, Rerunnable) and record.id not in self.decided:
                assert made <= known, f"a paid job is lost: {made - known}, {record.story}"


def _now(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine returns that waits for nothing: the memory ledger's. The world stands still meanwhile."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waited")


async def _outcome(job: Job) -> str:
    try:
        await job.result()
    except QuantumJobsError as error:
        return type(error).__name__
    return "result"


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


Lifecycle.TestCase.settings = settings(
    max_examples=150, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)


class Quiet:
    @pytest.fixture(autouse=True)
    def _quiet(self) -> Any:
        logger = logging.getLogger("quantumjobs")
        before = logger.level
        logger.setLevel(logging.CRITICAL)
        yield
        logger.setLevel(before)


class TestLifecycle(Quiet, Lifecycle.TestCase):
    pass


@pytest.mark.soak
class TestLifecycleAtLength(Quiet, Lifecycle.TestCase):
    settings = settings(Lifecycle.TestCase.settings, max_examples=5_000, stateful_step_count=60)
