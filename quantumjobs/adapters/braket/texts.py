"""OpenQASM 3 in Braket's dialect, as the user gives it: sent as it is, and read no further than its results need.

The service judges the rest. What has an include, and OpenQASM 2, is not that dialect: no service gets to see an include.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from quantumjobs.abc import Circuit
from quantumjobs.circuits import qasm
from quantumjobs.circuits.load import originir, text_of
from quantumjobs.errors import UsageError

_MOST = 100_000
"""Qubits and bits of a register."""
_PARTS = re.compile(
    r"(?P<kept>\bpragma\b[^\r\n]*|@[^\W\d][^\r\n]*|\"[^\"\r\t\n]*\"|'[^'\r\t\n]*')|//[^\r\n]*|/\*.*?\*/", re.DOTALL
)
"""Comments, and what they do not begin in: the rest of a line that is a pragma or an annotation, and texts in quotes."""
_OTHERS = re.compile(r"\binclude\b|\bqreg\b|\bcreg\b|\A\s*OPENQASM\s+2\b", re.ASCII)
_PULSES = re.compile(r"\b(?:def)?cal(?:grammar)?\b", re.ASCII)
_PRAGMA = re.compile(r"#?[ \t]*\bpragma\b[^\r\n]*", re.ASCII)
_RESULT = re.compile(r"\bpragma[ \t]+braket[ \t]+result\b", re.ASCII)
_INPUT = re.compile(r"(?:\A|[;}\n])\s*input\s+[A-Za-z]\w*\s*(?:\[[^\];]*\])?\s*([^\W\d]\w*)\s*;")
_OPERAND = r"(?:\$\d{1,9}|[^\W\d]\w*\s*\[\s*\d{1,9}\s*\])"
_INSIDE = r"[^;{}\"()]*+"
_GATE = re.compile(
    rf"(?<=[;{{}}\n])\s*+(?:[^\W\d]\w*)\s*+(?:\({_INSIDE}(?:\({_INSIDE}\){_INSIDE})*+\))?\s*+"
    rf"({_OPERAND}(?:\s*,\s*{_OPERAND})*)\s*;"
)
"""A gate on single qubits, with what names them."""
_NAMED = re.compile(r"\$(\d{1,9})|([^\W\d]\w*)\s*\[\s*(\d{1,9})\s*\]")
_NO_GATES = frozenset({"measure", "return", "let", "barrier", "bit", "qubit", "output", "input", "reset", "delay"})

Qubit = tuple[str, int]
"""Register, or "$", and number."""


class Given(Struct, frozen=True):
    """A program, as far as it is understood."""

    text: str
    bits: tuple[str, int] | None
    """The one classical register that is measured into, and its size; None without one."""
    registers: dict[str, int]
    """Of qubits, in order."""
    used: tuple[int, ...]
    """Qubits that are in use, ascending, counted through all registers."""
    measured: tuple[int, ...] | None
    """The bit of each column; empty where nothing is measured. None: nobody here can tell, nor anything else."""
    physical: bool
    """Its qubits are a device's own."""
    measures: bool
    """Whether a measurement is written."""


def is_braket(text: str) -> bool:
    """OpenQASM 3 without includes, which goes to the service as it is."""
    bare = _bare(text)
    # What a pulse's block calls a comment is not for us to say.
    return not _OTHERS.search(bare) and not (_PULSES.search(bare) and re.search(r"\binclude\b", text))


def source(circuit: Circuit) -> str | None:
    """The text of an item that is OpenQASM in Braket's dialect; None for all else, which is for Qiskit to read.

    Raises `UsageError` where a file cannot be read, or is too large.
    """
    if circuit.form == "qasm" and originir(circuit) is None:
        text = circuit.body.decode()
    elif circuit.form == "path" and not os.fsdecode(circuit.body).lower().endswith((".qpy", ".originir")):
        text = text_of(os.fsdecode(circuit.body), circuit.label)
    else:
        return None
    if len(text) > qasm.MOST_BYTES:
        raise UsageError(f"{circuit.label or 'the text'}: larger than the limit of {qasm.MOST_BYTES:,} bytes")
    return text if _bare(text).strip() and is_braket(text) else None


def inputs_of(text: str) -> tuple[str, ...]:
    """Names of the variables that a program wants values for, in order."""
    found = _bare(text)
    names = []
    at = 0
    while one := _INPUT.search(found, at):
        names.append(one[1])
        at = one.end() - 1  # its semicolon begins the next one
    return tuple(names)


def has_results(text: str) -> bool:
    """Whether it asks for result types itself."""
    return _RESULT.search(_bare(text)) is not None


def read(text: str) -> Given:
    """What is measured into which bit."""
    bare = _bare(text)
    physical = re.search(r"\$\d", bare) is not None
    measures = re.search(r"\bmeasure\b", bare) is not None
    reading = _Reading()
    try:
        rest = _PRAGMA.sub("", reading.without_gates(f"\n{bare}"))
        reading.all(parsed(rest))
        return Given(text, reading.bits, reading.registers, reading.used(), reading.columns(), physical, measures)
    except _Unread:
        return Given(text, None, {}, (), None, physical, measures)


class _Unread(Exception):
    """Something that results depend on, and that is not understood."""


class _Reading:
    """Statement by statement, those that count."""

    def __init__(self) -> None:
        self.registers: dict[str, int] = {}
        self._classical: dict[str, int] = {}
        self._into: dict[tuple[str, int], Qubit] = {}
        self._alone: list[Qubit] = []  # measured into no bit
        self._named: set[Qubit] = set()

    @property
    def bits(self) -> tuple[str, int] | None:
        registers = {name for name, _ in self._into}
        if len(registers) > 1:  # which Braket does not take
            raise _Unread
        return next(((name, self._classical[name]) for name in registers), None)

    def columns(self) -> tuple[int, ...]:
        """Ascending bits; of what is measured into none a column each."""
        if self._into and self._alone:
            raise _Unread
        return tuple(sorted(at for _, at in self._into)) or tuple(range(len(self._alone)))

    def used(self) -> tuple[int, ...]:
        start, begins = 0, {"$": 0}
        for name, size in self.registers.items():
            begins[name], start = start, start + size
        everything = {*self._named, *self._alone, *self._into.values()}
        if any(name not in begins for name, _ in everything):
            raise _Unread
        return tuple(sorted(begins[name] + at for name, at in everything))

    def without_gates(self, bare: str) -> str:
        """The text without the statements of which there are most, for the parser, which takes its time."""

        def leave(one: re.Match[str]) -> str:
            if one[0].split(maxsplit=1)[0].partition("(")[0] in _NO_GATES:
                return one[0]
            self._named.update((name or "$", int(own or at)) for own, name, at in _NAMED.findall(one[1]))
            return "\n"

        return _GATE.sub(leave, bare)

    def all(self, body: Iterable[Any]) -> None:
        from openqasm3 import ast

        for one in body:
            match one:
                case ast.QubitDeclaration():
                    self.registers[one.qubit.name] = _size(one.size)
                case ast.ClassicalDeclaration() if isinstance(one.type, ast.BitType):
                    self._declare(one)
                case ast.QuantumMeasurementStatement():
                    self._measure(self._qubits(one.measure.qubit), one.target)
                case ast.QuantumGate() | ast.QuantumPhase() | ast.QuantumReset():
                    qubits = one.qubits if not isinstance(one, ast.QuantumReset) else [one.qubits]
                    for qubit in qubits:
                        self._named.update(self._qubits(qubit))
                case ast.Box():
                    self.all(one.body)
                case (
                    ast.QuantumBarrier()
                    | ast.DelayInstruction()
                    | ast.ClassicalDeclaration()
                    | ast.ConstantDeclaration()
                ):
                    pass
                case ast.IODeclaration() if one.io_identifier.name == "input":
                    pass
                case _:  # loops, conditions, definitions, aliases
                    raise _Unread

    def _declare(self, one: Any) -> None:
        from openqasm3 import ast

        self._classical[one.identifier.name] = _size(one.type.size)
        if isinstance(one.init_expression, ast.QuantumMeasurement):
            self._measure(self._qubits(one.init_expression.qubit), one.identifier)
        elif one.init_expression is not None:
            raise _Unread

    def _measure(self, qubits: Sequence[Qubit], target: Any) -> None:
        if target is None:
            self._alone += qubits
            return
        places = _chosen(target, self._classical)
        if len(places) != len(qubits) or not self._into.keys().isdisjoint(places):
            raise _Unread
        self._into |= dict(zip(places, qubits, strict=True))

    def _qubits(self, operand: Any) -> Sequence[Qubit]:
        name = getattr(operand.name, "name", operand.name)
        if name.startswith("$"):
            return [("$", int(name[1:]))]
        return _chosen(operand, self.registers)


def _chosen(operand: Any, sizes: dict[str, int]) -> list[tuple[str, int]]:
    """Places of a register: all, one, a set, or a range."""
    from openqasm3 import ast

    name = getattr(operand.name, "name", operand.name)
    if name not in sizes:
        raise _Unread
    size = sizes[name]
    if isinstance(operand, ast.Identifier):
        return [(name, at) for at in range(size)]
    if len(operand.indices) != 1:
        raise _Unread
    found: list[int] = []
    index = operand.indices[0]
    for one in index.values if isinstance(index, ast.DiscreteSet) else index:
        if isinstance(one, ast.RangeDefinition):
            first = 0 if one.start is None else _whole(one.start)
            last = size - 1 if one.end is None else _whole(one.end)
            by = 1 if one.step is None else _whole(one.step)
            if by < 1:
                raise _Unread
            found += range(first, last + 1, by)
        else:
            found.append(_whole(one))
    if any(at >= size for at in found):
        raise _Unread
    return [(name, at) for at in found]


def _size(size: Any) -> int:
    return 1 if size is None else _whole(size)


def _whole(value: Any) -> int:
    """A number that is written as one."""
    from openqasm3 import ast

    if not isinstance(value, ast.IntegerLiteral) or not 0 <= value.value <= _MOST:
        raise _Unread
    return int(value.value)


def parsed(text: str) -> list[Any]:
    """Statements, by the parser of OpenQASM 3 that Qiskit has, too."""
    import openqasm3

    if max((text.count(one) for one in "([{"), default=0) > _MOST:
        raise _Unread
    try:
        return list(openqasm3.parse(text).statements)
    except Exception as error:  # the parser's own, and what happens within it
        raise _Unread from error


@functools.lru_cache(maxsize=8)  # it is asked for several times of each program
def _bare(text: str) -> str:
    """Without comments; lines stay where they are."""
    return _PARTS.sub(lambda one: one["kept"] or " " + "\n" * one[0].count("\n"), text)
