"""A job that qiskit-aqt-provider has kept is followed by a client of ours."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import pytest
from qiskit import QuantumCircuit, qpy

import quantumjobs as qj
from quantumjobs.testing.emulators import AqtEmulator, serve

pytestmark = pytest.mark.real_time


def flips() -> list[QuantumCircuit]:
    """One qubit flipped and one not, measured into registers of their own."""
    circuits = []
    for name in ("one", "two"):
        circuit = QuantumCircuit(2, name=name)
        circuit.r(3.141592653589793, 0.0, 0)
        circuit.measure_all()
        circuits.append(circuit)
    return circuits


@pytest.mark.parametrize("version", [1, 2])
async def test_it_is_attached_with_its_circuits_and_its_result_is_read(tmp_path: Path, version: int) -> None:
    async with serve(AqtEmulator(seed=1)) as url:
        settings = {"aqt": {"url": url, "token": "any"}}
        async with qj.Client(ledger="memory", providers=settings) as tool:
            sent = await tool.backend("aqt/ws/ibex").run(flips(), shots=20, transpile=False)
            counts = [entry.counts for entry in await sent]
        assert sent.remote_id is not None
        circuits = io.BytesIO()
        qpy.dump(flips(), circuits)
        if version == 1:
            file = tmp_path / sent.remote_id
            resource = {"workspace_id": "ws", "resource_id": "ibex", "resource_name": "IBEX", "resource_type": "device"}
            options = {"shots": 20, "memory": False}
            body = {"resource": resource, "circuits": base64.b64encode(circuits.getvalue()).decode()}
            file.write_text(json.dumps(body | {"options": options}))
        else:
            file = tmp_path / f"{sent.remote_id}.aqt-job"
            head = {"format_version": 1, "job_id": sent.remote_id, "backend_kind": "cloud", "backend_name": "ibex"}
            head |= {"shots": 20, "memory": False, "circuit_count": 2}
            file.write_bytes(json.dumps(head, separators=(",", ":")).encode() + b"\n" + circuits.getvalue())
        async with qj.Client(ledger="memory", providers=settings) as client:
            job = await client.restore(file)
            assert job.remote_id == sent.remote_id
            assert [entry.counts for entry in await job] == counts == [{"01": 20}, {"01": 20}]
            assert [circuit.name for circuit in await job.circuits()] == ["one", "two"]
            assert await client.restore(file) is job
            assert job.backend == ("aqt/ws/ibex" if version == 1 else "aqt/ibex")


def of_second_generation(folder: Path, remote_id: str, *, kind: str, name: str, circuits: list[QuantumCircuit]) -> Path:
    file = folder / f"{remote_id}.aqt-job"
    head = {"format_version": 1, "job_id": remote_id, "backend_kind": kind, "backend_name": name}
    head |= {"shots": 20, "memory": False, "circuit_count": len(circuits)}
    body = io.BytesIO()
    qpy.dump(circuits, body)
    file.write_bytes(json.dumps(head, separators=(",", ":")).encode() + b"\n" + body.getvalue())
    return file


async def test_a_file_without_a_workspace_is_told_its_backend(tmp_path: Path) -> None:
    async with serve(AqtEmulator(seed=1)) as url:
        settings = {"aqt": {"url": url, "token": "any"}}
        async with qj.Client(ledger="memory", providers=settings) as tool:
            sent = await tool.backend("aqt/ws/ibex").run(flips()[0], shots=20, transpile=False)
        assert sent.remote_id is not None
        file = of_second_generation(tmp_path, sent.remote_id, kind="cloud", name="ibex", circuits=flips()[:1])
        async with qj.Client(ledger="memory", providers=settings) as client:
            with pytest.raises(qj.UsageError, match="not of aer"):
                await client.restore(file, backend="aer/automatic")
            with pytest.raises(qj.UsageError, match="of 'ibex', and not of 'ws/pine'"):
                await client.restore(file, backend="aqt/ws/pine")
            job = await client.restore(file, backend="aqt/ws/ibex")
            assert job.backend == "aqt/ws/ibex"
            assert (await job).counts == {"01": 20}
            await job.persist(tmp_path / "ours")
            with pytest.raises(qj.UsageError, match="leave out backend="):
                await client.restore(tmp_path / "ours", backend="aqt/ws/ibex")


async def test_a_job_of_direct_access_is_restored_on_the_device_that_is_named(tmp_path: Path) -> None:
    emulator = AqtEmulator(seed=1)
    async with serve(emulator) as url:
        settings = {"aqt": {"direct_url": url, "token": "any"}}
        address = "aqt/direct/" + url.removeprefix("http://")
        async with qj.Client(ledger="memory", providers=settings) as tool:
            sent = await tool.backend(address).run(flips()[0], shots=20, transpile=False)
            await sent
        assert sent.remote_id is not None
        file = of_second_generation(tmp_path, sent.remote_id, kind="direct", name="pine-test", circuits=flips()[:1])
        async with qj.Client(ledger="memory", providers=settings) as client:
            with pytest.raises(qj.UsageError, match="backend='aqt/"):
                await client.restore(file)
            job = await client.restore(file, backend=address)
            assert (await job).counts == {"01": 20}
    assert emulator.requests["put"] == 1


async def test_a_job_of_an_offline_simulator_is_run_again_with_its_noise(tmp_path: Path) -> None:
    turns = QuantumCircuit(2)
    for _ in range(101):  # half turns, each of them a little wrong
        turns.r(3.141592653589793, 0.0, 0)
    turns.measure_all()
    circuits = io.BytesIO()
    qpy.dump([turns], circuits)
    resource = {
        "workspace_id": "default",
        "resource_id": "offline_simulator_noise",
        "resource_type": "offline_simulator",
    }
    file = tmp_path / "0b52c0d5-0000-4000-8000-000000000000"
    body = {"resource": resource, "circuits": base64.b64encode(circuits.getvalue()).decode()}
    file.write_text(json.dumps(body | {"options": {"shots": 2000, "memory": True}}))
    async with qj.Client(ledger="memory") as client:
        job = await client.restore(file)
        result = await job
        assert job.backend == "aqt/default/offline_simulator_noise"
        assert job.remote_id != file.name
        assert len(result.memory) == 2000
        assert set(result.counts) == {"00", "01"}  # the first are spoilt: one in seven
        assert (await client.restore(file)).id != job.id
