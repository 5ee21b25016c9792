"""Runs in the vendor's environment: what pyqpanda3's classes have, and what they say where no server is asked."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from typing import Any

from pyqpanda3 import qcloud
from pyqpanda3.intermediate_compiler import convert_originir_string_to_qprog as parsed
from pyqpanda3.intermediate_compiler import convert_qprog_to_originir as written

KINDS = ("QCloudJob", "QCloudResult", "QCloudOptions", "QCloudNoiseModel")
RUNS = ("expval_hamiltonian", "expval_pauli_operator", "run", "run_instruction", "run_quantum_state_tomography")
NOWHERE = "http://127.0.0.1:9"


def public(kind: str) -> list[str]:
    return [name for name in dir(getattr(qcloud, kind)) if not name.startswith("_")]


def taken(method: Any, name: str) -> list[str]:
    """Its parameters in all overloads, from the signatures in its docstring; it has no others."""
    text = re.sub(r"<[^>]*>", "", method.__doc__ or "")  # values of defaults
    signatures = re.findall(rf"^(?:\d+\. )?{name}\((.*)\) -> ", text, re.MULTILINE)
    return sorted({one for signature in signatures for one in re.findall(r"(?:^|, )(\w+): ", signature)} - {"self"})


def parameters(kind: str, names: list[str]) -> dict[str, list[str]]:
    made = getattr(qcloud, kind)
    found = {name: taken(getattr(made, name), name) for name in names}
    if kind in KINDS:
        found[kind] = taken(made.__init__, "__init__")
    return {name: some for name, some in found.items() if some}


def raised(ask: Callable[[], Any]) -> list[str]:
    try:
        return ["", repr(ask())]
    except Exception as error:  # which one is the question
        return [type(error).__name__, str(error)]


def result(**document: Any) -> Any:
    return qcloud.QCloudResult("T1", json.dumps({"message": "ok", **document}))


def finished(**obj: Any) -> Any:
    return result(success=True, obj={"taskId": "T1", "taskState": "3", **obj})


def outcome(key: str, value: float) -> str:
    return json.dumps({"key": [key], "value": [value]})


def options() -> dict[str, Any]:
    fresh, given = qcloud.QCloudOptions(), qcloud.QCloudOptions()
    given.set_custom_option("dataFormat", 2)
    kept = given.get_custom_options()
    amend = []
    for flag in (0, 1, 2, 3):
        refused, _ = raised(lambda flag=flag: given.set_amend_flag(flag))
        amend.append([given.amend_flag(), refused])
    given.set_amend(False)
    amend.append([given.amend_flag(), "set_amend(False)"])
    defaults = [
        fresh.amend_flag(),
        fresh.is_mapping(),
        fresh.is_optimization(),
        fresh.is_prob_counts(),
        fresh.point_label(),
        fresh.use_cz_pattern(),
        fresh.specified_block(),
    ]
    return {"amend": amend, "defaults": defaults, "kept": kept}


def results() -> dict[str, Any]:
    failed = result(success=True, obj={"taskId": "T1", "taskState": "4", "errorMessage": "the fridge is warm"})
    unfit = {
        "maintenance": result(success=False, code=20045),
        "unknown state": result(success=True, obj={"taskId": "T1", "taskState": "42"}),
        "no obj": result(success=True),
    }
    counts = [outcome("0x1", 5), outcome("0x2", 5)]
    several = finished(probCount=counts, taskResult=[outcome("0x1", 1.0), outcome("0x2", 1.0)], measureQubitSize=[2, 3])
    extras = finished(srcQubits=[0, 1], startTime="2025-01-01 00:00:00")
    older = json.dumps({"Key": ["0"], "ValueReal": [1.0], "ValueImag": [0.0]})
    return {
        "amplitudes": [
            finished(taskResult=[outcome("0", 1.0)]).get_amplitudes(),
            raised(lambda: finished(taskResult=[older]).get_amplitudes()),
        ],
        "failed": [str(failed.job_status()), failed.error_message(), failed.get_counts(), failed.get_counts_list()],
        "unfit": {name: str(one.job_status()) for name, one in unfit.items()},
        "several": [
            several.get_counts(),
            several.get_counts_list(),
            several.get_probs(),
            several.get_counts(qcloud.DataBase.Hex),
        ],
        "too many sizes": finished(probCount=counts, measureQubitSize=[2, 3, 4]).get_counts_list(),
        "extras": [extras.src_qubits(), extras.timing_info(), "srcQubits" in extras, extras["taskId"]],
    }


def told() -> dict[str, Any]:
    early = raised(lambda: qcloud.QCloudJob("T1"))
    service = qcloud.QCloudService("K/1", NOWHERE)
    simulator, program = service.backend("full_amplitude"), parsed("QINIT 1\nCREG 1\nH q[0]\nMEASURE q[0],c[0]\n")
    return {
        "members": {kind: public(kind) for kind in KINDS},
        "parameters": {kind: parameters(kind, public(kind)) for kind in KINDS}
        | {"QCloudBackend": parameters("QCloudBackend", list(RUNS))},
        "words": sorted(qcloud.JobStatus.__members__),
        "raised": [
            early,
            raised(lambda: qcloud.QCloudJob("") and None),
            raised(lambda: qcloud.QCloudJob("").job_id()),
            raised(lambda: qcloud.QCloudService("")),
            raised(lambda: simulator.run([program], 5, qcloud.QCloudOptions())),
        ],
        "angle": written(parsed("QINIT 1\nCREG 1\nRX q[0],(0.1234567890123)\n")).splitlines()[2],
        **options(),
        **results(),
    }


if __name__ == "__main__":
    plans = json.load(sys.stdin)
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the library prints, too
    json.dump([told() for _ in plans], answer)
