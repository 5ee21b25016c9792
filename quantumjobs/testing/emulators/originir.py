"""OriginIR as OriginQ's cloud takes it: a parser of the emulator's own. Runs in a worker.

What pyqpanda3's reader takes is taken, and what it refuses is refused; conditions and loops are refused, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators.arithmetic import evaluate

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
_DEEPEST = 64
_CONTROL_FLOW = frozenset({"QIF", "QELSE", "QELSEIF", "QENDIF", "QWHILE", "QENDWHILE"})
_STATEMENT = re.compile(r"([A-Za-z_]\w*)\s*(.*)", re.ASCII | re.DOTALL)
_OPERANDS = re.compile(r"([^()]*?)\s*(?:,\s*\((.*)\))?\s*", re.DOTALL)
_QUBIT = re.compile(r"q\s*\[\s*(\d{1,6})\s*\]", re.ASCII)
_BIT = re.compile(r"c\s*\[\s*(\d{1,6})\s*\]", re.ASCII)
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


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


class _Line(Struct, frozen=True):
    number: int
    word: str
    rest: str


class _Definition(Struct, frozen=True):
    qubits: tuple[str, ...]
    angles: tuple[str, ...]
    body: list[_Line]


class _Frame(Struct):
    """What names stand for inside a definition; nothing, outside."""

    qubits: dict[str, int] | None = None
    angles: dict[str, float] = {}
    depth: int = 0


def parse(text: str) -> Program:
    """A program. Raises `UsageError` that names the line and what is wrong with it."""
    return _Reader().program(list(_lines(text)))


def _lines(text: str) -> Iterator[_Line]:
    for number, whole in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        line = whole.partition("//")[0].strip()
        if not line:
            continue
        found = _STATEMENT.fullmatch(line)
        if found is None:
            raise UsageError(f"line {number}: {line[:40]!r} is no statement of OriginIR")
        yield _Line(number, found[1], found[2])


class _Reader:
    def __init__(self) -> None:
        self._qubits = 0
        self._clbits = 0
        self._definitions: dict[str, _Definition] = {}
        self._made = 0

    def program(self, lines: list[_Line]) -> Program:
        if not lines or lines[0].word != "QINIT":
            raise UsageError("line 1: a program begins with QINIT")
        self._qubits = _count(lines[0], MOST_QUBITS)
        rest = lines[1:]
        if rest and rest[0].word == "CREG":
            self._clbits = _count(rest[0], 1_000_000)
            rest = rest[1:]
        steps = tuple(self._block(rest, _Frame()))
        if not steps:
            raise UsageError("the program has no statement")
        return Program(self._qubits, self._clbits, steps)

    # --- blocks -----------------------------------------------------------------------------
    def _block(self, lines: Sequence[_Line], frame: _Frame) -> list[Step]:
        steps: list[Step] = []
        at = 0
        while at < len(lines):
            line = lines[at]
            if line.word in ("DAGGER", "CONTROL", "QGATE"):
                end = _end(lines, at)
                body = lines[at + 1 : end]
                if line.word == "QGATE":
                    self._define(line, list(body), frame)
                else:
                    steps += self._inside(line, body, frame)
                at = end + 1
                continue
            steps += self._statement(line, frame)
            at += 1
            if len(steps) > MOST_STEPS or self._made > MOST_STEPS:
                raise UsageError(f"line {line.number}: more than {MOST_STEPS} statements")
        return steps

    def _inside(self, line: _Line, body: Sequence[_Line], frame: _Frame) -> list[Step]:
        deeper = _Frame(frame.qubits, frame.angles, frame.depth + 1)
        if deeper.depth > _DEEPEST:
            raise UsageError(f"line {line.number}: blocks are nested too deeply")
        inner = self._block(body, deeper)
        wrong = next((one.name for one in inner if one.name in ("MEASURE", "RESET")), None)
        if wrong is not None:
            raise UsageError(f"line {line.number}: a {line.word} block has a {wrong}")
        if line.word == "DAGGER":
            if line.rest:
                raise UsageError(f"line {line.number}: DAGGER stands alone")
            return [_changed(one, one.controls, not one.dagger) for one in reversed(inner)]
        controls = tuple(self._qubit(one, line, frame) for one in _listed(line.rest))
        if not controls:
            raise UsageError(f"line {line.number}: CONTROL names no qubit")
        for one in inner:
            if one.name != "BARRIER" and not set(controls).isdisjoint((*one.qubits, *one.controls)):
                raise UsageError(f"line {line.number}: a qubit controls itself")
        return [
            one if one.name == "BARRIER" else _changed(one, (*controls, *one.controls), one.dagger) for one in inner
        ]

    def _define(self, line: _Line, body: list[_Line], frame: _Frame) -> None:
        name, _, rest = line.rest.partition(" ")
        found = _OPERANDS.fullmatch(rest.strip())
        qubits = tuple(_listed(found[1])) if found is not None else ()
        angles = tuple(_listed(found[2] or "")) if found is not None else ()
        if frame.qubits is not None or not qubits or not all(map(_NAME.fullmatch, (name, *qubits, *angles))):
            raise UsageError(f"line {line.number}: write QGATE name a,b or QGATE name a,b,(x)")
        if name in GATES:
            raise UsageError(f"line {line.number}: {name} is a gate already")
        self._definitions[name] = _Definition(qubits, angles, body)

    # --- statements -------------------------------------------------------------------------
    def _statement(self, line: _Line, frame: _Frame) -> list[Step]:
        self._made += 1
        if line.word in _CONTROL_FLOW:
            raise UsageError(f"line {line.number}: {line.word}: conditions and loops are not run")
        if line.word == "MEASURE":
            return self._measure(line, frame)
        found = _OPERANDS.fullmatch(line.rest)
        if found is None:
            raise UsageError(f"line {line.number}: {line.rest[:40]!r} are no operands")
        if line.word in ("BARRIER", "RESET"):
            return self._without_angles(line, found, frame)
        qubits = tuple(self._qubit(one, line, frame) for one in _listed(found[1]))
        angles = tuple(evaluate(one, frame.angles, line.number) for one in _listed(found[2] or ""))
        if len(set(qubits)) < len(qubits):
            raise UsageError(f"line {line.number}: {line.word} names a qubit twice")
        definition = self._definitions.get(line.word)
        if definition is not None:
            return self._defined(line, definition, qubits, angles, frame)
        if line.word not in GATES:
            raise UsageError(f"line {line.number}: {line.word} is no statement of OriginIR")
        wanted = GATES[line.word]
        if wanted == (1, 0) and len(qubits) > 1 and not angles:  # one after the other
            return [Step(line.word, (qubit,)) for qubit in qubits]
        if line.word == "ECHO" and len(angles) == 1:  # as pyqpanda3 writes it
            angles = ()
        _check_operands(line, qubits, angles, wanted)
        return [Step(line.word, qubits, angles)]

    def _without_angles(self, line: _Line, found: re.Match[str], frame: _Frame) -> list[Step]:
        every = found[1].strip() == "q" and frame.qubits is None
        listed = [f"q[{at}]" for at in range(self._qubits)] if every else _listed(found[1])
        qubits = tuple(self._qubit(one, line, frame) for one in listed)
        if not qubits or found[2] is not None or (line.word == "RESET" and len(qubits) > 1 and not every):
            raise UsageError(f"line {line.number}: write {line.word} q[0] or {line.word} q")
        return [Step("BARRIER", qubits)] if line.word == "BARRIER" else [Step("RESET", (one,)) for one in qubits]

    def _defined(
        self, line: _Line, definition: _Definition, qubits: tuple[int, ...], angles: tuple[float, ...], frame: _Frame
    ) -> list[Step]:
        _check_operands(line, qubits, angles, (len(definition.qubits), len(definition.angles)))
        if frame.depth >= _DEEPEST:
            raise UsageError(f"line {line.number}: definitions are nested too deeply")
        names = dict(zip(definition.qubits, qubits, strict=True))
        values = dict(zip(definition.angles, angles, strict=True))
        return self._block(definition.body, _Frame(names, values, frame.depth + 1))

    def _measure(self, line: _Line, frame: _Frame) -> list[Step]:
        if re.fullmatch(r"q\s*,\s*c", line.rest):
            if self._qubits > self._clbits:
                raise UsageError(f"line {line.number}: {self._qubits} qubits are measured into {self._clbits} bits")
            return [Step("MEASURE", (at,), clbit=at) for at in range(self._qubits)]
        first, _, second = line.rest.partition(",")
        found = _BIT.fullmatch(second.strip())
        if found is None or frame.qubits is not None:
            raise UsageError(f"line {line.number}: write MEASURE q[i],c[j]")
        if int(found[1]) >= self._clbits:
            raise UsageError(f"line {line.number}: there is no c[{found[1]}]")
        return [Step("MEASURE", (self._qubit(first, line, frame),), clbit=int(found[1]))]

    def _qubit(self, text: str, line: _Line, frame: _Frame) -> int:
        if frame.qubits is not None:
            if text.strip() not in frame.qubits:
                raise UsageError(f"line {line.number}: {text.strip()!r} is no qubit of the definition")
            return frame.qubits[text.strip()]
        found = _QUBIT.fullmatch(text.strip())
        if found is None:
            raise UsageError(f"line {line.number}: {text.strip()[:20]!r} is no qubit; write q[0]")
        if int(found[1]) >= self._qubits:
            raise UsageError(f"line {line.number}: there is no q[{found[1]}]")
        return int(found[1])


def _check_operands(line: _Line, qubits: Sequence[int], angles: Sequence[float], wanted: tuple[int, int]) -> None:
    if (len(qubits), len(angles)) != wanted:
        raise UsageError(f"line {line.number}: {line.word} takes {wanted[0]} qubits and {wanted[1]} angles")


def _changed(one: Step, controls: tuple[int, ...], dagger: bool) -> Step:
    return Step(one.name, one.qubits, one.angles, controls, dagger, one.clbit)


def _end(lines: Sequence[_Line], begin: int) -> int:
    """Where the block ends that begins there."""
    word = lines[begin].word
    depth = 0
    for at in range(begin, len(lines)):
        depth += (lines[at].word == word) - (lines[at].word == f"END{word}")
        if depth == 0:
            return at
    raise UsageError(f"line {lines[begin].number}: {word} without END{word}")


def _count(line: _Line, most: int) -> int:
    if not line.rest.isascii() or not line.rest.isdecimal() or int(line.rest[:9]) > most:
        raise UsageError(f"line {line.number}: {line.word} needs a number up to {most}")
    return int(line.rest)


def _listed(text: str) -> list[str]:
    """Separated by commas that stand in no parentheses."""
    found, depth, begin = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            found.append(text[begin:at])
            begin = at + 1
    last = text[begin:]
    return [*found, last] if found or last.strip() else []
