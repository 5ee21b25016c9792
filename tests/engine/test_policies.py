"""Policies are tenacity's objects, called as functions: how long, whether, and until when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import retry_if_exception_type, stop_after_attempt, wait_fixed

import quantumjobs as qj
from quantumjobs.core.schedule import Pace
from quantumjobs.core.traits import Traits
from quantumjobs.engine.policies import RETRY_AFTER_LIMIT, SAFETY_NET, Policy, backoff, is_weather, retry_after
from quantumjobs.errors import AdapterError, ProviderProtocolError, ProviderRejected, ProviderUnavailable
from quantumjobs.testing.fake import FakeProvider, Fault
from tests.engine.helpers import BELL, client_on, policy

WEATHER = ProviderUnavailable("503")


@given(st.integers(1, 10_000))
def test_the_back_off_doubles_with_full_jitter_up_to_its_cap(attempt: int) -> None:
    assert 0 <= Policy().delay(attempt, WEATHER) <= min(60.0, 0.5 * 2 ** min(attempt - 1, 20))


@given(st.integers(1, 20), st.floats(0.001, 1e6))
def test_retry_after_wins_over_a_shorter_back_off_and_is_capped(attempt: int, asked: float) -> None:
    error = ProviderUnavailable("429", retry_after=asked)
    assert Policy().delay(attempt, error) >= min(asked, RETRY_AFTER_LIMIT)
    assert Policy().delay(attempt, error) <= max(60.0, RETRY_AFTER_LIMIT)


def test_only_what_may_pass_is_weather() -> None:
    assert is_weather(WEATHER)
    assert is_weather(ProviderProtocolError("garbage"))
    assert is_weather(AdapterError("a bug may pass for the one who retries by hand"))
    assert not is_weather(ProviderRejected("no"))
    assert not is_weather(ValueError("not the provider's"))
    assert retry_after(ValueError()) == 0


def test_any_strategy_of_tenacity_takes_the_place_of_ours() -> None:
    mine = Policy(wait=wait_fixed(7), retry=retry_if_exception_type(ProviderUnavailable), stop=stop_after_attempt(2))
    assert mine.delay(5, WEATHER) == 7
    assert mine.tries_again(1, WEATHER)
    assert not mine.tries_again(1, ProviderProtocolError("garbage"))
    assert not mine.gives_up(1, WEATHER)
    assert mine.gives_up(2, WEATHER)


def test_the_pace_follows_the_family_unless_it_is_given() -> None:
    assert Policy().pace_of(Traits(min_interval=3.0)) == Pace(at_least=3.0)
    assert Policy().pace_of(Traits(pushes=True)) == SAFETY_NET
    assert Policy(pace=Pace(first=9.0)).pace_of(Traits(pushes=True)) == Pace(first=9.0)


def test_the_cap_of_the_back_off_is_a_setting() -> None:
    assert max(Policy(wait=backoff(1.0, 3.0)).delay(50, WEATHER) for _ in range(100)) <= 3.0


async def test_a_users_stop_ends_run_after_its_attempts() -> None:
    fake = FakeProvider(fail_submit=[Fault.NOT_SENT] * 100)
    async with client_on(fake, policies=policy(stop=stop_after_attempt(3), budget=1e9)) as client:
        with pytest.raises(qj.ProviderUnavailable):
            await client.backend("fake/sim").run(BELL)
        assert fake.submits == 3


async def test_a_users_retry_decides_which_refusals_run_waits_out() -> None:
    fake = FakeProvider(fail_submit=[Fault.NOT_SENT] * 100)
    never = retry_if_exception_type(KeyError)
    async with client_on(fake, policies=policy(retry=never)) as client:
        with pytest.raises(qj.ProviderUnavailable):
            await client.backend("fake/sim").run(BELL)
        assert fake.submits == 1


async def test_a_users_wait_is_used_between_looks_that_fail() -> None:
    fake = FakeProvider(weather=[Fault.REPLY_LOST] * 5)
    async with client_on(fake, policies=policy(wait=wait_fixed(100))) as client:
        job = await client.backend("fake/sim").run(BELL)
        await job
        assert job.timeline["completed"] - job.timeline["queued"] >= 500


async def test_an_account_of_its_own_falls_back_to_its_providers_policy() -> None:
    fakes = {"fake": FakeProvider(), "fake:lab2": FakeProvider(fail_submit=[Fault.NOT_SENT] * 9)}
    async with qj.Client(ledger="memory", providers=fakes, policies=policy(stop=stop_after_attempt(2))) as client:
        with pytest.raises(qj.ProviderUnavailable):
            await client.backend("fake:lab2/sim").run(BELL)
        assert fakes["fake:lab2"].submits == 2
