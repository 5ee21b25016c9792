"""captured.json: what the vendor's own client sends for what either side is told to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from math import pi
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Exchange = dict[str, Any]
SV1 = "arn:aws:braket:::device/quantum-simulator/amazon/sv1"
GARNET = "arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet"
FORTE = "arn:aws:braket:us-east-1::device/qpu/ionq/Forte-1"
RESERVATION = "arn:aws:braket:eu-north-1:123456789012:reservation/0f1e2d3c-0000-4000-8000-000000000000"
BELL = [["h", 0], ["cnot", 0, 1]]
FLIP = [["x", 1], ["h", 0], ["i", 2]]
TEXT = "OPENQASM 3.0;\nbit[2] b;\nqubit[3] q;\nx q[2];\nry(0.75) q[0];\nb[1] = measure q[2];\nb[0] = measure q[0];"
TURN = "OPENQASM 3.0;\ninput float theta;\nbit[1] b;\nqubit[1] q;\nrx(theta) q[0];\nb[0] = measure q[0];"
BOX = (
    "OPENQASM 3.0;\nbit[2] b;\n#pragma braket verbatim\nbox{\nprx(0.25, 0.5) $1;\ncz $1, $2;\n}\n"
    "b[0] = measure $1;\nb[1] = measure $2;"
)
GATES = [
    *(["h", 0], ["cnot", 0, 1], ["rx", 2, 0.25], ["ry", 0, pi / 3], ["rz", 1, -1.5], ["phaseshift", 0, 0.1]),
    *(["ccnot", 0, 1, 2], ["swap", 0, 2], ["iswap", 0, 1], ["s", 0], ["si", 0], ["t", 1], ["ti", 2], ["v", 1]),
    *(["zz", 0, 1, 0.3], ["xx", 1, 2, 0.7], ["u", 0, 0.1, 0.2, 0.3], ["cphaseshift", 0, 2, 1e-3], ["cswap", 0, 1, 2]),
]
QISKITS = {
    "cnot": "cx",
    "phaseshift": "p",
    "ccnot": "ccx",
    "si": "sdg",
    "ti": "tdg",
    "v": "sx",
    "i": "id",
    "zz": "rzz",
    "xx": "rxx",
    "cphaseshift": "cp",
    "prx": "r",
}
"""Names there and here, where they differ."""
_ASKS = frozenset({"state_vector", "expectation", "measure"})
_SPECIAL = {"experimental_capabilities": "ALL", "reservation_arn": RESERVATION}


class Case(Struct, frozen=True, kw_only=True):
    """One task. `programs` are OpenQASM, or steps: gates with their qubits and angles, and what is asked for."""

    device: str = SV1
    programs: tuple[Any, ...] = (BELL,)
    shots: int = 40
    theirs: dict[str, Any] = {}
    """Options of the vendor's `run` ..."""
    ours: dict[str, Any] = {}
    """... and of ours."""
    emulator: dict[str, Any] = {}
    idle: int = 0
    """Qubits without gates, which are ours to count: the SDK says how many have some."""
    dropped: tuple[str, ...] = ()
    """Members that the SDK does not send, though it was told to."""

    @property
    def circuits(self) -> list[str | QuantumCircuit]:
        """For our `run`."""
        return [one if isinstance(one, str) else circuit(one) for one in self.programs]

    def plan(self, do: str = "run", **more: Any) -> dict[str, Any]:
        """For the vendor's process: there the shots of a program set are those of all its programs."""
        shots = self.shots * (len(self.programs) if do == "run" else 1)
        told = {"do": do, "device": self.device, "programs": list(self.programs), "shots": shots}
        return {**told, **self.theirs, **more}


CASES = {
    "bell": Case(),
    "gates": Case(programs=(GATES,)),
    "crossed": Case(programs=([["x", 0], ["h", 1], ["i", 2], ["measure", [2, 0]]],)),
    "text": Case(programs=(TEXT,)),
    "inputs": Case(programs=(TURN,), theirs={"inputs": {"theta": 1.5}}, ours={"inputs": {"theta": 1.5}}),
    "exact": Case(programs=([*BELL, ["state_vector"]],), shots=0, ours={"result_types": "state_vector"}),
    "expectation": Case(
        programs=([*FLIP, ["expectation", "xz", [0, 1]]],),
        shots=0,
        ours={"result_types": "expectation x(q[0]) @ z(q[1])"},
    ),
    "set": Case(device=GARNET, programs=(BELL, FLIP, TEXT)),
    "spilled": Case(device=GARNET, programs=(BELL, FLIP), emulator={"spilled": True}),
    "options": Case(
        device=GARNET,
        programs=(BOX,),
        theirs={"options": {"tags": {"a": "b"}, **_SPECIAL}},
        ours={"resource_tags": {"a": "b"}, **_SPECIAL},
    ),
    "rewiring": Case(
        device=GARNET,
        programs=(BOX,),
        theirs={"options": {"disable_qubit_rewiring": True}},
        ours={"disable_qubit_rewiring": True},
        dropped=("deviceParameters",),
    ),
    "verbatim": Case(
        device=GARNET,
        programs=([["verbatim", [["prx", 1, 0.25, 0.5], ["cz", 1, 2]]], ["measure", [1, 2]]],),
        theirs={"options": {"disable_qubit_rewiring": True}},
        ours={"verbatim": True},
        idle=1,
    ),
    "ions": Case(device=FORTE),
    "debias": Case(device=FORTE, theirs={"options": {"debias": True}}, ours={"error_mitigation": "debias"}),
}
"""What both are told to do ..."""
OTHERS = {
    "cancel": Case(emulator={"queue": 30.0}),
    "fails": Case(programs=("qubit[1] q; nonsense q[0];",)),
    "bucket": Case(device=GARNET),
}
"""... and what is recorded besides, of the vendor's SDK alone."""


def circuit(steps: list[list[Any]]) -> QuantumCircuit:
    """By Qiskit. As the SDK does: all qubits are measured where nothing else is asked for."""
    from qiskit import QuantumCircuit

    flat = [one for name, *rest in steps for one in (rest[0] if name == "verbatim" else [[name, *rest]])]
    gates = [one for one in flat if one[0] not in _ASKS]
    asked = {one[0]: one[1:] for one in steps if one[0] in _ASKS}
    size = 1 + max(one for _, *arguments in gates for one in arguments if isinstance(one, int))
    measured = asked["measure"][0] if "measure" in asked else [] if asked else list(range(size))
    made = QuantumCircuit(size, len(measured))
    for name, *arguments in gates:
        angles = [one for one in arguments if isinstance(one, float)]
        qubits = [one for one in arguments if isinstance(one, int)]
        getattr(made, QISKITS.get(name, name))(*angles, *qubits)
    made.measure(measured, range(len(measured)))
    return made


_UUID = re.compile(r"(?<![0-9a-f-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f-])")


def masked(noted: Iterable[Exchange]) -> list[Exchange]:
    """Requests as they are recorded: without ids and what is empty, and equal ones in a row as one."""
    kept: list[Exchange] = []
    for note in noted:
        text = json.dumps({name: value for name, value in note.items() if value})
        exchange = json.loads(_UUID.sub("{uuid}", text))
        if kept[-1:] != [exchange]:
            kept.append(exchange)
    return kept


def written(sequences: dict[str, list[Exchange]]) -> str:
    """As in captured.json: a request a line."""
    found = []
    for name, sequence in sequences.items():
        lines = ",\n".join(f"  {json.dumps(one, sort_keys=True)}" for one in sequence)
        found.append(f"{json.dumps(name)}: [\n{lines}\n ]")
    return "{\n " + ",\n ".join(found) + "\n}\n"


FILE = Path(__file__).parent / "captured.json"
SEQUENCES: dict[str, list[Exchange]] = json.loads(FILE.read_text(encoding="utf-8"))
"""Requests in their order, by the name of the case."""
