"""The results in an answer about a task, one document a program, whatever shape they came in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from quantumjobs.adapters.originq.messages import Envelope, Number, Task, Texts, newest, number

_LARGEST = 1 << 16
"""Bytes of JSON of a fact that is kept as metadata."""
_READ = frozenset(
    {"taskResult", "probCount", "measureQubitSize", "taskState", "taskStatus", "errorMessage", "errorDetail"}
)


class Unread(ValueError):
    """A document that nobody understands; its words say why."""


class Histogram(Struct, frozen=True):
    """`key` and `value`, side by side."""

    keys: Sequence[Any]
    values: Sequence[Any]


class Answer(Struct, frozen=True):
    """What one answer has, program by program."""

    probabilities: list[Any] | None
    """Documents as they came; None where there are none."""
    counts: list[Any] | None
    sizes: list[int | None]
    """Measured bits, as far as told."""
    facts: dict[str, Any]
    """What else it tells of the task."""


def read(body: bytes) -> Answer:
    """Take an answer apart. Raises `Unread` for one that is none."""
    try:
        obj = bytes(_envelope.decode(body).obj)
        task = newest(_task.decode(obj))
        told = _object.decode(obj)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unread(f"the answer is not OriginQ's: {error}") from None
    older = told.pop("qcodeTaskNewVo", None)
    if isinstance(older, Mapping) and older.get("taskResultList"):
        told = dict(older["taskResultList"][0])
    facts = {
        name: value
        for name, value in told.items()
        if name not in _READ and value is not None and len(msgspec.json.encode(value)) <= _LARGEST
    }
    return Answer(_documents(task.task_result), _documents(task.prob_count), _sizes(task.measure_qubit_size), facts)


def histogram(document: Any) -> Histogram:
    """Of one program. Names count in any case. Raises `Unread`."""
    named = named_in_lower_case(document)
    keys, values = named.get("key"), named.get("value")
    if not isinstance(keys, list) or not isinstance(values, list):
        raise Unread("the result has no lists of keys and values")
    if len(keys) != len(values):
        raise Unread(f"the result has {len(keys)} keys and {len(values)} values")
    return Histogram(keys, values)


def named_in_lower_case(document: Any) -> dict[str, Any]:
    """An object, or the text of one. Raises `Unread`."""
    if isinstance(document, str):
        try:
            document = msgspec.json.decode(document)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise Unread(f"the result is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise Unread("the provider gave no result for it" if document is None else "the result is no object")
    return {str(name).lower(): value for name, value in document.items()}


def _documents(given: Texts) -> list[Any] | None:
    """One a program. Nothing at all is None; one program's was seen without a list around it."""
    if given is None or given in ("", []):
        return None
    if isinstance(given, str) and given.lstrip().startswith("["):
        try:
            found = msgspec.json.decode(given)
        except (msgspec.MsgspecError, RecursionError):
            return [given]
        return found if isinstance(found, list) else [given]
    return [None if one == "" else one for one in given] if isinstance(given, list) else [given]


def _sizes(given: list[Number | None] | Number | None) -> list[int | None]:
    listed = given if isinstance(given, list) else [] if given is None else [given]
    return [int(text) if (text := number(one)).isdecimal() and len(text) < 7 else None for one in listed]


_envelope = msgspec.json.Decoder(Envelope)
_task = msgspec.json.Decoder(Task)
_object = msgspec.json.Decoder(dict[str, Any])
