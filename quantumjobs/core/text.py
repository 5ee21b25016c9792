"""Text that may come from anywhere, made fit to be shown: no escape sequence survives, no line is too long."""

from __future__ import annotations

from unicodedata import category, east_asian_width


def neutral(text: str, *, unicode: bool = True) -> str:
    r"""The text with every character that a terminal might obey written out, as `\x1b`.

    That is all that is not printable: controls, line ends, marks that change the direction of writing, lone surrogates.
    Without `unicode`, everything outside ASCII too.
    """
    if text.isprintable() and (unicode or text.isascii()):
        return text
    return "".join(
        char if char.isprintable() and (unicode or char.isascii()) else char.encode("unicode_escape").decode()
        for char in text
    )


def one_line(text: str, *, limit: int = 2000, unicode: bool = True) -> str:
    """The text on one line, neutral, and cut off where it is endless."""
    # Cut before the work: a server's answer may have megabytes, and a character is never more than 10 written out.
    line = neutral(" ".join(text[: limit + 1].split()), unicode=unicode)
    return shorten(line, limit, unicode=unicode)


def cells(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(char: str) -> int:
    if category(char) in {"Mn", "Me"}:  # marks on the letter before
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def shorten(text: str, width: int, *, middle: bool = False, unicode: bool = True) -> str:
    """The text in at most `width` columns; what is left out is at the end, or in the middle, and marked."""
    if cells(text) <= width:
        return text
    mark = "…" if unicode else "..."
    if width <= len(mark):
        return mark[: max(0, width)]
    room = width - len(mark)
    tail = room // 2 if middle else 0
    return f"{_head(text, room - tail)}{mark}{_head(text[::-1], tail)[::-1]}"


def _head(text: str, width: int) -> str:
    used = 0
    for at, char in enumerate(text):
        used += _cells(char)
        if used > width:
            return text[:at]
    return text


def left(text: str, width: int) -> str:
    """Padded on the right to so many columns."""
    return text + " " * (width - cells(text))
