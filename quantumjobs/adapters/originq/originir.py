"""Qiskit's circuits as OriginIR text, with all digits of their angles. Runs in a worker.

Global phases are dropped, as everywhere; inside a CONTROL block they would count, so nothing stands there that differs
from Qiskit's gate by a phase. Bits: the clbits that are measured, in ascending order, are c[0], c[1], ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import isfinite, pi
from typing import TYPE_CHECKING, Any

from quantumjobs.circuits import look
from quantumjobs.circuits.names import plainly_named
from quantumjobs.circuits.operations import closed, gates, is_qiskits, open_state, plain
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

SAME = {
    "h": "H", "x": "X", "y": "Y", "z": "Z", "s": "S", "t": "T", "id": "I",
    "rx": "RX", "ry": "RY", "rz": "RZ", "p": "P", "u1": "U1", "u2": "U2", "u3": "U3", "u": "U3", "r": "RPhi",
    "cx": "CNOT", "cz": "CZ", "swap": "SWAP", "iswap": "ISWAP", "ccx": "TOFFOLI",
    "cp": "CP", "cu1": "CP", "crx": "CRX", "cry": "CRY", "crz": "CRZ",
    "rxx": "RXX", "ryy": "RYY", "rzz": "RZZ", "rzx": "RZX",
}  # fmt: skip
"""Qiskit's gates that OriginIR has, exactly and with the same parameters in the same order, by name."""
PHASES = {"sdg": -pi / 2, "tdg": -pi / 4}
"""Those that are a P of a fixed angle."""
TURNS = {"sx": pi / 2, "sxdg": -pi / 2}
"""Those that are an RX of a fixed angle, but for a global phase: not for CONTROL."""
_CONTROLLED_PHASES = {"cs": pi / 2, "csdg": -pi / 2}
KNOWN = frozenset(
    {*SAME, *PHASES, *TURNS, *_CONTROLLED_PHASES, "cy", "ch", "csx", "cu", "cu3", "ccz", "cswap", "mcx", "mcphase",
     "barrier", "measure", "reset"}
)  # fmt: skip
"""What is written without being taken apart."""
_DEEPEST = 64
"""Definitions within definitions."""


class _Unknown(Exception):
    """An instruction that is to be taken apart, and has no definition."""


def written(circuit: QuantumCircuit, *, expand: bool = True, hardware: bool = False) -> str:
    """The circuit as OriginIR. `expand`: take instructions apart that OriginIR does not have.

    Raises `UsageError` that goes on after the circuit's name, with what to do.
    """
    _check(circuit, hardware=hardware)
    circuit = plainly_named(circuit, gates())
    try:
        lines = list(_lines(circuit, expand=expand, hardware=hardware))
    except _Unknown:
        lines = list(_lines(_transpiled(circuit), expand=True, hardware=hardware))
    return "\n".join([f"QINIT {circuit.num_qubits}", f"CREG {max(len(measured(circuit)), 1)}", *lines, ""])


def measured(circuit: QuantumCircuit) -> tuple[tuple[int, int], ...]:
    """(bit of the program, clbit of the circuit), ascending."""
    clbits = sorted({circuit.find_bit(step.clbits[0]).index for step in circuit.data if _measures(step)})
    return tuple(enumerate(clbits))


# --- checks -----------------------------------------------------------------------------
def _check(circuit: QuantumCircuit, *, hardware: bool) -> None:
    """Raises `UsageError` for what OriginQ cannot run, whatever is done about it."""
    unbound = look.unbound(circuit)
    if unbound:
        shown = ", ".join(unbound[:5]) + (f" and {len(unbound) - 5} more" if len(unbound) > 5 else "")
        raise UsageError(f"has parameters without a value: {shown}; bind them by circuit.assign_parameters({{...}})")
    if circuit.num_vars or circuit.num_stretches:
        raise UsageError("has variables of its own (add_var, add_stretch), which OriginQ does not run")
    written: set[Any] = set()
    over: set[Any] = set()
    for step in circuit.data:
        if step.name in look.CONTROL_FLOW:
            raise UsageError(f"has {step.name}: OriginQ does not run conditions and loops")
        passes = step.name == "barrier" and is_qiskits(step.operation)
        if hardware and not passes and not over.isdisjoint(step.qubits):
            raise UsageError("goes on with a qubit after it was measured, which chips do not do: measure at the end")
        if _measures(step):
            over.update(step.qubits)
            if step.clbits[0] in written:
                raise UsageError(
                    "measures twice into one classical bit, and OriginQ's results have a place for one of them: give "
                    "each measurement a bit of its own"
                )
            written.add(step.clbits[0])


# --- writing ----------------------------------------------------------------------------
def _lines(circuit: QuantumCircuit, *, expand: bool, hardware: bool) -> Iterator[str]:
    bits = {clbit: bit for bit, clbit in measured(circuit)}
    writing = _Writing(expand=expand, hardware=hardware)
    for step in circuit.data:
        qubits = [circuit.find_bit(qubit).index for qubit in step.qubits]
        if _measures(step):
            yield f"MEASURE q[{qubits[0]}],c[{bits[circuit.find_bit(step.clbits[0]).index]}]"
        elif step.clbits:
            raise UsageError(f"has {step.name} with classical bits inside, which OriginIR does not have: inline it")
        else:
            yield from writing.statements(step.operation, qubits, 0)


class _Writing:
    """Statements of one operation after the other."""

    def __init__(self, *, expand: bool, hardware: bool) -> None:
        self._expand = expand
        self._hardware = hardware

    def statements(self, operation: Any, qubits: Sequence[int], depth: int) -> Iterator[str]:
        """Of an operation on these qubits. Raises `UsageError`, or `_Unknown` for what has no definition."""
        if hasattr(operation, "modifiers"):
            operation = plain(operation)
        name = operation.name
        if name == "barrier" and is_qiskits(operation):
            if qubits:
                yield f"BARRIER {_on(qubits)}"
        elif name == "reset" and is_qiskits(operation):
            yield f"RESET {_on(qubits)}"
        elif name == "delay" and is_qiskits(operation):
            if self._hardware:  # a simulator has no time
                raise UsageError("has a delay, for which OriginIR has no statement: leave it out")
        elif (state := open_state(operation)) is not None:
            yield from self._opened(operation, qubits, state, depth)
        elif (write := _WRITERS.get(name)) is not None and is_qiskits(operation):
            yield from write(operation, qubits)
        elif name in SAME and is_qiskits(operation):
            yield f"{SAME[name]} {_on(qubits)}{_angles(operation, operation.params)}"
        else:
            yield from self._taken_apart(operation, qubits, depth)

    def _opened(self, operation: Any, qubits: Sequence[int], state: int, depth: int) -> Iterator[str]:
        """A gate that acts where some controls are 0: those are flipped before and after."""
        flips = [f"X q[{qubit}]" for at, qubit in enumerate(qubits[: operation.num_ctrl_qubits]) if not state >> at & 1]
        yield from flips
        yield from self.statements(closed(operation), qubits, depth)
        yield from flips

    def _taken_apart(self, operation: Any, qubits: Sequence[int], depth: int) -> Iterator[str]:
        inner = _controlled(operation, qubits)
        if inner is not None:
            yield from inner
            return
        if not self._expand:
            raise UsageError(
                f"has an instruction that OriginIR does not have: {operation.name}; transpile it for the backend's target "
                "yourself, or leave out transpile=False"
            )
        definition = getattr(operation, "definition", None)
        if definition is None or depth >= _DEEPEST:
            raise _Unknown
        for step in definition.data:
            if step.clbits:
                raise UsageError(
                    f"has {operation.name} with a measurement inside, which OriginIR does not have: inline it"
                )
            places = [qubits[definition.find_bit(qubit).index] for qubit in step.qubits]
            yield from self.statements(step.operation, places, depth + 1)


def _controlled(operation: Any, qubits: Sequence[int]) -> list[str] | None:
    """Any number of closed controls over a gate that OriginIR has exactly; None for all else."""
    base = getattr(operation, "base_gate", None)
    if base is None or base.name not in SAME or not is_qiskits(base):
        return None
    if len(base.params) != _parameters(base.name):  # of a controlled cu Qiskit calls the base a u, with a phase
        return None
    controls = operation.num_ctrl_qubits
    return _block(qubits[:controls], [f"{SAME[base.name]} {_on(qubits[controls:])}{_angles(operation, base.params)}"])


def _block(controls: Sequence[int], statements: Sequence[str]) -> list[str]:
    return [f"CONTROL {_on(controls)}", *statements, "ENDCONTROL"]


def _fixed(statement: str, angle: float) -> Callable[[Any, Sequence[int]], list[str]]:
    return lambda _, qubits: [f"{statement} {_on(qubits)},({angle!r})"]


def _csx(operation: Any, qubits: Sequence[int]) -> list[str]:  # noqa: ARG001 - a writer's form
    target = f"H q[{qubits[1]}]"
    return [target, f"CP {_on(qubits)},({pi / 2!r})", target]


def _cu(operation: Any, qubits: Sequence[int]) -> list[str]:
    """OriginIR's CU has other parameters: nobody found an order of Qiskit's four that gives the same matrix."""
    *turn, phase = operation.params
    first = [f"P q[{qubits[0]}]{_angles(operation, [phase])}"] if phase else []
    return [*first, *_cu3_of(operation, qubits, turn)]


def _cu3(operation: Any, qubits: Sequence[int]) -> list[str]:
    return _cu3_of(operation, qubits, operation.params)


def _cu3_of(operation: Any, qubits: Sequence[int], turn: Sequence[Any]) -> list[str]:
    return _block(qubits[:1], [f"U3 q[{qubits[1]}]{_angles(operation, turn)}"])


_WRITERS: dict[str, Callable[[Any, Sequence[int]], list[str]]] = {
    **{name: _fixed("P", angle) for name, angle in PHASES.items()},
    **{name: _fixed("RX", angle) for name, angle in TURNS.items()},
    **{name: _fixed("CP", angle) for name, angle in _CONTROLLED_PHASES.items()},
    "csx": _csx,
    "cu": _cu,
    "cu3": _cu3,
}


def _on(qubits: Sequence[int]) -> str:
    return ",".join(f"q[{qubit}]" for qubit in qubits)


def _angles(operation: Any, given: Sequence[Any]) -> str:
    if not given:
        return ""
    angles = [float(angle) for angle in given]
    if not all(map(isfinite, angles)):
        raise UsageError(f"has {operation.name} with the angle {next(one for one in angles if not isfinite(one))}")
    return f",({','.join(map(repr, angles))})"


def _measures(step: Any) -> bool:
    return step.name == "measure" and is_qiskits(step.operation)


def _parameters(name: str) -> int:
    from qiskit.circuit.library import get_standard_gate_name_mapping

    return len(get_standard_gate_name_mapping()[name].params)


def _transpiled(circuit: QuantumCircuit) -> QuantumCircuit:
    """What has no definition is Qiskit's transpiler's affair."""
    from qiskit import transpile

    try:
        made: QuantumCircuit = transpile(
            circuit, basis_gates=[*sorted(SAME), "reset"], optimization_level=0, seed_transpiler=0
        )
    except Exception as error:  # Qiskit raises what it likes
        raise UsageError(f"cannot be written as OriginIR: {error}") from error
    return made
