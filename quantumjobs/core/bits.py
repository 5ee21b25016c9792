"""Packed outcomes: shots as rows of bytes, and the fast ways from them to counts and text.

A row holds one outcome, big-endian, `ceil(clbits / 8)` bytes, clbit 0 in the last bit of the last byte: the layout of
Qiskit's `BitArray.array`. Rows compare as bytes in the order of the integers they stand for. numpy loads on first use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Bits = np.ndarray[Any, np.dtype[np.uint8]]

Buffer = bytes | memoryview
Registers = Sequence[tuple[str, int]]

# A table of all outcomes is faster than sorting while it is not much larger than the list of shots.
_TABLE_BITS = 22


def width(clbits: int) -> int:
    """Bytes in a row."""
    return -(-clbits // 8)


def array(rows: Buffer, clbits: int) -> Bits:
    """Rows as a read-only `uint8` array of shape `(shots, bytes)`; nothing is copied."""
    import numpy as np

    wide = width(clbits)
    return np.frombuffer(rows, dtype=np.uint8).reshape(-1, wide) if wide else np.zeros((0, 0), dtype=np.uint8)


def pack(columns: Any) -> bytes:
    """Rows from a matrix of zeros and ones, one line a shot, column *i* = clbit *i*."""
    import numpy as np

    matrix = np.asarray(columns, dtype=np.uint8)
    shots, clbits = matrix.shape
    padded = np.zeros((shots, 8 * width(clbits)), dtype=np.uint8)
    if clbits:
        padded[:, -clbits:] = matrix[:, ::-1]
    return np.packbits(padded, axis=1).tobytes()


def parse(keys: Sequence[str], clbits: int) -> bytes:
    """Rows from outcomes as text: bit strings (spaces between registers are skipped) or `0x...`."""
    wide = width(clbits)
    known: dict[str, bytes] = {}
    out = []
    for key in keys:
        row = known.get(key)
        if row is None:
            value = int(key, 16) if key[:2] == "0x" else int(key.replace(" ", "") or "0", 2)
            row = known[key] = value.to_bytes(wide, "big")
        out.append(row)
    return b"".join(out)


def distinct(rows: Buffer, clbits: int) -> tuple[bytes, bytes]:
    """The outcomes that occur, in ascending order, and how often (64-bit, little-endian)."""
    import numpy as np

    wide = width(clbits)
    if wide > 8:
        data = bytes(rows)
        counted = sorted(Counter([data[at : at + wide] for at in range(0, len(data), wide)]).items())
        return b"".join([row for row, _ in counted]), np.array([n for _, n in counted], dtype="<u8").tobytes()
    whole = 1 << (wide - 1).bit_length()  # the integer type that holds a row
    if whole == wide:
        values = np.frombuffer(rows, dtype=f">u{whole}").astype(f"u{whole}")
    else:
        padded = np.zeros((len(rows) // wide, whole), dtype=np.uint8)
        padded[:, -wide:] = array(rows, clbits)
        values = padded.view(f">u{whole}")[:, 0].astype(f"u{whole}")
    if clbits <= _TABLE_BITS and len(values) << 3 >= 1 << clbits:
        table = np.bincount(values)
        found = np.flatnonzero(table)
        often = table[found]
    else:
        found, often = np.unique(values, return_counts=True)
    big = found.astype(f">u{whole}").view(np.uint8).reshape(-1, whole)[:, -wide:]
    return big.tobytes(), often.astype("<u8").tobytes()


def texts(rows: Buffer, clbits: int, registers: Registers) -> list[str]:
    """Each row as Qiskit writes it: clbit 0 right-most, a space between registers, the last register first.

    Registers that do not cover the clbits exactly (loose or shared bits) cannot be told apart by position: then there
    are no spaces, and no bit is lost.
    """
    import numpy as np

    digits = np.unpackbits(array(rows, clbits), axis=1)[:, -clbits:]
    sizes = [size for _, size in registers]
    if len(sizes) < 2 or sum(sizes) != clbits:
        sizes = [clbits]
    # One line per row, so that one call in C cuts them: slicing in Python takes longer than all the rest.
    lines = np.full((len(digits), clbits + len(sizes)), 32, dtype=np.uint8)
    lines[:, -1] = 10
    taken = written = 0
    for size in reversed(sizes):
        np.add(digits[:, taken : taken + size], 48, out=lines[:, written : written + size])
        taken += size
        written += size + 1
    return lines.tobytes().decode("ascii").split("\n")[:-1]


def hexes(rows: Buffer, clbits: int) -> list[str]:
    """Each row as `0x...`, without leading zeros."""
    wide = width(clbits)
    data = bytes(rows)
    known: dict[bytes, str] = {}
    out = []
    for at in range(0, len(data), wide):
        row = data[at : at + wide]
        text = known.get(row)
        if text is None:
            text = known[row] = hex(int.from_bytes(row, "big"))
        out.append(text)
    return out
