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
