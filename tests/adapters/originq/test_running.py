"""OriginQ's cloud as the emulator serves it: real requests on loopback, circuits in real workers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.quantum_info import SparsePauliOp, Statevector

import quantumjobs as qj
from quantumjobs.adapters.originq import NoiseModel
from quantumjobs.core.states import CancelOutcome
from quantumjobs.core.states import JobState as S
from quantumjobs.testing.emulators import Fault, OriginqEmulator, serve
from tests.adapters.originq.helpers import GHZ, KEY, client_of, flipped

pytestmark = pytest.mark.real_time
FULL, CHIP = "originq/full_amplitude", "originq/WK_C180"


def sent(emulator: OriginqEmulator) -> list[dict[str, Any]]:
    """The bodies of the submissions."""
    return [json.loads(job.about.body) for job in emulator.jobs.values()]


# --- counts -----------------------------------------------------------------------------------
@pytest.mark.parametrize(("backend", "tasks"), [(FULL, 3), (CHIP, 1)])
async def test_a_list_comes_back_in_order_however_many_tasks_it_is(backend: str, tasks: int):
    emulator = OriginqEmulator(seed=1)
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(backend).run([flipped(1, 0, 1), GHZ, flipped(0, 1)], shots=50)
        first, ghz, last = await job
        assert (first.counts, last.counts) == ({"101": 50}, {"10": 50})
        assert ghz.counts.keys() == {"000", "111"}
        assert sum(ghz.counts.values()) == 50
        assert len(job.parts) == tasks
    assert emulator.stats["submissions"] == tasks


async def test_a_long_list_is_split_at_the_documented_limit_and_no_further_than_asked():
    emulator = OriginqEmulator(results="zeros")
    async with serve(emulator) as url, client_of(url) as client:
        result = await (await client.backend(CHIP).run([GHZ] * 401, shots=5))
        assert len(result) == 401
        assert [len(body["QProg"]) for body in sent(emulator)] == [200, 200, 1]
        few = await client.backend(CHIP).run([GHZ] * 5, shots=5, circuits_per_job=2)
        assert len(await few) == 5
        assert [len(body["QProg"]) for body in sent(emulator)][3:] == [2, 2, 1]


async def test_bits_that_nobody_measured_and_registers_are_in_the_result():
    a, unused, b = ClassicalRegister(2, "a"), ClassicalRegister(1, "unused"), ClassicalRegister(1, "b")
    circuit = QuantumCircuit(QuantumRegister(2, "q"), a, unused, b, name="three", metadata={"angle": 0.5})
    circuit.x(0)
    circuit.measure(0, a[1])
    circuit.measure(1, b[0])
    async with serve(OriginqEmulator(seed=1)) as url, client_of(url) as client:
        for backend in (FULL, CHIP):
            (entry,) = await (await client.backend(backend).run(circuit, shots=4))
            assert entry.counts == {"0 0 10": 4}
            assert entry.data["probabilities"] == {"0 0 10": 1.0}
            assert (entry.name, entry.registers) == ("three", (("a", 2), ("unused", 1), ("b", 1)))
            assert entry.metadata["circuit_metadata"] == {"angle": 0.5}


@pytest.mark.parametrize(
    "settings",
    [
        {"keys": "hex"},
        {"keys": "HEX"},
        {"keys": "binary"},
        {"sizes": False},
        {"keys": "binary", "sizes": False},
        {"bare": True},
        {"older": True},
        {"stray": True},
        {"state_as": "int"},
        {"state_as": "float"},
    ],
)
async def test_answers_of_every_historical_shape_are_read(settings: dict[str, Any]):
    async with serve(OriginqEmulator(seed=1, **settings)) as url, client_of(url) as client:
        assert (await (await client.backend(FULL).run(flipped(0, 1, 0, 0), shots=9))).counts == {"0010": 9}


async def test_counts_that_are_computed_from_probabilities_say_so():
    async with serve(OriginqEmulator(seed=1, counts=False)) as url, client_of(url) as client:
        (entry,) = await (await client.backend(CHIP).run(GHZ, shots=101))
        assert sum(entry.counts.values()) == 101
        assert entry.metadata["counts_derived"] is True
    async with serve(OriginqEmulator(seed=1)) as url, client_of(url) as client:
        (entry,) = await (await client.backend(CHIP).run(GHZ, shots=101, is_prob_counts=False))
        assert entry.metadata["counts_derived"] is True
        (entry,) = await (await client.backend(CHIP).run(GHZ, shots=101))
        assert "counts_derived" not in entry.metadata


async def test_more_bits_than_a_machine_word_come_back_whole():
    bits = [1, *(0 for _ in range(68)), 1]
    circuit = QuantumCircuit(2, 70)
    circuit.x([0, 1])
    circuit.measure(0, 0)
    circuit.measure(1, 69)
    async with serve(OriginqEmulator(seed=1)) as url, client_of(url) as client:
        assert (await (await client.backend(FULL).run(circuit, shots=3))).counts == {"".join(map(str, bits)): 3}


async def test_shots_are_a_thousand_where_nobody_says_and_single_shots_are_not_to_be_had():
    async with serve(OriginqEmulator(seed=1)) as url, client_of(url) as client:
        assert (await (await client.backend(FULL).run(flipped(1)))).counts == {"1": 1000}
        with pytest.raises(qj.UsageError, match="no single shots"):
            await client.backend(FULL).run(flipped(1), memory=True)
        with pytest.raises(qj.UsageError, match="at least 1"):
            await client.backend(FULL).run(flipped(1), shots=0)


# --- inputs -----------------------------------------------------------------------------------
async def test_originir_is_sent_as_it_is_from_a_text_and_from_a_file(tmp_path: Path):
    text = "QINIT 2\nCREG 4\nX q[1] // flipped\nMEASURE q[1],c[2]\nMEASURE q[0],c[0]\n"
    file = tmp_path / "flip.originir"
    file.write_text(text)
    emulator = OriginqEmulator(seed=1)
    async with serve(emulator) as url, client_of(url) as client:
        for given in (text, file, str(file)):
            assert (await (await client.backend(FULL).run(given, shots=7))).counts == {"0100": 7}
    assert [body["QProg"] for body in sent(emulator)] == [[text]] * 3


async def test_originir_is_refused_where_nobody_reads_it():
    async with qj.Client(ledger="memory") as client:
        with pytest.raises(qj.UsageError, match="OriginIR"):
            await client.backend("aer").run("QINIT 1\nCREG 1\nX q[0]\nMEASURE q[0],c[0]\n")


async def test_angles_travel_with_all_their_digits():
    circuit = QuantumCircuit(1, 1)
    circuit.rx(0.1234567890123456, 0)
    circuit.measure(0, 0)
    emulator = OriginqEmulator(results="zeros")
    async with serve(emulator) as url, client_of(url) as client:
        await (await client.backend(FULL).run(circuit, shots=1))
    assert "0.1234567890123456" in sent(emulator)[0]["QProg"][0]


async def test_what_cannot_be_run_is_refused_before_anything_is_sent():
    conditional = QuantumCircuit(1, 2)
    conditional.measure(0, 0)
    with conditional.if_test((conditional.clbits[0], 1)):
        conditional.x(0)
    conditional.measure(0, 1)
    later = QuantumCircuit(1, 2)
    later.measure(0, 0)
    later.x(0)
    later.measure(0, 1)
    emulator = OriginqEmulator(results="zeros")
    async with serve(emulator) as url, client_of(url) as client:
        for backend, circuit in ((FULL, conditional), (CHIP, conditional), (CHIP, later), (FULL, QuantumCircuit(2, 2))):
            with pytest.raises(qj.UsageError):
                await client.backend(backend).run(circuit)
        assert emulator.requests["submit"] == 0
        assert (await (await client.backend(FULL).run(later, shots=3))).counts == {"00": 3}


# --- what simulators compute --------------------------------------------------------------------
async def test_probabilities_of_some_qubits_are_exact():
    circuit = QuantumCircuit(3)
    circuit.ry(0.4, 0)
    circuit.cx(0, 2)
    async with serve(OriginqEmulator()) as url, client_of(url) as client:
        result = await (await client.backend(FULL).run(circuit, qubits=[2, 1]))
        expected = Statevector(circuit).probabilities_dict([2, 1])
        assert result.probabilities.keys() == {"00", "01"}
        assert all(abs(result.probabilities[key] - value) < 1e-9 for key, value in expected.items() if value > 1e-12)
        with pytest.raises(qj.UsageError, match="no measured outcomes"):
            _ = result.counts


async def test_qubits_without_a_gate_are_computed_of_too():
    empty = QuantumCircuit(2)
    emulator = OriginqEmulator()
    async with serve(emulator) as url, client_of(url) as client:
        assert (await (await client.backend(FULL).run(empty, qubits=[1]))).probabilities == {"0": 1.0}
        found = await (await client.backend(FULL).run(empty, observables=["ZI", "IX"]))
        assert found.data["expectation_values"] == pytest.approx([1.0, 0.0])
    assert sent(emulator)[0]["QProg"] == ["QINIT 2\nCREG 1\nI q[1]\n"]


async def test_amplitudes_are_read_as_the_older_generation_gave_them():
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.s(0)
    circuit.cx(0, 1)
    async with serve(OriginqEmulator()) as url, client_of(url) as client:
        several = await (await client.backend("originq/partial_amplitude").run(circuit, amplitudes=["0", "1", "3"]))
        one = await (await client.backend("originq/single_amplitude").run(circuit, amplitudes=["3"]))
    expected = Statevector(circuit).data
    found = several.data["amplitudes"]
    assert [abs(found[str(at)] - expected[at]) < 1e-9 for at in (0, 1, 3)] == [True] * 3
    assert abs(one.data["amplitudes"]["3"] - expected[3]) < 1e-9


async def test_which_amplitudes_are_wanted_has_to_be_said():
    emulator = OriginqEmulator()
    async with serve(emulator) as url, client_of(url) as client:
        with pytest.raises(qj.UsageError, match="say which, as in amplitudes="):
            await client.backend("originq/single_amplitude").run(flipped(1))
        with pytest.raises(qj.UsageError, match="computed, not drawn"):
            await client.backend("originq/single_amplitude").run(flipped(1), amplitudes=["0"], shots=5)
    assert emulator.requests["submit"] == 0


async def test_noise_is_the_services_affair_and_shows():
    noise = NoiseModel("BITFLIP_KRAUS_OPERATOR", single=(0.2,), double=(0.2,))
    emulator = OriginqEmulator(seed=3)
    async with serve(emulator) as url, client_of(url) as client:
        assert len((await (await client.backend(FULL).run(GHZ, shots=400, noise_model=noise))).counts) > 2
    (body,) = sent(emulator)
    assert body["QMachineType"] == "1"
    assert body["Configuration"] == {
        "mode": 1,
        "noisemodel": {
            "single_gate": ["BITFLIP_KRAUS_OPERATOR", 0.2],
            "double_gate": ["BITFLIP_KRAUS_OPERATOR", 0.2],
        },
        "shot": 400,
        "measure_type": 1,
    }


# --- expectation values -------------------------------------------------------------------------
async def test_expectation_values_are_exact_where_nothing_is_drawn():
    circuit = QuantumCircuit(3)
    circuit.ry(0.7, 0)
    circuit.cx(0, 1)
    circuit.rx(0.3, 2)
    circuit.cz(1, 2)
    observables = [
        SparsePauliOp.from_list([("ZZI", 0.5), ("XXI", -1.5), ("IYZ", 2.0), ("III", 0.25)]),
        SparsePauliOp("YIY"),
    ]
    emulator = OriginqEmulator()
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(FULL).run([circuit, circuit.inverse()], observables=observables)
        result = await job
        assert len(result) == 2
        for entry, given in zip(result, (circuit, circuit.inverse()), strict=True):
            expected = [Statevector(given).expectation_value(one).real for one in observables]
            assert entry.data["expectation_values"] == pytest.approx(expected, abs=1e-9)
            assert entry.data["standard_errors"] == [0.0, 0.0]
    assert all(body["Configuration"]["measure_type"] == 2 for body in sent(emulator))


async def test_one_basis_alone_gives_expectation_values_too():
    async with serve(OriginqEmulator()) as url, client_of(url) as client:
        result = await (await client.backend(FULL).run(flipped(1, 0), observables=["ZZ", "IZ"]))
        assert result.data["expectation_values"] == pytest.approx([-1.0, -1.0])


@pytest.mark.parametrize("backend", [FULL, CHIP])
async def test_expectation_values_from_shots_are_within_their_errors(backend: str):
    circuit = QuantumCircuit(2)
    circuit.ry(0.7, 0)
    circuit.cx(0, 1)
    observable = SparsePauliOp.from_list([("ZZ", 1.0), ("XX", 0.5), ("ZI", -0.25)])
    emulator = OriginqEmulator(seed=5)
    async with serve(emulator) as url, client_of(url) as client:
        result = await (await client.backend(backend).run(circuit, shots=4000, observables=observable))
    (value,), (error,) = result.data["expectation_values"], result.data["standard_errors"]
    assert 0 < error < 0.05
    assert abs(value - Statevector(circuit).expectation_value(observable).real) < 5 * error
    bases = 2
    assert len(emulator.jobs) == (bases if backend == FULL else 1)


async def test_observables_of_another_width_are_refused_before_anything_is_sent():
    emulator = OriginqEmulator()
    async with serve(emulator) as url, client_of(url) as client:
        with pytest.raises(qj.UsageError, match="qubit"):
            await client.backend(FULL).run(GHZ, observables="ZZ")
    assert emulator.requests["submit"] == 0


# --- chips --------------------------------------------------------------------------------------
async def test_a_chip_is_asked_about_only_where_its_qubits_count():
    emulator = OriginqEmulator(seed=1)
    async with serve(emulator) as url, client_of(url) as client:
        backend = client.backend(CHIP)
        assert (await (await backend.run(flipped(1, 0), shots=5))).counts == {"01": 5}
        assert emulator.requests["chip"] == 0
        assert (await (await backend.run(flipped(1, 0), shots=5, mapping=False))).counts == {"01": 5}
        assert emulator.requests["chip"] == 1
        target = await backend.target()
        assert {"r", "cz", "measure"} <= set(target.operation_names)
        mapped, placed = sent(emulator)
    assert mapped["Configuration"]["mappingFlag"] is True
    assert placed["Configuration"]["mappingFlag"] is False
    assert mapped["ChipID"] == placed["ChipID"] == "WK_C180"


async def test_options_of_a_chip_go_by_their_names_on_the_wire():
    emulator = OriginqEmulator(results="zeros")
    async with serve(emulator) as url, client_of(url) as client:
        await (await client.backend(CHIP).run(GHZ, shots=5))
        await (
            await client.backend(CHIP).run(
                GHZ,
                shots=6,
                amend_flag=3,
                is_prob_counts=False,
                use_cz_pattern=True,
                optimization=False,
                point_label=2,
                specified_block=[0, 1, 2],
                batch_id="b",
                task_form=9,
                extra={"dataFormat": 1},
            )
        )
        plain, all_of_them = sent(emulator)
    assert plain["Configuration"] == {
        "shot": 5,
        "isProbcount": True,
        "amendFlag": 1,
        "use_cz_pattern": False,
        "mappingFlag": True,
        "PointLabel": 1,
        "circuitOptimization": True,
        "specified_block": [],
    }
    assert (plain["batchNo"], plain["taskFrom"]) == ("", 4)
    assert all_of_them["Configuration"] == {
        "shot": 6,
        "isProbcount": False,
        "amendFlag": 3,
        "use_cz_pattern": True,
        "mappingFlag": True,
        "PointLabel": 2,
        "circuitOptimization": False,
        "specified_block": [0, 1, 2],
        "dataFormat": 1,
    }
    assert (all_of_them["batchNo"], all_of_them["taskFrom"]) == ("b", 9)


async def test_a_chip_that_is_not_there_is_refused_with_the_services_words():
    async with serve(OriginqEmulator()) as url, client_of(url) as client:
        with pytest.raises(qj.JobRejected, match="10002|20045"):
            await client.backend("originq/WK_C999").run(GHZ, shots=5)


# --- a job's life -------------------------------------------------------------------------------
async def test_the_result_comes_with_the_look_that_says_finished():
    emulator = OriginqEmulator(results="zeros")
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(FULL).run(GHZ, shots=5)
        await job
        looks = emulator.requests["task"]
        assert (await job).counts == (await job.result()).counts == {"000": 5}
        assert emulator.requests["task"] == looks
    assert set(emulator.requests) <= {"submit", "task"}


async def test_a_job_is_followed_and_read_by_its_id_alone():
    emulator = OriginqEmulator(seed=1, queue=1.0)
    async with serve(emulator) as url, client_of(url) as client, client_of(url) as stranger:
        job = await client.backend(FULL).run(flipped(0, 1), shots=5)
        found = await stranger.attach(FULL, job.remote_id)
        assert found.state in {S.QUEUED, S.RUNNING}
        assert (await found).counts == {"10": 5}


async def test_a_cancel_that_was_accepted_makes_a_cancelled_job_of_what_the_service_calls_failed():
    emulator = OriginqEmulator(results="zeros", queue=30)
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(FULL).run(GHZ, shots=5)
        assert await job.cancel() in {CancelOutcome.REQUESTED, CancelOutcome.CANCELLED}
        with pytest.raises(qj.JobCancelled):
            await job
        assert (job.state, job.raw_status) == (S.CANCELLED, "FAILED")
        failed = await stranger_of(url, job.remote_id)
        assert failed is S.FAILED  # who knows nothing of the cancel cannot tell


async def stranger_of(url: str, remote_id: str | None) -> S:
    async with client_of(url) as client:
        job = await client.attach(FULL, remote_id)
        await job.wait()
        return job.state


async def test_an_accepted_cancel_is_remembered_by_the_next_program(tmp_path: Path):
    emulator = OriginqEmulator(results="zeros", queue=30, faults=[Fault("status", operation="task", times=None)])
    async with serve(emulator) as url:
        async with client_of(url, ledger=tmp_path / "jobs.db") as client:
            job = await client.backend(FULL).run(GHZ, shots=5)
            assert await job.cancel() is not CancelOutcome.REFUSED
        emulator.script.replace([])
        async with client_of(url, ledger=tmp_path / "jobs.db") as client:
            again = await client.job(job.id)
            with pytest.raises(qj.JobCancelled):
                await again


async def test_a_task_that_finishes_in_spite_of_an_accepted_cancel_is_completed():
    accepted = Fault(
        "schema", operation="cancel", body='{"success": true, "code": 10000, "message": "ok", "obj": null}'
    )
    async with serve(OriginqEmulator(results="zeros", queue=1.0, faults=[accepted])) as url, client_of(url) as client:
        job = await client.backend(FULL).run(GHZ, shots=5)
        assert await job.cancel() is CancelOutcome.REQUESTED
        assert job.state is S.CANCELLING
        assert (await job).counts == {"000": 5}
        assert job.state is S.COMPLETED


async def test_a_cancel_that_comes_too_late_changes_nothing():
    async with serve(OriginqEmulator(results="zeros")) as url, client_of(url) as client:
        job = await client.backend(FULL).run(GHZ, shots=5)
        await job
        assert await job.cancel() is CancelOutcome.TOO_LATE
        assert (await job).counts == {"000": 5}


async def test_what_fails_after_a_refused_cancel_failed():
    refusal = Fault("schema", operation="cancel", body='{"success": false, "code": 1, "message": "no"}')
    emulator = OriginqEmulator(
        results="zeros", queue=1.0, faults=[refusal, Fault("fail", operation="submit", body="the fridge is warm")]
    )
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend(FULL).run(GHZ, shots=5)
        assert await job.cancel() is CancelOutcome.REFUSED
        with pytest.raises(qj.JobFailed, match="the fridge is warm"):
            await job


@pytest.mark.parametrize("http_401", [False, True])
async def test_a_key_that_is_refused_while_a_job_is_waited_for_ends_no_wait(http_401: bool):
    emulator = OriginqEmulator(results="zeros", queue=0.3, http_401=http_401)
    keys = iter([KEY, "another-key", "another-key"])
    async with serve(emulator) as url, client_of(url, more={"api_key": lambda: next(keys)}) as client:
        job = await client.backend(FULL).run(GHZ, shots=5)
        emulator.expire_token()
        assert (await job).counts == {"000": 5}
    assert next(keys) == "another-key"  # asked for once more, when the first was refused


async def test_fields_that_were_asked_for_are_in_the_metadata():
    async with serve(OriginqEmulator(seed=1)) as url, client_of(url) as client:
        (entry,) = await (await client.backend(CHIP).run(GHZ, shots=5, keys=["mapping_qubit"]))
        assert "mappingQubit" in entry.metadata


async def test_a_hundred_jobs_share_a_few_connections():
    emulator = OriginqEmulator(results="zeros")
    async with serve(emulator) as url, client_of(url) as client:
        jobs = await asyncio.gather(*(client.backend(FULL).run(GHZ, shots=5) for _ in range(100)))
        assert [result.counts for result in await asyncio.gather(*jobs)] == [{"000": 5}] * 100
    assert sum(emulator.requests.values()) >= 200
    assert emulator.connections <= 64  # as many as may be under way at a time, for looks and for submissions
    assert emulator.stats["submissions"] == 100
