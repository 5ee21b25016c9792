"""Runs in the environment of the vendor's second generation: jobs through qiskit-aqt-provider 2, from a plan on stdin.

The plan: {"do": "cloud" | "restore" | "refresh" | "direct" | "offline", ...}; see the functions. The last line on stdout
is the report, a list; before it stands what the vendor's client tells its user.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aqt_connector import ArnicaConfig
from qiskit import QuantumCircuit, qasm2, transpile
from qiskit_aqt_provider import AQTProvider
from qiskit_aqt_provider._transformers import circuits_to_aqt_job
from qiskit_aqt_provider.exceptions import AQTJobFailedError
from qiskit_aqt_provider.persistence import FileJobStore

URL = os.environ["EMULATOR"]
PERIOD = 0.05  # seconds between two looks
PATIENCE = 20.0


def config(plan: dict[str, Any]) -> ArnicaConfig:
    """Of a user whose cloud and issuer are the emulator; `credentials` are an id and a secret."""
    folder = Path(plan["app"])
    folder.mkdir(exist_ok=True)
    found = ArnicaConfig(folder)
    found.arnica_url = f"{URL}/api"
    found.client_id, found.client_secret = plan.get("credentials", (None, None))
    found.oidc_config.issuer = f"{URL}/"
    found.oidc_config.jwks_url = f"{URL}/.well-known/jwks.json"
    found.oidc_config.audience = f"{URL}/api"
    return found


def read(text: str) -> QuantumCircuit:
    return qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)


def signed_in(provider: AQTProvider, plan: dict[str, Any]) -> Any:
    """The device, after a login."""
    cloud = provider.cloud(config(plan))
    cloud.log_in()
    return cloud.fetch_workspaces().get_by_id("ws").get_backend("ibex")


def cloud(plan: dict[str, Any]) -> dict[str, Any]:
    """Log in, submit `circuits` (OpenQASM 2), follow the job to its end; with `store` persist it and stop there."""
    with AQTProvider() as provider:
        backend = signed_in(provider, plan)
        circuits = [transpile(read(text), backend) for text in plan["circuits"]]
        job = backend.run(circuits, shots=plan["shots"], memory=True)
        versions = {name: version(name) for name in ("qiskit-aqt-provider", "aqt-connector", "qiskit")}
        report = {"id": job.job_id(), "versions": versions, "ours is here": find_spec("quantumjobs") is not None}
        if "store" in plan:
            job.persist(store=FileJobStore(Path(plan["store"])))
            return report
        return report | followed(job, len(circuits))


def restore(plan: dict[str, Any]) -> dict[str, Any]:
    """The job `id` from `store`, in this new process."""
    with AQTProvider() as provider:
        backend = signed_in(provider, plan)
        job = backend.restore_job(plan["id"], store=FileJobStore(Path(plan["store"])), delete=True)
        return {"id": job.job_id()} | followed(job, plan["circuits"])


def refresh(plan: dict[str, Any]) -> dict[str, Any]:
    """With the refresh token that lies in the folder of the application, and no access token."""
    with AQTProvider() as provider:
        workspaces = provider.cloud(config(plan)).fetch_workspaces()
        return {"workspaces": [one.id for one in workspaces]}


def followed(job: Any, circuits: int) -> dict[str, Any]:
    """Every other status word on the way, how often it was asked for, and what the result says."""
    words: list[str] = []
    end = time.monotonic() + PATIENCE
    looks = 0
    while not words or words[-1] not in {"DONE", "ERROR", "CANCELLED"}:
        if time.monotonic() > end:
            raise TimeoutError(words)
        time.sleep(PERIOD)
        word = job.status().name
        looks += 1
        if not words or words[-1] != word:
            words.append(word)
    return {"words": words, "looks": looks} | told(lambda: job.result(wait=PERIOD), circuits)


def told(result: Any, circuits: int) -> dict[str, Any]:
    """Shots and counts, or the error."""
    try:
        found = result()
    except AQTJobFailedError as error:
        return {"error": error.message, "counts": [], "memory": []}
    return {
        "error": None,
        "counts": [found.get_counts(place) for place in range(circuits)],
        "memory": [found.get_memory(place) for place in range(circuits)],
    }


def direct(plan: dict[str, Any]) -> dict[str, Any]:
    """`circuits` by direct access: one is a job of its own kind, several are a composite job."""
    with AQTProvider() as provider:
        backend = provider.direct_access().get_resource(URL, plan.get("token", "direct"))
        circuits = [transpile(read(text), backend) for text in plan["circuits"]]
        job = backend.run(circuits[0] if plan.get("alone") else circuits, shots=plan["shots"], memory=True)
        report = {"name": backend.id, "qubits": backend.num_qubits, "kind": type(job).__name__}
        return report | told(lambda: job.result(timeout=PATIENCE), len(circuits))


def offline(plan: dict[str, Any]) -> dict[str, Any]:
    """`circuits` on a simulator of this process, "ideal" or "noisy", with a seed; and what their payload would be."""
    backend = getattr(AQTProvider().offline, plan["which"])()
    circuits = [transpile(read(text), backend) for text in plan["circuits"]]
    job = backend.run(circuits, shots=plan["shots"], memory=True, seed_simulator=plan["seed"])
    payload = circuits_to_aqt_job(circuits, plan["shots"]).model_dump(mode="json")
    return {"name": backend.id, "qubits": backend.num_qubits, "payload": payload} | told(job.result, len(circuits))


COMMANDS = {"cloud": cloud, "restore": restore, "refresh": refresh, "direct": direct, "offline": offline}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    given = json.load(sys.stdin)
    # Several plans in one process: starting one takes seconds.
    print(json.dumps([COMMANDS[one["do"]](one) for one in given]))
