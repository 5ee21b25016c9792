"""The run function of the OriginQ emulator: one program through Aer, in a worker."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import originir
from quantumjobs.testing.emulators.originir import Program, Step

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import Statevector

SIMULATE = "quantumjobs.testing.emulators.originq_run:simulate"
DENSE = 24
"""Up to so many qubits a circuit is simulated as one vector, beyond as matrix product states."""


class Noise(Struct, frozen=True):
    """A model by its name on the wire, with its parameters for gates on one and on two qubits."""

    name: str
    single: tuple[float, ...]
    double: tuple[float, ...]


class Task(Struct, frozen=True, kw_only=True):
    """What decides the outcome."""

    text: str
    shots: int | None = None
    """None: probabilities of `qubits`, or `amplitudes`."""
    seed: int | None = None
    qubits: tuple[int, ...] = ()
    amplitudes: tuple[str, ...] = ()
    """Basis states as decimal numbers, qubit 0 being the last bit."""
    noise: Noise | None = None


class Outcome(Struct, frozen=True):
    """Of one program. Outcomes are binary text."""

    counts: dict[str, int] = {}
    """The measured bits alone, the lowest one right-most."""
    probabilities: dict[str, float] = {}
    """Of `Task.qubits`, the first one right-most."""
    amplitudes: dict[str, tuple[float, float]] = {}
    bits: int = 0
    """In an outcome."""


def simulate(body: bytes) -> bytes:
    """Run one `Task`, give an `Outcome`, both as msgpack. Raises `UsageError` for what cannot be run."""
    task = _task.decode(body)
    program = originir.parse(task.text)
    if task.shots is not None:
        return encode(_drawn(program, task))
    return encode(_amplitudes(program, task) if task.amplitudes else _probabilities(program, task))


def bits(program: Program) -> tuple[int, ...]:
    """The bits that an outcome has, ascending."""
    return tuple(sorted({bit for _, bit in program.measured}))


def build(program: Program, *, every: bool = False) -> QuantumCircuit:
    """Qiskit's circuit of the qubits that are used, ascending, or of `every` one; its clbits are the measured bits.

    With `every` nothing is measured.
    """
    from qiskit import QuantumCircuit

    used = _used(program)
    place = {qubit: qubit if every else at for at, qubit in enumerate(used)}
    clbit = {bit: at for at, bit in enumerate(bits(program))}
    circuit = QuantumCircuit(program.qubits if every else len(used), 0 if every else len(clbit))
    for step in program.steps:
        if step.name == "MEASURE":
            if not every:
                circuit.measure(place[step.qubits[0]], clbit[step.clbit])
        elif step.name == "RESET":
            circuit.reset(place[step.qubits[0]])
        elif step.name != "BARRIER":  # of no effect here
            circuit.append(_gate(step), [place[qubit] for qubit in (*step.controls, *step.qubits)])
    return circuit


def memory(program: Program, shots: int) -> int:
    """Bytes that a worker needs for it."""
    return (16 << min(len(_used(program)), DENSE)) + shots * 200


def _used(program: Program) -> list[int]:
    return sorted({qubit for one in program.steps if one.name != "BARRIER" for qubit in (*one.qubits, *one.controls)})


# --- running ----------------------------------------------------------------------------
def _drawn(program: Program, task: Task) -> Outcome:
    from qiskit import transpile
    from qiskit_aer import AerSimulator

    width = len(bits(program))
    if not width:
        raise UsageError("the program measures nothing")
    circuit = build(program)
    dense = circuit.num_qubits <= DENSE
    settings: dict[str, Any] = {"method": "statevector" if dense else "matrix_product_state"}
    if task.noise is not None:
        settings["noise_model"] = _noise_model(task.noise)
        circuit = _labelled(circuit)
    simulator = AerSimulator(max_parallel_threads=1, **settings)
    ready = circuit if task.noise is not None else transpile(circuit, simulator, optimization_level=0)
    options = {} if task.seed is None else {"seed_simulator": task.seed}
    done = simulator.run(ready, shots=task.shots, **options).result()
    if not done.success:
        why = done.results[0].status if done.results else done.status
        raise UsageError(f"the program could not be simulated: {why}")
    return Outcome(counts=dict(sorted(done.get_counts().items())), bits=width)


def _probabilities(program: Program, task: Task) -> Outcome:
    outside = [qubit for qubit in task.qubits if qubit >= program.qubits]
    if outside or not task.qubits or len(set(task.qubits)) < len(task.qubits):
        raise UsageError(f"there is no q[{outside[0]}]" if outside else "name qubits, each of them once")
    state, place = _state(program, task.qubits)
    found = state.probabilities_dict([place[qubit] for qubit in task.qubits])
    return Outcome(probabilities={key: float(weight) for key, weight in sorted(found.items())}, bits=len(task.qubits))


def _amplitudes(program: Program, task: Task) -> Outcome:
    wanted = [(key, int(key)) for key in task.amplitudes if key.isascii() and key.isdecimal() and len(key) < 100]
    if len(wanted) < len(task.amplitudes) or any(at >> program.qubits for _, at in wanted):
        raise UsageError("an amplitude is asked for that the program does not have")
    state, place = _state(program)
    idle = [qubit for qubit in range(program.qubits) if qubit not in place]
    found = {}
    for key, at in wanted:
        index = sum((at >> qubit & 1) << here for qubit, here in place.items())
        amplitude = 0j if any(at >> qubit & 1 for qubit in idle) else complex(state.data[index])
        found[key] = (amplitude.real, amplitude.imag)
    return Outcome(amplitudes=found)


def _state(program: Program, more: Iterable[int] = ()) -> tuple[Statevector, dict[int, int]]:
    """The state of the qubits that are used, or named as `more`, as if nothing was measured; and their places in it."""
    from qiskit.quantum_info import Statevector

    steps = _pure(program)
    used = sorted({qubit for one in steps for qubit in (*one.qubits, *one.controls)} | set(more))
    if len(used) > DENSE:
        raise UsageError(f"the program uses {len(used)} qubits; the emulator computes up to {DENSE}")
    place = {qubit: at for at, qubit in enumerate(used)}
    moved = tuple(
        Step(one.name, _at(place, one.qubits), one.angles, _at(place, one.controls), one.dagger) for one in steps
    )
    return Statevector(build(Program(len(used), 0, moved), every=True)), place


def _at(place: Mapping[int, int], qubits: Sequence[int]) -> tuple[int, ...]:
    return tuple(place[qubit] for qubit in qubits)


def _pure(program: Program) -> list[Step]:
    """The gates. Raises `UsageError` where the state would be a matter of chance."""
    gates: list[Step] = []
    touched: set[int] = set()
    measured: set[int] = set()
    for one in program.steps:
        qubits = {*one.qubits, *one.controls}
        if one.name == "MEASURE":
            measured |= qubits & touched
        elif one.name == "RESET":
            if qubits & touched:
                raise UsageError("a qubit is reset after a gate: there is no one state to compute")
        elif one.name != "BARRIER":
            if qubits & measured:
                raise UsageError("a qubit is used after it was measured: there is no one state to compute")
            touched |= qubits
            gates.append(one)
    return gates


# --- gates ------------------------------------------------------------------------------
def _gate(step: Step) -> Any:
    gate = _gates()[step.name](*step.angles)
    if step.dagger:
        gate = gate.inverse()
    return gate.control(len(step.controls), annotated=False) if step.controls else gate


@functools.cache
def _gates() -> dict[str, Callable[..., Any]]:
    """What each statement does, by Qiskit's gates."""
    from math import pi

    from qiskit.circuit import library as lib

    turns = {"X1": lib.RXGate, "Y1": lib.RYGate, "Z1": lib.RZGate}
    return {
        "H": lib.HGate, "X": lib.XGate, "Y": lib.YGate, "Z": lib.ZGate, "S": lib.SGate, "T": lib.TGate,
        "I": lib.IGate, "ECHO": lib.IGate,
        **{name: functools.partial(kind, pi / 2) for name, kind in turns.items()},
        "RX": lib.RXGate, "RY": lib.RYGate, "RZ": lib.RZGate, "U1": lib.PhaseGate, "P": lib.PhaseGate,
        "RPHI": lib.RGate, "RPhi": lib.RGate, "U2": lambda phi, lam: lib.UGate(pi / 2, phi, lam), "U3": lib.UGate,
        "U4": _u4, "CU": lambda *angles: _u4(*angles).control(1, annotated=False),
        "CNOT": lib.CXGate, "CZ": lib.CZGate, "SWAP": lib.SwapGate, "ISWAP": lib.iSwapGate,
        "SQISWAP": lambda: lib.XXPlusYYGate(-pi / 2),
        "CR": lib.CPhaseGate, "CP": lib.CPhaseGate, "CRX": lib.CRXGate, "CRY": lib.CRYGate, "CRZ": lib.CRZGate,
        "RXX": lib.RXXGate, "RYY": lib.RYYGate, "RZZ": lib.RZZGate, "RZX": lib.RZXGate, "TOFFOLI": lib.CCXGate,
    }  # fmt: skip


def _u4(phase: float, beta: float, gamma: float, delta: float) -> Any:
    """exp(i phase) RZ(beta) RY(gamma) RZ(delta), as pyqpanda3 prints it."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(1, global_phase=phase - (beta + delta) / 2, name="u4")
    circuit.u(gamma, beta, delta, 0)
    return circuit.to_gate()


# --- noise ------------------------------------------------------------------------------
_ON = {1: "noisy1", 2: "noisy2"}


def _labelled(circuit: QuantumCircuit) -> QuantumCircuit:
    """The same with each gate as a unitary whose label Aer's noise model finds; gates on more qubits stay clean."""
    from qiskit import QuantumCircuit
    from qiskit.circuit.library import UnitaryGate
    from qiskit.quantum_info import Operator

    made = QuantumCircuit(circuit.num_qubits, circuit.num_clbits)
    for step in circuit.data:
        if step.name in ("measure", "reset"):
            made.append(step)
        else:
            label = _ON.get(len(step.qubits))
            made.append(UnitaryGate(Operator(step.operation), label=label), step.qubits)
    return made


def _noise_model(noise: Noise) -> Any:
    from qiskit_aer.noise import NoiseModel

    model = NoiseModel(basis_gates=["unitary"])
    single, double = channel(noise.name, noise.single), channel(noise.name, noise.double)
    model.add_all_qubit_quantum_error(single, _ON[1])
    model.add_all_qubit_quantum_error(double.tensor(double), _ON[2])
    return model


def channel(name: str, given: Sequence[float]) -> Any:
    """On one qubit; on two, both have it. As OriginQ documents its models."""
    from math import exp

    from qiskit_aer import noise

    _check_parameters(name, given)
    p = given[0]
    match name:
        case "BITFLIP_KRAUS_OPERATOR":
            return noise.pauli_error([("X", p), ("I", 1 - p)])
        case "DEPHASING_KRAUS_OPERATOR":
            return noise.pauli_error([("Z", p), ("I", 1 - p)])
        case "BIT_PHASE_FLIP_OPRATOR":
            return noise.pauli_error([("Y", p), ("I", 1 - p)])
        case "DEPOLARIZING_KRAUS_OPERATOR":
            return noise.depolarizing_error(p, 1)
        case "DAMPING_KRAUS_OPERATOR":
            return noise.amplitude_damping_error(p)
        case "PHASE_DAMPING_OPRATOR":
            return noise.phase_damping_error(p)
        case "DECOHERENCE_KRAUS_OPERATOR":
            t1, t2, time = given
            damping = 1 - exp(-time / t1)
            dephasing = 0.5 * (1 - exp(-(time / t2 - time / (2 * t1))))
            return noise.amplitude_damping_error(damping).compose(
                noise.pauli_error([("Z", dephasing), ("I", 1 - dephasing)])
            )
    raise UsageError(f"there is no noise model {name}")


def _check_parameters(name: str, given: Sequence[float]) -> None:
    if name == "DECOHERENCE_KRAUS_OPERATOR":
        if len(given) != 3 or not (given[0] > 0 and 0 < given[1] <= 2 * given[0] and given[2] >= 0):
            raise UsageError(f"{name} takes T1, T2 and a time, and T2 is at most twice T1")
    elif len(given) != 1 or not 0 <= given[0] <= 1:
        raise UsageError(f"{name} takes a probability")


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Outcome).decode
_task = msgspec.msgpack.Decoder(Task)
