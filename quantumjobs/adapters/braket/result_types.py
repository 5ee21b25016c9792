"""What a program had computed, by readable names: `state_vector`, `probability(q[0],q[1])`, `expectation(z(q[0]))`.

Values are the service's own, and in its order: the first qubit, or the first target, is the most significant bit of an
index (`Statevector(value).reverse_qargs()` is Qiskit's order). Counts, and `probabilities`, are in Qiskit's order.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from math import isfinite, isqrt
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Raw, Struct

from quantumjobs.adapters.braket.answers import Unread, decoded
from quantumjobs.core.text import one_line

if TYPE_CHECKING:
    import numpy as np

    Complex = np.ndarray[Any, np.dtype[np.complex128]]
    Floats = np.ndarray[Any, np.dtype[np.float64]]

PROBABILITIES = "probabilities"
_LISTED = 16
"""Qubits of which `probabilities` are listed one by one, as a dict."""
_LONGEST = 100
"""Characters of a matrix in a name; of a larger one there are size and digest."""


_Qubit = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]
_Matrix = list[list[tuple[float, float]]]


class Kind(Struct, frozen=True):
    """Which result type, as the service repeats it."""

    type: str
    targets: list[_Qubit | list[_Qubit]] | None = None
    observable: list[str | _Matrix] | str | None = None


class _Computed(Struct, frozen=True):
    type: Kind
    value: Raw = Raw()


def values(given: Raw, qubits: Sequence[int] | None) -> tuple[dict[str, Any], dict[str, str]]:
    """Values by name, and of those that are not understood why. `qubits`: all that the program used, if known.

    | name | value |
    | --- | --- |
    | `state_vector` | complex128 array of shape (2**n,) |
    | `density_matrix`, `density_matrix(q[0])` | complex128 array of shape (2**n, 2**n) |
    | `amplitude` | {bits: complex}, bits as asked for, the first qubit left; all that were asked for together |
    | `probability`, `probability(q[0],q[1])` | float array of shape (2**n,) |
    | `expectation(x(q[0]) @ z(q[1]))`, `variance(...)` | float; of `expectation(z)` on all qubits an array, one each |
    | `sample(z(q[0]))` | float array, one a shot; of all qubits one row each |
    | `adjoint_gradient(2 * z(q[0]))` | {"expectation": float, "gradient": {parameter: float}} |
    | `probabilities` | {bits: float} without zeros, Qiskit's order; where all of up to 16 qubits were asked for |

    `q[i]` is Braket's qubit i. The same result type a second time is called `... #2`. Raises `Unread` where the whole
    is not a list of result types.
    """
    found: dict[str, Any] = {}
    unread: dict[str, str] = {}
    times = {PROBABILITIES: 1}  # which is taken
    parts: list[Raw] = decoded(_list, given, "resultTypes")
    for place, text in enumerate(parts):
        name = f"result type {place}"
        try:
            one = decoded(_computed, text, name)
            name = _free(_name(one.type), times)
            if not memoryview(one.value):
                raise Unread("it has no value")
            value = _READERS.get(one.type.type, _plain)(one.value)
        except Unread as error:
            unread[name] = str(error)
            continue
        if one.type.type == "amplitude":
            found.setdefault("amplitude", {}).update(value)
            continue
        found[name] = value
        if one.type.type == "probability" and PROBABILITIES not in found:
            found.update(_listed(value, one.type.targets, qubits))
    return found, unread


# --- names --------------------------------------------------------------------------------
def _free(name: str, times: dict[str, int]) -> str:
    if name == "amplitude":
        return name
    times[name] = number = times.get(name, 0) + 1
    return name if number == 1 else f"{name} #{number}"


def _name(kind: Kind) -> str:
    name = _NAMES.get(kind.type) or one_line(kind.type, limit=80)
    targets = [one for each in kind.targets or () for one in (each if isinstance(each, list) else [each])]
    if kind.observable is not None:
        return f"{name}({_observed(kind.observable, targets)})"
    return name + (f"({','.join(map(_qubit, targets))})" if targets else "")


def _qubit(number: int) -> str:
    return f"q[{number}]"


def _observed(observable: list[str | _Matrix] | str, targets: Sequence[int]) -> str:
    """As pragmas have it: each factor with its qubits; without any where it is for all of them."""
    rest = iter(targets)
    if isinstance(observable, str):  # a sum, such as "2 * x @ y + z"
        return _FACTOR.sub(lambda factor: factor[0] + _on(rest, 1), one_line(observable))
    written = []
    for factor in observable:
        if isinstance(factor, str):
            written.append(one_line(factor, limit=40) + _on(rest, 1))
        else:
            written.append(f"hermitian({_matrix(factor)})" + _on(rest, len(factor).bit_length() - 1))
    return " @ ".join(written)


def _on(rest: Iterator[int], number: int) -> str:
    taken = [_qubit(one) for one in islice(rest, number)]
    return f"({','.join(taken)})" if taken else ""


def _matrix(rows: _Matrix) -> str:
    if len(rows) < 2 or any(len(row) != len(rows) for row in rows):
        raise Unread("its observable is no square matrix")
    lines = [",".join(_number(*one) for one in row) for row in rows]
    text = f"[{','.join(f'[{line}]' for line in lines)}]"
    if len(text) > _LONGEST:
        return f"{len(rows)}x{len(rows)}:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    return text


def _number(real: float, imaginary: float) -> str:
    first = repr(real + 0.0).removesuffix(".0")  # no "-0"
    return first + (f"{imaginary:+}".removesuffix(".0") + "im" if imaginary else "")


# --- values -------------------------------------------------------------------------------
def _flat(text: bytes, what: str) -> Floats:
    """All numbers of nested lists whose form was checked."""
    import numpy as np

    numbers = np.array(decoded(_floats, b"[" + text.translate(None, b"[]") + b"]", what), dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise Unread(f"{what}: not all numbers are finite")
    return numbers


def _vector(given: Raw) -> Complex:
    import numpy as np

    text = bytes(given)
    form = text.translate(None, _IN_NUMBERS)
    number = form.count(b"[") - 1
    if number < 1 or number & (number - 1) or form != b"[" + (b"[,]," * number)[:-1] + b"]":
        raise Unread("it is no list of 2**n pairs of numbers")
    return _flat(text, "its amplitudes").view(np.complex128)


def _square(given: Raw) -> Complex:
    import numpy as np

    text = bytes(given)
    form = text.translate(None, _IN_NUMBERS)
    size = (isqrt(max(4 * form.count(b"[") - 3, 1)) - 1) // 2  # n x n pairs have n * n + n + 1 opening brackets
    row = b"[" + (b"[,]," * size)[:-1] + b"],"
    if size < 1 or size & (size - 1) or form != b"[" + (row * size)[:-1] + b"]":
        raise Unread("it is no square matrix of 2**n rows of pairs of numbers")
    return _flat(text, "its elements").view(np.complex128).reshape(size, size)


def _distribution(given: Raw) -> Floats:
    found = _row(given)
    if not len(found) or len(found) & (len(found) - 1):
        raise Unread(f"it has {len(found)} probabilities, which is no power of two")
    return found


def _row(given: Raw) -> Floats:
    text = bytes(given)
    if text.translate(None, _IN_NUMBERS + b",") != b"[]":
        raise Unread("it is no list of numbers")
    return _flat(text, "its numbers")


def _scalar(given: Raw) -> float | Floats:
    """One number, or one a qubit."""
    return _row(given) if bytes(memoryview(given)[:1]) == b"[" else _float(given)


def _float(given: Raw) -> float:
    number = decoded(_one_float, given, "its value")
    if not isfinite(number):
        raise Unread("its value is not finite")
    return number


def _samples(given: Raw) -> Floats:
    text = bytes(given)
    if not text.translate(None, _IN_NUMBERS).startswith(b"[["):
        return _row(given)
    rows = decoded(_lists, text, "its samples")
    if len(set(map(len, rows))) != 1:
        raise Unread("its samples are of different lengths")
    return _flat(text, "its samples").reshape(len(rows), -1)


def _amplitudes(given: Raw) -> dict[str, complex]:
    found = decoded(_pairs, given, "its amplitudes")
    if any(set(bits) - {"0", "1"} for bits in found):
        raise Unread("it has states that are no bits")
    return {bits: complex(*pair) for bits, pair in found.items()}


def _gradient(given: Raw) -> dict[str, Any]:
    found = decoded(_adjoint, given, "its value")
    return {"expectation": found.expectation, "gradient": found.gradient}


def _plain(given: Raw) -> Any:
    """Of a kind that is not known here: numbers as they are, flat."""
    return decoded(_numbers, given, "its value")


def _listed(
    probabilities: Floats, targets: Sequence[int | list[int]] | None, qubits: Sequence[int] | None
) -> dict[str, Any]:
    """Nothing where it is a part of the qubits, or very many."""
    import numpy as np

    number = len(probabilities).bit_length() - 1
    order = range(number) if targets is None else [one for one in targets if isinstance(one, int)]
    known = range(number) if qubits is None and targets is None else qubits
    if number > _LISTED or len(order) != number or known is None or len(known) != number:
        return {}
    if targets is not None and set(order) != set(known):
        return {}
    axes = np.argsort(np.array(order))[::-1]  # the highest qubit becomes the most significant
    reordered = probabilities.reshape((2,) * number).transpose(axes).ravel()
    return {PROBABILITIES: {f"{at:0{number}b}": reordered[at].item() for at in np.flatnonzero(reordered).tolist()}}


class _Adjoint(Struct, frozen=True):
    expectation: float
    gradient: dict[str, float] = {}


_IN_NUMBERS = b"0123456789+-.eE \t\r\n"
_FACTOR = re.compile(r"(?<![A-Za-z])[xyzhi](?![A-Za-z])")
_NAMES = {"statevector": "state_vector", "densitymatrix": "density_matrix"}
"""Where the service's word is not that of its pragmas."""
_READERS: Mapping[str, Callable[[Raw], Any]] = {
    "statevector": _vector,
    "densitymatrix": _square,
    "amplitude": _amplitudes,
    "probability": _distribution,
    "expectation": _scalar,
    "variance": _scalar,
    "sample": _samples,
    "adjoint_gradient": _gradient,
}
_list = msgspec.json.Decoder(list[Raw])
_computed = msgspec.json.Decoder(_Computed)
_floats = msgspec.json.Decoder(list[float])
_one_float = msgspec.json.Decoder(float)
_lists = msgspec.json.Decoder(list[list[float]])
_pairs = msgspec.json.Decoder(dict[str, tuple[float, float]])
_adjoint = msgspec.json.Decoder(_Adjoint)
_numbers = msgspec.json.Decoder(float | list[float] | dict[str, float])
