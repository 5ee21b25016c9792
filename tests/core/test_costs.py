"""Costs are sums of published prices; what nobody published is unknown, and nothing added to it makes it known."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantumjobs.core import costs
from quantumjobs.core.costs import Cost
from quantumjobs.core.states import JobState

S = JobState
PER_SHOT = costs.tariff(task=0.3, shot=0.00035, shots=1000)
PER_MINUTE = costs.tariff(minute=0.075, least=3.0)
amounts = st.decimals(min_value=0, max_value=10**6, places=5, allow_nan=False)
somethings = st.builds(Cost, st.none() | amounts, st.just("USD"), st.booleans())


def test_a_price_per_shot_is_known_beforehand_to_the_last_digit() -> None:
    assert costs.cost(PER_SHOT) == Cost(Decimal("0.65"), "USD", is_final=False)
    assert str(costs.cost(PER_SHOT)) == "about 0.65 USD"
    assert str(costs.cost(PER_SHOT, S.COMPLETED)) == "0.65 USD"


def test_of_a_completed_task_the_shots_that_succeeded_are_counted() -> None:
    assert costs.cost({**PER_SHOT, costs.RAN: "500"}, S.COMPLETED).amount == Decimal("0.475")
    assert costs.cost({**PER_SHOT, costs.RAN: "500"}, S.RUNNING).amount == Decimal("0.65")


@pytest.mark.parametrize("state", [S.FAILED, S.CANCELLED, S.REJECTED])
@pytest.mark.parametrize("prices", [PER_SHOT, PER_MINUTE])
def test_what_did_not_complete_is_free_where_there_is_a_price(prices: dict[str, str], state: JobState) -> None:
    assert costs.cost(prices, state) == Cost(Decimal(0), "USD", is_final=True)


@pytest.mark.parametrize("state", [None, *S])
def test_without_a_price_it_is_unknown_and_never_zero(state: JobState | None) -> None:
    for details in ({}, {"price.currency": "USD"}, {"price.task": "0.3"}, {"price.shot": "nan", "price.shots": "5"}):
        assert costs.cost(details, state, seconds=5.0).amount is None
        assert str(costs.cost(details, state)) == "unknown"


def test_a_price_of_time_is_unknown_until_the_time_is() -> None:
    assert costs.is_timed(PER_MINUTE)
    assert not costs.is_timed(PER_SHOT)
    assert costs.cost(PER_MINUTE).amount is None
    assert costs.cost(PER_MINUTE, S.COMPLETED).amount is None
    assert costs.cost(PER_MINUTE, S.COMPLETED, seconds=60.0).amount == Decimal("0.075")
    assert costs.cost(PER_MINUTE, S.COMPLETED, seconds=0.02).amount == Decimal("0.00375")  # three seconds at the least


@given(st.lists(somethings, min_size=1, max_size=6))
def test_a_sum_is_unknown_if_a_summand_is_and_final_if_all_are(parts: list[Cost]) -> None:
    whole = costs.total(parts)
    assert sum(parts) == whole
    if any(part.amount is None for part in parts):
        assert whole.amount is None
    else:
        assert whole.amount == sum(part.amount for part in parts)
    assert whole.is_final == all(part.is_final for part in parts)


def test_nothing_and_two_currencies_have_no_sum() -> None:
    assert costs.total([]).amount is None
    assert (Cost(Decimal(1), "USD") + Cost(Decimal(1), "EUR")).amount is None
