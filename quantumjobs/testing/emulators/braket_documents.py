"""Result objects of the Braket emulator, as they lie in S3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from quantumjobs.core.states import JobState
from quantumjobs.testing.emulators.braket_payload import Program
from quantumjobs.testing.emulators.braket_run import Outcome
from quantumjobs.testing.emulators.braket_tasks import BraketTask, successful, written

_RESULT = "braket.task_result."


def _header(name: str) -> dict[str, Any]:
    return {"braketSchemaHeader": {"name": f"{_RESULT}{name}", "version": "1"}}


def objects(task: BraketTask, *, spilled: bool) -> dict[str, bytes]:
    """Bodies by their path in the task's directory; `spilled` are a program set's parts in objects of their own."""
    if not task.is_set:
        return {"results.json": msgspec.json.encode(_single(task))}
    programs = [_program(task, place) for place in range(len(task.work.programs))]
    whole = {**_header("program_set_task_result"), "programResults": programs, "taskMetadata": _metadata_of_set(task)}
    if not spilled:
        return {"results.json": msgspec.json.encode(whole)}
    found = dict(_spilled(whole))
    whole["s3Location"] = [task.about.output_s3_bucket, task.directory]
    return {"results.json": msgspec.json.encode(whole), **found}


def _spilled(whole: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """What is taken out of the object, with names left in its place."""
    yield "metadata.json", msgspec.json.encode(whole["taskMetadata"])
    whole["taskMetadata"] = "metadata.json"
    for at, program in enumerate(whole["programResults"]):
        yield f"programs/{at}/program.json", msgspec.json.encode(program["source"])
        program["source"] = "program.json"
        for place, executable in enumerate(program["executableResults"]):
            yield f"programs/{at}/executables/{place}.json", msgspec.json.encode(executable)
            program["executableResults"][place] = f"executables/{place}.json"
        yield f"programs/{at}/results.json", msgspec.json.encode(program)
        whole["programResults"][at] = f"programs/{at}/results.json"


def _single(task: BraketTask) -> dict[str, Any]:
    (outcome,) = task.outcomes
    found = {**_header("gate_model_task_result"), **_outcome(task, outcome)}
    if outcome.results:
        found["resultTypes"] = Raw(outcome.results)
    parameters = msgspec.json.decode(task.about.device_parameters or "{}")
    found["taskMetadata"] = {
        **_header("task_metadata"),
        **_times(task),
        "id": task.id,
        "shots": task.about.shots,
        "deviceId": task.about.device_arn,
        "deviceParameters": parameters,
        "status": task.status,
    }
    found["additionalMetadata"] = {"action": _source(task.work.programs[0]), **_more(task)}
    return found


def _outcome(task: BraketTask, outcome: Outcome) -> dict[str, Any]:
    found: dict[str, Any] = {"measuredQubits": list(outcome.qubits)}
    if outcome.rows and task.device.probabilities:
        found["measurementProbabilities"] = outcome.probabilities()
    elif outcome.rows:
        found["measurements"] = Raw(outcome.rows)
    return found


def _more(task: BraketTask) -> dict[str, Any]:
    if task.device.type == "QPU":
        return {}
    spent = round(((task.ended_at or task.created_at) - task.created_at) * 1000)
    return {"simulatorMetadata": {**_header("simulator_metadata"), "executionDuration": spent}}


def _times(task: BraketTask) -> dict[str, str]:
    return {"createdAt": written(task.created_at), "endedAt": written(task.ended_at or task.created_at)}


def _source(program: Program) -> dict[str, Any]:
    head = program.braket_schema_header
    return {
        "braketSchemaHeader": {"name": head.name, "version": head.version},
        "source": program.source,
        "inputs": program.inputs or {},
    }


# --- program sets -------------------------------------------------------------------------
def _program(task: BraketTask, place: int) -> dict[str, Any]:
    results = [
        _executable(task, outcome, index)
        for outcome, (program, index) in zip(task.outcomes, task.work.places, strict=False)
        if program == place
    ]
    source = _source(task.work.programs[place])
    return {**_header("program_result"), "executableResults": results, "source": source, "additionalMetadata": {}}


def _executable(task: BraketTask, outcome: Outcome, index: int) -> dict[str, Any]:
    if not outcome.failure:
        return {**_header("program_set_executable_result"), "inputsIndex": index, **_outcome(task, outcome)}
    why = {"failureReason": outcome.failure, "retryable": False, "category": "COMPILATION"}
    return {**_header("program_set_executable_failure"), "inputsIndex": index, "failureMetadata": why}


def _metadata_of_set(task: BraketTask) -> dict[str, Any]:
    done = len(task.parts)
    executables: list[list[dict[str, str]]] = [[] for _ in task.work.programs]
    for at, (program, _) in enumerate(task.work.places):
        executables[program].append(
            {} if at < done or task.state is not JobState.CANCELLED else {"status": "CANCELLED"}
        )
    return {
        **_header("program_set_task_metadata"),
        **_times(task),
        "id": task.id,
        "deviceId": task.about.device_arn,
        "requestedShots": task.about.shots,
        "successfulShots": successful(task),
        "programMetadata": [{"executables": one} for one in executables],
        "totalFailedExecutables": sum(bool(found.failure) for found in task.outcomes),
    }
