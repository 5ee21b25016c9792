"""Runs in the vendor's environment: what pyqpanda3 makes of programs, from plans on stdin to reports on stdout.

A plan: {"originir": text} or {"qasm": text}, with "qubits": how many the state has. A report: {"state": [[re, im], ...]}
of its simulator, qubit 0 being the last bit of an index; or {"refused": words}.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from pyqpanda3.core import CPUQVM
from pyqpanda3.intermediate_compiler import convert_originir_string_to_qprog, convert_qasm_string_to_qprog


def state(plan: dict[str, Any]) -> dict[str, Any]:
    try:
        if "qasm" in plan:
            program = convert_qasm_string_to_qprog(plan["qasm"])
        else:
            # Every qubit is named once: the simulator knows of no others.
            header, _, rest = plan["originir"].partition("\nCREG")
            bits, _, statements = rest.partition("\n")
            every = "".join(f"I q[{qubit}]\n" for qubit in range(plan["qubits"]))
            program = convert_originir_string_to_qprog(f"{header}\nCREG{bits}\n{every}{statements}")
        machine = CPUQVM()
        machine.run(program, 1)
        found = machine.result().get_state_vector()
    except Exception as error:  # what it refuses is the question
        return {"refused": str(error) or type(error).__name__}
    return {"state": [[one.real, one.imag] for one in found]}


if __name__ == "__main__":
    plans = json.load(sys.stdin)
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # its readers print what they refuse
    json.dump([state(plan) for plan in plans], answer)
