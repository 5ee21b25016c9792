"""Columns of text, made to fit."""

from __future__ import annotations

from collections.abc import Sequence

from quantumjobs.display import cells, one_line, shorten

_GAP = 2
_LEAST = 8


def table(
    rows: Sequence[Sequence[str]], *, room: int | None = None, may_shrink: Sequence[int] = (), unicode: bool = True
) -> list[str]:
    """Lines with the rows' cells below each other, harmless to a terminal; a column that is empty below its head is left out.

    The first row is the head. Where a line would be longer than `room`, the widest of the columns in `may_shrink` is
    made narrower, as often as needed and possible.
    """
    clean = [[one_line(cell, unicode=unicode) for cell in row] for row in rows]
    kept = [at for at in range(len(clean[0])) if len(clean) == 1 or any(row[at] for row in clean[1:])]
    clean = [[row[at] for at in kept] for row in clean]
    widths = [max(map(cells, column)) for column in zip(*clean, strict=True)]
    _shrink(widths, [kept.index(at) for at in may_shrink if at in kept], room)
    return [
        "  ".join(_padded(cell, width, unicode) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in clean
    ]


def _shrink(widths: list[int], may: Sequence[int], room: int | None) -> None:
    while room is not None and sum(widths) + _GAP * (len(widths) - 1) > room:
        widest = max(may, key=lambda at: widths[at], default=None)
        if widest is None or widths[widest] <= _LEAST:
            return
        widths[widest] -= 1


def _padded(cell: str, width: int, unicode: bool) -> str:
    fitted = shorten(cell, width, middle=True, unicode=unicode)
    return fitted + " " * (width - cells(fitted))


def pairs(facts: Sequence[tuple[str, str]], *, indent: int = 2, unicode: bool = True) -> list[str]:
    """Lines of a name and its text each, without those whose text is empty."""
    shown = [(name, one_line(text, unicode=unicode)) for name, text in facts if text]
    width = max((len(name) for name, _ in shown), default=0)
    return [f"{' ' * indent}{name.ljust(width)}  {text}" for name, text in shown]
