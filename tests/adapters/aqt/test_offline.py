"""The offline simulators: AQT's gates, limits and noise on this machine, without an account."""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import Operator, SuperOp

import quantumjobs as qj
from quantumjobs.adapters.aqt.simulate import Circuit, build, noise_model, samples, simulate
from quantumjobs.core.states import JobState
from quantumjobs.workers.aer import SEED_STEP
from tests.adapters.aqt.helpers import heavy

pytestmark = pytest.mark.real_time
BELL = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;'
IDEAL, NOISY = "aqt/default/offline_simulator_no_noise", "aqt/default/offline_simulator_noise"
TURN = {"operation": "R", "qubit": 1, "theta": 1.0, "phi": 0.0}
STEPS = [
    {"operation": "R", "qubit": 0, "theta": 0.5, "phi": 0.25},
    {"operation": "RXX", "qubits": [0, 1], "theta": 0.4},
    {"operation": "RZ", "qubit": 1, "phi": -0.7},
    {"operation": "MEASURE"},
]


def wire(*steps: dict[str, object], qubits: int = 2, shots: int = 10) -> Circuit:
    return msgspec.convert(
        {"repetitions": shots, "quantum_circuit": steps, "number_of_qubits": qubits}, Circuit, strict=False
    )


async def test_no_account_is_needed_and_both_are_listed():
    async with qj.Client(ledger="memory") as client:
        assert {IDEAL, NOISY} <= set(await client.backends())
        result = await (await client.backend(IDEAL).run(BELL, shots=200, seed_simulator=1))
        assert set(result.counts) == {"00", "11"}
        assert sum(result.counts.values()) == 200
        about = await client.backend(NOISY).describe()
        assert (about["name"], about["qubits"], about["max_shots"]) == ("Offline noisy simulator", 20, 2000)


async def test_the_same_seed_gives_the_same_shots_however_the_list_is_cut():
    async with qj.Client(ledger="memory") as client:
        run = client.backend(NOISY).run
        whole = await (await run([BELL] * 5, shots=50, memory=True, seed_simulator=3))
        again = await (await run([BELL] * 5, shots=50, memory=True, seed_simulator=3))
        alone = await (await run(BELL, shots=50, memory=True, seed_simulator=3 + 4 * SEED_STEP))
        assert [entry.memory for entry in whole] == [entry.memory for entry in again]
        assert whole[4].memory == alone.memory
        assert whole[0].memory != whole[1].memory


async def test_without_a_seed_one_is_drawn_and_kept_so_that_running_it_again_gives_the_same():
    async with qj.Client(ledger="memory") as client:
        job = await client.backend(IDEAL).run(BELL, shots=100, memory=True)
        first = await job
        other = await (await client.backend(IDEAL).run(BELL, shots=100, memory=True))
        assert first.memory != other.memory
        payload = msgspec.json.decode(await client._engine.ledger.blob(job.parts[0].payload))
        assert isinstance(payload["seed"], int)


async def test_memory_is_in_the_order_of_the_shots():
    async with qj.Client(ledger="memory") as client:
        memory = (await (await client.backend(IDEAL).run(BELL, shots=500, memory=True, seed_simulator=1))).memory
        changes = sum(a != b for a, b in pairwise(memory))
        assert 200 < changes < 300  # grouped by outcome, as the vendor's first generation has them, it would be 1


async def test_more_than_the_devices_take_is_refused_here_too():
    async with qj.Client(ledger="memory") as client:
        with pytest.raises(qj.UsageError, match="2000"):
            await client.backend(IDEAL).run(BELL, shots=2001)
        with pytest.raises(qj.UsageError, match="20 qubits|has 20"):
            wide = QuantumCircuit(21)
            wide.h(range(21))
            wide.measure_all()
            await client.backend(IDEAL).run(wide)
        with pytest.raises(qj.UsageError, match="seed_simulator"):
            await client.backend(IDEAL).run(BELL, seed_simulater=1)
        with pytest.raises(qj.UsageError, match="whole number"):
            await client.backend(IDEAL).run(BELL, seed_simulator=1.5)


async def test_progress_is_told_and_a_cancel_ends_it():
    async with qj.Client(ledger="memory") as client:
        job = await client.backend(NOISY).run([heavy()] * 8, shots=2000)
        await job.cancel()
        await job.wait()
        assert job.state is JobState.CANCELLED


# --- against Qiskit ---------------------------------------------------------------------
def test_a_circuit_of_the_wire_is_the_one_that_qiskit_means():
    expected = QuantumCircuit(2)
    expected.r(0.5 * math.pi, 0.25 * math.pi, 0)
    expected.rxx(0.4 * math.pi, 0, 1)
    expected.rz(-0.7 * math.pi, 1)
    built = build(wire(*STEPS))
    built.remove_final_measurements()
    assert Operator(built) == Operator(expected)


def test_qubit_zero_is_the_first_bit_of_a_sample():
    assert msgspec.json.decode(samples(wire(TURN, STEPS[-1], shots=3), seed=1, noise=False)) == [[0, 1]] * 3


def test_the_answer_has_the_clouds_form_and_counts_its_circuits():
    heard: list[bytes] = []
    circuits = [{"repetitions": 2, "quantum_circuit": STEPS, "number_of_qubits": 2}] * 3
    body = msgspec.json.encode({"circuits": circuits, "resource": "offline_simulator_noise", "seed": 1, "noise": True})
    answer = msgspec.json.decode(simulate(body, heard.append))
    assert heard == [b"1", b"2", b"3"]
    assert answer["response"]["status"] == "finished"
    assert {place: len(shots) for place, shots in answer["response"]["result"].items()} == {"0": 2, "1": 2, "2": 2}


def test_the_noise_is_depolarizing_by_the_vendors_rates_on_r_and_rxx_and_on_nothing_else():
    model = noise_model()
    assert set(model.noise_instructions) == {"r", "rxx"}
    for name, rate in (("r", 0.003), ("rxx", 0.01)):
        error = model._default_quantum_errors[name]
        channel = SuperOp(error)
        size = 2**error.num_qubits
        # Depolarizing: rho -> (1 - p) rho + p tr(rho) 1 / size. Its superoperator's trace is 1 + (size^2 - 1) (1 - p).
        assert np.trace(channel.data).real == pytest.approx(1 + (size**2 - 1) * (1 - rate), abs=1e-12)
    assert not model._local_readout_errors
    assert model._default_readout_error is None


def test_many_noisy_gates_spoil_what_their_rates_say():
    half_turns = [TURN] * 100  # an even number: ideally 0 again
    shots = 2000
    bits = msgspec.json.decode(samples(wire(*half_turns, STEPS[-1], shots=shots), seed=5, noise=True))
    wrong = sum(sample[1] for sample in bits) / shots
    expected = (1 - (1 - 0.003) ** 100) / 2
    assert abs(wrong - expected) < 4 * math.sqrt(expected * (1 - expected) / shots)
    assert not any(sample[1] for sample in msgspec.json.decode(
        samples(wire(*half_turns, STEPS[-1], shots=shots), seed=5, noise=False)))  # fmt: skip
