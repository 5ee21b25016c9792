"""Braket's protocol: what the emulator answers, and what becomes of tasks."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import BraketEmulator, Fault
from quantumjobs.testing.emulators.braket_signatures import Keys
from tests.testing.emulators.braket_helpers import (
    BELL,
    BUCKET,
    FLIP,
    FORTE,
    GARNET,
    KEYS,
    OFFLINE,
    RETIRED,
    SV1,
    TURN,
    Raw,
    code,
    creation,
    program,
    program_set,
    served,
)

pytestmark = pytest.mark.real_time
TOKEN = "AKID:s3cret"


# --- tasks ------------------------------------------------------------------------------------
async def test_a_task_is_taken_runs_and_leaves_its_result_in_the_bucket():
    async with served(BraketEmulator(seed=7, token=TOKEN)) as raw:
        arn = await raw.create(BELL, tags={"a": "b"})
        assert re.fullmatch(r"arn:aws:braket:us-east-1:123456789012:quantum-task/[0-9a-f-]{36}", arn)
        told = await raw.over(arn)
        found = await raw.object(told)
    assert told["outputS3Directory"] == f"tasks/{arn.rpartition('/')[2]}"
    assert (told["status"], told["shots"], told["tags"], told["numSuccessfulShots"]) == (
        "COMPLETED",
        20,
        {"a": "b"},
        20,
    )
    assert told["queueInfo"]["position"] == "None"
    assert told["createdAt"] <= told["endedAt"]
    assert found["measuredQubits"] == [0, 1]
    assert set(map(tuple, found["measurements"])) == {(0, 0), (1, 1)}
    assert len(found["measurements"]) == 20
    assert found["taskMetadata"]["id"] == arn
    assert len(found["taskMetadata"]["createdAt"]) == 24


async def test_columns_are_bits_in_ascending_order_whichever_qubit_is_behind_them():
    async with served(BraketEmulator()) as raw:
        found = await raw.result(FLIP, shots=3)
    assert (found["measurements"], found["measuredQubits"]) == ([[0, 1]] * 3, [2, 0])


async def test_equal_tasks_have_equal_outcomes_under_a_seed():
    async with served(BraketEmulator(seed=7)) as raw:
        first, second = [(await raw.result(BELL, shots=100))["measurements"] for _ in range(2)]
    async with served(BraketEmulator(seed=8)) as raw:
        other = (await raw.result(BELL, shots=100))["measurements"]
    assert first == second
    assert first != other


async def test_created_is_seen_once_and_places_in_the_queue_are_texts():
    async with served(BraketEmulator(results="zeros", duration=30)) as raw:
        first = await raw.create()
        await raw.until(first, "RUNNING")
        second, third = await raw.create(), await raw.create()
        looks = [await raw.look(second), await raw.look(second), await raw.look(third)]
    assert [look["status"] for look in looks] == ["CREATED", "QUEUED", "CREATED"]
    assert [look["queueInfo"]["position"] for look in looks] == ["1", "1", "2"]


async def test_a_queue_may_be_too_long_to_be_told():
    async with served(BraketEmulator(results="zeros", queue=100)) as raw:
        for _ in range(2001):
            await raw.create(shots=1)
        assert (await raw.look(await raw.create()))["queueInfo"]["position"] == ">2000"


async def test_what_fails_has_a_reason_and_no_result():
    async with served(BraketEmulator()) as raw:
        told = await raw.over(await raw.create('OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[1] q;\nh q[0];'))
        assert told["status"] == "FAILED"
        assert told["failureReason"].startswith("include is not supported")
        reply = await raw.send("GET", f"/{BUCKET}/{told['outputS3Directory']}/results.json", service="s3")
    assert reply.status_code == 404
    assert b"<Code>NoSuch" in reply.content


async def test_the_same_client_token_is_the_same_task_and_another_request_with_it_is_refused():
    async with served(BraketEmulator(results="zeros")) as raw:
        body = creation(clientToken="once")
        replies = [await raw.ask("POST", "/quantum-task", body) for _ in range(2)]
        other = await raw.ask("POST", "/quantum-task", body | {"shots": 21})
        elsewhere = await raw.at("eu-west-2").ask("POST", "/quantum-task", body)
    assert [reply.status_code for reply in replies] == [201, 201]
    assert replies[0].json() == replies[1].json() != elsewhere.json()
    assert code(other) == (400, "ValidationException")


async def test_a_client_token_may_be_forgotten():
    async with served(BraketEmulator(results="zeros", remembers=0)) as raw:
        body = creation(clientToken="once")
        first, second = [(await raw.ask("POST", "/quantum-task", body)).json() for _ in range(2)]
    assert first != second


@pytest.mark.parametrize(
    "changed",
    [
        {"clientToken": None},
        {"clientToken": "x" * 65},
        {"shots": -1},
        {"shots": 100_001},
        {"shots": "20"},
        {"outputS3Bucket": "ab"},
        {"outputS3KeyPrefix": ""},
        {"action": "{"},
        {"action": json.dumps({"braketSchemaHeader": {"name": "braket.ir.ahs.program", "version": "1"}})},
        {"action": json.dumps(program() | {"source": ""})},
        {"deviceArn": "arn:aws:braket:::device/quantum-simulator/amazon/sv2"},
        {"deviceArn": GARNET},
        {"deviceArn": FORTE, "shots": 0},
        {"deviceArn": FORTE, "action": json.dumps(program_set(program()))},
        {"deviceParameters": "[]"},
        {"associations": [{"arn": "a"}, {"arn": "b"}]},
        {"outputS3Bucket": "another-account"},
    ],
)
async def test_what_is_no_task_is_refused(changed: dict[str, Any]):
    body = {name: value for name, value in (creation() | changed).items() if value is not None}
    emulator = BraketEmulator(results="zeros", foreign=["another-account"])
    async with served(emulator) as raw:
        reply = await raw.ask("POST", "/quantum-task", body)
    assert code(reply) == (400, "ValidationException")
    assert reply.json()["message"]
    assert not emulator.jobs


async def test_devices_that_do_not_work_say_why():
    async with served(BraketEmulator()) as raw:
        offline = await raw.at("eu-north-1").ask("POST", "/quantum-task", creation(device=OFFLINE))
        retired = await raw.ask("POST", "/quantum-task", creation(device=RETIRED))
    assert code(offline) == (424, "DeviceOfflineException")
    assert code(retired) == (410, "DeviceRetiredException")


async def test_a_simulator_has_so_many_tasks_at_a_time():
    async with served(BraketEmulator(results="zeros", duration=30, concurrent=1)) as raw:
        first = await raw.create()
        assert code(await raw.ask("POST", "/quantum-task", creation())) == (402, "ServiceQuotaExceededException")
        await raw.create(device=FORTE)
        await raw.cancel(first)
        await raw.create()


# --- cancels ----------------------------------------------------------------------------------
async def test_a_cancel_is_at_once_and_a_second_one_is_a_conflict():
    async with served(BraketEmulator(results="zeros", duration=30)) as raw:
        running, waiting = await raw.create(), await raw.create()
        for arn in (running, waiting):
            reply = await raw.cancel(arn)
            assert reply.json() == {"quantumTaskArn": arn, "cancellationStatus": "CANCELLED"}
            assert (await raw.look(arn))["status"] == "CANCELLED"
            assert code(await raw.cancel(arn)) == (409, "ConflictException")


async def test_a_cancel_may_take_its_time():
    async with served(BraketEmulator(results="zeros", duration=30, cancelling=0.3)) as raw:
        running, waiting = await raw.create(), await raw.create()
        for arn in (running, waiting):
            assert (await raw.cancel(arn)).json()["cancellationStatus"] == "CANCELLING"
            assert (await raw.look(arn))["status"] == "CANCELLING"
        assert (await raw.cancel(running)).json()["cancellationStatus"] == "CANCELLING"
        assert [(await raw.over(arn))["status"] for arn in (running, waiting)] == ["CANCELLED"] * 2


async def test_a_task_whose_cancel_takes_its_time_does_not_start_meanwhile():
    emulator = BraketEmulator(results="zeros", duration=0.5, cancelling=30)
    async with served(emulator) as raw:
        arns = [await raw.create() for _ in range(3)]
        await raw.cancel(arns[1])
        assert [(await raw.over(arn))["status"] for arn in (arns[0], arns[2])] == ["COMPLETED"] * 2
        assert (await raw.look(arns[1]))["status"] == "CANCELLING"
    assert not emulator.jobs[arns[1]].parts


async def test_a_task_may_be_over_before_its_cancel_is():
    async with served(BraketEmulator(results="zeros", duration=0.3, cancelling=30)) as raw:
        arn = await raw.create()
        await raw.until(arn, "RUNNING")
        await raw.cancel(arn)
        assert (await raw.over(arn))["status"] == "COMPLETED"


async def test_unknown_tasks_and_requests_without_a_token_are_refused():
    async with served(BraketEmulator(results="zeros", duration=30)) as raw:
        arn = await raw.create()
        quoted = arn.replace(":", "%3A").replace("/", "%2F")
        unknown = quoted[:-4] + "0000"
        assert code(await raw.ask("GET", f"/quantum-task/{unknown}")) == (404, "ResourceNotFoundException")
        assert code(await raw.ask("PUT", f"/quantum-task/{unknown}/cancel", {"clientToken": "c"}))[0] == 404
        assert code(await raw.at("eu-west-2").ask("GET", f"/quantum-task/{quoted}"))[0] == 404
        assert code(await raw.ask("PUT", f"/quantum-task/{quoted}/cancel", {})) == (400, "ValidationException")
        assert (await raw.ask("GET", f"/quantum-task/{arn}")).status_code == 404  # an ARN is one segment of the path
        assert (await raw.ask("GET", f"/quantum-task/{quoted}")).json().get("queueInfo") is None


# --- searches ---------------------------------------------------------------------------------
async def test_a_search_goes_through_pages_newest_first_and_has_no_reasons():
    async with served(BraketEmulator(results="zeros", page=2)) as raw:
        arns = [await raw.create() for _ in range(5)]
        first = await raw.search(("deviceArn", "EQUAL", [SV1]), maxResults=100)
        second = await raw.search(("deviceArn", "EQUAL", [SV1]), nextToken=first["nextToken"])
        third = await raw.search(("deviceArn", "EQUAL", [SV1]), nextToken=second["nextToken"])
    found = [task["quantumTaskArn"] for page in (first, second, third) for task in page["quantumTasks"]]
    assert found == arns[::-1]
    assert "nextToken" not in third
    assert not {"failureReason", "queueInfo", "numSuccessfulShots"} & first["quantumTasks"][0].keys()


async def test_filters_go_together_and_values_are_alternatives():
    async with served(BraketEmulator(results="zeros", duration=0.0)) as raw:
        before = "2020-01-01T00:00:00Z"
        one, two = await raw.create(), await raw.create(device=FORTE)
        fails = await raw.over(await raw.create("nonsense"))
        since = fails["createdAt"]

        async def arns(*filters: Any) -> set[str]:
            return {task["quantumTaskArn"] for task in (await raw.search(*filters))["quantumTasks"]}

        assert await arns(("quantumTaskArn", "EQUAL", [one, two])) == {one, two}
        assert await arns(("quantumTaskArn", "EQUAL", [one, two]), ("deviceArn", "EQUAL", [FORTE])) == {two}
        assert len(await arns(("createdAt", "GTE", [before]))) == 3
        assert await arns(("createdAt", "LT", [before])) == set()
        assert fails["quantumTaskArn"] in await arns(("createdAt", "GTE", [since]))
        assert fails["quantumTaskArn"] not in await arns(("createdAt", "GT", [since]))
        assert len(await arns(("createdAt", "BETWEEN", [before, since]))) == 3
        assert await arns(("status", "EQUAL", ["RUNNING", "QUEUED"])) == set()
        assert await arns(("jobArn", "EQUAL", ["arn"])) == set()
        assert {t["quantumTaskArn"] for t in (await raw.at("eu-west-2").search())["quantumTasks"]} == set()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"filters": [{"name": "shots", "operator": "EQUAL", "values": ["1"]}]},
        {"filters": [{"name": "status", "operator": "CONTAINS", "values": ["RUNNING"]}]},
        {"filters": [{"name": "status", "operator": "LT", "values": ["RUNNING"]}]},
        {"filters": [{"name": "status", "operator": "EQUAL", "values": []}]},
        {"filters": [{"name": "status", "operator": "EQUAL", "values": ["x"] * 11}]},
        {"filters": [{"name": "createdAt", "operator": "GT", "values": ["yesterday"]}]},
        {"filters": [{"name": "createdAt", "operator": "BETWEEN", "values": ["2026-01-01T00:00:00Z"]}]},
        {"filters": [], "maxResults": 101},
        {"filters": [], "nextToken": "?"},
    ],
)
async def test_what_is_no_search_is_refused(body: dict[str, Any]):
    async with served(BraketEmulator()) as raw:
        assert code(await raw.ask("POST", "/quantum-tasks", body)) == (400, "ValidationException")


async def test_a_search_may_lag_behind():
    async with served(BraketEmulator(results="zeros", search_lag=0.4)) as raw:
        arn = await raw.create()
        assert (await raw.look(arn))["status"] == "COMPLETED"
        assert (await raw.search())["quantumTasks"] == []
        while not (found := (await raw.search())["quantumTasks"]):  # noqa: ASYNC110 - time alone makes it appear
            await asyncio.sleep(0.02)
        assert [task["status"] for task in found] == ["COMPLETED"]


async def test_a_search_may_tell_a_state_of_the_past():
    async with served(BraketEmulator(results="zeros", queue=0.3, search_lag=0.25)) as raw:
        arn = await raw.create()
        told = await raw.over(arn)
        (found,) = (await raw.search())["quantumTasks"]
    assert told["status"] == "COMPLETED"
    assert found["status"] == "QUEUED"
    assert "endedAt" not in found


# --- devices ----------------------------------------------------------------------------------
async def test_devices_are_those_of_the_region_and_of_all_regions():
    async with served(BraketEmulator()) as raw:
        here = (await raw.ask("POST", "/devices", {"filters": []})).json()["devices"]
        there = (await raw.at("eu-north-1").ask("POST", "/devices", {"filters": []})).json()["devices"]
        one = (await raw.ask("POST", "/devices", {"filters": [{"name": "deviceArn", "values": [SV1]}]})).json()[
            "devices"
        ]
        bad = await raw.ask("POST", "/devices", {"filters": [{"name": "deviceName", "values": ["SV1"]}]})
    assert [device["deviceName"] for device in here] == ["SV1", "DM1", "Forte-1", "Harmony"]
    assert [device["deviceName"] for device in there] == ["SV1", "DM1", "Garnet", "Emerald"]
    assert [device["deviceArn"] for device in one] == [SV1]
    assert code(bad) == (400, "ValidationException")


async def test_a_device_tells_of_openqasm_to_new_clients_only():
    path = f"/device/{SV1.replace(':', '%3A').replace('/', '%2F')}"
    async with served(BraketEmulator()) as raw:
        told = (await raw.ask("GET", path)).json()
        actions = []
        for agent in ("x BraketSchemas/1.32.1", "x BraketSchemas/1.8.0", "x BraketSchemas/1.7.9", "x"):
            reply = await raw.http.get(path, headers={**_unsigned(), "user-agent": agent})
            actions.append(list(json.loads(reply.json()["deviceCapabilities"])["action"]))
        assert code(await raw.ask("GET", "/device/arn%3Aaws"))[0] == 404
    assert told["deviceQueueInfo"] == [{"queue": "QUANTUM_TASKS_QUEUE", "queueSize": "0", "queuePriority": "Normal"}]
    assert [len(found) for found in actions] == [2, 2, 0, 0]


def _unsigned() -> dict[str, str]:
    """Where no keys are set, a signature need not be right."""
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = f"any/{date[:8]}/us-east-1/braket/aws4_request"
    signed = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    return {"authorization": signed, "x-amz-date": date}


# --- program sets -----------------------------------------------------------------------------
SET = program_set(program(BELL), program(TURN, theta=[0.0, 3.141592653589793, "?"]))


async def test_a_set_divides_its_shots_and_one_executable_may_fail():
    async with served(BraketEmulator(seed=7)) as raw:
        told = await raw.over(await raw.create(SET, shots=40))
        found = await raw.object(told)
    assert told["status"] == "COMPLETED"
    assert told["actionMetadata"] == {
        "actionType": "braket.ir.openqasm.program_set",
        "programCount": 2,
        "executableCount": 4,
    }
    assert told["numSuccessfulShots"] == 30
    bell, turn = found["programResults"]
    assert [len(one["measurements"]) for one in bell["executableResults"]] == [10]
    results = turn["executableResults"]
    assert [one["inputsIndex"] for one in results] == [0, 1, 2]
    assert [one.get("measurements") for one in results] == [[[0]] * 10, [[1]] * 10, None]
    assert results[2]["failureMetadata"]["category"] == "COMPILATION"
    metadata = found["taskMetadata"]
    assert (metadata["requestedShots"], metadata["successfulShots"], metadata["totalFailedExecutables"]) == (40, 30, 1)
    assert [len(one["executables"]) for one in metadata["programMetadata"]] == [1, 3]
    assert turn["source"]["inputs"]["theta"][2] == "?"


async def test_a_set_of_which_all_fails_fails_and_has_a_result():
    async with served(BraketEmulator()) as raw:
        told = await raw.over(await raw.create(program_set(program("nonsense")), shots=5))
        found = await raw.object(told)
    assert told["status"] == "FAILED"
    assert "no OpenQASM" in told["failureReason"]
    assert found["taskMetadata"]["totalFailedExecutables"] == 1


async def test_a_spilled_set_is_the_same_in_many_objects():
    async with served(BraketEmulator(seed=7)) as raw:
        whole = await raw.object(await raw.over(await raw.create(SET, shots=40)))
    async with served(BraketEmulator(seed=7, spilled=True)) as raw:
        told = await raw.over(await raw.create(SET, shots=40))
        found = await raw.object(told)
        assert found["s3Location"] == [BUCKET, told["outputS3Directory"]]
        assert (await raw.object(told, found["taskMetadata"]))["requestedShots"] == 40
        results = []
        for path in found["programResults"]:
            one = await raw.object(told, path)
            base = path.removesuffix("/results.json")
            one["source"] = await raw.object(told, f"{base}/{one['source']}")
            one["executableResults"] = [await raw.object(told, f"{base}/{name}") for name in one["executableResults"]]
            results.append(one)
    assert results == whole["programResults"]


async def test_a_set_that_is_cancelled_keeps_what_was_run():
    async with served(BraketEmulator(results="zeros", duration=1.0)) as raw:
        arn = await raw.create(program_set(*[program(BELL)] * 100), shots=100)
        await asyncio.sleep(1.5)
        await raw.cancel(arn)
        told = await raw.look(arn)
        found = await raw.object(told)
    assert told["status"] == "CANCELLED"
    done = sum(len(one["executableResults"]) for one in found["programResults"])
    cancelled = [one["executables"] for one in found["taskMetadata"]["programMetadata"]].count(
        [{"status": "CANCELLED"}]
    )
    assert 0 < done < 100
    assert done + cancelled == 100


@pytest.mark.parametrize(
    ("action", "shots", "failing"),
    [
        (program_set(), 10, None),
        (program_set(program(BELL), program(BELL)), 11, None),
        (program_set(program(BELL)), 0, None),
        (program_set(*[program(BELL)] * 101), 101, None),
        (program_set(program(BELL)), 100_001, None),
        (program_set(program(BELL), program(TURN, theta=0.5)), 10, [1]),
        (program_set(program(TURN, theta=[0.5], other=[1, 2]), program(TURN, theta=[])), 10, [0, 1]),
    ],
)
async def test_what_is_no_set_is_refused(action: dict[str, Any], shots: int, failing: list[int] | None):
    async with served(BraketEmulator()) as raw:
        reply = await raw.ask("POST", "/quantum-task", creation(action, shots=shots))
    assert code(reply) == (400, "ValidationException")
    if failing is not None:
        assert reply.json()["reason"] == "ProgramSetValidationFailed"
        assert [one["programIndex"] for one in reply.json()["programSetValidationFailures"]] == failing


# --- QPUs -------------------------------------------------------------------------------------
def verbatim(*gates: str) -> str:
    return "\n".join(
        [
            "OPENQASM 3.0;",
            "bit[2] b;",
            "#pragma braket verbatim",
            "box{",
            *gates,
            "}",
            "b[0] = measure $1;",
            "b[1] = measure $2;",
        ]
    )


async def test_verbatim_boxes_have_native_gates_on_neighbours():
    async with served(BraketEmulator()) as raw:
        north = raw.at("eu-north-1")
        found = await north.result(verbatim("prx(3.141592653589793, 0.0) $2;", "cz $1, $2;"), device=GARNET, shots=5)
        reasons = []
        for gates in (["h $1;"], ["cz $1, $20;"], ["cz $1, $21;"]):
            told = await north.over(await north.create(verbatim(*gates), device=GARNET))
            reasons.append(told["failureReason"])
    assert (found["measurements"], found["measuredQubits"]) == ([[0, 1]] * 5, [1, 2])
    assert "native" in reasons[0]
    assert "between the qubits 1 and 20" in reasons[1]
    assert "20 qubits" in reasons[2]


async def test_some_qpus_tell_probabilities_alone():
    async with served(BraketEmulator()) as raw:
        found = await raw.result(FLIP, device=FORTE, shots=5)
    assert found["measurementProbabilities"] == {"01": 1.0}
    assert "measurements" not in found


# --- who is let in ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("keys", "ahead", "expected"),
    [
        (Keys("OTHER", "s3cret"), 0, ("UnrecognizedClientException", "InvalidAccessKeyId", "InvalidClientTokenId")),
        (Keys("AKID", "other"), 0, ("InvalidSignatureException", "SignatureDoesNotMatch", "SignatureDoesNotMatch")),
        (KEYS, -400, ("InvalidSignatureException", "RequestTimeTooSkewed", "SignatureDoesNotMatch")),
        (KEYS, 400, ("InvalidSignatureException", "RequestTimeTooSkewed", "SignatureDoesNotMatch")),
    ],
)
async def test_each_service_says_in_its_own_words_who_is_not_let_in(
    keys: Keys, ahead: float, expected: tuple[str, ...]
):
    async with served(BraketEmulator(token=TOKEN), keys=keys) as good:
        raw = Raw(good.http, keys=keys, ahead=ahead)
        braket = await raw.ask("POST", "/quantum-tasks", {"filters": []})
        stored = await raw.send("GET", f"/{BUCKET}/a", service="s3")
        identity = await raw.send("POST", "/", b"Action=GetCallerIdentity", service="sts")
    assert code(braket) == (403, expected[0])
    found = [re.search(r"<Code>(\w+)</Code>", reply.text) for reply in (stored, identity)]
    assert [match and match[1] for match in found] == list(expected[1:])
    assert [stored.status_code, identity.status_code] == [403, 403]


async def test_a_clock_that_is_off_is_told_by_the_date_and_cured_by_it():
    async with served(BraketEmulator(token=TOKEN, clock_offset=3600)) as raw:
        late = await raw.ask("POST", "/quantum-tasks", {"filters": []})
        raw.ahead = parsedate_to_datetime(late.headers["date"]).timestamp() - time.time()
        cured = await raw.ask("POST", "/quantum-tasks", {"filters": []})
    assert code(late) == (403, "InvalidSignatureException")
    assert "Signature expired" in late.json()["message"]
    assert abs(raw.ahead - 3600) < 30
    assert cured.status_code == 200


async def test_a_request_without_a_signature_is_told_so():
    async with served(BraketEmulator()) as raw:
        reply = await raw.http.post("/quantum-tasks", json={"filters": []})
        stored = await raw.http.get(f"/{BUCKET}/a")
    assert code(reply) == (403, "MissingAuthenticationTokenException")
    assert (stored.status_code, "<Code>AccessDenied</Code>" in stored.text) == (403, True)


async def test_session_tokens_expire_and_others_are_let_in():
    emulator = BraketEmulator(token="AKID:s3cret:first", results="zeros")
    async with served(emulator, keys=Keys("AKID", "s3cret", "first")) as raw:
        await raw.create()
        emulator.expire_token()
        expired = await raw.ask("POST", "/quantum-task", creation())
        emulator.tokens.accept("ASIA:new:second")
        old = await raw.ask("POST", "/quantum-task", creation())
        raw.keys = Keys("ASIA", "new", "second")
        await raw.create()
        raw.keys = Keys("ASIA", "new", "third")
        wrong = await raw.ask("POST", "/quantum-task", creation())
    assert code(expired) == code(old) == (403, "ExpiredTokenException")
    assert code(wrong) == (403, "UnrecognizedClientException")


async def test_whose_credentials_these_are():
    async with served(BraketEmulator(token=TOKEN)) as raw:
        reply = await raw.send("POST", "/", b"Action=GetCallerIdentity&Version=2011-06-15", service="sts")
    assert "<Account>123456789012</Account>" in reply.text


# --- quotas -----------------------------------------------------------------------------------
async def test_documented_quotas_are_for_each_operation_by_itself():
    emulator = BraketEmulator(results="zeros", quotas=True)
    async with served(emulator) as raw:
        arn = await raw.create()
        codes = Counter([code(await raw.cancel(arn)) for _ in range(40)])
        assert code(await raw.ask("POST", "/quantum-tasks", {"filters": []})) == (200, "")
    assert codes.keys() == {(409, "ConflictException"), (429, "ThrottlingException")}
    assert 20 <= codes[409, "ConflictException"] < 30
    assert emulator.stats["requests"]["cancel"] == 40


# --- what goes wrong --------------------------------------------------------------------------
async def test_scripted_refusals_have_the_form_of_each_service():
    faults = [Fault("status", operation=one, status=429) for one in ("survey", "fetch", "identity")]
    async with served(
        BraketEmulator(faults=[*faults, Fault("status", operation="survey", at=2, retry_after=3)])
    ) as raw:
        first = await raw.ask("POST", "/quantum-tasks", {"filters": []})
        second = await raw.ask("POST", "/quantum-tasks", {"filters": []})
        stored = await raw.send("GET", f"/{BUCKET}/a", service="s3")
        identity = await raw.send("POST", "/", b"Action=GetCallerIdentity", service="sts")
    assert code(first) == (429, "ThrottlingException")
    assert code(second) == (503, "")
    assert second.headers["retry-after"] == "3"
    assert "<Code>SlowDown</Code>" in stored.text
    assert "<Code>Throttling</Code>" in identity.text


async def test_a_task_may_be_unknown_have_an_unknown_state_or_fail_as_told():
    faults = [
        Fault("fail", operation="submit", body="the cryostat is warm"),
        Fault("vanish", operation="poll"),
        Fault("word", operation="poll", at=2),
        Fault("word", operation="survey"),
        Fault("expire", operation="cancel"),
    ]
    async with served(BraketEmulator(faults=faults)) as raw:
        arn = await raw.create()
        path = f"/quantum-task/{arn.replace(':', '%3A').replace('/', '%2F')}"
        assert code(await raw.ask("GET", path)) == (404, "ResourceNotFoundException")
        assert (await raw.look(arn))["status"] == "hibernating"
        assert (await raw.search())["quantumTasks"][0]["status"] == "hibernating"
        told = await raw.over(arn)
        assert (told["status"], told["failureReason"]) == ("FAILED", "the cryostat is warm")
        assert code(await raw.cancel(arn)) == (403, "ExpiredTokenException")
        assert code(await raw.cancel(arn)) == (403, "ExpiredTokenException")


async def test_a_task_is_taken_though_its_answer_is_lost():
    emulator = BraketEmulator(results="zeros", faults=[Fault("reset", operation="submit", after=True)])
    async with served(emulator) as raw:
        body = creation()
        with pytest.raises(httpx.TransportError):
            await raw.ask("POST", "/quantum-task", body)
        again = await raw.ask("POST", "/quantum-task", body)
    assert list(emulator.jobs) == [again.json()["quantumTaskArn"]]


async def test_tasks_run_beside_each_other():
    emulator = BraketEmulator(results="zeros", duration=1.0, parallel=20)
    async with served(emulator) as raw:
        began = time.monotonic()
        arns = [await raw.create() for _ in range(20)]
        for arn in arns:
            assert (await raw.over(arn))["status"] == "COMPLETED"
    assert time.monotonic() - began < 10  # one after the other would be 20


async def test_what_was_under_way_begins_anew_when_it_is_served_again():
    emulator = BraketEmulator(results="zeros", duration=0.5)
    async with served(emulator) as raw:
        arn = await raw.create()
        await raw.until(arn, "RUNNING")
    async with served(emulator) as raw:
        assert (await raw.look(arn))["status"] in {"QUEUED", "RUNNING"}
        assert (await raw.over(arn))["status"] == "COMPLETED"


async def test_a_target_in_absolute_form_is_understood():
    async with served(BraketEmulator(results="zeros")) as raw:
        url = str(raw.http.base_url).rstrip("/")
        host, port = raw.http.base_url.host, raw.http.base_url.port
        reader, writer = await asyncio.open_connection(host, port)
        lines = [
            f"POST {url}/quantum-tasks HTTP/1.1",
            f"host: {host}:{port}",
            "content-length: 14",
            "connection: close",
        ]
        lines += [f"{name}: {text}" for name, text in _unsigned().items()]
        writer.write("\r\n".join([*lines, "", '{"filters":[]}']).encode())
        found = await reader.read()
        writer.close()
    assert found.startswith(b"HTTP/1.1 200")
    assert found.endswith(b'{"quantumTasks":[]}')


@pytest.mark.parametrize("settings", [{"page": 0}, {"search_lag": -1}, {"cancelling": -1}, {"latency": -1}])
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]):
    with pytest.raises(UsageError):
        BraketEmulator(**settings)
