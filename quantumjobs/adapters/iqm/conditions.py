"""Conditions, as far as IQM has them: a measured bit that is 1, and single-qubit gates under it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quantumjobs.errors import UsageError

if TYPE_CHECKING:
    from qiskit.circuit import Clbit

ADVICE = "IQM runs gates of one qubit where one measured bit is 1, as in `with circuit.if_test((clbit, 1)):`"


def check(operation: Any) -> None:
    """Raises `UsageError` for what is no such condition: other control flow, an else, more than gates inside."""
    if operation.name != "if_else":
        raise UsageError(f"has control flow ({operation.name}), which IQM does not run: unroll loops; {ADVICE}")
    condition(operation)
    body, *others = [block for block in operation.blocks if block is not None]
    if any(len(block.data) for block in others):
        raise UsageError(f"has a condition with an else-branch, which IQM does not run: {ADVICE}")
    if getattr(body, "num_vars", 0):
        raise UsageError(f"has variables inside a condition, which IQM does not run: {ADVICE}")
    for step in body.data:
        if step.name == "barrier":
            continue
        if len(step.qubits) != 1 or step.clbits or step.name in {"reset", "delay"}:
            raise UsageError(f"has {step.name} inside a condition: {ADVICE}")


def condition(operation: Any) -> Clbit:
    """The bit of an `if_else` that must be 1. Raises `UsageError` where it is another condition."""
    given = operation.condition
    found = _alone(*given) if isinstance(given, tuple) else _expression(given)
    if found is None:
        raise UsageError(f"has a condition on more than one bit, or on one that is 0: {ADVICE}")
    return found


def _alone(what: Any, value: Any) -> Clbit | None:
    """A bit, or a register of one bit, that is compared with 1."""
    from qiskit.circuit import ClassicalRegister

    if value != 1:
        return None
    if isinstance(what, ClassicalRegister):
        return what[0] if len(what) == 1 else None
    return what


def _expression(given: Any) -> Clbit | None:
    """The same of Qiskit's expressions."""
    from qiskit.circuit import ClassicalRegister, Clbit
    from qiskit.circuit.classical import expr

    match given:
        case expr.Var(var=Clbit() | ClassicalRegister() as what):
            return _alone(what, 1)
        case expr.Binary(op=expr.Binary.Op.EQUAL, left=expr.Var() as left, right=expr.Value(value=value)):
            return _expression(left) if value == 1 else None
    return None
