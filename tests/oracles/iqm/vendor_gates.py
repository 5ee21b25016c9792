"""Runs in the vendor's environment: what its plug-in makes of circuits at level 3.

Reads {"architectures": {name: dynamic architecture}, "texts": [OpenQASM 2]} on stdin, and writes for each architecture a
list of operation counts, each {"r": 3, "cz": 2, "move": 0}.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

from iqm.qiskit_iqm.iqm_backend import IQMBackendBase
from iqm.station_control.interface.models import DynamicQuantumArchitecture
from qiskit import qasm2, transpile

warnings.simplefilter("ignore")


class Backend(IQMBackendBase):
    """One that is only transpiled for."""

    @classmethod
    def _default_options(cls) -> Any:
        return None

    def run(self, run_input: Any, **options: Any) -> Any:
        raise NotImplementedError


given = json.load(sys.stdin)
circuits = [qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS) for text in given["texts"]]
found = {}
for name, architecture in given["architectures"].items():
    backend = Backend(DynamicQuantumArchitecture.model_validate(architecture))
    # seeded as the other side is: what is compared is the rewrite, and not a draw
    ready = [transpile(one, backend, optimization_level=3, seed_transpiler=0) for one in circuits]
    found[name] = [{gate: one.count_ops().get(gate, 0) for gate in ("r", "cz", "move")} for one in ready]
print(json.dumps(found))
