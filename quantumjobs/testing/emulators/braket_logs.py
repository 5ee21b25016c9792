"""CloudWatch Logs, as far as hybrid jobs need it: one group of streams in each region, read in pages and by queries."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import heapq
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from typing import Any
from uuid import uuid4

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quantumjobs.testing.emulators import braket_logs_asked, braket_logs_query
from quantumjobs.testing.emulators.braket_door import region
from quantumjobs.testing.emulators.braket_logs_query import INVALID
from quantumjobs.testing.emulators.braket_logs_store import PAGE_BYTES, Event, Invented, LogSettings, Stream, Written
from quantumjobs.testing.emulators.braket_refusals import JSON_1_1, NOT_FOUND, Refusal
from quantumjobs.testing.emulators.braket_tasks import ACCOUNT

GROUP = "/aws/braket/jobs"
OPERATIONS = ("DescribeLogStreams", "GetLogEvents", "FilterLogEvents", "StartQuery", "GetQueryResults")


class _Query(Struct):
    """One that was started."""

    rows: list[tuple[int, int, Stream]]
    """Time and place of each event, and its stream; newest first."""
    scanned: int
    looks: int = 0


class Logs:
    """The groups of all regions. `clock` tells milliseconds since the epoch, as lines have them."""

    def __init__(self, settings: LogSettings, clock: Callable[[], int]) -> None:
        self.settings = settings
        self._clock = clock
        self._groups: dict[str, dict[str, Stream]] = {}
        """By region, and by name; a group is there from its first stream on."""
        self._streams = 0
        self._pages = 0
        self._queries: dict[tuple[str, str], _Query] = {}

    # --- writing ------------------------------------------------------------------------------
    def write(self, region: str, name: str, lines: Iterable[Event]) -> None:
        """Lines of a program's, read just now; a stream is there from its first line on."""
        clock, seen_from = self._clock(), _now() + self.settings.lag
        for line in lines:
            group = self._groups.setdefault(region, {})
            if name not in group:
                self._streams += 1
                group[name] = Written(name, self._streams, clock)
            stream = group[name]
            assert isinstance(stream, Written)
            stream.write(line._replace(ingested=clock), seen_from)

    def invent(self, region: str, name: str, **about: Any) -> Invented:
        """A stream whose lines come by themselves; see `Invented`."""
        self._streams += 1
        made = Invented(name, self._streams, self._clock(), lag=self.settings.lag, **about)
        self._groups.setdefault(region, {})[name] = made
        return made

    # --- requests -----------------------------------------------------------------------------
    def routes(self, route: Callable[..., Route]) -> list[Route]:
        """One for each operation; the path has its name."""
        known: dict[str, tuple[Any, Callable[[Any, str], dict[str, Any]]]] = {
            "DescribeLogStreams": (braket_logs_asked.Describe, self._describe),
            "GetLogEvents": (braket_logs_asked.Get, self._get),
            "FilterLogEvents": (braket_logs_asked.Filter, self._filter),
            "StartQuery": (braket_logs_asked.Start, self._start),
            "GetQueryResults": (braket_logs_asked.Results, self._results),
        }
        return [
            route("POST", f"/logs/{name}", name, functools.partial(self._answer, *how)) for name, how in known.items()
        ]

    async def _answer(self, kind: Any, perform: Callable[[Any, str], Any], request: Request, body: bytes) -> Response:
        try:
            asked = msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise Refusal(INVALID, f"1 validation error detected: {error}") from None
        return Response(msgspec.json.encode(perform(asked, region(request))), 200, media_type=JSON_1_1)

    def _describe(self, asked: braket_logs_asked.Describe, region: str) -> dict[str, Any]:
        prefix, by_time = asked.log_stream_name_prefix, asked.order_by == "LastEventTime"
        if by_time and prefix is not None:
            raise Refusal(INVALID, "Cannot order by LastEventTime with a logStreamNamePrefix.")
        group, now = self._group(asked.log_group_name, region), _now()
        found = [one for name, one in sorted(group.items()) if name.startswith(prefix or "")]
        if by_time:
            found.sort(key=lambda one: one.latest(now))
        if asked.descending:
            found.reverse()
        first = _place(asked.next_token)
        page = found[first : first + asked.limit]
        more = {"nextToken": f"from-{first + len(page)}"} if first + len(page) < len(found) else {}
        return {"logStreams": [_described(one, region, now) for one in page], **more}

    def _get(self, asked: braket_logs_asked.Get, region: str) -> dict[str, Any]:
        stream, now = self._stream(asked.log_group_name, asked.log_stream_name, region), _now()
        window = stream.window(now, asked.start_time, asked.end_time)
        sent = asked.next_token
        if sent is None:
            way, place, was_empty = ("f", window.start, False) if asked.start_from_head else ("b", window.stop, False)
        else:
            way, place, was_empty = self._read(sent, stream, now)
        limit = min(asked.limit, self.settings.page)
        if way == "f":
            places = stream.filled(range(max(place, window.start), window.stop), limit)
        else:
            places = stream.filled(range(min(place, window.stop) - 1, window.start - 1, -1), limit)
            places = range(places[-1], places[0] + 1) if places else range(place, place)
        empty = bool(places) and not was_empty and self._is_empty_turn()
        at_end = sent if not places else None  # what was sent comes back where nothing more is
        if empty:
            places = range(places.start, places.start) if way == "f" else range(places.stop, places.stop)
        forward = f"f/{stream.number}/{now:.3f}/{places.stop}/{empty:d}"
        backward = f"b/{stream.number}/{now:.3f}/{places.start}/{empty:d}"
        return {
            "events": [stream.event(place).sent for place in places],
            "nextForwardToken": at_end if at_end and way == "f" else forward,
            "nextBackwardToken": at_end if at_end and way == "b" else backward,
        }

    def _filter(self, asked: braket_logs_asked.Filter, region: str) -> dict[str, Any]:
        names, prefix = asked.log_stream_names, asked.log_stream_name_prefix
        if names is not None and prefix is not None:
            raise Refusal(INVALID, "logStreamNames and logStreamNamePrefix cannot be given together")
        fits = braket_logs_query.pattern(asked.filter_pattern)
        group, now = self._group(asked.log_group_name, region), _now()
        if names is not None:
            streams = [self._stream(asked.log_group_name, name, region) for name in sorted(set(names))]
        else:
            streams = [one for name, one in sorted(group.items()) if name.startswith(prefix or "")]
        same = _digest(msgspec.structs.replace(asked, next_token=None, limit=1))
        places, was_empty = self._positions(asked.next_token, same, now)
        after = None if asked.end_time is None else asked.end_time + 1  # this end belongs to it
        left = {}
        for one in streams:
            window = one.window(now, asked.start_time, after)
            left[one.name] = range(max(places.get(one.name, 0), window.start), window.stop)
        if any(left.values()) and not was_empty and self._is_empty_turn():
            return {"events": [], "searchedLogStreams": [], "nextToken": _packed(now, same, left, empty=True)}
        events = self._scanned(streams, left, fits, asked.limit)
        more = {"nextToken": _packed(now, same, left, empty=False)} if any(left.values()) else {}
        return {"events": events, "searchedLogStreams": [], **more}

    def _scanned(
        self, streams: list[Stream], left: dict[str, range], fits: Callable[[str], bool], limit: int
    ) -> list[dict[str, Any]]:
        """The events of a page; takes out of `left` what was looked at."""
        found: list[dict[str, Any]] = []
        size = 0
        merged = heapq.merge(*(one.told(left[one.name]) for one in streams))
        for scanned, (_, name, place, stream) in enumerate(merged):
            event = stream.event(place)
            size += event.size
            if scanned >= self.settings.page or len(found) >= limit or (found and size > PAGE_BYTES):
                break
            left[name] = left[name][1:]
            if fits(event.message):
                identifier = f"{stream.number:012d}{place:044d}"
                found.append({**event.sent, "logStreamName": name, "eventId": identifier})
        return found

    def _start(self, asked: braket_logs_asked.Start, region: str) -> dict[str, Any]:
        wanted = braket_logs_query.query(asked.query_string)
        if asked.start_time > asked.end_time:
            raise Refusal(INVALID, "The start time is after the end time.")
        now, scanned, rows = _now(), 0, []
        for name, stream in self._group(asked.log_group_name, region).items():
            if wanted.stream.search(name) is None:
                continue
            window = stream.window(now, asked.start_time * 1000, asked.end_time * 1000 + 1)
            scanned += len(window)
            for place in window:
                event = stream.event(place)
                if wanted.message.search(event.message) is not None:
                    rows.append((event.at, place, stream))
        rows.sort(key=lambda row: row[:2], reverse=True)
        key = str(uuid4())
        self._queries[region, key] = _Query(rows[: asked.limit], scanned)
        return {"queryId": key}

    def _results(self, asked: braket_logs_asked.Results, region: str) -> dict[str, Any]:
        query = self._queries.get((region, asked.query_id))
        if query is None:
            raise Refusal(NOT_FOUND, "The specified query does not exist.")
        query.looks += 1
        if query.looks <= self.settings.query_looks:
            return _told(query, "Running", query.rows[: len(query.rows) // 2])
        end = self.settings.query_end
        if end != "Complete":
            return _told(query, end, query.rows[: len(query.rows) // 2] if end == "Timeout" else [])
        first = _place(asked.next_token)
        page = query.rows[first : first + min(asked.max_items, self.settings.page)]
        more = {"nextToken": f"from-{first + len(page)}"} if page and first + len(page) < len(query.rows) else {}
        return _told(query, end, page) | more

    # --- what is there ------------------------------------------------------------------------
    def _group(self, name: str, region: str) -> dict[str, Stream]:
        found = self._groups.get(region)
        if name != GROUP or found is None:
            raise Refusal(NOT_FOUND, "The specified log group does not exist.")
        return found

    def _stream(self, group: str, name: str, region: str) -> Stream:
        try:
            return self._group(group, region)[name]
        except KeyError:
            raise Refusal(NOT_FOUND, "The specified log stream does not exist.") from None

    # --- pages --------------------------------------------------------------------------------
    def _is_empty_turn(self) -> bool:
        self._pages += 1
        return bool(self.settings.empty_every) and self._pages % self.settings.empty_every == 0

    def _read(self, token: str, stream: Stream, now: float) -> tuple[str, int, bool]:
        """Way, place, and whether the page before was an empty one. Raises `Refusal`."""
        try:
            way, number, issued, place, empty = token.split("/")
            if way not in ("f", "b") or int(number) != stream.number or now - float(issued) > self.settings.token_life:
                raise ValueError
            return way, int(place), empty == "1"
        except ValueError:
            raise Refusal(INVALID, "The specified nextToken is invalid.") from None

    def _positions(self, token: str | None, same: str, now: float) -> tuple[dict[str, int], bool]:
        """Places that a page begins at, by stream, and whether the page before was an empty one. Raises `Refusal`."""
        if token is None:
            return {}, False
        try:
            kind = tuple[float, str, dict[str, int], bool]
            issued, of, places, empty = msgspec.msgpack.decode(urlsafe_b64decode(token), type=kind)
            if of != same or now - issued > self.settings.token_life:
                raise ValueError
        except (ValueError, msgspec.MsgspecError):
            raise Refusal(INVALID, "The specified nextToken is invalid.") from None
        return places, empty


def _now() -> float:
    return asyncio.get_running_loop().time()


def _described(stream: Stream, region: str, now: float) -> dict[str, Any]:
    found: dict[str, Any] = {
        "logStreamName": stream.name,
        "creationTime": stream.created,
        "arn": f"arn:aws:logs:{region}:{ACCOUNT}:log-group:{GROUP}:log-stream:{stream.name}",
        "storedBytes": 0,
        "uploadSequenceToken": "1",
    }
    if stream.count(now):
        latest = stream.latest(now)
        found |= {"firstEventTimestamp": stream.event(0).at, "lastEventTimestamp": latest, "lastIngestionTime": latest}
    return found


def _digest(asked: Struct) -> str:
    return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:16]


def _packed(now: float, same: str, left: dict[str, range], *, empty: bool) -> str:
    places = {name: places.start for name, places in left.items()}
    return urlsafe_b64encode(msgspec.msgpack.encode((now, same, places, empty))).decode()


def _place(token: str | None) -> int:
    if token is None:
        return 0
    if not (token.startswith("from-") and token[5:].isdecimal() and token.isascii()):
        raise Refusal(INVALID, "The specified nextToken is invalid.")
    return int(token[5:])


def _told(query: _Query, status: str, rows: list[tuple[int, int, Stream]]) -> dict[str, Any]:
    counts = {"recordsMatched": float(len(query.rows)), "recordsScanned": float(query.scanned)}
    results = [braket_logs_query.row(stream.name, place, stream.event(place)) for _, place, stream in rows]
    return {"status": status, "results": results, "statistics": counts}
