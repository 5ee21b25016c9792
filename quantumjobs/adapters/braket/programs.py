"""Circuits as the service takes them: Braket's OpenQASM 3, and how to read what comes back. In a worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from quantumjobs.abc import Circuit
from quantumjobs.adapters.braket import gates, ions, openqasm, placing, pragmas, target, texts
from quantumjobs.adapters.braket.about import About
from quantumjobs.adapters.braket.openqasm import Statements
from quantumjobs.adapters.braket.texts import Given
from quantumjobs.circuits import native, operations
from quantumjobs.circuits.load import load
from quantumjobs.circuits.names import plainly_named
from quantumjobs.core import values
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

HEADER = "OPENQASM 3.0;"
_VIRTUAL, _PHYSICAL = "q[{}]", "${}"
_ORDERLY = 1
"""The highest level of Qiskit's transpiler that leaves every qubit's state where it was."""


class Program(Struct, frozen=True, kw_only=True):
    """One program, ready to be sent, and how to read what comes back."""

    name: str
    text: str
    """Braket's OpenQASM 3."""
    qubits: int
    """The highest qubit that is used, and one; at least 1."""
    clbits: int
    measured: tuple[int, ...] | None
    """See `plans.Plan.measured`."""
    registers: tuple[tuple[str, int], ...] = ()
    metadata: dict[str, Any] = {}
    given: bool = False
    """Its text is the user's own."""
    physical: bool = False
    """It names a device's own qubits, so that Braket is not to move them."""


class Wanted(Struct, frozen=True, kw_only=True):
    """What is asked of the circuits."""

    exact: bool
    """No shots: results are computed."""
    result_types: tuple[str, ...] = ()
    """Such as "expectation z(q[0])". With any of them nothing is measured: shots are of all qubits, in their order."""
    verbatim: bool = False
    """Circuits are in the device's native gates and places, or are brought there, and nobody changes them then."""
    physical: bool = False
    """Qubit i is the device's qubit i; gates are compiled."""
    transpile: bool = True
    level: int = 1


def programs(circuits: Sequence[Circuit], about: About, wanted: Wanted) -> Iterator[Program]:
    """The program of each circuit, in order. Raises `UsageError` naming the circuit and what to do."""
    pragmas.check(wanted.result_types, about, exact=wanted.exact)
    writing = _Writing(about, wanted)
    number = 0
    for given in circuits:
        text = texts.source(given)
        for circuit in load(given) if text is None else [texts.read(text)]:
            named = "the program" if isinstance(circuit, Given) else f"circuit {circuit.name!r}"
            try:
                yield writing.of_text(circuit) if isinstance(circuit, Given) else writing.of_circuit(circuit)
            except UsageError as error:
                raise UsageError(f"{given.label}: {named} {error}" if given.label else f"{named} {error}") from error
            number += 1
    if not number:
        raise UsageError("there is no circuit to run")


class _Writing:
    """Programs of one circuit after the other, for one device and one purpose."""

    def __init__(self, about: About, wanted: Wanted) -> None:
        self._about = about
        self._wanted = wanted
        self._words = gates.native(about) if wanted.verbatim else gates.words(about)
        if wanted.physical and gates.action(about).support_physical_qubits is False:
            raise UsageError(f"disable_qubit_rewiring=True: {self._words.device} has no qubits that can be named")
        self._physical = wanted.verbatim or wanted.physical
        self._at = _PHYSICAL if self._physical else _VIRTUAL

    # --- circuits -------------------------------------------------------------------------
    def of_circuit(self, circuit: QuantumCircuit) -> Program:
        if not circuit.num_qubits:
            raise UsageError("has no qubits")
        wanted = self._wanted
        ready, moved = circuit, None
        if self._physical:
            found = placing.placed(
                circuit, self._about, verbatim=wanted.verbatim, transpile=wanted.transpile, level=wanted.level
            )
            ready, moved = found.circuit, found.moved
        made = self._written(ready)
        if not wanted.result_types and not made.measured:
            raise UsageError("measures nothing: add circuit.measure_all()")
        width = self._width(ready, made)
        results = list(pragmas.lines(wanted.result_types, self._place(ready, moved), self._states(made, width)))
        plain = not results  # else outcomes, if there are any, are of all qubits that have a gate
        return Program(
            name=circuit.name,
            text=self._text(made, width, results),
            qubits=width,
            clbits=ready.num_clbits if plain else width,
            measured=tuple(made.measured) if plain else (),
            registers=tuple((register.name, register.size) for register in ready.cregs) if plain else (),
            metadata=values.plain_items(circuit.metadata),
            physical=self._physical,
        )

    def _written(self, circuit: QuantumCircuit) -> Statements:
        wanted = self._wanted
        if wanted.verbatim and gates.is_ions(self._about):
            return ions.statements(circuit, self._words, self._at, settle=bool(wanted.result_types))
        # In a verbatim box everything was brought to where it is.
        expand = wanted.transpile and not wanted.verbatim
        try:
            return openqasm.statements(circuit, self._words, expand=expand, places=self._at)
        except openqasm.Unknown as unknown:
            made = self._transpiled(circuit)
            try:
                return openqasm.statements(made, self._words, places=self._at)
            except openqasm.Unknown:
                raise UsageError(f"has {unknown}, which {self._words.device} does not have") from unknown

    def _transpiled(self, circuit: QuantumCircuit) -> QuantumCircuit:
        """What has no definition in the device's gates is Qiskit's transpiler's affair."""
        wanted = self._wanted
        still = wanted.result_types or self._physical
        level = min(wanted.level, _ORDERLY) if still else wanted.level
        key = ("braket", msgspec.msgpack.encode(self._about.capabilities), self._about.arn)
        try:
            passes = native.passes(key, level, lambda: target.target(self._about))
            return native.transpiled(plainly_named(circuit, operations.gates()), passes)
        except UsageError:
            raise
        except Exception as error:  # Qiskit raises what it likes
            raise UsageError(f"cannot be transpiled: {error}") from error

    def _width(self, circuit: QuantumCircuit, made: Statements) -> int:
        """How many qubits the program declares. For results every qubit has a gate: one without does not exist there."""
        if self._wanted.result_types and not self._physical and "id" in self._words.names:
            idle = self._words.names["id"]
            made.lines += [f"{idle} q[{one}];" for one in range(circuit.num_qubits) if one not in made.used]
            made.used.update(range(circuit.num_qubits))
        measured = () if self._wanted.result_types else made.measured.values()
        width = max(made.used | set(measured), default=0) + 1
        count = self._about.capabilities.paradigm.qubit_count
        if count is not None and not self._physical and width > count:
            raise UsageError(f"has {width} qubits; {self._words.device} has {count}")
        return width

    def _states(self, made: Statements, width: int) -> int:
        return len(made.used) if self._physical else width

    def _place(self, circuit: QuantumCircuit, moved: Sequence[int] | None) -> pragmas.Place:
        """Of a circuit that was moved, `q[i]` is its qubit i before; `$i` is always the device's."""

        def place(register: str, at: int) -> str:
            width = circuit.num_qubits if moved is None or register == "$" else len(moved)
            if register not in ("q", "$") or (register == "$" and not self._physical):
                shown = f"${at}" if register == "$" else f"{register}[{at}]"
                raise UsageError(f"has no qubit {shown}: result types call its qubits q[0] to q[{width - 1}]")
            if at >= width:
                raise UsageError(f"has {width} qubits; a result type names {_VIRTUAL.format(at)}")
            return self._at.format(at if moved is None or register == "$" else moved[at])

        return place

    def _text(self, made: Statements, width: int, results: list[str]) -> str:
        lines = [HEADER]
        if not results:
            lines.append(f"bit[{len(made.measured)}] b;")
        if not self._physical:
            lines.append(f"qubit[{width}] q;")
        if self._wanted.verbatim:
            lines += ["#pragma braket verbatim", "box{", *made.lines, "}"]
        else:
            lines += made.lines
            if self._words.phase and pragmas.has_phase(self._wanted.result_types):
                lines += openqasm.phase(made.phase)
        lines += results or openqasm.measurements(made, self._at)
        return "\n".join([*lines, ""])

    # --- texts ----------------------------------------------------------------------------
    def of_text(self, given: Given) -> Program:
        """As it is, but for result types that are asked for beside it."""
        wanted = self._wanted
        if wanted.verbatim:
            raise UsageError(
                "is OpenQASM text, which is sent as it is: write the verbatim box there, or leave out verbatim=True"
            )
        text = given.text
        if wanted.result_types:
            if given.measures:
                raise UsageError("measures, and result types are in place of that: leave out one of them")
            text = "\n".join([text.rstrip("\n"), *pragmas.lines(wanted.result_types, _named_in(given), None), ""])
        elif wanted.exact and not texts.has_results(text):
            raise UsageError("asks for no results, and shots=0 has nothing else: give result_types=['state_vector']")
        registers = (given.bits,) if given.bits is not None and given.measured else ()
        return Program(
            name="program",
            text=text,
            qubits=max((at + 1 for at in given.used), default=1),
            clbits=registers[0][1] if registers else len(given.measured or ()),
            measured=given.measured,
            registers=registers,
            given=True,
            physical=given.physical,
        )


def _named_in(given: Given) -> pragmas.Place:
    """Qubits stay as they are written, and have to be there, as far as that is known."""

    def place(register: str, at: int) -> str:
        if register == "$":
            return _PHYSICAL.format(at)
        size = given.registers.get(register, 0)
        if given.registers and at >= size:
            raise UsageError(f"has no qubit {register}[{at}]: {register} has {size}")
        return f"{register}[{at}]"

    return place
