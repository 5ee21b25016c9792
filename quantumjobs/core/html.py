"""Jobs, results and progress as HTML, for notebooks.

Every text in it may come from a user or from a server. All of it is on one line, cut where it is endless, neutral as
for a terminal, escaped, and inside `<code>`, where no notebook looks for formulas: `$` and a backslash stay what they
are. There are no scripts, links or classes; styles are inline and take their colours from the page, light or dark.
What is returned is small, whatever it is made from, and valid UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from quantumjobs.core.text import one_line, shorten

if TYPE_CHECKING:
    from quantumjobs.core.records import Snapshot

OUTCOMES = 16
"""Outcomes shown of one circuit."""
CIRCUITS = 20
"""Circuits shown of one result."""
BRIEFLY = 4
"""Outcomes shown of one circuit among several."""

_SAVED = 10  # saved values shown
_REGISTERS = 8
_NAME = 120  # characters
_MESSAGE = 400
_OUTCOME = 64

_PLAIN = "padding:0;background:none;color:inherit;font-size:inherit;unicode-bidi:isolate;overflow-wrap:anywhere"
_PROSE = f"font-family:inherit;{_PLAIN}"
_LEFT = "text-align:left;vertical-align:top;padding:1px 8px"
_RIGHT = "text-align:right;vertical-align:top;padding:1px 8px"
_TABLE = "border-collapse:collapse;border:none;margin:2px 0"
_FAINT = "opacity:0.7"


class Row(NamedTuple):
    """One bar: `done` of `total`, or, with a `total` of 0, one that nobody knows the length of."""

    label: str
    note: str
    done: int
    total: int


class Outcomes(NamedTuple):
    """The most frequent outcomes first; `kinds` and `shots` count those that are not shown too."""

    top: Sequence[tuple[str, int]]
    kinds: int
    shots: int


class Circuit(NamedTuple):
    """What is shown of one circuit's result."""

    name: str
    shots: int
    clbits: int = 0
    registers: Sequence[tuple[str, int]] = ()
    seed: int | None = None
    error: str | None = None
    outcomes: Outcomes | None = None
    saved: Mapping[Any, Any] = {}
    note: str = ""
    """What is not shown, and why."""


# --- jobs -------------------------------------------------------------------------------
def job(
    snapshot: Snapshot, *, backend: str, name: str | None = None, error: str = "", created_at: float | None = None
) -> str:
    """One job at one moment. `error`: what is wrong with it, if anything is. Times are seconds since the epoch."""
    progress = snapshot.progress
    moment = _moment(snapshot.at)
    facts = [
        ("name", _prose(name or "")),
        ("backend", _prose(backend)),
        ("state", f"<b>{snapshot.state}</b>{f' since {moment}' if moment else ''}"),
        ("provider says", _prose(snapshot.raw_status)),
        ("ahead in the queue", "" if snapshot.queue_position is None else _prose(str(snapshot.queue_position))),
        ("circuits", _meter(Row("circuits", "", progress.done, progress.total)) if progress.total > 1 else ""),
        ("expected", _moment(snapshot.eta)),
        ("reason", "" if snapshot.reason in error else _prose(snapshot.reason, _MESSAGE)),
        ("error", _prose(error, _MESSAGE)),
        ("submitted", _moment(created_at)),
    ]
    rows = [
        f'<tr><th scope="row" style="{_LEFT};font-weight:normal;{_FAINT}">{what}</th>'
        f'<td style="{_LEFT}">{fact}</td></tr>'
        for what, fact in facts
        if fact
    ]
    return _block(f"<b>Job</b> {_code(snapshot.id[:8])}", _table(rows))


def bars(rows: Iterable[Row], below: str = "") -> str:
    """Bars under each other, and a line of text below them."""
    lines = [
        f'<tr><td style="{_LEFT}">{_prose(row.label)}</td><td style="{_LEFT}">{_meter(row)}</td>'
        f'<td style="{_LEFT}">{_prose(row.note)}</td></tr>'
        for row in rows
    ]
    return _block(_table(lines), _faint(_prose(below)) if below else "")


# --- results ----------------------------------------------------------------------------
def circuit(what: Circuit, *, title: str = "CircuitResult") -> str:
    """One circuit's result: its outcomes as a table with bars, and the labels of what else was saved."""
    facts = [f"<b>{escape(title)}</b>", _prose(what.name), f"{what.shots} shots"]
    if what.clbits:
        facts.append(f"{what.clbits} clbits{_registers(what.registers)}")
    if what.seed is not None:
        facts.append(f"seed {what.seed}")
    return _block(
        " · ".join(fact for fact in facts if fact),
        "" if what.error is None else f"<b>failed:</b> {_prose(what.error, _MESSAGE)}",
        "" if what.outcomes is None else _histogram(what.outcomes),
        _saved(what.saved),
        _faint(_prose(what.note)) if what.note else "",
    )


def circuits(shown: Sequence[tuple[int, Circuit]], *, count: int, failed: int, title: str = "Result") -> str:
    """A result of `count` circuits, of which some are shown, each with its index; `failed` counts all that failed."""
    head = '<th scope="col" style="{}">{}</th>'
    columns = ((_RIGHT, ""), (_LEFT, "circuit"), (_RIGHT, "shots"), (_LEFT, "most frequent outcomes"))
    rows = [f"<tr>{''.join(head.format(style, name) for style, name in columns)}</tr>"] if shown else []
    rows += [
        f'<tr><td style="{_RIGHT};{_FAINT}">{index}</td><td style="{_LEFT}">{_prose(item.name)}</td>'
        f'<td style="{_RIGHT}">{item.shots}</td><td style="{_LEFT}">{_briefly(item)}</td></tr>'
        for index, item in shown
    ]
    heading = f"<b>{escape(title)}</b> of {_many(count, 'circuit')}{f', {failed} failed' if failed else ''}"
    rest = count - len(shown)
    more = ""
    if rest > 0:
        unseen = failed - sum(item.error is not None for _, item in shown)
        more = f"and {_many(rest, 'more circuit')}{f', {unseen} of them failed' if unseen > 0 else ''}"
    return _block(heading, _table(rows), _faint(more))


def _briefly(what: Circuit) -> str:
    if what.error is not None:
        return f"<b>failed:</b> {_prose(what.error, _MESSAGE)}"
    if what.outcomes is None:
        labels = ", ".join(_prose(str(label)) for label, _ in zip(what.saved, range(_SAVED), strict=False))
        return " · ".join(text for text in (f"saved: {labels}" if labels else "", _prose(what.note)) if text)
    outcomes = ", ".join(f"{_outcome(outcome)}: {number}" for outcome, number in what.outcomes.top)
    return f"{outcomes}, …" if what.outcomes.kinds > len(what.outcomes.top) else outcomes


def _histogram(outcomes: Outcomes) -> str:
    longest = max((number for _, number in outcomes.top), default=0)
    rows = [
        f'<tr><td style="{_RIGHT}">{_outcome(outcome)}</td><td style="{_RIGHT}">{number}</td>'
        f'<td style="{_RIGHT}">{_percent(number, outcomes.shots)}</td>'
        f'<td style="{_LEFT};width:16em">{_filled(number, longest)}</td></tr>'
        for outcome, number in outcomes.top
    ]
    rest = outcomes.kinds - len(outcomes.top)
    if rest <= 0:
        return _table(rows)
    others = outcomes.shots - sum(number for _, number in outcomes.top)
    more = f"and {_many(rest, 'more outcome')}, together {others} ({_percent(others, outcomes.shots)})"
    return _table(rows) + _faint(more)


def _registers(registers: Sequence[tuple[str, int]]) -> str:
    if not registers:
        return ""
    names = [f"{_code(name)}[{size}]" for name, size in registers[:_REGISTERS]]
    return f" ({', '.join([*names, '…'] if len(registers) > _REGISTERS else names)})"


def _saved(values: Mapping[Any, Any]) -> str:
    if not values:
        return ""
    rows = [
        f'<tr><td style="{_LEFT}">{_prose(str(label))}</td><td style="{_LEFT}">{_code(_kind(value))}</td></tr>'
        for (label, value), _ in zip(values.items(), range(_SAVED), strict=False)
    ]
    rest = len(values) - len(rows)
    return _faint("saved data") + _table(rows) + (_faint(f"and {rest} more") if rest > 0 else "")


def _kind(value: Any) -> str:
    """A number or a text as it is; of what is large, what it is and how large."""
    if value is None or isinstance(value, bool | float | complex):
        return repr(value)
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 64 else f"int of {value.bit_length()} bits"
    if isinstance(value, str):
        return value
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return f"{getattr(value, 'dtype', 'array')} {' × '.join(map(str, shape)) or 'scalar'}"
    try:
        return f"{type(value).__name__} of {len(value)}"
    except TypeError:
        return type(value).__name__


# --- pieces -----------------------------------------------------------------------------
def _prose(text: str, limit: int = _NAME) -> str:
    """Text that may come from anywhere, in the letters around it."""
    return _coded(one_line(text, limit=limit), _PROSE)


def _code(text: str) -> str:
    """The same in letters of one width."""
    return _coded(one_line(text, limit=_NAME), _PLAIN)


def _outcome(text: str) -> str:
    # Both ends tell outcomes apart. Cut before the work.
    if len(text) > 4 * _OUTCOME:
        text = f"{text[: 2 * _OUTCOME]}{text[-2 * _OUTCOME :]}"
    return _coded(shorten(one_line(text), _OUTCOME, middle=True), _PLAIN)


def _coded(line: str, style: str) -> str:
    return f'<code style="{style}">{escape(line)}</code>' if line else ""


def _meter(row: Row) -> str:
    done, total = max(0, min(row.done, row.total)), max(0, row.total)
    known = f' aria-valuemin="0" aria-valuemax="{total}" aria-valuenow="{done}"' if total else ""
    text = escape(one_line(row.note or f"{done} of {total}", limit=_NAME))
    track = "display:inline-block;width:12em;height:0.7em;border:1px solid currentColor;vertical-align:baseline"
    return (
        f'<span role="progressbar" aria-label="{escape(one_line(row.label, limit=_NAME))}"{known}'
        f' aria-valuetext="{text}" style="{track}">{_filled(done, total)}</span>'
        + ("" if row.note or not total else f" {done}/{total}")
    )


def _filled(part: int, whole: int) -> str:
    """A filled length; what is not nothing can be seen."""
    if part <= 0 or whole <= 0:
        return ""
    share = f"{100 * min(part, whole) / whole:.1f}%"
    style = f"display:inline-block;height:0.7em;width:{share};min-width:1px;background-color:currentColor;opacity:0.6"
    return f'<span style="{style};vertical-align:top"></span>'


def _table(rows: Sequence[str]) -> str:
    return f'<table style="{_TABLE}">{"".join(rows)}</table>' if rows else ""


def _block(*pieces: str) -> str:
    return f"<div>{''.join(f'<div>{piece}</div>' for piece in pieces if piece)}</div>"


def _faint(piece: str) -> str:
    return f'<div style="{_FAINT}">{piece}</div>' if piece else ""


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _percent(number: int, total: int) -> str:
    return f"{100 * number / total:.1f} %" if total else "0.0 %"


def _moment(seconds: float | None) -> str:
    """As a date, in UTC; nothing for what is none, which a provider may well say."""
    if seconds is None:
        return ""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return ""
