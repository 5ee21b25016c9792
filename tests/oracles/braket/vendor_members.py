"""Runs in the vendor's environment: what its classes of hybrid jobs have, and what a local one says of its folder."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import os
import sys
from enum import Enum
from logging import Logger
from pathlib import Path
from typing import Any

from braket.aws import AwsQuantumJob
from braket.jobs.local import LocalQuantumJob
from braket.jobs.quantum_job import QuantumJob

KINDS = (QuantumJob, AwsQuantumJob, LocalQuantumJob)


def public(kind: type) -> list[str]:
    return [name for name in dir(kind) if not name.startswith("_")]


def default(parameter: inspect.Parameter) -> Any:
    value = parameter.default
    if value is parameter.empty:
        return "..."
    return value.value if isinstance(value, Enum) else value.name if isinstance(value, Logger) else value


def taken(kind: type, name: str) -> dict[str, Any]:
    method = inspect.getattr_static(kind, name)
    method = getattr(method, "__func__", method)
    if not inspect.isfunction(method):
        return {}
    return {one.name: default(one) for one in list(inspect.signature(method).parameters.values())[1:]}


def parameters(kind: type) -> dict[str, dict[str, Any]]:
    found = {name: taken(kind, name) for name in public(kind)}
    if kind is not QuantumJob:
        found[kind.__name__] = taken(kind, "__init__")
    return {name: some for name, some in found.items() if some}


def of_a_folder(path: str) -> dict[str, Any]:
    os.chdir(Path(path).parent)
    job = LocalQuantumJob(f"local:job/{Path(path).name}")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        job.logs()
    return {
        "state": job.state(),
        "told": [job.metadata(), job.cancel(), job.download_result()],
        "result": job.result(),
        "metrics": job.metrics(),
        "printed": printed.getvalue(),
    }


answers = [
    {
        "members": {kind.__name__: public(kind) for kind in KINDS},
        "parameters": {kind.__name__: parameters(kind) for kind in KINDS},
        "crashed": of_a_folder(plan["folder"]),
    }
    for plan in json.load(sys.stdin)
]
print(json.dumps(answers))
