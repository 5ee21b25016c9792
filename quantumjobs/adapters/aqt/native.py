"""AQT's gates: their ranges, what lies outside of them, and Qiskit's target. Equalities hold up to global phase."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, pi, remainder
from typing import TYPE_CHECKING, Any, NamedTuple

from quantumjobs.adapters.aqt.messages import RXX, RZ, Gate, R

if TYPE_CHECKING:
    from qiskit.transpiler import Target

GATES = frozenset({"rz", "r", "rxx"})
KNOWN = GATES | {"measure", "barrier"}

_ROUNDING = 1e-12  # in units of pi: what floating point may have added to an angle at the end of its range


class Step(NamedTuple):
    """A gate of a circuit as it was given, in radians, or a barrier."""

    name: str
    qubits: tuple[int, ...]
    angles: tuple[float, ...] = ()


def in_range(step: Step) -> bool:
    """True where the gate can be sent as it is."""
    if step.name == "rxx":
        return -_ROUNDING <= step.angles[0] / pi <= 0.5 + _ROUNDING
    if step.name == "r":
        theta, phi = (angle / pi for angle in step.angles)
        return -_ROUNDING <= theta <= 1 + _ROUNDING and -_ROUNDING <= phi <= 2 + _ROUNDING
    return True


def gates(step: Step) -> list[Gate]:
    """The gate in range: itself, or another that equals it; for RXX with gates around it. A barrier is nothing."""
    if step.name == "rz":
        return rz(step.qubits[0], *step.angles)
    if step.name == "r":
        return r(step.qubits[0], *step.angles)
    return rxx(step.qubits[0], step.qubits[1], *step.angles) if step.name == "rxx" else []


def rz(qubit: int, angle: float) -> list[Gate]:
    """RZ has no range, so its angle stays."""
    return [] if _none(remainder(angle, 2 * pi) / pi) else [RZ(qubit, angle / pi)]


def r(qubit: int, theta: float, phi: float) -> list[Gate]:
    theta = remainder(theta, 2 * pi) / pi
    if _none(theta):
        return []
    phi = phi / pi if theta > 0 else phi / pi + 1  # backwards is the same as about the opposite axis
    if not 0 <= phi <= 2:
        phi %= 2
        phi = 0.0 if phi > 2 - _ROUNDING else phi
    return [R(qubit, phi + 0.0, min(abs(theta), 1.0))]


def rxx(a: int, b: int, angle: float) -> list[Gate]:
    """A quarter turn at most, forwards: half a turn is an R on each qubit, and RZ(pi) on one turns it around."""
    theta = remainder(angle, 2 * pi) / pi
    halves: list[Gate] = []
    if abs(theta) > 0.5 + _ROUNDING:
        halves = [R(a, 0.0, 1.0), R(b, 0.0, 1.0)]
        theta -= 1.0 if theta > 0 else -1.0
    if _none(theta):
        return halves
    if theta > 0:
        return [*halves, RXX((a, b), min(theta, 0.5))]
    return [*halves, RZ(a, 1.0), RXX((a, b), min(-theta, 0.5)), RZ(a, -1.0)]


def _none(angle: float) -> bool:
    return abs(angle) < _ROUNDING


# --- Qiskit's target --------------------------------------------------------------------
def target(qubits: int, characterisation: Any = None) -> Target:
    """Every qubit couples with every other: no coupling map, every gate global.

    Error rates are means over the device, because a global instruction has one for all qubits.
    """
    from qiskit.circuit import Measure, Parameter
    from qiskit.circuit.library import RGate, RXXGate, RZGate
    from qiskit.transpiler import InstructionProperties, Target

    made = Target(num_qubits=qubits)
    theta, phi = Parameter("theta"), Parameter("phi")
    rates = errors(characterisation)
    for operation in (RZGate(phi), RGate(theta, phi), RXXGate(theta), Measure()):
        rate = rates.get(operation.name)
        properties = None if rate is None else {None: InstructionProperties(error=rate)}
        made.add_instruction(operation, properties)
    return made


def errors(characterisation: Any) -> dict[str, float]:
    """Error by instruction, from fidelities in percent; what is missing or odd is left out."""
    if not isinstance(characterisation, Mapping):
        return {}
    single = characterisation.get("single_qubit_gate_fidelity")
    singles = [_rate(one) for one in single.values()] if isinstance(single, Mapping) else []
    known = [rate for rate in singles if rate is not None]
    rates = {
        "r": sum(known) / len(known) if known else None,
        "rxx": _rate(characterisation.get("mean_two_qubit_gate_fidelity")),
        "measure": _rate(characterisation.get("spam_fidelity_lower_bound")),
    }
    found = {name: rate for name, rate in rates.items() if rate is not None}
    return {"rz": 0.0, **found} if found else {}  # RZ only renames the axes of what follows


def _rate(percent: Any) -> float | None:
    value = percent.get("value") if isinstance(percent, Mapping) else percent
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or not 0 <= value <= 100:
        return None
    return round(1 - value / 100, 12)
