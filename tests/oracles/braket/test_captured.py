"""What was recorded of the vendor's SDK: our emulator takes it, and our adapter sends the same."""

from __future__ import annotations

import json
import re

import httpx
import pytest

import quantumjobs as qj
from quantumjobs.core.states import CancelOutcome
from quantumjobs.testing.emulators import serve
from quantumjobs.wire import Unsigned
from quantumjobs.wire.sigv4 import AwsKeys, Signer
from tests.adapters.braket.helpers import QUICK
from tests.oracles.braket import vendor
from tests.oracles.braket.recorded import CASES, OTHERS, SEQUENCES, Case, Exchange, masked

pytestmark = pytest.mark.real_time
KEYS = AwsKeys(vendor.KEY_ID, vendor.SECRET, origin="the test")


# --- theirs, sent to our emulator -----------------------------------------------------------------
def request(exchange: Exchange, url: str, uuid: str) -> tuple[str, str, dict[str, str], bytes]:
    """As it was: with documents in documents as texts, ids in the places of the masks, and signed."""
    asked = json.loads(json.dumps(exchange).replace("{uuid}", uuid))
    body = asked.get("body", "")
    if isinstance(body, dict):
        inner = {name: json.dumps(body[name]) for name in ("action", "deviceParameters") if name in body}
        body = json.dumps({**body, **inner})
    where = f"{url}{asked['path']}" + (f"?{asked['query']}" if "query" in asked else "")
    headers = dict(asked.get("headers", {}))
    Signer(asked["service"], asked["region"])(Unsigned(asked["method"], where, headers, body.encode()), KEYS)
    return asked["method"], where, headers, body.encode()


@pytest.mark.parametrize("name", [*CASES, *OTHERS])
async def test_the_emulator_takes_what_was_recorded(name: str):
    case = {**CASES, **OTHERS}[name]
    service = vendor.Recorder(results="zeros", **case.emulator)
    uuid, answers = "00000000-0000-4000-8000-000000000000", []
    async with serve(service) as url, httpx.AsyncClient(trust_env=False) as http:
        for exchange in SEQUENCES[name]:
            method, where, headers, body = request(exchange, url, uuid)
            reply = await http.request(method, where, headers=headers, content=body)
            answers.append(reply.status_code)
            if exchange["path"] == "/quantum-task":
                uuid = reply.json()["quantumTaskArn"].rpartition("/")[2]
    expected = [201 if one["path"] == "/quantum-task" else 200 for one in SEQUENCES[name]]
    if name == "cancel":  # of a task that is cancelled already
        assert SEQUENCES[name][-2]["path"].endswith("/cancel")
        expected[-2] = 409
    assert answers == expected
    assert masked(service.noted) == SEQUENCES[name]


# --- ours, beside theirs ---------------------------------------------------------------------------
async def ours(case: Case, *, cancelled: bool = False) -> list[Exchange]:
    service = vendor.Recorder(results="zeros", **case.emulator)
    async with serve(service) as url:
        providers = {"braket": vendor.settings(url)}
        async with qj.Client(ledger="memory", policies=QUICK, providers=providers) as client:
            job = await client.backend(f"braket/{case.device}").run(case.circuits, shots=case.shots, **case.ours)
            if cancelled:
                assert await job.cancel() is CancelOutcome.CANCELLED
            else:
                await job
    return masked(service.noted)


def same(exchange: Exchange, case: Case) -> str:
    """What is to be the same: no token, no place of our job's results, no end of the last line."""
    found = json.loads(re.sub(r"tasks/[0-9a-f]{32}\b", "tasks", json.dumps(exchange)))
    if found["service"] == "s3":
        found.pop("headers", None)  # S3 asks for none
    body = found.get("body")
    if isinstance(body, str):
        found["body"] = body.replace(' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"', "")
    elif body:
        assert body.pop("clientToken")
        action = body.get("action", {"programs": []})
        for program in action.get("programs", [action]):
            program["source"] = program["source"].rstrip("\n")
        for name in case.dropped:
            body.pop(name, None)
    return json.dumps(found, sort_keys=True)


def counted(exchange: Exchange, idle: int) -> Exchange:
    """Theirs, with the qubits that have no gates."""
    found: Exchange = json.loads(json.dumps(exchange))
    if idle and exchange["path"] == "/quantum-task":
        found["body"]["deviceParameters"]["paradigmParameters"]["qubitCount"] += idle
    return found


@pytest.mark.parametrize("name", CASES)
async def test_the_adapter_sends_what_was_recorded(name: str):
    case = CASES[name]
    mine = await ours(case)
    (created,) = (one["body"] for one in mine if one["path"] == "/quantum-task")
    assert set(case.dropped) <= created.keys()
    sent = [same(one, case) for one in mine]
    recorded = [same(counted(one, case.idle), case) for one in SEQUENCES[name]]
    assert set(sent) == set(recorded)
    assert len(sent) == len(set(sent))  # and nothing twice, but for looks in a row


async def test_a_cancel_is_what_was_recorded():
    case = OTHERS["cancel"]
    sent, recorded = await ours(case, cancelled=True), SEQUENCES["cancel"]
    assert {same(one, case) for one in sent} == {same(one, case) for one in recorded}
