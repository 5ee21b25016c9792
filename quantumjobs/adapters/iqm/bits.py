"""From the artifacts of a job to outcomes, without a Python object for each bit. Runs in a worker.

A list of lists of bits would cost more than all the rest: millions of objects, and the garbage collector's rounds over
them. So texts are read as arrays of characters, whose form is checked; only what is written otherwise is parsed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

import msgspec

from quantumjobs.adapters.iqm import keys
from quantumjobs.adapters.iqm.keys import Plan
from quantumjobs.adapters.iqm.messages import Histogram
from quantumjobs.core import bits as packed
from quantumjobs.core.entries import Entry, entry
from quantumjobs.errors import ProviderProtocolError

if TYPE_CHECKING:
    import numpy as np

    Values = np.ndarray[Any, np.dtype[np.uint8]]

T = TypeVar("T")
Plans = Sequence[Plan | None]
LEAKED = "values_above_1"
"""In an entry's metadata: shots in which some qubit was read as neither 0 nor 1; such a value counts as 1."""
_SPACE = b" \t\r\n"
_MOST = 1 << 63
"""Shots: more cannot be packed."""


class _Read(NamedTuple):
    """What one circuit's answer says."""

    columns: Mapping[str, Values]
    """For each value's name, see `keys.named`: one value a line."""
    often: Sequence[int] | None = None
    """How often each line occurred. None: one line a shot, in order."""
    plain: bool = False
    """There is nothing but 0 and 1 in it."""


def shots_entries(
    body: bytes, plans: Plans | None, *, memory: bool, metadata: Mapping[str, Any] | None = None
) -> list[Entry]:
    """Entries from `measurements`: one row a shot with `memory`, else distinct rows with their number.

    Without a plan the keys say what they can, see `keys.planless`; keys that a plan does not name are ignored.
    `metadata` goes into each entry. Raises `ProviderProtocolError` for what does not fit the plans.
    """
    return [
        _entry(place, plan, _columns(circuit, _name(place, plan)), memory=memory, metadata=metadata)
        for place, (plan, circuit) in enumerate(_matched(_decoded(_shots, body), plans))
    ]


def counts_entries(body: bytes, plans: Plans | None, *, metadata: Mapping[str, Any] | None = None) -> list[Entry]:
    """Entries from `measurement_counts`: distinct rows with their number; else as `shots_entries`."""
    return [
        _entry(place, plan, _digits(histogram, plan, _name(place, plan)), memory=False, metadata=metadata)
        for place, (plan, histogram) in enumerate(_matched(_decoded(_counts, body), plans))
    ]


# --- reading shots ----------------------------------------------------------------------
def _columns(circuit: Mapping[str, msgspec.Raw], what: str) -> _Read:
    joined = b"".join(circuit.values())
    matrix = _plain(joined, len(circuit))
    if matrix is None:
        matrix = _plain(joined.translate(None, _SPACE), len(circuit))
    if matrix is not None:
        return _Read(dict(zip(circuit, matrix, strict=True)), plain=True)
    found: dict[str, Values] = {}
    for key, text in circuit.items():
        values = _values(bytes(text), f"{what}, key {key!r:.80}")
        for name, column in zip(keys.named(key, values.shape[1]), values.T, strict=True):
            if found.setdefault(name, column) is not column:
                raise _wrong(f"{what} has two values named {name!r:.80}")
    return _Read(found)


def _plain(joined: bytes, number: int) -> Values | None:
    """The bits of each key, by shot; None where some text is not `[[0],[1]]`, or as long as others are not.

    The texts stand behind each other without anything between: none of them is the beginning of another.
    """
    import numpy as np

    length, rest = divmod(len(joined), number or 1)
    if rest or length < 5 or length % 4 != 1:
        return None
    expected, fixed = _form(length // 4)
    characters = np.frombuffer(joined, dtype=np.uint8).reshape(number, length) ^ expected
    return None if (characters & fixed).any() else characters[:, 2::4]


@functools.lru_cache(maxsize=8)
def _form(shots: int) -> tuple[Any, Any]:
    """The text of nothing but zeros, and which bits of each character must be as in it: in a digit all but the last."""
    import numpy as np

    text = np.frombuffer(_zeros(shots, 1), dtype=np.uint8)
    return text, np.where(text == ord("0"), 0xFE, 0xFF).astype(np.uint8)


def _values(text: bytes, what: str) -> Values:
    """One key's values of any size, as an array of shape (shots, qubits)."""
    import numpy as np

    text = text.translate(None, _SPACE)
    end = text.find(b"]")
    shots = (len(text) - 1) // (end + 1) if end > 0 else 0
    if shots < 1 or text.translate(_ZEROS) != _zeros(shots, end // 2):
        return _parsed(text, what)
    return np.frombuffer(text, dtype=np.uint8)[1:].reshape(shots, end + 1)[:, 1:-2:2] - 48


def _zeros(shots: int, qubits: int) -> bytes:
    return b"[" + b",".join([b"[" + b",".join([b"0"] * qubits) + b"]"] * shots) + b"]"


def _parsed(text: bytes, what: str) -> Values:
    """The same for values of several digits, and for what is wrong."""
    import numpy as np

    try:
        rows = _lists.decode(text)
    except msgspec.MsgspecError as error:
        raise _wrong(f"{what}: {error}") from error
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise _wrong(f"{what} has shots of {min(widths)} and of {max(widths)} values")
    if widths == {0}:
        raise _wrong(f"{what} has shots without values")
    return np.array(rows, dtype=np.uint8).reshape(len(rows), widths.pop() if widths else 1)


# --- reading counts ---------------------------------------------------------------------
def _digits(histogram: Histogram, plan: Plan | None, what: str) -> _Read:
    import numpy as np

    often = list(histogram.counts.values())
    text = "".join(histogram.counts)
    lengths = set(map(len, histogram.counts))
    if len(lengths) > 1:
        raise _wrong(f"{what} has outcomes of {min(lengths)} and of {max(lengths)} characters")
    if text and not (text.isascii() and text.isdecimal()):
        raise _wrong(f"{what} has outcomes with characters that are no digits")
    if often and (min(often) < 0 or sum(often) >= _MOST):
        raise _wrong(f"{what} has numbers of shots that are none")
    length = lengths.pop() if lengths else None
    names = _named(histogram.measurement_keys, plan, length)
    if len(set(names)) < len(names):
        raise _wrong(f"{what} has a measurement key twice")
    if length not in {None, len(names)}:
        raise _wrong(f"{what} has outcomes of {length} characters for {len(names)} measured qubits")
    digits = np.frombuffer(text.encode(), dtype=np.uint8).reshape(len(often), len(names)) - 48
    return _Read(dict(zip(names, digits.T, strict=True)), often, plain=digits.max(initial=0) <= 1)


def _named(measured: Sequence[str], plan: Plan | None, length: int | None) -> list[str]:
    """What the characters of an outcome are called.

    Where a plan does not tell how many qubits the keys measure, and it is not one each, nothing says where one key's
    characters end: all of them are called by all the keys.
    """
    if plan is not None:
        known = {name for name, _ in plan.columns}
        found: list[str] = []
        for key in measured:
            several = 0
            while key not in known and f"{key}[{several}]" in known:
                several += 1
            found += keys.named(key, several or 1)
        return found
    if measured and length not in {None, len(measured)}:
        return list(keys.named(",".join(measured), length or 0))
    return list(measured)


# --- making outcomes --------------------------------------------------------------------
def _entry(place: int, plan: Plan | None, read: _Read, *, memory: bool, metadata: Mapping[str, Any] | None) -> Entry:
    what = _name(place, plan)
    lengths = {len(column) for column in read.columns.values()}
    if len(lengths) > 1:
        raise _wrong(f"{what} has {min(lengths)} shots of one key and {max(lengths)} of another")
    lines = lengths.pop() if lengths else len(read.often or ())
    shots = lines if read.often is None else sum(read.often)
    if plan is None:
        registers, columns = keys.planless(list(read.columns))
        plan = Plan(f"circuit-{place}", shots, registers, columns, sum(size for _, size in registers))
    if not (plan.columns or read.columns):
        shots = shots or plan.shots  # without a key nothing may say how many there were
    if shots != plan.shots and (plan.exact or shots > plan.shots):
        raise _wrong(f"{what} has {shots} shots, and {plan.shots} were asked for")
    if not plan.columns:
        return entry(b"", 0, name=plan.name, shots=shots, metadata=metadata, circuit_metadata=plan.metadata)
    rows, leaked = _packed(read, plan, lines, what)
    weights = None
    if read.often is not None:
        rows, weights = _merged(rows, read.often, plan.clbits)
    elif not memory:
        rows, weights = packed.distinct(rows, plan.clbits)
    return entry(
        rows,
        plan.clbits,
        name=plan.name,
        shots=shots,
        weights=weights,
        registers=plan.registers,
        metadata={**(metadata or {}), **({LEAKED: leaked} if leaked else {})},
        circuit_metadata=plan.metadata,
    )


def _packed(read: _Read, plan: Plan, lines: int, what: str) -> tuple[bytes, int]:
    """A row of bits for each line; and the number of shots that had a value above 1."""
    import numpy as np

    rows = np.zeros((packed.width(plan.clbits), lines), dtype=np.uint8)
    leaked = np.zeros(lines, dtype=np.bool_)
    for key, clbit in plan.columns:
        values = read.columns.get(key)
        if values is None:
            raise _wrong(f"{what} has no key {key!r:.80}")
        if not 0 <= clbit < plan.clbits:
            raise _wrong(f"{what} has no clbit {clbit} for key {key!r:.80}")
        if not read.plain:
            leaked |= values > 1
            values = np.minimum(values, 1)
        rows[-1 - clbit // 8] |= values << clbit % 8
    if read.often is None:
        number = int(leaked.sum())
    else:
        number = sum(often for often, is_one in zip(read.often, leaked.tolist(), strict=True) if is_one)
    return rows.T.tobytes(), number


def _merged(rows: bytes, often: Sequence[int], clbits: int) -> tuple[bytes, bytes]:
    """Distinct rows in ascending order with their numbers: outcomes that differ in what nobody reads become one."""
    import numpy as np

    numbers = np.array(often, dtype="<u8")
    lines = packed.array(rows, clbits)[numbers > 0]
    numbers = numbers[numbers > 0]
    if not lines.size:
        return b"", b""
    order = lines.copy().view(f"S{lines.shape[1]}")[:, 0].argsort(kind="stable")
    lines = lines[order]
    first = np.flatnonzero(np.concatenate(([True], (lines[1:] != lines[:-1]).any(axis=1))))
    return lines[first].tobytes(), np.add.reduceat(numbers[order], first).astype("<u8").tobytes()


# --- the whole --------------------------------------------------------------------------
def _matched(circuits: list[T], plans: Plans | None) -> Iterator[tuple[Plan | None, T]]:
    """Each circuit's answer with its plan."""
    if plans is None:
        plans = [None] * len(circuits)
    if len(plans) != len(circuits):
        raise _wrong(f"{len(circuits)} circuits in it, and {len(plans)} were sent")
    return zip(plans, circuits, strict=True)


def _decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _wrong(str(error), body) from error


def _name(place: int, plan: Plan | None) -> str:
    return f"circuit {place}" if plan is None else f"circuit {place} ({plan.name!r:.80})"


def _wrong(message: str, body: bytes = b"") -> ProviderProtocolError:
    return ProviderProtocolError(f"IQM's result is not understood: {message}", provider="iqm", body=body)


_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_shots = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_counts = msgspec.json.Decoder(list[Histogram])
_lists = msgspec.json.Decoder(list[list[Annotated[int, msgspec.Meta(ge=0, le=255)]]])
