"""What our adapter gives is what the vendor's client gives: the same circuits with the same seed, and the same jobs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from quantumjobs import Client
from quantumjobs.testing.emulators import IqmEmulator, serve
from quantumjobs.testing.emulators.iqm_computers import COMPUTERS
from tests.oracles.aqt import circuits
from tests.oracles.iqm import vendor

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(240)]

SHOTS = 300
GIVEN = [
    circuits.program(2, circuits.BELL),
    circuits.ghz(5),
    *(circuits.clifford_and_t(width, 1) for width in (3, 4, 5)),
    *(circuits.random_circuit(width, 0) for width in (3, 5)),
]
KEY = re.compile(r"^(.*)_(\d+)_(\d+)_(\d+)$")


async def ours(url: str, alias: str, given: Any, **options: Any) -> Any:
    async with Client(ledger="memory", providers={"iqm": {"url": url, "token": vendor.TOKEN}}) as client:
        job = await client.backend(f"iqm/{alias}").run(given, shots=SHOTS, **options)
        return await job


def physical(body: dict[str, Any], alias: str) -> QuantumCircuit:
    """The circuit whose instructions these are, on the qubits of the computer and with the registers of the keys."""
    from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister

    qubits = next(one.qubits for one in COMPUTERS if one.alias == alias)
    keys = [step["args"]["key"] for step in body["instructions"] if step["name"] == "measure"]
    found = {int(place): (name, int(size)) for name, size, place, _ in (KEY.match(key).groups() for key in keys)}
    cregs = [ClassicalRegister(size, name) for _, (name, size) in sorted(found.items())]
    circuit = QuantumCircuit(QuantumRegister(len(qubits), "q"), *cregs)
    places = dict(zip(sorted(found), cregs, strict=True))
    fed = {}
    for step in body["instructions"]:
        at = [qubits.index(name) for name in step["locus"]]
        args = step["args"]
        if step["name"] == "prx":
            circuit.r(args["angle"], args["phase"], *at)
        elif step["name"] == "cz":
            circuit.cz(*at)
        elif step["name"] == "barrier":
            circuit.barrier(at)
        elif step["name"] == "reset":
            circuit.reset(at)
        elif step["name"] == "delay":
            circuit.delay(round(args["duration"] / 1e-9), at, unit="dt")  # QPY knows no other unit: Qiskit/qiskit#10662
        elif step["name"] == "measure":
            _, _, place, bit = KEY.match(args["key"]).groups()
            fed[args.get("feedback_key")] = places[int(place)][int(bit)]
            circuit.measure(at[0], places[int(place)][int(bit)])
        else:
            assert step["name"] == "cc_prx"
            with circuit.if_test((fed[args["feedback_key"]], 1)):
                circuit.r(args["angle"], args["phase"], *at)
    return circuit


def sent(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The circuits of its submission."""
    (body,) = [one["body"] for one in report["requests"] if "body" in one]
    return body["circuits"]


def plan(computer: str, *given: str) -> dict[str, Any]:
    return {"do": "run", "computer": computer, "circuits": list(given), "shots": SHOTS, "record": True}


def same(mine: Any, theirs: dict[str, Any]) -> None:
    assert len(mine) == len(theirs["counts"])
    assert [one.memory for one in mine] == theirs["memory"]
    assert [one.counts for one in mine] == [dict(sorted(one.items())) for one in theirs["counts"]]


async def test_the_same_circuits_and_seed_give_the_same_counts_and_shots(tmp_path: Path):
    async with serve(IqmEmulator(seed=vendor.SEED, token=vendor.TOKEN)) as url:
        plans = [plan("garnet", *GIVEN), plan("garnet", "conditional"), plan("emerald", circuits.ghz(7))]
        reports = await vendor.jobs(plans, url=url, home=tmp_path)
        for asked, theirs in zip(plans, reports, strict=True):
            alias = asked["computer"]
            given = [physical(one, alias) for one in sent(theirs)]
            same(await ours(url, alias, given, transpile=False, memory=True), theirs)
            counts = await ours(url, alias, given, transpile=False)
            assert [one.counts for one in counts] == [dict(sorted(one.items())) for one in theirs["counts"]]
    assert len({tuple(shots) for shots in reports[0]["memory"]}) == len(GIVEN)
    assert all(len(one) > 1 for one in reports[0]["counts"])


async def test_a_job_of_the_vendors_client_is_followed_and_read_by_ours(tmp_path: Path):
    async with serve(IqmEmulator(seed=vendor.SEED, token=vendor.TOKEN)) as url:
        plans = [plan("garnet", *GIVEN[:3]), plan("deneb", circuits.ghz(4))]
        reports = await vendor.jobs(plans, url=url, home=tmp_path)
        async with Client(ledger="memory", providers={"iqm": {"url": url, "token": vendor.TOKEN}}) as client:
            for asked, theirs in zip(plans, reports, strict=True):
                job = await client.attach(f"iqm/{asked['computer']}", theirs["id"])
                result = await job
                assert [one.counts for one in result] == [dict(sorted(one.items())) for one in theirs["counts"]]


async def test_a_job_of_ours_is_retrieved_by_the_vendors_client(tmp_path: Path):
    async with serve(IqmEmulator(seed=vendor.SEED, token=vendor.TOKEN)) as url:
        async with Client(ledger="memory", providers={"iqm": {"url": url, "token": vendor.TOKEN}}) as client:
            jobs = {
                alias: await client.backend(f"iqm/{alias}").run(GIVEN[:3], shots=SHOTS, memory=True)
                for alias in ("garnet", "deneb")
            }
            mine = {alias: await job for alias, job in jobs.items()}
            ids = {alias: job.remote_id for alias, job in jobs.items()}
        plans = [{"do": "retrieve", "computer": alias, "id": id} for alias, id in ids.items()]
        reports = await vendor.jobs(plans, url=url, home=tmp_path)
    for alias, theirs in zip(ids, reports, strict=True):
        same(mine[alias], theirs)
