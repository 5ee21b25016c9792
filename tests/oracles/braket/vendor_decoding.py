"""Runs in the vendor's environment: what its SDK makes of result objects, and how long it takes for that.

Each line on stdin is a request in JSON, each answer a line on stdout: {"bodies": [{"body", "parts"}]} is answered with
a list of reports, {"file": path} with {"seconds", "counts"}: one turn from a body's text to counts, by the clock of this
process's CPU and with the garbage collector on.
"""

from __future__ import annotations

import gc
import io
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from braket.schema_common import BraketSchemaBase
from braket.task_result import GateModelTaskResult
from braket.tasks import program_set_quantum_task_result as sets
from braket.tasks.gate_model_quantum_task_result import GateModelQuantumTaskResult
from braket.tasks.program_set_quantum_task_result import MeasuredEntry, ProgramSetQuantumTaskResult


class Storage:
    """Where a spilled set's parts are: stands for boto3 and its client."""

    def __init__(self, parts: Mapping[str, str]) -> None:
        self._parts = parts

    def client(self, service: str) -> Storage:
        assert service == "s3"
        return self

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - as boto3 calls them
        assert Bucket == "bucket"
        return {"Body": io.BytesIO(self._parts[Key].encode())}


def plain(value: Any) -> Any:
    """Complex numbers as pairs, arrays as lists."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list) else value


def executable(one: Any) -> dict[str, Any]:
    if not isinstance(one, MeasuredEntry):
        return {"failure": one.failureMetadata.failureReason}
    return {"counts": one.counts, "qubits": one.measured_qubits}


def report(body: str, parts: Mapping[str, str]) -> list[dict[str, Any]]:
    """One for each program."""
    parsed = BraketSchemaBase.parse_raw_schema(body)
    if not isinstance(parsed, GateModelTaskResult):
        sets.boto3 = Storage(parts)
        return [executable(one) for program in ProgramSetQuantumTaskResult.from_object(parsed) for one in program]
    result = GateModelQuantumTaskResult.from_string(body)
    return [{"counts": result.measurement_counts, "qubits": result.measured_qubits, "values": plain(result.values)}]


def turn(text: str) -> dict[str, Any]:
    gc.collect()
    assert gc.isenabled()
    began = time.process_time()
    counts = GateModelQuantumTaskResult.from_string(text).measurement_counts
    return {"seconds": time.process_time() - began, "counts": counts}


for line in sys.stdin:
    request = json.loads(line)
    answer = (
        turn(Path(request["file"]).read_bytes().decode())
        if "file" in request
        else [report(one["body"], one["parts"]) for one in request["bodies"]]
    )
    print(json.dumps(answer), flush=True)
