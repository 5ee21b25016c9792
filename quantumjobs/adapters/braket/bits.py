"""From a task's result object to outcomes, without a Python object for each bit. Runs in a worker.

Shots come as a list of lists of digits: millions of objects, were it parsed. So its text is read as an array of
characters, whose form is checked in full; only what is written otherwise is parsed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from quantumjobs.adapters.braket import answers, result_types
from quantumjobs.adapters.braket.answers import Answer, Unread, decoded
from quantumjobs.adapters.braket.plans import Plan
from quantumjobs.adapters.braket.schemas import RESULTS
from quantumjobs.core import bits as packed
from quantumjobs.core.entries import Entry, entry, failed_entry
from quantumjobs.errors import ProviderProtocolError

if TYPE_CHECKING:
    import numpy as np

    Bits = np.ndarray[Any, np.dtype[np.uint8]]

DERIVED = "counts_derived"
"""In an entry's metadata: True where the service gave probabilities, and counts are these times the shots."""
UNREAD = "unread"
"""In an entry's metadata: values beside the outcomes that are not understood, by name, and why."""
_MOST = 1 << 33
"""Bits of one program's outcomes, padded: what a body claims is checked before memory is taken."""


def entries(blobs: Mapping[str, bytes], plans: Sequence[Plan] | None, *, memory: bool) -> list[Entry]:
    """One entry a program, or an executable of a program set: one row a shot with `memory`, else distinct rows.

    Without `plans` as far as the result tells: column i of the outcomes becomes clbit i. What cannot be read of one
    program, and what the service says has failed, is a failed entry. Where the service gave probabilities alone the
    order of shots is not known, and there are distinct rows in any case. Raises `ProviderProtocolError` where the whole
    is not understood, or does not fit the plans.
    """
    try:
        found = answers.read(blobs)
        if plans is not None and len(plans) != len(found):
            raise Unread(f"{len(found)} programs in it, and {len(plans)} were sent")
    except Unread as error:
        body = blobs.get(RESULTS, b"")
        raise ProviderProtocolError(
            f"braket: the task's result is not understood: {error}", provider="braket", body=body
        ) from error
    known: Sequence[Plan | None] = [None] * len(found) if plans is None else plans
    return [
        _entry(answer, plan, f"circuit-{place}", memory=memory)
        for place, (answer, plan) in enumerate(zip(found, known, strict=True))
    ]


def _entry(answer: Answer, plan: Plan | None, name: str, *, memory: bool) -> Entry:
    if plan is None:
        plan = Plan(name=name, shots=answer.shots or 0, clbits=0)
    try:
        if answer.failure is not None:
            raise Unread(answer.failure)
        return _read(answer, plan, memory=memory)
    except Unread as error:
        return failed_entry(str(error), name=plan.name, shots=plan.shots)


def _read(answer: Answer, plan: Plan, *, memory: bool) -> Entry:
    qubits = None if answer.qubits is None else decoded(_qubits, answer.qubits, "measuredQubits")
    metadata = dict(answer.facts)
    if qubits is not None:
        metadata["measured_qubits"] = qubits
    data, unread = ({}, {}) if answer.result_types is None else result_types.values(answer.result_types, qubits)
    facts: dict[str, Any] = {"name": plan.name, "metadata": metadata, "circuit_metadata": plan.metadata}
    if answer.measurements is None and answer.probabilities is None:
        if not data:
            raise Unread(_told(unread) or "the service gave neither outcomes nor values for it")
        if unread:
            metadata[UNREAD] = unread
        return entry(b"", 0, shots=0, data=data, **facts)
    if unread:  # values that come beside outcomes are an extra
        metadata[UNREAD] = unread
    data.pop(result_types.PROBABILITIES, None)  # of outcomes they are told by the counts
    weights: bytes | None
    if answer.measurements is not None:
        matrix = _matrix(bytes(answer.measurements))
        clbits, registers, placed = _placed(plan, matrix.shape[1], qubits)
        shots = len(matrix)
        if plan.shots not in (0, shots):
            metadata["requested_shots"] = plan.shots
        rows, weights = _rows(matrix, clbits, placed), None
        if not memory:
            rows, weights = packed.distinct(rows, clbits)
    else:
        assert answer.probabilities is not None
        distribution = decoded(_distribution, answer.probabilities, "measurementProbabilities")
        matrix = _columns(list(distribution))
        clbits, registers, placed = _placed(plan, matrix.shape[1], qubits)
        shots = plan.shots or answer.shots or 0
        every = _rows(matrix, clbits, placed)
        texts = packed.texts(every, clbits, registers)
        data[result_types.PROBABILITIES] = dict(sorted(zip(texts, distribution.values(), strict=True)))
        rows, weights = _times(every, list(distribution.values()), shots, clbits)
        metadata[DERIVED] = True
    return entry(rows, clbits, weights=weights, shots=shots, registers=registers, data=data, **facts)


def _told(unread: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {reason}" for name, reason in unread.items())


# --- outcomes to rows ---------------------------------------------------------------------
def _placed(
    plan: Plan, columns: int, qubits: Sequence[int] | None
) -> tuple[int, tuple[tuple[str, int], ...], Sequence[int]]:
    """Number of clbits, their registers, and the clbit of each column. Raises `Unread` where they do not fit."""
    if qubits is not None and len(qubits) != columns:
        raise Unread(f"its outcomes have {columns} bits, and {len(qubits)} qubits were measured")
    if not plan.measured:  # it was not read here, or measures nothing: then the service measures what it uses
        covered = sum(size for _, size in plan.registers) == columns
        return columns, plan.registers if covered else (), range(columns)
    if len(plan.measured) != columns:
        raise Unread(f"its outcomes have {columns} bits, and {len(plan.measured)} clbits were measured")
    return plan.clbits, plan.registers, plan.measured


def _rows(matrix: Bits, clbits: int, placed: Sequence[int]) -> bytes:
    """Packed; `placed` is the clbit of each column, and the others are 0."""
    import numpy as np

    if len(matrix) * 8 * packed.width(clbits) > _MOST:
        raise Unread(f"it has {len(matrix)} outcomes of {clbits} bits, which is more than is read")
    if clbits == len(placed) and tuple(placed) == tuple(range(clbits)):
        return packed.pack(matrix)
    whole = np.zeros((len(matrix), clbits), dtype=np.uint8)
    whole[:, list(placed)] = matrix
    return packed.pack(whole)


def _times(rows: bytes, probabilities: Sequence[float], shots: int, clbits: int) -> tuple[bytes, bytes]:
    """Distinct rows in ascending order, and how often each occurred: rounded one by one, as the vendor's SDK does it.

    So their sum is the shots where the service counted, and may be off by some where it mitigated errors.
    """
    wide = packed.width(clbits)
    often = [round(probability * shots) for probability in probabilities]
    ordered = sorted((rows[at * wide : (at + 1) * wide], number) for at, number in enumerate(often) if number)
    return b"".join([row for row, _ in ordered]), b"".join([number.to_bytes(8, "little") for _, number in ordered])


# --- texts to outcomes --------------------------------------------------------------------
def _columns(keys: Sequence[str]) -> Bits:
    """One line an outcome, the first character in column 0."""
    import numpy as np

    text = "".join(keys)
    widths = set(map(len, keys))
    if len(widths) != 1 or not text:
        raise Unread("measurementProbabilities: its outcomes are of different lengths")
    if text.strip("01"):  # from both ends as far as there is something else, wherever it stands
        raise Unread("measurementProbabilities: it has outcomes that are no bits")
    return np.frombuffer(text.encode(), dtype=np.uint8).reshape(len(keys), -1) - 48


def _matrix(text: bytes) -> Bits:
    """The bits of each shot, of shape (shots, columns)."""
    import numpy as np

    found = _plain(text.translate(None, _SPACE))
    if found is not None:
        return found
    rows = decoded(_lists, text, "measurements")
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise Unread(f"measurements: it has shots of {min(widths)} and of {max(widths)} bits")
    if widths <= {0}:
        raise Unread("measurements: it has shots without bits")
    return np.array(rows, dtype=np.uint8)


def _plain(text: bytes) -> Bits | None:
    """Of a text without blanks; None where it is not `[[0,1],[1,0]]` or `[["0","1"],["1","0"]]` throughout."""
    import numpy as np

    first = text[1 : text.find(b"]") + 1]
    cell = 4 if first[1:2] == b'"' else 2
    columns = (len(first) - 1) // cell
    stride = cell * columns + 2
    if columns < 1 or len(text) % stride != 1:
        return None
    # A line of nothing but zeros, and which bits of each character must be as in it: in a digit all but the last.
    zero = b"0" if cell == 2 else b'"0"'
    form = np.frombuffer(b"[" + b",".join([zero] * columns) + b"],", dtype=np.uint8)
    fixed = np.where(form == ord("0"), 0xFE, 0xFF).astype(np.uint8)
    lines = np.frombuffer(text, dtype=np.uint8, offset=1).reshape(-1, stride) ^ form
    lines[-1, -1] ^= ord(",") ^ ord("]")
    if text[:1] != b"[" or (lines & fixed).any():
        return None
    bits: Bits = lines[:, cell // 2 : -2 : cell]
    return bits


_SPACE = b" \t\r\n"
_qubits = msgspec.json.Decoder(list[Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]])
_distribution = msgspec.json.Decoder(dict[str, Annotated[float, msgspec.Meta(ge=0, le=1)]])
_lists = msgspec.json.Decoder(list[list[Literal[0, 1, "0", "1"]]])
