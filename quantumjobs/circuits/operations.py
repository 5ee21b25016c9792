"""What an operation of a circuit is: Qiskit's own or somebody's, plain or modified, its controls. Runs in a worker."""

from __future__ import annotations

import functools
from typing import Any


def is_qiskits(operation: Any) -> bool:
    """Qiskit's own, and not one that somebody gave its name."""
    return getattr(operation, "base_class", operation) is qiskits().get(operation.name)


@functools.cache
def qiskits() -> dict[str, Any]:
    """Qiskit's classes, by the names of their instructions."""
    from qiskit.circuit import Barrier
    from qiskit.circuit.library import get_standard_gate_name_mapping

    return {name: one.base_class for name, one in get_standard_gate_name_mapping().items()} | {"barrier": Barrier}


@functools.cache
def gates() -> dict[str, Any]:
    """Those of them that are gates."""
    from qiskit.circuit import Gate

    return {name: found for name, found in qiskits().items() if issubclass(found, Gate)}


def plain(annotated: Any) -> Any:
    """A gate with modifiers as one without: what else an `AnnotatedOperation` means is the same."""
    from qiskit.circuit.annotated_operation import ControlModifier, InverseModifier, PowerModifier

    found = annotated.base_op
    if hasattr(found, "modifiers"):
        found = plain(found)
    for one in annotated.modifiers:
        if isinstance(one, ControlModifier):
            found = found.control(one.num_ctrl_qubits, ctrl_state=one.ctrl_state, annotated=False)
        elif isinstance(one, InverseModifier):
            found = found.inverse()
        elif isinstance(one, PowerModifier):
            found = found.power(one.power)
    return found


def open_state(operation: Any) -> int | None:
    """The controls' state, where not all of them are 1."""
    controls = getattr(operation, "num_ctrl_qubits", 0)
    state = getattr(operation, "ctrl_state", None)
    return state if controls and state is not None and state != (1 << controls) - 1 else None


def closed(operation: Any) -> Any:
    """The same gate where all its controls are 1."""
    made = operation.to_mutable()
    made.ctrl_state = None
    return made
