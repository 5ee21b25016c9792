"""Circuits as the device takes them: gates in range, one measurement of everything at the end. Runs in a worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from quantumjobs.abc import Circuit
from quantumjobs.adapters.aqt import native
from quantumjobs.adapters.aqt.fold import folded
from quantumjobs.adapters.aqt.messages import RXX, Gate
from quantumjobs.adapters.aqt.native import Step
from quantumjobs.circuits import look
from quantumjobs.circuits import native as foreign
from quantumjobs.circuits.load import load
from quantumjobs.circuits.names import plainly_named
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_ADVICE = {
    "reset": "remove it: every qubit starts in 0 (initialize() resets, prepare_state() does not)",
    "delay": "remove it (circuit transformations add it when they schedule)",
}


class Program(Struct, frozen=True, kw_only=True):
    """One circuit, ready to be sent, and how to read its samples."""

    label: str
    name: str
    gates: list[Gate]
    qubits: int
    sources: list[int]
    """For each clbit the qubit it reads, or -1."""
    registers: list[tuple[str, int]]
    metadata: Any


def programs(circuits: Sequence[Circuit], *, qubits: int, transpile: bool, level: int) -> Iterator[Program]:
    """Every circuit to be run, in order. Raises `UsageError` naming the circuit and what to do.

    A circuit of the device's own gates, all in range, stays as it is. Others are transpiled where they have other
    gates, and rewritten as a whole (`fold`). With `transpile=False` there must be no other gates, and each gate out of
    range is replaced for itself: the result equals the circuit up to global phase.
    """
    some = False
    for given in circuits:
        for circuit in load(given):
            some = True
            label = f"{given.label}: circuit {circuit.name!r}" if given.label else f"circuit {circuit.name!r}"
            yield _program(circuit, label, qubits=qubits, transpile=transpile, level=level)
    if not some:
        raise UsageError("there is no circuit to run")


def _program(circuit: QuantumCircuit, label: str, *, qubits: int, transpile: bool, level: int) -> Program:
    circuit = plainly_named(circuit, _classes())
    names = look.operations(circuit)
    _check(circuit, names.keys(), label)
    others = foreign.foreign(names, native.KNOWN)
    if others:
        what = f"{label} has instructions that AQT does not have: {', '.join(others[:5])}"
        if not transpile:
            raise UsageError(f"{what}; transpile it for the backend's target yourself, or leave out transpile=False")
        circuit = _transpiled(circuit, level, what)
        _check(circuit, look.operations(circuit).keys(), label)
    steps = list(_steps(circuit, label))
    if others or (transpile and not all(native.in_range(step) for step in steps)):
        gates = folded(steps, circuit.num_qubits)
    else:
        gates = [gate for step in steps for gate in native.gates(step)]
    sources = sources_of(circuit, label)
    used = [qubit for gate in gates for qubit in (gate.qubits if isinstance(gate, RXX) else (gate.qubit,))]
    width = max(max(used, default=0), *sources) + 1  # idle qubits behind these would cost a column of every sample
    if width > qubits:
        raise UsageError(
            f"{label} uses qubit {width - 1}, and so {width} qubits; the backend has {qubits}: use its first {qubits}"
        )
    return Program(
        label=label,
        name=circuit.name,
        gates=gates,
        qubits=width,
        sources=sources,
        registers=[(register.name, register.size) for register in circuit.cregs],
        metadata=circuit.metadata,
    )


def _classes() -> dict[str, Any]:
    from qiskit.circuit.library import RGate, RXXGate, RZGate

    return {"rz": RZGate, "r": RGate, "rxx": RXXGate}


def _check(circuit: QuantumCircuit, names: Any, label: str) -> None:
    flow = sorted(look.CONTROL_FLOW.intersection(names))
    if flow:
        raise UsageError(
            f"{label} has control flow ({', '.join(flow)}), which AQT does not run: "
            "unroll loops, and replace conditions by controlled gates"
        )
    for name, advice in _ADVICE.items():
        if name in names:
            raise UsageError(f"{label} has {name}, which AQT does not run: {advice}")
    unbound = look.unbound(circuit)
    if unbound:
        shown = ", ".join(unbound[:5]) + (f" and {len(unbound) - 5} more" if len(unbound) > 5 else "")
        raise UsageError(
            f"{label} has parameters without a value: {shown}; bind them by circuit.assign_parameters({{...}})"
        )
    measured: set[object] = set()
    for instruction in circuit.data:
        if instruction.name == "measure":
            measured.update(instruction.qubits)
        elif measured and instruction.name != "barrier" and not measured.isdisjoint(instruction.qubits):
            qubit = next(qubit for qubit in instruction.qubits if qubit in measured)
            raise UsageError(
                f"{label} has {instruction.name} on qubit {circuit.find_bit(qubit).index} after its measurement, and "
                "AQT measures once, at the end: move the measurements to the end, and run later gates as a circuit of "
                "their own"
            )
    if not measured and native.KNOWN.issuperset(names):
        raise UsageError(f"{label} measures nothing: add circuit.measure_all()")


def _transpiled(circuit: QuantumCircuit, level: int, what: str) -> QuantumCircuit:
    width = max(32, 1 << (circuit.num_qubits - 1).bit_length())  # how many the device has is checked on what is used
    passes = foreign.passes(("aqt", width), level, lambda: native.target(width))
    try:
        return foreign.transpiled(circuit, passes)
    except Exception as error:
        raise UsageError(f"{what}; it cannot be transpiled: {error}") from error


def _steps(circuit: QuantumCircuit, label: str) -> Iterator[Step]:
    index = {qubit: place for place, qubit in enumerate(circuit.qubits)}
    for instruction in circuit.data:
        if instruction.name != "measure":
            angles = tuple(float(angle) for angle in instruction.params)
            if not all(isfinite(angle) for angle in angles):
                raise UsageError(f"{label} has {instruction.name} with the angle {max(angles, key=abs)}")
            yield Step(instruction.name, tuple(index[qubit] for qubit in instruction.qubits), angles)


def sources_of(circuit: QuantumCircuit, label: str) -> list[int]:
    """For each clbit the qubit it reads; the last measurement into it counts."""
    sources = [-1] * circuit.num_clbits
    for instruction in circuit.data:
        if instruction.name == "measure":
            clbit = circuit.find_bit(instruction.clbits[0]).index
            sources[clbit] = circuit.find_bit(instruction.qubits[0]).index
    if not any(source >= 0 for source in sources):
        raise UsageError(f"{label} measures nothing: add circuit.measure_all()")
    return sources
