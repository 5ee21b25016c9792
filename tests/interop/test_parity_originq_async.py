"""What QCloudJob can, the async job can too; docs/reference/parity-qcloudjob.md names these tests."""

from __future__ import annotations

import asyncio

import pytest
from qiskit import QuantumCircuit

import quantumjobs as qj
from quantumjobs.adapters.originq import NoiseModel
from quantumjobs.core.states import CancelOutcome
from quantumjobs.core.states import JobState as S
from quantumjobs.testing.emulators import Fault, serve
from tests.adapters.originq.helpers import KEY, client_of
from tests.interop.helpers import bell
from tests.interop.originq import (
    AMENDED,
    CHIP,
    FULL,
    MAINTENANCE,
    PLAIN_HTTP,
    RARELY,
    REFUSED,
    SAID,
    WEATHER,
    answers,
    as_sent,
    emulator,
    registers,
    sent,
    tuned,
    warm,
)

pytestmark = pytest.mark.real_time


async def test_async_words_are_originqs_and_come_one_after_the_other() -> None:
    made = emulator(queue=0.5, duration=0.5)
    async with serve(made) as url, client_of(url) as client:
        first = await client.backend(FULL).run(bell(), shots=5)
        second = await client.backend(FULL).run(bell(), shots=5)
        words = [snapshot.raw_status async for snapshot in second.events()]
        assert set(words) - {""} == {"WAITING", "QUEUING", "COMPUTING", "FINISHED"}
        assert (await first).counts == {"01": 5}
        assert (second.state, second.done(), second.state == "completed") == (S.COMPLETED, True, True)


async def test_async_job_is_known_by_two_ids_and_an_empty_one_raises() -> None:
    async with serve(emulator()) as url, client_of(url) as client:
        job = await client.backend(FULL).run(bell(), shots=5)
        assert job.remote_id is not None
        assert len(job.remote_id) == 32
        assert job.id != job.remote_id
        async with client_of(url) as stranger:
            assert (await (await stranger.attach(FULL, job.remote_id))).counts == {"01": 5}
            for nothing in ("", "..", "a\nb"):
                with pytest.raises(qj.UsageError, match="the provider's id of the job is needed"):
                    await stranger.attach(FULL, nothing)


async def test_async_query_is_one_look_that_waits_for_nothing_and_brings_the_result() -> None:
    made = emulator(queue=0.4)
    async with serve(made) as url, client_of(url, policies=RARELY) as client:
        job = await client.backend(FULL).run(bell(), shots=5)
        await job.refresh()
        assert (made.requests["task"], job.raw_status, job.state) == (1, "QUEUING", S.QUEUED)
        while not job.done():
            await asyncio.sleep(0.05)
            await job.refresh()
        looks = made.requests["task"]
        assert (await job).counts == {"01": 5}
        assert (await job.result()) is (await job)
        assert made.requests["task"] == looks


async def test_async_query_that_meets_maintenance_raises_and_the_job_stays_what_it_was() -> None:
    made = emulator(queue=30, faults=[Fault("schema", operation="task", body=MAINTENANCE)])
    async with serve(made) as url, client_of(url, policies=RARELY) as client:
        job = await client.backend(FULL).run(bell(), shots=5)
        with pytest.raises(qj.ProviderUnavailable, match="under maintenance"):
            await job.refresh()
        assert job.state is S.QUEUED
        assert (await job.refresh()).raw_status == "QUEUING"


async def test_async_wait_meets_weather_and_states_that_nobody_knows_and_goes_on() -> None:
    made = emulator(faults=WEATHER)
    async with serve(made) as url, client_of(url) as client:
        assert (await (await client.backend(FULL).run(bell(), shots=5))).counts == {"01": 5}
    assert made.requests["task"] >= 6


async def test_async_timeout_is_kept_and_the_job_goes_on_or_is_cancelled_by_who_waited() -> None:
    async with serve(emulator(queue=1.0)) as url, client_of(url) as client:
        job = await client.backend(FULL).run(bell(), shots=5)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await job
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticker = asyncio.create_task(tick())
        assert (await job).counts == {"01": 5}
        ticker.cancel()
        assert ticks >= 10  # pyqpanda3 holds the interpreter's lock for all of that second


async def test_async_failure_and_cancel_raise_and_are_told_apart() -> None:
    made = emulator(faults=[warm()])
    async with serve(made) as url, client_of(url) as client:
        failed = await client.backend(FULL).run(bell(), shots=5)
        with pytest.raises(qj.JobFailed, match="the fridge is warm"):
            await failed
        assert "the fridge is warm" in str(failed.error)
        made.queue.queue = 30
        job = await client.backend(FULL).run(bell(), shots=5)
        assert await job.cancel() in {CancelOutcome.CANCELLED, CancelOutcome.REQUESTED}
        with pytest.raises(qj.JobCancelled):
            await job
        assert await job.cancel() is CancelOutcome.CANCELLED
        assert (failed.raw_status, job.raw_status) == ("FAILED", "FAILED")


async def test_async_cancel_that_comes_too_late_says_so() -> None:
    made = emulator()
    async with serve(made) as url, client_of(url, policies=RARELY) as client:
        job = await client.backend(FULL).run(bell(), shots=5)
        assert [task.state for task in made.jobs.values()] == [S.COMPLETED]  # there; here nobody has looked yet
        assert job.state is S.QUEUED
        assert await job.cancel() is CancelOutcome.TOO_LATE
        assert (await job).counts == {"01": 5}
        assert await job.cancel() is CancelOutcome.TOO_LATE
    assert made.requests["cancel"] == 1


async def test_async_results_have_each_circuits_counts_probabilities_and_facts() -> None:
    made = emulator()
    async with serve(made) as url, client_of(url) as client:
        job = await client.backend(CHIP).run(
            [registers(), bell()], shots=5, keys=["mapping_qubit", "convert_qprog", "src_qubits"]
        )
        first, second = await job
        assert (first.counts, second.counts) == ({"0 0 10": 5}, {"01": 5})
        assert (first.probabilities, first.data["probabilities"]) == ({"0 0 10": 1.0}, {"0 0 10": 1.0})
        assert {"mappingQubit", "convertQProg", "srcQubits", "startTime", "totalTime"} <= first.metadata.keys()
        assert b'"probCount"' in first.raw["body"]
        with pytest.raises(qj.UsageError, match="this result has 2 circuits"):
            _ = (await job).counts


async def test_async_amplitudes_and_probabilities_are_data() -> None:
    async with serve(emulator()) as url, client_of(url) as client:
        found = await (await client.backend("originq/partial_amplitude").run(bell(), amplitudes=["0", "3"]))
        assert found.data["amplitudes"] == {"0": 1, "3": 0}
        found = await (await client.backend(FULL).run(bell(), qubits=[0, 1]))
        assert found.probabilities == {"01": 1.0}


async def test_async_options_go_by_their_names_and_unknown_ones_are_refused() -> None:
    made = emulator()
    options = {"amend_flag": 0, "mapping": True, "optimization": False, "point_label": 2, "is_prob_counts": False}
    async with serve(made) as url, client_of(url) as client:
        job = await client.backend(CHIP).run(bell(), shots=5, use_cz_pattern=True, specified_block=[45], **options)
        await job
        assert job.options == {"shots": 5, "memory": False, "use_cz_pattern": True, "specified_block": [45], **options}
        with pytest.raises(qj.UsageError, match="no option 'enable_binary_encoding'"):
            await client.backend(CHIP).run(bell(), enable_binary_encoding=True)
        with pytest.raises(qj.UsageError, match="unknown option|has no option"):
            await client.backend(CHIP).run(bell(), dataFormat=2)
        await (await client.backend(CHIP).run(bell(), extra={"dataFormat": 2}))
    first, second = sent(made)
    assert first["Configuration"]["specified_block"] == [45]
    assert second["Configuration"]["dataFormat"] == 2


async def test_async_noise_is_said_to_run() -> None:
    made = emulator()
    async with serve(made) as url, client_of(url) as client:
        model = NoiseModel("DECOHERENCE_KRAUS_OPERATOR", (10.0, 8.0, 1.0), (10.0, 8.0, 2.0))
        await (await client.backend(FULL).run(bell(), shots=5, noise_model=model))
    (body,) = sent(made)
    assert body["Configuration"]["noisemodel"]["double_gate"] == ["DECOHERENCE_KRAUS_OPERATOR", 10.0, 8.0, 2.0]


async def test_async_refusal_has_the_services_words_and_a_lost_answer_is_a_doubt() -> None:
    refusal = Fault("schema", operation="submit", body=MAINTENANCE)
    made = emulator(faults=[refusal, Fault("reset", operation="submit", at=2, after=True)])
    async with serve(made) as url, client_of(url) as client:
        with pytest.raises(qj.JobRejected, match="under maintenance"):
            await client.backend(FULL).run(bell(), shots=5)
        with pytest.raises(qj.SubmissionUncertain) as uncertain:
            await client.backend(FULL).run(bell(), shots=5)
        (remote_id,) = made.jobs  # which the user has seen on OriginQ's page
        assert (await (await uncertain.value.job.adopt(remote_id))).counts == {"01": 5}
    assert (len(made.jobs), made.requests["submit"]) == (1, 2)


async def test_async_expectation_values_are_data() -> None:
    async with serve(emulator(results="zeros")) as url, client_of(url) as client:
        job = await client.backend(FULL).run([bell()] * 2, observables=["ZZ", {"XX": 0.5, "II": 1.0}])
        for entry in await job:
            assert entry.data["expectation_values"] == [1.0, 1.5]
            assert entry.data["standard_errors"] == [0.0, 0.0]


async def test_async_chip_has_a_description_and_a_target() -> None:
    async with serve(emulator()) as url, client_of(url) as client:
        assert (await client.backend(CHIP).target()).num_qubits == 60
        assert (await client.backend(CHIP).describe())["backend"] == "WK_C180"


async def test_async_options_are_sent_as_originqs_client_sends_them() -> None:
    made = emulator()
    async with serve(made) as url, client_of(url) as client:
        run = client.backend(CHIP).run
        await run(bell())
        assert (await run(bell(), **SAID)).options == SAID | {"memory": False}
        await run(tuned(), amend_flag=False)
        await run([bell()] * 3)
    as_sent(made)


async def test_async_lists_are_one_job_however_many_tasks_they_are() -> None:
    made = emulator()
    async with serve(made) as url, client_of(url) as client:
        job = await client.backend(FULL).run([bell()] * 3, shots=5)
        assert [one.counts for one in await job] == [{"01": 5}] * 3
        assert (len(made.jobs), len(job.remote_ids)) == (3, 3)
        assert len(await (await client.backend(CHIP).run([bell()] * 3, shots=5, circuits_per_job=2))) == 3
        assert sorted(len(body["QProg"]) for body in sent(made)[3:]) == [1, 2]  # sent at the same time


async def test_async_options_that_are_not_here_are_refused_with_what_to_say_instead() -> None:
    made = emulator()
    async with serve(made) as url, client_of(url) as client:
        chip = client.backend(CHIP)
        for name, words in REFUSED.items():
            with pytest.raises(qj.UsageError, match=words):
                await chip.run(bell(), **{name: 1})
        with pytest.raises(qj.UsageError, match="amend_flag=2"):
            await chip.run(bell(), amend_flag=2)
        with pytest.raises(qj.UsageError, match="shots"):
            await chip.run(bell(), shots=0)
        with pytest.raises(qj.UsageError, match="measures nothing"):
            await chip.run(QuantumCircuit(2, 2))
    assert not made.requests["submit"]


async def test_async_task_of_another_program_is_cancelled_by_its_id() -> None:
    made = emulator(queue=60)
    async with serve(made) as url, client_of(url) as client, client_of(url) as stranger:
        remote_id = (await client.backend(FULL).run(bell(), shots=5)).remote_id
        assert remote_id is not None
        job = await stranger.attach(FULL, remote_id)
        assert await job.cancel() in {CancelOutcome.CANCELLED, CancelOutcome.REQUESTED}
        with pytest.raises(qj.JobCancelled):
            await job
        assert made.jobs[remote_id].state is S.CANCELLED


async def test_async_counts_are_those_that_were_counted_and_probabilities_the_amended_ones() -> None:
    async with serve(answers(AMENDED)) as url, client_of(url) as client:
        found = await (await client.backend(CHIP).run(bell()))
        assert found.counts == {"00": 400, "01": 600}
        assert found.data["probabilities"] == {"00": 0.25, "01": 0.75}
        assert found.probabilities == {"00": 0.4, "01": 0.6}


async def test_async_key_goes_to_no_host_over_plain_http_unless_that_is_allowed() -> None:
    async with client_of("", more=PLAIN_HTTP) as client:
        with pytest.raises(qj.UsageError, match="allow_http") as refused:
            await client.backend(FULL).run(bell(), shots=5)
    assert KEY not in str(refused.value)
