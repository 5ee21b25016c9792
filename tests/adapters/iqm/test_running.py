"""An IQM Server as the emulator serves it: real requests on loopback, circuits in real workers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from qiskit import QuantumCircuit

import quantumjobs as qj
from quantumjobs.core.schedule import Pace
from quantumjobs.core.states import CancelOutcome, JobState
from quantumjobs.engine.policies import Policy
from quantumjobs.testing.emulators import Fault, IqmEmulator, serve
from tests.adapters.iqm.helpers import GHZ, QUICK, client_of

S = JobState
pytestmark = pytest.mark.real_time


def flipped(*bits: int, name: str = "flipped") -> QuantumCircuit:
    """Measures these bits, the last one left-most."""
    circuit = QuantumCircuit(len(bits), len(bits), name=name)
    for qubit, bit in enumerate(bits):
        if bit:
            circuit.x(qubit)
        circuit.measure(qubit, qubit)
    return circuit


@pytest.mark.parametrize("computer", ["garnet", "deneb", "adonis"])
async def test_circuits_run_on_every_shape_and_come_back_in_order(computer: str):
    async with serve(IqmEmulator(seed=1)) as url, client_of(url) as client:
        job = await client.backend(f"iqm/{computer}").run(
            [flipped(1, 0, 1), GHZ, flipped(0, 1, 1)], shots=50, memory=True, optimization_level=2
        )
        first, ghz, last = await job
        assert (first.memory, last.memory) == (["101"] * 50, ["110"] * 50)
        assert ghz.counts.keys() == {"000", "111"}
        assert job.progress == qj.Progress(3, 3)


async def test_all_qubits_of_a_large_computer_are_used():
    circuit = QuantumCircuit(54)
    circuit.x(range(0, 54, 2))
    circuit.measure_all()
    async with serve(IqmEmulator(seed=1)) as url, client_of(url) as client:
        job = await client.backend("iqm/emerald").run(circuit, shots=10)
        assert (await job).counts == {"01" * 27: 10}


async def test_an_outcome_decides_what_comes_after_it():
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.h(1)
        circuit.s(1)
        circuit.s(1)
        circuit.h(1)
    circuit.reset(0)
    circuit.measure(1, 1)
    for computer in ("garnet", "deneb"):
        async with serve(IqmEmulator(seed=3)) as url, client_of(url) as client:
            job = await client.backend(f"iqm/{computer}").run(circuit, shots=100)
            assert (await job).counts.keys() == {"00", "11"}


async def test_what_a_computer_cannot_do_is_refused_before_anything_is_sent():
    conditional = QuantumCircuit(1, 2)
    conditional.measure(0, 0)
    with conditional.if_test((conditional.clbits[0], 1)):
        conditional.x(0)
    conditional.measure(0, 1)
    reset = QuantumCircuit(2)
    reset.h(0)
    reset.cx(0, 1)
    reset.reset(0)
    reset.measure_all()
    wide = QuantumCircuit(7)
    wide.measure_all()
    emulator = IqmEmulator(results="zeros")
    async with serve(emulator) as url, client_of(url) as client:
        for computer, circuit in (("adonis", conditional), ("adonis", reset), ("deneb", wide)):
            with pytest.raises(qj.UsageError):
                await client.backend(f"iqm/{computer}").run(circuit)
    assert emulator.requests["submit"] == 0


async def test_only_counts_travel_unless_the_shots_are_wanted():
    emulator = IqmEmulator(seed=1)
    async with serve(emulator) as url, client_of(url) as client:
        backend = client.backend("iqm/line")
        assert (await (await backend.run(GHZ, shots=20))).counts.keys() == {"000", "111"}
        assert (emulator.requests["counts"], emulator.requests["measurements"]) == (1, 0)
        assert len((await (await backend.run(GHZ, shots=20, memory=True))).memory) == 20
        assert (emulator.requests["counts"], emulator.requests["measurements"]) == (1, 1)


async def test_an_older_server_without_counts_and_queue_will_do():
    emulator = IqmEmulator(seed=1, counts_artifact=False, queue_availability=False)
    async with serve(emulator) as url, client_of(url) as client:
        assert (await client.backend("iqm/line").describe())["queue_length"] is None
        assert (await (await client.backend("iqm/line").run(flipped(1, 0), shots=20))).counts == {"01": 20}


async def test_the_same_seed_gives_the_same_counts_with_and_without_memory():
    counts = []
    for memory in (False, True):
        async with serve(IqmEmulator(seed=7)) as url, client_of(url) as client:
            job = await client.backend("iqm/garnet").run([GHZ, GHZ], shots=200, memory=memory)
            counts.append([entry.counts for entry in await job])
    assert counts[0] == counts[1]
    assert counts[0][0] != counts[0][1]  # circuit i is seeded for itself


# --- calibrations -------------------------------------------------------------------------------
async def test_a_job_is_prepared_for_and_run_with_the_calibration_set_that_is_named():
    emulator = IqmEmulator(seed=1)
    async with serve(emulator) as url, client_of(url) as client:
        backend = client.backend("iqm/line")
        first = (await backend.describe())["architecture"]["calibration_set_id"]
        second = emulator.recalibrate("line")
        now = await backend.run(flipped(1), shots=5, calibration_set_id=second)
        then = await client.backend(f"iqm/line/{first}").run(flipped(1), shots=5)
        assert (await now)[0].metadata["calibration_set_id"] == second
        assert (await then)[0].metadata["calibration_set_id"] == first
        with pytest.raises(qj.UsageError, match="another calibration set"):
            await client.backend(f"iqm/line/{first}").run(flipped(1), calibration_set_id=second)
        with pytest.raises(qj.ProviderRejected, match="calibration_set_not_found"):
            await backend.run(flipped(1), calibration_set_id="00000000-0000-4000-8000-000000000000")
    assert emulator.requests["submit"] == 2


async def test_a_calibration_that_is_gone_rejects_one_job_and_the_next_one_runs():
    emulator = IqmEmulator(seed=1)
    async with serve(emulator) as url, client_of(url) as client:
        backend = client.backend("iqm/line")
        await backend.run(flipped(1), shots=5)
        new = emulator.recalibrate("line", forget=True)
        with pytest.raises(qj.JobRejected, match="calibration_set_not_found"):
            await backend.run(flipped(1), shots=5)
        job = await backend.run(flipped(1), shots=5)
        assert (await job)[0].metadata["calibration_set_id"] == new
    assert emulator.requests["architecture"] == 2


async def test_error_rates_choose_the_qubits():
    async with serve(IqmEmulator(seed=1)) as url, client_of(url) as client:
        target = await client.backend("iqm/garnet").target()
        assert all(properties.error for properties in target["cz"].values())
        described = await client.backend("iqm/garnet").describe()
        assert described["queue_length"] == 0
        assert described["available"] is True
        assert described["name"] == "IQM Garnet"


async def test_the_accounts_computer_needs_no_name():
    async with serve(IqmEmulator(seed=1)) as url, client_of(url, quantum_computer="line") as client:
        job = await client.backend("iqm").run(flipped(1, 0), shots=5)
        assert (await job).counts == {"01": 5}
    async with serve(IqmEmulator(seed=1)) as url, client_of(url) as client:
        with pytest.raises(qj.ProviderRejected, match="name a quantum computer.*garnet"):
            await client.backend("iqm").run(flipped(1, 0), shots=5)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("iqm/garnet:timeslot", "use_timeslot=True"),
        ("iqm/garnet/", "calibration set id"),
        ("iqm/garnet/a/b", "calibration set id"),
    ],
)
async def test_addresses_that_cannot_be_are_refused_with_what_to_write(address: str, words: str):
    async with client_of("https://iqm.example") as client:
        with pytest.raises(qj.UsageError, match=words):
            await client.backend(address).run(GHZ)


# --- a job's life -------------------------------------------------------------------------------
async def test_a_running_job_is_interrupted():
    emulator = IqmEmulator(results="zeros", duration=30)
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend("iqm/line").run([GHZ] * 3, shots=5)
        async for snapshot in job.events():
            if snapshot.state is S.RUNNING:
                break
        assert await job.cancel() is CancelOutcome.CANCELLED
        with pytest.raises(qj.JobCancelled):
            await job
        assert job.remote_timeline[-1].status == "cancelled"


async def test_a_cancel_that_comes_too_late_changes_nothing():
    emulator = IqmEmulator(results="zeros")
    quiet = {"iqm": Policy(pace=Pace(first=1000.0, at_least=1000.0, at_most=1000.0))}
    async with serve(emulator) as url, client_of(url, policies=quiet) as client:
        job = await client.backend("iqm/line").run(GHZ, shots=5)
        assert job.state is S.QUEUED  # nobody looked yet, and at the server it is over
        assert await job.cancel() is CancelOutcome.TOO_LATE
        assert (await job).counts == {"000": 5}
    assert emulator.requests["cancel"] == 1


async def test_progress_and_timeline_are_the_servers():
    emulator = IqmEmulator(results="zeros", duration=0.4, warnings=["one QB was tired"])
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend("iqm/line").run([GHZ] * 3, shots=5)
        seen = {snapshot.progress.done async for snapshot in job.events()}
        assert seen >= {0, 3}
        assert seen & {1, 2}
        words = [stamp.status for stamp in job.remote_timeline]
        assert words[0] == "created"
        assert {"execution_started", "completed"} < set(words)
        times = [stamp.at for stamp in job.remote_timeline]
        assert times == sorted(times)
        assert times[-1] - times[0] >= 3 * 0.4
        assert (await job)[0].metadata["messages"] == ["one QB was tired"]


async def test_facts_of_a_failure_are_with_the_error():
    emulator = IqmEmulator(results="zeros", faults=[Fault("fail", operation="submit", body="too warm")])
    async with serve(emulator) as url, client_of(url) as client:
        job = await client.backend("iqm/line").run(GHZ, shots=5)
        with pytest.raises(qj.JobFailed, match=r"too warm \(execution_failed, iqm-station-control\)") as caught:
            await job
        assert caught.value.record is not None
        assert caught.value.record.details["error_code"] == "execution_failed"
        again = await job.retry_failed()
        assert (await again).counts == {"000": 5}


async def test_jobs_are_found_again_by_another_program(tmp_path: Path):
    ledger = tmp_path / "jobs.sqlite"
    emulator = IqmEmulator(seed=1, queue=1.5)
    async with serve(emulator) as url:
        async with client_of(url, ledger=ledger) as client:
            job = await client.backend("iqm/deneb").run([flipped(1, 0)] * 4, shots=5, circuits_per_job=2, key="once")
            assert job.parts[0].queue_position in {0, 1}  # told by the reply to the submission
        async with client_of(url, ledger=ledger) as client:
            found = await client.job(job.id)
            same = await client.backend("iqm/deneb").run([flipped(1, 0)] * 4, shots=5, circuits_per_job=2, key="once")
            assert same is found
            assert [entry.counts for entry in await found] == [{"01": 5}] * 4
    assert emulator.requests["submit"] == 2


async def test_a_job_of_another_tool_is_read_by_its_id_alone():
    emulator = IqmEmulator(seed=1)
    async with serve(emulator) as url:
        async with client_of(url) as client:
            job = await client.backend("iqm/garnet").run([flipped(1, 0, name="a"), flipped(0, 1, name="b")], shots=5)
            await job
        async with client_of(url) as stranger:
            found = await stranger.attach("iqm/garnet", job.remote_id)
            result = await found
            assert [(entry.name, entry.memory) for entry in result] == [("a", ["01"] * 5), ("b", ["10"] * 5)]
            assert found.progress == qj.Progress(2, 2)
    assert emulator.requests["payload"] == 1


async def test_many_jobs_at_once_are_all_awaited():
    emulator = IqmEmulator(results="zeros", parallel=50)
    async with serve(emulator) as url, client_of(url, policies=QUICK) as client:
        backend = client.backend("iqm/line")
        jobs = await asyncio.gather(*(backend.run(GHZ, shots=5) for _ in range(100)))
        results = await asyncio.gather(*jobs)
        assert [result.counts for result in results] == [{"000": 5}] * 100
    assert len(emulator.jobs) == 100
