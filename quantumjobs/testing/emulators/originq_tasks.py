"""Tasks of the OriginQ emulator: what is remembered of them, and what the cloud says of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import msgspec

from quantumjobs.core.states import JobState as S
from quantumjobs.testing.emulators import originq_run
from quantumjobs.testing.emulators.jobs import Job
from quantumjobs.testing.emulators.originir import Program
from quantumjobs.testing.emulators.originq_payload import Submission
from quantumjobs.testing.emulators.originq_run import Outcome

CODES = {S.QUEUED: 1, S.RUNNING: 2, S.COMPLETED: 3, S.FAILED: 4, S.CANCELLED: 4}
"""There is no state for cancelled."""
NEXT = 5
"""Queuing: the next one to run."""
CANCELLED = "task cancelled"
_TIME = "%Y-%m-%d %H:%M:%S"


class OriginqTask(Job):
    """A task. Its id is 32 hexadecimal digits in upper case."""

    about: Submission

    def __init__(
        self, circuits: list[Any], programs: Sequence[Program], about: Submission, *, fails: str | None = None
    ) -> None:
        super().__init__(circuits, about, fails=fails)
        self.id = uuid4().hex.upper()
        self.programs = tuple(programs)
        self.started: dt.datetime | None = None

    def begin(self) -> None:
        super().begin()
        self.started = dt.datetime.now(dt.UTC)

    def end(self, state: S, message: str = "") -> None:
        if state is S.COMPLETED and self.started is None:  # over when it was accepted
            self.started = dt.datetime.now(dt.UTC)
        super().end(state, message)

    def seconds(self) -> float:
        """Since it began."""
        return 0.0 if self.started is None else (dt.datetime.now(dt.UTC) - self.started).total_seconds()


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """In which of the historical shapes answers come."""

    keys: str = "hex"
    sizes: bool = True
    bare: bool = False
    counts: bool = True
    stray: bool = False
    state_as: str = "text"


def document(task: OriginqTask, *, is_next: bool, shape: Shape, keys: Sequence[Any]) -> dict[str, Any]:
    """What the cloud says of it; `keys` are further fields that were asked for."""
    code = NEXT if task.state is S.QUEUED and is_next else CODES[task.state]
    state: Any = {"text": str(code), "int": code, "float": float(code)}[shape.state_as]
    found: dict[str, Any] = {"taskId": task.id, "taskState": state}
    if task.state is S.COMPLETED:
        outcomes = [originq_run.decode(part) for part in task.parts]
        found |= _results(task, outcomes, shape)
        found["totalTime"] = f"{task.seconds():.3f}"
        if shape.stray:
            found["errorMessage"] = "a word of no meaning"
    elif task.state is S.FAILED:
        found["errorMessage"] = task.message
    elif task.state is S.CANCELLED:
        found["errorMessage"] = CANCELLED
    if task.started is not None:
        found["startTime"] = task.started.strftime(_TIME)
    more = _more(task)
    return found | {key: more[key] for key in more if key in keys}


def _results(task: OriginqTask, outcomes: Sequence[Outcome], shape: Shape) -> dict[str, Any]:
    probabilities, counts = [], []
    for one in outcomes:
        if one.amplitudes:
            real, imaginary = zip(*one.amplitudes.values(), strict=True)
            probabilities.append({"Key": list(one.amplitudes), "ValueReal": real, "ValueImag": imaginary})
            continue
        weights = one.probabilities or {key: number / (task.about.shots or 1) for key, number in one.counts.items()}
        probabilities.append({"key": [_key(key, shape) for key in weights], "value": list(weights.values())})
        if one.counts:
            counts.append({"key": [_key(key, shape) for key in one.counts], "value": list(one.counts.values())})
    found: dict[str, Any] = {"taskResult": _texts(probabilities, shape)}
    if counts and shape.counts and task.about.wants_counts:
        found["probCount"] = _texts(counts, shape)
    if shape.sizes:
        found["measureQubitSize"] = [one.bits for one in outcomes]
    return found


def _texts(documents: Sequence[dict[str, Any]], shape: Shape) -> Any:
    texts = [msgspec.json.encode(one).decode() for one in documents]
    return texts[0] if shape.bare and len(texts) == 1 else texts


def _key(key: str, shape: Shape) -> str:
    if shape.keys == "binary":
        return key
    return f"0X{int(key, 2):X}" if shape.keys == "HEX" else hex(int(key, 2))


def _more(task: OriginqTask) -> dict[str, Any]:
    """What the cloud's compiler made of the first program: here, nothing."""
    first = task.programs[0]
    used = sorted({qubit for one in first.steps for qubit in (*one.qubits, *one.controls)})
    text = task.circuits[0].text
    return {
        "mappingQubit": {str(qubit): qubit for qubit in used},
        "srcQubits": used,
        "targetCbits": list(originq_run.bits(first)),
        "measureQubits": [qubit for qubit, _ in first.measured],
        "qprog": text,
        "mappingQprog": text,
        "convertQProg": text,
    }


def older(found: dict[str, Any]) -> dict[str, Any]:
    """The same in the envelope of the generation before."""
    return {"qcodeTaskNewVo": {"taskResultList": [found]}}
