"""Runs in the vendor's environment: what its simulator makes of programs, from plans on stdin to reports on stdout.

A plan: {"source": text, "shots": number, "inputs": {...}}. A report: {"values": [...]} of the result types, numbers that
are complex as [re, im]; {"measurements": [...], "qubits": [...]} where shots were asked for; or {"refused": words}.
One process and one thread: the simulator ends the process when two run at once.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from typing import Any

import numpy as np
from braket.default_simulator import StateVectorSimulator
from braket.ir.openqasm import Program

SIMULATOR = StateVectorSimulator()


def run(plan: dict[str, Any]) -> dict[str, Any]:
    try:
        program = Program(source=plan["source"], inputs=plan.get("inputs", {}))
        found = SIMULATOR.run(program, shots=plan["shots"])
    except Exception as error:  # what it refuses is the question
        return {"refused": f"{type(error).__name__}: {error}"}
    return {
        "values": [plain(getattr(one, "value", None)) for one in found.resultTypes or ()],
        "measurements": [[int(bit) for bit in row] for row in found.measurements or ()],
        "qubits": [int(qubit) for qubit in found.measuredQubits],
    }


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if value is None:  # whoever asked for shots computes it
        return None
    array = np.asarray(value)
    if np.iscomplexobj(array):
        return np.stack([array.real, array.imag], axis=-1).tolist()
    return array.tolist()


if __name__ == "__main__":
    plans = json.load(sys.stdin)
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever it prints
    warnings.simplefilter("ignore")  # of the dialect of QPUs
    json.dump([run(plan) for plan in plans], answer)
