"""What Aer's methods can run and what they need. Runs in a worker."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from quantumjobs.abc import Circuit
from quantumjobs.circuits import cost, look, native
from quantumjobs.circuits.given import needs_pickle
from quantumjobs.circuits.load import dump, load
from quantumjobs.errors import UsageError
from quantumjobs.workers.aer import Item, simulator

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.transpiler import Target

_ALWAYS = frozenset({"measure", "barrier"})
_CHANNELS = frozenset({"quantum_channel"})
_WITHOUT_MEASURE = frozenset({"unitary", "superop"})
_BYTES = {"statevector": 1, "density_matrix": 2, "unitary": 2, "superop": 4}  # 16 bytes times 2 to this power of n
_TABLEAU = frozenset({"stabilizer", "extended_stabilizer"})
_CLIFFORD = frozenset(
    {"id", "x", "y", "z", "h", "s", "sdg", "sx", "sxdg", "cx", "cy", "cz", "swap", "ecr", "pauli", "delay"}
)
_PERHAPS_CLIFFORD = frozenset({"rz"})


class Setup(Struct, frozen=True, kw_only=True):
    """What holds for all circuits of a request."""

    method: str
    shots: int
    options: dict[str, Any]
    memory: int
    noise: Any
    transpile: bool
    level: int


class Ready(Struct, frozen=True):
    """One circuit, ready to run."""

    item: Item
    cost: cost.Cost
    qubits: int


def items(circuits: Sequence[Circuit], binds: bytes | None, setup: Setup) -> Iterator[Ready]:
    """Every circuit to be run, in order. Raises `UsageError` naming the circuit and what to do."""
    _check_offered(setup)
    tables = msgspec.msgpack.decode(binds, type=list[dict[str, list[float]]]) if binds else None
    loaded = [(given, circuit) for given in circuits for circuit in load(given)]
    if not loaded:
        raise UsageError("there is no circuit to run")
    if tables is not None and len(tables) != len(loaded):
        raise UsageError(f"parameter_binds has {len(tables)} tables for {len(loaded)} circuits: one for each is needed")
    for place, (given, circuit) in enumerate(loaded):
        label = f"{given.label}: circuit {circuit.name!r}" if given.label else f"circuit {circuit.name!r}"
        bound = _bound(circuit, tables[place]) if tables else (circuit,)
        for one in bound:
            same = one is circuit and given.form in {"qpy", "pickle"} and len(circuits) == len(loaded)
            yield _ready(one, setup, label, given if same else None)


@functools.cache
def _known(method: str) -> frozenset[str]:
    """Names of the instructions that Aer's method takes as they are."""
    return frozenset(_simulator(method).configuration().basis_gates) | _ALWAYS


def _simulator(method: str) -> Any:
    from qiskit_aer import AerSimulator

    return AerSimulator(method=method)


def target(method: str) -> Target:
    """Aer's own target for a method: as many qubits as it thinks this machine can hold.

    Raises `UsageError` where this installation does not offer the method.
    """
    _check_method(method)
    full: Target = _simulator(method).target
    return full


def _check_offered(setup: Setup) -> None:
    device = setup.options.get("device", "CPU")
    devices = _devices()
    if device not in devices:
        raise UsageError(
            f"device={device!r}: this installation of Aer offers {', '.join(devices)} (qiskit-aer-gpu adds GPU)"
        )
    _check_method(setup.method)


def _check_method(method: str) -> None:
    if method not in _methods():
        raise UsageError(f"this installation of Aer does not offer the method {method!r}")


@functools.cache
def _devices() -> tuple[str, ...]:
    return tuple(simulator().available_devices())


@functools.cache
def _methods() -> frozenset[str]:
    return frozenset(simulator().available_methods())


def _ready(circuit: QuantumCircuit, setup: Setup, label: str, given: Circuit | None) -> Ready:
    names = look.operations(circuit)
    unbound = look.unbound(circuit)
    if unbound:
        shown = ", ".join(unbound[:5]) + (f" and {len(unbound) - 5} more" if len(unbound) > 5 else "")
        raise UsageError(
            f"{label} has parameters without a value: {shown}; "
            "bind them by circuit.assign_parameters({...}), or give parameter_binds="
        )
    saves = any(name.startswith("save_") for name in names)
    if not names["measure"] and not saves:
        raise UsageError(f"{label} measures nothing and saves nothing: add circuit.measure_all()")
    if names["measure"] and setup.method in _WITHOUT_MEASURE:
        raise UsageError(
            f"{label} measures, which the method {setup.method!r} cannot simulate: "
            "remove the measurements (circuit.remove_final_measurements()) or choose another method"
        )
    foreign = native.foreign(names, _known(setup.method))
    if foreign:
        circuit = _translated(circuit, foreign, setup, label)
        names = look.operations(circuit)
        given = None
    active = circuit.num_qubits if circuit.num_qubits < 14 else look.active_qubits(circuit)
    need = _memory(names, active, setup)
    if setup.memory and need > setup.memory:
        raise UsageError(
            f"{label} needs {_size(need)} for {active} qubits ({_kind(setup.method)}), and there are "
            f"{_size(setup.memory)} (max_memory_mb): use fewer qubits or another method, "
            "such as matrix_product_state for little entanglement, or stabilizer for Clifford circuits"
        )
    estimate = _cost(circuit, names, active, need, setup)
    alone = not _CHANNELS.isdisjoint(names)
    if given is None:
        given = _serialised(circuit)
    return Ready(Item(given.form, given.body, estimate.seconds, alone), estimate, active)


def _serialised(circuit: QuantumCircuit) -> Circuit:
    if needs_pickle(circuit):
        import pickle

        return Circuit("pickle", pickle.dumps(circuit, protocol=5))
    return Circuit("qpy", dump(circuit))


def _translated(circuit: QuantumCircuit, foreign: list[str], setup: Setup, label: str) -> QuantumCircuit:
    what = f"{', '.join(foreign[:5])}: not known to Aer's method {setup.method!r}"
    if not setup.transpile:
        raise UsageError(f"{label} has instructions {what}; transpile it yourself, or leave out transpile=False")
    gates = None if setup.noise is None else frozenset(setup.noise.basis_gates)
    width = max(32, 1 << (circuit.num_qubits - 1).bit_length())  # a pass manager looks at each qubit: not too many
    try:
        key = (setup.method, gates, width)
        passes = native.passes(key, setup.level, lambda: _target(setup.method, gates, width))
        return native.transpiled(circuit, passes)
    except Exception as error:
        raise UsageError(f"{label} has instructions {what}, and cannot be transpiled: {error}") from error


def _target(method: str, gates: frozenset[str] | None, width: int) -> Target:
    """Aer's target for so many qubits; its own limit is about this machine's memory and one method only."""
    from qiskit.transpiler import Target

    full = target(method)
    narrow = Target(num_qubits=width)
    names = set(full.operation_names)
    if method == "stabilizer":
        names.discard("rz")  # only by right angles: what is made of others would fail when it runs
    for name in sorted(names):
        operation = full.operation_from_name(name)
        # With a noise model only gates that it knows are made: on others it would have no effect.
        if gates is None or name in gates or name in _ALWAYS or not _is_unitary_gate(operation):
            narrow.add_instruction(operation, None, name=name)
    return narrow


def _is_unitary_gate(operation: Any) -> bool:
    from qiskit.circuit import Gate

    return isinstance(operation, Gate)


def _bound(circuit: QuantumCircuit, table: Mapping[str, list[float]]) -> Iterator[QuantumCircuit]:
    """The circuit with each row of values, as Aer orders them. Names that the circuit does not have are passed over."""
    wanted = {name: column for name, column in table.items() if circuit.has_parameter(name)}
    if not wanted:
        yield circuit
        return
    for row in range(len(next(iter(wanted.values())))):
        one = circuit.assign_parameters({name: column[row] for name, column in wanted.items()})
        one.name = circuit.name
        yield one


# --- memory and cost --------------------------------------------------------------------
def _memory(names: Counter[str], active: int, setup: Setup) -> int:
    """Bytes of the state that a run certainly needs; 0 where that is not known."""
    power = _BYTES.get(setup.method, 0)
    if setup.method == "automatic" and not _may_avoid_a_state(names):
        power = 1  # a density matrix is only chosen where it fits
    if not power:
        return 0
    amplitude = 8 if setup.options.get("precision") == "single" else 16
    return int(amplitude << min(power * active, 200))


def _may_avoid_a_state(names: Counter[str]) -> bool:
    """True where Aer's choice may fall on a method whose memory does not grow with 2^n."""
    for name in names:
        if name.endswith(("matrix_product_state", "stabilizer", "save_clifford")):
            return True
    rest = names.keys() - _CLIFFORD - _PERHAPS_CLIFFORD - _ALWAYS - look.CONTROL_FLOW
    return all(name.startswith("save_") or name in _OTHER_STABILIZER for name in rest)


_OTHER_STABILIZER = frozenset(
    {"reset", "quantum_channel", "qerror_loc", "roerror", "break_loop", "continue_loop", "store"}
)


def _cost(circuit: QuantumCircuit, names: Counter[str], active: int, need: int, setup: Setup) -> cost.Cost:
    if not need:
        tableau = setup.method in _TABLEAU or setup.method == "automatic"
        if tableau or active > 30:
            return cost.tableau(active, names, setup.shots)
    per_shot = (
        setup.noise is not None or names["measure"] > circuit.num_clbits or not look.CONTROL_FLOW.isdisjoint(names)
    )
    width = active * _BYTES.get(setup.method, 1)
    found = cost.statevector(width, circuit.num_clbits, names, setup.shots, per_shot=per_shot)
    return cost.Cost(found.seconds, need)


def _size(amount: int) -> str:
    for unit, exponent in (("EiB", 60), ("PiB", 50), ("TiB", 40), ("GiB", 30)):
        if amount >= 1 << exponent:
            return f"{amount / (1 << exponent):,.1f} {unit}"
    return f"{amount / (1 << 20):,.1f} MiB"


def _kind(method: str) -> str:
    return "a statevector" if method == "automatic" else f"method {method}"
