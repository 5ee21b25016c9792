"""What the user may give as circuits, turned into `abc.Circuit`s. Runs in the loop's process, so it is cheap.

Objects are serialised, everything else is only named: text is not parsed and files are not read here. qiskit is never
imported: where it is not loaded, no object can be one of its circuits.
"""

from __future__ import annotations

import asyncio
import importlib
import io
import os
import pickle
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quantumjobs.abc import Circuit
from quantumjobs.circuits.look import CONTROL_FLOW
from quantumjobs.errors import UsageError

SUFFIXES = (".qasm", ".qasm2", ".qasm3", ".qpy", ".originir")
ACCEPTED = (
    "a QuantumCircuit, OpenQASM 2 or 3 text, the path of a .qasm or .qpy file (str or pathlib.Path), "
    "bytes of a QPY file, for originq also OriginIR (text, or a .originir file), or a list of these"
)
QPY_MAGIC = b"QISKIT"

# Only a header, a statement's end or a line's end makes text of a string: a path has none of them.
_TEXT = re.compile(r"OPENQASM|[;\n]")


def is_list(given: object) -> bool:
    """Several circuits (perhaps none, perhaps one), not a single one."""
    return isinstance(given, (list, tuple))


async def take(given: object) -> tuple[Circuit, ...]:
    """All circuits of what the user gave; other tasks run between the items of a list.

    Raises `UsageError` naming the item and its type, and what is accepted.
    """
    taken = []
    for circuit in each(given):
        taken.append(circuit)
        if is_list(given):
            await asyncio.sleep(0)
    return tuple(taken)


def each(given: object) -> Iterator[Circuit]:
    """The circuits one by one, each serialised when it is asked for."""
    if isinstance(given, (list, tuple)):
        for place, item in enumerate(given):
            yield one(item, f"circuits[{place}]")
    else:
        yield one(given)


def one(item: object, label: str = "") -> Circuit:
    """A single circuit. `label` is its place in a list, for messages."""
    if isinstance(item, str):
        if _TEXT.search(item):
            return Circuit("qasm", item.encode(errors="replace"), label)
        return _path(item, label)
    if isinstance(item, os.PathLike):
        return _path(os.fsdecode(item), label)
    if isinstance(item, (bytes, bytearray, memoryview)):
        body = bytes(item)
        if not body.startswith(QPY_MAGIC):
            raise UsageError(f"{_prefix(label)}these {len(body)} bytes are no QPY file; accepted: {ACCEPTED}")
        return Circuit("qpy", body, label)
    kind = getattr(sys.modules.get("qiskit.circuit"), "QuantumCircuit", None)
    if kind is not None and isinstance(item, kind):
        return _serialise(item, label)
    advice = "give one flat list" if is_list(item) else f"accepted: {ACCEPTED}"
    raise UsageError(f"{_prefix(label)}not a circuit: {type(item).__module__}.{type(item).__qualname__}; {advice}")


def needs_pickle(circuit: Any) -> bool:
    """True when QPY would lose something: instructions of qiskit_aer, or the units of delays (Qiskit's issue 10662).

    Both are looked for inside control flow, too.
    """
    return _has_units(circuit) or ("qiskit_aer" in sys.modules and _has_aer_instructions(circuit))


def _path(text: str, label: str) -> Circuit:
    if not text.lower().endswith(SUFFIXES):
        shown = text if len(text) <= 80 else f"{text[:77]}..."
        raise UsageError(
            f"{_prefix(label)}{shown!r} is neither OpenQASM text (no OPENQASM header, no ';') "
            f"nor the path of a {' or '.join(SUFFIXES)} file"
        )
    path = str(Path(text).expanduser().absolute())
    return Circuit("path", os.fsencode(path), f"{label} ({path})" if label else path)


def _serialise(circuit: Any, label: str) -> Circuit:
    try:
        if needs_pickle(circuit):
            return Circuit("pickle", pickle.dumps(circuit, protocol=5), label)
        file = io.BytesIO()
        importlib.import_module("qiskit.qpy").dump(circuit, file)  # older ones do not load it with qiskit
    except Exception as error:
        raise UsageError(
            f"{_prefix(label)}circuit {circuit.name!r} cannot be serialised: {type(error).__name__}: {error} "
            "(metadata must be JSON: text, numbers, lists and dicts)"
        ) from error
    return Circuit("qpy", file.getvalue(), label)


def _has_units(circuit: Any) -> bool:
    names = circuit.count_ops().keys()
    if "delay" in names and any(step.name == "delay" and step.operation.unit != "dt" for step in circuit.data):
        return True
    if CONTROL_FLOW.isdisjoint(names):
        return False
    blocks = (block for step in circuit.data if step.name in CONTROL_FLOW for block in step.operation.blocks)
    return any(_has_units(block) for block in blocks)


def _has_aer_instructions(circuit: Any) -> bool:
    odd = circuit.count_ops().keys() - _COMMON
    if not odd:
        return False
    for instruction in circuit.data:
        if instruction.name not in odd:
            continue
        operation = instruction.operation
        if str(type(operation).__module__).startswith("qiskit_aer"):  # a class made by compiled code may have no module
            return True
        inner = [*getattr(operation, "blocks", ()), getattr(operation, "_definition", None)]
        if any(block is not None and _has_aer_instructions(block) for block in inner):
            return True
    return False


def _prefix(label: str) -> str:
    return f"{label}: " if label else ""


# Instructions that are what they seem; a circuit of these alone needs no closer look.
_COMMON = frozenset({
    "barrier", "ccx", "ccz", "ch", "cp", "crx", "cry", "crz", "cs", "csdg", "cswap", "csx", "cu", "cu1", "cu3",
    "cx", "cy", "cz", "dcx", "delay", "ecr", "h", "id", "iswap", "measure", "p", "r", "rccx", "reset", "rx", "rxx",
    "ry", "ryy", "rz", "rzx", "rzz", "s", "sdg", "swap", "sx", "sxdg", "t", "tdg", "u", "u1", "u2", "u3", "x",
    "xx_minus_yy", "xx_plus_yy", "y", "z",
})  # fmt: skip
