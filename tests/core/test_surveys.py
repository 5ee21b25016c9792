"""The decisions about surveys: their pace is the quota's, pages must be worth their requests, and weather rests them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.core.surveys import FAILURES, HELD, LEAST_PAGES, LONG, REST, Rounds, asks_again, is_held

SECONDS = st.floats(0, 1e6)


def rounds(*, at_least: int = 50, worth: int = 20, rate: float = 2.5) -> Rounds:
    return Rounds(at_least=at_least, worth=worth, rate=rate)


def test_few_jobs_are_looked_at_one_by_one_and_many_are_surveyed_from_the_start() -> None:
    some = rounds()
    assert not some.serve(0.0, 49)
    assert some.serve(0.0, 50)
    assert some.next_at <= 0.0


def test_ten_pages_at_two_and_a_half_a_second_use_up_four_seconds() -> None:
    some = rounds()
    some.begin(100.0, 1000)
    for _ in range(10):
        some.asked()
        assert some.told(100)
    assert some.next_at == pytest.approx(104.0)
    some.begin(104.0, 1000)
    some.asked()
    assert some.next_at == pytest.approx(104.4)  # each uses what it has asked for


@given(
    st.floats(0.01, 100),
    st.lists(st.tuples(st.integers(1, 30), st.floats(0, 100), st.floats(0, 50)), min_size=2, max_size=20),
)
def test_no_row_of_surveys_asks_for_more_pages_than_the_rate_allows(
    rate: float, plan: list[tuple[int, float, float]]
) -> None:
    some = rounds(rate=rate)
    now, begins, pages = 0.0, [], []
    for count, takes, idles in plan:
        now = max(now, some.next_at)
        some.begin(now, 1000)
        begins.append(now)
        pages.append(count)
        for _ in range(count):
            some.asked()
        now += takes + idles
    for first in range(len(plan)):
        for last in range(first + 1, len(plan)):
            assert sum(pages[first:last]) <= rate * (begins[last] - begins[first]) * (1 + 1e-9) + 1e-6


@given(st.integers(1, 100), st.integers(0, 5000), st.data())
def test_in_whatever_order_a_window_comes_it_is_read_if_it_is_worth_it(
    worth: int, jobs: int, data: st.DataObject
) -> None:
    pages = data.draw(st.lists(st.integers(0, 100), min_size=1, max_size=60))
    some = rounds(worth=worth)
    some.begin(0.0, jobs)
    read = 0
    for told in pages:
        read += 1
        some.asked()
        if not some.told(told):
            break
    if max(LEAST_PAGES, jobs / worth) >= len(pages):
        assert read == len(pages)
    assert read <= max(LEAST_PAGES, jobs / worth + 1)
    told_little = read >= LEAST_PAGES and sum(pages[:read]) < worth * read
    assert some.end(5.0) is told_little
    assert some.serve(5.0, 50) is not told_little


def test_an_index_whose_pages_never_end_is_left_all_the_same() -> None:
    for worth in (0, 1, 20):
        some = rounds(worth=worth)
        some.begin(0.0, 1000)
        pages = 0
        goes_on = True
        while goes_on:
            pages += 1
            some.asked()
            goes_on = some.told(0)
        assert pages <= 1000


def test_rests_for_want_of_worth_double_to_ten_minutes_and_one_good_survey_ends_that() -> None:
    some = rounds()
    now, rests = 0.0, []
    for told in (0, 0, 0, 0, 0, 0, 100, 0):
        some.begin(now, 60)
        for _ in range(LEAST_PAGES):
            some.asked()
            some.told(told)
        if some.end(now):
            rests.append(some.rests_until - now)
            now = some.rests_until
    assert rests == [60.0, 120.0, 240.0, 480.0, 600.0, 600.0, 60.0]


def test_what_one_survey_told_is_no_merit_of_the_next() -> None:
    some = rounds()
    some.begin(0.0, 1000)
    for _ in range(10):
        some.asked()
        some.told(100)
    assert not some.end(1.0)
    some.begin(10.0, 1000)
    for _ in range(LEAST_PAGES):
        some.asked()
        some.told(0)
    assert some.end(11.0)


def test_one_failure_waits_and_three_in_a_row_rest() -> None:
    some = rounds()
    now = 0.0
    for _ in range(FAILURES - 1):
        some.begin(now, 50)
        some.asked()
        some.failed(now, 2.0)
        assert some.next_at == now + 2.0
        assert some.serve(now, 50)
        now = some.next_at
    some.begin(now, 50)
    some.asked()
    some.failed(now, 2.0)
    assert not some.serve(now + REST - 0.1, 50)
    assert some.serve(now + REST, 50)
    later = now + REST
    some.failed(later, 2.0)  # still out of order: one try is enough to know
    assert not some.serve(later + 1, 50)
    some.told(1)
    some.failed(later + REST, 2.0)
    assert some.serve(later + REST, 50)


def test_a_failure_leaves_the_quota_as_it_is() -> None:
    some = rounds(rate=0.1)
    some.begin(0.0, 50)
    some.asked()
    some.failed(1.0, 0.5)
    assert some.next_at == 10.0


@given(SECONDS, SECONDS)
def test_nobody_waits_for_a_survey_whose_provider_asked_for_long_patience(now: float, delay: float) -> None:
    some = rounds()
    some.failed(now, delay)
    if delay > HELD:
        assert not some.serve(now + delay / 2, 1000)
        assert some.serve(now + max(REST, delay), 1000)
    else:
        assert some.serve(now, 1000)
        assert some.next_at == now + delay


def test_a_rest_never_becomes_shorter_and_a_suspend_counts() -> None:
    some = rounds()
    some.rest(LONG)
    some.rest(REST)
    assert not some.serve(LONG - 1, 1000)
    some.slept(LONG - 100)
    assert not some.serve(99, 1000)
    assert some.serve(100, 1000)


def test_a_channel_is_held_only_against_what_looks_may_do() -> None:
    assert not is_held(10.0, surveys=0.0, looks=0.0)
    assert not is_held(10.0, surveys=10.0 + HELD, looks=0.0)
    assert is_held(10.0, surveys=10.1 + HELD, looks=0.0)
    assert not is_held(10.0, surveys=1000.0, looks=1000.0)


@given(SECONDS, st.none() | SECONDS, SECONDS)
def test_a_survey_asks_no_sooner_than_looks_come_by_themselves(now: float, last: float | None, spacing: float) -> None:
    assert asks_again(now, last=last, spacing=spacing) is (last is None or now >= last + spacing)
