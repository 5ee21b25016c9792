"""Values as lists, texts and exact numbers: equal where they mean the same, whatever process or type they came from.

For `canonical`: gates' parameters, conditions, expressions, arrays, and what objects of Qiskit and Aer hold. Runs in a
worker.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from quantumjobs.errors import UsageError

encode = msgspec.msgpack.Encoder(order="deterministic").encode

_WHOLE = 1 << 53  # up to here a float says every whole number
_PASSED_OVER = frozenset({"_id", "_definition", "_duration", "_unit", "_cache"})
_NODE = ("op", "left", "right", "operand", "target", "index", "value", "start", "stop", "step")  # of expressions


class Scope(NamedTuple):
    """Where a value stands."""

    circuit: Callable[[Any, Scope], list[Any]]
    """How a circuit is written that is a value itself."""
    bits: Mapping[Any, int] = {}
    """Each bit's place."""
    loops: Mapping[Any, Any] = {}
    """Parameters of the loops around, which counters named, and what they are called here."""
    labels: bool = False


def plain(value: Any, circuit: Callable[[Any, Scope], list[Any]] = lambda _, __: []) -> Any:
    """A value that stands in no circuit: options, metadata, a noise model."""
    return value_of(value, Scope(circuit))


def value_of(value: Any, scope: Scope) -> Any:
    """Any value. Raises `UsageError` for an object without a form that another process would find again."""
    if value is None or isinstance(value, (bool, str, bytes)):
        return value
    if isinstance(value, (int, float, complex)):
        return _number(value)
    if isinstance(value, (list, tuple)):
        return [value_of(item, scope) for item in value]
    if isinstance(value, range):
        return ["range", len(value), *([value[0], value[-1]] if value else [])]
    if isinstance(value, Mapping):
        pairs = [[value_of(key, scope), value_of(item, scope)] for key, item in value.items()]
        return ["map", *sorted(pairs, key=encode)]
    if isinstance(value, (set, frozenset)):
        return ["set", *sorted((value_of(item, scope) for item in value), key=encode)]
    return _object(value, scope)


def thing(value: Any, scope: Scope) -> list[Any]:
    """An object by its class and what it holds, but for ids and what is derived."""
    kind = type(value)
    name = kind.__qualname__  # not the module: classes move from one version to the next
    if isinstance(value, UUID):
        return ["uuid"]
    if isinstance(value, enum.Enum):
        return [name, value.name]
    slots = [slot for cls in kind.__mro__ for slot in _listed(getattr(cls, "__slots__", ()))]
    found = {slot: getattr(value, slot) for slot in slots if hasattr(value, slot)} | getattr(value, "__dict__", {})
    if found:
        kept = sorted((key, item) for key, item in found.items() if key not in _PASSED_OVER)
        return [name, *([key, value_of(item, scope)] for key, item in kept)]
    shown = repr(value)
    if " at 0x" in shown:
        raise UsageError(f"key=: {name} has no form that another process would find again; leave out key=")
    return [name, shown]


def _object(value: Any, scope: Scope) -> Any:
    import numpy as np
    from qiskit.circuit import Bit, ParameterExpression, QuantumCircuit, Register
    from qiskit.circuit.classical import expr

    if isinstance(value, Bit):
        return ["bit", scope.bits.get(value)]
    if isinstance(value, Register):
        return ["register", *(scope.bits.get(bit) for bit in value)]
    if isinstance(value, expr.Expr):
        return _node(value, scope)
    if isinstance(value, ParameterExpression):
        return _expression(value, scope)
    if isinstance(value, np.generic):
        return value_of(value.item(), scope)
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "biufc":
            return ["array", list(value.shape), (value.astype(np.complex128) + 0.0).tobytes()]
        return ["array", list(value.shape), value_of(value.tolist(), scope)]
    if isinstance(value, QuantumCircuit):
        return ["circuit", *scope.circuit(value, scope)]
    return thing(value, scope)


def _node(node: Any, scope: Scope) -> list[Any]:
    """A classical expression. A variable is called what it is called: its uuid is drawn anew in each process."""
    kind = type(node).__name__
    name = getattr(node, "name", None)
    if name is not None:
        return [kind, repr(node.type), name]
    fields = [[field, _field(getattr(node, field), scope)] for field in (*_NODE, "var") if hasattr(node, field)]
    return [kind, repr(node.type), *fields]


def _field(value: Any, scope: Scope) -> Any:
    return value.name if type(value).__name__ == "Op" else value_of(value, scope)


def _expression(expression: Any, scope: Scope) -> Any:
    if not expression.parameters:
        return value_of(expression.numeric(), scope)
    renamed = {old: new for old, new in scope.loops.items() if old in expression.parameters}
    if renamed:
        expression = expression.subs(renamed)
    names = sorted(parameter.name for parameter in expression.parameters)
    return ["expression", str(expression), *names]  # Qiskit writes every digit, and terms in one order


def _listed(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _number(value: Any) -> Any:
    """Equal numbers are one number, whatever their type: `rz(1)` is `rz(1.0)`, and -0.0 is 0."""
    if isinstance(value, int):
        return float(value) if abs(value) <= _WHOLE else ["int", str(value)]
    if isinstance(value, complex):
        real, imaginary = float(value.real) + 0.0, float(value.imag) + 0.0
        return ["complex", real, imaginary] if imaginary else real
    return float(value) + 0.0
