"""OpenQASM text to circuits. Runs in a worker.

Nothing a program says makes us read a file: only the standard includes exist. Sizes are checked before anything of
that size is made.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

MOST_BYTES = 64 << 20
MOST_BITS = 1_000_000
_DEEPEST = 2_000  # brackets within brackets: parsers recurse, and compiled ones crash when they run out of stack

_HEADER = re.compile(r"\s*OPENQASM\s+(\d+)(?:\.\d+)?\s*;")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_INCLUDE = re.compile(r"\binclude\s*\"([^\"]*)\"|\binclude\s*'([^']*)'")
_SIZE = re.compile(r"\b(?:qreg|creg)\s+\w+\s*\[\s*(\d+)\s*\]|\b(?:qubit|bit)\s*\[\s*([\d_]+)\s*\]")
_STANDARD = {2: "qelib1.inc", 3: "stdgates.inc"}
_WHERE = (
    re.compile(r"<input>:(?P<line>\d+),(?P<column>\d+): (?P<text>.*)", re.DOTALL),  # Qiskit's OpenQASM 2 parser
    re.compile(r"L(?P<line>\d+):C(?P<column>\d+): (?P<text>.*)", re.DOTALL),  # openqasm3's parser
    re.compile(r"(?P<line>\d+),(?P<column>\d+): (?P<text>.*)", re.DOTALL),  # its conversion to a circuit
)


def parse(text: str, label: str) -> QuantumCircuit:
    """One circuit. Raises `UsageError` with the line and column, where the parser says them."""
    if len(text) > MOST_BYTES:
        raise UsageError(f"{label}: {len(text):,} characters of OpenQASM, more than the limit of {MOST_BYTES:,}")
    bare = _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), text)  # lines stay where they are
    if not bare.strip():
        raise UsageError(f"{label}: there is no program in it")
    version = _version(bare, label)
    _check(bare, version, label)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the parsers, about themselves
            return _two(text) if version == 2 else _three(text)
    except UsageError:
        raise
    except RecursionError:
        raise UsageError(f"{label}: expressions are nested too deeply for the parser") from None
    except BaseException as error:
        # A panic in the Rust parser derives from BaseException only; everything else of that kind is not ours.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise UsageError(_message(error, version, label)) from error
        raise


def _version(bare: str, label: str) -> int:
    header = _HEADER.match(bare)
    if header:
        version = int(header[1])
        if version not in _STANDARD:
            raise UsageError(f"{label}: OpenQASM {version} is not known; versions 2 and 3 are")
        return version
    return 2 if re.search(r"\bqreg\b", bare) else 3


def _check(bare: str, version: int, label: str) -> None:
    for include in _INCLUDE.finditer(bare):
        name = include[1] if include[1] is not None else include[2]
        if name != _STANDARD[version]:
            raise UsageError(
                f"{label}{_place(bare, include.start())}: include {name!r} is not read; only {_STANDARD[version]!r} "
                f"is known to OpenQASM {version}: put the gate definitions into the program itself"
            )
    bits = 0
    for size in _SIZE.finditer(bare):
        digits = (size[1] or size[2]).replace("_", "")
        bits = bits + int(digits) if len(digits) < 10 else MOST_BITS + 1
        if bits > MOST_BITS:
            raise UsageError(f"{label}{_place(bare, size.start())}: more than {MOST_BITS:,} bits")
    depth = 0
    for bracket in re.finditer(r"[][(){}]", bare):
        depth += 1 if bracket[0] in "[({" else -1
        if depth > _DEEPEST:
            raise UsageError(f"{label}{_place(bare, bracket.start())}: more than {_DEEPEST} brackets within brackets")


def _two(text: str) -> QuantumCircuit:
    from qiskit import qasm2

    return qasm2.loads(
        text,
        include_path=(),
        custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS,
        custom_classical=qasm2.LEGACY_CUSTOM_CLASSICAL,
    )


def _three(text: str) -> QuantumCircuit:
    from qiskit import qasm3

    return qasm3.loads(text)


def _place(text: str, at: int) -> str:
    line = text.count("\n", 0, at) + 1
    column = at - text.rfind("\n", 0, at)
    return f", line {line}, column {column}"


def _token(error: BaseException | None) -> Any:
    """Where the OpenQASM 3 grammar stopped; its parser keeps that in an exception within an exception."""
    for _ in range(8):
        if error is None:
            break
        token = getattr(error, "offendingToken", None)
        if token is not None:
            return token
        inner = error.args[0] if error.args and isinstance(error.args[0], BaseException) else None
        error = error.__cause__ or error.__context__ or inner
    return None


def _message(error: BaseException, version: int, label: str) -> str:
    place = _token(error)
    if place is not None:
        return f"{label}, line {place.line}, column {place.column + 1}: unexpected {place.text!r} (OpenQASM {version})"
    text = str(error).strip().strip("'\"") or type(error).__name__
    for pattern in _WHERE:
        found = pattern.search(text)
        if found:
            # Both parsers count columns from zero.
            place = f", line {found['line']}, column {int(found['column']) + 1}"
            return f"{label}{place}: {found['text'].strip()} (OpenQASM {version})"
    line = _statement_line(error)
    where = f", line {line}" if line else ""
    return f"{label}{where}: not valid OpenQASM {version}: {text}"


def _statement_line(error: BaseException) -> int | None:
    """The line of the statement that the OpenQASM 3 importer was at: some of its errors do not say it themselves."""
    line: int | None = None
    steps = error.__traceback__
    while steps is not None:
        for value in steps.tb_frame.f_locals.values():
            found = getattr(getattr(value, "span", None), "start_line", None)
            if isinstance(found, int):
                line = found
        steps = steps.tb_next
    return line
