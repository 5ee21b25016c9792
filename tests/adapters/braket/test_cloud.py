"""The I/O half against a table of answers: what is asked, and what is made of each answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quantumjobs.abc import Accepted, Answer, CancelReply, Gone, LookCloser, Remote, Sending, Status, Unreadable
from quantumjobs.adapters.braket import about
from quantumjobs.adapters.braket.messages import STATES
from quantumjobs.adapters.braket.replies import DENIED, FULL, PASSING, THROTTLED
from quantumjobs.core.states import JobState as S
from quantumjobs.errors import (
    CredentialError,
    ProviderError,
    ProviderProtocolError,
    ProviderRejected,
    ProviderUnavailable,
)
from tests.adapters.braket.station import (
    ACCOUNT,
    BUCKET,
    CANCEL,
    CREATE,
    DEVICES,
    DIRECTORY,
    GARNET,
    ID,
    IDENTITY,
    KEY,
    LOOK,
    REGION,
    RESULTS,
    SEARCH,
    SECRET,
    STS,
    SV1,
    Station,
    Turns,
    device,
    refusal,
    task,
)

BODY = {"deviceArn": SV1, "shots": 1, "action": "{}", "outputS3Bucket": BUCKET, "outputS3KeyPrefix": "tasks"}


def remote(arn: str = ID, **details: str) -> Remote:
    return Remote(id=arn, backend="sv1", created_at=1_000_000.0, details=details)


def sending(**details: str) -> Sending:
    payload = json.dumps(BODY).encode()
    return Sending(backend="sv1", payload=payload, token="t-1", first_sent_at=1e6, attempt=1, details=details)


async def looked(document: object) -> Answer:
    async with Station({LOOK: document}).adapter() as adapter:
        return (await adapter.poll([remote()]))[ID]


async def status_of(document: object) -> Status:
    answer = await looked(document)
    assert isinstance(answer, Status)
    return answer


# --- every request ----------------------------------------------------------------------------
async def test_requests_are_signed_for_their_service_and_region_and_name_a_recent_schema():
    station = Station(
        {LOOK: task("QUEUED"), RESULTS: b'{"measurements": []}', STS: IDENTITY, f"GET braket /device/{SV1}": device()}
    )
    async with station.adapter() as adapter:
        await adapter.poll([remote()])
        await adapter.fetch(remote(bucket=BUCKET, directory=DIRECTORY))
        await adapter.describe("sv1")
    scopes = [request.headers["authorization"].split("/", 1)[1].split(",")[0][9:] for request in station.requests]
    assert scopes == [f"{REGION}/{service}/aws4_request" for service in ("braket", "s3", "braket", "sts")]
    assert all("BraketSchemas/1." in request.headers["user-agent"] for request in station.requests)
    assert all(request.headers["x-amz-security-token"] == "canary-session-5f2b9c" for request in station.requests)
    assert "%3A" in station.requests[0].url.raw_path.decode()
    assert "QueueInfo" in str(station.requests[0].url)


async def test_a_task_of_another_region_is_asked_about_there():
    arn = ID.replace(REGION, "eu-north-1")
    station = Station({f"GET braket /quantum-task/{arn}": task("QUEUED", quantumTaskArn=arn)})
    async with station.adapter() as adapter:
        assert isinstance((await adapter.poll([remote(arn)]))[arn], Status)
    assert station.requests[0].url.host == "braket.eu-north-1.amazonaws.com"
    assert "/eu-north-1/braket/" in station.requests[0].headers["authorization"]


@pytest.mark.parametrize("code", sorted(DENIED))
async def test_refused_keys_are_a_credential_error_that_does_not_show_them(code: str):
    answers = dict.fromkeys((LOOK, CREATE, CANCEL, SEARCH, DEVICES), refusal(403, code, f"bad {SECRET}"))
    async with Station(answers).adapter() as adapter:
        for ask in (adapter.poll([remote()]), adapter.submit(sending()), adapter.cancel(remote()), adapter.backends()):
            with pytest.raises(CredentialError, match="the test") as caught:
                await ask
            assert SECRET not in str(caught.value)
            assert "canary-session" not in str(caught.value)


async def test_a_missing_right_is_no_matter_of_the_keys():
    async with Station({CREATE: refusal(403, "AccessDeniedException", "not authorized")}).adapter() as adapter:
        with pytest.raises(ProviderRejected, match="not authorized") as caught:
            await adapter.submit(sending())
    assert caught.value.code == "AccessDeniedException"


async def test_a_wrong_clock_is_set_right_by_the_first_refusal_and_a_submit_is_left_to_the_next_attempt():
    ahead = {"date": "Sat, 01 Jan 2050 00:00:00 GMT"}
    late = refusal(403, "InvalidSignatureException", "Signature expired: 2026 is now earlier than 2050", **ahead)
    station = Station({LOOK: Turns(late, task("QUEUED")), CREATE: Turns(late, (201, {"quantumTaskArn": ID}))})
    async with station.adapter() as adapter:
        assert isinstance((await adapter.poll([remote()]))[ID], Status)
        assert station.requests[1].headers["x-amz-date"].startswith("2050")
    async with station.adapter() as adapter:
        with pytest.raises(ProviderUnavailable, match="clock") as caught:
            await adapter.submit(sending())
        assert not caught.value.sent
        assert await adapter.submit(sending()) == Accepted(remote_id=ID)


# --- submitting -------------------------------------------------------------------------------
async def test_a_submit_has_our_token_as_key_and_its_own_place_for_results():
    station = Station({CREATE: (201, {"quantumTaskArn": ID})})
    async with station.adapter() as adapter:
        assert (await adapter.submit(sending())).remote_id == ID
        assert (await adapter.submit(sending())).remote_id == ID
    assert station.body(CREATE) == {**BODY, "clientToken": "t-1", "outputS3KeyPrefix": "tasks/t-1"}
    assert station.requests[0].content == station.requests[1].content


@pytest.mark.parametrize(
    ("answer", "kind", "sent"),
    [
        *((refusal(429, code), ProviderUnavailable, False) for code in sorted(THROTTLED)),
        *((refusal(500, code), ProviderUnavailable, True) for code in sorted(PASSING)),
        (refusal(402, FULL), ProviderUnavailable, False),
        ((503, b"busy"), ProviderUnavailable, True),
        (refusal(424, "DeviceOfflineException"), ProviderRejected, None),
        (refusal(410, "DeviceRetiredException"), ProviderRejected, None),
        (refusal(400, "ValidationException"), ProviderRejected, None),
        ((201, {"quantumTaskArn": "arn:elsewhere"}), ProviderProtocolError, None),
        ((201, b"<html>"), ProviderProtocolError, None),
    ],
)
async def test_a_submit_that_failed_says_whether_it_may_have_been_taken(answer: Any, kind: type, sent: bool | None):
    async with Station({CREATE: answer}).adapter() as adapter:
        with pytest.raises(kind) as caught:
            await adapter.submit(sending())
    assert getattr(caught.value, "sent", None) is sent


async def test_a_refusal_tells_the_codes_the_programs_and_the_request():
    document = {
        "message": "2 programs are wrong",
        "reason": "ProgramSetValidationFailed",
        "programSetValidationFailures": [{"programIndex": 1, "errors": ["no such gate"]}],
    }
    headers = {"x-amzn-errortype": "ValidationException", "x-amzn-requestid": "r-77"}
    async with Station({CREATE: (400, document, headers)}).adapter() as adapter:
        with pytest.raises(ProviderRejected, match=r"2 programs are wrong: program 1: no such gate") as caught:
            await adapter.submit(sending())
    assert (caught.value.code, caught.value.request_id) == ("ValidationException", "r-77")


async def test_inside_a_hybrid_job_its_token_goes_along_and_into_no_record():
    from quantumjobs.wire import Secret

    station = Station({CREATE: (201, {"quantumTaskArn": ID})})
    async with station.adapter(job_token=Secret("canary-job-token")) as adapter:
        await adapter.submit(sending())
    assert station.body(CREATE)["jobToken"] == "canary-job-token"


# --- looking ----------------------------------------------------------------------------------
@pytest.mark.parametrize(("word", "state"), STATES.items())
async def test_every_word_of_the_service_is_a_state(word: str, state: S):
    status = await status_of(task(word, failureReason="because", endedAt="2026-11-21T00:58:00.000Z"))
    assert (status.state, status.raw_status) == (state, word)
    assert status.has_result == (word == "COMPLETED")
    assert status.reason == ("because" if word in {"FAILED", "CANCELLED"} else "")
    assert [stamp.status for stamp in status.timeline] == ["CREATED", *([word] if state.is_terminal else [])]


async def test_an_unknown_word_is_no_state_and_is_shown():
    status = await status_of(task("ENTANGLED"))
    assert (status.state, status.raw_status) == (None, "ENTANGLED")


@pytest.mark.parametrize(
    ("position", "ahead"), [("1", 0), ("17", 16), (">2000", 2000), ("None", None), ("soon", None), (3, 2), (None, None)]
)
async def test_positions_are_texts_of_many_kinds(position: Any, ahead: int | None):
    status = await status_of(task("QUEUED", queueInfo={"queue": "QUANTUM_TASKS_QUEUE", "position": position}))
    assert status.queue_position == ahead


async def test_a_program_set_that_failed_in_part_has_a_result():
    status = await status_of(task("FAILED", actionMetadata={"actionType": about.PROGRAM_SET}))
    assert status.state is S.FAILED
    assert status.has_result


async def test_what_is_no_answer_about_the_task_ends_nothing():
    assert isinstance(await looked(refusal(404, "ResourceNotFoundException")), Gone)
    assert isinstance(await looked({"surprise": 1}), Unreadable)
    assert isinstance(await looked(b"<html>"), Unreadable)
    assert isinstance(await looked(task(quantumTaskArn=ID + "x")), Unreadable)
    for answer in (refusal(500, "InternalServiceException"), refusal(403, "AccessDeniedException")):
        with pytest.raises(ProviderError):
            await looked(answer)


@pytest.mark.parametrize(
    "wrong", ["", "x", "../../devices", "arn:aws:braket:::device/qpu/x/y", f"{ID}/../x", f"{ID}\n"]
)
async def test_an_id_that_is_no_tasks_arn_is_asked_of_nobody(wrong: str):
    station = Station()
    async with station.adapter() as adapter:
        assert isinstance((await adapter.poll([remote(wrong)]))[wrong], Gone)
        assert await adapter.cancel(remote(wrong)) is CancelReply.TOO_LATE
    assert not station.requests


# --- surveys and searches ---------------------------------------------------------------------
async def test_a_survey_asks_for_all_since_the_oldest_and_tells_pages_apart():
    pages = Turns({"quantumTasks": [task("RUNNING"), {"odd": 1}], "nextToken": "2"}, {"quantumTasks": [task("FAILED")]})
    station = Station({SEARCH: pages})
    jobs = [remote(device=SV1), Remote(id="b", backend="sv1", created_at=500_000.0, details={"device": SV1})]
    async with station.adapter() as adapter:
        first = await adapter.survey(jobs)
        assert station.body(SEARCH) == {
            "filters": [
                {"name": "createdAt", "operator": "GTE", "values": ["1970-01-06T18:51:20.000Z"]},
                {"name": "deviceArn", "operator": "EQUAL", "values": [SV1]},
            ],
            "maxResults": 100,
        }
        assert first.after == "2"
        (seen,) = first.answers.values()
        assert isinstance(seen, Status)
        assert seen.state is S.RUNNING
        assert seen.hint
        second = await adapter.survey(jobs, "2")
        assert station.body(SEARCH)["nextToken"] == "2"
        assert (second.answers, second.after) == ({ID: LookCloser()}, "")  # no reasons in the index


async def test_a_few_that_wait_are_looked_at_for_their_place_in_turn():
    arns = [f"{ID[:-2]}{number:02}" for number in range(5)]
    found = {"quantumTasks": [task("QUEUED", quantumTaskArn=arn) for arn in arns]}
    station = Station({SEARCH: found})
    asked: list[list[str]] = []
    async with station.adapter() as adapter:
        for _ in range(3):
            answers = (await adapter.survey([remote(arn) for arn in arns[:4]])).answers
            asked.append([arn for arn in arns if answers[arn] == LookCloser()])
        assert all(isinstance(one, Status) for one in (await adapter.survey([remote(arns[0])], "2")).answers.values())
    assert asked == [arns[:2], arns[2:4], arns[:2]]  # and never somebody else's


async def test_a_survey_of_several_devices_names_none_and_trusts_the_services_dates():
    station = Station({SEARCH: {"quantumTasks": []}})
    jobs = [remote(device=SV1, created="86400.0"), remote(device=GARNET, created="172800.0")]
    async with station.adapter() as adapter:
        await adapter.survey(jobs)
    assert station.body(SEARCH)["filters"] == [
        {"name": "createdAt", "operator": "GTE", "values": ["1970-01-01T23:58:00.000Z"]}
    ]


@pytest.mark.real_time
async def test_a_task_is_found_by_where_its_results_go():
    def placed(arn: str, place: str, at: str = "2026-11-21T00:57:39.314Z") -> dict[str, Any]:
        return task(quantumTaskArn=arn, outputS3Directory=place, createdAt=at)

    pages = Turns(
        {"quantumTasks": [placed("a", "tasks/t-11/u"), placed("b", "tasks/t-1/u")], "nextToken": "n"},
        {"quantumTasks": [placed("c", "x/t-1/v", "2026-11-21T00:57:38.000Z"), placed("d", "tasks/T-1/u")]},
    )
    station = Station({SEARCH: pages})
    async with station.adapter() as adapter:
        assert await adapter.find(sending(device=SV1)) == ["c", "b"]  # oldest first
    assert station.body(SEARCH)["nextToken"] == "n"


# --- cancelling -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answer", "then", "reply"),
    [
        ({"quantumTaskArn": ID, "cancellationStatus": "CANCELLING"}, None, CancelReply.ACCEPTED),
        ({"quantumTaskArn": ID, "cancellationStatus": "CANCELLED"}, None, CancelReply.CONFIRMED),
        (refusal(409, "ConflictException"), task("COMPLETED"), CancelReply.TOO_LATE),
        (refusal(409, "ConflictException"), task("CANCELLING"), CancelReply.ACCEPTED),
        (refusal(409, "ConflictException"), task("CANCELLED"), CancelReply.CONFIRMED),
        (refusal(409, "ConflictException"), task("ENTANGLED"), CancelReply.REFUSED),
        (refusal(404, "ResourceNotFoundException"), None, CancelReply.TOO_LATE),
        (refusal(403, "AccessDeniedException"), None, CancelReply.REFUSED),
    ],
)
async def test_what_a_cancel_is_answered(answer: Any, then: Any, reply: CancelReply):
    station = Station({CANCEL: answer, LOOK: then})
    async with station.adapter() as adapter:
        assert await adapter.cancel(remote()) is reply
        assert await adapter.cancel(remote()) is reply
    tokens = {json.loads(one.content)["clientToken"] for one in station.requests if one.method == "PUT"}
    assert len(tokens) == 1
    assert 1 <= len(tokens.pop()) <= 64


# --- what there is ----------------------------------------------------------------------------
async def test_a_device_is_described_with_its_prices_queue_and_the_place_for_results():
    cost = {"deviceCost": {"price": 0.075, "unit": "minute"}, "shotsRange": [0, 100000]}
    station = Station({f"GET braket /device/{SV1}": device(service=cost), STS: IDENTITY})
    async with station.adapter() as adapter:
        found = about.decode(await adapter.describe("SV1"))
        await adapter.describe("sv1")
    assert (found.arn, found.status, found.bucket, found.prefix) == (SV1, "ONLINE", BUCKET, "tasks")
    assert found.queue == {"QUANTUM_TASKS_QUEUE (Normal)": ">4000"}
    assert found.capabilities.service.device_cost == about.Price(0.075, "minute")
    assert found.task_fee is None
    assert station.asked.count(STS) == 1


async def test_a_qpu_is_asked_about_in_its_region_and_has_a_fee_and_a_bucket_there():
    station = Station({f"GET braket /device/{GARNET}": device(GARNET), STS: IDENTITY})
    async with station.adapter(task_fee=0.3) as adapter:
        found = about.decode(await adapter.describe("garnet"))
    assert station.requests[0].url.host == "braket.eu-north-1.amazonaws.com"
    assert (found.task_fee, found.bucket) == (0.3, f"amazon-braket-eu-north-1-{ACCOUNT}")


async def test_with_a_bucket_of_ones_own_nobody_asks_whose_account_it_is():
    station = Station({f"GET braket /device/{SV1}": device()})
    async with station.adapter(s3_bucket="mine", s3_prefix="a/b") as adapter:
        found = about.decode(await adapter.describe("sv1"))
    assert (found.bucket, found.prefix) == ("mine", "a/b")
    assert len(station.requests) == 1


@pytest.mark.parametrize("odd", ["{", "[]", '{"action": 3}'])
async def test_capabilities_that_nobody_can_read_are_a_protocol_error(odd: str):
    station = Station({f"GET braket /device/{SV1}": {**device(), "deviceCapabilities": odd}, STS: IDENTITY})
    async with station.adapter() as adapter:
        with pytest.raises(ProviderProtocolError, match="capabilities"):
            await adapter.describe("sv1")


@pytest.mark.real_time
async def test_devices_are_listed_by_short_names_without_those_that_are_retired():
    other = "arn:aws:braket:us-west-2::device/qpu/new/Box-1"
    pages = Turns(
        {"devices": [device(), {**device("arn:aws:braket:::device/x"), "deviceStatus": "RETIRED"}], "nextToken": "n"},
        {"devices": [device(other), device(GARNET)]},
    )
    station = Station({DEVICES: pages})
    async with station.adapter() as adapter:
        assert await adapter.backends() == ["sv1", other, "Garnet"]
    assert station.body(DEVICES) == {"filters": [], "maxResults": 100, "nextToken": "n"}


async def test_no_secret_is_in_what_is_shown():
    async with Station().adapter() as adapter:
        assert SECRET not in repr(adapter) + repr(vars(adapter))
        assert KEY not in repr(vars(adapter._to))
