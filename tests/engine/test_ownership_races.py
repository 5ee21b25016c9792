"""Moments between two steps: what the lifecycle machine (test_machine.py) found, each in its smallest form."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tenacity.wait import wait_base

import quantumjobs as qj
from quantumjobs.core.events import SubmitStarted
from quantumjobs.core.traits import Findable, Idempotent
from quantumjobs.engine.policies import Policy
from quantumjobs.engine.tracked import Turn
from quantumjobs.ledgers.sqlite import InlineLedger
from quantumjobs.testing.fake import FakeProvider, Fault
from tests.engine.helpers import BELL, client_on
from tests.engine.machine.lives import Life
from tests.engine.machine.stores import Disk, Guarded, Memory, OneOfSeveral


def slow_ledger(store: Memory, delay: float = 0.02) -> Guarded:
    """One of several on a store, whose commits take time, as they do where a thread writes."""
    life = Life(asyncio.get_running_loop())
    return Guarded(OneOfSeveral(store), life, Disk(delay), lambda *_: None)


async def started(client: qj.Client) -> int:
    engine = client._engine
    assert engine is not None
    return sum(isinstance(event, SubmitStarted) for _, _, event in await engine.ledger.events())


class InTurn(wait_base):
    """These waits, one after the other."""

    def __init__(self, *seconds: float) -> None:
        self._next: Iterator[float] = iter(seconds)

    def __call__(self, retry_state: Any) -> float:
        return next(self._next)


async def test_a_turn_is_given_on_past_somebody_who_left_in_the_same_moment() -> None:
    turn = Turn()
    await turn.take()
    waiting = asyncio.ensure_future(turn.take())
    await asyncio.sleep(0)
    waiting.cancel()
    turn.give()  # before the one who left has run again
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not turn.taken


async def test_who_is_too_late_to_take_over_does_not_take_from_the_living() -> None:
    fake, store = FakeProvider(queued=3600), Memory()
    async with client_on(fake, ledger=slow_ledger(store)) as first:
        for _ in range(2):
            await first.backend("fake/sim").run(BELL)
    one, two = client_on(fake, ledger=slow_ledger(store)), client_on(fake, ledger=slow_ledger(store))
    await asyncio.gather(one.jobs(), two.jobs())  # both start at one moment
    await asyncio.sleep(10)
    assert [job.parts[0].fence for job in await one.jobs()] == [1, 1]
    await asyncio.gather(one.aclose(), two.aclose())


def disown(ledger: InlineLedger) -> None:
    """As if somebody had tidied up its lock: the others cannot tell it from a death."""
    owner = ledger._store._owner
    assert owner is not None
    owner._path.unlink()


class SlowOnce(FakeProvider):
    """The first upload takes 20 seconds, and every submit a minute."""

    async def travel(self, operation: str) -> None:
        await asyncio.sleep({"stage": 20.0 if self.calls["stage"] == 1 else 0.0, "submit": 30.0}.get(operation, 0.0))


async def test_a_late_owner_sends_nothing_because_the_next_one_does(tmp_path: Path) -> None:
    fake = SlowOnce(stages=True, latency=1.0)
    ledger = InlineLedger(tmp_path / "ledger")
    async with client_on(fake, ledger=ledger) as late:
        await late.backend("fake/sim").run(BELL, until="recorded")
        await asyncio.sleep(1)
        disown(ledger)
        async with client_on(fake, ledger=InlineLedger(tmp_path / "ledger")) as other:
            await asyncio.sleep(100)
            assert fake.submits == await started(other) == 1


async def test_who_was_taken_over_from_looks_no_more(tmp_path: Path) -> None:
    polls = []
    for number in range(2):
        fake = FakeProvider(queued=3600)
        ledger = InlineLedger(tmp_path / f"ledger-{number}")
        async with client_on(fake, ledger=ledger) as owner:
            job = await owner.backend("fake/sim").run(BELL)
            async with client_on(fake, ledger=InlineLedger(ledger.path)) as other:
                if number:
                    disown(ledger)
                await asyncio.sleep(1800)
                assert (await other.job(job.id)).parts[0].fence == number
        polls.append(fake.polls)
    alone, taken_over = polls
    assert taken_over < alone + 10  # a new owner begins with short pauses


async def test_what_became_of_a_former_owners_request_moves_the_next_ones_no_more(tmp_path: Path) -> None:
    fake = FakeProvider(latency={"submit": 100.0}, script={"submit": [Fault.NOT_SENT]})
    ledger = InlineLedger(tmp_path / "ledger")
    async with client_on(fake, ledger=ledger) as late:
        await late.backend("fake/sim").run(BELL, until="recorded")
        await asyncio.sleep(1)
        disown(ledger)
        async with client_on(fake, ledger=InlineLedger(tmp_path / "ledger")) as other:
            (job,) = await other.jobs()
            with pytest.raises(qj.SubmissionUncertain):
                await job
            await job.resubmit()
            await asyncio.sleep(60)  # the first request has failed meanwhile, and the second is on its way
            assert job.state == "submitting"
            await job
            assert fake.submits == await started(other) == 2


class Account(FakeProvider):
    """One of several at the same provider."""

    def __init__(self, account: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.account = account

    def lane(self, backend: str) -> str:
        return f"fake:memory:{self.account}"


async def test_jobs_of_another_account_are_shown_and_left_alone(tmp_path: Path) -> None:
    mine, theirs = Account("mine", queued=60), Account("theirs")
    client = client_on(mine, ledger=InlineLedger(tmp_path / "ledger"))
    job = await client.backend("fake/sim").run(BELL)
    await client.aclose()
    async with client_on(theirs, ledger=InlineLedger(tmp_path / "ledger")) as other:
        await asyncio.sleep(600)
        seen = await other.job(job.id)
        with pytest.raises(qj.UsageError, match="fake:memory:mine"):
            await seen
        assert (seen.state, seen.parts[0].fence, theirs.polls) == ("queued", 0, 0)
    async with client_on(mine, ledger=InlineLedger(tmp_path / "ledger")) as again:
        await (await again.job(job.id))


async def test_a_resend_that_backs_off_sends_nothing_once_the_user_has_resubmitted() -> None:
    fake = FakeProvider(
        submit_class=Idempotent(3600.0), script={"submit": [Fault.REQUEST_LOST]}, latency={"submit": 40.0}
    )
    policies = {"fake": Policy(wait=InTurn(10.0, *[0.0] * 100))}
    async with client_on(fake, policies=policies) as client:
        job = await client.backend("fake/sim").run(BELL, until="recorded")
        await asyncio.sleep(22)
        assert job.state == "in_doubt"
        await job.resubmit()
        await job
        assert fake.submits == await started(client)


async def test_a_clock_that_is_put_forward_proves_nothing_about_a_search() -> None:
    fake = FakeProvider(submit_class=Findable(20.0), find_lag=15.0, script={"submit": [Fault.REPLY_LOST]})
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL, until="recorded")
        await asyncio.sleep(0.1)
        assert job.state == "in_doubt"
        engine = client._engine
        assert engine is not None
        wall = engine.wall
        engine.wall = lambda: wall() + 3600.0  # somebody set it
        await job
        assert fake.most_made == 1


async def test_closing_while_a_submit_is_being_written_down_leaves_no_doubt() -> None:
    fake, store = FakeProvider(), Memory()
    client = client_on(fake, ledger=slow_ledger(store))
    await client.backend("fake/sim").run(BELL, until="recorded")
    await asyncio.sleep(0.001)  # SubmitStarted is on its way to the disk
    await client.aclose()
    async with client_on(fake, ledger=slow_ledger(store)) as again:
        (job,) = await again.jobs()
        await job
        assert fake.submits == 1
