"""One channel's rate, gate and breaker, held to their laws over any order of events."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from quantumjobs.core.traffic import PATIENCE, Bucket, Channel, Rate
from quantumjobs.core.traits import Traits

WEATHER = OSError("503")
steps = st.floats(0, 10, allow_nan=False) | st.just(0.0)


@given(st.floats(0.01, 100), st.integers(1, 20), st.lists(steps, max_size=60))
def test_a_bucket_never_gives_more_than_its_burst_and_its_rate(rate: float, burst: int, asks: list[float]) -> None:
    bucket, now, taken = Bucket(Rate(rate, burst)), 0.0, list[float]()
    for step in asks:
        now += step
        for _ in range(30):
            if bucket.free_at() > now:
                break
            bucket.take(now)
            taken.append(now)
    for i, first in enumerate(taken):
        for n, last in enumerate(taken[i:], 1):
            assert n <= burst + rate * (last - first) * (1 + 1e-9) + 1e-6


@given(st.floats(0.01, 100), st.integers(1, 20), st.integers(1, 60))
def test_whoever_comes_when_the_bucket_says_gets_its_token_and_no_later(rate: float, burst: int, n: int) -> None:
    bucket, now, taken = Bucket(Rate(rate, burst)), 0.0, list[float]()
    for _ in range(n):
        now = max(now, bucket.free_at())
        bucket.take(now)
        taken.append(now)
    assert taken[-1] == pytest.approx(max(0, n - burst) / rate)
    assert all(a <= b for a, b in pairwise(taken))


def test_a_rate_of_nothing_lets_the_burst_through_and_then_nothing() -> None:
    bucket = Bucket(Rate(0.0))
    assert bucket.free_at() < 0
    bucket.take(1.0)
    assert bucket.free_at() == float("inf")


def test_a_token_taken_early_is_missing_later() -> None:
    bucket = Bucket(Rate(1.0))
    for _ in range(3):
        bucket.take(0.0)
    assert bucket.free_at() == 3.0


class AnyTraffic(RuleBasedStateMachine):
    """Requests of some askers begin and end in any order."""

    AFTER = 3

    def __init__(self) -> None:
        super().__init__()
        self.channel = Channel(self.AFTER)
        self.now = 0.0
        self.under_way: list[tuple[object, str]] = []
        self.in_a_row: set[str] = set()
        self.gate = 0.0

    @rule(seconds=st.floats(0, 100))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(who=st.sampled_from("abcdef"))
    def begin(self, who: str) -> None:
        if self.channel.free_at() <= self.now:
            passage = object()
            self.channel.begin(self.now, passage)
            self.under_way.append((passage, who))
            if self.channel.is_open:  # one probe at a time
                assert self.channel.free_at() >= self.now + PATIENCE

    @precondition(lambda self: not self.channel.is_open)
    @rule()
    def storm(self) -> None:
        """Everybody fails, so that what follows happens on an open channel."""
        for who in "abc":
            self.channel.failed(self.now, object(), who, WEATHER, lambda _: 1.0)
            self.in_a_row.add(who)
            if self.channel.is_open:
                return

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), delay=st.floats(0, 60))
    def fail(self, data: st.DataObject, delay: float) -> None:
        passage, who = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        before, probes = self.channel.free_at(), self.channel.probe is passage
        was_open = self.channel.is_open
        opened = self.channel.failed(self.now, passage, who, WEATHER, lambda _: delay)
        if not was_open:
            self.in_a_row.add(who)
            assert opened is (len(self.in_a_row) >= self.AFTER)
        else:
            assert not opened
            if not probes:
                assert self.channel.free_at() == before  # who went before it opened says nothing new
        if opened or probes:
            assert self.channel.free_at() >= self.now + delay

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        was_open = self.channel.is_open
        assert self.channel.answered() is was_open
        assert not self.channel.is_open
        assert self.channel.free_at() == self.gate
        self.in_a_row.clear()

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), sent=st.booleans())
    def say_nothing(self, data: st.DataObject, sent: bool) -> None:
        passage, _ = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1)))
        if sent:
            self.channel.undecided(self.now, passage)
        else:
            self.channel.unused(passage)
        assert self.channel.probe is not passage

    @rule(seconds=st.floats(0, 100))
    def hold(self, seconds: float) -> None:
        self.gate = max(self.gate, self.now + seconds)
        self.channel.hold(self.now + seconds)

    @invariant()
    def the_gate_is_kept_and_nothing_is_closed_for_ever(self) -> None:
        free = self.channel.free_at()
        assert self.gate <= free <= max(self.gate, self.now + PATIENCE)

    @invariant()
    def it_shows_its_error_while_it_is_open_and_only_then(self) -> None:
        assert (self.channel.error is not None) is self.channel.is_open


TestAnyTraffic = AnyTraffic.TestCase


def test_one_asker_that_always_fails_opens_nothing() -> None:
    channel = Channel(after=2)
    assert not any(channel.failed(0.0, object(), "one", WEATHER, float) for _ in range(100))
    assert channel.failed(0.0, object(), "another", WEATHER, float)


def test_the_back_off_goes_by_the_failures_in_a_row() -> None:
    channel = Channel(after=2)
    asked: list[int] = []
    now = 0.0

    def delay(failures: int) -> float:
        asked.append(failures)
        return float(failures)

    for who in "abcdef":
        passage = object()
        now = max(now, channel.free_at())
        channel.begin(now, passage)
        channel.failed(now, passage, who, WEATHER, delay)
    assert asked == [2, 3, 4, 5, 6]


def test_time_that_was_slept_through_counts_for_the_gate() -> None:
    channel = Channel(after=1)
    channel.hold(3600.0)
    channel.slept(3000.0)
    assert channel.free_at() == 600.0


def test_traits_with_rates_can_be_told_apart_and_hashed() -> None:
    some, others = Traits(rates={"poll": Rate(2.0)}), Traits(rates={"poll": Rate(3.0)})
    assert some != others
    assert len({some, others, Traits(rates={"poll": Rate(2.0)})}) == 2
