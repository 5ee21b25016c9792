"""Braket's hybrid jobs: what the emulator answers about them, and how they wait."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any
from urllib.parse import quote

import pytest

from quantumjobs.testing.emulators import BraketEmulator, Fault
from quantumjobs.testing.emulators.braket_jobs import HybridSettings
from quantumjobs.testing.emulators.braket_roles import ROLE
from tests.testing.emulators.braket_helpers import BUCKET, OFFLINE, RETIRED, SV1, code, creation
from tests.testing.emulators.braket_jobs_helpers import IMAGE, SOURCES, JobsRaw, job_creation, jobs_inside

S3 = {"s3DataSource": {"s3Uri": SOURCES}}


def script(**changed: Any) -> dict[str, Any]:
    given = {"entryPoint": "algo", "s3Uri": SOURCES, "compressionType": "GZIP"} | changed
    return {"scriptModeConfig": {name: value for name, value in given.items() if value is not None}}


def machines(**changed: Any) -> dict[str, Any]:
    return {"instanceType": "ml.m5.large", "volumeSizeInGb": 30} | changed


# --- what is taken, and what is not ---------------------------------------------------------
async def test_a_job_where_results_are_fixed_runs_no_program_and_is_over_at_the_first_look():
    async with jobs_inside(BraketEmulator(results="01", token="AKID:s3cret")) as raw:
        arn = await raw.create_job(jobName="quick", hyperParameters={"n": "3"}, tags={"a": "b"})
        told = await raw.look_at(arn)
        saved = await raw.saved(told)
    assert arn.startswith("arn:aws:braket:us-east-1:123456789012:job/")
    assert (told["status"], told["jobName"], told["jobArn"]) == ("COMPLETED", "quick", arn)
    assert (told["hyperParameters"], told["tags"]) == ({"n": "3"}, {"a": "b"})
    assert (told["roleArn"], told["deviceConfig"]) == (ROLE, {"device": "local:none/none"})
    assert (told["instanceConfig"]["instanceCount"], told["stoppingCondition"]) == (1, {"maxRuntimeInSeconds": 432_000})
    assert told["queueInfo"]["position"] == "None"
    assert "COMPLETED" in told["queueInfo"]["message"]
    assert saved == {"bits": "01"}
    assert "clientToken" not in told


@pytest.mark.parametrize(
    "changed",
    [
        {"clientToken": None},
        {"clientToken": "x" * 65},
        {"jobName": ""},
        {"jobName": "x" * 51},
        {"jobName": "-x"},
        {"jobName": "x-"},
        {"jobName": "a_b"},
        {"jobName": "a\n"},
        {"roleArn": "AmazonBraketJobsExecutionRole"},
        {"roleArn": "arn:aws:iam::123456789012:role/nobody"},
        {"algorithmSpecification": {}},
        {"algorithmSpecification": script(entryPoint=None)},
        {"algorithmSpecification": script(s3Uri="/somewhere")},
        {"algorithmSpecification": script(s3Uri="https://somewhere/x")},
        {"algorithmSpecification": script(compressionType="ZIP")},
        {"algorithmSpecification": script() | {"containerImage": {"uri": "docker.io/library/python:3"}}},
        {"inputDataConfig": [{"channelName": f"c{n}", "dataSource": S3} for n in range(21)]},
        {"inputDataConfig": [{"channelName": "c", "dataSource": S3}] * 2},
        {"inputDataConfig": [{"channelName": "a/b", "dataSource": S3}]},
        {"inputDataConfig": [{"channelName": "x" * 65, "dataSource": S3}]},
        {"inputDataConfig": [{"channelName": "c", "dataSource": {}}]},
        {"outputDataConfig": {}},
        {"outputDataConfig": {"s3Path": "s3://another-account/out"}},
        {"checkpointConfig": {"localPath": "/opt/jobs/checkpoints"}},
        {"instanceConfig": machines(instanceType="ml.m5.huge")},
        {"instanceConfig": machines(volumeSizeInGb=0)},
        {"instanceConfig": machines(instanceCount=0)},
        {"stoppingCondition": {"maxRuntimeInSeconds": 0}},
        {"stoppingCondition": {"maxRuntimeInSeconds": 432_001}},
        {"deviceConfig": {"device": "local:none"}},
        {"deviceConfig": {"device": SV1[:-1]}},
        {"hyperParameters": {f"p{n}": "1" for n in range(101)}},
        {"hyperParameters": {"p": ""}},
        {"hyperParameters": {"p": "x" * 2501}},
        {"hyperParameters": {"p": 1}},
        {"associations": [{"arn": "x", "type": "RESERVATION_TIME_WINDOW_ARN"}]},
    ],
    ids=lambda changed: "-".join(f"{name}={str(value)[:40]}" for name, value in changed.items()),
)
async def test_what_is_no_job_is_refused(changed: dict[str, Any]):
    emulator = BraketEmulator(results="zeros", foreign=["another-account"])
    async with jobs_inside(emulator) as raw:
        reply = await raw.ask("POST", "/job", job_creation(**changed))
    assert code(reply) == (400, "ValidationException")
    assert reply.json()["message"]
    assert not emulator.jobs


async def test_what_is_at_the_limits_is_taken():
    reservation = {"arn": "arn:aws:braket:us-east-1:123456789012:reservation/x", "type": "RESERVATION_TIME_WINDOW_ARN"}
    async with jobs_inside(BraketEmulator(results="zeros")) as raw:
        arn = await raw.create_job(
            clientToken="x" * 64,
            jobName="a" + "-" * 48 + "b",
            hyperParameters={f"p{n}": "x" * 2500 for n in range(100)},
            inputDataConfig=[{"channelName": f"{n:.>64}", "dataSource": S3} for n in range(20)],
            stoppingCondition={"maxRuntimeInSeconds": 1},
            algorithmSpecification=script(compressionType=None) | {"containerImage": {"uri": IMAGE}},
            deviceConfig={"device": SV1},
            associations=[reservation],
        )
        told = await raw.look_at(arn)
    assert (told["associations"], told["stoppingCondition"]) == ([reservation], {"maxRuntimeInSeconds": 1})


async def test_devices_that_take_no_tasks_take_no_jobs():
    async with jobs_inside(BraketEmulator(results="zeros")) as raw:
        north = JobsRaw(raw.http, keys=raw.keys, region="eu-north-1")
        offline = await north.ask("POST", "/job", job_creation(deviceConfig={"device": OFFLINE}))
        retired = await raw.ask("POST", "/job", job_creation(deviceConfig={"device": RETIRED}))
        elsewhere = await raw.ask("POST", "/job", job_creation(deviceConfig={"device": OFFLINE}))
    assert code(offline) == (424, "DeviceOfflineException")
    assert code(retired) == (410, "DeviceRetiredException")
    assert code(elsewhere) == (400, "ValidationException")


async def test_the_same_client_token_is_the_same_job_and_another_request_with_it_is_a_conflict():
    emulator = BraketEmulator(results="zeros", remembers=60)
    async with jobs_inside(emulator) as raw:
        body = job_creation(clientToken="once", jobName="mine")
        first, again = [await raw.ask("POST", "/job", body) for _ in range(2)]
        other = await raw.ask("POST", "/job", body | {"hyperParameters": {"n": "1"}})
        named = await raw.ask("POST", "/job", job_creation(jobName="mine"))
        await asyncio.sleep(61)
        forgotten = await raw.ask("POST", "/job", body)
        assert len(emulator.jobs) == 1
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert [code(reply) for reply in (other, named, forgotten)] == [(409, "ConflictException")] * 3


async def test_instances_may_be_limited_and_their_number_untold():
    settings = HybridSettings(instances=1, tells_count=False)
    async with jobs_inside(BraketEmulator(results="zeros", hybrid=settings)) as raw:
        two = await raw.ask("POST", "/job", job_creation(instanceConfig=machines(instanceCount=2)))
        told = await raw.look_at(await raw.create_job())
    assert code(two) == (402, "ServiceQuotaExceededException")
    assert told["instanceConfig"] == machines()


async def test_jobs_of_another_region_are_not_known():
    async with jobs_inside(BraketEmulator(results="zeros")) as raw:
        arn = await raw.create_job(jobName="here")
        west = JobsRaw(raw.http, keys=raw.keys, region="eu-west-2")
        reply = await west.ask("GET", f"/job/{quote(arn, safe='')}")
        assert code(reply) == (404, "ResourceNotFoundException")
        assert code(await west.cancel_job(arn)) == (404, "ResourceNotFoundException")
        assert (await west.search_jobs())["jobs"] == []
        assert (await west.create_job(jobName="here")).startswith("arn:aws:braket:eu-west-2:")


# --- waiting ----------------------------------------------------------------------------------
async def test_so_many_jobs_run_at_once_and_the_others_wait_in_places_that_are_told():
    emulator = BraketEmulator(results="zeros", duration=60)
    async with jobs_inside(emulator) as raw:
        arns = [await raw.create_job() for _ in range(5 + 17)]
        await asyncio.sleep(1)
        told = [await raw.look_at(arn) for arn in arns]
        await asyncio.sleep(60)
        later = await raw.look_at(arns[5])
    assert [one["status"] for one in told] == ["RUNNING"] * 5 + ["QUEUED"] * 17
    places = [one["queueInfo"]["position"] for one in told]
    assert places == ["None"] * 5 + [str(place) for place in range(1, 16)] + [">15", ">15"]
    assert "startedAt" not in told[5]
    assert later["status"] == "RUNNING"
    assert later["startedAt"] > later["createdAt"]


async def test_a_waiting_job_is_cancelled_at_once_or_after_a_time_and_never_runs():
    async with jobs_inside(BraketEmulator(results="zeros", queue=100)) as raw:
        arn = await raw.create_job()
        reply = await raw.cancel_job(arn)
        assert reply.json() == {"jobArn": arn, "cancellationStatus": "CANCELLED"}
        assert code(await raw.cancel_job(arn)) == (409, "ConflictException")
    async with jobs_inside(BraketEmulator(results="zeros", queue=100, cancelling=10)) as raw:
        arn = await raw.create_job()
        replies = [await raw.cancel_job(arn) for _ in range(2)]
        assert [reply.json()["cancellationStatus"] for reply in replies] == ["CANCELLING"] * 2
        assert (await raw.look_at(arn))["status"] == "CANCELLING"
        await asyncio.sleep(200)
        told = await raw.look_at(arn)
    assert told["status"] == "CANCELLED"
    assert [event["eventType"] for event in told["events"]] == ["QUEUED_FOR_EXECUTION", "CANCELLED"]
    assert "startedAt" not in told
    assert "billableDuration" not in told


async def test_times_and_events_follow_the_way_of_a_job():
    emulator = BraketEmulator()
    async with jobs_inside(emulator) as raw:
        job = emulator.hybrid.invent(lines=90, rate=1.0, results={"x": [1, 2]})
        await asyncio.sleep(100)
        told = await raw.look_at(job.id)
        assert await raw.saved(told) == {"x": [1, 2]}
    times = [dt.datetime.fromisoformat(told[name]) for name in ("createdAt", "startedAt", "endedAt")]
    assert times == sorted(times)
    assert times[2] - times[1] == dt.timedelta(milliseconds=told["billableDuration"])
    assert told["billableDuration"] == pytest.approx(90_000, abs=5)
    kinds = [event["eventType"] for event in told["events"]]
    assert kinds == ["QUEUED_FOR_EXECUTION", "STARTING_INSTANCE", "RUNNING", "COMPLETED"]


async def test_an_invented_job_is_cancelled_and_writes_no_more():
    emulator = BraketEmulator()
    async with jobs_inside(emulator) as raw:
        job = emulator.hybrid.invent(lines=1000, rate=1.0)
        await asyncio.sleep(9.5)
        assert (await raw.cancel_job(job.id)).json()["cancellationStatus"] == "CANCELLING"
        await asyncio.sleep(1)
        told = await raw.look_at(job.id)
        assert len(await raw.written(job.id)) == 10
    assert told["status"] == "CANCELLED"


async def test_what_was_under_way_when_the_emulator_was_stopped_begins_anew():
    emulator = BraketEmulator(results="zeros", duration=100)
    async with jobs_inside(emulator) as raw:
        arn = await raw.create_job()
        await asyncio.sleep(50)
        assert (await raw.look_at(arn))["status"] == "RUNNING"
    async with jobs_inside(emulator) as raw:
        await asyncio.sleep(99)
        assert (await raw.look_at(arn))["status"] == "RUNNING"
        await asyncio.sleep(2)
        assert (await raw.look_at(arn))["status"] == "COMPLETED"


async def test_an_invented_job_writes_on_while_the_emulator_is_away():
    emulator = BraketEmulator()
    async with jobs_inside(emulator) as raw:
        arn = emulator.hybrid.invent(lines=200, rate=1.0).id
        await asyncio.sleep(49.5)
        before = await raw.written(arn)
    await asyncio.sleep(100)
    async with jobs_inside(emulator) as raw:
        await asyncio.sleep(49)
        assert (await raw.look_at(arn))["status"] == "RUNNING"
        await asyncio.sleep(2)
        assert (await raw.look_at(arn))["status"] == "COMPLETED"
        lines = await raw.written(arn)
    assert lines[: len(before)] == before
    assert (len(before), len(lines)) == (50, 200)


async def test_a_scripted_failure_is_the_reason_that_is_told():
    reason = "x" * 2000
    faults = [Fault("fail", operation="CreateJob", body=reason)]
    async with jobs_inside(BraketEmulator(results="zeros", faults=faults)) as raw:
        arn = await raw.create_job()
        await asyncio.sleep(1)
        told = await raw.look_at(arn)
    assert (told["status"], told["failureReason"]) == ("FAILED", reason[:1024])


# --- searching --------------------------------------------------------------------------------
async def test_searches_find_by_creation_and_arn_newest_first_in_pages():
    async with jobs_inside(BraketEmulator(results="zeros")) as raw:
        arns = []
        for _ in range(5):
            arns.append(await raw.create_job(tags={"a": "b"}))
            await asyncio.sleep(10)
        created = [(await raw.look_at(arn))["createdAt"] for arn in arns]
        first = await raw.search_jobs(maxResults=2)
        second = await raw.search_jobs(maxResults=2, nextToken=first["nextToken"])
        since = await raw.search_jobs(("createdAt", "GTE", [created[3]]))
        between = await raw.search_jobs(("createdAt", "BETWEEN", created[1:3]))
        by_arn = await raw.search_jobs(("jobArn", "EQUAL", arns[:2]))
        part = await raw.search_jobs(("jobArn", "CONTAINS", [arns[2][-12:]]))
    assert [one["jobArn"] for one in first["jobs"] + second["jobs"]] == arns[:0:-1]
    assert "nextToken" in second
    assert [one["jobArn"] for one in since["jobs"]] == arns[:2:-1]
    assert [one["jobArn"] for one in between["jobs"]] == [arns[2], arns[1]]
    assert [one["jobArn"] for one in by_arn["jobs"]] == [arns[1], arns[0]]
    assert [one["jobArn"] for one in part["jobs"]] == [arns[2]]
    (one,) = part["jobs"]
    assert (one["status"], one["device"], one["tags"]) == ("COMPLETED", "local:none/none", {"a": "b"})
    assert {"jobName", "createdAt", "endedAt"} <= one.keys()
    assert "failureReason" not in one


@pytest.mark.parametrize(
    ("name", "operator", "values"),
    [
        ("jobName", "EQUAL", ["x"]),
        ("status", "EQUAL", ["RUNNING"]),
        ("jobArn", "GT", ["x"]),
        ("createdAt", "CONTAINS", ["2026"]),
        ("createdAt", "BETWEEN", ["2026-01-01"]),
        ("createdAt", "GT", ["yesterday"]),
        ("jobArn", "EQUAL", []),
    ],
)
async def test_filters_that_the_service_does_not_know_are_refused(name: str, operator: str, values: list[str]):
    async with jobs_inside(BraketEmulator()) as raw:
        body = {"filters": [{"name": name, "operator": operator, "values": values}]}
        assert code(await raw.ask("POST", "/jobs", body)) == (400, "ValidationException")


async def test_a_search_shows_what_was_some_seconds_ago():
    emulator = BraketEmulator(results="zeros", duration=20, search_lag=5)
    async with jobs_inside(emulator) as raw:
        await raw.create_job()
        seen = []
        for _ in range(4):
            seen.append([one["status"] for one in (await raw.search_jobs())["jobs"]])
            await asyncio.sleep(7)
    assert seen == [[], ["RUNNING"], ["RUNNING"], ["RUNNING"]]


# --- besides ----------------------------------------------------------------------------------
async def test_tags_are_listed_added_and_removed():
    async with jobs_inside(BraketEmulator(results="zeros")) as raw:
        arn = await raw.create_job(tags={"a": "1"})
        path = f"/tags/{quote(arn, safe='')}"
        assert (await raw.ask("POST", path, {"tags": {"b": "2", "c": "3"}})).status_code == 200
        assert (await raw.ask("DELETE", f"{path}?tagKeys=a&tagKeys=c")).status_code == 200
        assert (await raw.ask("GET", path)).json() == {"tags": {"b": "2"}}
        assert (await raw.look_at(arn))["tags"] == {"b": "2"}


async def test_the_one_role_is_found_below_its_path():
    form = "application/x-www-form-urlencoded"
    async with jobs_inside(BraketEmulator()) as raw:

        async def ask(body: bytes) -> Any:
            return await raw.send("POST", "/", body, service="iam", content_type=form)

        found = await ask(b"Action=ListRoles&Version=2010-05-08&PathPrefix=%2Fservice-role%2F")
        none = await ask(b"Action=ListRoles&Version=2010-05-08&PathPrefix=%2Felse%2F")
        other = await ask(b"Action=ListUsers&Version=2010-05-08")
    assert f"<Arn>{ROLE}</Arn>" in found.text
    assert "<RoleName>" not in none.text
    assert (other.status_code, "<Code>InvalidAction</Code>" in other.text) == (400, True)


async def test_a_task_with_a_jobs_token_belongs_to_the_job():
    emulator = BraketEmulator(results="zeros")
    async with jobs_inside(emulator) as raw:
        job = emulator.hybrid.invent(lines=60, rate=1.0)
        await asyncio.sleep(1)
        task, other = await raw.create(jobToken=job.token), await raw.create()
        found = await raw.search(("jobArn", "EQUAL", [job.id]))
        wrong = await raw.ask("POST", "/quantum-task", creation(jobToken="x" * 43))
        told = [await raw.look(arn) for arn in (task, other)]
        heard = [
            await raw.ask("GET", f"/job/{quote(job.id, safe='')}"),
            await raw.ask("POST", "/jobs", {"filters": []}),
        ]
        heard += [await raw.ask("GET", f"/quantum-task/{quote(task, safe='')}"), await raw.http.get("/_emulator/stats")]
        await asyncio.sleep(60)
        late = await raw.ask("POST", "/quantum-task", creation(jobToken=job.token))
    assert [one.get("jobArn") for one in told] == [job.id, None]
    assert [one["quantumTaskArn"] for one in found["quantumTasks"]] == [task]
    assert code(wrong) == code(late) == (400, "ValidationException")
    assert job.token not in wrong.text + late.text + "".join(reply.text for reply in heard)
    assert job.token not in repr(job) + repr(emulator.jobs)


async def test_stats_count_jobs_and_tasks():
    emulator = BraketEmulator(results="zeros", queue=100)
    async with jobs_inside(emulator) as raw:
        arn = await raw.create_job()
        await raw.create()
        await raw.cancel_job(arn)
        stats = (await raw.http.get("/_emulator/stats")).json()
    assert (stats["jobs"], stats["hybrid_jobs"], stats["submissions"], stats["cancels"]) == (2, 1, 2, 1)
    assert stats["states"] == {"cancelled": 1, "queued": 1}
    assert stats["requests"]["CreateJob"] == 1


async def test_quotas_are_the_documented_ones():
    async with jobs_inside(BraketEmulator(results="zeros", quotas=True)) as raw:
        replies = [await raw.ask("POST", "/job", job_creation()) for _ in range(6)]
        assert [reply.status_code for reply in replies] == [201] * 5 + [429]
        assert code(replies[-1]) == (429, "ThrottlingException")
        await asyncio.sleep(1)
        arn = await raw.create_job()
        looks = [await raw.ask("GET", f"/job/{quote(arn, safe='')}") for _ in range(26)]
    assert [reply.status_code for reply in looks] == [200] * 25 + [429]


@pytest.mark.parametrize("operation", ["CreateJob", "GetJob", "SearchJobs", "CancelJob", "ListRoles"])
async def test_faults_come_in_the_form_of_the_operation_s_service(operation: str):
    emulator = BraketEmulator(results="zeros", queue=100)
    async with jobs_inside(emulator) as raw:
        arn = await raw.create_job()
        path = f"/job/{quote(arn, safe='')}"

        async def ask() -> Any:
            match operation:
                case "CreateJob":
                    return await raw.ask("POST", "/job", job_creation())
                case "GetJob":
                    return await raw.ask("GET", path)
                case "SearchJobs":
                    return await raw.ask("POST", "/jobs", {"filters": []})
                case "CancelJob":
                    return await raw.cancel_job(arn)
            form = "application/x-www-form-urlencoded"
            return await raw.send("POST", "/", b"Action=ListRoles", service="iam", content_type=form)

        emulator.script.replace(
            [Fault("status", operation=operation, status=429), Fault("status", operation=operation, at=2, after=True)]
        )
        throttled, failed = await ask(), await ask()
        emulator.script.replace([Fault("expire", operation=operation)])
        expired = await ask()
    words = {"ListRoles": ("<Code>Throttling</Code>", "<Code>ExpiredToken</Code>")}
    said = words.get(operation, ("ThrottlingException", "ExpiredTokenException"))
    assert throttled.status_code == 429
    assert said[0] in throttled.text + throttled.headers.get("x-amzn-errortype", "")
    assert failed.status_code == 503
    assert expired.status_code == 403
    assert said[1] in expired.text + expired.headers.get("x-amzn-errortype", "")
    assert len(emulator.jobs) == (2 if operation == "CreateJob" else 1)  # a failure after it was accepted
    assert (emulator.jobs[arn].state == "cancelled") == (operation == "CancelJob")


async def test_words_that_nobody_knows_reach_looks_and_searches():
    emulator = BraketEmulator(results="zeros")
    async with jobs_inside(emulator) as raw:
        arn = await raw.create_job()
        emulator.script.replace([Fault("word"), Fault("word", at=2)])
        assert (await raw.look_at(arn))["status"] == "hibernating"
        assert [one["status"] for one in (await raw.search_jobs())["jobs"]] == ["hibernating"]
        emulator.script.replace([Fault("vanish", operation="GetJob")])
        gone = await raw.ask("GET", f"/job/{quote(arn, safe='')}")
    assert code(gone) == (404, "ResourceNotFoundException")
    assert gone.json()["message"] == "Hybrid job not found"


async def test_a_foreign_bucket_is_no_place_for_results():
    async with jobs_inside(BraketEmulator(results="zeros", foreign=[BUCKET])) as raw:
        assert code(await raw.ask("POST", "/job", job_creation())) == (400, "ValidationException")
