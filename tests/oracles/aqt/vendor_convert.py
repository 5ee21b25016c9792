"""Runs in the vendor's environment: from finished jobs' bodies to counts, timed.

The first argument says how many qubits a circuit has, the others are files with a body each. For each line on stdin
one turn: a line of JSON, {"seconds": ..., "digest": ...}, goes to stdout. The clock is that of this process's CPU.
"""

from __future__ import annotations

import gc
import hashlib
import json
import sys
import time
from pathlib import Path

from aqt_connector.models.arnica.response_bodies.jobs import ResultResponse
from qiskit import QuantumCircuit
from qiskit.result.result import Result
from qiskit_aqt_provider.aqt_job import _partial_qiskit_result_dict

bodies = [Path(name).read_bytes() for name in sys.argv[2:]]
circuit = QuantumCircuit(int(sys.argv[1]))
circuit.measure_all()


def converted(body: bytes) -> list[dict[str, int]]:
    """As `AQTResource.result`, `AQTJob.status` and `AQTJob.result` do it; the response's `json()` is `json.loads`."""
    response = ResultResponse.model_validate(json.loads(body)).response
    samples = {int(place): shots for place, shots in response.result.items()}
    results = [
        _partial_qiskit_result_dict(samples[place], circuit, shots=len(samples[place]), memory=False)
        for place in range(len(samples))
    ]
    about = {"backend_name": "", "backend_version": "", "qobj_id": "", "job_id": "", "success": True}
    result = Result.from_dict({**about, "results": results})
    return [result.get_counts(place) for place in range(len(results))]


for _ in sys.stdin:
    gc.collect()
    began = time.process_time()
    counts = [one for body in bodies for one in converted(body)]
    seconds = time.process_time() - began
    digest = hashlib.sha256(json.dumps([sorted(one.items()) for one in counts]).encode()).hexdigest()
    print(json.dumps({"seconds": seconds, "digest": digest}), flush=True)
