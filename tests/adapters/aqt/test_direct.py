"""Direct access: a device on loopback that runs circuit after circuit, and what a restart, a failure and a cancel make of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx
import pytest
from tenacity import wait_fixed

import quantumjobs as qj
from quantumjobs.adapters.aqt import provider
from quantumjobs.core.states import CancelOutcome, JobState
from quantumjobs.engine.policies import Policy
from quantumjobs.testing.emulators import AqtEmulator, Fault, serve
from quantumjobs.wire import Deadlines

pytestmark = pytest.mark.real_time
S = JobState
FLIP = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; creg c[3]; x q[{}]; measure q -> c;'
FLIPS = [FLIP.format(place % 3) for place in range(6)]
SEEN = ["001", "010", "100"] * 2
QUICK = {"aqt": Policy(wait=wait_fixed(0.01))}


def address(url: str) -> str:
    return "aqt/direct/" + url.removeprefix("http://")


def client_of(url: str, ledger: str | Path = "memory", **settings: object) -> qj.Client:
    return qj.Client(ledger=ledger, providers={"aqt": {"direct_url": url, "token": "any", **settings}})


async def test_a_list_is_run_circuit_by_circuit_in_order_with_one_look_each():
    emulator = AqtEmulator(seed=1, duration=0.05)
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(address(url)).run(FLIPS, shots=20, memory=True)
        seen = [snapshot.progress async for snapshot in job.events()]
        result = await job
        assert [next(iter(entry.counts)) for entry in result] == SEEN
        assert result[0].memory == ["001"] * 20
        assert {progress.done for progress in seen} == set(range(7))
        assert job.provider == "aqt"
        assert len(job.remote_ids) == 6
    assert emulator.requests["put"] == 6
    assert emulator.requests["wait"] == 6


async def test_the_device_is_described_and_listed_and_has_a_target():
    async with serve(AqtEmulator()) as url, client_of(url) as client:
        backend = client.backend(address(url))
        about = await backend.describe()
        assert (about["name"], about["qubits"], about["type"]) == ("pine-test", 12, "direct_access")
        assert backend.address in await client.backends()
        assert (await backend.target()).num_qubits == 12


async def test_a_host_that_no_setting_names_is_never_sent_anything(monkeypatch: pytest.MonkeyPatch):
    emulator = AqtEmulator()
    async with serve(emulator) as url:
        async with client_of("https://pine.example") as client:
            with pytest.raises(qj.UsageError, match="AQT_DIRECT_URL"):
                await client.backend(address(url)).run(FLIPS[0])
            with pytest.raises(qj.UsageError, match="pine.example"):
                await client.attach(address(url), "0b52c0d5-0000-4000-8000-000000000000")
        assert not emulator.requests
        monkeypatch.setenv("AQT_DIRECT_URL", url)
        async with qj.Client(ledger="memory", providers={"aqt": {"token": "any"}}) as client:
            assert (await (await client.backend(address(url)).run(FLIPS[0], shots=5))).counts == {"001": 5}


async def test_a_token_is_not_needed_where_the_device_asks_for_none_and_a_clear_one_goes_nowhere_else():
    with pytest.raises(qj.UsageError, match="allow_http"):
        provider({"direct_url": "http://10.1.2.3:6020"})
    assert provider({"direct_url": "http://10.1.2.3:6020", "allow_http": ["10.1.2.3"]}).lanes()[0].endswith(":direct")


async def test_a_device_that_asks_for_a_token_says_where_one_was_looked_for():
    async with serve(AqtEmulator(token="the-right-one")) as url:
        settings = {"direct_url": url, "load_dotenv": False}
        async with qj.Client(ledger="memory", providers={"aqt": settings}) as client:
            with pytest.raises(qj.CredentialError, match=r"none is set\. Looked at, in this order: .*AQT_TOKEN"):
                await client.backend(address(url)).run(FLIPS[0])
        async with client_of(url, token="the-wrong-one") as client:
            with pytest.raises(qj.CredentialError, match="the token given in the settings"):
                await client.backend(address(url)).run(FLIPS[0])


async def test_behind_a_circuit_that_failed_none_is_sent_and_a_retry_runs_only_the_others():
    emulator = AqtEmulator(seed=1, faults=[Fault("fail", operation="put", at=3)])
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(address(url)).run(FLIPS, shots=5)
        with pytest.raises(qj.JobFailed) as caught:
            await job
        assert [part.state for part in job.parts] == [S.COMPLETED, S.COMPLETED, S.FAILED, *[S.CANCELLED] * 3]
        assert caught.value.partial is not None
        assert caught.value.partial[1].counts == {"010": 5}
        assert emulator.requests["put"] == 3
        again = await job.retry_failed()
        assert [next(iter(entry.counts)) for entry in await again] == SEEN
    assert emulator.requests["put"] == 3 + 4


async def test_where_a_failure_is_not_to_stop_it_all_circuits_are_run():
    emulator = AqtEmulator(seed=1, faults=[Fault("fail", operation="put", at=3)])
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(address(url)).run(FLIPS, shots=5, stop_on_failure=False)
        with pytest.raises(qj.JobFailed):
            await job
        assert [part.state for part in job.parts].count(S.COMPLETED) == 5
        again = await job.retry_failed()
        await again
    assert emulator.requests["put"] == 7


async def test_a_cancel_keeps_back_what_was_not_sent():
    emulator = AqtEmulator(seed=1, duration=0.3)
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(address(url)).run(FLIPS, shots=5)
        assert await job.cancel() is CancelOutcome.UNSUPPORTED  # of the circuit that runs
        await job.wait()
        assert job.state is S.CANCELLED
        assert [part.state for part in job.parts] == [S.COMPLETED, *[S.CANCELLED] * 5]
    assert emulator.requests["put"] == 1


async def test_a_look_that_lasts_longer_than_a_connection_may_is_asked_anew():
    emulator = AqtEmulator(seed=1, duration=0.8)
    async with serve(emulator) as url, client_of(url, deadlines=Deadlines(hold=0.2)) as client:
        job = await client.backend(address(url)).run(FLIPS[0], shots=5)
        assert (await job).counts == {"001": 5}
    assert emulator.requests["put"] == 1
    assert emulator.requests["wait"] >= 2


async def test_a_lost_reply_to_a_put_is_a_doubt_and_never_a_second_put():
    emulator = AqtEmulator(seed=1, faults=[Fault("reset", operation="put", after=True)])
    async with serve(emulator) as url, client_of(url) as client:
        with pytest.raises(qj.SubmissionUncertain) as caught:
            await client.backend(address(url)).run(FLIPS[:2], shots=5)
        assert emulator.requests["put"] == 1
        job = caught.value.job
        assert job is not None
        await job.adopt(next(iter(emulator.jobs)))
        await job.wait()
        assert [part.state for part in job.parts] == [S.COMPLETED, S.CANCELLED]  # run() took the unsent one back
        job = await job.retry_failed()
        assert [next(iter(entry.counts)) for entry in await job] == SEEN[:2]
    assert emulator.requests["put"] == 2


async def test_weather_on_the_long_look_ends_no_wait():
    kinds = [("reset", 200), ("garbage", 200), ("cut", 200), ("schema", 200), ("status", 503), ("status", 429)]
    faults = [Fault(kind, operation="wait", status=status, at=1 + place) for place, (kind, status) in enumerate(kinds)]
    emulator = AqtEmulator(seed=1, faults=faults)
    async with serve(emulator) as url:
        made = qj.Client(ledger="memory", providers={"aqt": {"direct_url": url, "token": "any"}}, policies=QUICK)
        async with made as client:
            job = await client.backend(address(url)).run(FLIPS[0], shots=5)
            assert (await job).counts == {"001": 5}
    assert emulator.requests["put"] == 1


async def test_a_job_that_somebody_else_sent_is_attached_by_its_id():
    async with serve(AqtEmulator(seed=1)) as url, client_of(url) as client, httpx.AsyncClient(base_url=url) as http:
        circuit = {"repetitions": 7, "number_of_qubits": 2, "quantum_circuit": [{"operation": "MEASURE"}]}
        headers = {"Authorization": "Bearer T"}
        remote_id = (await http.put("/circuit", json=circuit, headers=headers)).json()
        job = await client.attach(address(url), remote_id)
        assert (await job).counts == {"00": 7}
        stranger = await client.attach(address(url), "00000000-0000-4000-8000-000000000000")
        await stranger.refresh()
        assert stranger.state is not S.COMPLETED


PROGRAM = """
import asyncio, sys
import quantumjobs as qj

async def main(url, ledger, circuits):
    async with qj.Client(ledger=ledger, providers={"aqt": {"direct_url": url, "token": "any"}}) as client:
        job = await client.backend("aqt/direct/" + url.removeprefix("http://")).run(circuits.split("|"), shots=5)
        print(job.id, flush=True)
        await job

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("moment", [1, 3])
async def test_after_kill_9_a_new_program_runs_the_other_circuits_and_no_finished_one_again(
    tmp_path: Path, moment: int
):
    emulator = AqtEmulator(seed=1, duration=0.25)
    ledger = tmp_path / "ledger.sqlite3"
    async with serve(emulator) as url:
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM, url, str(ledger), "|".join(FLIPS)),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "NO_PROXY": "127.0.0.1"},
        )
        assert program.stdout is not None
        job_id = (await program.stdout.readline()).decode().strip()
        while len(emulator.jobs) < moment + 1:  # noqa: ASYNC110 - an emulator tells nobody; all but one are finished
            await asyncio.sleep(0.01)
        program.send_signal(signal.SIGKILL)
        await program.wait()
        async with client_of(url, ledger) as client:
            job = await client.job(job_id)
            if job.state is S.IN_DOUBT:  # killed between the reply and its row: the user looks, and says which it is
                await job.adopt(list(emulator.jobs)[-1])
            assert [next(iter(entry.counts)) for entry in await job] == SEEN
    assert emulator.requests["put"] == len(emulator.jobs) == 6
