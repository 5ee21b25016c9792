"""Each kind of fault, as a raw client sees it."""

from __future__ import annotations

import gzip
import time

import httpx
import pytest

from quantumjobs.testing.emulators import AqtEmulator, Fault
from tests.testing.emulators.helpers import UNKNOWN, look, served, submission, submit

pytestmark = pytest.mark.real_time
BROKEN = (httpx.RemoteProtocolError, httpx.ReadError)


def broken(*faults: Fault, **settings) -> AqtEmulator:
    return AqtEmulator(results="zeros", faults=faults, **settings)


async def test_a_status_has_the_headers_and_the_body_it_was_given():
    fault = Fault(
        "status", status=429, retry_after="Fri, 31 Dec 1999 23:59:59 GMT", body="<slow down>", headers={"x": "y"}
    )
    async with served(broken(fault)) as client:
        reply = await client.get("/workspaces")
        assert (reply.status_code, reply.text, reply.headers["x"]) == (429, "<slow down>", "y")
        assert reply.headers["retry-after"] == "Fri, 31 Dec 1999 23:59:59 GMT"
        assert (await client.get("/workspaces")).status_code == 200


@pytest.mark.parametrize("status", [204, 304, 408, 599])
async def test_any_status_can_be_sent(status):
    async with served(broken(Fault("status", status=status))) as client:
        assert (await client.get("/workspaces")).status_code == status
        assert (await client.get("/workspaces")).status_code == 200


@pytest.mark.parametrize("after", [False, True])
async def test_an_error_comes_before_or_after_a_job_is_accepted(after):
    emulator = broken(Fault("status", operation="submit", status=502, after=after))
    async with served(emulator) as client:
        assert (await client.post("/submit/ws/ibex", json=submission())).status_code == 502
    assert len(emulator.jobs) == after
    assert emulator.stats["submissions"] == 1


@pytest.mark.parametrize("after", [False, True])
async def test_a_reset_comes_before_or_after_a_job_is_accepted(after):
    emulator = broken(Fault("reset", operation="submit", after=after))
    async with served(emulator) as client:
        with pytest.raises(BROKEN):
            await client.post("/submit/ws/ibex", json=submission())
        await submit(client)
    assert len(emulator.jobs) == 1 + after
    assert emulator.connections == 2


async def test_a_hang_ends_in_a_closed_connection():
    emulator = broken(Fault("hang", seconds=0.2), Fault("hang", at=2, seconds=60, after=True))
    async with served(emulator) as client:
        began = time.monotonic()
        with pytest.raises(BROKEN):
            await client.get("/workspaces")
        assert 0.15 < time.monotonic() - began < 10
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/submit/ws/ibex", json=submission(), timeout=0.2)
    assert len(emulator.jobs) == 1


async def test_a_cut_reply_announces_more_than_comes():
    async with served(broken(Fault("cut"))) as client, client.stream("GET", "/workspaces") as reply:
        seen = b""
        with pytest.raises(httpx.RemoteProtocolError, match="peer closed connection"):
            async for piece in reply.aiter_raw():
                seen += piece
        assert len(seen) == int(reply.headers["content-length"]) // 2


async def test_a_dripping_reply_is_whole_and_late():
    emulator = broken()
    async with served(emulator) as client:
        whole = (await client.get("/workspaces")).text
        emulator.script.replace([Fault("drip", rate=len(whole) * 3)])
        began = time.monotonic()
        assert (await client.get("/workspaces")).text == whole
        assert time.monotonic() - began > 0.25
        emulator.script.replace([Fault("drip", rate=1)])  # nobody waits for the end of this one
        with pytest.raises(httpx.ReadTimeout):
            await client.get("/workspaces", timeout=0.2)


async def test_garbage_and_another_schema_are_no_news():
    async with served(broken(Fault("garbage"), Fault("schema", at=2), Fault("garbage", at=3, body="null,"))) as client:
        garbage = await client.get("/workspaces")
        assert garbage.headers["content-type"] == "application/json"
        with pytest.raises(ValueError, match="Expecting value"):
            garbage.json()
        assert (await client.get("/workspaces")).json() == {"surprise": [1, 2, 3]}
        assert (await client.get("/workspaces")).text == "null,"


async def test_an_unknown_word_stands_where_the_status_was():
    emulator = broken(Fault("word", operation="result", word="napping"))
    async with served(emulator) as client:
        job = await submit(client)
        assert await look(client, job) == {"status": "napping"}
        assert (await look(client, job))["status"] == "finished"


async def test_a_bomb_is_small_until_it_is_unpacked():
    async with served(broken(Fault("bomb", size=1 << 22))) as client, client.stream("GET", "/workspaces") as reply:
        raw = b"".join([piece async for piece in reply.aiter_raw()])
        assert reply.headers["content-encoding"] == "gzip"
    assert len(raw) < 1 << 14
    assert len(gzip.decompress(raw)) == 1 << 22


async def test_a_redirect_leads_to_another_origin():
    emulator = broken(Fault("redirect"), Fault("redirect", at=2, location="http://example.invalid/", status=302))
    async with served(emulator) as client:
        reply = await client.get("/workspaces")
        assert (reply.status_code, reply.headers["location"]) == (
            307,
            f"http://localhost:{client.base_url.port}/api/v1/workspaces",
        )
        reply = await client.get("/workspaces")
        assert (reply.status_code, reply.headers["location"]) == (302, "http://example.invalid/")


async def test_a_job_vanishes_in_either_form():
    emulator = broken(Fault("vanish", operation="result"), Fault("vanish", operation="result", at=2, status=200))
    async with served(emulator) as client:
        job = await submit(client)
        first, second = await client.get(f"/result/{job}"), await client.get(f"/result/{job}")
        assert (first.status_code, first.json()) == (404, {"detail": "Job not found"})
        assert (second.status_code, second.json()) == (200, {"job_id": job, "message": "unknown job_id"})


async def test_a_job_fails_with_the_message_it_was_given():
    async with served(broken(Fault("fail", operation="submit", body="the ion is gone"), queue=0)) as client:
        job = await submit(client)
        for _ in range(50):
            if (found := await look(client, job))["status"] == "error":
                break
        assert found == {"status": "error", "message": "the ion is gone"}


async def test_an_expired_token_is_refused_until_another_comes():
    async with served(broken(Fault("expire", at=2))) as client:
        codes = [(await client.get("/workspaces")).status_code for _ in range(3)]
        client.headers["authorization"] = "Bearer fresh"
        assert [*codes, (await client.get("/workspaces")).status_code] == [200, 401, 401, 200]


async def test_a_script_is_replaced_while_it_is_served():
    async with served(broken()) as client:
        url = client.base_url.copy_with(path="/_emulator/faults")
        reply = await client.post(url, json=[{"kind": "status", "operation": "result", "status": 500}])
        assert reply.json() == {"faults": 1}
        assert (await client.get(f"/result/{UNKNOWN}")).status_code == 500
        assert (await client.post(url, content=b"nonsense")).status_code == 422
        assert (await client.post(url, json=[{"kind": "cut", "operation": "none"}])).status_code == 422
