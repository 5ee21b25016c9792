"""`abc.Circuit`s to Qiskit's circuits. Runs in a worker: parsing and reading files take their time."""

from __future__ import annotations

import functools
import io
import os
import pickle
import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from quantumjobs.abc import Circuit
from quantumjobs.circuits import qasm
from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

MOST_BYTES = 512 << 20
OLDEST_QPY = 13
"""Older files keep expressions in a form whose reader could be made to run code."""
_MAGIC = b"QISKIT"
_SUFFIX = ".originir"
_ORIGINIR = re.compile(r"(?:\s|//[^\n]*\n)*+QINIT\b")
_ONLY_THERE = "this is OriginIR, which only originq takes; OpenQASM is taken everywhere"

_SMALL = 16 * 1024  # bytes


def load(circuit: Circuit) -> list[QuantumCircuit]:
    """The circuits of one item; a QPY file may hold several.

    Raises `UsageError` naming the file or the item, the line where there is one, and what to do.
    """
    match circuit.form:
        case "qpy":
            label = circuit.label or "the QPY data"
            return list(_small_qpy(circuit.body, label)) if len(circuit.body) <= _SMALL else _qpy(circuit.body, label)
        case "qasm":
            text, label = circuit.body.decode(), circuit.label or "the OpenQASM text"
            if _ORIGINIR.match(text):
                raise UsageError(f"{circuit.label or 'the text'}: {_ONLY_THERE}")
            return [_named(qasm.parse(text, label), "circuit")]
        case "path":
            return _file(os.fsdecode(circuit.body), circuit.label)
        case "pickle":
            return [_pickle(circuit)]
        case "barred":
            raise UsageError(
                f"{circuit.label or 'the circuit'}: it was a pickle, which is never read from a file of exported jobs; "
                "the ledger it came from still has it"
            )
    raise UsageError(f"{circuit.label or 'the circuit'}: unknown form {circuit.form!r}")


def originir(circuit: Circuit) -> str | None:
    """The text of an item that is OriginIR: a text that begins so, or a `.originir` file; None for all else.

    Raises `UsageError` where the file cannot be read.
    """
    if circuit.form == "qasm":
        text = circuit.body.decode()
    elif circuit.form == "path" and os.fsdecode(circuit.body).lower().endswith(_SUFFIX):
        text = text_of(os.fsdecode(circuit.body), circuit.label)
        if not _ORIGINIR.match(text):
            raise UsageError(f"{circuit.label}: this is no OriginIR: it does not begin with QINIT")
    else:
        return None
    return text if _ORIGINIR.match(text) else None


def dump(circuit: QuantumCircuit) -> bytes:
    """QPY of one circuit."""
    from qiskit import qpy

    file = io.BytesIO()
    qpy.dump(circuit, file)
    return file.getvalue()


def _qpy(body: bytes, label: str) -> list[QuantumCircuit]:
    from qiskit import qpy

    if not body.startswith(_MAGIC) or len(body) < 20:
        raise UsageError(f"{label}: not a QPY file")
    version = body[len(_MAGIC)]
    if version < OLDEST_QPY:
        raise UsageError(
            f"{label}: QPY format {version} is refused for safety, the oldest accepted is {OLDEST_QPY}: "
            "load the file with the Qiskit that wrote it and save it again with a newer one"
        )
    try:
        circuits = qpy.load(io.BytesIO(body))
    except MemoryError:
        raise UsageError(f"{label}: the QPY file is damaged, or too large for this machine") from None
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        text = "it ends too early" if isinstance(error, struct.error) else _short(error)
        newest = qpy.common.QPY_VERSION
        hint = f" (its format {version} is newer than {newest}: update qiskit)" if version > newest else ""
        raise UsageError(f"{label}: the QPY file cannot be read: {text}{hint}") from error
    return list(circuits)


_small_qpy = functools.lru_cache(maxsize=256)(_qpy)  # the same circuits come again and again; nobody changes them


def _short(error: BaseException) -> str:
    """The first sentence; Qiskit's binary reader adds a coloured trace of what it was reading."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(getattr(error, "message", error)))
    lines = [line.strip() for line in text.splitlines() if line.strip() and "Backtrace" not in line]
    return f"{type(error).__name__}: {' '.join(lines[:2])}"


def _file(path: str, label: str) -> list[QuantumCircuit]:
    if path.lower().endswith(".qpy"):
        return _qpy(_read(path, label, MOST_BYTES), label)
    if path.lower().endswith(_SUFFIX):
        raise UsageError(f"{label}: {_ONLY_THERE}")
    text = text_of(path, label)
    return [_named(qasm.parse(text, label), Path(path).stem)]


def text_of(path: str, label: str) -> str:
    """The text of a file. Raises `UsageError` where it cannot be read, is too large, or is no text."""
    return _text(_read(path, label, qasm.MOST_BYTES), label)


def _read(path: str, label: str, limit: int) -> bytes:
    try:
        with open(path, "rb", opener=_plainly) as file:
            body = file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{label}: cannot be read: {error.strerror or error}") from error
    if len(body) > limit:
        raise UsageError(f"{label}: larger than the limit of {limit:,} bytes")
    return body


def _text(body: bytes, label: str) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{label}: not text in UTF-8 (byte {error.start})") from error


def _named(circuit: QuantumCircuit, name: str) -> QuantumCircuit:
    """Instead of the name a parser makes up, which differs from one process to the next."""
    circuit.name = name
    return circuit


def _plainly(path: str, flags: int) -> int:
    """Open without waiting for ever where the name is that of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _pickle(circuit: Circuit) -> QuantumCircuit:
    # Only circuits that the user's own process serialised come in this form, never files.
    label = circuit.label or "the circuit"
    try:
        loaded = pickle.loads(circuit.body)  # noqa: S301 - see above
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"{label}: a worker cannot import what it is made of ({error}): define the class in a module, "
            "not in the main script or a notebook cell"
        ) from error
    from qiskit import QuantumCircuit

    if not isinstance(loaded, QuantumCircuit):
        raise UsageError(f"{label}: not a circuit: {type(loaded).__qualname__}")
    return loaded
