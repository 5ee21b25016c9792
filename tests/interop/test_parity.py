"""What AerJob can, the blocking and the async job can too; docs/reference/parity-aerjob.md names these tests.

Those of Qiskit's face are in `test_jobs.py`; the async ones here are those that no other file has.
"""

from __future__ import annotations

import concurrent.futures
import pickle
import time

import pytest

import quantumjobs as qj
from quantumjobs.blocking import Client, Job
from quantumjobs.core.states import QISKIT_STATUS, TERMINAL, JobState
from tests.endtoend.helpers import volume
from tests.endtoend.test_failures import impossible
from tests.engine.helpers import BELL, client_on
from tests.interop.helpers import NEVER, PATIENCE, bell, cloud, end, number, until

S = JobState


def client(fake) -> Client:
    return Client(providers={"fake": fake})


# --- blocking: what it is -----------------------------------------------------------------
def test_blocking_names_itself_and_its_backend_and_is_found_by_its_id() -> None:
    with Client() as aer:
        job = aer.backend("aer").run(bell(), name="mine", tags=["a"], shots=3)
        assert isinstance(job, Job)
        assert (job.backend, job.name, job.tags) == ("aer", "mine", ("a",))
        assert job.options["shots"] == 3
        assert aer.job(job.id) is job
        assert aer.attach(pickle.loads(pickle.dumps(job))) is job


def test_blocking_gives_its_circuits_back() -> None:
    with Client() as aer:
        circuit = bell()
        assert aer.backend("aer").run([circuit, circuit]).circuits() == [circuit, circuit]


def test_blocking_runs_on_an_executor_of_the_users() -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as executor, Client(providers={"aer": {"executor": executor}}) as aer:
        assert aer.backend("aer").run(number(3), shots=7).result().counts == {"011": 7}


# --- blocking: where it is ------------------------------------------------------------------
def test_blocking_states_come_one_after_the_other() -> None:
    fake = cloud(queued=NEVER)
    with client(fake) as cloudy:
        job = cloudy.backend("fake/sim").run(bell())
        assert (job.state, job.done()) == (S.QUEUED, False)
        for one in fake.jobs.values():
            one.starts = one.created
        until(lambda: job.state is S.RUNNING)
        assert not job.done()
        end(fake)
        job.wait(timeout=PATIENCE)
        assert (job.state, job.done()) == (S.COMPLETED, True)
        assert [line.after for line in job.story] == [S.SUBMITTING, S.QUEUED, S.RUNNING, S.COMPLETED]


def test_every_state_has_a_word_of_qiskits_and_final_ones_are_final() -> None:
    from qiskit.providers.jobstatus import JOB_FINAL_STATES, JobStatus

    assert QISKIT_STATUS.keys() == set(S)
    assert {state for state in S if JobStatus[QISKIT_STATUS[state]] in JOB_FINAL_STATES} == TERMINAL


# --- blocking: waiting ------------------------------------------------------------------------
def test_blocking_result_is_the_same_each_time() -> None:
    with Client() as aer:
        job = aer.backend("aer").run(number(5), shots=4)
        assert job.result(timeout=PATIENCE).counts == {"101": 4}
        assert job.result() is job.result(timeout=0)
        assert job.result().to_qiskit().get_counts() == {"101": 4}


def test_blocking_timeouts_are_kept_and_the_job_goes_on() -> None:
    with Client() as aer:
        job = aer.backend("aer").run(volume(20, 400))
        until(lambda: job.state is S.RUNNING)
        begun = time.monotonic()
        for wait in (job.result, job.wait):
            with pytest.raises(TimeoutError) as timeout:
                wait(timeout=0.1)
            assert isinstance(timeout.value, qj.ResultTimeout)
            assert timeout.value.job is job
        assert time.monotonic() - begun < 15  # the simulation takes longer by far
        assert job.state is S.RUNNING
        job.cancel()


def test_blocking_wait_never_raises_for_how_it_ended() -> None:
    with client(cloud(outcome="failed")) as cloudy:
        job = cloudy.backend("fake/sim").run(bell())
        assert job.wait() is job
        assert job.state is S.FAILED
        assert isinstance(job.error, qj.JobFailed)


def test_blocking_events_tell_every_change_until_the_end() -> None:
    fake = cloud(running=NEVER)
    with client(fake) as cloudy:
        job = cloudy.backend("fake/sim").run(bell())
        seen = []
        for snapshot in job.events():
            seen.append(snapshot.state)
            end(fake)
        assert seen[-1] is S.COMPLETED


# --- blocking: cancelling ---------------------------------------------------------------------
def test_blocking_cancels_what_is_queued_what_runs_and_says_too_late() -> None:
    with client(cloud(queued=NEVER)) as cloudy:
        job = cloudy.backend("fake/sim").run(bell())
        assert job.cancel() is qj.CancelOutcome.CANCELLED
        assert job.state is S.CANCELLED
        with pytest.raises(qj.JobCancelled):
            job.result()
    with Client() as aer:
        job = aer.backend("aer").run(volume(20, 400))
        until(lambda: job.state is S.RUNNING)
        assert job.cancel() is qj.CancelOutcome.CANCELLED
        ended = aer.backend("aer").run(bell())
        ended.result()
        assert ended.cancel() is qj.CancelOutcome.TOO_LATE
        assert ended.state is S.COMPLETED


# --- blocking: failing ------------------------------------------------------------------------
def test_blocking_failure_raises_with_what_was_finished() -> None:
    with Client() as aer:
        job = aer.backend("aer").run([number(1), impossible(), number(2)], shots=5)
        with pytest.raises(qj.JobFailed, match="impossible") as failed:
            job.result()
        partial = failed.value.partial
        assert partial is not None
        assert [one.error is None for one in partial] == [True, False, True]
        assert partial[2].counts == {"010": 5}
        assert partial.to_qiskit().success is False


def test_blocking_refuses_unknown_and_dead_options_and_bad_circuits_at_once() -> None:
    with Client() as aer:
        backend = aer.backend("aer")
        with pytest.raises(qj.UsageError, match="seed_simulator"):
            backend.run(bell(), seed_simulater=1)
        with pytest.raises(qj.UsageError, match="does nothing in Aer"):
            backend.run(bell(), max_job_size=1)
        with pytest.raises(qj.UsageError, match="at least 1"):
            backend.run(bell(), shots=0)
        with pytest.raises(ValueError, match="no circuit"):
            backend.run([])
        assert aer.jobs() == []


# --- blocking: side by side -------------------------------------------------------------------
def test_blocking_jobs_do_not_wait_for_each_other() -> None:
    with Client(providers={"aer": {"workers": 2}}) as aer:
        backend = aer.backend("aer")
        long = backend.run(volume(20, 400))
        until(lambda: long.state is S.RUNNING)
        assert backend.run(number(6), shots=2).result(timeout=PATIENCE).counts == {"110": 2}
        assert long.state is S.RUNNING
        long.cancel()


# --- async: what no other file has --------------------------------------------------------------
async def test_async_cancel_of_a_finished_job_is_too_late_and_harmless() -> None:
    async with client_on(cloud(running=5)) as cloudy:
        job = await cloudy.backend("fake/sim").run(BELL)
        result = await job
        assert await job.cancel() is qj.CancelOutcome.TOO_LATE
        assert await job is result


async def test_async_is_found_by_its_id_and_in_a_pickle() -> None:
    async with client_on(cloud(queued=5)) as cloudy:
        job = await cloudy.backend("fake/sim").run(BELL, name="mine")
        assert await cloudy.job(job.id) is job
        assert await cloudy.attach(pickle.loads(pickle.dumps(job))) is job
        await job


@pytest.mark.real_time
async def test_async_jobs_do_not_wait_for_each_other() -> None:
    async with qj.Client(providers={"aer": {"workers": 2}}) as aer:
        backend = aer.backend("aer")
        long = await backend.run(volume(20, 400))
        assert (await (await backend.run(number(6), shots=2))).counts == {"110": 2}
        assert not long.done()
        await long.cancel()
