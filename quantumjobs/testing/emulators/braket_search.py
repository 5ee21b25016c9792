"""Searches for tasks: filters, and pages of what they let through."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from quantumjobs.testing.emulators.braket_refusals import invalid
from quantumjobs.testing.emulators.braket_tasks import BraketTask

PAGE = 100
_Values = Annotated[list[Annotated[str, Meta(min_length=1, max_length=256)]], Meta(min_length=1, max_length=10)]


class Filter(Struct, frozen=True):
    """Several values of EQUAL are alternatives."""

    name: Literal["quantumTaskArn", "deviceArn", "jobArn", "status", "createdAt"]
    values: _Values
    operator: Literal["LT", "LTE", "EQUAL", "GT", "GTE", "BETWEEN"]


class Search(Struct, frozen=True, rename="camel"):
    """For tasks."""

    filters: Annotated[list[Filter], Meta(max_length=10)]
    max_results: Annotated[int, Meta(ge=1, le=PAGE)] = PAGE
    next_token: str | None = None


class DeviceFilter(Struct, frozen=True):
    """The only one that there is."""

    name: Literal["deviceArn"]
    values: _Values


class DeviceSearch(Struct, frozen=True, rename="camel"):
    """For devices."""

    filters: list[DeviceFilter]
    max_results: Annotated[int, Meta(ge=1, le=PAGE)] = PAGE
    next_token: str | None = None


_ORDERS: Mapping[str, Callable[[float, list[float]], bool]] = {
    "LT": lambda moment, given: moment < given[0],
    "LTE": lambda moment, given: moment <= given[0],
    "GT": lambda moment, given: moment > given[0],
    "GTE": lambda moment, given: moment >= given[0],
    "EQUAL": lambda moment, given: moment in given,
    "BETWEEN": lambda moment, given: given[0] <= moment <= given[-1],
}


def matching(
    asked: Search, tasks: Iterable[BraketTask], shown: Callable[[BraketTask], str | None]
) -> Iterable[tuple[BraketTask, str]]:
    """Tasks with the state that is shown of each; without those that no state is shown of. Raises `Refusal`."""
    tests = [_test(one) for one in asked.filters]
    for task in tasks:
        word = shown(task)
        if word is not None and all(test(task, word) for test in tests):
            yield task, word


def _test(one: Filter) -> Callable[[BraketTask, str], bool]:
    if one.name == "createdAt":
        fits = order(one.operator, one.values)
        return lambda task, _: fits(task.created_at)
    if one.operator != "EQUAL":
        raise invalid(f"{one.name}: the operator {one.operator} is not supported")
    told: Callable[[BraketTask, str], str] = {
        "quantumTaskArn": lambda task, _: task.id,
        "deviceArn": lambda task, _: task.about.device_arn,
        "status": lambda _, word: word,
        "jobArn": lambda task, _: task.job_arn,
    }[one.name]
    return lambda task, word: told(task, word) in one.values


def order(operator: str, values: list[str]) -> Callable[[float], bool]:
    """Whether a moment of creation fits the values, in ISO 8601. Raises `Refusal`."""
    if len(values) != (2 if operator == "BETWEEN" else 1):
        raise invalid(f"createdAt: {len(values)} values do not go with {operator}")
    moments, fits = [_moment(value) for value in values], _ORDERS[operator]
    return lambda moment: fits(moment, moments)


def _moment(text: str) -> float:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        raise invalid(f"createdAt: {text!r} is no time in ISO 8601") from None
    return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).timestamp()


def start(token: str | None) -> int:
    """The place that a page begins at. Raises `Refusal`."""
    if token is None:
        return 0
    if not (token.startswith("from-") and token[5:].isdecimal() and token.isascii()):
        raise invalid("nextToken is not valid")
    return int(token[5:])
