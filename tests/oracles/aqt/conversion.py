"""Bodies of finished jobs, and our way from them to counts."""

from __future__ import annotations

import gc
import hashlib
import json
import time
from random import Random

from quantumjobs.abc import Circuit, Part, Raw, Request
from quantumjobs.adapters.aqt.codec import AqtCodec
from quantumjobs.adapters.aqt.messages import About
from tests.oracles.aqt import circuits

CIRCUITS = 100
SHOTS = 1000
QUBITS = 20
SCHEMA = "aqt/1"


def about(qubits: int) -> bytes:
    """What `describe` says of a resource of that size."""
    import msgspec

    return msgspec.json.encode(
        About(workspace="ws", resource="ibex", name="IBEX", type="device", status="online", qubits=qubits)
    )


def parts() -> tuple[Part, ...]:
    """100 circuits of 20 qubits, as they are sent: AQT takes 50 at a time."""
    text = circuits.program(QUBITS, [f"rx(0.5) q[{place}];" for place in range(QUBITS)])
    given = tuple(Circuit("qasm", text.encode()) for _ in range(CIRCUITS))
    request = Request(backend="ws/ibex", circuits=given, shots=SHOTS, transpile=True)
    return AqtCodec().prepare(request, about(QUBITS), seed=0).parts


def bodies(counts: list[int]) -> list[bytes]:
    """A finished job for each part: random bits, as AQT lists them."""
    chance = Random(1)
    job = {"job_id": "571accdf-bc76-41b3-9f49-16bd43faafe6", "job_type": "quantum_circuit", "label": None}
    where = {"resource_id": "ibex", "workspace_id": "ws"}
    found = []
    for count in counts:
        result = {str(place): [_shot(chance) for _ in range(SHOTS)] for place in range(count)}
        response = {"status": "finished", "result": result}
        found.append(json.dumps({"job": job | where, "response": response}, separators=(",", ":")).encode())
    return found


def _shot(chance: Random) -> list[int]:
    return [int(bit) for bit in f"{chance.getrandbits(QUBITS):0{QUBITS}b}"]


def converted(given: list[bytes], layouts: list[bytes]) -> tuple[float, str]:
    """Seconds of CPU, and a digest of the counts that the vendor's process makes alike."""
    codec = AqtCodec()
    gc.collect()
    began = time.process_time()
    counts = [
        one.counts
        for body, layout in zip(given, layouts, strict=True)
        for one in codec.decode(Raw(SCHEMA, {"body": body}), layout)
    ]
    seconds = time.process_time() - began
    return seconds, hashlib.sha256(json.dumps([sorted(one.items()) for one in counts]).encode()).hexdigest()
