"""A job's lines in CloudWatch Logs: its streams, their pages, and the lines that report metrics."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from quantumjobs.abc import LogPage
from quantumjobs.adapters.braket.messages import json
from quantumjobs.adapters.braket.replies import checked
from quantumjobs.core.logs import LogLine
from quantumjobs.errors import ProviderRejected
from quantumjobs.wire import Limits, Reply, Wire, decode

GROUP = "/aws/braket/jobs"
METRIC = "Metrics - "
_TARGET = "Logs_20140328."
_JSON = "application/x-amz-json-1.1"
_LIMITS = Limits(decoded=16 << 20)
"""A page holds up to 10,000 lines or a megabyte, as documented; JSON may make six bytes of one."""
_INSTANCE = re.compile(r"algo-(\d{1,6})(?!\d)", re.ASCII)
_STREAMS = 50
_PAGES = 40
"""Pages of the list of streams, which is one for each instance."""


class _Stream(Struct, frozen=True, rename="camel"):
    log_stream_name: str


class _Streams(Struct, frozen=True, rename="camel"):
    log_streams: list[_Stream] = []
    next_token: str | None = None


class _Event(Struct, frozen=True, rename="camel", gc=False):
    message: str
    timestamp: int | None = None
    log_stream_name: str = ""


class _Events(Struct, frozen=True, rename="camel"):
    events: list[_Event] = []
    next_forward_token: str | None = None
    next_token: str | None = None


class Cursor(Struct, frozen=True, omit_defaults=True):
    """A place in a stream: the service's token, and how to come to the same place without it."""

    token: str = ""
    at: int = 0
    """Milliseconds of the last line that was read ..."""
    seen: int = 0
    """... and how many lines of that very millisecond were."""
    skip: int = 0
    """Lines of that millisecond that are passed over, since they were read before the token was lost."""


async def streams(wire: Wire, prefix: str) -> Sequence[str]:
    """Names in their order; none where nothing has been written yet."""
    found: list[str] = []
    after = ""
    for _ in range(_PAGES):
        body = {"logGroupName": GROUP, "logStreamNamePrefix": prefix, "orderBy": "LogStreamName", "limit": _STREAMS}
        reply = await _asked(wire, "DescribeLogStreams", {**body, **({"nextToken": after} if after else {})})
        if reply is None:
            break
        listed = decode(reply.body, _Streams, provider="braket", what="the list of a job's logs")
        names = [one.log_stream_name for one in listed.log_streams]
        found += [name for name in names if name.startswith(prefix) and "/" not in name[len(prefix) :]]
        after = listed.next_token or ""
        if not after:
            break
    return sorted(set(found))


async def page(wire: Wire, stream: str, after: str) -> LogPage:
    """The next page; of a place whose token the service does not take any more, by the time of the last line."""
    cursor = _cursor.decode(after) if after else Cursor()
    body: dict[str, Any] = {"logGroupName": GROUP, "logStreamName": stream, "startFromHead": True}
    if not cursor.token:  # what was read of the last millisecond comes again
        cursor = Cursor(at=cursor.at, seen=cursor.seen, skip=cursor.seen)
    where = {"nextToken": cursor.token} if cursor.token else {"startTime": cursor.at}
    try:
        reply = await _asked(wire, "GetLogEvents", {**body, **where})
    except ProviderRejected as error:
        if not cursor.token or error.code != "InvalidParameterException":
            raise
        cursor = Cursor(at=cursor.at, seen=cursor.seen, skip=cursor.seen)
        reply = await _asked(wire, "GetLogEvents", {**body, "startTime": cursor.at})
    if reply is None:
        return LogPage((), after, more=False)
    found = decode(reply.body, _Events, provider="braket", what="a page of a job's logs")
    token = found.next_forward_token or ""
    events = found.events
    skip = cursor.skip
    if skip and events:  # a line from before that millisecond is not asked for, and one from after it ends the search
        passed = 0
        while passed < min(skip, len(events)) and events[passed].timestamp == cursor.at:
            passed += 1
        skip = skip - passed if passed == len(events) else 0
        events = events[passed:]
    at, seen = _last(events, cursor)
    lines = [_line(event, stream) for event in events]
    place = Cursor(token=token or cursor.token, at=at, seen=seen, skip=skip)
    return LogPage(lines, _encode(place).decode(), more=bool(token) and token != cursor.token)


def _last(events: Sequence[_Event], cursor: Cursor) -> tuple[int, int]:
    """The last line's millisecond, and how many lines of it have been read by now."""
    last = next((event.timestamp for event in reversed(events) if event.timestamp is not None), None)
    if last is None:
        return cursor.at, cursor.seen
    seen = 0
    for event in reversed(events):
        if event.timestamp != last:
            break
        seen += 1
    return last, seen + (cursor.seen if last == cursor.at and seen == len(events) else 0)


async def metrics(wire: Wire, prefix: str, after: str) -> LogPage:
    """The next page of lines that report metrics, of all streams; only the service's missing token ends them."""
    body = {"logGroupName": GROUP, "logStreamNamePrefix": prefix, "filterPattern": f'"{METRIC}"'}
    reply = await _asked(wire, "FilterLogEvents", {**body, **({"nextToken": after} if after else {})})
    if reply is None:
        return LogPage((), "", more=False)
    found = decode(reply.body, _Events, provider="braket", what="a page of a job's metrics")
    lines = [
        _line(event, event.log_stream_name) for event in found.events if "/" not in event.log_stream_name[len(prefix) :]
    ]
    return LogPage(lines, found.next_token or "", more=bool(found.next_token))


async def _asked(wire: Wire, operation: str, body: Mapping[str, Any]) -> Reply | None:
    """None where there is no such group or stream: nothing has been written yet."""
    headers = {"content-type": _JSON, "x-amz-target": _TARGET + operation}
    reply = await wire.request("POST", "/", json(body), headers=headers, limits=_LIMITS)
    try:
        return checked(reply, "the question for a job's logs")
    except ProviderRejected as error:
        if error.code == "ResourceNotFoundException":
            return None
        raise


def _line(event: _Event, stream: str) -> LogLine:
    at = None if event.timestamp is None else event.timestamp / 1000
    name = stream.rpartition("/")[2]
    instance = _INSTANCE.match(name)
    return LogLine(event.message.rstrip("\r\n"), at, name, max(0, int(instance[1]) - 1) if instance is not None else 0)


_cursor = msgspec.json.Decoder(Cursor)
_encode = msgspec.json.Encoder().encode
