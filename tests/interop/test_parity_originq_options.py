"""What `run` takes at OriginQ, tasks of other programs, and answers that are odd: blocking, and with Qiskit's methods.

docs/reference/parity-qcloudjob.md names these tests. Those of the async job are in `test_parity_originq_async.py`.
"""

from __future__ import annotations

import time

import pytest
from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.providers import JobError, JobStatus

import quantumjobs as qj
from quantumjobs.core.states import CancelOutcome
from quantumjobs.core.states import JobState as S
from quantumjobs.interop.qiskit import backend
from tests.interop.aqt import served
from tests.interop.helpers import PATIENCE, bell
from tests.interop.originq import (
    AMENDED,
    CHIP,
    FULL,
    HANGS,
    IMPATIENT,
    KEY,
    PLAIN_HTTP,
    REFUSED,
    SAID,
    SHORT,
    answers,
    as_sent,
    client_of,
    emulator,
    hanging,
    sent,
    tuned,
)


# --- blocking ----------------------------------------------------------------------------------
def test_blocking_options_are_sent_as_originqs_client_sends_them() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        run = client.backend(CHIP).run
        run(bell())
        assert run(bell(), **SAID).options == SAID | {"memory": False}
        run(tuned(), amend_flag=False)
        run([bell()] * 3)
    as_sent(made)


def test_blocking_lists_are_one_job_however_many_tasks_they_are() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        job = client.backend(FULL).run([bell()] * 3, shots=5)  # where pyqpanda3 takes no list
        assert [one.counts for one in job.result(timeout=PATIENCE)] == [{"01": 5}] * 3
        assert (len(made.jobs), len(job.remote_ids)) == (3, 3)
        job = client.backend(CHIP).run([bell()] * 3, shots=5, circuits_per_job=2)
        assert len(job.result(timeout=PATIENCE)) == 3
        assert sorted(len(body["QProg"]) for body in sent(made)[3:]) == [1, 2]  # sent at the same time


def test_blocking_options_that_are_not_here_are_refused_with_what_to_say_instead() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        chip = client.backend(CHIP)
        for name, words in REFUSED.items():
            with pytest.raises(qj.UsageError, match=words):
                chip.run(bell(), **{name: 1})
        with pytest.raises(qj.UsageError, match="amend_flag=2"):
            chip.run(bell(), amend_flag=2)
        with pytest.raises(qj.UsageError, match="shots"):
            chip.run(bell(), shots=0)
        with pytest.raises(qj.UsageError, match="measures nothing"):
            chip.run(QuantumCircuit(2, 2))
        assert client.jobs() == []
    assert not made.requests["submit"]


def test_blocking_task_of_another_program_is_cancelled_by_its_id() -> None:
    made = emulator(queue=60)
    with served(made) as url, client_of(url) as client, client_of(url) as stranger:
        remote_id = client.backend(FULL).run(bell(), shots=5).remote_id
        assert remote_id is not None
        job = stranger.attach(FULL, remote_id)
        assert job.cancel() in {CancelOutcome.CANCELLED, CancelOutcome.REQUESTED}
        with pytest.raises(qj.JobCancelled):
            job.result(timeout=PATIENCE)
        assert made.jobs[remote_id].state is S.CANCELLED


def test_blocking_counts_are_those_that_were_counted_and_probabilities_the_amended_ones() -> None:
    with served(answers(AMENDED)) as url, client_of(url) as client:
        found = client.backend(CHIP).run(bell()).result(timeout=PATIENCE)
        assert found.counts == {"00": 400, "01": 600}
        assert found.data["probabilities"] == {"00": 0.25, "01": 0.75}
        assert found.probabilities == {"00": 0.4, "01": 0.6}


def test_blocking_answer_with_fewer_results_than_programs_is_an_error_of_each() -> None:
    with served(answers(SHORT)) as url, client_of(url) as client:
        for one in client.backend(CHIP).run([bell()] * 2, shots=5).result(timeout=PATIENCE):
            with pytest.raises(qj.ResultUnavailable, match="1 result"):
                _ = one.counts


def test_blocking_server_that_hangs_delays_a_job_by_one_attempt() -> None:
    made = hanging()
    with served(made) as url, client_of(url, more=IMPATIENT) as client:
        job = client.backend(FULL).run(bell(), shots=5)
        began = time.monotonic()
        assert job.result(timeout=PATIENCE).counts == {"01": 5}
        assert time.monotonic() - began < HANGS / 2
    assert made.requests["task"] >= 2


def test_blocking_key_goes_to_no_host_over_plain_http_unless_that_is_allowed() -> None:
    with client_of("", more=PLAIN_HTTP) as client, pytest.raises(qj.UsageError, match="allow_http") as refused:
        client.backend(FULL).run(bell(), shots=5)
    assert KEY not in str(refused.value)


# --- with Qiskit's methods ---------------------------------------------------------------------
def test_qiskit_options_are_sent_as_originqs_client_sends_them() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        chip = backend(CHIP, client)
        chip.run(bell())
        assert backend(CHIP, client, **SAID).run(bell()).job.options == SAID | {"memory": False}
        chip.run(tuned(), amend_flag=False)
        chip.run([bell()] * 3)
    as_sent(made)


def test_qiskit_lists_are_one_job_however_many_tasks_they_are() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        job = backend(FULL, client).run([bell()] * 3, shots=5)
        assert job.result().get_counts() == [{"01": 5}] * 3
        assert (len(made.jobs), len(job.job.remote_ids)) == (3, 3)
        assert len(backend(CHIP, client).run([bell()] * 3, shots=5, circuits_per_job=2).result().results) == 3
        assert sorted(len(body["QProg"]) for body in sent(made)[3:]) == [1, 2]  # sent at the same time


def test_qiskit_options_that_are_not_here_are_refused_with_what_to_say_instead() -> None:
    made = emulator()
    with served(made) as url, client_of(url) as client:
        chip = backend(CHIP, client)
        for name, words in REFUSED.items():
            with pytest.raises(QiskitError, match=words):
                chip.run(bell(), **{name: 1})
        with pytest.raises(QiskitError, match="amend_flag=2"):
            chip.run(bell(), amend_flag=2)
        with pytest.raises(QiskitError, match="shots"):
            chip.run(bell(), shots=0)
        with pytest.raises(QiskitError, match="measures nothing"):
            chip.run(QuantumCircuit(2, 2))
    assert not made.requests["submit"]


def test_qiskit_task_of_another_program_is_cancelled_by_its_id() -> None:
    made = emulator(queue=60)
    with served(made) as url, client_of(url) as client, client_of(url) as stranger:
        remote_id = backend(FULL, client).run(bell(), shots=5).job.remote_id
        job = backend(FULL, stranger).retrieve_job(remote_id)
        assert job.cancel() is True
        with pytest.raises(JobError):
            job.result()
        assert job.status() is JobStatus.CANCELLED
        assert made.jobs[remote_id].state is S.CANCELLED


def test_qiskit_counts_are_those_that_were_counted_and_probabilities_the_amended_ones() -> None:
    with served(answers(AMENDED)) as url, client_of(url) as client:
        job = backend(CHIP, client).run(bell())
        assert job.result().get_counts() == {"00": 400, "01": 600}
        assert job.result().results[0].data.counts == {"0x0": 400, "0x1": 600}
        assert job.job.result().data["probabilities"] == {"00": 0.25, "01": 0.75}


def test_qiskit_answer_with_fewer_results_than_programs_is_an_error_of_each() -> None:
    with served(answers(SHORT)) as url, client_of(url) as client:
        result = backend(CHIP, client).run([bell()] * 2, shots=5).result()
        for place in range(2):
            with pytest.raises(QiskitError, match="1 result for 2 programs"):
                result.get_counts(place)


def test_qiskit_server_that_hangs_delays_a_job_by_one_attempt() -> None:
    made = hanging()
    with served(made) as url, client_of(url, more=IMPATIENT) as client:
        job = backend(FULL, client).run(bell(), shots=5)
        began = time.monotonic()
        assert job.result().get_counts() == {"01": 5}
        assert time.monotonic() - began < HANGS / 2
    assert made.requests["task"] >= 2


def test_qiskit_key_goes_to_no_host_over_plain_http_unless_that_is_allowed() -> None:
    with client_of("", more=PLAIN_HTTP) as client, pytest.raises(QiskitError, match="allow_http") as refused:
        backend(FULL, client).run(bell(), shots=5)
    assert KEY not in str(refused.value)
