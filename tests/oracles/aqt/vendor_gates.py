"""Runs in the vendor's environment: what its plug-in makes of circuits. Reads a list of OpenQASM 2 texts on stdin.

Writes a list of operation counts, each {"r": 3, "rz": 2, "rxx": 1}: those of the payload that would be sent.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections import Counter

from qiskit import qasm2, transpile
from qiskit_aqt_provider.api_client import Resource
from qiskit_aqt_provider.aqt_provider import AQTProvider
from qiskit_aqt_provider.aqt_resource import AQTResource
from qiskit_aqt_provider.circuit_to_aqt import qiskit_to_aqt_circuit

warnings.simplefilter("ignore")
here = Resource(
    workspace_id="ws", resource_id="ibex", resource_name="IBEX", resource_type="device", available_qubits=12
)
backend = AQTResource(AQTProvider("T", load_dotenv=False), here)

found = []
for text in json.load(sys.stdin):
    circuit = qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    # seeded as the other side is: what is compared is the rewrite, and not a draw
    ready = transpile(circuit, backend, optimization_level=3, seed_transpiler=0)
    sent = qiskit_to_aqt_circuit(ready)
    counts = Counter(one.root.operation for one in sent.root)
    found.append({name: counts[name.upper()] for name in ("r", "rz", "rxx")})
print(json.dumps(found))
