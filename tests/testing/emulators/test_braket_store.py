"""S3 as far as results need it."""

from __future__ import annotations

import re

import pytest

from quantumjobs.testing.emulators import BraketEmulator
from tests.testing.emulators.braket_helpers import BUCKET, Raw, creation, served

pytestmark = pytest.mark.real_time
NORTH = b"<CreateBucketConfiguration><LocationConstraint>eu-north-1</LocationConstraint></CreateBucketConfiguration>"


async def s3(raw: Raw, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
    """Status and body."""
    reply = await raw.send(method, path, body, service="s3", **headers)
    assert reply.headers["x-amz-request-id"]
    return reply.status_code, reply.text


def said(code: str) -> re.Pattern[str]:
    return re.compile(f"<Code>{code}</Code>")


async def test_objects_are_kept_and_given_back_in_part_or_as_a_whole():
    async with served(BraketEmulator(token="AKID:s3cret")) as raw:
        path = f"/{BUCKET}/a%20b/%C3%BC.json"
        assert await s3(raw, "PUT", path, b"0123456789", content_type="application/json") == (200, "")
        assert await s3(raw, "GET", path) == (200, "0123456789")
        assert await s3(raw, "HEAD", path) == (200, "")
        part = await raw.send("GET", path, service="s3", range="bytes=2-4")
        assert (part.status_code, part.text, part.headers["content-range"]) == (206, "234", "bytes 2-4/10")
        assert await s3(raw, "GET", path, range="bytes=8-") == (206, "89")
        assert await s3(raw, "GET", path, range="bytes=-3") == (206, "789")
        assert (await s3(raw, "GET", path, range="bytes=10-"))[0] == 416
        assert (await s3(raw, "GET", path, if_match=part.headers["etag"]))[0] == 200
        assert (await s3(raw, "GET", path, if_match='"x"'))[0] == 412
        assert await s3(raw, "DELETE", path) == (204, "")
        status, text = await s3(raw, "GET", path)
        assert status == 404
        assert said("NoSuchKey").search(text)
        assert await s3(raw, "HEAD", path) == (404, "")


async def test_lists_come_in_pages():
    async with served(BraketEmulator()) as raw:
        for key in ("b/2", "a/1", "b/1", "b/3"):
            await s3(raw, "PUT", f"/{BUCKET}/{key}", b"x")
        _, first = await s3(raw, "GET", f"/{BUCKET}?list-type=2&max-keys=2&prefix=b%2F")
        token = re.search("<NextContinuationToken>(.*)</NextContinuationToken>", first)
        assert token is not None
        _, second = await s3(raw, "GET", f"/{BUCKET}?list-type=2&prefix=b%2F&continuation-token={token[1]}")
        _, none = await s3(raw, "GET", f"/{BUCKET}?list-type=2&prefix=c")
    assert re.findall("<Key>(.*?)</Key>", first) == ["b/1", "b/2"]
    assert re.findall("<Key>(.*?)</Key>", second) == ["b/3"]
    assert "<Contents>" not in none


async def test_buckets_are_made_once_but_in_the_region_of_history():
    async with served(BraketEmulator(foreign=["taken"])) as raw:
        north = raw.at("eu-north-1")
        assert [(await s3(raw, "PUT", "/mine"))[0] for _ in range(2)] == [200, 200]
        assert (await s3(north, "PUT", "/yours", NORTH))[0] == 200
        status, text = await s3(north, "PUT", "/yours", NORTH)
        assert (status, bool(said("BucketAlreadyOwnedByYou").search(text))) == (409, True)
        assert (await s3(raw, "PUT", "/yours2", NORTH))[0] == 400
        assert said("BucketAlreadyExists").search((await s3(raw, "PUT", "/taken"))[1])
        assert (await s3(raw, "HEAD", "/taken"))[0] == 403
        assert (await s3(raw, "PUT", "/No"))[0] == 400
        for setting in ("publicAccessBlock", "policy", "location"):
            assert (await s3(raw, "GET", f"/mine?{setting}"))[0] == 200
        assert (await s3(raw, "PUT", "/mine?publicAccessBlock", b"<x/>"))[0] == 200
        assert (await s3(raw, "HEAD", "/mine"))[0] == 200


async def test_a_bucket_of_another_region_says_which():
    async with served(BraketEmulator(results="zeros")) as raw:
        north = raw.at("eu-north-1")
        assert (await north.ask("POST", "/quantum-task", creation())).status_code == 201
        reply = await raw.send("GET", f"/{BUCKET}/a", service="s3")
        assert (reply.status_code, reply.headers["x-amz-bucket-region"]) == (400, "eu-north-1")
        assert (await raw.send("GET", "/nowhere/a", service="s3")).status_code == 404
