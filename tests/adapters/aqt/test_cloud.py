"""AQT's cloud as the emulator serves it: real requests on loopback, circuits in real workers."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tenacity import wait_fixed

import quantumjobs as qj
from quantumjobs.adapters.aqt import provider
from quantumjobs.core.states import CancelOutcome, JobState
from quantumjobs.engine.policies import Policy
from quantumjobs.testing.emulators import AqtEmulator, Fault, serve
from quantumjobs.wire import transports

pytestmark = pytest.mark.real_time
GHZ = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; creg c[3]; h q[0]; cx q[0],q[1]; cx q[1],q[2]; measure q -> c;'
TURN = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[1]; creg c[1]; ry({}) q[0]; measure q -> c;'


async def test_the_same_seed_gives_the_same_shots_with_and_without_the_fast_transport():
    memories = []
    for transport in (None, lambda url: transports._stock(url, transports.IDLE)):
        async with serve(AqtEmulator(seed=7)) as url:
            made = provider({"url": url, "token": "any", **({"transport": transport} if transport else {})})
            async with qj.Client(ledger="memory", providers={"aqt": made}) as client:
                job = await client.backend("aqt/ws/simulator_noise").run([GHZ, GHZ], shots=50, memory=True)
                result = await job
                memories.append([entry.memory for entry in result])
                assert sum(result[0].counts.values()) == 50
    assert memories[0] == memories[1]
    assert memories[0][0] != memories[0][1]  # circuit i is seeded for itself


async def test_a_long_list_is_split_and_comes_back_in_order():
    emulator = AqtEmulator(seed=1)
    async with serve(emulator) as url, client_of(url) as client:
        circuits = [TURN.format(3.14159265 if place % 3 == 0 else 0) for place in range(120)]
        job = await client.backend("aqt/ws/ibex").run(circuits, shots=5)
        result = await job
        assert [next(iter(entry.counts)) for entry in result] == ["1", "0", "0"] * 40
        assert job.progress == qj.Progress(120, 120)
        assert len(job.remote_ids) == 3
    assert emulator.requests["submit"] == 3


async def test_progress_is_told_circuit_by_circuit_and_a_running_job_is_cancelled():
    async with serve(AqtEmulator(seed=1, results="zeros", duration=0.3)) as url, client_of(url) as client:
        job = await client.backend("aqt/ws/ibex").run([GHZ] * 20, shots=5)
        async for event in job.events():
            if event.progress.done:
                break
        assert job.state is JobState.RUNNING
        assert 0 < job.progress.done < 20
        assert await job.cancel() in {CancelOutcome.CANCELLED, CancelOutcome.REQUESTED}
        await job.wait()
        assert job.state is JobState.CANCELLED


async def test_sixty_looks_that_meet_every_kind_of_weather_end_no_wait():
    kinds = [("reset", 200), ("garbage", 200), ("cut", 200), ("schema", 200), ("status", 503), ("status", 429)]
    faults = [
        Fault(kind, operation="result", status=status, at=1 + 10 * place, times=10)
        for place, (kind, status) in enumerate(kinds)
    ]
    emulator = AqtEmulator(results="zeros", faults=faults)
    policies = {"aqt": Policy(wait=wait_fixed(0.01), breaker=1000)}
    async with serve(emulator) as url, client_of(url, policies=policies) as client:
        job = await client.backend("aqt/ws/ibex").run(GHZ, shots=10)
        assert (await job).counts == {"000": 10}
    assert emulator.requests["result"] >= 60
    assert emulator.requests["submit"] == len(emulator.jobs) == 1


async def test_a_submit_whose_reply_was_cut_off_is_in_doubt_and_is_one_job():
    emulator = AqtEmulator(results="zeros", faults=[Fault("reset", operation="submit", after=True)])
    async with serve(emulator) as url, client_of(url) as client:
        with pytest.raises(qj.SubmissionUncertain):
            await client.backend("aqt/ws/ibex").run(GHZ)
    assert len(emulator.jobs) == 1
    assert emulator.requests["submit"] == 1


async def test_a_gzip_bomb_and_a_redirect_elsewhere_end_no_wait_and_leak_no_token():
    heard: list[bytes] = []

    async def stranger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(4096))
        writer.close()

    listening = await asyncio.start_server(stranger, "127.0.0.1", 0)
    elsewhere = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    faults = [Fault("bomb", operation="result"), Fault("redirect", operation="result", location=elsewhere)]
    async with serve(AqtEmulator(results="zeros", faults=faults)) as url, client_of(url) as client:
        job = await client.backend("aqt/ws/ibex").run(GHZ, shots=10)
        assert (await job).counts == {"000": 10}
    listening.close()
    await listening.wait_closed()
    assert heard == []


async def test_the_answer_is_kept_as_it_came():
    async with serve(AqtEmulator(results="zeros")) as url, client_of(url) as client:
        job = await client.backend("aqt/ws/ibex").run(GHZ, shots=3)
        answer = json.loads((await job).raw["body"])
        assert answer["job"]["job_id"] == job.remote_id
        assert answer["response"] == {"status": "finished", "result": {"0": [[0, 0, 0]] * 3}}


async def test_a_failed_job_raises_what_the_cloud_says():
    faults = [Fault("fail", operation="submit", body="the trap was empty")]
    async with serve(AqtEmulator(results="zeros", faults=faults)) as url, client_of(url) as client:
        job = await client.backend("aqt/ws/ibex").run(GHZ)
        with pytest.raises(qj.JobFailed, match="the trap was empty"):
            await job


async def test_the_description_and_the_target_are_the_resources():
    async with serve(AqtEmulator()) as url, client_of(url) as client:
        ibex = client.backend("aqt/ws/ibex")
        assert (await ibex.describe())["qubits"] == 12
        target = await ibex.target()
        assert target.num_qubits == 12
        assert {"r", "rz", "rxx", "measure"} <= set(target.operation_names)
        with pytest.raises(qj.UsageError, match="12"):
            wide = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[13]; creg c[13]; x q; measure q -> c;'
            await ibex.run(wide)


async def test_a_newcomer_runs_a_file_from_the_shell(tmp_path: Path):
    (tmp_path / "ghz.qasm").write_text(GHZ)
    async with serve(AqtEmulator(seed=3, token="canary-5f2b9c")) as url:
        answers = []
        for words in (["backends"], ["run", "ghz.qasm", "--backend", "aqt/ws/ibex", "--shots", "40", "--json"]):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "quantumjobs.cli", *words),
                cwd=tmp_path,
                env={**os.environ, "AQT_TOKEN": "canary-5f2b9c", "AQT_PORTAL_URL": url},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            out, err = await process.communicate()
            assert process.returncode == 0, err.decode()
            assert b"canary" not in out + err
            answers.append(out.decode())
    assert "aqt/ws/ibex" in answers[0]
    assert '"111"' in json.dumps(json.loads(answers[1]))


def client_of(url: str, **options: object) -> qj.Client:
    return qj.Client(ledger="memory", providers={"aqt": {"url": url, "token": "any"}}, **options)  # type: ignore[arg-type]
