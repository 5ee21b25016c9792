"""Braket's dialect of OpenQASM 3, read into steps: one register of bits, gates by name, and what pragmas ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import braket_angles, braket_pragmas, braket_registers
from quantumjobs.testing.emulators.braket_pragmas import Result

LONGEST = 1 << 22
"""Characters of a program."""


class Step(Struct, frozen=True):
    """A gate, a matrix, or a channel on qubits, of which the first is the most significant one in matrices."""

    name: str
    qubits: tuple[int, ...] = ()
    angles: tuple[float, ...] = ()
    modifiers: tuple[tuple[str, float], ...] = ()
    """The outermost first: ("ctrl", 1), ("negctrl", 2), ("inv", 0), ("pow", 0.5)."""
    matrices: tuple[braket_pragmas.Matrix, ...] = ()
    """Of "unitary" one; of "kraus" several."""
    is_noise: bool = False
    verbatim: bool = False


class Program(Struct, frozen=True):
    """What is run."""

    width: int
    """Of the register of qubits; 0 where there is none."""
    physical: bool
    steps: tuple[Step, ...]
    measured: tuple[tuple[int, int], ...]
    """Bits in ascending order, with the qubit that was measured into each."""
    results: tuple[Result, ...]

    @property
    def used(self) -> list[int]:
        """Qubits that something is done to, ascending."""
        found = {qubit for step in self.steps for qubit in step.qubits}
        return sorted(found | {qubit for _, qubit in self.measured} | {q for one in self.results for q in one.qubits})


def parse(text: str, inputs: Mapping[str, Any]) -> Program:
    """Raises `UsageError` for what is no program, or not of the dialect."""
    import openqasm3

    if len(text) > LONGEST:
        raise UsageError(f"the program is longer than {LONGEST} characters")
    try:
        tree = openqasm3.parse(text)
    except Exception as error:  # the parser has exceptions of its own, and of ANTLR, and lets others through
        raise UsageError(f"the program is no OpenQASM 3: {str(error)[:300] or type(error).__name__}") from error
    if tree.version is not None and not tree.version.startswith("3"):
        raise UsageError(f"OPENQASM {tree.version}: 3 is supported")
    reader = _Reader(inputs)
    reader.read(tree.statements)
    return reader.program()


class _Reader:
    """Goes through the statements once."""

    def __init__(self, inputs: Mapping[str, Any]) -> None:
        self._inputs = inputs
        self._names: dict[str, float] = {}
        self._register = ""
        self._width = 0
        self._bits: tuple[str, int] | None = None
        self._physical = False
        self._steps: list[Step] = []
        self._into: dict[int, int] = {}
        self._assigned: bool | None = None
        self._measured: set[int] = set()
        self._results: list[Result] = []

    def program(self) -> Program:
        if not (self._width or self._physical):
            raise UsageError("the program has no qubits")
        return Program(
            self._width, self._physical, tuple(self._steps), tuple(sorted(self._into.items())), tuple(self._results)
        )

    def read(self, statements: Sequence[Any], *, verbatim: bool = False, inside: bool = False) -> None:
        from openqasm3 import ast

        boxed = False  # the pragma before this statement makes it a verbatim box
        for one in statements:
            if boxed and not isinstance(one, ast.Box):
                raise UsageError("after the pragma 'verbatim' comes a box")
            if isinstance(one, ast.Pragma):
                boxed = self._pragma(one.command)
            elif isinstance(one, ast.Box):
                self._box(one, verbatim=boxed, inside=inside)
                boxed = False
            else:
                self._statement(one, verbatim, inside)
        if boxed:
            raise UsageError("after the pragma 'verbatim' comes a box")

    def _box(self, one: Any, *, verbatim: bool, inside: bool) -> None:
        if one.duration is not None or inside:
            raise UsageError("a box has no duration and is in no other box")
        self.read(one.body, verbatim=verbatim, inside=True)

    def _statement(self, one: Any, verbatim: bool, inside: bool) -> None:
        from openqasm3 import ast

        if one.annotations:
            raise UsageError("annotations are not supported")
        match one:
            case ast.QuantumGate() | ast.QuantumPhase():
                self._gate(one, verbatim)
            case ast.QuantumMeasurementStatement():
                self._measure(one)
            case ast.QuantumBarrier():
                for qubit in one.qubits:
                    self._qubits(qubit)
            case _ if inside:
                raise UsageError(f"{type(one).__name__} is not supported in a box")
            case _:
                self._declare(one)

    # --- declarations -------------------------------------------------------------------------
    def _declare(self, one: Any) -> None:
        from openqasm3 import ast

        match one:
            case ast.QubitDeclaration():
                if self._register:
                    raise UsageError("more than one register of qubits is not supported")
                self._fresh(one.qubit.name)
                self._register, self._width = one.qubit.name, self._size(one.size)
            case ast.ClassicalDeclaration() if isinstance(one.type, ast.BitType) and one.init_expression is None:
                if self._bits is not None:
                    raise UsageError("more than one register of bits is not supported")
                self._fresh(one.identifier.name)
                self._bits = (one.identifier.name, self._size(one.type.size))
            case ast.IODeclaration() if one.io_identifier.name == "input":
                self._input(one)
            case ast.Include():
                raise UsageError("include is not supported; gates are there without it")
            case ast.QuantumGateDefinition():
                raise UsageError("definitions of gates are not supported on this device")
            case _:
                raise UsageError(f"{type(one).__name__} is not supported")

    def _fresh(self, name: str) -> None:
        if name == self._register or name in self._names or (self._bits is not None and name == self._bits[0]):
            raise UsageError(f"{name} is declared twice")

    def _size(self, size: Any) -> int:
        found = 1 if size is None else braket_registers.index(size)
        if found < 1:
            raise UsageError("a register has a size of 1 or more")
        return found

    def _input(self, one: Any) -> None:
        from openqasm3 import ast

        name = one.identifier.name
        self._fresh(name)
        if not isinstance(one.type, ast.FloatType | ast.IntType | ast.UintType | ast.AngleType):
            raise UsageError(f"input {name}: only numbers are supported")
        if name not in self._inputs:
            raise UsageError(f"Missing input variable '{name}'.")
        value = self._inputs[name]
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f"input {name} is a number, and not {str(value)[:40]!r}")
        self._names[name] = value

    # --- gates --------------------------------------------------------------------------------
    def _gate(self, one: Any, verbatim: bool) -> None:
        from openqasm3 import ast

        is_phase = isinstance(one, ast.QuantumPhase)
        if getattr(one, "duration", None) is not None:
            raise UsageError("gates with a duration are not supported")
        given = [one.argument] if is_phase else one.arguments
        angles = tuple(braket_angles.value(argument, self._names) for argument in given)
        modifiers = tuple(self._modifier(modifier) for modifier in one.modifiers)
        name = "gphase" if is_phase else one.name.name
        for qubits in braket_registers.together([self._qubits(qubit) for qubit in one.qubits]):
            self._do(Step(name, qubits, angles, modifiers, verbatim=verbatim))

    def _do(self, step: Step) -> None:
        if len(set(step.qubits)) < len(step.qubits):
            raise UsageError(f"{step.name}: a qubit is named twice")
        if not self._measured.isdisjoint(step.qubits):
            raise UsageError(f"{step.name}: a qubit is used after it was measured, which is not supported")
        self._steps.append(step)

    def _modifier(self, modifier: Any) -> tuple[str, float]:
        kind = modifier.modifier.name
        if kind == "inv":
            return kind, 0.0
        if kind == "pow":
            return kind, braket_angles.value(modifier.argument, self._names)
        number = 1 if modifier.argument is None else braket_registers.index(modifier.argument)
        if number < 1:
            raise UsageError(f"{kind}({number}): at least one control is needed")
        return kind, float(number)

    # --- measurements -------------------------------------------------------------------------
    def _measure(self, one: Any) -> None:
        qubits = self._qubits(one.measure.qubit)
        if self._assigned not in (None, one.target is not None):
            raise UsageError("measurements with a bit and without one do not go together")
        self._assigned = one.target is not None
        if one.target is None:
            bits: Sequence[int] = range(len(self._into), len(self._into) + len(qubits))
        else:
            bits = self._targets(one.target)
        if len(bits) != len(qubits):
            raise UsageError(f"{len(qubits)} qubits are measured into {len(bits)} bits")
        self._into |= dict(zip(bits, qubits, strict=True))
        self._measured |= set(qubits)

    def _targets(self, target: Any) -> list[int]:
        name = getattr(target.name, "name", target.name)
        if self._bits is None or name != self._bits[0]:
            raise UsageError(f"there are no bits {name}")
        return braket_registers.chosen(target, self._bits[1])

    # --- qubits -------------------------------------------------------------------------------
    def _qubits(self, one: Any) -> list[int]:
        name = getattr(one.name, "name", one.name)
        if name.startswith("$"):
            if self._register:
                raise UsageError(f"{name}: physical qubits and a register of qubits do not go together")
            self._physical = True
            return [int(name[1:])]
        if not self._register or name != self._register:
            raise UsageError(f"there are no qubits {name}")
        return braket_registers.chosen(one, self._width)

    # --- pragmas ------------------------------------------------------------------------------
    def _pragma(self, command: str) -> bool:
        """True where the next statement is a verbatim box."""
        name, _, rest = command.strip().partition(" ")
        kind, _, rest = rest.strip().partition(" ")
        if name != "braket":
            raise UsageError(f"pragma {name} is not supported")
        if kind == "verbatim" and not rest.strip():
            return True
        if kind == "result":
            self._results.append(braket_pragmas.result(rest, self._named))
        elif kind == "noise":
            made, angles, matrices, qubits = braket_pragmas.noise(rest, self._named)
            self._do(Step(made, tuple(qubits), angles, (), matrices, is_noise=True))
        elif kind.startswith("unitary"):
            matrix, qubits = braket_pragmas.unitary(command.strip()[len("braket ") :], self._named)
            self._do(Step("unitary", tuple(qubits), (), (), (matrix,)))
        else:
            raise UsageError(f"pragma 'braket {kind}' is not supported")
        return False

    def _named(self, text: str) -> list[int]:
        """The qubits that a pragma names."""
        import openqasm3
        from openqasm3 import ast

        try:
            (parsed,) = openqasm3.parse(f"barrier {text};").statements
        except Exception as error:  # as in `parse`
            raise UsageError(f"{text[:40]!r} names no qubits") from error
        if not isinstance(parsed, ast.QuantumBarrier):
            raise UsageError(f"{text[:40]!r} names no qubits")
        return [qubit for one in parsed.qubits for qubit in self._qubits(one)]
