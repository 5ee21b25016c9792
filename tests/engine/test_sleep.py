"""A machine that slept: its connections are dropped, its looks are spread, and no wait ends."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from quantumjobs.core.schedule import Pace
from quantumjobs.errors import ProviderUnavailable
from quantumjobs.testing.clock import VirtualLoop
from tests.engine.helpers import Watched, client_on, policy, run_many

SLOW = Pace(first=1.0, at_least=200.0, at_most=200.0)


def virtual() -> VirtualLoop:
    return cast("VirtualLoop", asyncio.get_running_loop())


async def test_a_suspend_drops_connections_once_and_spreads_the_looks() -> None:
    fake = Watched(running=20_000, pools=True)
    loop = virtual()
    async with client_on(fake, policies=policy(pace=SLOW)) as client:
        jobs = await run_many(client, 500)
        await asyncio.sleep(50)
        seen = fake.polls
        loop.suspend(28_800)
        await asyncio.sleep(21)
        assert fake.calls["drop_connections"] == 1
        assert fake.polls - seen == 500
        assert fake.most_per_second("poll", 50.0) <= 500 / 5 + 2
        assert fake.times["drop_connections"][0] <= min(at for at in fake.times["poll"] if at > 50)
        assert all([(await job).counts for job in jobs])


async def test_looks_that_were_not_due_while_it_slept_are_left_alone() -> None:
    fake = Watched(running=20_000, pools=True)
    async with client_on(fake, policies=policy(pace=SLOW)) as client:
        await run_many(client, 5)
        await asyncio.sleep(50)
        virtual().suspend(60)
        await asyncio.sleep(100)
        assert fake.polls == 5
        assert fake.calls["drop_connections"] == 1


@pytest.mark.parametrize("step", [-86_400.0, -3.0, 3.0])
async def test_a_clock_that_is_set_right_changes_nothing(step: float) -> None:
    fake = Watched(running=300, pools=True)
    async with client_on(fake, policies=policy(pace=SLOW)) as client:
        jobs = await run_many(client, 5)
        await asyncio.sleep(50)
        virtual().suspend(step)
        await asyncio.sleep(100)
        assert fake.polls == 5
        virtual().suspend(-step)  # and back: from an hour that was wrong all along it would be a sleep
        await asyncio.gather(*jobs)
        assert fake.calls["drop_connections"] == (step < -5)


async def test_small_steps_do_not_add_up_to_a_sleep() -> None:
    fake = Watched(running=3000, pools=True)
    async with client_on(fake) as client:
        (job,) = await run_many(client, 1)
        for _ in range(20):
            await asyncio.sleep(60)
            virtual().suspend(2.0)
        await job
        assert fake.calls["drop_connections"] == 0


async def test_what_a_gate_asked_for_may_be_slept_through() -> None:
    fake = Watched(running=100, pools=True, weather=[ProviderUnavailable("429", retry_after=3000.0)])
    async with client_on(fake) as client:
        (job,) = await run_many(client, 1)
        await asyncio.sleep(10)
        virtual().suspend(28_800)
        await job
        assert virtual().time() <= 120


async def test_an_adapter_without_pooled_connections_only_looks() -> None:
    fake = Watched(running=100)
    async with client_on(fake) as client:
        (job,) = await run_many(client, 1)
        await asyncio.sleep(10)
        virtual().suspend(28_800)
        assert (await job).counts


async def test_connections_that_cannot_be_dropped_end_no_wait() -> None:
    fake = Watched(running=20_000, pools=True, breaks={"drop_connections": ProviderUnavailable("closing failed")})
    async with client_on(fake) as client:
        (job,) = await run_many(client, 1)
        await asyncio.sleep(10)
        virtual().suspend(28_800)
        assert (await job).counts
