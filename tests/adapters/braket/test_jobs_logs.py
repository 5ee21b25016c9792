"""A hybrid job's lines in CloudWatch Logs: none lost, none twice, none out of order, whatever the weather."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import httpx
import pytest

import quantumjobs as qj
from quantumjobs.abc import Remote
from quantumjobs.adapters.braket import jobs_logs, provider
from quantumjobs.adapters.braket.jobs_searching import stream_prefix
from quantumjobs.core.logs import LogLine
from quantumjobs.errors import ProviderProtocolError, ProviderRejected
from quantumjobs.testing.emulators import BraketEmulator, Fault, serve
from quantumjobs.testing.emulators.braket_logs import LogSettings
from quantumjobs.testing.fault_places import inside
from tests.adapters.braket.helpers import QUICK, client_of, settings_of
from tests.adapters.braket.station import ACCOUNT, REGION, Station, Turns, refusal

ID = f"arn:aws:braket:{REGION}:{ACCOUNT}:job/0f9a2b44-1111"
STREAM = "demo/0f9a2b44-1111/algo-2-1700000000"
STREAMS, PAGE, METRICS = "POST logs DescribeLogStreams", "POST logs GetLogEvents", "POST logs FilterLogEvents"
NO_GROUP = refusal(400, "ResourceNotFoundException", "The specified log group does not exist.")


def remote(arn: str = ID) -> Remote:
    return Remote(id=arn, backend="hybrid/sv1", created_at=0.0, details={"name": "demo"})


def event(at: int, message: str) -> dict[str, Any]:
    return {"timestamp": at, "message": message, "ingestionTime": at + 1}


def page(token: str, *events: dict[str, Any]) -> dict[str, Any]:
    return {"events": events, "nextForwardToken": token, "nextBackwardToken": "b/1"}


# --- streams --------------------------------------------------------------------------------------
async def test_streams_are_those_of_this_job_and_no_other():
    pages = Turns(
        {
            "logStreams": [{"logStreamName": STREAM}, {"logStreamName": "demo/0f9a2b44-11112/algo-1-1"}],
            "nextToken": "x",
        },
        {"logStreams": [{"logStreamName": "demo/0f9a2b44-1111/algo-1-1700000000"}]},
    )
    station = Station({STREAMS: pages})
    async with station.jobs() as adapter:
        assert await adapter.log_streams(remote()) == ["demo/0f9a2b44-1111/algo-1-1700000000", STREAM]
    asked = json.loads(station.requests[0].content)
    assert (asked["logGroupName"], asked["logStreamNamePrefix"]) == ("/aws/braket/jobs", "demo/0f9a2b44-1111/")
    assert station.requests[0].headers["content-type"] == "application/x-amz-json-1.1"


def test_older_jobs_have_streams_by_their_names_alone():
    assert stream_prefix("arn:aws:braket:us-west-2:123456789012:job/demo", "demo") == "demo/"
    assert stream_prefix(ID, "demo") == "demo/0f9a2b44-1111/"


async def test_an_older_job_has_no_part_in_the_streams_of_its_namesakes():
    station = Station({STREAMS: {"logStreams": [{"logStreamName": "demo/algo-1-1"}, {"logStreamName": STREAM}]}})
    async with station.jobs() as adapter:
        old = remote(f"arn:aws:braket:{REGION}:{ACCOUNT}:job/demo")
        assert await adapter.log_streams(old) == ["demo/algo-1-1"]


async def test_a_page_without_a_token_is_gone_on_from_by_time():
    events = [event(1000, "a"), event(1000, "b"), event(1000, "c")]
    station = Station({PAGE: Turns({"events": events[:2]}, {"events": events})})
    async with station.jobs() as adapter:
        first = await adapter.log_page(remote(), STREAM)
        second = await adapter.log_page(remote(), STREAM, first.after)
    assert [line.message for line in (*first.lines, *second.lines)] == ["a", "b", "c"]


async def test_lines_without_a_message_are_no_page():
    async with Station({PAGE: page("f/1", {"timestamp": 1})}).jobs() as adapter:
        with pytest.raises(ProviderProtocolError):
            await adapter.log_page(remote(), STREAM)


async def test_before_the_job_has_written_there_is_nothing_and_no_error():
    async with Station({STREAMS: NO_GROUP, PAGE: NO_GROUP, METRICS: NO_GROUP}).jobs() as adapter:
        assert await adapter.log_streams(remote()) == []
        assert not (await adapter.log_page(remote(), STREAM)).lines
        assert not (await adapter.metric_page(remote())).more


# --- pages ----------------------------------------------------------------------------------------
async def test_only_a_repeated_token_is_the_end():
    pages = Turns(
        page("f/1", event(1000, "a\n"), event(2000, "b\r\n")), page("f/2"), page("f/3", event(3000, "c")), page("f/3")
    )
    station = Station({PAGE: pages})
    async with station.jobs() as adapter:
        after, found = "", []
        for more in (True, True, True, False):
            got = await adapter.log_page(remote(), STREAM, after)
            assert (got.more, got.closed) == (more, False)
            found += got.lines
            after = got.after
    name = "algo-2-1700000000"
    assert found == [LogLine("a", 1.0, name, 1), LogLine("b", 2.0, name, 1), LogLine("c", 3.0, name, 1)]
    asked = [json.loads(one.content) for one in station.requests]
    assert all(one["startFromHead"] for one in asked)
    assert [one.get("nextToken") for one in asked] == [None, "f/1", "f/2", "f/3"]


class Stream(Station):
    """A stream that knows its events by place; its tokens are forgotten when told."""

    def __init__(self, events: list[dict[str, Any]], size: int) -> None:
        super().__init__()
        self._events = events
        self._size = size
        self._life = 0

    def forget(self) -> None:
        self._life += 1

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        if token := asked.get("nextToken"):
            life, place = map(int, token.removeprefix("f/").split("-"))
            if life != self._life:
                return httpx.Response(
                    400, json={"__type": "InvalidParameterException", "message": "the token has expired"}
                )
        else:
            place = next(
                (n for n, one in enumerate(self._events) if one["timestamp"] >= asked["startTime"]), len(self._events)
            )
        found = self._events[place : place + self._size]
        return httpx.Response(200, json=page(f"f/{self._life}-{place + len(found)}", *found))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("forgets", [1, 2, 3, 5])
async def test_a_place_is_found_again_when_its_token_is_forgotten(size: int, forgets: int):
    moments = [1000, 1000, 1000, 1000, 1000, 2000, 2000, 3000, 4000, 4000, 4000, 4000]  # several lines in a millisecond
    station = Stream([event(at, f"line {n}") for n, at in enumerate(moments)], size)
    found: list[str] = []
    async with station.jobs() as adapter:
        after, asked, more = "", 0, True
        while more:
            got = await adapter.log_page(remote(), STREAM, after)
            found += [line.message for line in got.lines]
            after, more = got.after, got.more
            asked += 1
            if asked % forgets == 0 and asked < 40:
                station.forget()
    assert found == [f"line {n}" for n in range(len(moments))]


async def test_another_parameter_that_is_invalid_is_told():
    async with Station({PAGE: refusal(400, "InvalidParameterException")}).jobs() as adapter:
        with pytest.raises(ProviderRejected):
            await adapter.log_page(remote(), STREAM)


async def test_lines_that_report_metrics_are_filtered_there_until_a_token_is_missing():
    pages = Turns(
        {"events": [], "nextToken": "1"},
        {"events": [{"timestamp": 5, "message": "Metrics - a=1;", "logStreamName": STREAM}], "nextToken": "2"},
        {"events": []},
    )
    station = Station({METRICS: pages})
    async with station.jobs() as adapter:
        first = await adapter.metric_page(remote())
        assert (first.lines, first.more) == ([], True)
        second = await adapter.metric_page(remote(), first.after)
        assert second.lines == [LogLine("Metrics - a=1;", 0.005, "algo-2-1700000000", 1)]
        assert not (await adapter.metric_page(remote(), second.after)).more
    asked = station.body(METRICS)
    assert (asked["filterPattern"], asked["logStreamNamePrefix"]) == ('"Metrics - "', "demo/0f9a2b44-1111/")


def test_a_place_is_small_and_holds_no_secret():
    cursor = jobs_logs.Cursor(token="f/1", at=5, seen=2)
    assert json.loads(jobs_logs._encode(cursor)) == {"token": "f/1", "at": 5, "seen": 2}


@pytest.mark.real_time
@pytest.mark.usefixtures("late_lines_soon")
async def test_resets_and_replies_that_are_cut_lose_nothing():
    torn = [
        Fault(kind, operation=operation, at=at, times=2)  # type: ignore[arg-type]  # each is a kind
        for operation in ("GetLogEvents", "DescribeLogStreams")
        for at, kind in ((1, "reset"), (3, "cut"))
    ]
    emulator = BraketEmulator(results="zeros", faults=torn, logs=LogSettings(page=100, empty_every=3))
    async with serve(emulator) as url, client_of(url, policies=QUICK) as client:
        made = emulator.hybrid.invent(lines=2000, rate=1500, region=REGION)
        job = await client.attach("braket", made.id)
        assert isinstance(job, qj.HybridJob)
        found = [line.message async for line in job.logs(follow=True)]
    assert found == [f"algo-1 line {n}" for n in range(2000)]
    assert emulator.went_wrong == 8


# --- a hundred thousand of them -------------------------------------------------------------------
WEATHER = [
    Fault("status", operation="GetLogEvents", status=400, body='{"__type": "ThrottlingException"}', at=3, times=4),
    Fault("garbage", operation="GetLogEvents", at=40, times=2),
    Fault("status", operation="DescribeLogStreams", at=5, times=3),
    Fault("expire", operation="GetLogEvents", at=50),
]


async def test_a_hundred_thousand_lines_over_minutes_come_once_and_in_order():
    """Throttling, garbage, an expired token of each kind, empty pages, late lines. Memory stays flat."""
    count, minutes = 50_000, 10
    emulator = BraketEmulator(
        results="zeros", faults=WEATHER, logs=LogSettings(page=1500, empty_every=5, lag=2.0, token_life=20.0)
    )
    asked = 0

    async def keys() -> tuple[str, str]:
        nonlocal asked
        asked += 1
        return f"AKIDCANARY{asked:010d}", "canary/5f2b9c+secretaccesskey0123456789"

    async with inside(emulator) as place:
        settings = settings_of(place.url, credentials=keys, transport=place.transport)
        async with qj.Client(ledger="memory", providers={"braket": provider(settings)}) as client:
            made = emulator.hybrid.invent(lines=count, rate=count / (60 * minutes), instances=2, region=REGION)
            job = await client.attach("braket", made.id)
            assert isinstance(job, qj.HybridJob)
            seen, peak = [0, 0], 0
            async for line in job.logs(follow=True):
                assert line.message == f"algo-{line.index + 1} line {seen[line.index]}"
                seen[line.index] += 1
                if sum(seen) == 60_000:
                    tracemalloc.start()
                elif sum(seen) == 75_000:  # tracing is slow
                    peak = tracemalloc.get_traced_memory()[1]
                    tracemalloc.stop()
            assert seen == [count, count]
            assert job.done()
            assert 0 < peak < 8 << 20, f"{peak:,} bytes for 15,000 lines"
            assert asked > 1  # the credential had expired
