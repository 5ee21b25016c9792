"""Runs in the vendor's environment: jobs through iqm-client, from a list of plans on stdin to reports on stdout.

A plan: {"do": "describe" | "run" | "submit" | "retrieve" | "cancel" | "delete" | "refused", ...}; see the functions. With
"computer" it is another one than the environment's; with "record" its report has the requests that were sent.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from math import pi
from typing import Any
from uuid import UUID

from exa.common.errors.iqm_error import IQMError
from iqm.qiskit_iqm import IQMProvider
from iqm.qiskit_iqm.fake_backends.fake_adonis import IQMFakeAdonis
from iqm.qiskit_iqm.fake_backends.fake_aphrodite import IQMFakeAphrodite
from iqm.qiskit_iqm.fake_backends.fake_deneb import IQMFakeDeneb
from iqm.qiskit_iqm.fake_backends.fake_garnet import IQMFakeGarnet
from iqm.station_control.client.qon import ObservationFinder
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister, qasm2, transpile
from requests.adapters import HTTPAdapter

FAKES = {
    "adonis": IQMFakeAdonis,
    "deneb": IQMFakeDeneb,
    "emerald": IQMFakeAphrodite,
    "garnet": IQMFakeGarnet,
}
HEADERS = ("authorization", "accept", "content-type", "content-length")
"""Those that are recorded; of the first one only the scheme."""
PERIOD = 0.1  # seconds between two looks of ours; `result()` has its own second


def describe(plan: dict[str, Any]) -> dict[str, Any]:
    """What the client makes of everything that the server says about its computer; and that nothing of ours is here."""
    backend = IQMProvider().get_backend()
    client = backend.client
    static = client.get_static_quantum_architecture()
    seen = ObservationFinder(client.get_quality_metric_set().observations)
    calibration = client.get_calibration_set()
    gates = backend.architecture.gates
    one, two = [(name, gates[name].default_implementation, gates[name].loci[0]) for name in ("prx", "cz")]
    return {
        "versions": {name: version(name) for name in ("iqm-client", "qiskit")},
        "ours is here": find_spec("quantumjobs") is not None,
        "qubits": backend.num_qubits,
        "operations": sorted(backend.operation_names),
        "resonators": list(backend.architecture.computational_resonators),
        "calibration": [str(backend.architecture.calibration_set_id), str(calibration.observation_set_id)],
        "edges": edges(backend),
        "static edges": sorted(sorted(pair) for pair in static.connectivity),
        "published edges": edges(FAKES[plan["fake"]]()) if "fake" in plan else None,
        "health": client.get_health(),
        "about": sorted(client.get_about()),
        "fidelities": [seen.get_gate_fidelity(*one), seen.get_gate_fidelity(*two)],
        "errors": seen.get_measure_errors("measure", gates["measure"].default_implementation, one[2]),
        "durations": [seen.get_gate_duration(*one), seen.get_gate_duration(*two)],
        "coherence": seen.get_coherence_times(one[2]),
        "frequency": ObservationFinder(calibration.observations).get_qubit_frequency(one[2][0]),
    }


def edges(backend: Any) -> list[list[str]]:
    return sorted(sorted(locus) for locus in backend.architecture.gates["cz"].loci)


def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Submit and follow to the end."""
    job, circuits = submitted(plan)
    return {"id": job.job_id(), "operations": [dict(one.count_ops()) for one in circuits]} | followed(job)


def submit(plan: dict[str, Any]) -> dict[str, Any]:
    """Submit and leave."""
    job, _ = submitted(plan)
    return {"id": job.job_id(), "position": job._job_tracker.job_data.queue_position}


def retrieve(plan: dict[str, Any]) -> dict[str, Any]:
    """The job `id` in this new process."""
    job = IQMProvider().get_backend().retrieve_job(plan["id"])
    return {"id": job.job_id()} | followed(job)


def cancel(plan: dict[str, Any]) -> dict[str, Any]:
    """Cancel at once, or where `running` when it runs; and again when it is over."""
    job, _ = submitted(plan)
    while plan.get("running") and job.status().name != "RUNNING":
        time.sleep(PERIOD)
    answers = [job.cancel(), job.cancel()]
    return {"id": job.job_id(), "answers": answers} | followed(job)


def delete(plan: dict[str, Any]) -> dict[str, Any]:
    """Delete and look."""
    job, _ = submitted(plan)
    client = job.backend().client
    client.delete_job(UUID(job.job_id()))
    return {"id": job.job_id(), "told": errors_of(lambda: client.get_job(UUID(job.job_id())))}


def refused(plan: dict[str, Any]) -> dict[str, Any]:
    """Ask for `shots` that are too many; then look at a job that there is not; then with the token `wrong`."""
    backend = IQMProvider().get_backend()
    told = [errors_of(lambda: backend.run(bell(), shots=plan["shots"]))]
    told.append(errors_of(lambda: backend.retrieve_job(plan["id"])))
    os.environ["IQM_TOKEN"] = plan["wrong"]
    return {"told": [*told, errors_of(lambda: IQMProvider().get_backend())]}


def errors_of(work: Any) -> list[Any]:
    try:
        work()
    except IQMError as error:
        return [type(error).__name__, str(error)]
    return []


def submitted(plan: dict[str, Any]) -> tuple[Any, list[QuantumCircuit]]:
    backend = IQMProvider().get_backend()
    circuits = [named(one) if one in NAMED else read(one) for one in plan["circuits"]]
    level = plan.get("level", 1)
    if level is not None:
        circuits = [transpile(one, backend, optimization_level=level, seed_transpiler=1) for one in circuits]
    job = backend.run(circuits, shots=plan["shots"], **plan.get("options", {}))
    return job, circuits


def read(text: str) -> QuantumCircuit:
    return qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)


def named(name: str) -> QuantumCircuit:
    circuit = NAMED[name]()
    circuit.name = name
    return circuit


def bell() -> QuantumCircuit:
    """Native already, on the first two qubits."""
    circuit = QuantumCircuit(QuantumRegister(2), ClassicalRegister(2, "meas"))
    for qubit in (0, 1):
        circuit.r(pi / 2, 3 * pi / 2, qubit)
    circuit.cz(0, 1)
    circuit.r(pi / 2, 5 * pi / 2, 0)
    circuit.barrier(1, 0)
    circuit.measure([1, 0], [0, 1])
    return circuit


def conditional() -> QuantumCircuit:
    """A bit that is flipped back if it was measured as 1, beside what was measured; a reset; a delay."""
    qubits = QuantumRegister(3)
    first, last = ClassicalRegister(2, "first"), ClassicalRegister(3, "last")
    circuit = QuantumCircuit(qubits, first, last)
    circuit.h(0)
    circuit.measure(qubits[0], first[1])
    with circuit.if_test((first[1], 1)):
        circuit.x(1)
    circuit.x(2)
    circuit.reset(2)
    circuit.delay(100, 2, unit="ns")
    circuit.barrier()
    circuit.measure(qubits[0], last[2])
    circuit.measure(qubits[1], last[0])
    circuit.measure(qubits[2], last[1])
    return circuit


NAMED = {"bell": bell, "conditional": conditional}


def followed(job: Any) -> dict[str, Any]:
    """Every other status word on the way, what the result says, and the counts of the server."""
    words: list[str] = []
    positions: list[int | None] = []
    while (word := job.status().name) not in {"DONE", "ERROR", "CANCELLED"}:
        note(words, word)
        note(positions, job._job_tracker.job_data.queue_position)
        time.sleep(PERIOD)
    note(words, word)
    result = job.result()
    good = result.success
    tracker = job._job_tracker
    data = tracker.job_data
    places = range(len(result.results))
    counted = tracker.result_counts() if good else []
    return {
        "words": words,
        "positions": positions,
        "success": good,
        "error": job.error_message(),
        "counts": [result.get_counts(place) for place in places],
        "memory": [result.get_memory(place) for place in places],
        "histograms": [one.model_dump(mode="json") for one in counted],
        "timeline": [[one.source, one.status] for one in data.timeline],
        "messages": [one.message for one in data.messages],
    }


def note(seen: list[Any], now: Any) -> None:
    if not seen or seen[-1] != now:
        seen.append(now)


COMMANDS = {
    "describe": describe,
    "run": run,
    "submit": submit,
    "retrieve": retrieve,
    "cancel": cancel,
    "delete": delete,
    "refused": refused,
}


def recording(sent: list[dict[str, Any]]) -> None:
    """Note every request of this process, without its token."""
    send = HTTPAdapter.send

    def noted(self: HTTPAdapter, request: Any, **more: Any) -> Any:
        reply = send(self, request, **more)
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen = {name: headers[name] for name in HEADERS if name in headers}
        seen["authorization"] = seen.get("authorization", "").partition(" ")[0]
        exchange = {"method": request.method, "path": request.path_url, "headers": seen, "status": reply.status_code}
        if request.body:
            del seen["content-length"]  # that of a body follows from it
            exchange["body"] = json.loads(request.body)
        sent.append(exchange)
        return reply

    HTTPAdapter.send = noted


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    requests: list[dict[str, Any]] = []
    recording(requests)
    reports = []
    usual = os.environ["IQM_QUANTUM_COMPUTER"]
    for given in json.load(sys.stdin):
        requests.clear()
        os.environ["IQM_QUANTUM_COMPUTER"] = given.get("computer", usual)
        report = COMMANDS[given["do"]](given)
        reports.append(report | {"requests": list(requests)} if given.get("record") else report)
    print(json.dumps(reports))
