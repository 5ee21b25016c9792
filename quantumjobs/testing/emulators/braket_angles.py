"""Angles in OpenQASM 3: numbers, pi and its like, inputs, and arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from quantumjobs.errors import UsageError

_CONSTANTS = {"pi": math.pi, "π": math.pi, "tau": math.tau, "τ": math.tau, "euler": math.e, "ℇ": math.e}
_FUNCTIONS: Mapping[str, Callable[..., float]] = {
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "arcsin": math.asin,
    "arccos": math.acos,
    "arctan": math.atan,
}
_OPERATORS: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
    "**": math.pow,
}


def value(expression: Any, names: Mapping[str, float]) -> float:
    """Of a node of the parser's tree. Raises `UsageError`."""
    try:
        found = _value(expression, names)
        if not math.isfinite(found):
            raise ValueError
    except UsageError:
        raise
    except (ValueError, TypeError, ZeroDivisionError, OverflowError, RecursionError):
        raise UsageError("an expression has no value") from None
    return found


def _value(one: Any, names: Mapping[str, float]) -> float:
    from openqasm3 import ast

    match one:
        case ast.IntegerLiteral() | ast.FloatLiteral():
            found: float = one.value
            return found
        case ast.Identifier():
            known = {**_CONSTANTS, **names}
            if one.name not in known:
                raise UsageError(f"Undefined key: {one.name}")
            return known[one.name]
        case ast.UnaryExpression() if one.op.name == "-":
            return -_value(one.expression, names)
        case ast.BinaryExpression() if one.op.name in _OPERATORS:
            return _OPERATORS[one.op.name](_value(one.lhs, names), _value(one.rhs, names))
        case ast.FunctionCall() if one.name.name in _FUNCTIONS:
            return _FUNCTIONS[one.name.name](*(_value(argument, names) for argument in one.arguments))
    raise UsageError(f"{type(one).__name__} is not supported in an expression")
