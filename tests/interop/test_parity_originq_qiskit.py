"""What QCloudJob can, the job with Qiskit's methods can too; docs/reference/parity-qcloudjob.md names these tests."""

from __future__ import annotations

import time

import pytest
from qiskit.exceptions import QiskitError
from qiskit.providers import JobError, JobStatus

import quantumjobs as qj
from quantumjobs.adapters.originq import NoiseModel
from quantumjobs.core.states import JobState as S
from quantumjobs.interop.qiskit import backend
from quantumjobs.testing.emulators import Fault
from tests.interop.aqt import served
from tests.interop.helpers import bell
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


def test_qiskit_status_words_are_qiskits_and_originqs_are_beside_them() -> None:
    with served(emulator(queue=0.5, duration=0.5)) as url, client_of(url) as client:
        job = backend(FULL, client).run(bell(), shots=5)
        words, theirs = [], []
        while not job.in_final_state():
            words.append(job.status())
            theirs.append(job.job.raw_status)
            time.sleep(0.005)
        assert list(dict.fromkeys([*words, job.status()])) == [JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.DONE]
        assert {"QUEUING", "COMPUTING"} <= set(theirs)
        assert job.job.raw_status == "FINISHED"


def test_qiskit_job_is_known_by_two_ids_and_an_empty_one_raises() -> None:
    with served(emulator()) as url, client_of(url) as client, client_of(url) as stranger:
        job = backend(FULL, client).run(bell(), shots=5)
        assert job.job_id() == job.job.id
        found = backend(FULL, stranger).retrieve_job(job.job.remote_id)
        assert found.result().get_counts() == {"01": 5}
        with pytest.raises(QiskitError, match="id"):
            backend(FULL, stranger).retrieve_job("")


def test_qiskit_query_is_one_look_that_waits_for_nothing_and_brings_the_result() -> None:
    made = emulator(queue=0.4)
    with served(made) as url, client_of(url, policies=RARELY) as client:
        job = backend(FULL, client).run(bell(), shots=5)
        job.job.refresh()
        assert (made.requests["task"], job.status()) == (1, JobStatus.QUEUED)
        while not job.job.refresh().done():
            time.sleep(0.05)
        looks = made.requests["task"]
        assert job.result().get_counts() == {"01": 5}
        assert made.requests["task"] == looks


def test_qiskit_query_that_meets_maintenance_raises_and_the_job_stays_what_it_was() -> None:
    made = emulator(queue=30, faults=[Fault("schema", operation="task", body=MAINTENANCE)])
    with served(made) as url, client_of(url, policies=RARELY) as client:
        job = backend(FULL, client).run(bell(), shots=5)
        with pytest.raises(qj.ProviderUnavailable, match="under maintenance"):
            job.job.refresh()
        assert job.status() is JobStatus.QUEUED


def test_qiskit_wait_meets_weather_and_states_that_nobody_knows_and_goes_on() -> None:
    made = emulator(faults=WEATHER)
    with served(made) as url, client_of(url) as client:
        assert backend(FULL, client).run(bell(), shots=5).result().get_counts() == {"01": 5}
    assert made.requests["task"] >= 6


def test_qiskit_timeout_is_kept_and_the_job_goes_on() -> None:
    with served(emulator(queue=1.0)) as url, client_of(url) as client:
        job = backend(FULL, client).run(bell(), shots=5)
        with pytest.raises(qj.ResultTimeout):
            job.result(timeout=0.05)
        with ticking() as ticks:
            assert job.result().get_counts() == {"01": 5}
        assert len(ticks) >= 10  # pyqpanda3 holds the interpreter's lock for all of that second


def test_qiskit_failure_and_cancel_raise_and_are_told_apart() -> None:
    made = emulator(faults=[warm()])
    with served(made) as url, client_of(url) as client:
        failed = backend(FULL, client).run(bell(), shots=5)
        with pytest.raises(JobError, match="the fridge is warm"):
            failed.result()
        assert failed.status() is JobStatus.ERROR
        assert "the fridge is warm" in str(failed.error_message())
        made.queue.queue = 30
        job = backend(FULL, client).run(bell(), shots=5)
        assert job.cancel() is True
        with pytest.raises(qj.JobCancelled) as cancelled:
            job.result()
        assert isinstance(cancelled.value, JobError)
        assert job.status() is JobStatus.CANCELLED
        assert job.cancelled()


def test_qiskit_cancel_that_comes_too_late_is_false() -> None:
    made = emulator()
    with served(made) as url, client_of(url, policies=RARELY) as client:
        job = backend(FULL, client).run(bell(), shots=5)
        assert [task.state for task in made.jobs.values()] == [S.COMPLETED]  # there; here nobody has looked yet
        assert job.status() is JobStatus.QUEUED
        assert job.cancel() is False
        assert job.result().get_counts() == {"01": 5}
        assert job.cancel() is False
    assert made.requests["cancel"] == 1


def test_qiskit_results_have_each_circuits_counts_and_facts() -> None:
    with served(emulator()) as url, client_of(url) as client:
        job = backend(CHIP, client).run([registers(), bell()], shots=5, keys=["mapping_qprog", "target_cbits"])
        result = job.result()
        assert [dict(counts) for counts in result.get_counts()] == [{"0 0 10": 5}, {"01": 5}]
        assert (result.success, result.backend_name) == (True, CHIP)
        first = result.results[0]
        assert first.header["creg_sizes"] == [["a", 2], ["unused", 1], ["b", 1]]
        assert {"mappingQprog", "targetCbits", "startTime"} <= first.metadata.keys()


def test_qiskit_amplitudes_and_probabilities_are_data_of_our_result() -> None:
    with served(emulator()) as url, client_of(url) as client:
        job = backend("originq/partial_amplitude", client).run(bell(), amplitudes=["0", "3"])
        job.result()
        assert job.job.result().data["amplitudes"] == {"0": 1, "3": 0}
        job = backend(FULL, client).run(bell(), qubits=[0, 1])
        job.result()
        assert job.job.result().probabilities == {"01": 1.0}


def test_qiskit_options_go_by_their_names_and_unknown_ones_are_refused() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        chip = backend(CHIP, client, amend_flag=0)
        chip.run(bell(), shots=5, mapping=True, extra={"dataFormat": 2}).result()
        with pytest.raises(QiskitError, match="unknown option|has no option"):
            chip.run(bell(), dataFormat=2)
    (body,) = sent(made)
    assert (body["Configuration"]["amendFlag"], body["Configuration"]["dataFormat"]) == (0, 2)


def test_qiskit_noise_is_said_to_run() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        model = NoiseModel("DAMPING_KRAUS_OPERATOR", (0.01,), (0.02,))
        backend(FULL, client).run(bell(), shots=5, noise_model=model).result()
    assert sent(made)[0]["QMachineType"] == "1"


def test_qiskit_refusal_has_the_services_words_and_a_lost_answer_is_a_doubt() -> None:
    refusal = Fault("schema", operation="submit", body=MAINTENANCE)
    made = emulator(faults=[refusal, Fault("reset", operation="submit", at=2, after=True)])
    with served(made) as url, client_of(url) as client:
        with pytest.raises(JobError, match="under maintenance"):
            backend(FULL, client).run(bell(), shots=5)
        with pytest.raises(qj.SubmissionUncertain) as uncertain:
            backend(FULL, client).run(bell(), shots=5)
        assert isinstance(uncertain.value, JobError)
        (remote_id,) = made.jobs  # which the user has seen on OriginQ's page
        assert uncertain.value.job is not None
        uncertain.value.job.adopt(remote_id)
        assert backend(FULL, client).retrieve_job(remote_id).result().get_counts() == {"01": 5}
    assert (len(made.jobs), made.requests["submit"]) == (1, 2)


def test_qiskit_key_that_is_refused_is_told_and_not_shown() -> None:
    with served(emulator(token="another/1")) as url, client_of(url) as client:
        with pytest.raises(qj.CredentialError, match="Unauthorized") as caught:
            backend(FULL, client).run(bell(), shots=5)
        assert KEY not in str(caught.value)


def test_qiskit_expectation_values_are_data_of_our_result() -> None:
    with served(emulator(results="zeros")) as url, client_of(url) as client:
        job = backend(CHIP, client).run(bell(), shots=5, observables=["ZZ", "ZI"])
        job.result()
        assert job.job.result().data["expectation_values"] == [1.0, 1.0]


def test_qiskit_chip_has_a_target() -> None:
    with served(emulator()) as url, client_of(url) as client:
        assert backend(CHIP, client).target.num_qubits == 60
