"""Braket as the emulator serves it: real requests on loopback, circuits in real workers."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.quantum_info import SparsePauliOp, Statevector

import quantumjobs as qj
from quantumjobs.core.schedule import Pace
from quantumjobs.core.states import CancelOutcome
from quantumjobs.core.states import JobState as S
from quantumjobs.engine.policies import Policy
from quantumjobs.testing.emulators import BraketEmulator, Fault, serve
from tests.adapters.braket.helpers import ACCOUNT, BUCKET, GHZ, KEY_ID, SECRET, TURN, bodies, client_of, flipped

pytestmark = pytest.mark.real_time
SV1, DM1, GARNET, FORTE = "braket/sv1", "braket/dm1", "braket/Garnet", "braket/Forte-1"
ARN = "arn:aws:braket:::device/quantum-simulator/amazon/sv1"
SET = "braket.ir.openqasm.program_set"


# --- counts -----------------------------------------------------------------------------------
async def test_a_bell_pair_is_correlated_on_every_device():
    async with serve(BraketEmulator(seed=1)) as url, client_of(url) as client:
        jobs = [await client.backend(name).run(GHZ, shots=200) for name in (SV1, DM1, GARNET, FORTE)]
        for result in await asyncio.gather(*jobs):
            assert result.counts.keys() == {"000", "111"}
            assert sum(result.counts.values()) == 200


@pytest.mark.parametrize(
    ("backend", "options", "tasks"), [(SV1, {"program_set": False}, 3), (SV1, {}, 1), (GARNET, {}, 1), (FORTE, {}, 3)]
)
async def test_a_list_comes_back_in_order_however_many_tasks_it_is(backend: str, options: dict[str, Any], tasks: int):
    emulator = BraketEmulator(seed=1)
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(backend).run([flipped(1, 0, 1), GHZ, flipped(0, 1)], shots=50, **options)
        first, ghz, last = await job
        assert (first.counts, last.counts) == ({"101": 50}, {"10": 50})
        assert ghz.counts.keys() == {"000", "111"}
        assert len(job.parts) == tasks
    kinds = [body["action"]["braketSchemaHeader"]["name"] for body in bodies(emulator)]
    assert (kinds == [SET]) == (tasks == 1)
    assert sum(body["shots"] for body in bodies(emulator)) == 150


@pytest.mark.parametrize("spilled", [False, True])
async def test_a_long_list_is_split_at_what_the_device_takes(spilled: bool):
    emulator = BraketEmulator(results="10", spilled=spilled)
    async with serve(emulator) as url, client_of(url) as client:
        result = await (await client.backend(GARNET).run([flipped(0, 0)] * 201, shots=5))
        assert [entry.counts for entry in result] == [{"01": 5}] * 201
    assert [len(body["action"]["programs"]) for body in bodies(emulator)] == [100, 100, 1]
    assert emulator.requests["fetch"] == (sum(2 + 3 * size for size in (100, 100, 1)) if spilled else 3)


async def test_registers_crossed_and_unmeasured_bits_are_where_qiskit_has_them():
    a, unused, b = ClassicalRegister(2, "a"), ClassicalRegister(1, "unused"), ClassicalRegister(2, "b")
    circuit = QuantumCircuit(QuantumRegister(3, "q"), a, unused, b, name="three", metadata={"angle": 0.5})
    circuit.x(0)
    circuit.x(2)
    circuit.measure(0, b[1])
    circuit.measure(1, a[1])
    circuit.measure(2, a[0])
    async with serve(BraketEmulator(seed=1)) as url, client_of(url) as client:
        for backend in (SV1, GARNET, FORTE):
            (entry,) = await (await client.backend(backend).run(circuit, shots=4))
            assert entry.counts == {"10 0 01": 4}
            assert (entry.name, entry.registers) == ("three", (("a", 2), ("unused", 1), ("b", 2)))
            assert entry.metadata["circuit_metadata"] == {"angle": 0.5}


async def test_shots_come_in_their_order_where_that_is_asked_for():
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 1)
    async with serve(BraketEmulator(seed=1)) as url, client_of(url) as client:
        for backend in (SV1, GARNET):
            (entry,) = await (await client.backend(backend).run(circuit, shots=40, memory=True))
            shots = list(entry.memory)
            assert len(shots) == 40
            assert set(shots) == {"00", "10"}
            assert shots != sorted(shots)
            assert entry.counts == {bits: shots.count(bits) for bits in set(shots)}


async def test_counts_of_probabilities_say_so():
    async with serve(BraketEmulator(seed=1)) as url, client_of(url) as client:
        (entry,) = await (await client.backend(FORTE).run(GHZ, shots=100))
    assert entry.metadata["counts_derived"] is True
    assert sum(entry.data["probabilities"].values()) == pytest.approx(1.0)
    assert {bits: round(100 * value) for bits, value in entry.data["probabilities"].items()} == entry.counts


# --- inputs -----------------------------------------------------------------------------------
async def test_text_in_brakets_dialect_goes_as_it_is_with_values_for_its_inputs(tmp_path: Path):
    file = tmp_path / "turn.qasm"
    file.write_text(TURN)
    emulator = BraketEmulator(seed=1)
    async with serve(emulator) as url, client_of(url) as client:
        for text in (TURN, file):
            assert (await (await client.backend(SV1).run(text, shots=9, inputs={"theta": np.pi}))).counts == {"1": 9}
        both = await (await client.backend(GARNET).run([TURN, TURN.replace("theta", "phi")], shots=9, inputs={"theta": np.pi, "phi": 0}))  # fmt: skip
        assert [entry.counts for entry in both] == [{"1": 9}, {"0": 9}]
    assert [body["action"]["source"] for body in bodies(emulator)[:2]] == [TURN, TURN]


async def test_other_dialects_are_translated_and_no_include_is_ever_sent(tmp_path: Path):
    file = tmp_path / "ghz.qasm"
    file.write_text(GHZ)
    three = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; x q[1]; c = measure q;'
    emulator = BraketEmulator(seed=1)
    async with serve(emulator) as url, client_of(url) as client:
        assert (await (await client.backend(SV1).run(three, shots=5))).counts == {"10": 5}
        assert (await (await client.backend(SV1).run(file, shots=5))).counts.keys() <= {"000", "111"}
    assert all("include" not in body["action"]["source"] for body in bodies(emulator))


async def test_a_verbatim_box_has_the_devices_own_gates_on_neighbours():
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [1, 0])
    emulator = BraketEmulator(seed=1)
    async with serve(emulator) as url, client_of(url) as client:
        for backend in (GARNET, FORTE):
            result = await (await client.backend(backend).run(circuit, shots=60, verbatim=True))
            assert result.counts.keys() == {"00", "11"}
    garnet, forte = (body["action"]["source"] for body in bodies(emulator))
    assert "#pragma braket verbatim" in garnet
    assert "#pragma braket verbatim" in forte
    assert "cz $" in garnet
    assert "ms(" in forte


async def test_what_cannot_be_run_is_refused_before_anything_is_sent():
    conditional = QuantumCircuit(1, 2)
    conditional.measure(0, 0)
    with conditional.if_test((conditional.clbits[0], 1)):
        conditional.x(0)
    later = QuantumCircuit(1, 2)
    later.measure(0, 0)
    later.x(0)
    later.measure(0, 1)
    emulator = BraketEmulator(results="zeros")
    async with serve(emulator) as url, client_of(url) as client:
        for backend, circuit, options in (
            (SV1, conditional, {}),
            (GARNET, later, {}),
            (SV1, QuantumCircuit(2, 2), {}),
            (SV1, flipped(1), {"shots": 0}),
            (GARNET, flipped(1), {"shots": 0}),
            (GARNET, flipped(*[0] * 21), {}),
            (SV1, TURN, {}),
        ):
            with pytest.raises(qj.UsageError):
                await client.backend(backend).run(circuit, **options)
        with pytest.raises(qj.UsageError, match="did you mean 'Garnet'"):
            await client.backend("braket/Granet").run(GHZ)
    assert emulator.requests["submit"] == 0


# --- what simulators compute --------------------------------------------------------------------
async def test_values_are_exact_where_nothing_is_drawn():
    circuit = QuantumCircuit(3)
    circuit.ry(0.7, 0)
    circuit.cx(0, 1)
    circuit.rx(0.3, 2)
    circuit.cz(1, 2)
    asked = [
        "state_vector",
        "probability q[1], q[0]",
        "expectation x(q[0]) @ z(q[1])",
        "variance z(q[2])",
        'amplitude "000", "110"',
        "density_matrix q[0]",
    ]
    async with serve(BraketEmulator()) as url, client_of(url) as client:
        job = await client.backend(SV1).run([circuit, circuit.inverse()], result_types=asked)
        result = await job
    assert len(result) == 2
    for entry, given in zip(result, (circuit, circuit.inverse()), strict=True):
        state = Statevector(given)
        found = entry.data
        assert np.allclose(Statevector(found["state_vector"]).reverse_qargs().data, state.data, atol=1e-9)
        assert np.allclose(found["probability(q[1],q[0])"], state.probabilities([0, 1]), atol=1e-9)
        expected = state.expectation_value(SparsePauliOp("IZX")).real
        assert found["expectation(x(q[0]) @ z(q[1]))"] == pytest.approx(expected, abs=1e-9)
        z = state.expectation_value(SparsePauliOp("ZII")).real
        assert found["variance(z(q[2]))"] == pytest.approx(1 - z**2, abs=1e-9)
        amplitudes = {"000": state.data[0], "110": state.data[0b011]}
        assert all(abs(found["amplitude"][bits] - value) < 1e-9 for bits, value in amplitudes.items())
        assert abs(np.trace(found["density_matrix(q[0])"]) - 1) < 1e-9
        assert not entry.counts if entry.shots else entry.shots == 0


async def test_values_of_shots_come_with_their_counts():
    circuit = QuantumCircuit(2)
    circuit.x(1)
    async with serve(BraketEmulator(seed=1)) as url, client_of(url) as client:
        for backend in (SV1, GARNET):
            job = await client.backend(backend).run(circuit, shots=30, result_types="expectation z(q[1])")
            (entry,) = await job
            assert entry.data["expectation(z(q[1]))"] == -1.0
            assert entry.counts == {"10": 30}


async def test_text_may_ask_for_values_itself():
    text = "OPENQASM 3.0;\nqubit[2] q;\nh q[0];\ncnot q[0], q[1];\n#pragma braket result probability all\n"
    async with serve(BraketEmulator(seed=1)) as url, client_of(url) as client:
        exact = await (await client.backend(SV1).run(text, shots=0))
        assert exact.data["probability"] == pytest.approx([0.5, 0.0, 0.0, 0.5])
        result = await (await client.backend(SV1).run(text, shots=50))
        assert result.counts.keys() == {"00", "11"}
        assert result.data["probability"] == pytest.approx(
            [result.counts["00"] / 50, 0.0, 0.0, result.counts["11"] / 50]
        )
        with pytest.raises(qj.UsageError, match="asks for no results"):
            await client.backend(SV1).run(TURN, shots=0, inputs={"theta": 0})


# --- a job's life -------------------------------------------------------------------------------
async def test_a_task_that_fails_says_why():
    emulator = BraketEmulator(results="zeros", faults=[Fault("fail", operation="submit", body="the fridge is warm")])
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(SV1).run(GHZ, shots=5)
        with pytest.raises(qj.JobFailed, match="the fridge is warm"):
            await job
        assert (job.state, job.raw_status) == (S.FAILED, "FAILED")
        assert str(await job.cost()) == "0 USD"


@pytest.mark.parametrize("spilled", [False, True])
async def test_of_a_program_set_one_may_fail_and_the_others_have_results(spilled: bool):
    good = "OPENQASM 3.0;\nbit[1] b;\nqubit[1] q;\nx q[0];\nb[0] = measure q[0];\n"
    bad = good.replace("x q[0];", "nonsense q[0];")
    async with serve(BraketEmulator(seed=1, spilled=spilled)) as url, client_of(url) as client:
        job = await client.backend(GARNET).run([good, bad, good], shots=4)
        first, failed, last = await job
        assert (first.counts, last.counts) == ({"1": 4}, {"1": 4})
        assert failed.error is not None
        assert "nonsense" in failed.error
        assert job.state is S.COMPLETED
        assert str(await job.cost()) == "0.3116 USD"  # 8 shots ran
        hopeless = await client.backend(GARNET).run([bad, bad], shots=4)
        with pytest.raises(qj.JobFailed, match="nonsense"):
            await hopeless


async def test_a_cancelled_task_is_cancelled():
    async with serve(BraketEmulator(results="zeros", queue=30)) as url, client_of(url) as client:
        job = await client.backend(GARNET).run([GHZ, GHZ], shots=5)
        assert await job.cancel() is CancelOutcome.CANCELLED
        with pytest.raises(qj.JobCancelled):
            await job
        assert job.raw_status == "CANCELLED"
        assert str(await job.cost()) == "0 USD"


async def test_a_cancel_may_take_its_time():
    async with serve(BraketEmulator(results="zeros", queue=30, cancelling=0.3)) as url, client_of(url) as client:
        job = await client.backend(SV1).run(GHZ, shots=5)
        assert await job.cancel() is CancelOutcome.REQUESTED
        assert job.state is S.CANCELLING
        assert await job.cancel() in {CancelOutcome.REQUESTED, CancelOutcome.CANCELLED}
        with pytest.raises(qj.JobCancelled):
            await job


async def test_a_task_that_is_done_while_it_is_being_cancelled_has_its_result():
    emulator = BraketEmulator(results="zeros", duration=0.5, cancelling=5)
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(SV1).run(GHZ, shots=5)
        async for seen in job.events():
            if seen.state is S.RUNNING:
                break
        assert await job.cancel() is CancelOutcome.REQUESTED
        assert (await job).counts == {"000": 5}
        assert job.state is S.COMPLETED
        assert await job.cancel() is CancelOutcome.TOO_LATE


async def test_the_place_in_the_queue_is_told():
    async with serve(BraketEmulator(results="zeros", duration=30)) as url, client_of(url) as client:
        jobs = [await client.backend(GARNET).run(GHZ, shots=5) for _ in range(3)]
        async with asyncio.timeout(20):
            async for seen in jobs[2].events():
                if seen.queue_position == 1:
                    break
        assert (await client.backend(GARNET).describe())["queue"] == {"QUANTUM_TASKS_QUEUE (Normal)": "2"}
        for job in reversed(jobs):
            await job.cancel()


async def test_a_task_is_followed_and_read_by_its_arn_alone():
    emulator = BraketEmulator(seed=1, queue=1.0)
    async with serve(emulator) as url, client_of(url) as client, client_of(url) as stranger:
        for backend in (SV1, GARNET):
            job = await client.backend(backend).run(flipped(0, 1), shots=5)
            found = await stranger.attach(backend, job.remote_id)
            assert found.state in {S.QUEUED, S.RUNNING}
            assert (await found).counts == {"10": 5}
        await (await stranger.attach(GARNET, job.remote_id)).wait()


async def test_a_timed_out_wait_is_no_end():
    async with serve(BraketEmulator(results="zeros", queue=1.0)) as url, client_of(url) as client:
        job = await client.backend(SV1).run(GHZ, shots=5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(job.result(), 0.1)
        assert (await job).counts == {"000": 5}


async def test_many_tasks_are_told_of_by_searches_that_may_lag():
    warm = Fault("fail", operation="submit", at=7, body="the fridge is warm")
    emulator = BraketEmulator(results="zeros", queue=1.0, parallel=60, search_lag=0.5, faults=[warm])
    policies = {"braket": Policy(pace=Pace(first=0.1, at_least=0.3, at_most=0.5))}
    async with serve(emulator) as url, client_of(url, policies=policies) as client:
        begun = time.monotonic()
        jobs = await asyncio.gather(*(client.backend(GARNET).run(GHZ, shots=5) for _ in range(60)))
        results = await asyncio.gather(*jobs, return_exceptions=True)
        assert time.monotonic() - begun < 20
    (failed,) = (one for one in results if isinstance(one, Exception))
    assert isinstance(failed, qj.JobFailed)
    assert "the fridge is warm" in str(failed)  # which no search tells
    assert [one.counts for one in results if one is not failed] == [{"000": 5}] * 59
    assert emulator.requests["survey"] > 0
    assert len(emulator.jobs) == 60


# --- devices ------------------------------------------------------------------------------------
async def test_backends_are_listed_by_short_names():
    async with serve(BraketEmulator()) as url, client_of(url, more={"regions": ["us-west-2", "eu-north-1"]}) as client:
        listed = await client.backends("braket")
    assert {SV1, DM1, GARNET, "braket/Emerald"} <= set(listed)
    assert len(listed) == len(set(listed))  # simulators are in every region
    assert not any("Harmony" in name for name in listed)


async def test_a_region_that_does_not_answer_hides_no_other(caplog: pytest.LogCaptureFixture):
    emulator = BraketEmulator(faults=[Fault("status", operation="backends", status=500)])
    async with serve(emulator) as url, client_of(url, more={"regions": ["us-west-2", "eu-north-1"]}) as client:
        assert GARNET in await client.backends("braket")
    assert "cannot be listed" in caplog.text


async def test_keys_of_other_programs_are_in_nobodys_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    async with qj.Client(ledger="memory") as client:
        assert "aer/automatic" in await client.backends()
        with pytest.raises(qj.UsageError, match="no region"):
            await client.backends("braket")


async def test_a_device_may_have_a_name_of_ones_own_or_go_by_its_arn():
    async with serve(BraketEmulator(seed=1)) as url, client_of(url, more={"devices": {"mine": ARN}}) as client:
        for name in ("braket/mine", f"braket/{ARN}", "braket/SV1"):
            assert (await (await client.backend(name).run(flipped(1), shots=3))).counts == {"1": 3}


async def test_a_device_is_described_and_has_a_target():
    async with serve(BraketEmulator()) as url, client_of(url) as client:
        described = await client.backend(GARNET).describe()
        assert (described["status"], described["task_fee"]) == ("ONLINE", 0.3)
        target = await client.backend(GARNET).target()
        assert target.num_qubits >= 20
        assert {"cz", "r", "measure"} <= set(target.operation_names)
        assert "h" in (await client.backend(SV1).target()).operation_names


async def test_devices_that_take_no_tasks_are_told():
    emulator = BraketEmulator(results="zeros")
    async with serve(emulator) as url, client_of(url) as client:
        with pytest.raises(qj.JobRejected, match="offline"):
            await client.backend("braket/Emerald").run(GHZ, shots=5)
        with pytest.raises(qj.UsageError, match="retired"):
            await client.backend("braket/arn:aws:braket:us-east-1::device/qpu/ionq/Harmony").run(GHZ, shots=5)
    assert not emulator.jobs


# --- where results go ---------------------------------------------------------------------------
async def test_the_default_bucket_is_made_once_in_each_region():
    emulator = BraketEmulator(results="zeros")
    async with serve(emulator) as url, client_of(url) as client:
        for backend in (SV1, SV1, DM1, GARNET, GARNET):
            await (await client.backend(backend).run(GHZ, shots=5))
    assert emulator.requests["bucket"] == 2
    assert {job.about.output_s3_bucket for job in emulator.jobs.values()} == {
        BUCKET,
        f"amazon-braket-eu-north-1-{ACCOUNT}",
    }
    prefixes = {job.about.output_s3_key_prefix for job in emulator.jobs.values()}
    assert len(prefixes) == 5
    assert all(prefix.startswith("tasks/") for prefix in prefixes)


async def test_a_bucket_of_ones_own_is_used_and_not_made():
    emulator = BraketEmulator(results="zeros", foreign=[f"amazon-braket-eu-north-1-{ACCOUNT}"])
    async with serve(emulator) as url, client_of(url, more={"s3_bucket": "mine", "s3_prefix": "a/b"}) as client:
        await (await client.backend(SV1).run(GHZ, shots=5))
        await (await client.backend(SV1).run(GHZ, shots=5, s3_bucket="other", s3_prefix="c"))
        assert "identity" not in emulator.requests
    assert "bucket" not in emulator.requests
    first, second = (job.about for job in emulator.jobs.values())
    assert (first.output_s3_bucket, first.output_s3_key_prefix[:4]) == ("mine", "a/b/")
    assert (second.output_s3_bucket, second.output_s3_key_prefix[:2]) == ("other", "c/")
    async with serve(emulator) as url, client_of(url) as client:
        with pytest.raises(qj.JobRejected, match="belongs to another account"):
            await client.backend(GARNET).run(GHZ, shots=5)


async def test_a_result_of_a_million_bits_is_read():
    async with serve(BraketEmulator(results="10")) as url, client_of(url) as client:
        result = await (await client.backend(SV1).run(flipped(*[0] * 20), shots=50_000))
        assert result.counts == {"01" * 10: 50_000}


# --- credentials --------------------------------------------------------------------------------
async def test_a_wrong_clock_is_set_by_the_services():
    emulator = BraketEmulator(results="zeros", clock_offset=-7200.0)
    async with serve(emulator) as url, client_of(url) as client:
        for backend in (SV1, GARNET):
            assert (await (await client.backend(backend).run(GHZ, shots=5))).counts == {"000": 5}
    assert len(emulator.jobs) == 2


async def test_a_session_that_has_expired_is_followed_by_another():
    emulator = BraketEmulator(results="zeros", queue=0.3, token=f"{KEY_ID}:{SECRET}:session-1")
    asked = itertools.count(1)

    async def keys() -> tuple[str, str, str]:
        number = next(asked)
        return KEY_ID, SECRET, f"session-{number}"

    async with serve(emulator) as url, client_of(url, more={"credentials": keys}) as client:
        job = await client.backend(SV1).run(GHZ, shots=5)
        emulator.tokens.accept(f"{KEY_ID}:{SECRET}:session-2")
        assert (await job).counts == {"000": 5}
    assert next(asked) == 3  # asked for once more, when the first was refused


async def test_sessions_are_renewed_before_they_end():
    emulator = BraketEmulator(results="zeros", queue=1.5)
    until = []

    def keys() -> tuple[str, str, str, float]:
        until.append(time.time() + 1.0)
        return KEY_ID, SECRET, f"session-{len(until)}", until[-1]

    async with serve(emulator) as url, client_of(url, more={"credentials": keys}) as client:
        assert (await (await client.backend(SV1).run(GHZ, shots=5))).counts == {"000": 5}
    assert len(until) >= 2


async def test_a_wrong_key_is_told_by_where_it_came_from():
    emulator = BraketEmulator(results="zeros", token=f"{KEY_ID}:another-secret")
    async with serve(emulator) as url, client_of(url) as client:
        with pytest.raises(qj.CredentialError, match="the keys given in the settings") as caught:
            await client.backend(SV1).run(GHZ, shots=5)
    assert SECRET not in str(caught.value)
    assert not emulator.jobs


# --- manners ------------------------------------------------------------------------------------
async def test_documented_quotas_are_kept():
    emulator = BraketEmulator(results="zeros", quotas=True)
    async with serve(emulator) as url, client_of(url, more={"in_flight": 0}) as client:
        jobs = await asyncio.gather(*(client.backend(SV1).run(GHZ, shots=5) for _ in range(60)))
        assert [result.counts for result in await asyncio.gather(*jobs)] == [{"000": 5}] * 60
    assert emulator.requests["submit"] == 60  # none of them was too early


async def test_a_simulator_has_no_more_tasks_than_it_takes():
    emulator = BraketEmulator(results="zeros", queue=0.1, parallel=5, concurrent=3)
    async with serve(emulator) as url, client_of(url, more={"in_flight": 3}) as client:
        jobs = await asyncio.gather(*(client.backend(SV1).run(GHZ, shots=5) for _ in range(12)))
        assert [result.counts for result in await asyncio.gather(*jobs)] == [{"000": 5}] * 12
    assert emulator.requests["submit"] == 12


async def test_an_account_that_is_full_is_waited_for():
    emulator = BraketEmulator(results="zeros", queue=0.2, parallel=5, concurrent=2)
    async with serve(emulator) as url, client_of(url) as client:
        jobs = await asyncio.gather(*(client.backend(SV1).run(GHZ, shots=5) for _ in range(6)))
        assert [result.counts for result in await asyncio.gather(*jobs)] == [{"000": 5}] * 6
    assert len(emulator.jobs) == 6


async def test_a_hundred_jobs_share_a_few_connections():
    emulator = BraketEmulator(results="zeros")
    async with serve(emulator) as url, client_of(url, more={"in_flight": 0}) as client:
        jobs = await asyncio.gather(*(client.backend(GARNET).run(GHZ, shots=5) for _ in range(100)))
        assert [result.counts for result in await asyncio.gather(*jobs)] == [{"000": 5}] * 100
    assert len(emulator.jobs) == 100
    assert emulator.connections <= 100
