"""Expectation values from outcomes: observables as sums of Pauli strings, and the bases in which to measure them.

Nothing here knows a provider. `plain` runs in the loop's process and needs no qiskit; the rest runs in workers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, sqrt
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

REGISTER = "basis"
_AXES = frozenset("IXYZ")
_REAL = 1e-12
"""Imaginary parts up to this are rounding; an observable has none."""
_ACCEPTED = (
    "a SparsePauliOp, a Pauli, a label such as 'ZZI', a dict {'ZZI': 0.5}, a list of (label, coefficient), "
    "or a list of these"
)

Observable = tuple[tuple[str, float], ...]
"""(Pauli string, coefficient); the right-most letter is qubit 0's, as Qiskit writes it."""


class Term(Struct, frozen=True, array_like=True):
    """One Pauli string, by the bits of its group's outcomes whose parity is its value."""

    coefficient: float
    bits: tuple[int, ...]


class Share(Struct, frozen=True, array_like=True):
    """What one observable needs of a group."""

    observable: int
    terms: tuple[Term, ...]


class Group(Struct, frozen=True, array_like=True):
    """Pauli strings that one basis measures together."""

    basis: tuple[tuple[int, str], ...]
    """(qubit, "X", "Y" or "Z"), ascending; bit i of an outcome is that of basis[i]."""
    shares: tuple[Share, ...]


# --- what the user gives ------------------------------------------------------------------
def plain(given: Any) -> list[list[list[Any]]]:
    """Observables as lists of [label, coefficient], which JSON and MessagePack have a form for.

    Raises `UsageError` for what is no observable: complex coefficients, other letters, unequal widths, nothing at all.
    """
    found = [_plain(one) for one in (given if _is_several(given) else [given])]
    if not found:
        raise UsageError(f"observables: the list is empty; give {_ACCEPTED}")
    widths = {len(label) for one in found for label, _ in one}
    if len(widths) > 1:
        raise UsageError(
            f"observables: they are for {' and '.join(map(str, sorted(widths)))} qubits; one width is needed"
        )
    return found


def _is_several(given: Any) -> bool:
    """A list of observables, and not one that is a list of terms."""
    return isinstance(given, (list, tuple)) and not (given and all(map(_is_term, given)))


def _is_term(one: Any) -> bool:
    return isinstance(one, (list, tuple)) and len(one) == 2 and isinstance(one[0], str) and not isinstance(one[1], str)


def _plain(given: Any) -> list[list[Any]]:
    if isinstance(given, str):
        terms: Iterable[Any] = [(given, 1.0)]
    elif isinstance(given, Mapping):
        terms = given.items()
    elif isinstance(given, (list, tuple)):
        terms = given
    elif hasattr(given, "to_list"):  # SparsePauliOp, without importing qiskit
        terms = given.to_list()
    elif hasattr(given, "to_label"):  # Pauli: its label may begin with a sign
        label = given.to_label()
        sign, label = (-1.0, label[1:]) if label.startswith("-") else (1.0, label)
        terms = [(label, sign)]
    else:
        raise UsageError(f"observables: {type(given).__name__} is no observable; give {_ACCEPTED}")
    found = [_term(one) for one in terms]
    if not found:
        raise UsageError(f"observables: one of them has no terms; give {_ACCEPTED}")
    return found


def _term(one: Any) -> list[Any]:
    if not isinstance(one, (list, tuple)) or len(one) != 2 or not isinstance(one[0], str):
        raise UsageError(f"observables: {one!r} is no (label, coefficient); give {_ACCEPTED}")
    label, coefficient = one
    if not label or not _AXES.issuperset(label):
        raise UsageError(f"observables: {label!r} is not made of I, X, Y and Z")
    try:
        number = complex(coefficient)
    except (TypeError, ValueError):
        raise UsageError(f"observables: the coefficient of {label} is {coefficient!r}, and no number") from None
    if not (isfinite(number.real) and abs(number.imag) <= _REAL * max(1.0, abs(number.real))):
        raise UsageError(f"observables: the coefficient of {label} is {coefficient!r}; a real, finite number is needed")
    return [label, number.real]


# --- bases ----------------------------------------------------------------------------------
def groups(observables: Sequence[Observable], qubits: int) -> tuple[Group, ...]:
    """Bases that measure all of the observables of a circuit with so many qubits: as few as Qiskit's colouring finds.

    Every term is in exactly one group, those of the identity in the first. Raises `UsageError` where widths differ.
    """
    width = len(observables[0][0][0])
    if width != qubits:
        raise UsageError(f"has {qubits} qubits, and the observables are for {width}")
    labels = sorted({label for one in observables for label, _ in one if set(label) != {"I"}})
    bases = _bases(labels)
    place = {label: at for at, labels in enumerate(bases) for label in labels}
    made = []
    for at, labels in enumerate(bases):
        basis = _basis(labels)
        bit = {qubit: number for number, (qubit, _) in enumerate(basis)}
        shares = []
        for number, one in enumerate(observables):
            # The identity's place is the first group's; terms of one label are one.
            weights: dict[str, float] = {}
            for label, coefficient in one:
                if place.get(label, 0) == at:
                    weights[label] = weights.get(label, 0.0) + coefficient
            terms = tuple(
                Term(weight, tuple(bit[qubit] for qubit, _ in _letters(label))) for label, weight in weights.items()
            )
            if terms:
                shares.append(Share(number, terms))
        made.append(Group(basis, tuple(shares)))
    return tuple(made)


def _bases(labels: Sequence[str]) -> list[list[str]]:
    if not labels:
        return [[]]
    from qiskit.quantum_info import PauliList

    return [list(group.to_labels()) for group in PauliList(list(labels)).group_qubit_wise_commuting()]


def _letters(label: str) -> list[tuple[int, str]]:
    return [(qubit, letter) for qubit, letter in enumerate(reversed(label)) if letter != "I"]


def _basis(labels: Iterable[str]) -> tuple[tuple[int, str], ...]:
    found: dict[int, str] = {}
    for label in labels:
        found.update(_letters(label))
    return tuple(sorted(found.items())) or ((0, "Z"),)  # something has to be measured, also for the identity alone


def placed(group: Group, places: Sequence[int]) -> Group:
    """The same for a circuit that was transpiled: `places` has the qubit of each of the observables' qubits."""
    return Group(tuple((places[qubit], axis) for qubit, axis in group.basis), group.shares)


def unmeasured(circuit: QuantumCircuit) -> QuantumCircuit:
    """Without its final measurements."""
    made = circuit.remove_final_measurements(inplace=False)
    assert made is not None  # of a copy
    return made


def measured(circuit: QuantumCircuit, group: Group, *, measure: bool = True) -> QuantumCircuit:
    """The circuit without its final measurements, turned into the group's basis and, with `measure`, measured in it.

    Raises `UsageError` where something is measured before the end.
    """
    from qiskit import ClassicalRegister

    made = unmeasured(circuit)
    if "measure" in made.count_ops():
        raise UsageError("measures before the end, and so cannot be asked for observables: leave such measurements out")
    made.name, made.metadata = circuit.name, circuit.metadata
    for qubit, axis in group.basis:
        if axis == "Y":
            made.sdg(qubit)
        if axis != "Z":
            made.h(qubit)
    if measure:
        taken = {one.name for one in (*made.cregs, *made.qregs)}
        name = REGISTER
        while name in taken:
            name += "_"
        register = ClassicalRegister(len(group.basis), name)
        made.add_register(register)
        made.measure([qubit for qubit, _ in group.basis], register)
    return made


# --- values ---------------------------------------------------------------------------------
def estimate(group: Group, distribution: Mapping[int, float]) -> list[tuple[int, float, float]]:
    """(observable, value of its share, variance of one shot of it), from relative frequencies or probabilities.

    `distribution`: outcome of the group's bits, bit 0 first, to weight; the weights need not sum to 1.
    """
    total = sum(distribution.values())
    found = []
    for share in group.shares:
        masks = [(term.coefficient, sum(1 << bit for bit in term.bits)) for term in share.terms]
        mean = square = 0.0
        for outcome, weight in distribution.items():
            value = sum(-c if (outcome & mask).bit_count() % 2 else c for c, mask in masks)
            mean += weight * value
            square += weight * value * value
        mean, square = mean / total, square / total
        found.append((share.observable, mean, max(0.0, square - mean * mean)))
    return found


def total(shares: Iterable[tuple[Sequence[tuple[int, float, float]], int | None]]) -> tuple[list[float], list[float]]:
    """Values and standard errors of the observables, from all of a circuit's groups, each with its number of shots.

    None shots: the distribution was computed, and has no error.
    """
    values: dict[int, float] = {}
    variances: dict[int, float] = {}
    for estimates, shots in shares:
        for observable, value, variance in estimates:
            values[observable] = values.get(observable, 0.0) + value
            variances[observable] = variances.get(observable, 0.0) + (variance / shots if shots else 0.0)
    numbers = range(max(values, default=-1) + 1)
    return [values.get(at, 0.0) for at in numbers], [sqrt(variances.get(at, 0.0)) for at in numbers]
