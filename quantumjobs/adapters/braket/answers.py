"""A task's result object taken apart: one answer for each program that ran, whatever form the object came in.

Further members are ignored, large ones stay text until they are wanted, and what cannot be read fails its program alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from quantumjobs.adapters.braket.schemas import RESULTS
from quantumjobs.core.costs import SECONDS
from quantumjobs.core.text import one_line

T = TypeVar("T")

_GATES = "braket.task_result.gate_model_task_result"
_SET = "braket.task_result.program_set_task_result"
_SMALL = 1 << 16
"""Bytes of JSON of a fact that is kept as metadata; what is larger stays in the raw result."""
_MOST = 20_000
"""Programs of one task, whatever a result says."""
_COMPILED = "compiled_program"


class Unread(ValueError):
    """Something nobody understands; its words say what and why."""


class Answer(Struct, frozen=True, kw_only=True):
    """What came of one program. Members that are not there are None."""

    measurements: Raw | None = None
    probabilities: Raw | None = None
    result_types: Raw | None = None
    qubits: Raw | None = None
    """Which Braket qubit is behind each column."""
    shots: int | None = None
    """As many were asked for."""
    failure: str | None = None
    """Why there is no outcome."""
    facts: dict[str, Any] = {}
    """What else it tells, as far as it is small."""


class _Head(Struct, frozen=True):
    name: str | None = None


class _Object(Struct, frozen=True, rename="camel"):
    """Any of the objects: a task's result, a program's, an executable's."""

    braket_schema_header: _Head | None = None
    measurements: Raw = Raw()
    measurement_probabilities: Raw = Raw()
    result_types: Raw = Raw()
    measured_qubits: Raw = Raw()
    outputs: Raw = Raw()
    task_metadata: Raw = Raw()
    additional_metadata: Raw = Raw()
    program_results: list[Raw] | None = None
    executable_results: list[Raw] | None = None
    inputs_index: int | None = None
    failure_metadata: Raw = Raw()


class _Task(Struct, frozen=True, rename="camel"):
    """Of a task, or of a program set."""

    id: str = ""
    device_id: str = ""
    created_at: str | None = None
    ended_at: str | None = None
    status: str | None = None
    failure_reason: str | None = None
    shots: Annotated[int, msgspec.Meta(ge=0, le=10**15)] | None = None
    requested_shots: Annotated[int, msgspec.Meta(ge=0, le=10**15)] | None = None
    program_metadata: list[_Executables] | None = None


class _Executables(Struct, frozen=True):
    """What became of the executables of one program."""

    executables: list[_Fate] = []


class _Fate(Struct, frozen=True, rename="camel"):
    """Empty where all went well."""

    status: str | None = None
    failure_reason: str | None = None
    retryable: bool | None = None
    category: str | None = None


class _Added(Struct, frozen=True, rename="camel"):
    """By a simulator, or by a device."""

    execution_duration: float | None = None
    compiled_program: str | None = None


def read(blobs: Mapping[str, bytes]) -> list[Answer]:
    """One answer a program, in order. `blobs`: see `schemas`. Raises `Unread` where the whole is not understood."""
    parts = dict(blobs)
    whole = _taken(parts, RESULTS)
    kind = (whole.braket_schema_header or _Head()).name
    if kind == _SET or (kind is None and whole.program_results is not None):
        return _set(whole, parts)
    if kind not in (None, _GATES):
        raise Unread(f"it is a {one_line(kind, limit=80)}, which is none of circuits")
    task = _perhaps(_task, whole.task_metadata) or _Task()
    found = _answer(whole, task.shots, {**_about(task), **_extras(whole), **_outputs(whole)})
    if task.failure_reason and (found.measurements, found.probabilities, found.result_types) == (None,) * 3:
        found = msgspec.structs.replace(found, failure=one_line(task.failure_reason))
    return [found]


def decoded(decoder: msgspec.json.Decoder[T], body: Raw | bytes, what: str) -> T:
    """Raises `Unread` for what is not as `decoder` has it; depth is bounded by it."""
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unread(f"{what}: {one_line(str(error), limit=200)}") from None


# --- a program set ------------------------------------------------------------------------
def _set(whole: _Object, parts: dict[str, bytes]) -> list[Answer]:
    described = whole.task_metadata
    if _is_path(described):
        described = Raw(parts.get(_path(described, ""), b""))
    task = _perhaps(_task, described) or _Task()
    programs = whole.program_results or []
    fates = [one.executables for one in task.program_metadata or ()]
    number = sum(map(len, fates))
    # As the service has it: what was asked for is spread evenly.
    shots = task.requested_shots // number if task.requested_shots is not None and number else None
    facts = _about(task)
    found: list[Answer] = []
    for at in range(max(len(programs), len(fates))):
        known = fates[at] if at < len(fates) else []
        try:
            if at >= len(programs):
                raise Unread(_NOTHING)
            found += _program(programs[at], known, shots, facts, parts)
        except Unread as error:
            found += [
                Answer(shots=shots, facts=facts, failure=_failure(fate) or str(error)) for fate in known or [_Fate()]
            ]
        if len(found) > _MOST:
            raise Unread(f"it is of more than {_MOST} programs")
    return found


def _program(
    given: Raw, fates: Sequence[_Fate], shots: int | None, facts: dict[str, Any], parts: dict[str, bytes]
) -> list[Answer]:
    base = ""
    if _is_path(given):
        path = _path(given, "")
        program, base = _taken(parts, path), path.rpartition("/")[0]
    else:
        program = decoded(_object, given, "a program's result")
    executables = program.executable_results or ()
    if len(executables) > _MOST:
        raise Unread(f"it has {len(executables)} results, which is more than are read")
    facts = {**facts, **_extras(program)}
    if len(executables) > 1:
        facts.pop(_COMPILED, None)  # it would be kept as often
    results = [_executable(one, base, shots, facts, parts) for one in executables]
    if results and len(results) >= len(fates):
        return [answer for _, answer in results]
    # Some are missing, such as cancelled ones: who is whose is told by the inputs.
    placed = {index: answer for index, answer in results if index is not None and 0 <= index < len(fates)}
    if len(placed) != len(results):
        raise Unread(f"{len(results)} results for {len(fates)} executables, and nothing tells for which")
    return [
        placed.get(at) or Answer(shots=shots, facts=facts, failure=_failure(fate) or _NOTHING)
        for at, fate in enumerate(fates or [_Fate()])
    ]


def _executable(
    given: Raw, base: str, shots: int | None, facts: dict[str, Any], parts: dict[str, bytes]
) -> tuple[int | None, Answer]:
    """And the inputs' place, as far as told."""
    index = None
    try:
        one = (
            _taken(parts, _path(given, base)) if _is_path(given) else decoded(_object, given, "an executable's result")
        )
        index = one.inputs_index
        failed = _present(one.failure_metadata)
        failure = None if failed is None else _failure(decoded(_fate, failed, "failureMetadata")) or "it failed"
    except Unread as error:
        return index, Answer(shots=shots, facts=facts, failure=str(error))
    return index, _answer(one, shots, {**facts, **_outputs(one)}, failure=failure)


def _failure(fate: _Fate) -> str:
    """In the service's words; empty where it tells of none."""
    if fate.failure_reason is None:
        return "" if fate.status is None else f"it is {one_line(fate.status, limit=40)}"
    told = [] if fate.category is None else [one_line(fate.category, limit=40)]
    if fate.retryable is not None:
        told.append("may be tried again" if fate.retryable else "not to be tried again")
    return one_line(fate.failure_reason) + (f" ({', '.join(told)})" if told else "")


# --- parts --------------------------------------------------------------------------------
def _taken(parts: dict[str, bytes], path: str) -> _Object:
    """Each part once: a small object that names a large one again and again must not make it be read as often."""
    body = parts.pop(path, None)
    if body is None:
        raise Unread(f"{one_line(path, limit=200)} is not there")
    return decoded(_object, body, one_line(path, limit=200))


def _is_path(given: Raw) -> bool:
    return bytes(memoryview(given)[:1]) == b'"'


def _path(given: Raw, base: str) -> str:
    """Which blob is meant: only names are compared, nothing is opened."""
    path = decoded(_text, given, "the name of a part")
    return f"{base}/{path}" if base else path


def _perhaps(decoder: msgspec.json.Decoder[T], given: Raw) -> T | None:
    """None where it is missing or odd: for what outcomes can be read without, and the raw result still tells."""
    try:
        return decoded(decoder, given, "")
    except Unread:
        return None


def _answer(one: _Object, shots: int | None, facts: dict[str, Any], *, failure: str | None = None) -> Answer:
    return Answer(
        measurements=_present(one.measurements),
        probabilities=_present(one.measurement_probabilities),
        result_types=_present(one.result_types),
        qubits=_present(one.measured_qubits),
        shots=shots,
        failure=failure,
        facts=facts,
    )


def _present(given: Raw) -> Raw | None:
    """None for what is left out, null, or empty: the service means the same by them."""
    return None if b"".join(bytes(memoryview(given)[:80]).split()) in _ABSENT else given


def _about(task: _Task) -> dict[str, Any]:
    told = {"task_id": task.id, "device": task.device_id, "created_at": task.created_at, "ended_at": task.ended_at}
    return {name: one_line(text, limit=256) for name, text in told.items() if text}


def _extras(one: _Object) -> dict[str, Any]:
    """Of the metadata that devices add: how long a simulation took, the compiled program if short, others' sizes."""
    found: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    for name, value in (_perhaps(_members, one.additional_metadata) or {}).items():
        if name == "action" or _present(value) is None:
            continue
        if name != "simulatorMetadata":
            sizes[one_line(name, limit=80)] = len(memoryview(value))
        added = _perhaps(_added, value) or _Added()
        if added.execution_duration is not None:
            found[SECONDS] = added.execution_duration / 1000
        if added.compiled_program and len(added.compiled_program) <= _SMALL:
            found[_COMPILED] = added.compiled_program
    if sizes:
        found["provider_metadata_bytes"] = sizes
    return found


def _outputs(one: _Object) -> dict[str, Any]:
    """The values of a program's `output` variables, a dict a shot."""
    outputs = _present(one.outputs)
    if outputs is None:
        return {}
    if len(memoryview(outputs)) > _SMALL:
        return {"outputs_bytes": len(memoryview(outputs))}
    values = _perhaps(_values, outputs)
    return {} if values is None else {"outputs": values}


_NOTHING = "the service gave no result for it"
_ABSENT = (b"", b"null", b"[]", b"{}")
_object = msgspec.json.Decoder(_Object)
_task = msgspec.json.Decoder(_Task)
_fate = msgspec.json.Decoder(_Fate)
_members = msgspec.json.Decoder(dict[str, Raw])
_added = msgspec.json.Decoder(_Added)
_text = msgspec.json.Decoder(str)
_values = msgspec.json.Decoder(list[dict[str, bool | int | float | str | list[bool | int | float | None] | None]])
