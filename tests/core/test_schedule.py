"""When to look again: the heap against a plain model, and the cadence within its bounds."""

from __future__ import annotations

from math import inf, sqrt

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from quantumjobs.core.schedule import DueHeap, Pace, spacing

keys = st.sampled_from("abcdefgh")
moments = st.floats(min_value=0, max_value=100) | st.integers(0, 5).map(float)
limits = st.none() | st.integers(0, 5)


class HeapAgainstModel(RuleBasedStateMachine):
    """The model: a dict of due times, sorted when asked; equal times in the order of setting."""

    def __init__(self) -> None:
        super().__init__()
        self.heap: DueHeap[str] = DueHeap()
        self.model: dict[str, tuple[float, int]] = {}
        self.serial = 0

    @rule(key=keys, due=moments)
    def set(self, key: str, due: float) -> None:
        self.serial += 1
        self.heap.set(key, due)
        self.model[key] = (due, self.serial)

    @rule(key=keys)
    def discard(self, key: str) -> None:
        self.heap.discard(key)
        self.model.pop(key, None)

    @rule(now=moments, limit=limits)
    def take(self, now: float, limit: int | None) -> None:
        due = sorted((when, key) for key, when in self.model.items() if when[0] <= now)
        expected = [key for _, key in due][:limit]
        assert self.heap.take(now, limit) == expected
        for key in expected:
            del self.model[key]

    @precondition(lambda self: self.model)
    @rule()
    def take_everything(self) -> None:
        assert self.heap.take(inf) == [key for _, key in sorted((when, key) for key, when in self.model.items())]
        self.model.clear()

    @rule(key=keys)
    def move_often(self, key: str) -> None:
        for n in range(100):
            self.set(key, float(n))

    @invariant()
    def they_agree(self) -> None:
        assert len(self.heap) == len(self.model)
        assert self.heap.next_due() == min((when for when, _ in self.model.values()), default=None)
        assert all((key in self.heap) == (key in self.model) for key in "abcdefgh")

    @invariant()
    def old_places_do_not_pile_up(self) -> None:
        assert len(self.heap._heap) <= max(65, 4 * len(self.heap) + 1)


TestHeapAgainstModel = HeapAgainstModel.TestCase


class Uncomparable:
    """A key that has an identity and no order."""


def test_keys_need_no_order() -> None:
    heap: DueHeap[Uncomparable] = DueHeap()
    some = [Uncomparable() for _ in range(5)]
    for key in some:
        heap.set(key, 1.0)
    assert heap.take(1.0) == some


def test_setting_and_discarding_for_ever_does_not_grow() -> None:
    heap: DueHeap[int] = DueHeap()
    for n in range(10_000):
        heap.set(n, float(n))
        heap.discard(n)
    assert len(heap._heap) <= 65


# --- the cadence ------------------------------------------------------------------------
ages = st.floats(min_value=0, max_value=1e8)
hints = st.none() | st.floats(min_value=-1e6, max_value=1e9)
aheads = st.none() | st.integers(0, 10**6)
counts = st.integers(1, 10**6)
bulks = st.integers(1, 1000)


@st.composite
def paces(draw: st.DrawFn) -> Pace:
    at_least = draw(st.floats(0.05, 60))
    return Pace(
        at_least=at_least,
        at_most=at_least * draw(st.floats(1, 1000)),
        rate=draw(st.floats(0.01, 1000)),
        band=draw(st.floats(2, 10)),
    )


@given(paces(), ages, hints, aheads, st.tuples(counts, bulks))
def test_never_sooner_than_the_vendor_and_the_rate_allow_nor_later_than_the_cap(
    pace: Pace, age: float, remaining: float | None, ahead: int | None, many: tuple[int, int]
) -> None:
    waiting, bulk = many
    wait = spacing(pace, age=age, remaining=remaining, ahead=ahead, waiting=waiting, bulk=bulk)
    fair = waiting / (pace.rate * bulk)
    assert max(pace.at_least, fair) <= wait <= max(pace.at_most, fair)


@given(paces(), ages, hints, aheads)
def test_a_wrong_hint_neither_starves_a_job_nor_hammers_the_provider(
    pace: Pace, age: float, remaining: float | None, ahead: int | None
) -> None:
    plain = spacing(pace, age=age)
    hinted = spacing(pace, age=age, remaining=remaining, ahead=ahead)
    fair = 1 / pace.rate
    assert hinted <= max(plain * pace.band / 2, fair, pace.at_least) * (1 + 1e-12)
    assert hinted >= min(plain / pace.band, pace.at_most) * (1 - 1e-12)


@given(paces(), ages, ages, counts)
def test_older_jobs_are_looked_at_no_more_often(pace: Pace, age: float, other: float, waiting: int) -> None:
    younger, older = sorted((age, other))
    assert spacing(pace, age=younger, waiting=waiting) <= spacing(pace, age=older, waiting=waiting)


@given(paces(), ages, hints, st.lists(counts, min_size=2, max_size=2).map(sorted), bulks)
def test_the_more_wait_the_longer_each_waits(
    pace: Pace, age: float, remaining: float | None, few_and_many: list[int], bulk: int
) -> None:
    few, many = few_and_many

    def wait(waiting: int) -> float:
        return spacing(pace, age=age, remaining=remaining, waiting=waiting, bulk=bulk)

    assert wait(few) <= wait(many)


@given(paces(), ages, counts, bulks)
def test_all_waiting_jobs_together_stay_within_the_rate(pace: Pace, age: float, waiting: int, bulk: int) -> None:
    looks_per_second = waiting / spacing(pace, age=age, remaining=0.0, waiting=waiting, bulk=bulk)
    assert looks_per_second / bulk <= pace.rate * (1 + 1e-9)


@given(paces(), ages, aheads, aheads)
def test_the_nearer_the_front_the_more_often(pace: Pace, age: float, ahead: int | None, other: int | None) -> None:
    near, far = sorted(n or 0 for n in (ahead, other))
    assert spacing(pace, age=age, ahead=near) <= spacing(pace, age=age, ahead=far)


@given(paces(), ages, hints, hints)
def test_the_sooner_it_should_be_done_the_sooner_the_look(
    pace: Pace, age: float, one: float | None, other: float | None
) -> None:
    sooner, later = sorted(n or 0.0 for n in (one, other))
    assert spacing(pace, age=age, remaining=sooner) <= spacing(pace, age=age, remaining=later)


@given(st.floats(min_value=10, max_value=1e5))
def test_without_hints_the_delay_stays_small_against_the_age(age: float) -> None:
    pace = Pace(at_most=inf)
    assert spacing(pace, age=age) <= max(pace.at_least, 0.1 * age, 1 / pace.rate)
    assert spacing(pace, age=age) <= max(pace.at_least, sqrt(age))


def test_at_the_front_of_the_queue_looks_are_several_times_as_frequent_as_far_back() -> None:
    pace = Pace()
    front, next_to_it, middle, far = (spacing(pace, age=900, ahead=ahead) for ahead in (0, 1, 4, 100))
    assert front < next_to_it < middle < far
    assert far / front == 8
