"""The vendor's client works against our emulator, and our adapter gives what it gives.

A job takes a second here: the vendor looks every 0.1 seconds at best, and all its status words are to be seen.
"""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from quantumjobs import Client
from quantumjobs.abc import Circuit, Raw, Request
from quantumjobs.adapters.aqt import persisted, schemas
from quantumjobs.adapters.aqt.codec import AqtCodec
from tests.oracles.aqt import circuits, vendor
from tests.oracles.aqt.recorded import NATIVE, SUBMITTED

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(180)]

PACE = ("--queue=0.4", "--duration=0.2", f"--token={vendor.TOKEN}")
SHOTS = 500
BELL = circuits.program(2, circuits.BELL)
CIRCUITS = [BELL, circuits.ghz(5), *(circuits.clifford_and_t(width, 1) for width in (3, 4, 5, 6))]


def run(texts: list[str], shots: int = SHOTS, **more: Any) -> dict[str, Any]:
    return {"do": "run", "circuits": texts, "shots": shots, **more}


async def ours(url: str, given: Any, shots: int = SHOTS, **options: Any) -> Any:
    settings = {"url": url, "token": vendor.TOKEN, "load_dotenv": False}
    async with Client(ledger="memory", providers={"aqt": settings}) as client:
        job = await client.backend("aqt/ws/ibex").run(given, shots=shots, memory=True, **options)
        return await job


async def test_the_vendors_client_lists_submits_follows_and_finishes(tmp_path: Path):
    async with vendor.emulator(tmp_path, *PACE) as url:
        listed, bell, several = await vendor.jobs(
            [{"do": "list"}, run([BELL], 4), run(CIRCUITS)], url=url, home=tmp_path
        )
    assert listed["versions"]["qiskit-aqt-provider"] == "1.15.0"
    assert listed["versions"]["qiskit"].startswith("1.")
    assert not listed["ours is here"]
    assert ["ws", "ibex", "IBEX", "device", 12] in listed["backends"]
    assert ["ws", "simulator_noise", "Simulator with noise", "simulator", 20] in listed["backends"]
    assert bell["payload"] == SUBMITTED  # what was captured is still what this client sends
    assert bell["words"] == several["words"] == ["QUEUED", "RUNNING", "DONE"]
    assert bell["progress"] == [[0, 1]]
    done = [finished for finished, _ in several["progress"]]
    assert done == sorted(done)
    assert done[-1] > 1
    assert several["success"]
    assert [sum(one.values()) for one in several["counts"]] == [SHOTS] * len(CIRCUITS)


async def test_the_same_circuits_and_seed_give_the_same_counts_and_shots(tmp_path: Path):
    given = [*CIRCUITS, *(circuits.random_circuit(width, 0) for width in circuits.WIDTHS)]
    async with vendor.emulator(tmp_path, f"--token={vendor.TOKEN}") as url:
        (theirs,) = await vendor.jobs([run(given)], url=url, home=tmp_path)
        result = await ours(url, given)
        (alone,) = await ours(url, CIRCUITS[:1])
    assert [one.counts for one in result] == [dict(sorted(one.items())) for one in theirs["counts"]]
    assert [one.memory for one in result] == theirs["memory"]
    assert alone.memory == theirs["memory"][0]
    assert len({tuple(shots) for shots in theirs["memory"]}) == len(given)
    assert all(len(one) > 1 for one in theirs["counts"])


async def test_bits_and_registers_are_read_as_the_vendors_client_reads_them(tmp_path: Path):
    given = list(circuits.REGISTERS.values())
    async with vendor.emulator(tmp_path, f"--token={vendor.TOKEN}") as url:
        (theirs,) = await vendor.jobs([run(given)], url=url, home=tmp_path)
        result = await ours(url, given)
    for name, mine, memory in zip(circuits.REGISTERS, result, theirs["memory"], strict=True):
        assert mine.memory == memory, name
        assert len(mine.counts) > 1, name


async def test_the_captured_circuit_is_the_same_payload_and_result_from_both(tmp_path: Path):
    given = _native()
    async with vendor.emulator(tmp_path, f"--token={vendor.TOKEN}") as url:
        (theirs,) = await vendor.jobs([run([], 4, native=[NATIVE])], url=url, home=tmp_path)
        result = await ours(url, given, 4, transpile=False)
        about = await _about(url)
    assert theirs["payload"] == SUBMITTED
    assert result.memory == theirs["memory"][0]
    assert _payload(given, about)["payload"] == SUBMITTED["payload"]


async def test_a_job_persisted_by_one_process_is_restored_by_another(tmp_path: Path):
    store = tmp_path / "store"
    async with vendor.emulator(tmp_path, "--queue=1.5", f"--token={vendor.TOKEN}") as url:
        (kept,) = await vendor.jobs([run(CIRCUITS[:3], store=str(store))], url=url, home=tmp_path)
        written = json.loads((store / kept["id"]).read_text(encoding="utf-8"))
        plan = {"do": "restore", "id": kept["id"], "store": str(store)}
        (restored,) = await vendor.jobs([plan], url=url, home=tmp_path)
        stats = await _stats(url)
        result = await ours(url, CIRCUITS[:3])
    assert written["resource"]["resource_id"] == "ibex"
    assert stats["submissions"] == 1
    assert restored["id"] == kept["id"]
    assert restored["words"][-1] == "DONE"
    assert restored["memory"] == [one.memory for one in result]
    assert not (store / kept["id"]).exists()  # that client forgets it when it is restored


async def test_a_job_persisted_by_the_vendors_client_is_read_and_followed_by_ours(tmp_path: Path):
    store = tmp_path / "store"
    given = [*CIRCUITS[:3], *circuits.REGISTERS.values()]
    async with vendor.emulator(tmp_path, "--queue=0.5", f"--token={vendor.TOKEN}") as url:
        (kept,) = await vendor.jobs([run(given, store=str(store))], url=url, home=tmp_path)
        path = store / kept["id"]
        found = persisted.read(path.read_bytes(), str(path))
        planned = persisted.planned(found)
        settings = {"url": url, "token": vendor.TOKEN, "load_dotenv": False}
        async with Client(ledger="memory", providers={"aqt": settings}) as client:
            await (await client.attach(f"aqt/{found.backend}", found.remote_id))
        async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {vendor.TOKEN}"}) as http:
            body = (await http.get(f"{url}/api/v1/result/{found.remote_id}")).content
        plan = {"do": "restore", "id": kept["id"], "store": str(store)}
        (restored,) = await vendor.jobs([plan], url=url, home=tmp_path)
    assert (found.remote_id, found.shots, found.memory) == (kept["id"], SHOTS, True)
    assert len(planned.circuits) == len(given)
    result = AqtCodec().decode(Raw(schemas.CLOUD, {schemas.BODY: body}), planned.layout)
    assert [one.memory for one in result] == restored["memory"]
    assert [one.counts for one in result] == [dict(sorted(one.items())) for one in restored["counts"]]


async def test_what_fails_is_cancelled_or_refused_is_told_as_the_vendors_client_knows_it(tmp_path: Path):
    failing = [{"kind": "fail", "operation": "submit", "body": "ions were lost"}]
    refused = {"do": "refused", "circuits": [BELL], "shots": 4, "token": "wrong"}
    async with vendor.emulator(tmp_path, *PACE) as url:
        async with httpx.AsyncClient(trust_env=False) as http:
            (await http.post(f"{url}/_emulator/faults", json=failing)).raise_for_status()
        plans = [run([BELL], 4), {"do": "cancel", "circuits": [BELL], "shots": 4}, refused]
        failed, cancelled, unauthorized = await vendor.jobs(plans, url=url, home=tmp_path)
    assert failed["words"][-1] == "ERROR"
    assert failed["error"] == "ions were lost"
    assert not failed["success"]
    assert cancelled["codes"] == [204, 208]
    assert cancelled["words"] == ["CANCELLED"]
    assert not cancelled["success"]
    assert unauthorized["cloud backends"] == []  # that client's way of saying it, where it lists
    assert [(name, status) for name, _, status in unauthorized["told"]] == [("APIError", 401)] * 2
    assert all(text == "Could not validate credentials" for _, text, _ in unauthorized["told"])


# --- direct access ------------------------------------------------------------------------
async def test_several_circuits_complete_by_direct_access_one_after_the_other(tmp_path: Path):
    given = CIRCUITS[:3]
    async with vendor.emulator(tmp_path, f"--token={vendor.TOKEN}") as url:
        (theirs,) = await vendor.jobs([{"do": "direct", "circuits": given, "shots": 200}], url=url, home=tmp_path)
        alone = [(await ours(url, [text], 200))[0] for text in given]
        stats = await _stats(url)
    assert (theirs["listed"], theirs["name"], theirs["qubits"]) == (["pine-test"], "pine-test", 12)
    assert (theirs["status"], theirs["success"]) == ("DONE", True)
    # Each is the first circuit of its job, so it has the samples that it has alone in the cloud.
    assert theirs["memory"] == [one.memory for one in alone]
    assert theirs["counts"] == [one.counts for one in alone]
    assert {name: stats["requests"][name] for name in ("put", "wait")} == {"put": 3, "wait": 3}
    assert stats["submissions"] == 3 + len(given)


async def test_a_circuit_that_fails_by_direct_access_ends_the_vendors_job(tmp_path: Path):
    failing = [{"kind": "fail", "operation": "put", "at": 2}]
    async with vendor.emulator(tmp_path, "--results=zeros") as url:
        async with httpx.AsyncClient(trust_env=False) as http:
            (await http.post(f"{url}/_emulator/faults", json=failing)).raise_for_status()
        plan = {"do": "direct", "circuits": CIRCUITS[:3], "shots": 20}
        (theirs,) = await vendor.jobs([plan], url=url, home=tmp_path)
        stats = await _stats(url)
    assert (theirs["status"], theirs["success"]) == ("ERROR", False)
    assert stats["requests"]["put"] == stats["requests"]["wait"] == 2  # the third one was never sent
    assert stats["states"] == {"completed": 1, "failed": 1}


async def _stats(url: str) -> dict[str, Any]:
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(f"{url}/_emulator/stats")).json()


# --- the captured circuit on our side -----------------------------------------------------
def _native() -> Any:
    from math import pi

    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(2, 2)
    for step in NATIVE:
        if step["operation"] == "R":
            circuit.r(step["theta"] * pi, step["phi"] * pi, step["qubit"])
        elif step["operation"] == "RZ":
            circuit.rz(step["phi"] * pi, step["qubit"])
        elif step["operation"] == "RXX":
            circuit.rxx(step["theta"] * pi, *step["qubits"])
    circuit.measure([0, 1], [0, 1])
    return circuit


async def _about(url: str) -> bytes:
    settings = {"url": url, "token": vendor.TOKEN, "load_dotenv": False}
    async with Client(ledger="memory", providers={"aqt": settings}) as client:
        return await client.backend("aqt/ws/ibex")._about(fresh=True)


def _payload(circuit: Any, about: bytes) -> dict[str, Any]:
    from qiskit import qpy

    from quantumjobs.adapters.aqt.codec import AqtCodec

    body = BytesIO()
    qpy.dump(circuit, body)
    request = Request(backend="ws/ibex", circuits=(Circuit("qpy", body.getvalue()),), shots=4, transpile=False)
    (part,) = AqtCodec().prepare(request, about, seed=0).parts
    return json.loads(part.payload)
