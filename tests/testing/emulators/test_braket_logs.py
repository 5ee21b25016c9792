"""CloudWatch Logs as far as hybrid jobs need it: streams, pages, filters, and the query of Braket's metrics."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import BraketEmulator, Fault
from quantumjobs.testing.emulators.braket_jobs_state import HybridJob
from quantumjobs.testing.emulators.braket_logs import OPERATIONS
from quantumjobs.testing.emulators.braket_logs_query import pattern
from quantumjobs.testing.emulators.braket_logs_store import LogSettings
from quantumjobs.testing.emulators.braket_refusals import Refusal
from tests.testing.emulators.braket_jobs_helpers import GROUP, JobsRaw, jobs_inside

LINES = [f"Metrics - loss={place};" if place % 3 == 0 else f"nothing {place}" for place in range(30)]


def told(reply: Any) -> tuple[int, str]:
    """Status and code of a refusal."""
    assert reply.headers["x-amzn-requestid"]
    return reply.status_code, reply.json()["__type"]


def prefix(job: HybridJob) -> str:
    """Of the names of its streams."""
    return f"{job.about.job_name}/{job.uuid}/"


def metrics(job: HybridJob, **changed: Any) -> dict[str, Any]:
    """The query that Braket's metrics are read with."""
    names = prefix(job).replace("/", r"\/")
    text = f"fields @timestamp, @message | filter @logStream like /^{names}/ | filter @message like /Metrics - /"
    start = int(job.created_at)
    return {"startTime": start, "endTime": start + 1000, "queryString": text, "limit": 10_000} | changed


async def ended(emulator: BraketEmulator, **about: Any) -> HybridJob:
    """An invented job, when it is over."""
    job = emulator.hybrid.invent(**{"lines": LINES, "rate": 10.0, **about})
    await job.ended.wait()
    return job


# --- streams --------------------------------------------------------------------------------
async def test_the_group_is_there_from_the_first_line_on():
    async with jobs_inside(BraketEmulator()) as raw:
        replies = [
            await raw.ask_logs("DescribeLogStreams", logGroupName=GROUP),
            await raw.ask_logs("GetLogEvents", logGroupName=GROUP, logStreamName="x"),
            await raw.ask_logs("FilterLogEvents", logGroupName=GROUP),
        ]
    assert {told(reply) for reply in replies} == {(400, "ResourceNotFoundException")}
    assert replies[0].json()["message"] == "The specified log group does not exist."


async def test_streams_are_listed_by_name_or_by_time_in_pages():
    emulator = BraketEmulator()
    async with jobs_inside(emulator) as raw:
        first = await ended(emulator, name="b", instances=2)
        second = await ended(emulator, name="a", instances=1)
        everything = await raw.logs("DescribeLogStreams", orderBy="LastEventTime", descending=True)
        mine = await raw.logs("DescribeLogStreams", logStreamNamePrefix=prefix(first), limit=1)
        rest = await raw.logs("DescribeLogStreams", logStreamNamePrefix=prefix(first), nextToken=mine["nextToken"])
        both = await raw.ask_logs(
            "DescribeLogStreams", logGroupName=GROUP, logStreamNamePrefix="a", orderBy="LastEventTime"
        )
        other = await raw.ask_logs("DescribeLogStreams", logGroupName="/aws/else")
    names = [one["logStreamName"] for one in mine["logStreams"] + rest["logStreams"]]
    epoch = int(first.created_at)
    assert names == [f"b/{first.uuid}/algo-1-{epoch}", f"b/{first.uuid}/algo-2-{epoch}"]
    assert "nextToken" not in rest
    assert everything["logStreams"][0]["logStreamName"].startswith(f"a/{second.uuid}/")
    (one, *_) = mine["logStreams"]
    assert one["lastEventTimestamp"] - one["firstEventTimestamp"] == 2900
    assert told(both) == (400, "InvalidParameterException")
    assert told(other) == (400, "ResourceNotFoundException")


# --- pages of a stream ------------------------------------------------------------------------
async def test_a_stream_is_read_from_its_head_until_the_token_comes_back():
    emulator = BraketEmulator(logs=LogSettings(page=7))
    async with jobs_inside(emulator) as raw:
        job = await ended(emulator)
        stream = job.stream(1)
        pages, token = [], None
        while True:
            more = {"nextToken": token} if token else {}
            page = await raw.logs("GetLogEvents", logStreamName=stream, startFromHead=True, **more)
            if page["nextForwardToken"] == token:
                break
            pages.append(page["events"])
            token = page["nextForwardToken"]
        assert [len(events) for events in pages] == [7, 7, 7, 7, 2]
        assert page["events"] == []
        back = await raw.logs("GetLogEvents", logStreamName=stream, nextToken=page["nextBackwardToken"])
        tail = await raw.logs("GetLogEvents", logStreamName=stream, limit=3)
        before = await raw.logs("GetLogEvents", logStreamName=stream, limit=3, nextToken=tail["nextBackwardToken"])
    events = [event for events in pages for event in events]
    assert [event["message"] for event in events] == LINES
    assert [event["timestamp"] - events[0]["timestamp"] for event in events] == [100 * place for place in range(30)]
    assert [event["message"] for event in back["events"]] == LINES[-7:]
    assert [event["message"] for event in tail["events"]] == LINES[-3:]
    assert [event["message"] for event in before["events"]] == LINES[-6:-3]


async def test_the_end_of_a_stream_that_grows_is_left_when_more_has_come():
    emulator = BraketEmulator()
    async with jobs_inside(emulator) as raw:
        job = emulator.hybrid.invent(lines=LINES, rate=1.0)
        await asyncio.sleep(9.5)
        asked = {"logStreamName": job.stream(1), "startFromHead": True}
        first = await raw.logs("GetLogEvents", **asked)
        end = await raw.logs("GetLogEvents", **asked, nextToken=first["nextForwardToken"])
        await asyncio.sleep(5)
        more = await raw.logs("GetLogEvents", **asked, nextToken=end["nextForwardToken"])
    assert [len(page["events"]) for page in (first, end, more)] == [10, 0, 5]
    assert end["nextForwardToken"] == first["nextForwardToken"] != more["nextForwardToken"]


async def test_empty_pages_come_in_mid_stream_and_nothing_is_lost_by_them():
    emulator = BraketEmulator(logs=LogSettings(page=4, empty_every=3))
    async with jobs_inside(emulator) as raw:
        job = await ended(emulator)
        sizes, token, found = [], None, []
        while True:
            more = {"nextToken": token} if token else {}
            page = await raw.logs("GetLogEvents", logStreamName=job.stream(1), startFromHead=True, **more)
            if page["nextForwardToken"] == token:
                break
            token = page["nextForwardToken"]
            sizes.append(len(page["events"]))
            found += [event["message"] for event in page["events"]]
    assert found == LINES
    assert sizes == [4, 4, 0, 4, 4, 4, 0, 4, 4, 2]


async def test_a_page_has_a_megabyte_at_most():
    emulator = BraketEmulator()
    async with jobs_inside(emulator) as raw:
        job = await ended(emulator, lines=["ü" * 100_000] * 12)
        page = await raw.logs("GetLogEvents", logStreamName=job.stream(1), startFromHead=True)
        whole = await raw.lines(job.stream(1))
    assert len(page["events"]) == 5
    assert len(whole) == 12


async def test_times_bound_what_is_read():
    emulator = BraketEmulator()
    async with jobs_inside(emulator) as raw:
        job = await ended(emulator)
        head = await raw.logs("GetLogEvents", logStreamName=job.stream(1), startFromHead=True, limit=1)
        start = head["events"][0]["timestamp"]
        bounds = {"startTime": start + 500, "endTime": start + 1000}
        found = await raw.lines(job.stream(1), **bounds)
        filtered = await raw.logs("FilterLogEvents", logStreamNames=[job.stream(1)], **bounds)
    assert found == LINES[5:10]
    assert [event["message"] for event in filtered["events"]] == LINES[5:11]  # there the end belongs to it


async def test_tokens_are_good_for_their_stream_and_time_alone():
    emulator = BraketEmulator(logs=LogSettings(page=4, token_life=60))
    async with jobs_inside(emulator) as raw:
        job = await ended(emulator, instances=2)
        asked = {"logGroupName": GROUP, "startFromHead": True}
        token = (await raw.logs("GetLogEvents", logStreamName=job.stream(1), startFromHead=True))["nextForwardToken"]
        filtered = (await raw.logs("FilterLogEvents"))["nextToken"]

        async def ask(stream: int, token: str) -> Any:
            return await raw.ask_logs("GetLogEvents", logStreamName=job.stream(stream), nextToken=token, **asked)

        wrong = [await ask(2, token), await ask(1, "f/1"), await ask(1, "f/x/y/z/0")]
        wrong.append(await raw.ask_logs("FilterLogEvents", logGroupName=GROUP, nextToken="?"))
        body = {"logGroupName": GROUP, "nextToken": filtered}
        wrong.append(await raw.ask_logs("FilterLogEvents", filterPattern="loss", **body))
        assert (await ask(1, token)).status_code == 200
        assert (await raw.ask_logs("FilterLogEvents", **body)).status_code == 200
        await asyncio.sleep(61)
        wrong += [await ask(1, token), await raw.ask_logs("FilterLogEvents", **body)]
    assert {told(reply) for reply in wrong} == {(400, "InvalidParameterException")}


async def test_lines_may_be_seen_late():
    emulator = BraketEmulator(logs=LogSettings(lag=10))
    async with jobs_inside(emulator) as raw:
        job = await ended(emulator)
        early = await raw.lines(job.stream(1))
        await asyncio.sleep(10)
        late = await raw.lines(job.stream(1))
    assert early == []
    assert late == LINES


# --- filters ----------------------------------------------------------------------------------
async def filtered(raw: JobsRaw, **asked: Any) -> tuple[list[tuple[str, str]], list[int]]:
    """Stream and message of each event, and the sizes of the pages."""
    found, sizes, token = [], [], None
    while True:
        page = await raw.logs("FilterLogEvents", **asked, **({"nextToken": token} if token else {}))
        found += [(event["logStreamName"], event["message"]) for event in page["events"]]
        sizes.append(len(page["events"]))
        token = page.get("nextToken")
        if token is None:
            return found, sizes


async def test_filters_find_phrases_in_the_streams_of_a_prefix_with_pages_that_are_empty():
    emulator = BraketEmulator(logs=LogSettings(page=2, empty_every=4))
    async with jobs_inside(emulator) as raw:
        job = await ended(emulator, instances=2)
        await ended(emulator)
        found, sizes = await filtered(raw, logStreamNamePrefix=prefix(job), filterPattern='"Metrics - "')
        limited, of_one = await filtered(raw, logStreamNames=[job.stream(2)], filterPattern='"Metrics - "', limit=1)
        nothing, _ = await filtered(raw, logStreamNamePrefix=prefix(job), filterPattern='"no such thing"')
    wanted = [line for line in LINES if line.startswith("Metrics")]
    assert sorted(found) == sorted((job.stream(number), line) for number in (1, 2) for line in wanted)
    assert [line for _, line in found] == [line for line in wanted for _ in range(2)]  # in the order of their times
    assert 0 in sizes[:-1]
    assert limited == [(job.stream(2), line) for line in wanted]
    assert max(of_one) == 1
    assert nothing == []


async def test_filters_name_streams_or_a_prefix_and_not_both():
    emulator = BraketEmulator()
    async with jobs_inside(emulator) as raw:
        job = await ended(emulator)
        both = await raw.ask_logs(
            "FilterLogEvents", logGroupName=GROUP, logStreamNames=[job.stream(1)], logStreamNamePrefix="x"
        )
        unknown = await raw.ask_logs("FilterLogEvents", logGroupName=GROUP, logStreamNames=["x"])
        other = await raw.ask_logs("FilterLogEvents", logGroupName=GROUP, filterPattern="{ $.x = 1 }")
        odd = await raw.ask_logs("FilterLogEvents", logGroupName=GROUP, startFromTail=True)
    assert told(both) == told(other) == told(odd) == (400, "InvalidParameterException")
    assert told(unknown) == (400, "ResourceNotFoundException")


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("", ["anything", ""]),
        ('"Metrics - "', ["Metrics - a=1;", "[node] Metrics - "]),
        ('a "b c"', ["b c a"]),
        (r'"say \"so\""', ['he may say "so"']),
    ],
)
def test_patterns_are_words_and_phrases_that_all_must_be_there(text: str, fits: list[str]):
    accepts = pattern(text)
    assert all(accepts(one) for one in fits)
    assert accepts("Metrics-") == (not text)


@pytest.mark.parametrize("text", ["?a ?b", "-a", "[a, b]", '{ $.a = "b" }', '"open', "%a%", 'a"b"'])
def test_patterns_of_other_kinds_are_refused(text: str):
    with pytest.raises(Refusal, match="Invalid filter pattern"):
        pattern(text)


# --- queries ----------------------------------------------------------------------------------
async def queried(raw: JobsRaw, body: dict[str, Any]) -> list[dict[str, Any]]:
    """All answers to a query, up to the last."""
    key = (await raw.logs("StartQuery", **body))["queryId"]
    found = []
    while True:
        reply = await raw.ask_logs("GetQueryResults", queryId=key)
        found.append(reply.json())
        if found[-1]["status"] != "Running":
            return found


async def test_metrics_come_newest_first_and_in_part_while_the_query_runs():
    emulator = BraketEmulator(logs=LogSettings(query_looks=2))
    async with jobs_inside(emulator) as raw:
        job = await ended(emulator, instances=2)
        await ended(emulator)
        answers = await queried(raw, metrics(job))
    wanted = [line for line in LINES if line.startswith("Metrics")]
    assert [answer["status"] for answer in answers] == ["Running", "Running", "Complete"]
    assert [len(answer["results"]) for answer in answers] == [10, 10, 20]
    rows = [{one["field"]: one["value"] for one in row} for row in answers[-1]["results"]]
    assert [row["@message"] for row in rows] == [line for line in reversed(wanted) for _ in range(2)]
    assert rows[0]["@timestamp"] > rows[-1]["@timestamp"]
    assert len(rows[0]["@timestamp"]) == len("2026-01-02 03:04:05.678")
    assert len({row["@ptr"] for row in rows}) == 20


async def test_a_query_has_bounds_and_pages():
    emulator = BraketEmulator()
    async with jobs_inside(emulator) as raw:
        job = await ended(emulator)
        start = int(job.created_at)
        (none,) = await queried(raw, metrics(job, startTime=start - 10, endTime=start - 5))
        (few,) = await queried(raw, metrics(job, limit=3))
        key = (await raw.logs("StartQuery", **metrics(job)))["queryId"]
        asked = {"queryId": key, "maxItems": 6}
        first = (await raw.ask_logs("GetQueryResults", **asked)).json()
        second = (await raw.ask_logs("GetQueryResults", **asked, nextToken=first["nextToken"])).json()
    assert (len(none["results"]), len(few["results"])) == (0, 3)
    assert (len(first["results"]), len(second["results"])) == (6, 4)
    assert "nextToken" not in second


@pytest.mark.parametrize(("end", "rows"), [("Failed", 0), ("Cancelled", 0), ("Timeout", 5)])
async def test_a_query_may_end_badly(end: Any, rows: int):
    emulator = BraketEmulator(logs=LogSettings(query_end=end))
    async with jobs_inside(emulator) as raw:
        (answer,) = await queried(raw, metrics(await ended(emulator)))
    assert (answer["status"], len(answer["results"])) == (end, rows)


async def test_other_queries_are_refused():
    emulator = BraketEmulator()
    async with jobs_inside(emulator) as raw:
        job = await ended(emulator)
        texts = ["fields @message", "stats count(*)", metrics(job)["queryString"] + " | sort @timestamp"]
        texts.append("fields @timestamp, @message | filter @logStream like /(/ | filter @message like /x/")
        replies = [await raw.ask_logs("StartQuery", logGroupName=GROUP, **metrics(job, queryString=t)) for t in texts]
        late = await raw.ask_logs("StartQuery", logGroupName=GROUP, **metrics(job, endTime=1))
        unknown = await raw.ask_logs("GetQueryResults", queryId="x")
    assert {told(reply) for reply in replies} == {(400, "MalformedQueryException")}
    assert told(late) == (400, "InvalidParameterException")
    assert told(unknown) == (400, "ResourceNotFoundException")


# --- what goes wrong --------------------------------------------------------------------------
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_faults_come_in_the_form_of_the_logs(operation: str):
    emulator = BraketEmulator()
    async with jobs_inside(emulator) as raw:
        job = await ended(emulator)
        query = metrics(job)
        bodies: dict[str, dict[str, Any]] = {
            "GetLogEvents": {"logStreamName": job.stream(1)},
            "StartQuery": query,
            "GetQueryResults": {"queryId": (await raw.logs("StartQuery", **query))["queryId"]},
        }
        body = bodies.get(operation, {}) | ({} if operation == "GetQueryResults" else {"logGroupName": GROUP})
        throttling = '{"__type":"ThrottlingException","message":"Rate exceeded"}'
        faults = [
            Fault("status", operation=operation, status=400, body=throttling),
            Fault("status", operation=operation, at=2, status=503),
            Fault("vanish", operation=operation, at=3),
            Fault("expire", operation=operation, at=4),
        ]
        emulator.script.replace(faults)
        replies = [await raw.ask_logs(operation, **body) for _ in faults]
    assert [told(reply) for reply in replies] == [
        (400, "ThrottlingException"),
        (503, "ServiceUnavailableException"),
        (400, "ResourceNotFoundException"),
        (400, "ExpiredTokenException"),
    ]


async def test_requests_are_limited_where_that_is_documented():
    emulator = BraketEmulator(quotas=True)
    async with jobs_inside(emulator) as raw:
        await ended(emulator)
        described = [await raw.ask_logs("DescribeLogStreams", logGroupName=GROUP) for _ in range(26)]
        filtered = [await raw.ask_logs("FilterLogEvents", logGroupName=GROUP) for _ in range(6)]
    assert [reply.status_code for reply in described] == [200] * 25 + [400]
    assert [reply.status_code for reply in filtered] == [200] * 5 + [400]
    assert told(filtered[-1]) == (400, "ThrottlingException")


async def test_who_does_not_sign_for_the_logs_is_not_let_in():
    emulator = BraketEmulator(token="AKID:s3cret")
    async with jobs_inside(emulator) as raw:
        await ended(emulator)
        assert await raw.logs("DescribeLogStreams")
        headers = {"x-amz-target": "Logs_20140328.DescribeLogStreams"}
        reply = await raw.http.post("/", content=b"{}", headers=headers)
    assert told(reply) == (400, "MissingAuthenticationTokenException")


async def test_settings_that_make_no_sense_are_refused():
    for settings in ({"page": 0}, {"empty_every": 1}, {"lag": -1.0}):
        with pytest.raises(UsageError):
            LogSettings(**settings)


# --- long logs --------------------------------------------------------------------------------
async def test_a_hundred_thousand_lines_over_minutes_are_followed_in_order():
    emulator = BraketEmulator(logs=LogSettings(empty_every=5, lag=1.5))
    async with jobs_inside(emulator) as raw:
        job = emulator.hybrid.invent(lines=50_000, rate=250.0, instances=2)
        await asyncio.sleep(2)
        found: list[list[str]] = [[], []]
        tokens: list[str | None] = [None, None]
        over, looks = False, 0
        while not over or looks < 30:
            over = (await raw.look_at(job.id))["status"] == "COMPLETED"
            looks = looks + 1 if over else 0
            for number in (0, 1):
                token = tokens[number]
                more = {"nextToken": token} if token else {}
                page = await raw.logs("GetLogEvents", logStreamName=job.stream(number + 1), startFromHead=True, **more)
                tokens[number] = page["nextForwardToken"]
                found[number] += [event["message"] for event in page["events"]]
            await asyncio.sleep(5)
    for number, lines in enumerate(found, 1):
        assert lines == [f"algo-{number} line {place}" for place in range(50_000)]
