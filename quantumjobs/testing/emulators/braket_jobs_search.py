"""Searches for hybrid jobs: filters, and what they let through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from quantumjobs.testing.emulators import braket_search
from quantumjobs.testing.emulators.braket_jobs_state import HybridJob
from quantumjobs.testing.emulators.braket_refusals import invalid
from quantumjobs.testing.emulators.braket_search import PAGE

_Value = Annotated[str, Meta(min_length=1, max_length=256)]


class JobFilter(Struct, frozen=True):
    """Several values of EQUAL, or of CONTAINS, are alternatives."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    """Of any text; two are known."""
    values: Annotated[list[_Value], Meta(min_length=1, max_length=10)]
    operator: Literal["LT", "LTE", "EQUAL", "GT", "GTE", "BETWEEN", "CONTAINS"]


class JobSearch(Struct, frozen=True, rename="camel"):
    """For hybrid jobs."""

    filters: Annotated[list[JobFilter], Meta(max_length=10)]
    max_results: Annotated[int, Meta(ge=1, le=PAGE)] = PAGE
    next_token: str | None = None


def matching(
    asked: JobSearch, jobs: Iterable[HybridJob], shown: Callable[[HybridJob], str | None]
) -> Iterator[tuple[HybridJob, str]]:
    """Jobs with the state that is shown of each; without those that no state is shown of. Raises `Refusal`."""
    tests = [_test(one) for one in asked.filters]
    for job in jobs:
        word = shown(job)
        if word is not None and all(test(job, word) for test in tests):
            yield job, word


def _test(one: JobFilter) -> Callable[[HybridJob, str], bool]:
    if one.name == "createdAt":
        if one.operator == "CONTAINS":
            raise invalid("createdAt: the operator CONTAINS is not supported")
        order = braket_search.order(one.operator, one.values)
        return lambda job, _: order(job.created_at)
    if one.name != "jobArn":
        raise invalid(f"{one.name} is no filter of hybrid jobs")
    if one.operator == "EQUAL":
        return lambda job, _: job.id in one.values
    if one.operator == "CONTAINS":
        return lambda job, _: any(value in job.id for value in one.values)
    raise invalid(f"{one.name}: the operator {one.operator} is not supported")
