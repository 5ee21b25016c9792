"""Angles as programs write them: numbers, pi, + - * / ^ and parentheses. Nothing is run that could do more."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping

from quantumjobs.errors import UsageError

_LONGEST = 1000
"""Characters of an expression."""
_CONSTANTS = {"pi": math.pi, "PI": math.pi}
_BINARY: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.BitXor: operator.pow,
}


def evaluate(text: str, names: Mapping[str, float], line: int) -> float:
    """The value. Raises `UsageError` that names the line."""
    try:
        if len(text) > _LONGEST:
            raise ValueError(text)
        value = _value(ast.parse(text.strip(), mode="eval").body, {**_CONSTANTS, **names})
        if not math.isfinite(value):
            raise ValueError(text)
    except (SyntaxError, TypeError, ValueError, ZeroDivisionError, OverflowError, RecursionError, MemoryError):
        raise UsageError(f"line {line}: {text.strip()[:40]!r} is no angle") from None
    return value


def _value(node: ast.AST, names: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return float(value)
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, names)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, names)
        case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _BINARY:
            return _BINARY[type(operation)](_value(left, names), _value(right, names))
    raise ValueError(ast.dump(node)[:40])
