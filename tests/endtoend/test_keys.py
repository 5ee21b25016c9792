"""A key across real processes: circuits with automatic names and parameters are the same request in each of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.endtoend.helpers import Program

STEP = """
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
for _ in range(int(os.environ["WARM"])):
    QuantumCircuit(1), Parameter("theta")  # other counters and other uuids than in the process before
theta = Parameter("theta")
inner = QuantumCircuit(1)
inner.ry(theta, 0)
circuit = QuantumCircuit(2)
circuit.append(inner.to_gate(), [0])
circuit.cx(0, 1)
circuit.measure_all()
async def main():
    async with qj.Client() as client:
        aer = client.backend("aer")
        try:
            job = await aer.run(circuit, shots=int(os.environ["SHOTS"]), key="step-1", parameter_binds=[{theta: [0.5]}])
        except qj.KeyConflict as conflict:
            say(json.dumps({"conflict": conflict.job_id, "key": conflict.key}))
            return
        say(json.dumps({"id": job.id, "counts": (await job).counts, "seed": (await job)[0].seed}))
asyncio.run(main())
"""


def step(folder: Path, **environment: str) -> dict[str, object]:
    with Program(STEP, folder, QUANTUMJOBS_STATE_DIR=str(folder / "state"), **environment) as program:
        out, err = program.process.communicate(timeout=50)
        assert program.process.returncode == 0, err
        answer: dict[str, object] = json.loads(out)
        return answer


@pytest.mark.timeout(180)
def test_a_step_that_is_repeated_in_another_process_is_the_same_job(tmp_path: Path) -> None:
    first = step(tmp_path, PYTHONHASHSEED="1", WARM="0", SHOTS="100")
    again = step(tmp_path, PYTHONHASHSEED="2", WARM="7", SHOTS="100")
    assert again == first
    assert sum(first["counts"].values()) == 100  # type: ignore[attr-defined]
    other = step(tmp_path, PYTHONHASHSEED="3", WARM="3", SHOTS="101")
    assert other == {"conflict": first["id"], "key": "step-1"}
