"""What the Braket emulator is sent, checked as the service's model says."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from quantumjobs.testing.emulators.braket_devices import OPENQASM, PROGRAM_SET, Device
from quantumjobs.testing.emulators.braket_refusals import invalid
from quantumjobs.testing.emulators.braket_run import Task

_Token = Annotated[str, Meta(min_length=1, max_length=64)]


class Creation(Struct, frozen=True, rename="camel"):
    """Of a task."""

    client_token: _Token
    device_arn: Annotated[str, Meta(min_length=1, max_length=256)]
    shots: Annotated[int, Meta(ge=0)]
    output_s3_bucket: Annotated[str, Meta(min_length=3, max_length=63)]
    output_s3_key_prefix: Annotated[str, Meta(min_length=1, max_length=1024)]
    action: Annotated[str, Meta(min_length=1)]
    device_parameters: Annotated[str, Meta(min_length=1, max_length=48000)] | None = None
    tags: dict[str, str] | None = None
    job_token: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    associations: Annotated[list[dict[str, str]], Meta(max_length=1)] = []
    experimental_capabilities: Any = None


class Cancellation(Struct, frozen=True, rename="camel"):
    """Of a task."""

    client_token: _Token


class _Header(Struct, frozen=True):
    name: str
    version: str


class Program(Struct, frozen=True, rename="camel", omit_defaults=True):
    """In OpenQASM, with values for its inputs: lists of them in a program set."""

    braket_schema_header: _Header
    source: Annotated[str, Meta(min_length=1)]
    inputs: dict[str, Any] | None = None

    @property
    def executables(self) -> list[dict[str, Any]]:
        """One for each place in the lists of a program set."""
        if not self.inputs:
            return [{}]
        return [dict(zip(self.inputs, values, strict=True)) for values in zip(*self.inputs.values(), strict=True)]


class _Set(Struct, frozen=True, rename="camel"):
    programs: Annotated[list[Program], Meta(min_length=1)]


class _Action(Struct, frozen=True, rename="camel"):
    braket_schema_header: _Header


class Work(Struct, frozen=True):
    """What is to be run."""

    kind: str
    """The name of the action's schema."""
    programs: tuple[Program, ...]
    tasks: tuple[Task, ...]
    """One for each executable, without seeds."""
    places: tuple[tuple[int, int], ...]
    """Of each: the program, and which of its executables."""


def decode(body: bytes, kind: Any) -> Any:
    """Raises `Refusal` for another body."""
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(f"1 validation error detected: {error}") from None


def work(asked: Creation, device: Device) -> Work:
    """Raises `Refusal` for an action that the device does not take."""
    action = asked.action.encode()
    head = decode(action, _Action).braket_schema_header
    if head.version != "1" or head.name not in (OPENQASM, PROGRAM_SET):
        raise invalid(f"the action {head.name} of version {head.version} is not supported")
    if asked.device_parameters is not None:
        decode(asked.device_parameters.encode(), dict[str, Any])
    low, high = device.shots
    if head.name == PROGRAM_SET:
        return _set(asked, decode(action, _Set).programs, device)
    if not low <= asked.shots <= high:
        raise invalid(f"Number of shots {asked.shots} is not in the range of the device: {low} to {high}")
    program: Program = decode(action, Program)
    task = Task(text=program.source, inputs=program.inputs or {}, shots=asked.shots, rules=device.rules)
    return Work(OPENQASM, (program,), (task,), ((0, 0),))


def _set(asked: Creation, programs: list[Program], device: Device) -> Work:
    if device.sets is None:
        raise invalid(f"{device.name} does not support program sets")
    failures = [{"programIndex": at, "errors": errors} for at, one in enumerate(programs) if (errors := _wrong(one))]
    if failures:
        message = "The program set is not valid"
        raise invalid(message, reason="ProgramSetValidationFailed", programSetValidationFailures=failures)
    most, shots = device.sets
    found = [(at, place, given) for at, one in enumerate(programs) for place, given in enumerate(one.executables)]
    if len(found) > most:
        raise invalid(f"The program set has {len(found)} executables; up to {most} are supported")
    each, rest = divmod(asked.shots, len(found))
    if rest or not each or asked.shots > shots or each > device.shots[1]:
        raise invalid(f"{asked.shots} shots cannot be divided by {len(found)} executables, or are more than {shots}")
    tasks = tuple(
        Task(text=programs[at].source, inputs=given, shots=each, rules=device.rules) for at, _, given in found
    )
    return Work(PROGRAM_SET, tuple(programs), tasks, tuple((at, place) for at, place, _ in found))


def _wrong(program: Program) -> list[str]:
    inputs = program.inputs or {}
    if any(not isinstance(value, list) or not value for value in inputs.values()):
        return ["inputs of a program in a set are lists of values"]
    if len({len(value) for value in inputs.values()}) > 1:
        return ["inputs of a program have the same number of values"]
    head = program.braket_schema_header
    return [] if (head.name, head.version) == (OPENQASM, "1") else [f"{head.name} is no program of a set"]
