"""Requests to CloudWatch Logs, as its model has them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from quantumjobs.testing.emulators.braket_logs_store import PAGE

_MOST_QUERY_ROWS = 10_000
_Group = Annotated[str, Meta(min_length=1, max_length=512, pattern=r"\A[.\-_/#A-Za-z0-9]+\Z")]
_Name = Annotated[str, Meta(min_length=1, max_length=512, pattern=r"\A[^:*]*\Z")]
_Time = Annotated[int, Meta(ge=0)]
_Limit = Annotated[int, Meta(ge=1, le=PAGE)]


class _Asked(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What is not known here is refused: it would be of no effect."""


class Describe(_Asked, frozen=True):
    """DescribeLogStreams."""

    log_group_name: _Group
    log_stream_name_prefix: _Name | None = None
    order_by: Literal["LogStreamName", "LastEventTime"] = "LogStreamName"
    descending: bool = False
    next_token: str | None = None
    limit: Annotated[int, Meta(ge=1, le=50)] = 50


class Get(_Asked, frozen=True):
    """GetLogEvents."""

    log_group_name: _Group
    log_stream_name: _Name
    start_time: _Time | None = None
    end_time: _Time | None = None
    next_token: str | None = None
    limit: _Limit = PAGE
    start_from_head: bool = False


class Filter(_Asked, frozen=True):
    """FilterLogEvents."""

    log_group_name: _Group
    log_stream_names: Annotated[list[_Name], Meta(min_length=1, max_length=100)] | None = None
    log_stream_name_prefix: _Name | None = None
    start_time: _Time | None = None
    end_time: _Time | None = None
    filter_pattern: Annotated[str, Meta(max_length=1024)] = ""
    next_token: str | None = None
    limit: _Limit = PAGE


class Start(_Asked, frozen=True):
    """StartQuery."""

    log_group_name: _Group
    start_time: _Time
    end_time: _Time
    query_string: Annotated[str, Meta(max_length=10_000)]
    limit: Annotated[int, Meta(ge=1, le=100_000)] = _MOST_QUERY_ROWS


class Results(_Asked, frozen=True):
    """GetQueryResults."""

    query_id: Annotated[str, Meta(min_length=1, max_length=256)]
    next_token: Annotated[str, Meta(max_length=1024)] | None = None
    max_items: Annotated[int, Meta(ge=0, le=_MOST_QUERY_ROWS)] = _MOST_QUERY_ROWS
