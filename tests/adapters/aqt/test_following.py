"""AQT's jobs through a client: what ends a wait and what does not. In virtual time, without sockets."""

from __future__ import annotations

import asyncio
import json
import logging

import httpx
import pytest

import quantumjobs as qj
from quantumjobs.core.states import CancelOutcome, JobState
from quantumjobs.errors import CredentialError, JobFailed, JobRejected, ProviderUnavailable, SubmissionUncertain
from tests.adapters.aqt.portal import BACKEND, Portal, PortalProvider, told

CIRCUIT = "OPENQASM 3.0;"
COUNTS = {"00": 1, "11": 1}


def client_of(portal: Portal, token: object = None) -> qj.Client:
    return qj.Client(ledger="memory", providers={"aqt": PortalProvider(portal, token)})


async def test_a_job_goes_from_the_queue_to_its_counts():
    portal = Portal()
    async with client_of(portal) as client:
        job = await client.backend(BACKEND).run(CIRCUIT)
        assert job.state is JobState.QUEUED
        assert (await job).counts == COUNTS
        assert job.progress == qj.Progress(1, 1)
        assert job.raw_status == "finished"
        assert [line.after for line in job.story] == ["submitting", "queued", "running", "completed"]
    assert portal.requests["submit"] == 1
    assert portal.requests["result"] == 4


async def test_the_last_look_carries_the_result():
    portal = Portal(looks=0)
    async with client_of(portal) as client:
        await (await client.backend(BACKEND).run(CIRCUIT))
    assert portal.requests["result"] == 1


BAD = [
    httpx.Response(503),
    httpx.Response(429, headers={"retry-after": "1"}),
    httpx.ReadError("reset"),
    httpx.Response(200, content=b"<html>login</html>"),
    httpx.Response(502, content=b"\xff\xfe"),
    httpx.ConnectTimeout("slow"),
]


@pytest.mark.parametrize("kind", range(len(BAD)))
async def test_sixty_bad_looks_end_no_wait(kind: int):
    def weather(operation: str, number: int) -> httpx.Response | Exception | None:
        if operation != "result" or number > 60:
            return None
        bad = BAD[kind]
        return (
            bad
            if isinstance(bad, Exception)
            else httpx.Response(bad.status_code, headers=bad.headers, content=bad.content)
        )

    portal = Portal(weather=weather)
    async with client_of(portal) as client:
        job = await client.backend(BACKEND).run(CIRCUIT)
        assert (await job).counts == COUNTS
    assert portal.requests["submit"] == 1
    assert portal.requests["result"] > 60


async def test_a_thousand_waiters_meet_an_expired_token_and_one_refresh_is_made():
    portal = Portal(looks=6)
    asked = 0

    async def source() -> str:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.2)
        return portal.token

    async with client_of(portal, source) as client:
        backend = client.backend(BACKEND)
        jobs = await asyncio.gather(*(backend.run(CIRCUIT) for _ in range(1000)))
        waiting = asyncio.gather(*jobs)
        await asyncio.sleep(0.5)
        assert asked == 1
        portal.token = "second-token"
        results = await waiting
    assert asked == 2
    assert portal.refused > 0
    assert all(result.counts == COUNTS for result in results)
    assert portal.requests["submit"] == 1000
    assert len(portal.jobs) == 1000


async def test_a_token_that_is_refused_for_long_pauses_the_lane_and_ends_no_wait():
    portal = Portal(looks=50)
    token = portal.token
    async with client_of(portal, lambda: _soon(token)) as client:
        backend = client.backend(BACKEND)
        jobs = await asyncio.gather(*(backend.run(CIRCUIT) for _ in range(100)))
        waiting = asyncio.gather(*jobs)
        await asyncio.sleep(20)
        portal.token = "second-token"
        await asyncio.sleep(5)
        before = sum(portal.requests.values())
        await asyncio.sleep(600)
        assert not waiting.done()
        assert any(isinstance(job.error, CredentialError) for job in jobs)
        assert sum(portal.requests.values()) - before <= 2 * 600 / 30 + 2  # one try, two requests, twice a minute
        token = portal.token
        assert all(result.counts == COUNTS for result in await waiting)


async def _soon(token: str) -> str:
    return token


async def test_a_wrong_token_at_first_use_is_told_at_once_and_nothing_is_sent():
    portal = Portal()
    async with client_of(portal, "wrong-token") as client:
        with pytest.raises(CredentialError, match="token given in the settings"):
            await client.backend(BACKEND).run(CIRCUIT)
    assert portal.requests["submit"] == 0


async def test_an_expired_token_at_a_submit_leads_to_one_job():
    portal = Portal()

    async with client_of(portal, lambda: _soon(portal.token)) as client:
        backend = client.backend(BACKEND)
        await (await backend.run(CIRCUIT))
        portal.token = "second-token"
        assert (await (await backend.run(CIRCUIT))).counts == COUNTS
    assert len(portal.jobs) == 2
    assert portal.requests["submit"] == 3


@pytest.mark.parametrize(
    "bad", [httpx.Response(429), httpx.Response(425), httpx.Response(503, headers={"retry-after": "3"})]
)
async def test_a_submit_that_was_surely_not_taken_is_sent_again(bad: httpx.Response):
    portal = Portal(weather=lambda operation, number: bad if operation == "submit" and number == 1 else None)
    async with client_of(portal) as client:
        job = await client.backend(BACKEND).run(CIRCUIT)
        await job
    assert portal.requests["submit"] == 2
    assert len(portal.jobs) == 1


@pytest.mark.parametrize(
    "bad",
    [
        httpx.Response(500),
        httpx.Response(503),
        httpx.Response(504),
        httpx.Response(408),
        httpx.ReadError("reset"),
        httpx.Response(200, content=b"{}"),
        httpx.Response(307, headers={"location": "/api/v1/submit/ws/pine"}),
    ],
)
async def test_a_submit_that_may_have_been_taken_is_never_sent_again(bad: httpx.Response | Exception):
    portal = Portal(weather=lambda operation, number: bad if operation == "submit" else None)
    async with client_of(portal) as client:
        with pytest.raises(SubmissionUncertain):
            await client.backend(BACKEND).run(CIRCUIT)
        await asyncio.sleep(3600)
    assert portal.requests["submit"] == 1


@pytest.mark.parametrize("status", [403, 404, 422])
async def test_a_final_no_to_a_submit_rejects_the_job_with_the_servers_words(status: int):
    detail = [{"loc": ["body", "payload"], "msg": "too many shots", "type": "value_error"}] if status == 422 else "no"
    portal = Portal(
        weather=lambda operation, _: httpx.Response(status, json={"detail": detail}) if operation == "submit" else None
    )
    async with client_of(portal) as client:
        with pytest.raises(JobRejected, match="body.payload: too many shots" if status == 422 else "no"):
            await client.backend(BACKEND).run(CIRCUIT)
    assert portal.requests["submit"] == 1


async def test_a_job_that_failed_raises_with_the_servers_message():
    portal = Portal(
        weather=lambda operation, _: (
            httpx.Response(200, json=told("job-1", {"status": "error", "message": "ion lost"}))
            if operation == "result"
            else None
        )
    )
    async with client_of(portal) as client:
        job = await client.backend(BACKEND).run(CIRCUIT)
        with pytest.raises(JobFailed, match="ion lost"):
            await job


async def test_a_cancel_is_a_delete_and_a_look_that_shows_it():
    portal = Portal(looks=1000)
    async with client_of(portal) as client:
        job = await client.backend(BACKEND).run(CIRCUIT)
        assert await job.cancel() is CancelOutcome.CANCELLED
        assert job.state is JobState.CANCELLED
    assert portal.requests["jobs"] == 1


async def test_requests_of_a_thousand_jobs_wait_here_and_not_in_the_transport():
    portal = Portal(looks=1000)
    async with client_of(portal) as client:
        backend = client.backend(BACKEND)
        jobs = await asyncio.gather(*(backend.run(CIRCUIT) for _ in range(1000)))
        assert set(await asyncio.gather(*(job.cancel() for job in jobs))) == {CancelOutcome.CANCELLED}
    assert portal.most_under_way["submit"] == 32
    assert portal.most_under_way["jobs"] == 32


@pytest.mark.parametrize("body", [b'{"job_id":"job-1","message":"unknown job_id"}', None])
async def test_a_job_that_is_gone_is_lost_after_minutes_and_not_at_once(body: bytes | None):
    gone = httpx.Response(404, json={"detail": "not found"}) if body is None else httpx.Response(200, content=body)
    portal = Portal(weather=lambda operation, _: gone if operation == "result" else None)
    async with client_of(portal) as client:
        job = await client.backend(BACKEND).run(CIRCUIT)
        await asyncio.sleep(60)
        assert job.state is JobState.QUEUED
        with pytest.raises(qj.JobLost):
            await job
    assert portal.requests["result"] >= 3


async def test_an_unknown_word_is_shown_and_the_job_stays_where_it_was():
    portal = Portal(
        weather=lambda operation, number: (
            httpx.Response(200, json=told("job-1", {"status": "calibrating"}))
            if operation == "result" and number <= 3
            else None
        )
    )
    async with client_of(portal) as client:
        job = await client.backend(BACKEND).run(CIRCUIT)
        await asyncio.sleep(1)
        assert (job.state, job.raw_status) == (JobState.QUEUED, "calibrating")
        assert (await job).counts == COUNTS


async def test_an_answer_about_another_job_is_not_taken_for_ours():
    portal = Portal(
        weather=lambda operation, number: (
            httpx.Response(200, json=told("job-77", {"status": "finished", "result": {"0": [[1, 1]]}}))
            if operation == "result" and number == 1
            else None
        )
    )
    async with client_of(portal) as client:
        assert (await (await client.backend(BACKEND).run(CIRCUIT))).counts == COUNTS


async def test_an_unknown_resource_is_refused_with_near_names():
    async with client_of(Portal()) as client:
        with pytest.raises(qj.ProviderRejected, match="did you mean 'ws/ibex'"):
            await client.backend("aqt/ws/ibx").run(CIRCUIT)
        assert {"aqt/ws/ibex", "aqt/ws/pine"} <= set(await client.backends())


async def test_a_portal_that_cannot_be_reached_withdraws_the_intent_after_the_budget():
    portal = Portal(weather=lambda operation, _: httpx.Response(429) if operation == "submit" else None)
    async with client_of(portal) as client:
        began = asyncio.get_running_loop().time()
        with pytest.raises(ProviderUnavailable, match="429"):
            await client.backend(BACKEND).run(CIRCUIT)
        assert asyncio.get_running_loop().time() - began < 120
        (job,) = await client.jobs()
        assert job.state is JobState.CANCELLED
    assert not portal.jobs


async def test_no_token_is_in_what_is_kept_shown_or_logged(caplog: pytest.LogCaptureFixture):
    secret = "canary-5f2b9c"
    portal = Portal(
        weather=lambda operation, _: (
            httpx.Response(403, json={"detail": f"bad {secret}"}) if operation == "submit" else None
        )
    )
    portal.token = secret
    with caplog.at_level(logging.DEBUG):
        async with client_of(portal, secret) as client:
            with pytest.raises(JobRejected) as caught:
                await client.backend(BACKEND).run(CIRCUIT)
            (job,) = await client.jobs()
            seen = [repr(caught.value), str(caught.value), repr(job), str(job.story), repr(client), caplog.text]
            seen += [repr(vars(client)), repr(job.error), json.dumps(str(job.snapshot))]
    assert not [text for text in seen if secret in text]
    assert "bad ***" in str(caught.value)
