"""OriginQ's emulator for tests that block, a client that looks often, and what they say to `run` and then have sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from tenacity import wait_fixed

from quantumjobs.blocking import Client
from quantumjobs.core.schedule import Pace
from quantumjobs.engine.policies import Policy
from quantumjobs.testing.emulators import Fault, OriginqEmulator
from quantumjobs.wire import Deadlines
from tests.interop.helpers import NEVER

FULL, CHIP = "originq/full_amplitude", "originq/WK_C180"
KEY = "302e0201canary3c9a/12345"
OFTEN = {"originq": Policy(wait=wait_fixed(0.01), pace=Pace(first=0.01, at_least=0.02, at_most=0.05))}
RARELY = {"originq": Policy(pace=Pace(first=NEVER, at_least=NEVER, at_most=NEVER))}
"""So that each look is one that somebody asked for."""
MAINTENANCE = '{"success": false, "code": 20045, "message": "under maintenance"}'
NO_OBJ = '{"success": true, "code": 10000, "message": "ok"}'
WEATHER = [
    Fault("schema", operation="task", body=MAINTENANCE),
    Fault("schema", operation="task", at=2, body=NO_OBJ),
    Fault("word", operation="task", at=3, word="42"),
    Fault("status", operation="task", status=502, at=4),
    Fault("garbage", operation="task", at=5),
    Fault("schema", operation="task", at=6, body='{"success": false, "code": 401, "message": "Unauthorized"}'),
]

UNSAID = {
    "shot": 1000,
    "isProbcount": True,
    "amendFlag": 1,
    "use_cz_pattern": False,
    "mappingFlag": True,
    "PointLabel": 1,
    "circuitOptimization": True,
    "specified_block": [],
}
"""What pyqpanda3 sends to a chip where nothing is said, but for the shots, which it wants to be told."""
SAID: dict[str, Any] = {
    "amend_flag": 3,
    "batch_id": "b7",
    "extra": {"dataFormat": 2},
    "is_prob_counts": False,
    "mapping": True,
    "optimization": False,
    "point_label": 2,
    "shots": 7,
    "specified_block": [45, 46],
    "task_form": 5,
    "use_cz_pattern": True,
}
CONFIGURED = {
    "shot": 7,
    "isProbcount": False,
    "amendFlag": 3,
    "use_cz_pattern": True,
    "mappingFlag": True,
    "PointLabel": 2,
    "circuitOptimization": False,
    "specified_block": [45, 46],
    "dataFormat": 2,
}
"""`SAID` on the wire."""
REFUSED = {
    "amplitude": r"amplitudes=\['0'\]",
    "dataFormat": "unknown option",
    "enable_binary_encoding": "the binary form is the vendor's own",
    "model": "its name is noise_model here",
    "noise_model": "it is one of full_amplitude",
    "options": "give its fields as options",
}
"""Options of pyqpanda3's methods, and what is said to whoever gives them to a chip."""
AMENDED = json.dumps(
    {
        "success": True,
        "obj": {
            "taskState": "3",
            "probCount": ['{"key": ["0x0", "0x1"], "value": [400, 600]}'],
            "taskResult": ['{"key": ["0x0", "0x1"], "value": [0.25, 0.75]}'],
            "measureQubitSize": [2],
        },
    }
)
"""The correction of readout errors made other probabilities of what was counted."""
SHORT = json.dumps({"success": True, "obj": {"taskState": "3", "probCount": ['{"key": ["0x0"], "value": [5]}']}})
"""One result, whatever was sent."""
IMPATIENT = {"deadlines": Deadlines(silence=0.3, total=0.3)}
HANGS = 30.0  # seconds without an answer
PLAIN_HTTP = {"url": "http://cloud.invalid"}
"""As pyqpanda3 asks; a host that there never is, should the key ever be sent there."""


def emulator(**settings: Any) -> OriginqEmulator:
    """What is measured first answers 1, the next one 0, then 1, ...; nothing is simulated."""
    return OriginqEmulator(**{"results": "10"} | settings)


def client_of(url: str, *, more: Mapping[str, Any] = {}, **settings: Any) -> Client:
    """A client of this service alone; `more` are further settings of the account."""
    providers = {"originq": {"url": url, "api_key": KEY, **more}}
    return Client(providers=providers, **{"ledger": "memory", "policies": OFTEN} | settings)


def sent(made: OriginqEmulator) -> list[dict[str, Any]]:
    """The bodies of the submissions."""
    return [json.loads(job.about.body) for job in made.jobs.values()]


@contextmanager
def ticking() -> Iterator[list[int]]:
    """A number for each time in the block that another thread came to run, which it wants every 10 ms."""
    ticks: list[int] = []
    over = threading.Event()

    def tick() -> None:
        while not over.wait(0.01):
            ticks.append(len(ticks))

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        yield ticks
    finally:
        over.set()
        thread.join()


def warm() -> Fault:
    return Fault("fail", operation="submit", body="the fridge is warm")


def registers() -> QuantumCircuit:
    """Nobody measures into the second one; `emulator()` answers "0 0 10"."""
    a, unused, b = ClassicalRegister(2, "a"), ClassicalRegister(1, "unused"), ClassicalRegister(1, "b")
    circuit = QuantumCircuit(QuantumRegister(2, "q"), a, unused, b, name="three", metadata={"angle": 0.5})
    circuit.measure([0, 1], [a[1], b[0]])
    return circuit


def tuned() -> QuantumCircuit:
    """With an angle of more digits than pyqpanda3 writes."""
    circuit = QuantumCircuit(1, 1)
    circuit.rx(0.1234567890123, 0)
    circuit.measure(0, 0)
    return circuit


def answers(body: str) -> OriginqEmulator:
    return emulator(faults=[Fault("schema", operation="task", body=body)])


def hanging() -> OriginqEmulator:
    return emulator(faults=[Fault("hang", operation="task", seconds=HANGS)])


def as_sent(made: OriginqEmulator) -> None:
    """What the tests of the options have submitted."""
    unsaid, said, off, several = sent(made)
    assert (unsaid["Configuration"], unsaid["batchNo"], unsaid["taskFrom"]) == (UNSAID, "", 4)
    assert (said["Configuration"], said["batchNo"], said["taskFrom"]) == (CONFIGURED, "b7", 5)
    assert (said["ChipID"], said["QMachineType"]) == ("WK_C180", "5")
    assert off["Configuration"] == UNSAID | {"amendFlag": 0}  # what set_amend(False) says there
    assert "(0.1234567890123)" in off["QProg"][0]
    assert len(several["QProg"]) == 3  # one task
