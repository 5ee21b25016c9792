"""Runs in the vendor's environment: its own noise, as Kraus operators and as probabilities of a program's outcomes.

A plan: {"model": name, "single": [...], "double": [...], "originir": text}. The program measures nothing, and has no
CONTROL block: with noise one of its simulators refuses these, and the other one dies of two controls.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from pyqpanda3 import core
from pyqpanda3.intermediate_compiler import convert_originir_string_to_qprog

ERRORS = {
    "BITFLIP_KRAUS_OPERATOR": core.pauli_x_error,
    "BIT_PHASE_FLIP_OPERATOR": core.pauli_y_error,
    "DEPHASING_KRAUS_OPERATOR": core.pauli_z_error,
    "DEPOLARIZING_KRAUS_OPERATOR": core.depolarizing_error,
    "DAMPING_KRAUS_OPERATOR": core.amplitude_damping_error,
    "PHASE_DAMPING_OPERATOR": core.phase_damping_error,
    "DECOHERENCE_KRAUS_OPERATOR": core.decoherence_error,
}


def noisy(plan: dict[str, Any]) -> dict[str, Any]:
    make = ERRORS[plan["model"]]
    single, double = make(*plan["single"]), make(*plan["double"])
    model = core.NoiseModel()
    model.add_all_qubit_quantum_error(single, [core.GateType.H, core.GateType.X, core.GateType.RX, core.GateType.RY])
    model.add_all_qubit_quantum_error(double.tensor(double), [core.GateType.CNOT, core.GateType.CZ])
    machine = core.DensityMatrixSimulator()
    machine.run(convert_originir_string_to_qprog(plan["originir"]), model)
    # That is how they are spelt; each is a list of four numbers, by columns.
    kraus = single.error_karus([0]).karus_matrices()
    return {
        "kraus": [[[value.real, value.imag] for value in one] for one in kraus],
        "probabilities": machine.state_probs(),
    }


if __name__ == "__main__":
    plans = json.load(sys.stdin)
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the library prints, too
    json.dump([noisy(plan) for plan in plans], answer)
