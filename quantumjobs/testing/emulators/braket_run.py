"""The run function of the Braket emulator: one program through Aer, in a worker."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import braket_gates, braket_qasm, braket_registers, braket_results
from quantumjobs.testing.emulators.braket_check import Rules, check
from quantumjobs.testing.emulators.braket_qasm import Program

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

SIMULATE = "quantumjobs.testing.emulators.braket_run:simulate"
DENSE = 24
"""Up to so many qubits a circuit is simulated as one vector, beyond as matrix product states."""
MIXED = 11
"""Up to so many as one density matrix."""


class Task(Struct, frozen=True, kw_only=True):
    """What decides the outcome."""

    text: str
    inputs: dict[str, Any] = {}
    shots: int
    seed: int | None = None
    rules: Rules


class Outcome(Struct, frozen=True, kw_only=True):
    """Of one program."""

    rows: bytes = b""
    """JSON: a list of bits for each shot; none for no shots."""
    qubits: tuple[int, ...] = ()
    """Behind the columns of the rows."""
    results: bytes = b""
    """JSON: what was asked for by pragmas, with values."""
    failure: str = ""
    """Why there is no outcome."""

    def probabilities(self) -> dict[str, float]:
        """Of the outcomes that were drawn."""
        rows = msgspec.json.decode(self.rows, type=list[list[int]])
        counts = Counter("".join(map(str, row)) for row in rows)
        return {bits: number / len(rows) for bits, number in sorted(counts.items())}


def simulate(body: bytes) -> bytes:
    """Run one `Task`, give an `Outcome`, both as msgpack."""
    task = _task.decode(body)
    try:
        program = braket_qasm.parse(task.text, task.inputs)
        check(program, task.rules, task.shots)
        return encode(_drawn(program, task) if task.shots else _exact(program))
    except UsageError as error:
        return encode(Outcome(failure=str(error)))


def _drawn(program: Program, task: Task) -> Outcome:
    used = program.used
    columns = dict(program.measured) or dict(enumerate(used))
    order = [columns[bit] for bit in sorted(columns)]
    circuit, place = build(program, used, clbits=len(order))
    for factor, matrix in braket_results.rotations(program, used):
        circuit.unitary(matrix, [place[qubit] for qubit in reversed(factor)])
    for column, qubit in enumerate(order):
        if qubit in place:
            circuit.measure(place[qubit], column)
    texts = _shots(circuit, program, task) if place else ["0" * len(order)] * task.shots
    rows = {text: f"[{','.join(reversed(text))}]" for text in set(texts)}
    results = braket_results.sampled(program, order, texts) if program.results else b""
    whole = f"[{','.join(rows[text] for text in texts)}]".encode()
    return Outcome(rows=whole, qubits=tuple(order), results=results)


def _shots(circuit: QuantumCircuit, program: Program, task: Task) -> list[str]:
    from qiskit_aer import AerSimulator

    noisy = any(step.is_noise for step in program.steps)
    method = "matrix_product_state" if circuit.num_qubits > DENSE else "statevector"
    if noisy and circuit.num_qubits <= MIXED:
        method = "density_matrix"
    seed = {} if task.seed is None else {"seed_simulator": task.seed}
    simulator = AerSimulator(method=method, max_parallel_threads=1)
    done = simulator.run(_ready(circuit, simulator), shots=task.shots, memory=True, **seed).result()
    _check_done(done)
    found: list[str] = done.get_memory()
    return found


def _exact(program: Program) -> Outcome:
    from qiskit_aer import AerSimulator

    used = program.used
    noisy = any(step.is_noise for step in program.steps)
    if len(used) > (MIXED if noisy else DENSE):
        raise UsageError(f"the emulator computes exact results of up to {MIXED if noisy else DENSE} qubits")
    circuit: Any = build(program, used, clbits=0)[0]  # Aer adds methods to it
    method = "density_matrix" if noisy else "statevector"
    if noisy:
        circuit.save_density_matrix()
    else:
        circuit.save_statevector()
    simulator = AerSimulator(method=method, max_parallel_threads=1)
    done = simulator.run(_ready(circuit, simulator), shots=1).result()
    _check_done(done)
    state = done.data()[method]
    return Outcome(qubits=tuple(used), results=braket_results.exact(program, used, state.data))


def _ready(circuit: QuantumCircuit, simulator: Any) -> QuantumCircuit:
    from qiskit import transpile

    return transpile(circuit, simulator, optimization_level=0)


def _check_done(done: Any) -> None:
    if not done.success:
        why = done.results[0].status if done.results else done.status
        raise UsageError(f"the program could not be simulated: {why}")


def build(program: Program, used: list[int], *, clbits: int) -> tuple[QuantumCircuit, Mapping[int, int]]:
    """A Qiskit circuit of the qubits that are used, and each one's place in it: the first qubit has the last place.

    So Qiskit's states, whose last qubit is the most significant one, are in Braket's order.
    """
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import Kraus

    place = {qubit: len(used) - 1 - at for at, qubit in enumerate(used)}
    circuit = QuantumCircuit(len(used), clbits)
    for step in program.steps:
        qubits = [place[qubit] for qubit in step.qubits]
        if step.name == "gphase" and not step.modifiers:
            circuit.global_phase += step.angles[0]
        elif step.is_noise:
            operators: Any = braket_gates.kraus(step)
            circuit.append(Kraus(operators).to_instruction(), qubits[::-1])
        elif step.name in _NATIVE and not step.modifiers:
            getattr(circuit, _NATIVE[step.name])(*step.angles, *qubits)
        else:
            circuit.unitary(braket_gates.matrix(step), qubits[::-1])
    return circuit, place


_NATIVE = {
    **{name: name for name in ("h", "x", "y", "z", "s", "t", "rx", "ry", "rz", "cz", "cy", "swap")},
    "si": "sdg",
    "ti": "tdg",
    "v": "sx",
    "vi": "sxdg",
    "phaseshift": "p",
    "cphaseshift": "cp",
    "cnot": "cx",
    "U": "u",
    "prx": "r",
    "xx": "rxx",
    "yy": "ryy",
    "zz": "rzz",
    "ccnot": "ccx",
    "cswap": "cswap",
}
"""Gates that Aer has, by the names of Qiskit's methods: faster than matrices."""


def memory(text: str, shots: int) -> int:
    """Bytes that a worker may need, told by the text alone: reading it is the worker's work."""
    qubits = min(braket_registers.roughly(text), DENSE)
    return (16 << qubits) + shots * 200


def width(text: str) -> int:
    """Columns of the outcomes of a program that nobody has read."""
    bits = re.search(r"\bbit\s*\[\s*(\d{1,4})\s*\]", text)
    return int(bits[1]) if bits else braket_registers.roughly(text)


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Outcome).decode
_task = msgspec.msgpack.Decoder(Task)
