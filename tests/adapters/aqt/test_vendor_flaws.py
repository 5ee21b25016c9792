"""What AQT's own clients get wrong, each by the number it has in our notes, and how it goes here.

1 to 13 were seen in qiskit-aqt-provider 2.0.1, 14 to 21 in 1.15.0. Those of signing in (2 to 4) are in
`test_sign_in_flaws.py`.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import time
from pathlib import Path

import pytest
from qiskit import QuantumCircuit, qpy
from tenacity import wait_fixed

import quantumjobs as qj
from quantumjobs.abc import Raw
from quantumjobs.adapters.aqt.codec import AqtCodec
from quantumjobs.adapters.aqt.schemas import CLOUD
from quantumjobs.core.states import CancelOutcome, JobState
from quantumjobs.engine.policies import Policy
from quantumjobs.testing.emulators import AqtEmulator, Fault, serve
from quantumjobs.testing.fake import FakeProvider
from tests.adapters.aqt.helpers import answer, prepare

GHZ = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[3]; creg c[3]; h q[0]; cx q[0],q[1]; cx q[1],q[2]; measure q -> c;'
S = JobState


def client_of(url: str, token: str = "any", **more: object) -> qj.Client:
    settings = {"url": url, "direct_url": url, "token": token}
    return qj.Client(ledger="memory", providers={"aqt": settings}, **more)  # type: ignore[arg-type] # the caller knows them


def device(url: str) -> str:
    return "aqt/direct/" + url.removeprefix("http://")


# --- the second generation --------------------------------------------------------------
@pytest.mark.real_time
async def test_1_a_look_is_one_request():
    emulator = AqtEmulator(results="zeros", duration=0.2)
    async with serve(emulator) as url, client_of(url) as client:
        await (await client.backend("aqt/ws/ibex").run([GHZ] * 3))
    others = {"workspaces", "describe", "submit", "result"}
    assert set(emulator.requests) == others
    assert emulator.requests["result"] >= 2


@pytest.mark.real_time
async def test_5_a_token_that_changes_is_used_for_submits_too():
    emulator = AqtEmulator(results="zeros", token="first-token")
    held = ["first-token"]
    async with serve(emulator) as url:
        settings = {"url": url, "token": lambda: held[0]}
        async with qj.Client(ledger="memory", providers={"aqt": settings}) as client:
            await (await client.backend("aqt/ws/ibex").run(GHZ))
            emulator.tokens.accept("second-token")
            held[0] = "second-token"
            assert (await (await client.backend("aqt/ws/ibex").run(GHZ))).counts == {"000": 100}
    assert len(emulator.jobs) == 2


def test_6_a_second_measurement_of_a_qubit_is_kept():
    circuit = QuantumCircuit(1, 2)
    circuit.x(0)
    circuit.measure(0, 0)
    circuit.measure(0, 1)
    (part,) = prepare(circuit, shots=3)
    (entry,) = AqtCodec().decode(Raw(CLOUD, {"body": answer([[[1]] * 3])}), part.layout)
    assert entry.counts == {"11": 3}


def test_7_more_clbits_than_an_integer_of_the_machine_has_are_counted_right():
    circuit = QuantumCircuit(1, 70)
    circuit.x(0)
    circuit.measure(0, 66)
    (part,) = prepare(circuit, shots=2)
    result = AqtCodec().decode(Raw(CLOUD, {"body": answer([[[1], [1]]])}), part.layout)
    assert result.counts == {"000" + "1" + "0" * 66: 2}
    assert result.to_qiskit().get_counts() == result.counts


def test_8_samples_that_are_too_short_are_an_error_and_not_zeros():
    circuit = QuantumCircuit(2)
    circuit.measure_all()
    (part,) = prepare(circuit, shots=2)
    with pytest.raises(qj.ProviderProtocolError, match="1 bits for 2 qubits"):
        AqtCodec().decode(Raw(CLOUD, {"body": answer([[[1, 0], [1]]])}), part.layout)


@pytest.mark.real_time
async def test_9_a_finished_circuit_of_direct_access_is_finished_and_its_result_is_asked_for_once():
    emulator = AqtEmulator(results="zeros", duration=0.3)
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(device(url)).run(GHZ, shots=5)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await job
        assert await job is await job
        assert job.state is S.COMPLETED
    assert emulator.requests["wait"] == emulator.requests["put"] == 1


@pytest.mark.real_time
async def test_10_a_list_on_direct_access_is_a_job_like_any_other():
    emulator = AqtEmulator(results="zeros", faults=[Fault("fail", operation="put", at=2)])
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(device(url)).run([GHZ] * 3, shots=5, name="three")
        assert isinstance(job.id, str)
        assert (job.backend, job.options["shots"]) == (device(url), 5)
        await job.wait()  # asks for no result, and ends all the same
        for _ in range(2):
            with pytest.raises(qj.JobFailed) as caught:
                await job
            assert caught.value.partial is not None
            assert [entry.error is None for entry in caught.value.partial] == [True, False, False]
        assert job.state is S.FAILED
    assert emulator.requests["put"] == 2


@pytest.mark.real_time
async def test_11_a_503_ends_no_wait_and_errors_have_words():
    emulator = AqtEmulator(results="zeros", faults=[Fault("status", operation="result", status=503)])
    quick = {"aqt": Policy(wait=wait_fixed(0.01))}
    async with serve(emulator) as url, client_of(url, policies=quick) as client:
        assert (await (await client.backend("aqt/ws/ibex").run(GHZ))).counts == {"000": 100}
        with pytest.raises(qj.ProviderError, match="no-such"):
            await client.backend("aqt/ws/no-such").describe()


@pytest.mark.real_time
async def test_12_the_end_is_noticed_soon_a_cancel_cancels_and_the_backend_is_known():
    emulator = AqtEmulator(results="zeros", duration=0.6)
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend("aqt/ws/ibex").run(GHZ)
        assert job.backend == "aqt/ws/ibex"
        started = time.monotonic()
        await job
        assert time.monotonic() - started < 0.6 + 2.0  # and not at the next full five seconds
        other = await client.backend("aqt/ws/ibex").run([GHZ] * 20)
        assert await other.cancel() in {CancelOutcome.CANCELLED, CancelOutcome.REQUESTED}
        await other.wait()
        assert other.state is S.CANCELLED


@pytest.mark.real_time
async def test_13_a_job_that_was_kept_in_a_file_knows_its_workspace_and_is_asked_about(tmp_path: Path):
    emulator = AqtEmulator(results="zeros")
    async with serve(emulator) as url:
        async with client_of(url) as client:
            job = await client.backend("aqt/ws/ibex").run(GHZ)
            await job.persist(tmp_path / "job")
        async with client_of(url) as client:
            found = await client.restore(tmp_path / "job")
            assert found.backend == "aqt/ws/ibex"
            await found.refresh()
            assert found.state is S.COMPLETED


# --- the first generation ---------------------------------------------------------------
@pytest.mark.parametrize(
    ("outcome", "error", "state"),
    [("failed", qj.JobFailed, S.FAILED), ("cancelled", qj.JobCancelled, S.CANCELLED)],
)
async def test_14_an_error_knows_its_job_and_that_its_state(outcome: str, error: type[qj.JobFailed], state: JobState):
    async with qj.Client(ledger="memory", providers={"fake": FakeProvider(outcome=outcome)}) as client:
        job = await client.backend("fake/sim").run(GHZ)
        with pytest.raises(error) as caught:
            await job
        assert caught.value.job is job
        assert caught.value.job.state is state
    assert S.CANCELLED == "cancelled"  # no class of errors has put its own in this place


async def test_15_failed_looks_are_counted_space_out_and_a_timeout_is_in_time():
    fake = FakeProvider(queued=10_000, weather=[qj.ProviderUnavailable("down", provider="fake")] * 5)
    async with qj.Client(ledger="memory", providers={"fake": fake}) as client:
        job = await client.backend("fake/sim").run(GHZ)
        part = job._parts[0]
        loop = asyncio.get_running_loop()
        most = 0
        began = loop.time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(61.5):
                async for _ in _every_second():
                    most = max(most, part.misses)
        assert loop.time() - began == pytest.approx(61.5)
        assert most == 5
        assert part.misses == 0  # the weather is over
        seen = [snapshot.state async for snapshot in job.events()]
        assert seen[-1] is S.COMPLETED  # the last one is told, too


async def _every_second():
    while True:
        await asyncio.sleep(0.25)
        yield None


@pytest.mark.real_time
async def test_16_a_failed_job_raises_what_the_cloud_said():
    emulator = AqtEmulator(results="zeros", faults=[Fault("fail", operation="submit", body="ions were lost")])
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend("aqt/ws/ibex").run(GHZ)
        with pytest.raises(qj.JobFailed, match="ions were lost"):
            await job
    async with serve(AqtEmulator(results="zeros", queue=30)) as url, client_of(url) as client:
        cancelled = await client.backend("aqt/ws/ibex").run(GHZ)
        assert await cancelled.cancel() is CancelOutcome.CANCELLED
        with pytest.raises(qj.JobCancelled):
            await cancelled


@pytest.mark.real_time
async def test_17_the_ids_of_direct_access_are_the_devices_and_a_result_runs_nothing_again():
    emulator = AqtEmulator(results="zeros", duration=0.2)
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(device(url)).run([GHZ] * 2, shots=5)
        assert job.state is not S.CREATED
        for _ in range(3):
            await job
        assert list(job.remote_ids) == list(emulator.jobs)
    assert emulator.requests["put"] == 2


@pytest.mark.real_time
async def test_18_one_client_asks_as_often_as_it_likes_and_closes_what_it_opened():
    emulator = AqtEmulator(results="zeros")
    async with serve(emulator) as url:
        async with client_of(url) as client:
            names = [await client.backends("aqt") for _ in range(5)]
            assert all(one == names[0] for one in names)
        async with asyncio.timeout(5):
            while emulator.open_connections:  # noqa: ASYNC110 - the server hears of it a moment later
                await asyncio.sleep(0.01)
    assert emulator.connections <= 3


@pytest.mark.real_time
async def test_19_a_bad_token_is_told_and_does_not_look_like_no_backends():
    async with serve(AqtEmulator(token="the-right-one")) as url, client_of(url, token="the-wrong-one") as client:
        with pytest.raises(qj.CredentialError, match="refused"):
            await client.backends("aqt")


@pytest.mark.real_time
async def test_20_a_failed_or_cancelled_job_has_not_finished_all_its_circuits():
    emulator = AqtEmulator(results="zeros", duration=0.3)
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend("aqt/ws/ibex").run([GHZ] * 10)
        async for snapshot in job.events():
            if snapshot.progress.done:
                break
        await job.cancel()
        await job.wait()
        assert job.state is S.CANCELLED
        assert 1 <= job.progress.done < 10


@pytest.mark.real_time
async def test_21_restoring_a_job_leaves_its_file(tmp_path: Path):
    async with serve(AqtEmulator(results="zeros")) as url, client_of(url) as client:
        sent = await client.backend("aqt/ws/ibex").run(GHZ)
        circuit = QuantumCircuit(3)
        circuit.measure_all()
        body = io.BytesIO()
        qpy.dump([circuit], body)
        file = tmp_path / str(sent.remote_id)
        resource = {"workspace_id": "ws", "resource_id": "ibex", "resource_type": "device"}
        kept = {"resource": resource, "circuits": base64.b64encode(body.getvalue()).decode()}
        file.write_text(json.dumps(kept | {"options": {"shots": 100, "memory": False}}))
        before = file.read_bytes()
        async with client_of(url) as other:
            await other.restore(file)
    assert file.read_bytes() == before
