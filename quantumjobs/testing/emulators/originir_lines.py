"""OriginIR as lines: a word and what follows it; and the ends of blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from quantumjobs.errors import UsageError

MOST_TEXT = 16 << 20
"""Characters of a program."""
MOST_LINES = 1_000_000
_STATEMENT = re.compile(r"([A-Za-z_]\w*+)\s*+(.*)", re.ASCII)
_OPERANDS = re.compile(r"([^()]*+)(?:\((.*)\))?+", re.DOTALL)


class Line(Struct, frozen=True):
    """A statement as it is written."""

    number: int
    word: str
    rest: str

    def error(self, message: str) -> UsageError:
        """What is wrong with it."""
        return UsageError(f"line {self.number}: {message}")


def lines(text: str) -> Iterator[Line]:
    """Those that have a statement. Raises `UsageError`."""
    if len(text) > MOST_TEXT or text.count("\n") > MOST_LINES:
        raise UsageError(f"a program has up to {MOST_TEXT} characters and {MOST_LINES} lines")
    for number, whole in enumerate(text.replace("\r\n", "\n").split("\n"), 1):
        line = whole.partition("//")[0].strip(" \t")
        if not line:
            continue
        found = _STATEMENT.fullmatch(line)
        if found is None:
            raise UsageError(f"line {number}: {line[:40]!r} is no statement of OriginIR")
        yield Line(number, found[1], found[2])


def operands(line: Line) -> tuple[list[str], list[str]]:
    """What is named before the parentheses, and what is in them. Raises `UsageError`."""
    found = _OPERANDS.fullmatch(line.rest)
    if found is None:
        raise line.error(f"{line.rest[:40]!r} are no operands")
    named, angles = listed(found[1]), listed(found[2] or "")
    if found[2] is None:
        return named, angles
    if not named or named.pop() or not angles:  # nothing is between the last comma and the parentheses
        raise line.error(f"{line.rest[:40]!r}: write q[0],(0.5)")
    return named, angles


def listed(text: str) -> list[str]:
    """Separated by commas that stand in no parentheses."""
    found, depth, begin = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            found.append(text[begin:at].strip(" \t"))
            begin = at + 1
    last = text[begin:].strip(" \t")
    return [*found, last] if found or last else []


def end(given: Sequence[Line], begin: int) -> int:
    """Where the block ends that begins there. Raises `UsageError`."""
    word = given[begin].word
    depth = 0
    for at in range(begin, len(given)):
        depth += (given[at].word == word) - (given[at].word == f"END{word}")
        if depth == 0:
            if given[at].rest:
                raise given[at].error(f"END{word} stands alone")
            return at
    raise given[begin].error(f"{word} without END{word}")


def count(line: Line, most: int) -> int:
    """The number after QINIT or CREG. Raises `UsageError`."""
    if not line.rest.isascii() or not line.rest.isdecimal() or int(line.rest[:9]) > most:
        raise line.error(f"{line.word} needs a number up to {most}")
    return int(line.rest)
