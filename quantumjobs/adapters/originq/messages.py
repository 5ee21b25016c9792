"""The documents of OriginQ's cloud, and what they mean; lenient where the live service has not been seen.

Replies are of the generation that pyqpanda3 speaks. Those of the one before it (QPanda-2) are read too, since their
fields overlap and clients of both have been written against the same hosts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from quantumjobs.core.states import JobState

Number = str | int | float
Texts = str | dict[str, Any] | list[str | dict[str, Any] | None] | None
"""Results: one JSON text a program. One program's has been seen bare, and as the object itself."""


class Envelope(Struct, frozen=True):
    """Round every reply but the list of resources. HTTP's status says nothing: a refusal is a 200, too."""

    success: bool
    code: int | str | None = None
    message: str | None = None
    obj: msgspec.Raw = msgspec.Raw()


class Task(Struct, frozen=True, rename="camel"):
    """A task as the service tells of it; `obj` of `taskDetail`."""

    task_id: str | None = None
    task_state: Number | None = None
    task_status: Number | None = None
    """The older generation's name for it, in answers about batches."""
    task_result: Texts = None
    """Probabilities, after the amendment where one was asked for."""
    prob_count: Texts = None
    """Counts as they were measured."""
    measure_qubit_size: list[Number | None] | Number | None = None
    """Measured bits, one number a program."""
    error_message: str | None = None
    error_detail: str | None = None
    qcode_task_new_vo: _Older | None = None


class _Older(Struct, frozen=True, rename="camel"):
    """Where the older generation has it."""

    task_result_list: tuple[Task, ...] = ()


class Submitted(Struct, frozen=True, rename="camel"):
    """`obj` of a submit's answer."""

    task_id: str


Place = Annotated[int, Meta(ge=0, lt=100_000)]
"""A qubit's number. The bound is far beyond any chip: a few bytes must not claim gigabytes."""
_PAIR = re.compile(r"\d{1,5}_\d{1,5}", re.ASCII)
_NUMBER = re.compile(r"\d{1,5}", re.ASCII)


class Neighbour(Struct, frozen=True):
    """An edge of the chip, and the fidelity of its cz."""

    v: Place
    w: float | None = None


class Qubit(Struct, frozen=True):
    """What is known of a chip's qubit. T1 and T2 in microseconds, frequency in MHz."""

    id: str | int = msgspec.field(name="qubitId")
    t1: float | None = msgspec.field(name="T1", default=None)
    t2: float | None = msgspec.field(name="T2", default=None)
    frequency: float | None = msgspec.field(name="Frequency", default=None)
    readout: float | None = msgspec.field(name="ReadoutFidelity", default=None)
    single: float | None = msgspec.field(name="SingleGateFidelity", default=None)


class Chip(Struct, frozen=True):
    """`obj` of `chipInfo`: what circuits for a chip's own qubits must know.

    The first seven are there in every answer that pyqpanda3 takes. Not all of them are used here; where one is not what
    it should be, the answer is somebody else's, and not to be trusted with qubits.
    """

    name: str = msgspec.field(name="ChipID")
    count: Place = msgspec.field(name="QubitCount")
    available: tuple[Place, ...] = msgspec.field(name="AvailableQubits")
    high_frequency: tuple[Place, ...] = msgspec.field(name="HighFrequencyQubit")
    gates: tuple[str, ...] = msgspec.field(name="BasicQGate")
    compensations: dict[str, dict[str, float]] = msgspec.field(name="CompensateAngle")
    """By pairs of qubits, "0_1"."""
    clocks: tuple[dict[str, Any], ...] = msgspec.field(name="QGateClock")
    qubits: tuple[Qubit, ...] | None = msgspec.field(name="QubitParams", default=None)
    edges: dict[str, tuple[Neighbour, ...]] | None = msgspec.field(name="adjMatrix", default=None)

    def __post_init__(self) -> None:
        if not all(map(_PAIR.fullmatch, self.compensations)):
            raise ValueError("CompensateAngle has a key that is no pair of qubits")
        if not all(map(_NUMBER.fullmatch, self.edges or ())):
            raise ValueError("adjMatrix has a key that is no qubit")


class About(Struct, frozen=True):
    """What `describe` gives. `chip`: where its qubits count; None where the service places circuits itself."""

    backend: str
    chip: Chip | None = None


WORDS: Mapping[str, str] = {
    "1": "WAITING",
    "2": "COMPUTING",
    "3": "FINISHED",
    "4": "FAILED",
    "5": "QUEUING",
    "6": "SENT_TO_BUILD_SYSTEM",
    "7": "BUILD_SYSTEM_ERROR",
    "8": "SEQUENCE_TOO_LONG",
    "9": "BUILD_SYSTEM_RUN",
}
"""The vendor's names of `taskState`; the last four are QPanda-2's."""
STATES: Mapping[str, JobState] = {
    "1": JobState.QUEUED,
    "2": JobState.RUNNING,
    "3": JobState.COMPLETED,
    "4": JobState.FAILED,
    "5": JobState.QUEUED,
    "6": JobState.QUEUED,
    "7": JobState.FAILED,
    "8": JobState.FAILED,
    "9": JobState.RUNNING,
    "35": JobState.FAILED,  # so one public client; its name is not known
}
UNAUTHORIZED = "401"
MAINTENANCE = "20045"
"""Also of a chip that is there no more."""
NO_RESOURCE = "10002"


def number(given: Number | None) -> str:
    """A number as text, however it was written: 3, 3.0 and "3" are one state; "" for none."""
    if given is None or isinstance(given, bool):
        return ""
    if isinstance(given, float):
        return str(int(given)) if given.is_integer() else str(given)
    return str(given).strip()


def newest(task: Task) -> Task:
    """The task of an answer, whichever generation told it."""
    older = task.qcode_task_new_vo
    found = older.task_result_list[0] if older is not None and older.task_result_list else task
    return found if found.task_state is not None else msgspec.structs.replace(found, task_state=found.task_status)


json = msgspec.json.Encoder().encode
