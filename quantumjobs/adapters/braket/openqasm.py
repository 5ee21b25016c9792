"""Qiskit's circuits as statements of Braket's OpenQASM 3, with all digits of their angles. Runs in a worker.

Every statement is exactly Qiskit's gate, or its phase is kept beside: whoever asks for a state gets it with its phase.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isfinite, tau
from typing import TYPE_CHECKING, Any

from quantumjobs.adapters.braket.gates import Words
from quantumjobs.circuits import look
from quantumjobs.circuits.operations import closed, is_qiskits, open_state, plain
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_DEEPEST = 64
"""Definitions within definitions."""
_AT_THE_END = "measure at the end"


class Unknown(Exception):
    """An instruction that is to be taken apart, and has no definition."""


class Statements:
    """A circuit, written."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        """Of gates, each with its semicolon."""
        self.phase = 0.0
        """Of the whole, in radians."""
        self.used: set[int] = set()
        """Qubits that have a gate."""
        self.measured: dict[int, int] = {}
        """Qubits by the clbits that they are measured into, ascending."""


def statements(
    circuit: QuantumCircuit,
    words: Words,
    *,
    expand: bool = True,
    places: str = "q[{}]",
    own: Callable[[Any, Sequence[int]], Iterable[str]] | None = None,
) -> Statements:
    """The circuit in a device's words; qubit i is called `places.format(i)`. Measurements are not among the lines.

    `expand`: take instructions apart that the device does not have. `own`: writes all gates instead. Raises `UsageError` that goes on after the circuit's
    name, with what to do; and `Unknown`.
    """
    check(circuit)
    writing = _Writing(circuit, words, expand=expand, places=places, own=own)
    writing.circuit(circuit, range(circuit.num_qubits), 0)
    made = writing.made
    made.measured = dict(sorted(made.measured.items()))
    return made


def measurements(made: Statements, places: str = "q[{}]") -> list[str]:
    """Statements that measure: bit i of `b` is the i-th of the clbits that are measured."""
    return [f"b[{at}] = measure {places.format(qubit)};" for at, qubit in enumerate(made.measured.values())]


def phase(angle: float) -> list[str]:
    """The statement of a global phase; none for one that is nothing."""
    angle %= tau
    return [f"gphase({angle!r});"] if min(angle, tau - angle) > 1e-15 else []


def check(circuit: QuantumCircuit) -> None:
    """Raises `UsageError` for what Braket does not run, whatever is done about it."""
    unbound = look.unbound(circuit)
    if unbound:
        shown = ", ".join(unbound[:5]) + (f" and {len(unbound) - 5} more" if len(unbound) > 5 else "")
        raise UsageError(f"has parameters without a value: {shown}; bind them by circuit.assign_parameters({{...}})")
    if circuit.num_vars or circuit.num_stretches:
        raise UsageError("has variables of its own (add_var, add_stretch), which Braket does not run")
    for name in look.CONTROL_FLOW.intersection(circuit.count_ops()):
        raise UsageError(f"has {name}: Braket does not run conditions and loops")


class _Writing:
    """Statements of one operation after the other."""

    def __init__(
        self,
        circuit: QuantumCircuit,
        words: Words,
        *,
        expand: bool,
        places: str,
        own: Callable[[Any, Sequence[int]], Iterable[str]] | None,
    ) -> None:
        self.made = Statements()
        self._words = words
        self._expand = expand
        self._own = own
        self._at = [places.format(qubit) for qubit in range(circuit.num_qubits)]
        self._over: set[int] = set()  # qubits that were measured

    def circuit(self, circuit: QuantumCircuit, qubits: Sequence[int], depth: int) -> None:
        """All of a circuit, or of a definition, on these qubits. This loop is where the time goes."""
        names, phases, halves = self._words.names, self._words.phases, self._words.halves
        at, lines, used, over = self._at, self.made.lines, self.made.used, self._over
        index = dict(zip(circuit.qubits, qubits, strict=True))
        self.made.phase += float(circuit.global_phase)
        for step in circuit.data:
            on = [index[qubit] for qubit in step.qubits]
            name = step.name
            if not (name in names and step.is_standard_gate()):
                self._other(circuit, step, on, depth)
                continue
            if over and not over.isdisjoint(on):
                self._refuse_more()
            used.update(on)
            params = step.params
            lines.append(
                f"{names[name]}{_angles(name, params) if params else ''} {', '.join([at[one] for one in on])};"
            )
            if name in phases:
                self.made.phase += phases[name]
            elif name in halves:
                self.made.phase += float(params[0]) / 2

    def _other(self, circuit: QuantumCircuit, step: Any, on: Sequence[int], depth: int) -> None:
        """What is no gate, or none of the device's."""
        operation = step.operation
        name = operation.name
        if is_qiskits(operation) and name in _NO_GATES:
            if name == "measure":
                if depth:
                    raise UsageError(
                        "has an instruction with a measurement inside, which Braket does not have: inline it"
                    )
                self._measure(on[0], circuit.find_bit(step.clbits[0]).index)
            elif name == "reset" and not (self.made.used | self._over).isdisjoint(on):  # of a fresh one it does nothing
                raise UsageError("has a reset of a qubit in use, which Braket's devices do not run: use a fresh qubit")
            elif name == "delay" and self._words.hardware:
                raise UsageError("has a delay, for which Braket has no statement outside of pulses: leave it out")
        elif step.clbits:
            raise UsageError(f"has {name} with classical bits inside, which Braket does not have: inline it")
        else:
            self._operation(operation, on, depth)

    def _measure(self, qubit: int, clbit: int) -> None:
        if qubit in self._over:
            raise UsageError(
                f"measures qubit {qubit} twice, which Braket's devices do not run: {_AT_THE_END}, and once"
            )
        if clbit in self.made.measured:
            raise UsageError(
                "measures twice into one classical bit, and Braket's results have a place for one of them: give each "
                "measurement a bit of its own"
            )
        self._over.add(qubit)
        self.made.measured[clbit] = qubit

    def _refuse_more(self) -> None:
        raise UsageError(
            f"goes on with a qubit after it was measured, which Braket's devices do not run: {_AT_THE_END}"
        )

    # --- gates ----------------------------------------------------------------------------
    def _operation(self, operation: Any, on: Sequence[int], depth: int) -> None:
        if hasattr(operation, "modifiers"):
            operation = plain(operation)
        if not self._over.isdisjoint(on):
            self._refuse_more()
        if operation.name == "global_phase" and is_qiskits(operation):
            self.made.phase += float(operation.params[0])
        elif self._own is not None:
            self.made.used.update(on)
            self.made.lines += self._own(operation, on)
        elif not self._named(operation, on):
            state = open_state(operation)
            if state is None:
                self._taken_apart(operation, on, depth)
            else:
                self._opened(operation, on, state, depth)

    def _named(self, operation: Any, on: Sequence[int]) -> bool:
        """For one that came out of a modifier, or of open controls."""
        words, name = self._words, operation.name
        if name not in words.names or not is_qiskits(operation) or open_state(operation) is not None:
            return False
        self.made.used.update(on)
        angles = _angles(name, operation.params) if operation.params else ""
        self.made.lines.append(f"{words.names[name]}{angles} {', '.join([self._at[one] for one in on])};")
        self.made.phase += words.phases.get(name, 0.0)
        if name in words.halves:
            self.made.phase += float(operation.params[0]) / 2
        return True

    def _opened(self, operation: Any, on: Sequence[int], state: int, depth: int) -> None:
        """A gate that acts where some controls are 0: those are flipped before and after."""
        from qiskit.circuit.library import XGate

        flips = [qubit for place, qubit in enumerate(on[: operation.num_ctrl_qubits]) if not state >> place & 1]
        for qubit in flips:
            self._operation(XGate(), [qubit], depth + 1)
        self._operation(closed(operation), on, depth + 1)
        for qubit in flips:
            self._operation(XGate(), [qubit], depth + 1)

    def _taken_apart(self, operation: Any, on: Sequence[int], depth: int) -> None:
        if not self._expand:
            raise UsageError(
                f"has an instruction that {self._words.device} does not have: {operation.name}; transpile it for the "
                "backend's target yourself, or leave out transpile=False"
            )
        definition = getattr(operation, "definition", None)
        if definition is None or depth >= _DEEPEST:
            raise Unknown(operation.name)
        self.circuit(definition, on, depth + 1)


_NO_GATES = frozenset({"barrier", "delay", "measure", "reset"})


def _angles(name: str, given: Iterable[Any]) -> str:
    angles = [float(angle) for angle in given]
    for angle in angles:
        if not isfinite(angle):
            raise UsageError(f"has {name} with the angle {angle}")
    return f"({', '.join(map(repr, angles))})"
