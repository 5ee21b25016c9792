"""What log events are picked by: patterns of FilterLogEvents, and the one query that Braket's metrics are read with."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

from msgspec import Struct

from quantumjobs.testing.emulators.braket_logs_store import Event
from quantumjobs.testing.emulators.braket_refusals import Refusal

INVALID = "InvalidParameterException"
_TERM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([A-Za-z0-9_]+))(?=\s|$)', re.ASCII)
_LIKE = r"filter\s+{field}\s+like\s+/((?:[^/\\]|\\.)*)/"
_QUERY = re.compile(
    r"\s*fields\s+@timestamp,\s*@message"
    r"\s*\|\s*" + _LIKE.format(field="@logStream") + r"\s*\|\s*" + _LIKE.format(field="@message") + r"\s*",
    re.ASCII,
)


def pattern(text: str) -> Callable[[str], bool]:
    """Whether a message has all of the words and "quoted phrases". Raises `Refusal` for what else patterns may be."""
    terms, at = [], 0
    while text[at:].strip():
        found = _TERM.match(text, at)
        if found is None:
            raise Refusal(INVALID, "Invalid filter pattern: the emulator knows words and quoted phrases")
        quoted, word = found.groups()
        terms.append(re.sub(r"\\(.)", r"\1", quoted) if word is None else word)
        at = found.end()
    return lambda message: all(term in message for term in terms)


class Query(Struct, frozen=True):
    """Two regular expressions: of streams' names, and of messages."""

    stream: re.Pattern[str]
    message: re.Pattern[str]


def query(text: str) -> Query:
    """Raises `Refusal` for any other query than the one that is known."""
    found = _QUERY.fullmatch(text)
    try:
        if found is None:
            raise ValueError("the emulator knows one query: fields, and filters for @logStream and @message")
        stream, message = (re.compile(one.replace(r"\/", "/")) for one in found.groups())
    except (ValueError, re.error) as error:
        raise Refusal("MalformedQueryException", f"unexpected symbol in the query: {error}") from None
    return Query(stream, message)


def row(stream: str, place: int, event: Event) -> list[dict[str, str]]:
    """Of a query's answer."""
    moment = dt.datetime.fromtimestamp(event.at / 1000, dt.UTC)
    told = moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{event.at % 1000:03d}"
    values = {"@timestamp": told, "@message": event.message, "@ptr": f"{stream}#{place}"}
    return [{"field": field, "value": value} for field, value in values.items()]
