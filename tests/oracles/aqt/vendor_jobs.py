"""Runs in the vendor's environment: jobs through qiskit-aqt-provider, from a plan on stdin to a report on stdout.

The plan: {"do": "list" | "run" | "restore" | "refused" | "cancel" | "direct", ...}; see the functions.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from qiskit import QuantumCircuit, qasm2, transpile
from qiskit_aqt_provider import AQTProvider
from qiskit_aqt_provider.api_client.errors import APIError
from qiskit_aqt_provider.aqt_job import AQTJob

PERIOD = 0.1  # seconds between two looks: the least that the vendor allows
PATIENCE = 20.0


def listed(plan: dict[str, Any]) -> dict[str, Any]:
    """The backends, one line each; and that this is the vendor's environment, and nothing of ours is in it."""
    found = []
    for backend in AQTProvider(load_dotenv=False).backends():
        at = backend.resource_id
        found.append([at.workspace_id, at.resource_id, at.resource_name, at.resource_type, backend.num_qubits])
    versions = {name: version(name) for name in ("qiskit-aqt-provider", "qiskit")}
    return {"backends": found, "versions": versions, "ours is here": find_spec("quantumjobs") is not None}


def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Submit `circuits` (OpenQASM 2), follow the job to its end, tell all; with `store`, persist it on the way."""
    job = submitted(plan)
    report: dict[str, Any] = {"id": job.job_id(), "payload": job.api_submit_payload.model_dump()}
    if "store" in plan:
        report["persisted"] = str(job.persist(store_path=Path(plan["store"])))
        return report
    return report | followed(job)


def restore(plan: dict[str, Any]) -> dict[str, Any]:
    """The job `id` from `store`, in this new process."""
    job = AQTJob.restore(plan["id"], store_path=Path(plan["store"]))
    return {"id": job.job_id()} | followed(job)


def cancel(plan: dict[str, Any]) -> dict[str, Any]:
    """Submit, cancel on the wire as the API has it (this client has no call for it), follow."""
    job = submitted(plan)
    client = job.backend()._http_client
    codes = [client.delete(f"/jobs/{job.job_id()}").status_code for _ in range(2)]
    return {"id": job.job_id(), "codes": codes} | followed(job)


def refused(plan: dict[str, Any]) -> dict[str, Any]:
    """With the right token get a backend, then with `token` look at its job and submit."""
    job = submitted(plan)
    wrong = AQTProvider(plan["token"], load_dotenv=False)
    told = []
    backend = job.backend()
    backend._http_client.headers["Authorization"] = f"Bearer {plan['token']}"
    for work in (lambda: backend.run(job.circuits, shots=1), job.result):
        try:
            work()
        except APIError as error:
            told.append([type(error).__name__, str(error), error.http_response.status_code])
    return {"cloud backends": [one.name for one in wrong.backends() if "offline" not in one.name], "told": told}


def direct(plan: dict[str, Any]) -> dict[str, Any]:
    """`circuits` by direct access to the device at AQT_DIRECT_URL, which is listed among the backends, too."""
    provider = AQTProvider(load_dotenv=False)
    listed = [one.name for one in provider.backends(backend_type="direct_access")]
    backend = provider.get_direct_access_backend()
    circuits = [transpile(read(text), backend) for text in plan["circuits"]]
    job = backend.run(circuits, shots=plan["shots"], memory=True, with_progress_bar=False)
    result = job.result()
    done = range(len(result.results))
    return {
        "listed": listed,
        "name": backend.name,
        "qubits": backend.num_qubits,
        "status": job.status().name,
        "success": result.success,
        "counts": [result.get_counts(place) for place in done] if result.success else [],
        "memory": [result.get_memory(place) for place in done] if result.success else [],
    }


def submitted(plan: dict[str, Any]) -> AQTJob:
    backend = AQTProvider(load_dotenv=False).get_backend(plan.get("backend", "ibex"))
    circuits = [transpile(read(text), backend, optimization_level=plan.get("level", 1)) for text in plan["circuits"]]
    if "native" in plan:
        circuits = [native(one) for one in plan["native"]]
    return backend.run(circuits, shots=plan["shots"], memory=True, query_period_seconds=PERIOD, with_progress_bar=False)


def read(text: str) -> QuantumCircuit:
    return qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)


def native(steps: list[dict[str, Any]]) -> QuantumCircuit:
    """The circuit whose payload these operations are."""
    from math import pi

    width = 1 + max(qubit for step in steps for qubit in step.get("qubits", [step.get("qubit", 0)]))
    circuit = QuantumCircuit(width)
    for step in steps:
        if step["operation"] == "R":
            circuit.r(step["theta"] * pi, step["phi"] * pi, step["qubit"])
        elif step["operation"] == "RZ":
            circuit.rz(step["phi"] * pi, step["qubit"])
        elif step["operation"] == "RXX":
            circuit.rxx(step["theta"] * pi, *step["qubits"])
    circuit.measure_all()
    return circuit


def followed(job: AQTJob) -> dict[str, Any]:
    """Every other status word on the way, and what the result says."""
    words: list[str] = []
    progress: list[list[int]] = []
    end = time.monotonic() + PATIENCE
    while (word := job.status().name) not in {"DONE", "ERROR", "CANCELLED"}:
        if time.monotonic() > end:
            raise TimeoutError(word)
        note(words, word)
        note(progress, [job.progress().finished_count, job.progress().total_count])
        time.sleep(PERIOD)
    note(words, word)
    result = job.result()
    good = result.success
    return {
        "words": words,
        "progress": progress,
        "success": good,
        "error": job.error_message,
        "counts": [result.get_counts(place) for place in range(len(job.circuits))] if good else [],
        "memory": [result.get_memory(place) for place in range(len(job.circuits))] if good else [],
    }


def note(seen: list[Any], now: Any) -> None:
    if not seen or seen[-1] != now:
        seen.append(now)


COMMANDS = {"list": listed, "run": run, "restore": restore, "cancel": cancel, "refused": refused, "direct": direct}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    given = json.load(sys.stdin)
    # The same plan for several jobs in one process: starting one takes a second or two.
    print(json.dumps([COMMANDS[one["do"]](one) for one in given]))
