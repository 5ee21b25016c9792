"""Counts as a bar chart made of text."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import nsmallest
from typing import NamedTuple

from quantumjobs.core.text import cells, left, neutral, shorten

TOP = 16
WIDEST_BAR = 40
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEAST_LABEL = 8
# What is drawn where there is room for it, from everything to the bare numbers: (share of the shots?, least bar).
_LAYOUTS = ((True, 8), (False, 4), (False, 0))


class Bar(NamedTuple):
    """One outcome's line, each piece padded to its column; `bar` and `share` are empty where there is no room."""

    label: str
    bar: str
    number: str
    share: str

    def __str__(self) -> str:
        return "  ".join(piece for piece in self if piece)


class Chart(NamedTuple):
    """The lines of a chart, and a last one that says what was left out (empty when nothing was)."""

    bars: tuple[Bar, ...]
    rest: str

    def __str__(self) -> str:
        return "\n".join([*map(str, self.bars), *([self.rest] if self.rest else [])])


def counts_chart(counts: Mapping[str, int], width: int = 80, top: int = TOP, *, unicode: bool = True) -> str:
    """The most frequent outcomes as bars, the longest for the first, and how many more there are.

        >>> print(counts_chart({"00": 503, "11": 497}, width=40))
        00  █████████████████  503  50.3 %
        11  ████████████████▊  497  49.7 %

    No line is wider than `width` columns, if the numbers themselves are not: where there is less room, the shares go
    first, then the bars, and labels are shortened in the middle. Equally frequent outcomes stand in ascending order.
    Without `unicode` everything is ASCII.
    """
    return str(counts_bars(counts, width, top, unicode=unicode))


def counts_bars(counts: Mapping[str, int], width: int = 80, top: int = TOP, *, unicode: bool = True) -> Chart:
    """`counts_chart` in pieces, for those who colour them."""
    if not counts:
        return Chart((), shorten("no outcomes", width, unicode=unicode))
    total = sum(counts.values())
    shown = nsmallest(max(1, top), counts.items(), key=lambda item: (-item[1], item[0]))
    labels = [neutral(label, unicode=unicode) for label, _ in shown]
    numbers = [str(number) for _, number in shown]
    shares = [_percent(number, total) for _, number in shown]
    label_width, bar_width, with_share = _layout(
        width, max(map(cells, labels)), max(map(len, numbers)), max(map(len, shares))
    )
    longest = shown[0][1]
    bars = tuple(
        Bar(
            left(shorten(label, label_width, middle=True, unicode=unicode), label_width),
            left(_bar(number, longest, bar_width, unicode=unicode), bar_width),
            digits.rjust(max(map(len, numbers))),
            share.rjust(max(map(len, shares))) if with_share else "",
        )
        for label, (_, number), digits, share in zip(labels, shown, numbers, shares, strict=True)
    )
    more = len(counts) - len(shown)
    if not more:
        return Chart(bars, "")
    others = total - sum(number for _, number in shown)
    rest = f"and {more} more outcome{'s' if more > 1 else ''}, together {others} ({_percent(others, total)})"
    return Chart(bars, shorten(rest, width, unicode=unicode))


def _layout(width: int, label: int, number: int, share: int) -> tuple[int, int, bool]:
    """Columns for the labels and for the bars, and whether the shares are shown."""
    room = 0
    for with_share, least_bar in _LAYOUTS:
        room = width - (number + 2) - (share + 2 if with_share else 0)
        for_label = room - (least_bar + 2 if least_bar else 0)
        if for_label >= min(label, _LEAST_LABEL):
            label = min(label, for_label)
            return label, min(WIDEST_BAR, room - label - 2) if least_bar else 0, with_share
    return max(1, min(label, room)), 0, False


def _bar(number: int, longest: int, width: int, *, unicode: bool) -> str:
    """What occurred at all has a bar that can be seen."""
    if number <= 0 or width <= 0:
        return ""
    if not unicode:
        return "#" * max(1, round(width * number / longest))
    whole, eighths = divmod(max(1, round(8 * width * number / longest)), 8)
    return "█" * whole + (_EIGHTHS[eighths] if eighths else "")


def _percent(number: int, total: int) -> str:
    return f"{100 * number / total:.1f} %" if total else "0.0 %"
