"""The generic service: what it takes, what its two switches change, and what it counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest

from quantumjobs.cli import asked
from quantumjobs.errors import UsageError
from quantumjobs.testing import emulators
from quantumjobs.testing.emulators import Fault, GenericEmulator, serve
from quantumjobs.testing.emulators.generic import counts

real_time = pytest.mark.real_time
UNKNOWN = "00000000-0000-4000-8000-000000000000"
BODY = {"backend": "sim", "shots": 100, "circuits": [{"form": "qasm", "body": "x"}, {"form": "qasm", "body": "y"}]}


@asynccontextmanager
async def served(emulator: GenericEmulator) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": "Bearer T"}
    async with (
        serve(emulator) as url,
        httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=20) as client,
    ):
        yield client


def post(client: httpx.AsyncClient, token: str, *, key: str | None = None, body: Any = BODY) -> Any:
    headers = {"Client-Reference": token} | ({} if key is None else {"Idempotency-Key": key})
    return client.post("/jobs", json=body, headers=headers)


async def submit(client: httpx.AsyncClient, token: str = "t", **more: Any) -> str:
    reply = await post(client, token, **more)
    assert reply.status_code == 201, reply.text
    found: str = reply.json()["id"]
    return found


async def until(client: httpx.AsyncClient, job: str, *words: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while (found := (await client.get(f"/jobs/{job}")).json())["status"] not in words:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return dict(found)


async def stats(client: httpx.AsyncClient) -> dict[str, Any]:
    return dict((await client.get("/_emulator/stats")).json())


# --- a job ------------------------------------------------------------------------------
@real_time
async def test_a_job_waits_runs_and_has_its_result_apart_from_its_status():
    async with served(GenericEmulator(queue=0.1, duration=0.1)) as client:
        job = await submit(client)
        assert (await client.get(f"/jobs/{job}")).json() == {
            "id": job,
            "status": "queued",
            "done": 0,
            "of": 2,
            "message": "",
        }
        assert (await client.get(f"/jobs/{job}/result")).status_code == 409
        assert (await until(client, job, "running"))["of"] == 2
        assert (await until(client, job, "done"))["done"] == 2
        assert (await client.get(f"/jobs/{job}/result")).json() == {
            "id": job,
            "shots": 100,
            "counts": [counts("x", 100), counts("y", 100)],
        }


def test_counts_follow_from_the_circuit_and_add_up_to_the_shots():
    for shots in (1, 2, 3, 100, 1001):
        found = counts("some circuit", shots)
        assert found == counts("some circuit", shots)
        assert sum(found.values()) == shots
        assert found.keys() <= {"00", "11"}
    assert len({counts(f"circuit {n}", 1000)["00"] for n in range(20)}) > 10


@real_time
async def test_outcomes_can_be_told():
    async with served(GenericEmulator(results="01")) as client:
        job = await submit(client)
        assert (await client.get(f"/jobs/{job}/result")).json()["counts"] == [{"01": 100}] * 2


@real_time
async def test_several_jobs_are_looked_at_in_one_request_and_strangers_are_named():
    async with served(GenericEmulator()) as client:
        first, second = await submit(client), await submit(client)
        found = (await client.get("/jobs", params={"id": [second, UNKNOWN, first]})).json()
        assert [job["id"] for job in found["jobs"]] == [second, first]
        assert found["unknown"] == [UNKNOWN]
        assert (await client.get("/jobs")).status_code == 422


@real_time
async def test_a_cancel_stops_what_waits_and_what_runs_and_nothing_that_is_over():
    async with served(GenericEmulator(duration=0.2)) as client:
        running, waiting = await submit(client), await submit(client)
        await until(client, running, "running")
        assert (await client.post(f"/jobs/{waiting}/cancel")).json()["status"] == "cancelled"
        assert (await client.post(f"/jobs/{running}/cancel")).json()["status"] == "stopping"
        assert (await until(client, running, "cancelled", "done"))["done"] == 1
        assert (await client.post(f"/jobs/{running}/cancel")).status_code == 200
        assert (await client.get(f"/jobs/{running}/result")).status_code == 410
        done = await submit(client)
        await until(client, done, "done")
        assert (await client.post(f"/jobs/{done}/cancel")).status_code == 409
        assert (await client.post(f"/jobs/{UNKNOWN}/cancel")).status_code == 404


@real_time
@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({**BODY, "backend": "moon"}, 404, "moon"),
        ({**BODY, "shots": 0}, 422, "shot"),
        ({**BODY, "circuits": []}, 422, "circuit"),
        ({**BODY, "shots": "many"}, 422, "int"),
        ([[[]]], 422, "object"),
    ],
)
async def test_what_is_no_job_is_refused_and_counted_as_a_post_without_a_job(body, status, said):
    async with served(GenericEmulator()) as client:
        reply = await post(client, "t", body=body)
        assert reply.status_code == status
        assert said in reply.json()["detail"]
        found = await stats(client)
        assert (found["posts_by_token"], found["jobs_by_token"]) == ({"t": 1}, {})


@real_time
async def test_a_full_service_says_when_to_come_back():
    async with served(GenericEmulator(job_limit=1)) as client:
        await submit(client)
        reply = await post(client, "t")
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")


@real_time
async def test_nobody_without_a_credential_is_let_in_and_the_post_is_counted():
    async with served(GenericEmulator(token="T")) as client:
        reply = await client.post(
            "/jobs", json=BODY, headers={"Authorization": "Bearer other", "Client-Reference": "t"}
        )
        assert reply.status_code == 401
        assert (await stats(client))["posts_by_token"] == {"t": 1}
        assert (await stats(client))["jobs"] == 0


# --- the switches -----------------------------------------------------------------------
@real_time
async def test_one_key_gives_one_job_also_while_the_first_submission_is_under_way():
    async with served(GenericEmulator(accepting=0.3)) as client:
        first = asyncio.create_task(submit(client, "t", key="k"))
        await asyncio.sleep(0.1)
        assert (await stats(client))["under_way"] == 1
        jobs = {await first, *await asyncio.gather(*(submit(client, "t", key="k") for _ in range(3)))}
        assert len(jobs) == 1
        assert await submit(client, "t", key="other") not in jobs
        found = await stats(client)
        assert found["posts_by_token"] == {"t": 5}
        assert len(found["jobs_by_token"]["t"]) == 2
        assert found["under_way"] == 0


@real_time
async def test_a_key_with_another_body_is_refused():
    async with served(GenericEmulator()) as client:
        await submit(client, key="k")
        assert (await post(client, "t", key="k", body={**BODY, "shots": 7})).status_code == 422
        assert (await stats(client))["jobs"] == 1


@real_time
async def test_without_idempotency_a_key_means_nothing():
    async with served(GenericEmulator(idempotency=False)) as client:
        made = [await submit(client, key="k") for _ in range(2)]
        assert len(set(made)) == 2
        assert (await stats(client))["jobs_by_token"] == {"t": made}


@real_time
async def test_jobs_are_found_by_their_token_oldest_first():
    async with served(GenericEmulator()) as client:
        made = [await submit(client, "a") for _ in range(3)]
        await submit(client, "b")
        found = (await client.get("/jobs", params={"token": "a"})).json()
        assert [job["id"] for job in found["jobs"]] == made
        assert (await client.get("/jobs", params={"token": "c"})).json()["jobs"] == []


@real_time
async def test_without_find_the_endpoint_is_not_there():
    async with served(GenericEmulator(find=False)) as client:
        job = await submit(client, "a")
        assert (await client.get("/jobs", params={"token": "a"})).status_code == 404
        assert (await client.get("/jobs", params={"id": job})).status_code == 200


# --- time -------------------------------------------------------------------------------
@real_time
async def test_a_submission_is_carried_out_though_its_sender_has_left():
    async with served(GenericEmulator(accepting=0.3)) as client:
        with suppress(httpx.TimeoutException):
            await client.post("/jobs", json=BODY, headers={"Client-Reference": "t"}, timeout=0.1)
        found = await stats(client)
        assert (found["posts_by_token"], found["jobs"], found["under_way"]) == ({"t": 1}, 0, 1)
        assert (await client.get("/jobs", params={"token": "t"})).json()["jobs"] == []
        async with asyncio.timeout(10):
            while (found := await stats(client))["under_way"]:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
        assert len(found["jobs_by_token"]["t"]) == 1


@real_time
async def test_a_reply_can_be_later_than_its_job():
    async with served(GenericEmulator(replying=0.4)) as client:
        submission = asyncio.create_task(submit(client, "t"))
        await asyncio.sleep(0.2)
        found = (await client.get("/jobs", params={"token": "t"})).json()["jobs"]
        assert not submission.done()
        assert [job["id"] for job in found] == [await submission]


@pytest.mark.parametrize("name", ["accepting", "replying"])
def test_times_are_no_less_than_nothing(name):
    with pytest.raises(UsageError, match="no less than 0"):
        GenericEmulator(**{name: -1.0})


# --- what goes wrong --------------------------------------------------------------------
@real_time
@pytest.mark.parametrize(("after", "jobs"), [(True, 1), (False, 0)])
async def test_a_lost_reply_is_a_post_with_a_job_and_a_lost_request_one_without(after, jobs):
    faults = [Fault("reset", operation="submit", after=after)]
    async with served(GenericEmulator(faults=faults)) as client:
        with pytest.raises(httpx.HTTPError):
            await post(client, "t")
        found = await stats(client)
        assert found["posts_by_token"] == {"t": 1}
        assert len(found["jobs_by_token"].get("t", [])) == jobs


@real_time
async def test_words_jobs_and_outcomes_go_wrong_as_told():
    faults = [
        Fault("fail", operation="submit", body="cold"),
        Fault("word", operation="look", at=3),
        Fault("vanish", operation="look", at=4, times=2),
    ]
    async with served(GenericEmulator(faults=faults)) as client:
        job = await submit(client)
        async with asyncio.timeout(10):
            while client_state := (await client.get("/_emulator/stats")).json()["states"]:
                if client_state == {"failed": 1}:
                    break
        first = await client.get(f"/jobs/{job}")
        assert (first.json()["status"], first.json()["message"]) == ("failed", "cold")
        await client.get(f"/jobs/{job}")
        assert (await client.get("/jobs", params={"id": job})).json()["jobs"][0]["status"] == "hibernating"
        assert (await client.get(f"/jobs/{job}")).status_code == 404
        assert (await client.get("/jobs", params={"id": job})).json() == {"jobs": [], "unknown": [job]}


# --- the command ------------------------------------------------------------------------
def test_it_has_a_name_for_the_command_line():
    assert getattr(emulators, asked.VENDORS["generic"]) is GenericEmulator
    assert asked.of_generic("generic", find=False, accepting=None, replying=0.5) == {"find": False, "replying": 0.5}
    assert asked.of_generic("aqt", find=None) == {}
    with pytest.raises(UsageError, match="--no-find, --replying: only the generic service has this, not aqt"):
        asked.of_generic("aqt", find=False, replying=0.5)
    with pytest.raises(UsageError, match="--accepting nan"):
        asked.of_generic("generic", accepting=float("nan"))
