"""Keys of results: numbers in one of three historical forms, of the measured bits or of all, to a circuit's clbits."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from quantumjobs.adapters.originq.answers import Unread

_HEXADECIMAL = re.compile(r"0x[0-9a-f]+", re.ASCII)
_BITS = frozenset("01")
_DECIMALS = frozenset("0123456789")
_LONGEST = 100_000
"""Characters of a key that are read."""


def numbers(keys: Sequence[Any], widths: Sequence[int]) -> tuple[list[int], int | None]:
    """The keys' values, and the bits that a binary text shows; None for other forms.

    `widths`: how many bits an outcome may have. Forms: "0x1f" in any case, "0101", and decimal, of which pyqpanda3 knows
    the first two. A binary text is as long as an outcome, or begins with a 0 as no decimal number does; where both are
    possible nevertheless, and differ, nobody can tell. Raises `Unread`.
    """
    texts = [str(key).strip().lower().replace(" ", "") for key in keys if isinstance(key, (str, int))]
    if (
        len(texts) < len(keys)
        or any(isinstance(key, bool) for key in keys)
        or max(map(len, texts), default=0) > _LONGEST
    ):
        raise Unread("the result has keys that are no outcomes")
    if texts and all(map(_HEXADECIMAL.fullmatch, texts)):
        return [int(text, 16) for text in texts], None
    if not all(text and _DECIMALS.issuperset(text) for text in texts):
        raise Unread("the result has keys of several forms, or of one that nobody knows")
    lengths = set(map(len, texts))
    if all(_BITS.issuperset(text) for text in texts) and all(isinstance(key, str) for key in keys):
        padded = len(lengths) == 1 and any(len(text) > 1 and text[0] == "0" for text in texts)
        if not widths or lengths <= set(widths) or padded:
            return [int(text, 2) for text in texts], max(lengths, default=0) if len(lengths) == 1 else None
        decimal, binary = [int(text) for text in texts], [int(text, 2) for text in texts]
        fits = [found for found in (binary, decimal) if max(found).bit_length() <= max(widths)]
        if not fits or any(one != fits[0] for one in fits):
            raise Unread("the result's keys may be binary or decimal, and which is not to be told")
        return fits[0], None
    if max(lengths) > 4000:  # of which Python makes no number
        raise Unread("the result has keys that are no outcomes")
    return [int(text) for text in texts], None


def placed(
    measured: Sequence[tuple[int, int]], wholes: Collection[int], *, size: int | None, text: int | None, seen: int
) -> Callable[[int], int]:
    """From a key's value to that of the circuit's clbits.

    `measured`: (bit of the program, clbit of the circuit), ascending. Keys have the measured bits alone, as those of
    pyqpanda3's simulators, or all of the program's, which are as many as one of `wholes`. Which it is, the bits that
    were `seen` set in any key tell; where both are possible, the length of a binary `text`, then `size`
    (measureQubitSize). Raises `Unread` where neither is.
    """
    some = len(measured)
    fits = not seen >> some
    whole = not seen & ~sum(1 << bit for bit, _ in measured)
    if not (fits or whole):
        raise Unread(f"the result has an outcome of {seen.bit_length()} bits, and {some} were measured")
    length = text if text in (some, *wholes) else size
    every = whole and (not fits or (length != some and length in wholes))
    moves = [(bit if every else at, clbit) for at, (bit, clbit) in enumerate(measured)]
    if all(here == there for here, there in moves) and not every:
        return lambda value: value
    return lambda value: sum(1 << there for here, there in moves if value >> here & 1)
