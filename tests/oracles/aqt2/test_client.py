"""The second generation of the vendor's client works against our emulator: logins, jobs, direct access, simulators.

What it gives is what our adapter gives; and the requests that it needs are the ones that the emulator counted.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from quantumjobs import Client
from quantumjobs.adapters.aqt.simulate import Circuit, build
from quantumjobs.testing.emulators.issuer import DEVICE_CLIENT, DEVICE_GRANT
from tests.oracles.aqt import circuits
from tests.oracles.aqt2 import vendor

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(180)]

SHOTS = 200
BELL = circuits.program(2, circuits.BELL)
GHZ = circuits.ghz(5)
MIXED = circuits.clifford_and_t(4, 1)
CREDENTIALS = ("cid", "s3cret")
SIGN_IN = ("--sign-in", "--client-id=cid", "--client-secret=s3cret", "--device-interval=0.2")


async def ours(url: str, given: list[str]) -> tuple[list[Any], list[Any]]:
    """Shots and counts of our adapter, from an emulator that takes any token."""
    return await run_by_us("ws/ibex", given, url=url)


async def run_by_us(backend: str, given: list[Any], **settings: Any) -> tuple[list[Any], list[Any]]:
    """Shots and counts of a backend; what is no text is native already."""
    options = {} if isinstance(given[0], str) else {"transpile": False, "seed_simulator": vendor.SEED}
    settings |= {"token": "T", "load_dotenv": False}
    async with Client(ledger="memory", providers={"aqt": settings}) as client:
        result = await (await client.backend(f"aqt/{backend}").run(given, shots=SHOTS, memory=True, **options))
    return [one.memory for one in result], [one.counts for one in result]


async def expected(home: Path, given: list[str]) -> tuple[list[Any], list[Any]]:
    """The same, from an emulator of its own with the same seed."""
    async with vendor.emulator(home) as url:
        return await ours(url, given)


async def stats(url: str) -> dict[str, Any]:
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(f"{url}/_emulator/stats")).json()


def in_order(counts: list[dict[str, int]]) -> list[dict[str, int]]:
    return [dict(sorted(one.items())) for one in counts]


# --- the cloud ----------------------------------------------------------------------------
async def test_client_credentials_give_a_token_and_a_job_of_two_circuits_finishes(tmp_path: Path):
    plan = {"do": "cloud", "app": str(tmp_path / "aqt"), "circuits": [BELL, MIXED], "shots": SHOTS}
    async with vendor.emulator(tmp_path, "--queue=0.2", "--duration=0.2", *SIGN_IN) as url:
        (theirs,) = await vendor.jobs([plan | {"credentials": CREDENTIALS}], url=url, home=tmp_path)
        seen = await stats(url)
    assert theirs["versions"]["qiskit-aqt-provider"] == "2.0.1"
    assert theirs["versions"]["aqt-connector"] == "0.5.0"
    assert theirs["versions"]["qiskit"].startswith("2.")
    assert not theirs["ours is here"]
    assert theirs["words"] == ["QUEUED", "RUNNING", "DONE"]
    memory, counts = await expected(tmp_path, [BELL, MIXED])
    assert (theirs["memory"], in_order(theirs["counts"])) == (memory, counts)
    assert all(len(one) > 1 for one in counts)
    # Once at the login, and again before every look, it asks for the issuer's keys.
    assert seen["requests"] == {
        "token": 1,
        "keys": 1 + theirs["looks"],
        "workspaces": 1,
        "describe": 1,
        "submit": 1,
        "result": theirs["looks"],
    }


async def test_a_user_signs_in_by_the_device_flow_and_stays_signed_in(tmp_path: Path):
    plan = {"do": "cloud", "app": str(tmp_path / "aqt"), "circuits": [BELL], "shots": SHOTS}
    said: list[str] = []
    async with vendor.emulator(tmp_path, *SIGN_IN) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:

        async def allow(line: str) -> None:
            said.append(line)
            if code := vendor.told_code(line):
                while (await stats(url))["requests"].get("token", 0) < 2:  # noqa: ASYNC110 - it polls and nobody tells
                    await asyncio.sleep(0.02)
                (await http.post("/_emulator/device", json={"user_code": code, "allow": True})).raise_for_status()

        first, again = await vendor.jobs([plan, plan], url=url, home=tmp_path, heard=allow)
        seen = await stats(url)
    assert len([line for line in said if vendor.told_code(line)]) == 1
    assert f"{url}/activate?user_code=" in "".join(said)
    assert any("Already authenticated" in line for line in said)
    memory, _ = await expected(tmp_path, [BELL])
    assert first["memory"] == again["memory"] == memory
    assert first["words"][-1] == again["words"][-1] == "DONE"
    assert seen["requests"]["device"] == 1
    assert seen["requests"]["token"] >= 3  # two times it was pending
    assert (tmp_path / "aqt" / "access_token").exists()


async def test_a_device_flow_that_is_denied_signs_nobody_in(tmp_path: Path):
    plan = {"do": "cloud", "app": str(tmp_path / "aqt"), "circuits": [BELL], "shots": SHOTS}
    async with vendor.emulator(tmp_path, *SIGN_IN) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:

        async def deny(line: str) -> None:
            if code := vendor.told_code(line):
                (await http.post("/_emulator/device", json={"user_code": code, "allow": False})).raise_for_status()

        with pytest.raises(AssertionError, match=r"AuthenticationError: User cancelled"):
            await vendor.jobs([plan], url=url, home=tmp_path, heard=deny)
        seen = await stats(url)
    assert "submit" not in seen["requests"]


async def test_a_refresh_token_is_used_and_the_next_one_is_kept(tmp_path: Path):
    app = tmp_path / "aqt"
    app.mkdir()
    async with vendor.emulator(tmp_path, *SIGN_IN) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        client = {"client_id": DEVICE_CLIENT}
        device = (await http.post("/oauth/device/code", data=client | {"scope": "openid offline_access"})).json()
        await http.get(device["verification_uri_complete"])
        polled = client | {"grant_type": DEVICE_GRANT, "device_code": device["device_code"]}
        given = (await http.post("/oauth/token", data=polled)).json()["refresh_token"]
        # Its login forgets the refresh token; so a file as its own repository would write it.
        (app / "refresh_token").write_text(given, encoding="utf-8")
        (theirs,) = await vendor.jobs([{"do": "refresh", "app": str(app)}], url=url, home=tmp_path)
        used = client | {"grant_type": "refresh_token", "refresh_token": given}
        assert (await http.post("/oauth/token", data=used)).json()["error"] == "invalid_grant"
    assert theirs["workspaces"] == ["ws"]
    kept = (app / "refresh_token").read_text(encoding="utf-8")
    assert kept not in {"", given}


async def test_a_job_that_fails_is_told_with_its_message(tmp_path: Path):
    plan = {"do": "cloud", "app": str(tmp_path / "aqt"), "circuits": [BELL], "shots": 4, "credentials": CREDENTIALS}
    failing = [{"kind": "fail", "operation": "submit", "body": "ions were lost"}]
    async with vendor.emulator(tmp_path, *SIGN_IN) as url:
        async with httpx.AsyncClient(trust_env=False) as http:
            (await http.post(f"{url}/_emulator/faults", json=failing)).raise_for_status()
        (theirs,) = await vendor.jobs([plan], url=url, home=tmp_path)
    assert theirs["words"][-1] == "ERROR"
    assert theirs["error"] == "Job failed: ions were lost"


async def test_a_job_persisted_by_one_process_is_restored_by_another(tmp_path: Path):
    store = tmp_path / "store"
    plan = {"app": str(tmp_path / "aqt"), "credentials": CREDENTIALS, "store": str(store)}
    async with vendor.emulator(tmp_path, "--queue=1.5", *SIGN_IN) as url:
        kept_plan = plan | {"do": "cloud", "circuits": [BELL, GHZ], "shots": SHOTS}
        (kept,) = await vendor.jobs([kept_plan], url=url, home=tmp_path)
        head = (store / f"{kept['id']}.aqt-job").read_bytes().partition(b"\n")[0]
        back = plan | {"do": "restore", "id": kept["id"], "circuits": 2}
        (restored,) = await vendor.jobs([back], url=url, home=tmp_path)
        seen = await stats(url)
    assert json.loads(head) == {
        "format_version": 1,
        "job_id": kept["id"],
        "backend_kind": "cloud",
        "backend_name": "ibex",
        "shots": SHOTS,
        "memory": True,
        "circuit_count": 2,
    }
    memory, counts = await expected(tmp_path, [BELL, GHZ])
    assert restored["id"] == kept["id"]
    assert (restored["memory"], in_order(restored["counts"])) == (memory, counts)
    assert seen["requests"]["submit"] == seen["jobs"] == 1
    assert seen["requests"]["token"] == 1  # the second process found the first one's token


# --- direct access ------------------------------------------------------------------------
async def test_one_circuit_and_several_complete_by_direct_access(tmp_path: Path):
    given = [BELL, GHZ, MIXED]
    plans = [
        {"do": "direct", "circuits": [MIXED], "shots": SHOTS, "alone": True},
        {"do": "direct", "circuits": given, "shots": SHOTS},
    ]
    async with vendor.emulator(tmp_path, "--duration=0.1") as url:
        alone, several = await vendor.jobs(plans, url=url, home=tmp_path)
        seen = await stats(url)
        expected = [await ours(url, [text]) for text in given]  # each is the first circuit of its job
        here = await run_by_us(f"direct/{url.removeprefix('http://')}", given, direct_url=url)
    assert [alone["kind"], several["kind"]] == ["DirectAccessJob", "CompositeDirectAccessJob"]
    assert [alone["name"], alone["qubits"]] == ["pine-test", 12]
    assert (alone["memory"], in_order(alone["counts"])) == expected[2]
    assert several["memory"] == [memory for (memory,), _ in expected]
    assert in_order(several["counts"]) == [counts for _, (counts,) in expected]
    assert here == (several["memory"], in_order(several["counts"]))
    assert seen["requests"] == {"ions": 2, "name": 2, "put": 4, "wait": 4}


async def test_a_circuit_that_fails_ends_a_composite_job(tmp_path: Path):
    failing = [{"kind": "fail", "operation": "put", "at": 2}]
    async with vendor.emulator(tmp_path, "--results=zeros") as url:
        async with httpx.AsyncClient(trust_env=False) as http:
            (await http.post(f"{url}/_emulator/faults", json=failing)).raise_for_status()
        plan = {"do": "direct", "circuits": [BELL] * 3, "shots": 4}
        (theirs,) = await vendor.jobs([plan], url=url, home=tmp_path)
        seen = await stats(url)
    assert theirs["error"] == "Job failed with error"  # that is all the device says
    assert seen["requests"]["put"] == seen["requests"]["wait"] == 2


# --- simulators of its own ----------------------------------------------------------------
async def test_its_simulators_give_what_ours_and_the_emulators_give_for_the_same_seed(tmp_path: Path):
    given = [BELL, GHZ, MIXED]
    base = {"do": "offline", "circuits": given, "shots": SHOTS, "seed": vendor.SEED}
    resources = {"ideal": "simulator_no_noise", "noisy": "simulator_noise"}
    async with vendor.emulator(tmp_path) as url:
        found = await vendor.jobs([base | {"which": which} for which in resources], url=url, home=tmp_path)
        assert (await stats(url))["requests"] == {}  # nothing went over the wire
        headers = {"Authorization": "Bearer T"}
        async with httpx.AsyncClient(base_url=f"{url}/api/v1", headers=headers, trust_env=False) as http:
            for theirs, resource in zip(found, resources.values(), strict=True):
                assert theirs["qubits"] == 20
                accepted = (await http.post(f"/submit/ws/{resource}", json=theirs["payload"])).json()
                shots = await finished(http, accepted["job"]["job_id"])
                for place, memory in enumerate(theirs["memory"]):
                    assert ["".join(map(str, reversed(shot))) for shot in shots[str(place)]] == memory, resource
    for theirs in found:
        native = [build(msgspec.convert(one, Circuit)) for one in theirs["payload"]["payload"]["circuits"]]
        assert await run_by_us(f"default/{theirs['name']}", native) == (theirs["memory"], in_order(theirs["counts"]))
    ideal, noisy = (theirs["memory"] for theirs in found)
    assert set(ideal[1]) == {"00000", "11111"}
    assert set(noisy[1]) > {"00000", "11111"}


async def finished(http: httpx.AsyncClient, job: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while (found := (await http.get(f"/result/{job}")).json()["response"])["status"] != "finished":
            assert found["status"] in {"queued", "ongoing"}, found
            await asyncio.sleep(0.05)
    return found["result"]
