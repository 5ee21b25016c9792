"""The I/O half against a table of answers: what is asked, and what is made of each answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quantumjobs.abc import Answer, CancelReply, Gone, Remote, Sending, Status, Unreadable
from quantumjobs.adapters.originq.cloud import CloudAdapter
from quantumjobs.adapters.originq.messages import STATES, WORDS
from quantumjobs.adapters.originq.schemas import BODY
from quantumjobs.adapters.originq.schemas import TASK as SCHEMA
from quantumjobs.core.states import JobState as S
from quantumjobs.errors import (
    CredentialError,
    ProviderError,
    ProviderProtocolError,
    ProviderRejected,
    ProviderUnavailable,
)
from tests.adapters.originq.station import (
    CANCEL,
    CHIP,
    COUNTS,
    ID,
    INFO,
    KEY,
    RESOURCES,
    SUBMIT,
    TASK,
    Station,
    Turns,
    good,
    no,
    task,
)


def remote(**details: str) -> Remote:
    return Remote(id=ID, backend="full_amplitude", created_at=0.0, details=details)


def sending(**details: str) -> Sending:
    return Sending(
        backend="full_amplitude", payload=b'{"QProg":[]}', token="t", first_sent_at=0.0, attempt=1, details=details
    )


async def looked(document: object, **details: str) -> Answer:
    async with Station({TASK: document}).adapter() as adapter:
        return (await adapter.poll([remote(**details)]))[ID]


async def status_of(document: object, **details: str) -> Status:
    answer = await looked(document, **details)
    assert isinstance(answer, Status)
    return answer


# --- every request ----------------------------------------------------------------------------
async def test_requests_are_signed_in_english_and_say_their_mode():
    station = Station({SUBMIT: good({"taskId": ID}), TASK: task("1"), RESOURCES: []})
    async with station.adapter() as adapter:
        await adapter.submit(sending(mode="2"))
        await adapter.poll([remote()])
        await adapter.backends()
    assert [request.headers["authorization"] for request in station.requests] == [f"oqcs_auth={KEY}"] * 3
    assert [request.headers["origin-language"] for request in station.requests] == ["en"] * 3
    assert [request.headers.get("task_mode") for request in station.requests] == ["2", "0", None]
    assert [request.headers.get("content-type") for request in station.requests] == ["application/json"] * 2 + [None]


@pytest.mark.parametrize("answer", [no(401, "Unauthorized"), no("401", "Unauthorized"), (401, b"who are you?")])
async def test_a_key_that_is_refused_in_either_way_is_a_credential_error_which_does_not_show_it(answer: object):
    async with Station({TASK: answer, SUBMIT: answer, CANCEL: answer, CHIP: answer, RESOURCES: answer}).adapter() as it:
        for ask in (it.poll([remote()]), it.submit(sending()), it.cancel(remote()), it.describe("C"), it.backends()):
            with pytest.raises(CredentialError, match="the test") as caught:
                await ask
            assert KEY not in str(caught.value)


# --- what there is ----------------------------------------------------------------------------
async def test_a_chip_is_described_by_one_request_and_nothing_else_by_any():
    station = Station({CHIP: good(INFO)})
    async with station.adapter() as adapter:
        about = json.loads(await adapter.describe("WK_C180"))
        assert station.bodies == [{"ChipID": "WK_C180"}]
        assert json.loads(await adapter.describe("WK_C180/any")) == {"backend": "WK_C180", "chip": None}
        assert json.loads(await adapter.describe("full_amplitude"))["chip"] is None
    assert len(station.requests) == 1
    assert about["chip"]["AvailableQubits"] == [0, 1, 2]
    assert about["chip"]["QubitParams"][0]["Frequency"] == 4764
    assert about["chip"]["adjMatrix"] == {"0": [{"v": 1, "w": 0.98}]}


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {},
        "WK_C180",
        {**INFO, "QubitCount": "three"},
        {**INFO, "QubitCount": -1},
        {**INFO, "AvailableQubits": {"0": 1}},
        {**INFO, "AvailableQubits": [0, -1]},
        {**INFO, "CompensateAngle": {"0-1": {}}},
        {**INFO, "CompensateAngle": []},
        {**INFO, "QubitParams": [{"qubitId": "0", "Frequency": "4764 MHz"}]},
        {**INFO, "adjMatrix": {"0": [{"w": 0.98}]}},
        {**INFO, "adjMatrix": {"zero": [{"v": 1}]}},
        {name: value for name, value in INFO.items() if name != "QubitCount"},
    ],
)
async def test_a_malformed_answer_about_a_chip_is_a_protocol_error(wrong: object):
    """One of them ends the vendor's process."""
    async with Station({CHIP: good(wrong)}).adapter() as adapter:
        with pytest.raises(ProviderProtocolError, match="chip's information"):
            await adapter.describe("WK_C180")


async def test_a_chip_that_is_not_there_is_refused_with_what_the_code_means():
    async with Station({CHIP: Turns(no(10002, "resource is null"), no())}).adapter() as adapter:
        with pytest.raises(ProviderRejected, match="'WK' was refused: resource is null.*knows nothing") as caught:
            await adapter.describe("WK")
        assert (caught.value.code, caught.value.error_code) == ("10002", "10002")
        with pytest.raises(ProviderRejected, match="not offered any more"):
            await adapter.describe("origin_wukong")


@pytest.mark.parametrize("enveloped", [False, True])
async def test_backends_are_the_simulators_and_the_chips_by_whatever_name_they_have(enveloped: bool):
    listed = [
        {"machineType": 5, "onlineFlag": True, "chipName": "WK_C180", "remark": "the big one"},
        {"machineType": 5, "onlineFlag": False, "ChipID": "HanYuan_01"},
        {"machineType": 5, "onlineFlag": True, "designation": "PQPUMESH8", "chipId": 8},
        {"machineType": 5, "onlineFlag": True, "chipName": "../../etc/passwd"},
        {"machineType": 0, "onlineFlag": True, "chipName": "a simulator"},
        {"machineType": 5, "onlineFlag": True, "chipName": "WK_C180"},
    ]
    async with Station({RESOURCES: good(listed) if enveloped else listed}).adapter() as adapter:
        names = await adapter.backends()
    assert names == ["full_amplitude", "partial_amplitude", "single_amplitude", "WK_C180", "HanYuan_01", "PQPUMESH8"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(no(), ProviderRejected), (good(None), ProviderProtocolError), (b"<html>", ProviderProtocolError)],
)
async def test_a_list_of_backends_that_is_none_is_an_error(answer: object, kind: type[ProviderError]):
    async with Station({RESOURCES: answer}).adapter() as adapter:
        with pytest.raises(kind):
            await adapter.backends()


# --- submitting -------------------------------------------------------------------------------
async def test_a_submit_is_one_post_of_the_payload_and_its_answer_is_the_id():
    station = Station({SUBMIT: good({"taskId": ID})})
    async with station.adapter() as adapter:
        accepted = await adapter.submit(sending(mode="1"))
    assert accepted.remote_id == ID
    assert [request.content for request in station.requests] == [b'{"QProg":[]}']


@pytest.mark.parametrize(("code", "words"), [(20045, "under maintenance"), (10002, "null"), ("77", "no permission")])
async def test_an_answer_that_is_no_success_is_a_final_no_with_its_code_and_words(code: object, words: str):
    async with Station({SUBMIT: no(code, words)}).adapter() as adapter:
        with pytest.raises(ProviderRejected, match=words) as caught:
            await adapter.submit(sending())
    assert (caught.value.code, caught.value.stale_description) == (str(code), False)


async def test_a_refusal_of_what_was_placed_by_an_old_description_says_so():
    async with Station({SUBMIT: no(77, "no such qubit")}).adapter() as adapter:
        with pytest.raises(ProviderRejected) as caught:
            await adapter.submit(sending(placed="1"))
    assert caught.value.stale_description


@pytest.mark.parametrize(
    "answer",
    [good(None), good({}), good({"taskId": 7}), good({"taskId": ""}), good({"taskId": "a\nb"}), [], b"<html>", b""],
)
async def test_an_answer_to_a_submit_that_has_no_id_is_a_protocol_error(answer: object):
    async with Station({SUBMIT: answer}).adapter() as adapter:
        with pytest.raises(ProviderProtocolError):
            await adapter.submit(sending())


# --- looking ----------------------------------------------------------------------------------
@pytest.mark.parametrize("code", STATES)
async def test_each_state_may_be_a_text_or_a_number(code: str):
    for form in (code, int(code), float(code)):
        told = await status_of(task(form, probCount=COUNTS))
        assert (told.state, told.raw_status) == (STATES[code], WORDS.get(code, code))
        assert (told.result is not None) is told.state.is_terminal


def test_the_five_words_of_the_vendor_are_its_first_five_states():
    assert [WORDS[str(code)] for code in range(1, 6)] == ["WAITING", "COMPUTING", "FINISHED", "FAILED", "QUEUING"]
    assert [STATES[str(code)] for code in range(1, 6)] == [S.QUEUED, S.RUNNING, S.COMPLETED, S.FAILED, S.QUEUED]


@pytest.mark.parametrize("code", ["0", "10", 42, 3.5, "meditating", True])
async def test_a_state_that_nobody_knows_ends_nothing(code: object):
    answer = await looked(task(code))
    assert isinstance(answer, Unreadable) if code is True else (isinstance(answer, Status) and answer.state is None)


@pytest.mark.parametrize(
    "answer",
    [
        {"success": True, "message": "ok"},
        good(None),
        good([]),
        good({"taskId": ID}),
        good({"taskId": ID, "taskState": None}),
        good({"taskId": "00000000000000000000000000000000", "taskState": "3"}),
        good({"taskId": ID, "taskState": {"code": 3}}),
        good({"taskId": ID, "taskState": "3", "probCount": 7}),
    ],
)
async def test_an_answer_without_a_word_on_the_task_is_looked_at_again(answer: object):
    assert isinstance(await looked(answer), Unreadable)


@pytest.mark.parametrize("answer", [no(), no(None, ""), no(99999, "insufficient computing resources")])
async def test_an_answer_that_is_no_success_is_weather_and_no_word_on_the_task(answer: object):
    with pytest.raises(ProviderUnavailable, match="the look was refused") as caught:
        await looked(answer)
    assert caught.value.sent is False


async def test_a_task_that_the_service_does_not_know_is_gone():
    answer = await looked(no(10002, "resource is null"))
    assert isinstance(answer, Gone)
    assert "resource is null" in answer.reason


@pytest.mark.parametrize("answer", [b"<html>", [], {"surprise": 1}, {"success": "yes"}, b""])
async def test_an_answer_of_somebody_else_is_a_protocol_error(answer: object):
    with pytest.raises(ProviderProtocolError):
        await looked(answer)


async def test_the_answer_that_says_finished_has_the_result_in_it():
    station = Station({TASK: task("3", errorMessage="a stray word")})
    async with station.adapter() as adapter:
        told = (await adapter.poll([remote()]))[ID]
    assert isinstance(told, Status)
    assert (told.state, told.reason) == (S.COMPLETED, "")
    assert told.result is not None
    assert told.result.schema == SCHEMA
    assert json.loads(told.result.blobs[BODY])["obj"]["probCount"] == COUNTS
    assert station.bodies == [{"taskId": ID}]


async def test_finished_without_a_result_is_told_without_one():
    told = await status_of(good({"taskId": ID, "taskState": "3"}))
    assert (told.state, told.result, told.has_result) == (S.COMPLETED, None, False)


async def test_the_older_generations_answer_is_understood():
    older = {"taskId": ID, "taskState": "3", "taskResult": '{"key":["00"],"value":[1]}', "probCount": ""}
    told = await status_of(good({"qcodeTaskNewVo": {"taskResultList": [older]}}))
    assert told.state is S.COMPLETED
    assert told.result is not None
    batch = await status_of(good({"taskId": ID, "taskStatus": "2"}))
    assert (batch.state, batch.raw_status) == (S.RUNNING, "COMPUTING")


@pytest.mark.parametrize(
    ("more", "message", "reason"),
    [
        ({"errorMessage": "the fridge is warm", "errorDetail": "12 K"}, "ok", "the fridge is warm: 12 K"),
        ({"errorDetail": "12 K"}, "ok", "12 K"),
        ({}, "circuit too deep", "circuit too deep"),
        ({}, "ok", "FAILED"),
        ({"errorMessage": " "}, "Success", "FAILED"),
    ],
)
async def test_a_failed_task_has_its_own_words_and_not_those_of_the_question(
    more: dict[str, Any], message: str, reason: str
):
    told = await status_of({**task("4", **more), "message": message})
    assert (told.state, told.reason) == (S.FAILED, reason)


async def test_what_a_server_says_is_one_line_and_never_the_key():
    told = await status_of(task("4", errorMessage=f"bad\x1b[31m\nheader oqcs_auth={KEY}"))
    assert KEY not in told.reason
    assert told.reason.isprintable()


async def test_other_fields_are_asked_for_where_the_job_wants_them():
    station = Station({TASK: task("1")})
    async with station.adapter() as adapter:
        await adapter.poll([remote(keys="mappingQubit,qprog")])
    assert station.bodies == [{"taskId": ID, "keys": ["mappingQubit", "qprog"]}]


# --- cancelling -------------------------------------------------------------------------------
async def cancelled(*answers: object, then: object = None) -> tuple[CancelReply, list[str]]:
    station = Station({CANCEL: Turns(*answers), TASK: then})
    async with station.adapter() as adapter:
        reply = await adapter.cancel(remote())
    return reply, [request.url.path.rpartition("/")[2] for request in station.requests]


async def test_a_yes_to_a_cancel_is_an_acceptance():
    assert await cancelled(good(None)) == (CancelReply.ACCEPTED, ["cancelTask.json"])


@pytest.mark.parametrize(
    ("then", "reply"),
    [
        (task("3"), CancelReply.TOO_LATE),
        (task("4"), CancelReply.TOO_LATE),
        (no(10002), CancelReply.TOO_LATE),
        (task("2"), CancelReply.REFUSED),
        (task("42"), CancelReply.REFUSED),
        (good(None), CancelReply.REFUSED),
    ],
)
async def test_only_a_look_tells_why_a_cancel_was_refused(then: object, reply: CancelReply):
    assert await cancelled(no(30001, "cannot be cancelled"), then=then) == (
        reply,
        ["cancelTask.json", "taskDetail.json"],
    )


async def test_maintenance_and_somebody_elses_answer_are_no_refusal():
    with pytest.raises(ProviderUnavailable, match="maintenance"):
        await cancelled(no())
    with pytest.raises(ProviderProtocolError):
        await cancelled({"message": "ok"})


async def test_connections_can_be_dropped_after_a_suspend():
    async with Station({TASK: task("1")}).adapter() as adapter:
        await adapter.poll([remote()])
        await adapter.drop_connections()
        assert isinstance(adapter, CloudAdapter)
        assert ID in await adapter.poll([remote()])
