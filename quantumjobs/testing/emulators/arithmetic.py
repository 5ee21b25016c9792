"""Angles as programs write them, read as pyqpanda3 reads them: numbers, pi, + - * / ^ and parentheses."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from quantumjobs.errors import UsageError

_LONGEST = 1000
"""Characters of an expression."""
_DEEPEST = 50
"""Parentheses within parentheses."""
_CONSTANTS = {"pi": math.pi, "PI": math.pi}
# A minus right before a digit belongs to the number, whatever comes before: "2-1" is two numbers, and refused, as there;
# "2 - 1" is not.
_TOKEN = re.compile(r"(?:-?\d++(?:\.\d*+)?+|\.\d++)(?:[eE][+-]?\d++)?+(?![\w.])|[A-Za-z_]\w*+|[-+*/^()]", re.ASCII)


def evaluate(text: str, names: Mapping[str, float], line: int) -> float:
    """The value. Raises `UsageError` that names the line."""
    try:
        if len(text) > _LONGEST:
            raise ValueError(text)
        value = _Expression(text, {**_CONSTANTS, **names}).value()
        if not math.isfinite(value):
            raise ValueError(text)
    except (ValueError, ZeroDivisionError, OverflowError):
        raise UsageError(f"line {line}: {text.strip()[:40]!r} is no angle") from None
    return value


class _Expression:
    """Read from left to right; equal operators group to the left, powers too."""

    def __init__(self, text: str, names: Mapping[str, float]) -> None:
        self._tokens = [*_tokens(text), ""]
        self._names = names
        self._at = 0
        self._depth = 0

    def value(self) -> float:
        value = self._sum()
        if self._tokens[self._at]:
            raise ValueError(self._tokens[self._at])
        return value

    def _next(self, expected: str) -> str:
        """The next token, if it is one of these; else none is taken."""
        token = self._tokens[self._at]
        if token and token in expected:
            self._at += 1
            return token
        return ""

    def _sum(self) -> float:
        value = self._product()
        while operator := self._next("+-"):
            value += self._product() if operator == "+" else -self._product()
        return value

    def _product(self) -> float:
        value = self._power()
        while operator := self._next("*/"):
            other = self._power()
            value = value * other if operator == "*" else value / other
        return value

    def _power(self) -> float:
        negative = self._next("-")  # of the whole power; further ones are of its base
        value = self._sign() * self._atom()
        while self._next("^"):
            value = math.pow(value, self._sign() * self._atom())  # which refuses what would be complex
        return -value if negative else value

    def _sign(self) -> float:
        sign = 1.0
        while self._next("-"):
            sign = -sign
        return sign

    def _atom(self) -> float:
        if self._next("("):
            self._depth += 1
            if self._depth > _DEEPEST:
                raise ValueError("too deep")
            value = self._sum()
            self._depth -= 1
            if not self._next(")"):
                raise ValueError("no end")
            return value
        token = self._tokens[self._at]
        self._at += 1
        if token[:1].isalpha() or token[:1] == "_":
            if token not in self._names:
                raise ValueError(token)  # Python would take "inf" for a number
            return self._names[token]
        return float(token)


def _tokens(text: str) -> list[str]:
    found = []
    at = 0
    while at < len(text):
        if text[at] in " \t":
            at += 1
            continue
        token = _TOKEN.match(text, at)
        if token is None:
            raise ValueError(text[at:])
        found.append(token[0])
        at = token.end()
    return found
