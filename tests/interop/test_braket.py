"""Braket's devices under Qiskit's names: backends, primitives, and what its JobStatus says."""

from __future__ import annotations

import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2
from qiskit.providers import JobError, JobStatus
from qiskit.quantum_info import SparsePauliOp
from tenacity import wait_fixed

from quantumjobs.blocking import Client
from quantumjobs.core.schedule import Pace
from quantumjobs.engine.policies import Policy
from quantumjobs.interop.qiskit import backend
from quantumjobs.testing.emulators import Fault
from quantumjobs.testing.emulators.braket import BraketEmulator
from tests.adapters.braket.helpers import settings_of
from tests.interop.aqt import served
from tests.interop.helpers import bell

OFTEN = {"braket": Policy(wait=wait_fixed(0.01), pace=Pace(first=0.01, at_least=0.02, at_most=0.05))}


def client_of(url: str) -> Client:
    return Client(providers={"braket": settings_of(url)}, ledger="memory", policies=OFTEN)


def test_circuits_are_transpiled_to_a_devices_gates_and_primitives_run_on_them() -> None:
    with served(BraketEmulator(seed=7)) as url, client_of(url) as client:
        for address in ("braket/sv1", "braket/Garnet"):
            device = backend(address, client)
            ready = transpile(bell(), device)
            job = device.run([ready, ready], shots=50)
            assert all(set(counts) <= {"00", "11"} for counts in job.result().get_counts())
            assert job.status() is JobStatus.DONE
        sampled = BackendSamplerV2(backend=device).run([bell()], shots=40).result()[0]
        assert sum(next(iter(sampled.data.values())).get_counts().values()) == 40
        pair = QuantumCircuit(2)
        pair.h(0)
        pair.cx(0, 1)
        values = BackendEstimatorV2(backend=backend("braket/sv1", client)).run([(pair, SparsePauliOp(["ZZ", "XX"]))])
        assert values.result()[0].data.evs == pytest.approx(2.0)


def test_a_failed_task_raises_and_says_why() -> None:
    emulator = BraketEmulator(faults=[Fault("fail", operation="submit", body="no luck")])
    with served(emulator) as url, client_of(url) as client:
        job = backend("braket/sv1", client).run(bell(), shots=5)
        with pytest.raises(JobError, match="no luck"):
            job.result()
        assert job.status() is JobStatus.ERROR
