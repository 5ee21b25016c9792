"""Runs in the vendor's environment: jobs through pyqpanda3, from a list of plans on stdin to reports on stdout.

A plan: {"do": "describe" | "backends" | "run" | "submit" | "expval" | "cancel" | "refused", ...}; see the functions. `URL` and `KEY` are in the
environment. This client holds the interpreter's lock while it waits, so whoever serves it is another process.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from pyqpanda3.hamiltonian import Hamiltonian
from pyqpanda3.intermediate_compiler import convert_originir_string_to_qprog as parsed
from pyqpanda3.qcloud import NOISE_MODEL, DataBase, QCloudJob, QCloudNoiseModel, QCloudOptions, QCloudService

PERIOD = 0.1  # seconds between two looks of ours; `result()` has its own second


def service(plan: dict[str, Any]) -> Any:
    return QCloudService(plan.get("key", os.environ["KEY"]), os.environ["URL"] + plan.get("under", ""))


def backend(plan: dict[str, Any]) -> Any:
    return service(plan).backend(plan["backend"])


def options(plan: dict[str, Any]) -> Any:
    given = QCloudOptions()
    for name, value in plan.get("options", {}).items():
        getattr(given, f"set_{name}")(value)
    return given


def noise(plan: dict[str, Any]) -> Any:
    name, single, double = plan["noise"]
    return QCloudNoiseModel(getattr(NOISE_MODEL, name), single, double)


def submitted(plan: dict[str, Any]) -> Any:
    """The job of a plan."""
    programs = [parsed(text) for text in plan["programs"]]
    machine = backend(plan)
    if "qubits" in plan:
        return machine.run(programs[0], plan["qubits"])
    if "amplitudes" in plan:
        return machine.run(programs[0], plan["amplitudes"])
    if "noise" in plan:
        return machine.run(programs[0], plan["shots"], noise(plan))
    if plan.get("list"):
        return machine.run(programs, plan["shots"], options(plan))
    if "options" in plan:
        return machine.run(programs[0], plan["shots"], options(plan))
    return machine.run(programs[0], plan["shots"])


def submit(plan: dict[str, Any]) -> dict[str, Any]:
    """Submit, and no more: this client reads no result in which there are amplitudes."""
    return {"id": submitted(plan).job_id()}


def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Submit and follow to the end."""
    job = submitted(plan)
    report = followed(job)
    # In the same process a job is found by its id alone, at the service that was made last.
    again = QCloudJob(job.job_id()).query()
    return report | {"again": str(again.job_status())}


def followed(job: Any) -> dict[str, Any]:
    words = []
    while not words or words[-1] not in ("JobStatus.FINISHED", "JobStatus.FAILED"):
        word = str(job.status())
        if words[-1:] != [word]:
            words.append(word)
        if word not in ("JobStatus.FINISHED", "JobStatus.FAILED"):
            time.sleep(PERIOD)
    result = job.result()
    return {
        "id": job.job_id(),
        "words": [word.removeprefix("JobStatus.") for word in words],
        "counts": result.get_counts_list(),
        "hex": result.get_counts_list(DataBase.Hex),
        "probabilities": result.get_probs_list(),
        "error": result.error_message(),
        "timing": sorted(result.timing_info()),
    }


def expval(plan: dict[str, Any]) -> dict[str, Any]:
    """An expectation value, which this client computes from a job for each term, or from one list."""
    operator = Hamiltonian(dict(plan["terms"]))
    machine = backend(plan)
    program = parsed(plan["programs"][0])
    if "options" in plan:
        return {"value": machine.expval_hamiltonian(program, operator, options(plan))}
    if "noise" in plan:
        return {"value": machine.expval_hamiltonian(program, operator, plan["shots"], noise(plan))}
    return {"value": machine.expval_hamiltonian(program, operator, plan.get("shots", 1000))}


def cancel(plan: dict[str, Any]) -> dict[str, Any]:
    """Cancel at once, or when it runs; and again when it is over."""
    job = submitted(plan)
    while plan.get("running") and str(job.status()) != "JobStatus.COMPUTING":
        time.sleep(PERIOD)
    first = job.cancel()
    return {"answers": [first, job.cancel()]} | followed(job)


def describe(plan: dict[str, Any]) -> dict[str, Any]:
    """What the client makes of everything that the service says of a chip; and that nothing of ours is here."""
    machine = backend(plan)
    info = machine.chip_info()
    blocks = machine.best_qubit_blocks(3, 1, 2)
    return {
        "version": version("pyqpanda3"),
        "ours is here": find_spec("quantumjobs") is not None,
        "chip": info.chip_id(),
        "count": info.qubits_num(),
        "available": info.available_qubits(),
        "gates": info.get_basic_gates(),
        "topology": info.get_chip_topology(),
        "singles": [
            [one.get_qubit_id(), one.get_t1(), one.get_t2(), one.get_frequency(), one.get_readout_fidelity()]
            for one in info.single_qubit_info()
        ],
        "doubles": [[*one.get_qubits(), one.get_fidelity()] for one in info.double_qubits_info()],
        "blocks": [blocks.block(at) for at in range(blocks.size())],
    }


def backends(plan: dict[str, Any]) -> dict[str, Any]:
    """The simulators, whatever the service lists; in which field it looks for a chip's name nobody has found out."""
    return {"backends": service(plan).backends()}


def refused(plan: dict[str, Any]) -> dict[str, Any]:
    """What the client makes of the service's noes, one after the other."""
    told = []
    for one in plan["plans"]:
        try:
            submitted({**plan, **one})
        except Exception as error:  # what this client raises is the question
            told.append([type(error).__name__, str(error)])
        else:
            told.append(None)
    unknown = QCloudJob("0" * 32)
    return {"told": told, "unknown": str(unknown.status())}


if __name__ == "__main__":
    plans = json.load(sys.stdin)
    json.dump([globals()[plan["do"]](plan) for plan in plans], sys.stdout)
