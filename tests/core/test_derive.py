"""What a handle shows follows from its parts, by a rule short enough to be written down twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from quantumjobs.core.derive import eta_of, progress_of, queue_position_of, state_of, worst_of
from quantumjobs.core.records import JobRecord, Progress
from quantumjobs.core.states import TERMINAL, JobState
from tests.core.reach import NEW

S = JobState
LIVE = frozenset(S) - TERMINAL
states = st.lists(st.sampled_from(list(S)), min_size=1, max_size=8)
times = st.floats(min_value=0, max_value=1e10)


def by_the_book(parts: list[JobState]) -> JobState:
    """While any part lives: in_doubt only if nothing else lives, else cancelling > running > queued > submitting >
    created; live parts beside a completed one: running. All terminal and alike: that state; else any failed, rejected
    or lost: failed; else any cancelled: cancelled.
    """
    living = [state for state in parts if state in LIVE]
    if living:
        if all(state is S.IN_DOUBT for state in living):
            return S.IN_DOUBT
        if S.CANCELLING in living:
            return S.CANCELLING
        if S.COMPLETED in parts:
            return S.RUNNING
        for state in (S.RUNNING, S.QUEUED, S.SUBMITTING):
            if state in living:
                return state
        return S.CREATED
    if len(set(parts)) == 1:
        return parts[0]
    if any(state in {S.FAILED, S.REJECTED, S.LOST} for state in parts):
        return S.FAILED
    return S.CANCELLED


def part(state: JobState = S.RUNNING, **facts: object) -> JobRecord:
    return replace(NEW, state=state, **facts)


@st.composite
def parts(draw: st.DrawFn) -> list[JobRecord]:
    def one() -> JobRecord:
        circuits = draw(st.integers(1, 50))
        done = draw(st.none() | st.integers(0, circuits))
        return part(
            draw(st.sampled_from(list(S))),
            circuits=circuits,
            progress=None if done is None else Progress(done, circuits),
            queue_position=draw(st.none() | st.integers(0, 100)),
            eta=draw(st.none() | times),
        )

    return [one() for _ in range(draw(st.integers(1, 6)))]


@given(states)
def test_the_state_is_that_of_the_rule(given_states: list[JobState]) -> None:
    assert state_of(given_states) is by_the_book(given_states)


def test_the_rule_holds_for_every_set_of_states() -> None:
    everything = list(S)
    for bits in range(1, 1 << len(everything)):
        chosen = [state for n, state in enumerate(everything) if bits >> n & 1]
        assert state_of(chosen) is by_the_book(chosen), chosen


@given(states)
def test_a_handle_is_terminal_exactly_when_all_its_parts_are(given_states: list[JobState]) -> None:
    assert state_of(given_states).is_terminal == all(state in TERMINAL for state in given_states)


@given(states, st.randoms())
def test_neither_order_nor_number_of_the_parts_matters(given_states: list[JobState], random: object) -> None:
    shuffled = given_states * 2
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert state_of(shuffled) is state_of(given_states)


@pytest.mark.parametrize("state", S)
def test_one_part_speaks_for_itself(state: JobState) -> None:
    assert state_of([state]) is state


@given(states)
def test_completed_means_all_of_it(given_states: list[JobState]) -> None:
    assert (state_of(given_states) is S.COMPLETED) == (set(given_states) == {S.COMPLETED})


@given(parts())
def test_progress_is_a_sum_within_bounds(some: list[JobRecord]) -> None:
    progress = progress_of(some)
    assert 0 <= progress.done <= progress.total == sum(one.circuits for one in some)
    if all(one.state is S.COMPLETED for one in some):
        assert progress.done == progress.total


@given(parts())
def test_a_part_that_completes_never_takes_progress_back(some: list[JobRecord]) -> None:
    before = progress_of(some)
    for n in range(len(some)):
        some[n] = replace(some[n], state=S.COMPLETED)
        after = progress_of(some)
        assert after.done >= before.done
        before = after


@given(parts())
def test_the_queue_position_is_that_of_the_part_served_next(some: list[JobRecord]) -> None:
    known = [one.queue_position for one in some if one.queue_position is not None]
    assert queue_position_of(some) == (min(known) if known else None)


@given(parts())
def test_the_end_is_that_of_the_last_live_part(some: list[JobRecord]) -> None:
    known = [one.eta for one in some if one.eta is not None and one.state in LIVE]
    assert eta_of(some) == (max(known) if known else None)


@given(parts())
def test_the_part_that_explains_is_no_better_than_any_other(some: list[JobRecord]) -> None:
    order = [S.FAILED, S.REJECTED, S.LOST, S.CANCELLED, S.IN_DOUBT]
    found = worst_of(some)
    assert found in some
    ranks = [order.index(one.state) if one.state in order else len(order) for one in some]
    rank = order.index(found.state) if found.state in order else len(order)
    assert rank == min(ranks)
    if state_of([one.state for one in some]) in {S.FAILED, S.CANCELLED}:
        assert found.state in {S.FAILED, S.REJECTED, S.LOST, S.CANCELLED}
