"""Results in S3: where they go, the bucket that is made for them, and getting them, in one object or in many."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from quantumjobs.abc import Raw, Remote, Sending
from quantumjobs.adapters.braket.endpoints import Endpoints
from quantumjobs.adapters.braket.schemas import RESULTS as BODY
from quantumjobs.adapters.braket.schemas import TASK as SCHEMA
from quantumjobs.adapters.braket.storage import LIMITS
from quantumjobs.errors import ProviderProtocolError, ProviderRejected, ProviderUnavailable
from tests.adapters.braket.station import (
    ACCOUNT,
    BUCKET,
    DIRECTORY,
    HEAD,
    ID,
    IDENTITY,
    LOOK,
    MAKE,
    REGION,
    RESULTS,
    STS,
    SV1,
    Station,
    Turns,
    device,
    s3_refusal,
    task,
)

WHERE = {"bucket": BUCKET, "directory": DIRECTORY}
FOUND = b'{"measurements": []}'
PREFIX = f"GET s3 /{BUCKET}/elsewhere/far"


def remote(**details: str) -> Remote:
    return Remote(id=ID, backend="sv1", created_at=0.0, details=details)


async def fetched(station: Station, *, wall: float = 0.0, **details: str) -> Raw:
    async with station.adapter(wall=wall) as adapter:
        return await adapter.fetch(remote(**details))


# --- getting ----------------------------------------------------------------------------------
async def test_a_result_is_one_object():
    station = Station({RESULTS: b'{"measurements": [[0]]}'})
    assert await fetched(station, **WHERE) == Raw(SCHEMA, {BODY: b'{"measurements": [[0]]}'})
    assert station.asked == [RESULTS]


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'{"surprise": 1}', b'{"measurements": [[0]', b" " * (1 << 20), b"<p>" + b"x" * (1 << 20)],
)
async def test_what_is_no_result_is_one_from_nobody(body: bytes):
    with pytest.raises(ProviderProtocolError, match="result"):
        await fetched(Station({RESULTS: body}), **WHERE)


async def test_a_result_that_is_too_large_to_be_read_here_is_left_to_a_worker():
    large = b'{"measurements": [' + b"[0]," * (1 << 18) + b"[1]]}\n"
    assert (await fetched(Station({RESULTS: large}), **WHERE)).blobs == {BODY: large}


async def test_where_the_task_has_not_said_where_it_is_asked():
    station = Station({LOOK: task(), RESULTS: FOUND})
    assert (await fetched(station)).blobs == {BODY: FOUND}
    assert station.asked == [LOOK, RESULTS]
    with pytest.raises(ProviderUnavailable):
        await fetched(Station({LOOK: b"<html>"}))


async def test_a_result_that_is_not_there_is_gone_but_not_in_its_first_minute():
    gone = Station({RESULTS: s3_refusal(404, "NoSuchKey")})
    with pytest.raises(ProviderRejected) as caught:
        await fetched(gone, wall=1061.0, ended="1000.0", **WHERE)
    assert caught.value.code == "NoSuchKey"
    with pytest.raises(ProviderUnavailable):
        await fetched(gone, wall=1059.0, ended="1000.0", **WHERE)
    with pytest.raises(ProviderRejected):
        await fetched(gone, **WHERE)


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (500, "InternalError"), (429, "TooManyRequests")])
async def test_bad_weather_at_s3_is_no_end(status: int, code: str):
    with pytest.raises(ProviderUnavailable):
        await fetched(Station({RESULTS: s3_refusal(status, code)}), **WHERE)


async def test_a_bucket_in_another_region_is_followed_there_once():
    moved = (301, b"<Error><Code>PermanentRedirect</Code></Error>", {"x-amz-bucket-region": "eu-west-2"})
    station = Station({RESULTS: Turns(moved, FOUND)})
    assert (await fetched(station, **WHERE)).blobs == {BODY: FOUND}
    assert [
        f"/{region}/s3/" in station.requests[at].headers["authorization"]
        for at, region in enumerate((REGION, "eu-west-2"))
    ] == [True, True]
    with pytest.raises(ProviderUnavailable, match="moved"):
        await fetched(Station({RESULTS: moved}), **WHERE)


async def test_a_region_that_is_none_is_asked_of_nobody():
    there = f"GET {BUCKET} /{DIRECTORY}/results.json"  # at AWS's own hosts, whose names have the region in them
    station = Station({there: (301, b"", {"x-amz-bucket-region": "eu-west-2.elsewhere.example/"})})
    async with station.adapter(endpoints=Endpoints()) as adapter:
        with pytest.raises(ProviderProtocolError, match="no region"):
            await adapter.fetch(remote(**WHERE))
    assert station.asked == [there]


async def test_a_result_of_too_many_bytes_is_refused_before_it_is_all_here():
    class Endless(httpx.AsyncByteStream):
        sent = 0

        async def __aiter__(self):
            while True:
                self.sent += 1 << 24
                yield bytes(1 << 24)

    endless = Endless()
    station = Station()

    class Big(Station):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=endless)

    station = Big()
    with pytest.raises(ProviderProtocolError):
        await fetched(station, **WHERE)
    assert endless.sent <= LIMITS.decoded + (1 << 25)


@pytest.mark.parametrize("name", ["a/b", "UPPER", "x", "10.0.0.1", "..", "a" * 64])
async def test_a_bucket_that_is_none_is_asked_of_nobody(name: str):
    station = Station()
    with pytest.raises(ProviderProtocolError):
        await fetched(station, bucket=name, directory=DIRECTORY)
    assert not station.requests


# --- results in many objects --------------------------------------------------------------------
def spilled(**more: Any) -> dict[str, Any]:
    return {
        "s3Location": [BUCKET, "elsewhere/far"],
        "programResults": ["programs/0/results.json", "programs/1/results.json"],
        "taskMetadata": "metadata.json",
        **more,
    }


def parts() -> dict[str, Any]:
    one = {"source": "program.json", "executableResults": ["executables/0.json", {"inputsIndex": 1}]}
    return {
        RESULTS: spilled(),
        f"{PREFIX}/metadata.json": {"id": ID},
        **{f"{PREFIX}/programs/{n}/results.json": one for n in (0, 1)},
        **{f"{PREFIX}/programs/{n}/program.json": {"n": n} for n in (0, 1)},
        **{f"{PREFIX}/programs/{n}/executables/0.json": {"e": n} for n in (0, 1)},
    }


async def test_a_program_set_in_many_objects_is_all_of_them_by_their_paths():
    station = Station(parts())
    raw = await fetched(station, **WHERE)
    assert sorted(raw.blobs) == sorted(
        [BODY, "metadata.json"]
        + [f"programs/{n}/{name}" for n in (0, 1) for name in ("results.json", "program.json", "executables/0.json")]
    )
    assert json.loads(raw.blobs["programs/1/executables/0.json"]) == {"e": 1}
    assert len(station.requests) == 8


@pytest.mark.parametrize(
    "odd",
    [
        {"s3Location": ["another-bucket", "x"]},
        {"s3Location": None},
        {"s3Location": [BUCKET]},
        {"programResults": ["../../secret.json"]},
        {"programResults": ["/etc/passwd"]},
        {"programResults": ["programs/0/results.json?x"]},
        {"programResults": ["a" * 300 + ".json"]},
        {"taskMetadata": "http://elsewhere/metadata.json"},
    ],
)
async def test_parts_that_are_said_to_be_anywhere_else_are_asked_of_nobody(odd: dict[str, Any]):
    station = Station({**parts(), RESULTS: spilled(**odd)})
    with pytest.raises(ProviderProtocolError):
        await fetched(station, **WHERE)
    assert station.asked == [RESULTS]


async def test_a_part_that_is_missing_ends_the_others():
    answers = {**parts(), f"{PREFIX}/programs/1/results.json": s3_refusal(404, "NoSuchKey")}
    with pytest.raises(ProviderRejected):
        await fetched(Station(answers), **WHERE)
    assert len(asyncio.all_tasks()) == 1


# --- the default bucket -------------------------------------------------------------------------
def sending(bucket: str = BUCKET) -> Sending:
    details = {"bucket": bucket, "device": SV1}
    return Sending(backend="sv1", payload=b"{}", token="t", first_sent_at=0.0, attempt=1, details=details)


async def staged(station: Station, bucket: str = BUCKET, times: int = 1, **settings: Any) -> None:
    station.answers |= {STS: IDENTITY, f"GET braket /device/{SV1}": device()}
    async with station.adapter(**settings) as adapter:
        await adapter.describe("sv1")
        station.requests.clear()
        await asyncio.gather(*(adapter.stage(sending(bucket)) for _ in range(times)))


async def test_the_default_bucket_is_made_once_where_its_tasks_are():
    station = Station({MAKE: b""})
    await staged(station, times=3)
    assert station.asked == [MAKE]
    assert f"<LocationConstraint>{REGION}<".encode() in station.requests[0].content


@pytest.mark.parametrize("code", ["BucketAlreadyOwnedByYou", "OperationAborted"])
async def test_one_that_is_there_is_as_good(code: str):
    station = Station({MAKE: s3_refusal(409, code)})
    await staged(station, times=2)
    assert station.asked == [MAKE]


async def test_one_of_another_account_is_refused_with_advice():
    with pytest.raises(ProviderRejected, match="s3_bucket"):
        await staged(Station({MAKE: s3_refusal(409, "BucketAlreadyExists")}))


async def test_who_may_not_make_it_may_use_it_if_it_is_their_own():
    denied = s3_refusal(403, "AccessDenied")
    station = Station({MAKE: denied, HEAD: (200, b"")})
    await staged(station)
    assert station.asked == [MAKE, HEAD]
    assert station.requests[1].headers["x-amz-expected-bucket-owner"] == ACCOUNT
    with pytest.raises(ProviderRejected):
        await staged(Station({MAKE: denied, HEAD: (403, b"")}))


async def test_it_is_made_for_a_job_that_another_program_has_prepared():
    station = Station({MAKE: b""})
    async with station.adapter() as adapter:
        await adapter.stage(sending())
    assert station.asked == [MAKE]


async def test_a_bucket_that_was_chosen_is_nobodys_to_make():
    station = Station()
    await staged(station, "mine")
    await staged(station, "mine", s3_bucket="mine")
    assert not station.requests
