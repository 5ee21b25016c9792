"""What QCloudJob can, the blocking job can too; docs/reference/parity-qcloudjob.md names these tests."""

from __future__ import annotations

import time

import pytest

import quantumjobs as qj
from quantumjobs.adapters.originq import NoiseModel
from quantumjobs.core.states import CancelOutcome
from quantumjobs.core.states import JobState as S
from quantumjobs.testing.emulators import Fault
from tests.interop.aqt import served
from tests.interop.helpers import PATIENCE, bell
from tests.interop.originq import (
    CHIP,
    FULL,
    KEY,
    MAINTENANCE,
    RARELY,
    WEATHER,
    client_of,
    emulator,
    registers,
    sent,
    ticking,
    warm,
)


def test_blocking_words_are_originqs_and_come_one_after_the_other() -> None:
    with served(emulator(queue=0.5, duration=0.5)) as url, client_of(url) as client:
        jobs = [client.backend(FULL).run(bell(), shots=5) for _ in range(2)]
        words = {snapshot.raw_status for job in reversed(jobs) for snapshot in job.events()}
        assert words - {""} == {"WAITING", "QUEUING", "COMPUTING", "FINISHED"}
        assert (jobs[0].state, jobs[0].done()) == (S.COMPLETED, True)


def test_blocking_job_is_known_by_two_ids_and_an_empty_one_raises() -> None:
    with served(emulator()) as url, client_of(url) as client, client_of(url) as stranger:
        job = client.backend(FULL).run(bell(), shots=5)
        assert job.remote_id is not None
        assert len(job.remote_id) == 32
        assert job.id != job.remote_id
        assert stranger.attach(FULL, job.remote_id).result(timeout=PATIENCE).counts == {"01": 5}
        with pytest.raises(qj.UsageError, match="the provider's id of the job is needed"):
            stranger.attach(FULL, "")


def test_blocking_query_is_one_look_that_waits_for_nothing_and_brings_the_result() -> None:
    made = emulator(queue=0.4)
    with served(made) as url, client_of(url, policies=RARELY) as client:
        job = client.backend(FULL).run(bell(), shots=5)
        began = time.monotonic()
        job.refresh()
        assert time.monotonic() - began < 0.4
        assert (made.requests["task"], job.raw_status) == (1, "QUEUING")
        while not job.refresh().done():
            time.sleep(0.05)
        looks = made.requests["task"]
        assert job.result(timeout=PATIENCE).counts == {"01": 5}
        assert made.requests["task"] == looks


def test_blocking_query_that_meets_maintenance_raises_and_the_job_stays_what_it_was() -> None:
    made = emulator(queue=30, faults=[Fault("schema", operation="task", body=MAINTENANCE)])
    with served(made) as url, client_of(url, policies=RARELY) as client:
        job = client.backend(FULL).run(bell(), shots=5)
        with pytest.raises(qj.ProviderUnavailable, match="under maintenance"):
            job.refresh()
        assert job.state is S.QUEUED


def test_blocking_wait_meets_weather_and_states_that_nobody_knows_and_goes_on() -> None:
    made = emulator(faults=WEATHER)
    with served(made) as url, client_of(url) as client:
        assert client.backend(FULL).run(bell(), shots=5).result(timeout=PATIENCE).counts == {"01": 5}
    assert made.requests["task"] >= 6


def test_blocking_timeout_is_kept_and_the_job_goes_on_or_is_cancelled() -> None:
    made = emulator(queue=1.0)
    with served(made) as url, client_of(url) as client:
        job = client.backend(FULL).run(bell(), shots=5)
        with pytest.raises(qj.ResultTimeout):
            job.result(timeout=0.05)
        with ticking() as ticks:
            assert job.result(timeout=PATIENCE).counts == {"01": 5}
        assert len(ticks) >= 10  # pyqpanda3 holds the interpreter's lock for all of that second
        made.queue.queue = 30
        job = client.backend(FULL).run(bell(), shots=5)
        with pytest.raises(qj.ResultTimeout):
            job.result(timeout=0.05, on_timeout="cancel")
        with pytest.raises(qj.JobCancelled):
            job.result(timeout=PATIENCE)


def test_blocking_failure_and_cancel_raise_and_are_told_apart() -> None:
    made = emulator(faults=[warm()])
    with served(made) as url, client_of(url) as client:
        failed = client.backend(FULL).run(bell(), shots=5)
        with pytest.raises(qj.JobFailed, match="the fridge is warm"):
            failed.result(timeout=PATIENCE)
        assert (failed.state, failed.raw_status) == (S.FAILED, "FAILED")
        assert "the fridge is warm" in str(failed.error)
        made.queue.queue = 30
        job = client.backend(FULL).run(bell(), shots=5)
        assert job.cancel() in {CancelOutcome.CANCELLED, CancelOutcome.REQUESTED}
        with pytest.raises(qj.JobCancelled):
            job.result(timeout=PATIENCE)
        ended = client.backend(FULL).run(bell(), shots=5)
        ended.cancel()
        ended.wait(timeout=PATIENCE)
        assert ended.state is S.CANCELLED


def test_blocking_cancel_that_comes_too_late_says_so() -> None:
    made = emulator()
    with served(made) as url, client_of(url, policies=RARELY) as client:
        job = client.backend(FULL).run(bell(), shots=5)
        assert [task.state for task in made.jobs.values()] == [S.COMPLETED]  # there; here nobody has looked yet
        assert job.state is S.QUEUED
        assert job.cancel() is CancelOutcome.TOO_LATE
        assert job.result(timeout=PATIENCE).counts == {"01": 5}
        assert job.cancel() is CancelOutcome.TOO_LATE
    assert made.requests["cancel"] == 1


def test_blocking_results_have_each_circuits_counts_probabilities_and_facts() -> None:
    with served(emulator()) as url, client_of(url) as client:
        job = client.backend(CHIP).run(
            [registers(), bell()], shots=5, keys=["mapping_qubit", "measure_qubits", "qprog"]
        )
        first, second = job.result(timeout=PATIENCE)
        assert (first.counts, second.counts) == ({"0 0 10": 5}, {"01": 5})
        assert (second.probabilities, second.data["probabilities"]) == ({"01": 1.0}, {"01": 1.0})
        assert {"mappingQubit", "measureQubits", "qprog", "startTime", "totalTime"} <= first.metadata.keys()
        assert b'"probCount"' in first.raw["body"]


def test_blocking_amplitudes_and_probabilities_are_data() -> None:
    with served(emulator()) as url, client_of(url) as client:
        found = client.backend("originq/single_amplitude").run(bell(), amplitudes=["0"]).result(timeout=PATIENCE)
        assert found.data["amplitudes"] == {"0": 1}
        found = client.backend(FULL).run(bell(), qubits=[0, 1]).result(timeout=PATIENCE)
        assert found.probabilities == {"01": 1.0}


def test_blocking_options_go_by_their_names_and_unknown_ones_are_refused() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        chip = client.backend(CHIP)
        job = chip.run(
            bell(), shots=5, amend_flag=3, mapping=True, optimization=False, point_label=2, use_cz_pattern=True
        )
        job.result(timeout=PATIENCE)
        assert job.options["amend_flag"] == 3
        chip.run(bell(), is_prob_counts=False, specified_block=[45], extra={"dataFormat": 2}).result(timeout=PATIENCE)
        with pytest.raises(qj.UsageError, match="unknown option|has no option"):
            chip.run(bell(), dataFormat=2)
    first, second = sent(made)
    assert (first["Configuration"]["amendFlag"], second["Configuration"]["dataFormat"]) == (3, 2)


def test_blocking_noise_is_said_to_run() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        model = NoiseModel("BITFLIP_KRAUS_OPERATOR", (0.01,), (0.02,))
        client.backend(FULL).run(bell(), shots=5, noise_model=model).result(timeout=PATIENCE)
    assert sent(made)[0]["Configuration"]["noisemodel"]["single_gate"] == ["BITFLIP_KRAUS_OPERATOR", 0.01]


def test_blocking_refusal_has_the_services_words_and_a_lost_answer_is_a_doubt() -> None:
    refusal = Fault("schema", operation="submit", body=MAINTENANCE)
    made = emulator(faults=[refusal, Fault("reset", operation="submit", at=2, after=True)])
    with served(made) as url, client_of(url) as client:
        with pytest.raises(qj.JobRejected, match="under maintenance"):
            client.backend(FULL).run(bell(), shots=5)
        with pytest.raises(qj.SubmissionUncertain) as uncertain:
            client.backend(FULL).run(bell(), shots=5)
        job = uncertain.value.job
        assert job is not None
        (remote_id,) = made.jobs  # which the user has seen on OriginQ's page
        assert job.adopt(remote_id).result(timeout=PATIENCE).counts == {"01": 5}
    assert (len(made.jobs), made.requests["submit"]) == (1, 2)


def test_blocking_key_that_is_refused_is_told_and_not_shown() -> None:
    with served(emulator(token="another/1")) as url, client_of(url) as client:
        with pytest.raises(qj.CredentialError, match="Unauthorized") as caught:
            client.backend(FULL).run(bell(), shots=5)
        assert KEY not in str(caught.value)


def test_blocking_expectation_values_are_data() -> None:
    with served(emulator(results="zeros")) as url, client_of(url) as client:
        result = client.backend(FULL).run(bell(), observables={"ZZ": 2.0}).result(timeout=PATIENCE)
        assert result.data["expectation_values"] == [2.0]


def test_blocking_chip_has_a_target() -> None:
    with served(emulator()) as url, client_of(url) as client:
        assert set(client.backend(CHIP).target().operation_names) == {"r", "cz", "measure"}
