"""Braket's pragmas: results that are asked for, channels of noise, and matrices."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from quantumjobs.errors import UsageError

Matrix = tuple[tuple[complex, ...], ...]
Named = Callable[[str], list[int]]
"""The qubits of a text such as `q[0], q[1]`."""

STATES = ("state_vector", "density_matrix", "amplitude")
"""Results of no shots."""
OBSERVED = ("expectation", "variance", "sample")
_MOST = 10
"""Qubits of a matrix."""
_STANDARD = re.compile(r"([xyzhi])\s*\(\s*([^()]+)\)", re.ASCII)
_HERMITIAN = re.compile(r"hermitian\s*\(([^()]*)\)\s*(.+)", re.ASCII | re.DOTALL)
_CALL = re.compile(r"(\w+)\s*\(([^()]*)\)\s*(.+)", re.ASCII | re.DOTALL)
_NUMBER = r"\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?"
_COMPLEX = re.compile(rf"[+-]?(?:{_NUMBER})(?:[+-](?:{_NUMBER})im)?|[+-]?(?:{_NUMBER})?im", re.ASCII)


class Factor(Struct, frozen=True):
    """Of an observable: x, y, z, h or i on one qubit, or a matrix."""

    name: str
    qubits: tuple[int, ...]
    matrix: Matrix = ()


class Result(Struct, frozen=True):
    """What is asked for."""

    kind: str
    qubits: tuple[int, ...] = ()
    """None are all."""
    factors: tuple[Factor, ...] = ()
    """Of an observable; one without qubits is on each qubit by itself."""
    states: tuple[str, ...] = ()


def result(text: str, named: Named) -> Result:
    """Raises `UsageError`."""
    kind, _, rest = text.strip().partition(" ")
    rest = rest.strip()
    if kind == "state_vector" and not rest:
        return Result(kind)
    if kind in ("density_matrix", "probability"):
        return Result(kind, () if rest in ("", "all") else tuple(named(rest)))
    if kind == "amplitude":
        states = [part.strip() for part in rest.split(",")]
        if any(not re.fullmatch(r'"[01]+"', state) for state in states):
            raise UsageError("amplitude: states are bits in quotes")
        return Result(kind, states=tuple(state.strip('"') for state in states))
    if kind in OBSERVED:
        factors = _observable(rest, named)
        qubits = tuple(qubit for factor in factors for qubit in factor.qubits)
        if len(set(qubits)) < len(qubits):
            raise UsageError(f"{kind}: a qubit is named twice")
        return Result(kind, qubits, factors)
    raise UsageError(f"result type {kind!r} is not supported")


def _observable(text: str, named: Named) -> tuple[Factor, ...]:
    alone = re.fullmatch(r"([xyzhi])(?:\s+all)?", text)
    if alone:
        return (Factor(alone[1], ()),)
    return tuple(_factor(part.strip(), named) for part in text.split("@"))


def _factor(text: str, named: Named) -> Factor:
    standard = _STANDARD.fullmatch(text)
    if standard:
        qubits = named(standard[2])
        if len(qubits) != 1:
            raise UsageError(f"{text[:40]!r}: one qubit is needed")
        return Factor(standard[1], tuple(qubits))
    hermitian = _HERMITIAN.fullmatch(text)
    if hermitian is None:
        raise UsageError(f"{text[:40]!r} is no observable")
    matrix, qubits = _matrix(hermitian[1]), named(hermitian[2])
    size = 1 << len(qubits)
    if len(matrix) != size:
        raise UsageError("hermitian: the matrix does not fit its qubits")
    if any(abs(matrix[a][b] - matrix[b][a].conjugate()) > 1e-8 for a in range(size) for b in range(size)):
        raise UsageError("hermitian: the matrix is not Hermitian")
    return Factor("hermitian", tuple(qubits), matrix)


def noise(text: str, named: Named) -> tuple[str, tuple[float, ...], tuple[Matrix, ...], list[int]]:
    """Name, probabilities, matrices and qubits of a channel. Raises `UsageError`."""
    found = _CALL.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"noise {text[:40]!r} is not understood")
    name, given, qubits = found[1], found[2], named(found[3])
    if name == "kraus":
        parts = re.split(r"(?<=\]\])\s*,", re.sub(r"\s", "", given))
        return name, (), tuple(_matrix(part) for part in parts), qubits
    try:
        return name, tuple(float(part) for part in given.split(",")), (), qubits
    except ValueError:
        raise UsageError(f"noise {name}: probabilities are needed") from None


def unitary(text: str, named: Named) -> tuple[Matrix, list[int]]:
    """The matrix and its qubits. Raises `UsageError`."""
    found = _CALL.fullmatch(text)
    if found is None or found[1] != "unitary":
        raise UsageError("unitary is not understood")
    matrix, qubits = _matrix(found[2]), named(found[3])
    if len(matrix) != 1 << len(qubits):
        raise UsageError("unitary: the matrix does not fit its qubits")
    size = range(len(matrix))
    for a in size:
        for b in size:
            product = sum(matrix[a][k] * matrix[b][k].conjugate() for k in size)
            if abs(product - (a == b)) > 1e-5:
                raise UsageError("unitary: the matrix is not unitary")
    return matrix, qubits


def _matrix(text: str) -> Matrix:
    plain = re.sub(r"\s", "", text)
    if not (plain.startswith("[[") and plain.endswith("]]")):
        raise UsageError("a matrix is written [[..., ...], [..., ...]]")
    rows = tuple(tuple(_number(one) for one in row.split(",")) for row in plain[2:-2].split("],["))
    if len({len(row) for row in rows} | {len(rows)}) != 1 or len(rows).bit_length() > _MOST + 1:
        raise UsageError("a matrix is square, and not that large")
    return rows


def _number(text: str) -> complex:
    if not _COMPLEX.fullmatch(text):
        raise UsageError(f"{text[:40]!r} is no complex number")
    text = text.replace("im", "j")
    return complex(f"{text[:-1]}1j" if text in ("j", "+j", "-j") else text)


def document(one: Result) -> dict[str, Any]:
    """As results name what was asked for."""
    kind = one.kind.replace("_", "")
    found: dict[str, Any] = {"type": kind}
    if one.factors:
        found["observable"] = [
            factor.name if not factor.matrix else [[[part.real, part.imag] for part in row] for row in factor.matrix]
            for factor in one.factors
        ]
    if one.qubits:
        found["targets"] = list(one.qubits)
    if one.states:
        found["states"] = list(one.states)
    return found
