"""Gate counts at level 3, ours and the vendor's, for the families of `circuits`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from quantumjobs.abc import Circuit, Part, Raw, Request
from quantumjobs.adapters.aqt import simulate
from quantumjobs.adapters.aqt.codec import AqtCodec
from quantumjobs.adapters.aqt.schemas import BODY, CLOUD
from quantumjobs.testing.emulators import aqt_payload
from tests.oracles.aqt import circuits, vendor
from tests.oracles.aqt.conversion import about

NAMES = ("r", "rz", "rxx")


class Row(Struct, frozen=True):
    """The sums over the circuits of one family and width."""

    family: str
    width: int
    ours: dict[str, int]
    theirs: dict[str, int]


def prepared(texts: Sequence[str], *, shots: int = 1) -> tuple[Part, ...]:
    """By our codec, for the device."""
    given = tuple(Circuit("qasm", text.encode()) for text in texts)
    request = Request(backend="ws/ibex", circuits=given, shots=shots, memory=True, optimization_level=3)
    return AqtCodec().prepare(request, about(12), seed=0).parts


def ours(texts: Sequence[str]) -> list[dict[str, int]]:
    """Of the payloads that would be sent."""
    found = []
    for part in prepared(texts):
        for circuit in json.loads(part.payload)["payload"]["circuits"]:
            counts = Counter(step["operation"].lower() for step in circuit["quantum_circuit"])
            found.append({name: counts[name] for name in NAMES})
    return found


def compared(home: Path) -> list[Row]:
    """One row for each family and width."""
    families = circuits.families()
    texts = [text for group in families.values() for text in group]
    mine, theirs = iter(ours(texts)), iter(vendor.gates(texts, home=home))
    rows = []
    for (family, width), group in families.items():
        sums = [Counter[str](), Counter[str]()]
        for _ in group:
            for total, one in zip(sums, (next(mine), next(theirs)), strict=True):
                total.update(one)
        rows.append(Row(family, width, *({name: total[name] for name in NAMES} for total in sums)))
    return rows


def table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = [
        "| circuit | qubits | r, ours | r, vendor | rz, ours | rz, vendor | rxx, ours | rxx, vendor |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        numbers = " | ".join(f"{row.ours[name]} | {row.theirs[name]}" for name in NAMES)
        lines.append(f"| {row.family} | {row.width} | {numbers} |")
    return "\n".join(lines)


# --- what the gates do --------------------------------------------------------------------
def meant(text: str) -> dict[str, float]:
    """Outcome to probability, of the circuit as it was given."""
    from qiskit import qasm2

    return _probabilities(qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS))


def sent(text: str, width: int) -> dict[str, float]:
    """The same, of what the device would run, read as our decoder reads it."""
    shots = 1 << width
    (part,) = prepared([text], shots=shots)
    (circuit,) = aqt_payload.read(part.payload, qubits=12).payload.circuits
    qubits = circuit.number_of_qubits
    states = [f"{state:0{qubits}b}" for state in range(1 << qubits)]
    assert len(states) == shots
    # One shot of each state: what the decoder makes of it is where its probability belongs.
    body = {"response": {"status": "finished", "result": {"0": [[int(bit) for bit in one[::-1]] for one in states]}}}
    outcomes = AqtCodec().decode(Raw(CLOUD, {BODY: json.dumps(body).encode()}), part.layout).memory
    native = _probabilities(simulate.build(msgspec.convert(msgspec.to_builtins(circuit), simulate.Circuit)))
    found: Counter[str] = Counter()
    for state, outcome in zip(states, outcomes, strict=True):
        found[outcome] += native.get(state, 0.0)
    return dict(found)


def _probabilities(circuit: Any) -> dict[str, float]:
    from qiskit.quantum_info import Statevector

    return Statevector(circuit.remove_final_measurements(inplace=False)).probabilities_dict()
