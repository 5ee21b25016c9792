"""OriginQ's protocol: what the emulator answers, and what becomes of tasks."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from quantumjobs.errors import UsageError
from quantumjobs.testing.emulators import Fault, OriginqEmulator
from tests.testing.emulators.originq_helpers import BELL, FLIP, served, several, simulated

pytestmark = pytest.mark.real_time


def texts(told: dict[str, Any], name: str) -> list[Any]:
    return [json.loads(one) for one in told[name]]


# --- tasks ------------------------------------------------------------------------------------
async def test_a_task_is_taken_runs_and_answers_in_texts_inside_json():
    async with served(OriginqEmulator(seed=7)) as raw:
        task = await raw.accepted(simulated())
        assert re.fullmatch(r"[0-9A-F]{32}", task)
        told = await raw.over(task)
    assert told.keys() >= {
        "taskId",
        "taskState",
        "taskResult",
        "probCount",
        "measureQubitSize",
        "startTime",
        "totalTime",
    }
    assert (told["taskId"], told["taskState"], told["measureQubitSize"]) == (task, "3", [2])
    (counts,), (probabilities,) = texts(told, "probCount"), texts(told, "taskResult")
    assert counts["key"] == ["0x0", "0x3"]
    assert sum(counts["value"]) == 20
    assert probabilities["value"] == [number / 20 for number in counts["value"]]


async def test_only_measured_bits_are_in_a_key():
    async with served(OriginqEmulator(seed=7)) as raw:
        told = await raw.over(await raw.accepted(simulated(FLIP, width=1, clbits=2)))
    assert (texts(told, "probCount"), told["measureQubitSize"]) == ([{"key": ["0x1"], "value": [20]}], [1])


async def test_a_list_on_a_chip_is_one_task_and_each_program_has_its_seed():
    async with served(OriginqEmulator(seed=7)) as raw:
        first, second = texts(await raw.over(await raw.accepted(several(BELL, BELL, shot=1000))), "probCount")
        again, _ = texts(await raw.over(await raw.accepted(several(BELL, BELL, shot=1000))), "probCount")
    assert first == again
    assert first != second


async def test_states_are_those_of_a_queue():
    async with served(OriginqEmulator(results="zeros", queue=0.2, duration=0.4)) as raw:
        tasks = [await raw.accepted(simulated()) for _ in range(3)]
        assert [(await raw.look(task))["taskState"] for task in tasks] == ["5", "1", "1"]
        seen = []
        while seen[-1:] != ["3"]:
            state = (await raw.look(tasks[0]))["taskState"]
            seen += [state] if seen[-1:] != [state] else []
            await asyncio.sleep(0.02)
    assert seen == ["5", "2", "3"]


async def test_a_cancel_flips_what_is_not_over_and_refuses_what_is():
    async with served(OriginqEmulator(results="zeros", queue=30)) as raw:
        task = await raw.accepted(simulated())
        assert await raw.ask("cancelTask", {"taskId": task}) == {
            "success": True,
            "code": 10000,
            "message": "ok",
            "obj": None,
        }
        told = await raw.look(task)
        assert (told["taskState"], told["errorMessage"]) == ("4", "task cancelled")
        assert "probCount" not in told
        assert (await raw.ask("cancelTask", {"taskId": task}))["success"] is False


async def test_a_task_that_fails_has_the_reason_in_its_own_field():
    faults = [Fault("fail", operation="submit", body="the fridge is warm")]
    async with served(OriginqEmulator(results="zeros", faults=faults)) as raw:
        told = await raw.over(await raw.accepted(simulated()))
    assert (told["taskState"], told["errorMessage"]) == ("4", "the fridge is warm")


async def test_probabilities_and_amplitudes_are_computed():
    state = "QINIT 2\nCREG 1\nH q[0]\nS q[0]\nCNOT q[0],q[1]\n"
    async with served(OriginqEmulator()) as raw:
        exact = await raw.over(await raw.accepted(simulated(state, clbits=0, measure_type=2, qubits=[1])))
        asked = {"Amplitude": ["0", "3"]}
        several_of_them = await raw.over(await raw.accepted(simulated(state, clbits=0, machine="2", **asked)))
        one = await raw.over(await raw.accepted(simulated(state, clbits=0, machine="3", Amplitude="3")))
    (found,) = texts(exact, "taskResult")
    assert (found["key"], found["value"]) == (["0x0", "0x1"], pytest.approx([0.5, 0.5]))
    assert "probCount" not in exact
    (found,) = texts(several_of_them, "taskResult")
    assert found == {
        "Key": ["0", "3"],
        "ValueReal": pytest.approx([0.5**0.5, 0]),
        "ValueImag": pytest.approx([0, 0.5**0.5]),
    }
    assert texts(one, "taskResult")[0]["Key"] == ["3"]


async def test_fields_are_told_where_they_are_asked_for():
    async with served(OriginqEmulator(results="zeros")) as raw:
        task = await raw.accepted(several(BELL))
        assert "mappingQubit" not in await raw.over(task)
        told = await raw.look(task, keys=["mappingQubit", "qprog", "targetCbits", "nonsense"])
    assert (told["mappingQubit"], told["qprog"], told["targetCbits"]) == ({"0": 0, "1": 1}, BELL, [0, 1])


# --- shapes -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        ({"keys": "HEX"}, "probCount", ['{"key":["0X3"],"value":[20]}']),
        ({"keys": "binary"}, "probCount", ['{"key":["11"],"value":[20]}']),
        ({"bare": True}, "probCount", '{"key":["0x3"],"value":[20]}'),
        ({"counts": False}, "probCount", None),
        ({"sizes": False}, "measureQubitSize", None),
        ({"stray": True}, "errorMessage", "a word of no meaning"),
        ({"state_as": "int"}, "taskState", 3),
        ({"state_as": "float"}, "taskState", 3.0),
    ],
)
async def test_answers_come_in_the_shapes_of_the_services_history(settings: dict[str, Any], field: str, value: Any):
    async with served(OriginqEmulator(results="ones", **settings)) as raw:
        told = await raw.look(await raw.accepted(simulated()))
    assert told.get(field) == value
    assert type(told.get(field)) is type(value)


async def test_the_envelope_of_the_generation_before_has_it_all():
    async with served(OriginqEmulator(results="ones", older=True)) as raw:
        told = await raw.look(await raw.accepted(simulated()))
    (found,) = told["qcodeTaskNewVo"]["taskResultList"]
    assert found["taskState"] == "3"


def test_shapes_that_never_were_are_refused():
    with pytest.raises(UsageError, match="'hex', 'HEX' or 'binary'"):
        OriginqEmulator(keys="octal")


# --- refusals ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "mode", "code", "words"),
    [
        (simulated("QINIT 1\nCREG 1\nSX q[0]\n"), None, 20001, "line 3: SX is no statement"),
        (simulated(shot=0, measure_type=1), None, 20001, "shot: 0"),
        (simulated(measure_type=1), None, 20001, "shot: None"),
        (simulated(shot=5, measure_type=3), None, 20001, "measure_type: 3"),
        (simulated(measure_type=2), None, 20001, "qubits: []"),
        (simulated(width=1), None, 20001, "qubitNum"),
        (simulated(clbits=1), None, 20001, "classicalbitNum"),
        (simulated("QINIT 1\nCREG 1\nX q[0]\n", width=1, clbits=0), None, 20001, "measures nothing"),
        (simulated(machine="0") | {"QMachineType": 0}, None, 20001, "not understood"),
        (simulated(machine="4"), None, 20001, "no QMachineType '4'"),
        (simulated(machine="1", shot=5, measure_type=1), None, 20001, "noisemodel is missing"),
        (simulated(machine="2", Amplitude="0"), None, 20001, "Amplitude"),
        (simulated(machine="2", Amplitude=["0", "0x1"]), None, 20001, "'0x1' is no state of 2 qubits"),
        (simulated(machine="3", Amplitude="4"), None, 20001, "'4' is no state of 2 qubits"),
        (several(shot=10**30), None, 20001, "is more than 1000000"),
        (simulated(), "2", 20001, "lists of programs are for chips"),
        (simulated(), "5", 20001, "the binary form"),
        (simulated(), "6", 20001, "lists of instructions"),
        (simulated(), "0", 20001, "task_mode '0'"),
        (several(*[BELL] * 201), None, 20001, "1 to 200 programs, and not 201"),
        (several(chip="WK_C999"), None, 10002, "chip resource is null"),
        (several(BELL, mappingFlag=False), None, 20001, "is not available on WK_C180"),
        ({}, "1", 20001, "not understood"),
    ],
)
async def test_what_no_client_sends_is_refused_and_named(body: dict[str, Any], mode: str | None, code: int, words: str):
    async with served(OriginqEmulator(results="zeros")) as raw:
        told = await raw.submit(body, mode=mode)
    assert (told["success"], told["code"]) == (False, code)
    assert words in told["message"]


async def test_a_placed_program_keeps_to_the_chips_qubits_and_pairs():
    fine = "QINIT 60\nCREG 1\nH q[45]\nCZ q[45],q[46]\nMEASURE q[46],c[0]\n"
    async with served(OriginqEmulator(results="zeros")) as raw:
        assert (await raw.submit(several(fine, mappingFlag=False)))["success"]
        told = await raw.submit(several(fine.replace("CZ q[45],q[46]", "CZ q[45],q[50]"), mappingFlag=False))
    assert "CZ on (45, 50), which WK_C180 does not have there" in told["message"]


async def test_a_question_has_its_own_mode_and_its_fields():
    async with served(OriginqEmulator()) as raw:
        assert "task_mode is 0" in (await raw.ask("origin/taskDetail", {"taskId": "x"}, mode="1"))["message"]
        assert "taskId is missing" in (await raw.ask("origin/taskDetail", {}))["message"]
        task = await raw.accepted(simulated())
        assert "keys is a list" in (await raw.ask("origin/taskDetail", {"taskId": task, "keys": 5}))["message"]
        unknown = await raw.ask("origin/taskDetail", {"taskId": "0" * 32})
    assert (unknown["code"], unknown["message"]) == (10002, "task resource is null")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_what_is_posted_is_json_by_its_headers_too(kind: str):
    async with served(OriginqEmulator(results="zeros")) as raw:
        headers = {"task_mode": "1", "content-type": kind}
        reply = await raw.http.post("/oqcs/task/origin/submit.json", content=json.dumps(simulated()), headers=headers)
    assert reply.json() == {
        "success": False,
        "code": 20001,
        "message": "the content type is application/json",
        "obj": None,
    }


@pytest.mark.parametrize(("http_401", "status"), [(False, 200), (True, 401)])
async def test_a_key_that_is_not_known_is_refused_in_the_body_or_by_the_status(http_401: bool, status: int):
    async with served(OriginqEmulator(token="another/1", http_401=http_401)) as raw:
        reply = await raw.http.post("/oqcs/task/origin/taskDetail.json", content="{}", headers={"task_mode": "0"})
        bearer = await raw.http.get("/oqcs/task/getResourceList.json", headers={"authorization": "Bearer another/1"})
    assert (reply.status_code, bearer.status_code) == (status, status)
    assert reply.json() == {"success": False, "code": 401, "message": "Unauthorized", "obj": None}


# --- chips ------------------------------------------------------------------------------------
async def test_resources_are_a_bare_list_under_any_path():
    async with served(OriginqEmulator()) as raw:
        listed = (await raw.http.get("/base/of/mine/oqcs/task/getResourceList.json")).json()
    assert [one["machineType"] for one in listed] == [0, 2, 3, 5, 5]
    assert [one.get("chipName") for one in listed][3:] == ["WK_C180", "PQPUMESH8"]


async def test_a_chips_information_has_every_field_that_the_client_needs():
    async with served(OriginqEmulator()) as raw:
        told = (await raw.ask("origin/chipInfo", {"ChipID": "WK_C180"}))["obj"]
        retired = await raw.ask("origin/chipInfo", {"ChipID": "origin_wukong"})
        unknown = await raw.ask("origin/chipInfo", {"ChipID": "WK"})
    assert told.keys() == {
        *("ChipID", "QubitCount", "AvailableQubits", "HighFrequencyQubit", "BasicQGate", "CompensateAngle"),
        *("QGateClock", "QubitParams", "adjMatrix"),
    }
    assert all(
        re.fullmatch(r"\d+_\d+", pair) for pair in told["CompensateAngle"]
    )  # another one ends the client's process
    assert (retired["code"], unknown["code"]) == (20045, 10002)


async def test_blocks_of_qubits_are_connected_and_each_is_told_once():
    async with served(OriginqEmulator()) as raw:
        body = {"chipId": "PQPUMESH8", "qubitNum": 4, "label": 1, "qubitBlockNum": 2}
        told = (await raw.ask("management/bestQubitBlocks", body))["obj"]
        all_of_them = (await raw.ask("management/bestQubitBlocks", body | {"qubitBlockNum": 10**30}))["obj"]
        none = await raw.ask("management/bestQubitBlocks", body | {"qubitNum": 0})
    assert told == {
        "ChipID": "PQPUMESH8",
        "QubitNum": 4,
        "Label": 1,
        "QubitBlockNum": 2,
        "QubitBlocks": [[0, 1, 2, 4], [1, 2, 3, 6]],
    }
    assert all_of_them["QubitBlockNum"] == len(set(map(tuple, all_of_them["QubitBlocks"]))) > 2
    assert none["success"] is False


# --- what goes wrong --------------------------------------------------------------------------
async def test_faults_speak_as_the_service_does():
    faults = [Fault("word", operation="task", word="42"), Fault("vanish", operation="task", at=2)]
    async with served(OriginqEmulator(results="zeros", faults=faults)) as raw:
        task = await raw.accepted(simulated())
        assert (await raw.look(task))["taskState"] == "42"
        assert (await raw.ask("origin/taskDetail", {"taskId": task}))["code"] == 10002
        assert (await raw.look(task))["taskState"] == "3"
