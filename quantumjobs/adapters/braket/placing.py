"""Circuits on a device's own qubits: for verbatim boxes, and for programs whose qubits Braket is not to move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from quantumjobs.adapters.braket import gates, ions, openqasm, target
from quantumjobs.adapters.braket.about import About
from quantumjobs.adapters.braket.gates import Words
from quantumjobs.circuits import native, operations
from quantumjobs.circuits.names import plainly_named
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit


class Placed(Struct, frozen=True):
    """A circuit whose qubit i is the device's qubit i."""

    circuit: Any
    """In the device's native gates, or with `native=False` in gates that it takes."""
    moved: tuple[int, ...] | None
    """Where the qubits of the circuit that was given have been brought to; None where they were left alone."""


def placed(circuit: QuantumCircuit, about: About, *, verbatim: bool, transpile: bool, level: int) -> Placed:
    """The circuit as it is where it fits; else transpiled for the native gates and the places where these are.

    Raises `UsageError` that goes on after the circuit's name, with what to do.
    """
    openqasm.check(circuit)
    misfit = _misfit(circuit, about, verbatim=verbatim)
    if misfit is None:
        return Placed(circuit, None)
    if not transpile:
        raise UsageError(f"{misfit}; leave out transpile=False, or write it in the device's own gates and places")
    everywhere = target.places(about)
    if circuit.num_qubits > len(everywhere):
        raise UsageError(f"has {circuit.num_qubits} qubits; {about.name or about.arn} has {len(everywhere)}")
    compact = {place: number for number, place in enumerate(everywhere)}
    key = ("braket", "native", msgspec.msgpack.encode(about.capabilities), about.arn)
    try:
        passes = native.passes(key, level, lambda: target.native(about, compact))
        made = native.transpiled(plainly_named(circuit, operations.gates()), passes)
    except UsageError:
        raise
    except Exception as error:  # Qiskit raises what it likes
        raise UsageError(f"cannot be transpiled: {error}") from error
    layout = range(circuit.num_qubits) if made.layout is None else made.layout.final_index_layout(filter_ancillas=True)
    return Placed(_widened(made, everywhere), tuple(everywhere[place] for place in layout))


def _misfit(circuit: QuantumCircuit, about: About, *, verbatim: bool) -> str | None:
    """Why it does not fit as it is; None where it does."""
    words = gates.native(about) if verbatim else gates.words(about)
    there = set(target.places(about))
    for step in circuit.data:
        if step.name in ("barrier", "delay", "measure", "reset") and operations.is_qiskits(step.operation):
            continue  # which are refused when they are written, where they have to be
        places = tuple(circuit.find_bit(qubit).index for qubit in step.qubits)
        shown = f"has {step.name} on {' and '.join(map(str, places))}"
        if not there.issuperset(places):
            return f"{shown}, and {words.device} has no such qubit"
        if verbatim and not _is_native(step, about, words):
            return f"{shown}, which is no native gate of {words.device}"
        if not target.connected(about, step.name, places):
            return f"{shown}, between which {words.device} has no gate"
    return None


def _is_native(step: Any, about: About, words: Words) -> bool:
    if step.name == "global_phase" and step.is_standard_gate():  # which is no gate, but a number beside them
        return True
    if gates.is_ions(about):
        return ions.known(step.operation, gates.native_names(about))
    return step.name in words.names and bool(step.is_standard_gate())


def _widened(circuit: QuantumCircuit, places: list[int]) -> QuantumCircuit:
    from qiskit import QuantumCircuit, QuantumRegister

    made: QuantumCircuit = QuantumCircuit(
        QuantumRegister(max(places) + 1, "q"), name=circuit.name, metadata=circuit.metadata
    )
    made.add_bits(circuit.clbits)
    made.add_register(*circuit.cregs)
    for step in circuit.data:
        made.append(step.operation, [places[circuit.find_bit(qubit).index] for qubit in step.qubits], step.clbits)
    return made
