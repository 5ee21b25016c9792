"""OriginIR as OriginQ's cloud takes it: a parser of the emulator's own.

What pyqpanda3's reader refuses is refused, and what it takes is taken, with exceptions: conditions and loops, several
statements on a line, indices beyond the registers, and a qubit that is named twice are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators.arithmetic import evaluate
from quantumjobs.testing.emulators.originir_lines import Line, count, end, lines, listed, operands

GATES = {
    **dict.fromkeys(["H", "X", "Y", "Z", "S", "T", "I", "X1", "Y1", "Z1", "ECHO"], (1, 0)),
    **dict.fromkeys(["RX", "RY", "RZ", "U1", "P"], (1, 1)),
    **dict.fromkeys(["RPHI", "RPhi", "U2"], (1, 2)),
    "U3": (1, 3),
    "U4": (1, 4),
    **dict.fromkeys(["CNOT", "CZ", "SWAP", "ISWAP", "SQISWAP"], (2, 0)),
    **dict.fromkeys(["CR", "CP", "CRX", "CRY", "CRZ", "RXX", "RYY", "RZZ", "RZX"], (2, 1)),
    "CU": (2, 4),
    "TOFFOLI": (3, 0),
}
"""How many qubits and angles a statement has."""
MOST_STEPS = 200_000
"""Statements of a program, definitions taken apart."""
MOST_QUBITS = 10_000
_MOST_BITS = 1_000_000
_DEEPEST = 64
_PLAIN = {**GATES, "BARRIER": (1, 0), "RESET": (1, 0)}
"""What is written like a gate. Those on one qubit may name several of them, one after the other, or `q`: every one."""
_CONTROL_FLOW = frozenset({"QIF", "QELSE", "QELSEIF", "QENDIF", "QWHILE", "QENDWHILE"})
_QUBIT = re.compile(r"q\s*\[\s*(\d{1,6})\s*\]", re.ASCII)
_BIT = re.compile(r"c\s*\[\s*(\d{1,6})\s*\]", re.ASCII)
_NAME = re.compile(r"(?![qc]$)[A-Za-z_]\w*", re.ASCII)


class Step(Struct, frozen=True, array_like=True):
    """One statement, out of all blocks and definitions."""

    name: str
    qubits: tuple[int, ...]
    angles: tuple[float, ...] = ()
    controls: tuple[int, ...] = ()
    dagger: bool = False
    clbit: int = -1
    """Of a MEASURE."""


class Program(Struct, frozen=True):
    """A whole program."""

    qubits: int
    clbits: int
    steps: tuple[Step, ...]

    @property
    def measured(self) -> tuple[tuple[int, int], ...]:
        """(qubit, bit), in the order of the text."""
        return tuple((one.qubits[0], one.clbit) for one in self.steps if one.name == "MEASURE")


class _Definition(Struct, frozen=True):
    qubits: tuple[str, ...]
    angles: tuple[str, ...]
    body: list[Line]


class _Frame(Struct, frozen=True):
    """What a statement stands in."""

    depth: int = 0
    controls: tuple[int, ...] = ()
    dagger: bool = False
    block: str = ""
    """The innermost one's word."""
    qubits: Mapping[str, int] | None = None
    """What names stand for inside a definition; None outside."""
    angles: Mapping[str, float] = {}


def parse(text: str) -> Program:
    """A program. Raises `UsageError` that names the line and what is wrong with it."""
    return _Reader().program(list(lines(text)))


class _Reader:
    def __init__(self) -> None:
        self._qubits = 0
        self._clbits = 0
        self._definitions: dict[str, _Definition] = {}
        self._made = 0

    def program(self, given: list[Line]) -> Program:
        if not given or given[0].word != "QINIT":
            raise UsageError("line 1: a program begins with QINIT")
        self._qubits = count(given[0], MOST_QUBITS)
        rest = given[1:]
        if rest and rest[0].word == "CREG":
            self._clbits = count(rest[0], _MOST_BITS)
            rest = rest[1:]
        steps = tuple(self._block(rest, _Frame()))
        if not steps:
            raise UsageError("the program has no statement")
        return Program(self._qubits, self._clbits, steps)

    # --- blocks -----------------------------------------------------------------------------
    def _block(self, given: Sequence[Line], frame: _Frame) -> list[Step]:
        steps: list[Step] = []
        at = 0
        while at < len(given):
            line = given[at]
            if line.word in ("DAGGER", "CONTROL", "QGATE"):
                last = end(given, at)
                body = given[at + 1 : last]
                if line.word == "QGATE":
                    self._define(line, body, frame)
                else:
                    steps += self._inside(line, body, frame)
                at = last + 1
            else:
                made = self._statement(line, frame)
                self._made += 1 if line.word in self._definitions else len(made)  # whose statements are counted
                steps += made
                at += 1
            if self._made > MOST_STEPS:
                raise line.error(f"more than {MOST_STEPS} statements")
        return steps

    def _inside(self, line: Line, body: Sequence[Line], frame: _Frame) -> list[Step]:
        deeper = replace(frame, depth=frame.depth + 1, block=line.word)
        if deeper.depth > _DEEPEST:
            raise line.error("blocks are nested too deeply")
        if line.word == "DAGGER":
            if line.rest:
                raise line.error("DAGGER stands alone")
            return self._block(body, replace(deeper, dagger=not frame.dagger))[::-1]
        controls = (*frame.controls, *(self._qubit(one, line) for one in listed(line.rest)))
        if controls == frame.controls:
            raise line.error("CONTROL names no qubit")
        if len(set(controls)) < len(controls):
            raise line.error("a qubit controls twice")
        return self._block(body, replace(deeper, controls=controls))

    def _define(self, line: Line, body: Sequence[Line], frame: _Frame) -> None:
        name, _, rest = line.rest.partition(" ")
        qubits, angles = operands(replace(line, rest=rest))
        if frame.block or not qubits or not all(map(_NAME.fullmatch, (name, *qubits, *angles))):
            raise line.error("write QGATE name a,b or QGATE name a,b,(x), and outside of blocks")
        if name in GATES or len({*qubits, *angles}) < len(qubits) + len(angles):
            raise line.error(f"{name} is a gate already, or names something twice")
        for one in body:
            if one.word not in GATES and one.word not in self._definitions:
                raise one.error(f"{one.word} is no gate that is defined before; nothing else is in a definition")
        self._definitions[name] = _Definition(tuple(qubits), tuple(angles), list(body))

    # --- statements -------------------------------------------------------------------------
    def _statement(self, line: Line, frame: _Frame) -> list[Step]:
        if line.word in _CONTROL_FLOW:
            raise line.error(f"{line.word}: conditions and loops are not run")
        if line.word == "MEASURE":
            return self._measure(line, frame)
        definition = self._definitions.get(line.word)
        if definition is None and line.word not in _PLAIN:
            raise line.error(f"{line.word} is no statement of OriginIR")
        wide, wanted = _PLAIN.get(line.word, (0, 0))
        named, written = operands(line)
        every = named == ["q"] and wide == 1 and frame.qubits is None
        qubits = self._places([f"q[{at}]" for at in range(self._qubits)] if every else named, line, frame)
        angles = tuple(evaluate(one, frame.angles, line.number) for one in written)
        if definition is not None:
            return self._defined(line, definition, qubits, angles, frame)
        if line.word == "ECHO" and len(angles) == 1:  # as pyqpanda3 writes it
            angles = ()
        several = every or ((wide, wanted) == (1, 0) and frame.qubits is None)
        _check_operands(line, qubits[:1] if several else qubits, angles, (wide, wanted))
        if line.word == "BARRIER":
            return [Step("BARRIER", qubits)]
        if line.word == "RESET" and frame.block:
            raise line.error(f"a {frame.block} block has a RESET")
        targets = [(one,) for one in qubits] if several else [qubits]
        return [Step(line.word, target, angles, frame.controls, frame.dagger) for target in targets]

    def _defined(
        self, line: Line, definition: _Definition, qubits: tuple[int, ...], angles: tuple[float, ...], frame: _Frame
    ) -> list[Step]:
        _check_operands(line, qubits, angles, (len(definition.qubits), len(definition.angles)))
        if frame.depth >= _DEEPEST:
            raise line.error("definitions are nested too deeply")
        names = dict(zip(definition.qubits, qubits, strict=True))
        values = dict(zip(definition.angles, angles, strict=True))
        return self._block(definition.body, replace(frame, depth=frame.depth + 1, qubits=names, angles=values))

    def _measure(self, line: Line, frame: _Frame) -> list[Step]:
        if frame.block:
            raise line.error(f"a {frame.block} block has a MEASURE")
        named = listed(line.rest)
        if named == ["q", "c"]:
            if self._qubits > self._clbits:
                raise line.error(f"{self._qubits} qubits are measured into {self._clbits} bits")
            return [Step("MEASURE", (at,), clbit=at) for at in range(self._qubits)]
        found = _BIT.fullmatch(named[1]) if len(named) == 2 else None
        if found is None:
            raise line.error("write MEASURE q[i],c[j]")
        if int(found[1]) >= self._clbits:
            raise line.error(f"there is no c[{found[1]}]")
        return [Step("MEASURE", (self._qubit(named[0], line),), clbit=int(found[1]))]

    def _places(self, named: Sequence[str], line: Line, frame: _Frame) -> tuple[int, ...]:
        """The qubits, which are neither named twice nor controls."""
        if frame.qubits is not None:
            missing = next((one for one in named if one not in frame.qubits), None)
            if missing is not None:
                raise line.error(f"{missing!r} is no qubit of the definition")
            qubits = tuple(frame.qubits[one] for one in named)
        else:
            qubits = tuple(self._qubit(one, line) for one in named)
        if len(set(qubits)) < len(qubits):
            raise line.error(f"{line.word} names a qubit twice")
        if not set(qubits).isdisjoint(frame.controls):
            raise line.error("a qubit controls itself")
        return qubits

    def _qubit(self, text: str, line: Line) -> int:
        found = _QUBIT.fullmatch(text)
        if found is None:
            raise line.error(f"{text[:20]!r} is no qubit; write q[0]")
        if int(found[1]) >= self._qubits:
            raise line.error(f"there is no q[{found[1]}]")
        return int(found[1])


def _check_operands(line: Line, qubits: Sequence[int], angles: Sequence[float], wanted: tuple[int, int]) -> None:
    if (len(qubits), len(angles)) != wanted:
        raise line.error(f"{line.word} takes {wanted[0]} qubits and {wanted[1]} angles")
