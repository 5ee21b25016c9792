"""The run function of the IQM emulator: one circuit through Aer, in a worker; shots and counts as the server has them."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators.iqm_payload import CcPrx, Circuit, Cz, Measure, Move, Prx, Reset

if TYPE_CHECKING:
    import numpy as np
    from qiskit import QuantumCircuit

SIMULATE = "quantumjobs.testing.emulators.iqm_run:simulate"
DENSE = 22
"""Up to so many components a circuit is simulated as one vector, beyond as matrix product states."""


class Task(Struct, frozen=True, kw_only=True):
    """What decides the outcome."""

    circuit: Circuit
    shots: int
    seed: int | None


class Outcome(Struct, frozen=True, array_like=True):
    """Of one circuit, as JSON: they are text when they leave the worker, so that the server's loop only joins them."""

    shots: bytes
    """Key -> list of the shots' lists of bits."""
    counts: bytes
    """Keys, and how often their bits came, joined in the order of the keys."""


def simulate(body: bytes) -> bytes:
    """Run one `Task`, give an `Outcome`, both as msgpack. Raises `UsageError` for what Aer cannot run."""
    task = _task.decode(body)
    circuit, keys = build(task.circuit)
    if not keys:
        return encode(outcome(keys, [""] * task.shots))
    dense = circuit.num_qubits <= DENSE
    options: dict[str, Any] = {"shots": task.shots, "memory": True}
    options["method"] = "statevector" if dense else "matrix_product_state"
    if task.seed is not None:
        options["seed_simulator"] = task.seed
    done = _simulator().run(circuit, max_parallel_threads=1, **options).result()
    if not done.success:
        why = done.results[0].status if done.results else done.status
        raise UsageError(f"the circuit could not be simulated: {why}")
    return encode(outcome(keys, [shot[::-1] for shot in done.get_memory()]))  # Aer prints the first bit last


def build(given: Circuit) -> tuple[QuantumCircuit, list[tuple[str, int]]]:
    """Qiskit's circuit of the components that are used, one bit for each measured one; and the keys with their widths.

    Moves exchange states, which is right where the resonator is empty. Delays and barriers do nothing.
    """
    from qiskit import QuantumCircuit

    steps = [one for one in given.instructions if isinstance(one, (Prx, CcPrx, Cz, Move, Measure, Reset))]
    # QB9 before QB10, whichever comes first in the circuit: equal circuits with one seed then have equal samples, however
    # they are written.
    used = sorted({name for one in steps for name in one.locus}, key=lambda name: (len(name), name))
    qubits = {name: place for place, name in enumerate(used)}
    keys = [(one.args.key, len(one.locus)) for one in steps if isinstance(one, Measure)]
    circuit = QuantumCircuit(len(qubits), sum(width for _, width in keys))
    measured: dict[tuple[str, str], int] = {}
    bit = 0
    for one in steps:
        at = [qubits[name] for name in one.locus]
        if isinstance(one, CcPrx):
            condition = circuit.clbits[measured[one.args.feedback_key, one.args.feedback_qubit]]
            with circuit.if_test((condition, 1)):
                circuit.r(one.args.angle, one.args.phase, at[0])
        elif isinstance(one, Prx):
            circuit.r(one.args.angle, one.args.phase, at[0])
        elif isinstance(one, Cz):
            circuit.cz(at[0], at[1])
        elif isinstance(one, Move):
            circuit.swap(at[0], at[1])
        elif isinstance(one, Reset):
            circuit.reset(at)
        else:
            for name, qubit in zip(one.locus, at, strict=True):
                circuit.measure(qubit, bit)
                if one.args.feedback_key is not None:
                    measured[one.args.feedback_key, name] = bit
                bit += 1
    return circuit, keys


def outcome(keys: Sequence[tuple[str, int]], shots: Sequence[str]) -> Outcome:
    """From the bits of each shot, in the order of the keys, which are given with their widths."""
    counts = dict(sorted(Counter(shots).items()))
    histogram = {"measurement_keys": [key for key, _ in keys], "counts": counts}
    return Outcome(_document(keys, _rows(shots)), msgspec.json.encode(histogram))


def _rows(shots: Sequence[str]) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.frombuffer("".join(shots).encode(), dtype=np.uint8).reshape(len(shots), -1)


def _document(keys: Iterable[tuple[str, int]], rows: np.ndarray[Any, Any]) -> bytes:
    """Written as an array of characters: a list for each bit would take a hundred times the time."""
    import numpy as np

    pieces = []
    begin = 0
    for key, width in keys:
        text = np.full((len(rows), 2 * width + 2), ord(","), dtype=np.uint8)  # "[0,1],"
        text[:, 0] = ord("[")
        text[:, 1:-1:2] = rows[:, begin : begin + width]
        text[:, -2] = ord("]")
        pieces.append(msgspec.json.encode(key) + b":[" + text.tobytes()[:-1] + b"]")
        begin += width
    return b"{" + b",".join(pieces) + b"}"


def width(circuit: Circuit) -> int:
    """How many components are used."""
    return len({name for one in circuit.instructions for name in one.locus if one.name not in {"barrier", "delay"}})


def memory(circuit: Circuit, shots: int) -> int:
    """Bytes that a worker needs for it: the state, and the shots in all their forms."""
    wide = width(circuit)
    bits = sum(len(one.locus) for one in circuit.instructions if isinstance(one, Measure))
    return (16 << min(wide, DENSE)) + shots * (200 + 20 * bits)


@functools.cache
def _simulator() -> Any:
    from qiskit_aer import AerSimulator

    return AerSimulator()


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Outcome).decode
_task = msgspec.msgpack.Decoder(Task)
