"""Samples as AQT writes them (JSON: a list of shots, each a list of 0 and 1) to packed rows, and what is wrong in them.

Well-formed samples have lines of equal length, so they are checked and read as a matrix of characters; only what does
not have that form is parsed. numpy loads on first use.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from quantumjobs.core import bits as packed
from quantumjobs.errors import ProviderProtocolError

if TYPE_CHECKING:
    import numpy as np

    Matrix = np.ndarray[Any, np.dtype[np.uint8]]
    """A line per shot, as long as the text of one: column `1 + 2 * q` is qubit q, the others are zero."""

_SPACE = b" \t\r\n"
_START = b'"result":{"'
PLACE = b'"(samples)"'
"""What stands for the samples in the rest of a document that `cut` took them out of."""


def cut(body: bytes, shapes: Sequence[tuple[int, int]]) -> tuple[bytes, list[Matrix]] | None:
    """The document without the samples, and those of each circuit, whose shots and qubits are `shapes`.

    None where they are not written as plainly as a machine does, or not as expected. The caller checks that `PLACE`
    is where the result belongs: then every byte has been looked at, without parsing what is most of them.
    """
    start = body.find(_START)
    at = start + len(_START) - 1
    found: dict[int, Matrix] = {}
    while start >= 0 and len(found) < len(shapes):
        end = body.find(b'":', at, at + 8)
        index = body[at + 1 : end]
        if end < 0 or body[at : at + 1] != b'"' or not index.isdigit() or str(int(index)).encode() != index:
            return None
        place = int(index)
        if place >= len(shapes) or place in found:
            return None
        shots, qubits = shapes[place]
        stop = end + 2 + shots * (2 * qubits + 2) + 1
        matrix = _read(memoryview(body)[end + 2 : stop], shots, qubits)
        if matrix is None or body[stop : stop + 1] != (b"," if len(found) + 1 < len(shapes) else b"}"):
            return None
        found[place] = matrix
        at = stop + 1
    if start < 0:
        return None
    before, after = body[: start + len(_START) - 2], body[at:]
    if PLACE in before or PLACE in after:
        return None
    return before + PLACE + after, [found[place] for place in range(len(shapes))]


def matrix(body: bytes, *, shots: int | None, qubits: int | None, what: str) -> Matrix:
    """One circuit's samples; None: as many as there are. Raises `ProviderProtocolError` saying what is wrong."""
    plain = body.translate(None, _SPACE)
    wide = width(plain) if qubits is None else qubits
    count = (len(plain) - 1) // (2 * wide + 2) if shots is None else shots
    found = _read(memoryview(plain), count, wide) if count and len(plain) == count * (2 * wide + 2) + 1 else None
    return _parsed(body, shots, qubits, what) if found is None else found


def rows(matrix: Matrix, sources: Sequence[int]) -> bytes:
    """One packed row a shot, as in `core.bits`. `sources`: for each clbit the qubit it reads, or -1 for none."""
    import numpy as np

    order = np.zeros(8 * packed.width(len(sources)), dtype=np.intp)
    order[len(order) - len(sources) :] = [1 + 2 * source if source >= 0 else 0 for source in reversed(sources)]
    return np.packbits(matrix[:, order].reshape(-1)).tobytes()


def width(body: bytes) -> int:
    """Bits in the first shot."""
    return body[: body.find(b"]") + 1].count(b",") + 1


def _read(text: memoryview, shots: int, qubits: int) -> Matrix | None:
    """None where a character is not the expected one."""
    import numpy as np

    expected, fixed = _form(shots, qubits)
    if len(text) != len(expected):
        return None
    bits = np.frombuffer(text, dtype=np.uint8) ^ expected
    return None if (bits & fixed).any() else bits[1:].reshape(shots, 2 * qubits + 2)


@functools.lru_cache(maxsize=8)
def _form(shots: int, qubits: int) -> tuple[Any, Any]:
    """The text of nothing but zeros, and which bits of each character must be as in it: in a digit all but the last."""
    import numpy as np

    line = b"[" + b"0," * (qubits - 1) + b"0]"
    text = np.frombuffer(b"[" + b",".join([line] * shots) + b"]", dtype=np.uint8)
    return text, np.where(text == ord("0"), 0xFE, 0xFF).astype(np.uint8)


def _parsed(body: bytes, shots: int | None, qubits: int | None, what: str) -> Matrix:
    """The slow and careful way: mostly to say what is wrong."""
    import numpy as np

    samples = msgspec.json.decode(body)
    if not isinstance(samples, list) or not samples:
        raise _wrong(f"{what} has no list of shots")
    if shots is not None and len(samples) != shots:
        raise _wrong(f"{what} has {len(samples)} shots, not {shots}")
    for place, sample in enumerate(samples):
        if not isinstance(sample, list):
            raise _wrong(f"{what}: shot {place} is not a list of bits")
        if qubits is None:
            qubits = len(sample)
        if len(sample) != qubits or not sample:
            raise _wrong(f"{what}: shot {place} has {len(sample)} bits for {qubits} qubits")
        for qubit, bit in enumerate(sample):
            if type(bit) is not int or bit not in {0, 1}:
                raise _wrong(f"{what}: shot {place} has {bit!r} for qubit {qubit}, neither 0 nor 1")
    found = np.zeros((len(samples), 2 * len(samples[0]) + 2), dtype=np.uint8)
    found[:, 1:-1:2] = samples
    return found


def _wrong(message: str) -> ProviderProtocolError:
    return ProviderProtocolError(f"AQT's result is not understood: {message}", provider="aqt")
