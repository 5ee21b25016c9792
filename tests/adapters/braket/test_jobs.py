"""Hybrid jobs: what is asked of the service, and what its answers mean. In virtual time, against a table of answers."""

from __future__ import annotations

import errno
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from quantumjobs.abc import (
    Accepted,
    CancelReply,
    Child,
    Children,
    Gone,
    LookCloser,
    Remote,
    Sending,
    Status,
    Unreadable,
)
from quantumjobs.adapters.braket import jobs_payload, jobs_storage
from quantumjobs.adapters.braket.jobs_about import About
from quantumjobs.adapters.braket.jobs_storage import PIECE
from quantumjobs.core.states import JobState as S
from quantumjobs.errors import ProviderProtocolError, ProviderRejected, ProviderUnavailable
from tests.adapters.braket.station import (
    ACCOUNT,
    BUCKET,
    IDENTITY,
    MAKE,
    REGION,
    SEARCH,
    STS,
    SV1,
    Station,
    Turns,
    refusal,
    s3_refusal,
    task,
)

TOKEN = "8e1c0f3a11112222333344444444aaaa"
ID = f"arn:aws:braket:{REGION}:{ACCOUNT}:job/0f9a2b44-1111-2222-3333-444444444444"
OTHER = f"arn:aws:braket:{REGION}:{ACCOUNT}:job/ffffffff-1111-2222-3333-444444444444"
NAME = "demo"
PLACE = f"jobs/{NAME}/{TOKEN}"
CREATE, LOOK, LIST = "POST braket /job", f"GET braket /job/{ID}", "POST braket /jobs"
CANCEL = f"PUT braket /job/{ID}/cancel"
ARCHIVE = f"GET s3 /{BUCKET}/{PLACE}/data/output/model.tar.gz"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/AmazonBraketJobsExecutionRole"
ASKED: dict[str, Any] = {
    "algorithmSpecification": {"scriptModeConfig": {"entryPoint": "algo", "compressionType": "GZIP"}},
    "inputDataConfig": [{"channelName": "train"}, {"channelName": "far", "dataSource": {"s3DataSource": {"s3Uri": "s3://far/a"}}}],
    "instanceConfig": {"instanceType": "ml.m5.large", "volumeSizeInGb": 30, "instanceCount": 1},
    "outputDataConfig": {},
    "checkpointConfig": {"localPath": "/opt/jobs/checkpoints"},
    "deviceConfig": {"device": SV1},
    "hyperParameters": {"n": "3"},
    "stoppingCondition": {"maxRuntimeInSeconds": 60},
    "jobName": NAME,
}  # fmt: skip


def job(status: str = "COMPLETED", arn: str = ID, **more: Any) -> dict[str, Any]:
    """The service's word on the job."""
    return {
        "jobArn": arn,
        "jobName": NAME,
        "status": status,
        "createdAt": "2026-11-21T00:57:39.314Z",
        "deviceConfig": {"device": SV1},
        "outputDataConfig": {"s3Path": f"s3://{BUCKET}/{PLACE}/data"},
        "checkpointConfig": {"s3Uri": f"s3://{BUCKET}/{PLACE}/checkpoints"},
        **more,
    }


def sending(attempt: int = 1, asked: dict[str, Any] = ASKED, **more: Any) -> Sending:
    payload = jobs_payload.Payload(
        json.dumps(asked).encode(), memoryview(b"sources"), {"train/a.csv": memoryview(b"1,2")}, **more
    )
    return Sending(
        backend="hybrid/sv1",
        payload=jobs_payload.encode(payload),
        token=TOKEN,
        first_sent_at=1_795_222_660.0,
        attempt=attempt,
        details={"device": SV1, "bucket": BUCKET, "prefix": "jobs", "role": ROLE},
    )


def remote(**details: str) -> Remote:
    return Remote(id=ID, backend="hybrid/sv1", created_at=1_795_222_660.0, details=details)


# --- submitting -----------------------------------------------------------------------------------
async def test_what_is_left_open_goes_to_the_submissions_own_place():
    station = Station({CREATE: (201, {"jobArn": ID})})
    async with station.jobs() as adapter:
        accepted = await adapter.submit(sending())
    assert accepted == Accepted(remote_id=ID, status=Status(state=S.QUEUED, details={"name": NAME}))
    assert station.body(CREATE) == {
        **ASKED,
        "clientToken": TOKEN,
        "roleArn": ROLE,
        "algorithmSpecification": {
            "scriptModeConfig": {
                "entryPoint": "algo",
                "compressionType": "GZIP",
                "s3Uri": f"s3://{BUCKET}/{PLACE}/script/source.tar.gz",
            }
        },
        "outputDataConfig": {"s3Path": f"s3://{BUCKET}/{PLACE}/data"},
        "checkpointConfig": {"localPath": "/opt/jobs/checkpoints", "s3Uri": f"s3://{BUCKET}/{PLACE}/checkpoints"},
        "inputDataConfig": [
            {"channelName": "train", "dataSource": {"s3DataSource": {"s3Uri": f"s3://{BUCKET}/{PLACE}/input/train"}}},
            ASKED["inputDataConfig"][1],
        ],
    }


async def test_places_of_the_users_own_are_theirs_and_results_are_found_again_below_them():
    mine = {
        **ASKED,
        "outputDataConfig": {"s3Path": "s3://mine/results", "kmsKeyId": "k"},
        "checkpointConfig": {"s3Uri": "s3://mine/checkpoints", "localPath": "/x"},
    }
    other = f"jobs/old/{TOKEN}/checkpoints"
    copied = "PUT s3 /mine/checkpoints/a.json"
    found = job(outputDataConfig={"s3Path": f"s3://mine/results/{TOKEN}"})
    station = Station({
        MAKE: b"",
        f"PUT s3 /{BUCKET}/{PLACE}/script/source.tar.gz": b"",
        f"PUT s3 /{BUCKET}/{PLACE}/input/train/a.csv": b"",
        f"GET braket /job/{OTHER}": job(arn=OTHER, checkpointConfig={"s3Uri": f"s3://{BUCKET}/{other}"}),
        f"GET s3 /{BUCKET}/": f"<R><Contents><Key>{other}/a.json</Key></Contents></R>".encode(),
        copied: b"",
        CREATE: refusal(409, "ConflictException"),
        LIST: {"jobs": [found]},
        LOOK: found,
    })  # fmt: skip
    async with station.jobs() as adapter:
        asked = sending(copy_from=OTHER, asked=mine)
        await adapter.stage(asked)
        assert copied in station.asked  # where the job looks for them
        assert (await adapter.submit(asked)).remote_id == ID
    sent = station.body(CREATE)
    assert sent["outputDataConfig"] == {"s3Path": f"s3://mine/results/{TOKEN}", "kmsKeyId": "k"}
    assert sent["checkpointConfig"] == {"s3Uri": "s3://mine/checkpoints", "localPath": "/x"}


async def test_files_are_uploaded_before_the_submit_with_their_own_digests():
    places = [f"PUT s3 /{BUCKET}/{PLACE}/script/source.tar.gz", f"PUT s3 /{BUCKET}/{PLACE}/input/train/a.csv"]
    station = Station({**dict.fromkeys(places, b""), MAKE: b""})
    async with station.jobs() as adapter:
        await adapter.stage(sending())
        await adapter.stage(sending())  # which may be repeated
    assert station.asked == [MAKE, *places, *places]
    sent = [one for one in station.requests if station.name(one) in places]
    assert [(await one.aread(), one.headers["content-length"]) for one in sent[:2]] == [
        (b"sources", "7"),
        (b"1,2", "3"),
    ]
    assert sent[0].headers["x-amz-content-sha256"] == hashlib.sha256(b"sources").hexdigest()


async def test_checkpoints_are_copied_within_s3_page_by_page():
    other = f"jobs/old/{TOKEN}/checkpoints"
    pages = Turns(
        f"<R><Contents><Key>{other}/a&amp;b.json</Key></Contents><NextContinuationToken>x+/=</NextContinuationToken></R>".encode(),
        f"<R><Contents><Key>{other}/c.json</Key></Contents></R>".encode(),
    )
    copies = [f"PUT s3 /{BUCKET}/{PLACE}/checkpoints/{name}" for name in ("a&b.json", "c.json")]
    files = [f"PUT s3 /{BUCKET}/{PLACE}/script/source.tar.gz", f"PUT s3 /{BUCKET}/{PLACE}/input/train/a.csv"]
    station = Station({
        MAKE: b"",
        f"GET braket /job/{OTHER}": job(arn=OTHER, checkpointConfig={"s3Uri": f"s3://{BUCKET}/{other}"}),
        f"GET s3 /{BUCKET}/": pages,
        **dict.fromkeys((*copies, *files), b"<CopyObjectResult/>"),
    })  # fmt: skip
    async with station.jobs() as adapter:
        await adapter.stage(sending(copy_from=OTHER))
    assert [one for one in station.asked if one in copies] == copies
    assert [r.headers["x-amz-copy-source"] for r in station.requests if station.name(r) in copies] == [
        f"/{BUCKET}/{other}/a%26b.json",
        f"/{BUCKET}/{other}/c.json",
    ]
    listed = [one.url.query.decode() for one in station.requests if station.name(one) == f"GET s3 /{BUCKET}/"]
    assert listed[1].startswith("continuation-token=x%2B%2F%3D&")


@pytest.mark.parametrize("attempt", [1, 2])
async def test_a_conflict_with_this_very_job_is_that_job(attempt: int):
    conflict = refusal(409, "ConflictException", "the name is in use")
    station = Station({CREATE: conflict, LIST: {"jobs": [job(arn=OTHER), job()]}, LOOK: job("RUNNING"),
                       f"GET braket /job/{OTHER}": job(arn=OTHER, **ELSEWHERE)})  # fmt: skip
    async with station.jobs() as adapter:
        assert (await adapter.submit(sending(attempt))).remote_id == ID


ELSEWHERE = {
    "outputDataConfig": {"s3Path": f"s3://{BUCKET}/jobs/{NAME}/1795222869220/data"},
}


@pytest.mark.parametrize("attempt", [1, 2])
async def test_somebody_elses_job_of_that_name_is_an_error_and_never_adopted(attempt: int):
    conflict = refusal(409, "ConflictException", "the name is in use")
    found = {"jobs": [job(arn=OTHER)]}
    station = Station({CREATE: conflict, LIST: found, f"GET braket /job/{OTHER}": job(arn=OTHER, **ELSEWHERE)})
    async with station.jobs() as adapter:
        with pytest.raises(ProviderRejected, match="the name is in use") as caught:
            await adapter.submit(sending(attempt))
        assert caught.value.certain  # nor was an earlier request taken: a name is one job's only
        assert await adapter.find(sending(attempt)) == []


async def test_a_search_that_does_not_come_to_an_end_proves_nothing():
    station = Station({LIST: {"jobs": [], "nextToken": "more"}})
    async with station.jobs() as adapter:
        with pytest.raises(ProviderUnavailable, match="not among 2000"):
            await adapter.find(sending())
    assert len(station.requests) == 20


@pytest.mark.parametrize(
    "reply", [{"jobArn": "nonsense"}, {"jobArn": ID.replace(":job/", ":quantum-task/")}, b"<html>"]
)
async def test_an_answer_without_a_jobs_arn_is_none(reply: Any):
    async with Station({CREATE: (201, reply)}).jobs() as adapter:
        with pytest.raises(ProviderProtocolError):
            await adapter.submit(sending())


async def test_weather_among_many_copies_is_weather():
    names = [f"{number}.json" for number in range(3)]
    listed = "".join(f"<Key>old/{name}</Key>" for name in (*names, "a&quot;b"))
    copies = [f"PUT s3 /{BUCKET}/{PLACE}/checkpoints/{name}" for name in (*names, 'a"b')]
    station = Station({
        MAKE: b"",
        f"PUT s3 /{BUCKET}/{PLACE}/script/source.tar.gz": b"",
        f"PUT s3 /{BUCKET}/{PLACE}/input/train/a.csv": b"",
        f"GET braket /job/{OTHER}": job(arn=OTHER, checkpointConfig={"s3Uri": f"s3://{BUCKET}/old"}),
        f"GET s3 /{BUCKET}/": f"<R>{listed}</R>".encode(),
        **dict.fromkeys(copies, b""),
        copies[1]: Turns(s3_refusal(503, "SlowDown"), b""),
    })  # fmt: skip
    async with station.jobs() as adapter:
        with pytest.raises(ProviderUnavailable):
            await adapter.stage(sending(copy_from=OTHER))
        await adapter.stage(sending(copy_from=OTHER))
    assert set(copies) <= set(station.asked)


# --- describing -----------------------------------------------------------------------------------
ROLES = f"<Roles><member><Arn>arn:aws:iam::{ACCOUNT}:role/service-role/Other</Arn></member><member><Arn>{ROLE}-2</Arn></member></Roles>"


async def test_a_description_has_the_place_and_the_role_that_the_console_makes():
    station = Station({STS: IDENTITY, "POST iam /": ROLES.encode()})
    async with station.jobs() as adapter:
        found = msgspec.json.decode(await adapter.describe("hybrid/sv1"), type=About)
        assert found == About(device=SV1, bucket=BUCKET, prefix="jobs", role=f"{ROLE}-2")
        embedded = msgspec.json.decode(await adapter.describe("hybrid/local:none/none"), type=About)
        assert embedded.device == "local:none/none"
    assert b"ListRoles" in station.requests[1].content


@pytest.mark.parametrize("reply", [refusal(403, "AccessDenied"), b"<Roles/>"])
async def test_who_has_no_right_to_list_roles_is_told_so_when_one_is_needed(reply: Any):
    station = Station({STS: IDENTITY, "POST iam /": reply})
    async with station.jobs() as adapter:
        found = msgspec.json.decode(await adapter.describe("hybrid/sv1"), type=About)
    assert not found.role
    assert found.why_no_role


async def test_roles_are_looked_through_page_by_page():
    first = b"<Roles></Roles><IsTruncated>true</IsTruncated><Marker>a&amp;b/=</Marker>"
    station = Station({STS: IDENTITY, "POST iam /": Turns(first, ROLES.encode())})
    async with station.jobs() as adapter:
        found = msgspec.json.decode(await adapter.describe("hybrid/sv1"), type=About)
    assert found.role == f"{ROLE}-2"
    assert station.requests[-1].content.endswith(b"&Marker=a%26b%2F%3D")


async def test_a_role_of_ones_own_is_not_looked_for():
    station = Station({STS: IDENTITY})
    async with station.jobs(job_role=ROLE, s3_prefix="mine") as adapter:
        found = msgspec.json.decode(await adapter.describe("hybrid/sv1"), type=About)
    assert (found.role, found.prefix) == (ROLE, "mine/jobs")


# --- looking --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("QUEUED", S.QUEUED),
        ("RUNNING", S.RUNNING),
        ("CANCELLING", S.CANCELLING),
        ("COMPLETED", S.COMPLETED),
        ("FAILED", S.FAILED),
        ("CANCELLED", S.CANCELLED),
        ("MARVELLOUS", None),
    ],
)
async def test_the_services_words_are_ours(word: str, state: S | None):
    async with Station({LOOK: job(word)}).jobs() as adapter:
        answer = (await adapter.poll([remote()]))[ID]
    assert isinstance(answer, Status)
    assert (answer.state, answer.raw_status) == (state, word)
    assert answer.has_result == (state in (S.COMPLETED, S.FAILED, S.CANCELLED))  # of what was saved by then


async def test_events_are_the_providers_timeline():
    events = [
        {"eventType": "QUEUED_FOR_EXECUTION", "timeOfEvent": "2026-11-21T00:57:40Z", "message": "waits"},
        {"eventType": "STARTING_INSTANCE", "timeOfEvent": "2026-11-21T00:57:50Z", "message": ""},
        {"eventType": "MAX_RUNTIME_EXCEEDED", "timeOfEvent": "2026-11-21T00:58:50Z", "message": ""},
        {},
    ]
    failed = job(
        "FAILED", events=events, failureReason="too long", endedAt="2026-11-21T00:58:51Z", billableDuration=60000
    )
    async with Station({LOOK: failed}).jobs() as adapter:
        answer = (await adapter.poll([remote()]))[ID]
    assert isinstance(answer, Status)
    assert [stamp.status for stamp in answer.timeline] == [
        "CREATED", "QUEUED_FOR_EXECUTION", "STARTING_INSTANCE", "MAX_RUNTIME_EXCEEDED", "FAILED",
    ]  # fmt: skip
    assert (answer.reason, answer.details["billable_ms"]) == ("too long", "60000")


@pytest.mark.parametrize(("position", "ahead"), [("1", 0), ("7", 6), (">15", 15), ("None", None), ({}, None)])
async def test_a_place_in_the_queue_is_how_many_are_before(position: Any, ahead: int | None):
    queue = {"queue": "JOBS_QUEUE", "position": position} if isinstance(position, str) else position
    async with Station({LOOK: job("QUEUED", queueInfo=queue)}).jobs() as adapter:
        answer = (await adapter.poll([remote()]))[ID]
    assert isinstance(answer, Status)
    assert answer.queue_position == ahead


async def test_what_cannot_be_a_look_at_this_job_is_none():
    async with Station({LOOK: job(arn=OTHER)}).jobs() as adapter:
        assert isinstance((await adapter.poll([remote()]))[ID], Unreadable)
    async with Station({LOOK: b"<html>"}).jobs() as adapter:
        assert isinstance((await adapter.poll([remote()]))[ID], Unreadable)
    async with Station().jobs() as adapter:
        assert isinstance((await adapter.poll([remote()]))[ID], Gone)
        stranger = Remote(id="nonsense", backend="hybrid/sv1", created_at=0.0)
        assert isinstance((await adapter.poll([stranger]))["nonsense"], Gone)


async def test_a_survey_moves_jobs_forward_and_has_ended_ones_looked_at():
    waits = [job("QUEUED", arn=f"{ID[:-4]}{n:04d}") for n in range(4)]
    found = [*waits, job("RUNNING"), job("COMPLETED", arn=OTHER), {"jobArn": 3}]
    station = Station({LIST: Turns({"jobs": found, "nextToken": "n"}, {"jobs": []})})
    async with station.jobs() as adapter:
        asked = [remote(), *(Remote(id=one["jobArn"], backend="hybrid/sv1", created_at=1.0) for one in waits)]
        page = await adapter.survey(asked)
        assert page.after == "n"
        assert isinstance(page.answers[OTHER], LookCloser)
        running = page.answers[ID]
        assert isinstance(running, Status)
        assert (running.state, running.hint) == (S.RUNNING, True)
        assert sum(isinstance(page.answers[one["jobArn"]], LookCloser) for one in waits) == 2  # their places
        assert (await adapter.survey(asked, "n")).after == ""
    assert station.body(LIST)["nextToken"] == "n"
    assert station.body(LIST)["filters"][0]["name"] == "createdAt"


@pytest.mark.parametrize(
    ("reply", "look", "said"),
    [
        ({"jobArn": ID, "cancellationStatus": "CANCELLING"}, None, CancelReply.ACCEPTED),
        ({"jobArn": ID, "cancellationStatus": "CANCELLED"}, None, CancelReply.CONFIRMED),
        (refusal(409, "ConflictException"), job("COMPLETED"), CancelReply.TOO_LATE),
        (refusal(409, "ConflictException"), job("CANCELLED"), CancelReply.CONFIRMED),
        (refusal(409, "ConflictException"), job("CANCELLING"), CancelReply.ACCEPTED),
        (refusal(409, "ConflictException"), b"?", CancelReply.REFUSED),
        (refusal(404, "ResourceNotFoundException"), None, CancelReply.TOO_LATE),
        (refusal(403, "AccessDeniedException"), None, CancelReply.REFUSED),
    ],
)
async def test_answers_to_a_cancel(reply: Any, look: Any, said: CancelReply):
    station = Station({CANCEL: reply, LOOK: look})
    async with station.jobs() as adapter:
        assert await adapter.cancel(remote()) is said
    assert station.requests[0].content == b""  # unlike a task's, it has neither a body nor a token


# --- files ----------------------------------------------------------------------------------------
def pieces(body: bytes):
    """S3, with one object."""

    def answer(request: httpx.Request) -> httpx.Response:
        first, last = request.headers["range"].removeprefix("bytes=").split("-")
        if request.headers.get("if-match", '"v1"') != '"v1"':
            return httpx.Response(412, content=b"<Error><Code>PreconditionFailed</Code></Error>")
        part = body[int(first) : int(last) + 1]
        if not part:
            return httpx.Response(416, content=b"<Error><Code>InvalidRange</Code></Error>")
        told = f"bytes {first}-{int(first) + len(part) - 1}/{len(body)}"
        return httpx.Response(206, content=part, headers={"content-range": told, "etag": '"v1"'})

    return answer


class Sliced(Station):
    """One whose archive is got in pieces."""

    def __init__(self, body: bytes, answers: dict[str, Any]) -> None:
        super().__init__(answers)
        self._slice = pieces(body)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.name(request) == ARCHIVE:
            self.requests.append(request)
            return self._slice(request)
        return super().__call__(request)


async def test_a_large_archive_comes_in_pieces_of_the_same_object():
    body = bytes(range(256)) * (PIECE // 256) + b"end"
    station = Sliced(body, {LOOK: job()})
    async with station.jobs() as adapter:
        first = await adapter.piece(remote(), 0)
        assert (len(first.body), first.total) == (PIECE, PIECE + 3)
        last = await adapter.piece(remote(output=f"s3://{BUCKET}/{PLACE}/data"), PIECE, first.tag)
        assert (last.body, last.total) == (b"end", PIECE + 3)
        with pytest.raises(ProviderRejected) as caught:
            await adapter.piece(remote(), 0, '"v0"')
        assert caught.value.code == "PreconditionFailed"
        assert (await adapter.piece(remote(), PIECE + 3, first.tag)).body == b""


@pytest.mark.parametrize(
    "reply",
    [
        (206, b"abc", {"content-range": "bytes 1-3/9", "etag": "v"}),  # another place
        (206, b"abc", {"content-range": "bytes 0-8/9", "etag": "v"}),  # another length
        (206, b"abc", {"etag": "v"}),
        (206, b"abc", {"content-range": "bytes 0-2/9"}),
        (200, b"<html>sign in to this network</html>", {}),
    ],
)
async def test_another_piece_than_the_one_asked_for_is_refused(reply: Any):
    async with Station({LOOK: job(), ARCHIVE: reply}).jobs() as adapter:
        with pytest.raises(ProviderProtocolError, match="another piece|no object"):
            await adapter.piece(remote(), 0)


async def test_an_archive_that_is_refused_is_not_got_again_and_again():
    async with Sliced(b"no archive", {LOOK: job()}).jobs() as adapter:
        with pytest.raises(ProviderRejected, match="download_result"):
            await adapter.fetch(remote())


async def test_a_disk_without_room_is_weather(monkeypatch: pytest.MonkeyPatch):
    def full(file: Path, body: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(jobs_storage, "_append", full)
    async with Sliced(b"an archive", {LOOK: job()}).jobs() as adapter:
        with pytest.raises(ProviderUnavailable, match="No space left"):
            await adapter.fetch(remote())


async def test_just_after_its_end_files_may_be_on_their_way():
    station = Station({LOOK: job(endedAt="2026-11-21T00:58:51Z"), ARCHIVE: s3_refusal(404, "NoSuchKey")})
    async with station.jobs(wall=1_795_222_740.0) as adapter:  # nine seconds later
        for asked in (adapter.fetch(remote()), adapter.piece(remote(), 0)):
            with pytest.raises(ProviderUnavailable):
                await asked
    async with station.jobs() as adapter:
        for asked in (adapter.fetch(remote()), adapter.piece(remote(), 0)):
            with pytest.raises(ProviderRejected):
                await asked
    station.answers[LOOK] = job("CANCELLED", endedAt="2026-11-21T00:58:51Z")
    async with station.jobs(wall=1_795_222_740.0) as adapter:  # which need not have left any
        with pytest.raises(ProviderRejected):
            await adapter.fetch(remote())


async def test_a_place_that_is_none_is_not_gone_to():
    for place in ("http://evil/x", "s3://BAD_BUCKET/x", "s3:///x", ""):
        async with Station({LOOK: job(outputDataConfig={"s3Path": place})}).jobs() as adapter:
            with pytest.raises((ProviderProtocolError, ProviderUnavailable)):
                await adapter.piece(remote(), 0)


# --- tasks ----------------------------------------------------------------------------------------
async def test_its_tasks_are_searched_for_by_its_arn():
    mine = [task(quantumTaskArn=f"arn:aws:braket:{REGION}:{ACCOUNT}:quantum-task/{n}", createdAt=f"2026-11-21T00:00:0{9 - n}Z") for n in range(3)]  # fmt: skip
    station = Station({SEARCH: {"quantumTasks": [*mine, {"status": 1}], "nextToken": "x"}})
    async with station.jobs() as adapter:
        found = await adapter.children(remote(), "w")
    created = datetime(2026, 11, 21, tzinfo=UTC).timestamp()
    assert found == Children([Child(one["quantumTaskArn"], "sv1", created + 9 - n) for n, one in enumerate(mine)], "x")
    body = station.body(SEARCH)
    assert body["filters"] == [{"name": "jobArn", "operator": "EQUAL", "values": [ID]}]
    assert body["nextToken"] == "w"
