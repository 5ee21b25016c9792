"""Circuits as the service takes them: OriginIR, and how to read what comes back. In a worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import pi
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from quantumjobs.abc import Circuit
from quantumjobs.adapters.originq import originir, texts
from quantumjobs.adapters.originq.messages import About
from quantumjobs.adapters.originq.options import SIMULATORS
from quantumjobs.adapters.originq.plans import COUNTS
from quantumjobs.adapters.originq.texts import Given
from quantumjobs.circuits import pauli
from quantumjobs.circuits.load import load
from quantumjobs.circuits.load import originir as originir_of
from quantumjobs.circuits.pauli import Group, Observable
from quantumjobs.core import values
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


class Program(Struct, frozen=True, kw_only=True):
    """One program, ready to be sent, and how to read what comes back."""

    circuit: int
    """Which of the request's circuits it is of."""
    name: str
    text: str
    qubits: int
    """The highest qubit that is used, and one."""
    bits: int
    """The program's classical bits; 0 where nothing is measured."""
    measured: tuple[tuple[int, int], ...]
    """(bit of the program, clbit of the circuit), ascending."""
    clbits: int
    registers: tuple[tuple[str, int], ...] = ()
    metadata: dict[str, Any] = {}
    group: Group | None = None


class Wanted(Struct, frozen=True, kw_only=True):
    """What is asked of the circuits."""

    wants: str
    """See `plans`."""
    drawn: bool
    """Outcomes are drawn, so that something has to be measured."""
    observables: tuple[Observable, ...] = ()
    qubits: tuple[int, ...] = ()
    """Whose probabilities are asked for."""
    transpile: bool = True
    level: int = 1


def programs(circuits: Sequence[Circuit], about: About, wanted: Wanted) -> Iterator[Program]:
    """Every program to be run, in order: one a circuit, or with observables one for each basis that these need.

    Circuits are taken as they are, but where the chip is described (`mapping=False`): then they are transpiled to its
    qubits, unless they were already. Raises `UsageError` naming the circuit and what to do.
    """
    number = 0
    writing = _Writing(about, wanted)
    for given in circuits:
        for circuit in _loaded(given):
            named = "the program" if isinstance(circuit, Given) else f"circuit {circuit.name!r}"
            label = f"{given.label}: {named}" if given.label else named
            try:
                yield from (
                    writing.of_text(circuit, number)
                    if isinstance(circuit, Given)
                    else writing.of_circuit(circuit, number)
                )
            except UsageError as error:
                raise UsageError(f"{label} {error}") from error
            number += 1
    if not number:
        raise UsageError("there is no circuit to run")


def _loaded(given: Circuit) -> Sequence[QuantumCircuit | Given]:
    """The circuits of one item, or the program that it is."""
    text = originir_of(given)
    if text is None:
        return load(given)
    try:
        return [texts.read(text)]
    except UsageError as error:
        raise UsageError(f"{given.label or 'the OriginIR text'}: {error}") from error


class _Writing:
    """Programs of one circuit after the other, for one backend and one purpose."""

    def __init__(self, about: About, wanted: Wanted) -> None:
        self._about = about
        self._wanted = wanted
        self._hardware = about.backend not in SIMULATORS

    def of_circuit(self, circuit: QuantumCircuit, number: int) -> Iterator[Program]:
        """Groups are of the circuit as it was given; of a transpiled one, where its qubits have been brought to."""
        wanted = self._wanted
        _check_qubits(wanted, circuit.num_qubits)
        if wanted.wants == COUNTS and not originir.measured(circuit):
            raise UsageError("measures nothing: add circuit.measure_all()")
        for group in _groups(circuit, wanted):
            if group is not None:
                ready = (
                    _based(circuit, group) if self._about.chip else pauli.measured(circuit, group, measure=wanted.drawn)
                )
            else:
                ready = circuit if wanted.drawn else _unmeasured(circuit)
            ready = self._placed(ready) if wanted.drawn else _named(ready, _asked(ready, wanted, group))
            measured = originir.measured(ready)
            yield Program(
                circuit=number,
                name=circuit.name,
                text=originir.written(ready, expand=wanted.transpile, hardware=self._hardware),
                qubits=max(_used(ready), default=0) + 1,
                bits=len(measured),
                measured=measured,
                clbits=ready.num_clbits,
                registers=tuple((register.name, register.size) for register in ready.cregs),
                metadata=values.plain_items(circuit.metadata),
                group=group,
            )

    def _placed(self, circuit: QuantumCircuit) -> QuantumCircuit:
        if self._about.chip is None:
            return circuit
        from quantumjobs.adapters.originq import placing

        wanted = self._wanted
        return placing.placed(circuit, self._about.chip, transpile=wanted.transpile, level=wanted.level)

    def of_text(self, given: Given, number: int) -> Iterator[Program]:
        """A program that was given as OriginIR: as it is, apart from what it measures where that is asked for."""
        wanted = self._wanted
        _check_qubits(wanted, given.width)
        if wanted.wants == COUNTS and not given.measured:
            raise UsageError("measures nothing: add MEASURE q,c")
        for group in pauli.groups(wanted.observables, given.width) if wanted.observables else [None]:
            if group is not None:
                ready = texts.rebased(given, group, measure=wanted.drawn)
            else:
                ready = given if wanted.drawn else texts.unmeasured(given)
            yield Program(
                circuit=number,
                name="program",
                text=ready.text,
                qubits=max(ready.used, 1),
                bits=max(ready.measured, default=-1) + 1,
                measured=tuple((bit, bit) for bit in ready.measured),
                clbits=ready.bits,
                group=group,
            )


def _asked(circuit: QuantumCircuit, wanted: Wanted, group: Group | None) -> set[int]:
    """Qubits of which something is computed; of amplitudes, all of them."""
    if group is not None:
        return {qubit for qubit, _ in group.basis}
    return set(wanted.qubits) or set(range(circuit.num_qubits))


def _named(circuit: QuantumCircuit, qubits: set[int]) -> QuantumCircuit:
    """With an identity on those that have no gate: pyqpanda3's simulator knows of no others, and the service's may be like it."""
    idle = sorted(qubits - _used(circuit))
    if not idle:
        return circuit
    made: QuantumCircuit = circuit.copy()
    for qubit in idle:
        made.id(qubit)
    return made


def _used(circuit: QuantumCircuit) -> set[int]:
    return {circuit.find_bit(qubit).index for step in circuit.data if step.name != "barrier" for qubit in step.qubits}


def _groups(circuit: QuantumCircuit, wanted: Wanted) -> Sequence[Group | None]:
    if not wanted.observables:
        return [None]
    width = len(wanted.observables[0][0][0])
    places = None if circuit.layout is None else circuit.layout.final_index_layout(filter_ancillas=True)
    if places is None or width != len(places):
        return pauli.groups(wanted.observables, circuit.num_qubits)
    return [pauli.placed(group, places) for group in pauli.groups(wanted.observables, width)]


def _based(circuit: QuantumCircuit, group: Group) -> QuantumCircuit:
    """Measured in the group's basis by turns that every chip has: what is in a chip's gates and places stays as it is."""
    upright = Group(tuple((qubit, "Z") for qubit, _ in group.basis), group.shares)
    made = pauli.measured(circuit, upright, measure=False)
    for qubit, axis in group.basis:
        if axis == "X":
            made.r(-pi / 2, pi / 2, qubit)
        elif axis == "Y":
            made.r(pi / 2, 0, qubit)
    return pauli.measured(made, upright)


def _unmeasured(circuit: QuantumCircuit) -> QuantumCircuit:
    """Without its final measurements: the service computes from the state."""
    made = pauli.unmeasured(circuit)
    if "measure" in made.count_ops():
        raise UsageError("measures before the end, so that nothing can be computed of its state: leave that out")
    return made


def _check_qubits(wanted: Wanted, width: int) -> None:
    outside = [qubit for qubit in wanted.qubits if qubit >= width]
    if outside:
        raise UsageError(f"has {width} qubits; qubits={list(wanted.qubits)} asks for {outside[0]}")
