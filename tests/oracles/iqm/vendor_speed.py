"""Runs in the vendor's environment: from the body of `measurements` to Qiskit's counts, timed.

The argument is a file with the body. For each line on stdin one turn: a line of JSON, {"seconds": ..., "digest": ...},
goes to stdout. The clock is that of this process's CPU, and the garbage collector is on.
"""

from __future__ import annotations

import gc
import hashlib
import json
import sys
import time
from pathlib import Path

import requests
from iqm.iqm_server_client.iqm_server_client import CircuitMeasurementResultsBatchAdapter
from iqm.pulse import Circuit
from iqm.qiskit_iqm.iqm_job import IQMJob

body = Path(sys.argv[1]).read_bytes()


def response() -> requests.Response:
    """As `requests` has it when the whole body was received."""
    found = requests.Response()
    found.status_code = 200
    found.headers["Content-Type"] = "application/json"
    found.encoding = "utf-8"
    found._content = body  # what receiving it sets; nothing else does
    return found


def converted(answer: requests.Response) -> list[dict[str, int]]:
    """As `IQMServerExecutor.get_artifact_measurements` and `IQMJob.result` do it, without what comes after."""
    results = CircuitMeasurementResultsBatchAdapter.validate_json(answer.text)
    shots = len(next(iter(results[0].values())))
    circuits = [Circuit(name="speed", instructions=())] * len(results)
    formatted = IQMJob._iqm_format_results(results, circuits, shots, True)  # there is no public way
    return [counts for _, _, counts in formatted]


for _ in sys.stdin:
    answer = response()
    gc.collect()
    assert gc.isenabled()
    began = time.process_time()
    counts = converted(answer)
    seconds = time.process_time() - began
    digest = hashlib.sha256(json.dumps([sorted(one.items()) for one in counts]).encode()).hexdigest()
    print(json.dumps({"seconds": seconds, "digest": digest}), flush=True)
