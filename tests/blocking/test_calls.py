"""Blocking calls, in the threads of one process: results, errors, time limits, streams, callbacks, and their ends."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref

import pytest

import quantumjobs as qj
from quantumjobs import blocking
from quantumjobs.core.states import Fetch
from quantumjobs.testing.fake import FakeProvider
from tests.blocking.helpers import CIRCUIT, LONG, Background, client_on, until


# --- results and errors -----------------------------------------------------------------
def test_a_script_gets_its_result():
    with client_on() as (client, _):
        job = client.backend("fake/sim").run(CIRCUIT, shots=7, name="bell", tags=["a"])
        assert sum(job.result().counts.values()) == 7
        assert (job.name, job.tags, job.state, job.done()) == ("bell", ("a",), "completed", True)
        assert job.circuits() == [CIRCUIT]
        assert next(iter(job.timeline)) == "created"


def test_the_same_job_is_the_same_object_as_long_as_it_is_held():
    with client_on() as (client, _):
        job = client.backend("fake/sim").run(CIRCUIT)
        assert job.wait() is job
        assert client.job(job.id) is job
        assert client.jobs() == [job]
        assert job.refresh() is job
        assert {job: 1}[client.job(job.id)] == 1


def test_a_failure_carries_the_blocking_job_and_what_was_finished():
    with client_on(outcome="failed", partial=1) as (client, _):
        job = client.backend("fake/sim").run([CIRCUIT, CIRCUIT])
        with pytest.raises(qj.JobFailed) as caught:
            job.result()
        assert caught.value.job is job
        assert sum(caught.value.partial[0].counts.values()) > 0
        assert job.error.job is job
        again = job.retry_failed()
        assert isinstance(again, blocking.Job)
        assert again is not job


def test_a_refusal_of_run_carries_a_blocking_job():
    rejected = qj.ProviderRejected("no")
    with client_on(fail_submit=[rejected]) as (client, _), pytest.raises(qj.JobRejected) as caught:
        client.backend("fake/sim").run(CIRCUIT)
    assert isinstance(caught.value.job, blocking.Job)


def test_a_usage_error_is_raised_where_the_mistake_is():
    with client_on() as (client, fake):
        with pytest.raises(qj.UsageError, match="did you mean 'seed'"):
            client.backend("fake/sim").run(CIRCUIT, seeed=1)
        with pytest.raises(qj.UsageError, match="unknown provider"):
            client.backend("fak/sim")
        assert fake.calls["submit"] == 0


def test_a_cancel_cancels():
    with client_on(running=LONG) as (client, _):
        job = client.backend("fake/sim").run(CIRCUIT)
        waiting = Background(job.result)
        assert job.cancel() is qj.CancelOutcome.CANCELLED
        with pytest.raises(qj.JobCancelled):
            waiting.value()


def test_the_backends_and_what_they_say_come_without_await():
    with client_on(backends=("sim", "chip")) as (client, _):
        assert {"fake/chip", "fake/sim"} <= set(client.backends())
        assert isinstance(client.backend("fake/sim").describe(), dict)
        assert client.backend("fake/sim").address == "fake/sim"
        with pytest.raises(qj.UsageError, match="no Qiskit target"):
            client.backend("fake/sim").target()


# --- wherever it is called --------------------------------------------------------------
@pytest.mark.real_time
async def test_it_works_inside_a_running_event_loop():
    with client_on() as (client, _):
        assert client.backend("fake/sim").run(CIRCUIT).result()
        assert await asyncio.to_thread(client.backend("fake/sim").run(CIRCUIT).result)


def test_a_thousand_results_from_32_threads_are_fetched_once_per_job():
    jobs_made, calls = 20, 1000
    with client_on(running=0.2, fetch=Fetch.LAZY) as (client, fake):
        backend = client.backend("fake/sim")
        backend.run(CIRCUIT).result()
        jobs = [backend.run(CIRCUIT, shots=at + 1) for at in range(jobs_made)]
        fetched, most = fake.calls["fetch"], 0
        turns = iter(range(calls))
        taking, found = threading.Lock(), []

        def work():
            while True:
                with taking:
                    turn = next(turns, None)
                if turn is None:
                    return
                job = jobs[turn % jobs_made]
                found.append((job, sum(job.result().counts.values())))

        idle = threading.active_count()
        threads = [Background(work) for _ in range(32)]
        while any(thread.is_alive() for thread in threads):
            most = max(most, threading.active_count())
            time.sleep(0.01)
        for thread in threads:
            thread.value()
        assert len(found) == calls
        assert all(shots == jobs.index(job) + 1 for job, shots in found)
        assert fake.calls["fetch"] - fetched == jobs_made
        assert most <= idle + 32


def test_all_clients_share_one_thread():
    with client_on() as (first, _), client_on() as (second, _):
        first.backend("fake/sim").run(CIRCUIT).result()
        second.backend("fake/sim").run(CIRCUIT).result()
        assert [thread.name for thread in threading.enumerate()].count("quantumjobs") == 1


def test_a_call_from_the_engines_own_thread_raises_instead_of_waiting_for_itself():
    told = []

    def plan(_):
        try:
            client.backends()
        except qj.UsageError as error:
            told.append(str(error))
        return 0.0

    with client_on(running=plan) as (client, _):
        client.backend("fake/sim").run(CIRCUIT).result()
    assert told
    assert "own event loop" in told[0]


# --- time limits ------------------------------------------------------------------------
def test_a_wait_that_runs_out_of_time_keeps_the_job():
    with client_on(running=LONG) as (client, _):
        job = client.backend("fake/sim").run(CIRCUIT)
        for wait in (job.result, job.wait):
            with pytest.raises(qj.ResultTimeout, match="it goes on") as caught:
                wait(timeout=0.05)
            assert isinstance(caught.value, TimeoutError)
            assert caught.value.job is job
            assert client.job(caught.value.token) is job
            assert caught.value.cancel is None
        assert not job.done()


def test_a_wait_that_runs_out_of_time_cancels_where_that_is_wanted():
    with client_on(running=LONG) as (client, fake):
        job = client.backend("fake/sim").run(CIRCUIT)
        with pytest.raises(qj.ResultTimeout) as caught:
            job.result(0.05, on_timeout="cancel")
        assert caught.value.cancel is qj.CancelOutcome.CANCELLED
        assert "asked to stop it: cancelled" in str(caught.value)
        assert job.state == "cancelled"
        assert fake.calls["cancel"] == 1


def test_a_time_limit_is_kept_when_the_job_is_slower_and_does_not_matter_when_it_is_done():
    with client_on(running=0.05) as (client, _):
        job = client.backend("fake/sim").run(CIRCUIT)
        assert job.result(timeout=30).counts
        assert job.result(timeout=0).counts
        other = client.backend("fake/sim").run(CIRCUIT)
        other.wait(timeout=float("inf"))
        assert other.result(timeout=-1).counts  # not decoded yet, and at hand


@pytest.mark.parametrize("timeout", ["5", True, float("nan"), object()])
def test_what_is_no_time_is_refused(timeout):
    with client_on(running=LONG) as (client, _):
        job = client.backend("fake/sim").run(CIRCUIT)
        with pytest.raises(qj.UsageError, match="timeout="):
            job.result(timeout)
        with pytest.raises(qj.UsageError, match="on_timeout="):
            job.result(5, on_timeout="explode")


async def slow_weather():
    raise TimeoutError("the weather's")


def test_a_timeout_of_the_jobs_own_is_not_taken_for_the_callers():
    with client_on(running=LONG) as (client, _):
        job = client.backend("fake/sim").run(CIRCUIT)
        with pytest.raises(TimeoutError, match="the weather's"):
            client._bridge.timed(slow_weather(), job._twin, 20, "keep")
    bug = TimeoutError("the adapter's")
    with client_on(fetch=Fetch.LAZY, breaks={"fetch": bug}) as (client, _):
        job = client.backend("fake/sim").run(CIRCUIT)
        job.wait()
        with pytest.raises(Exception, match="the adapter's") as caught:
            job.result(timeout=20)
        assert not isinstance(caught.value, qj.ResultTimeout)


# --- streams ----------------------------------------------------------------------------
def test_events_are_followed_to_the_end():
    with client_on(queued=0.1, running=0.1) as (client, _):
        job = client.backend("fake/sim").run(CIRCUIT)
        seen = [snapshot.state for snapshot in job.events()]
        assert seen[-1] == "completed"
        assert seen == sorted(seen, key=list(qj.JobState).index)


def test_a_stream_can_be_left_while_another_thread_waits_in_it():
    with client_on(running=LONG) as (client, _):
        stream = client.backend("fake/sim").run(CIRCUIT).events()
        first = next(stream)
        waiting = Background(lambda: list(stream))
        until(lambda: stream._next is not None)
        stream.close()
        assert set(waiting.value()) <= {first}
        assert list(stream) == []
        stream.close()


def test_everything_that_happens_is_told_from_a_cursor_on():
    with client_on() as (client, _):
        job = client.backend("fake/sim").run(CIRCUIT)
        job.result()
        with client.events() as events:
            told = [next(events) for _ in range(3)]
        assert {one.record_id for one in told} == {job.id}
        with client.events(since=told[0].cursor) as events:
            assert next(events) == told[1]


def test_a_dropped_stream_ends_by_itself():
    with client_on(running=LONG) as (client, _):
        job = client.backend("fake/sim").run(CIRCUIT)
        stream = job.events()
        next(stream)
        assert len(job._twin._readers) == 1
        del stream
        until(lambda: not job._twin._readers)


def test_a_stream_dropped_after_an_interrupt_ends_by_itself():
    with client_on(running=LONG) as (client, _):
        job = client.backend("fake/sim").run(CIRCUIT)
        stream = job.events()
        for snapshot in stream:
            if snapshot.state == "running":
                break
        stream._next = client._bridge.portal.start(stream._source.next())  # what Ctrl-C leaves
        until(lambda: job._twin._readers[0].waiter is not None)
        del stream
        until(lambda: not job._twin._readers)


def test_an_error_in_a_stream_carries_the_blocking_job():
    async def lines(twin):
        yield "first"
        raise qj.ResultUnavailable("cut off", job=twin)

    with client_on() as (client, _):
        job = client.backend("fake/sim").run(CIRCUIT)
        stream = client._bridge.stream(lines(job._twin))
        assert next(stream) == "first"
        with pytest.raises(qj.ResultUnavailable, match="cut off") as caught:
            next(stream)
        assert caught.value.job is job
        assert list(stream) == []


def test_jobs_are_yielded_as_they_end():
    with client_on(running=lambda index: 0.05 * (3 - index)) as (client, _):
        backend = client.backend("fake/sim")
        jobs = [backend.run(CIRCUIT) for _ in range(3)]
        ended = blocking.as_completed([*jobs, jobs[0]])
        assert len(ended) == 3
        order = []
        for job in ended:
            order.append(job)
            if len(order) == 1:
                ended.add(backend.run(CIRCUIT))
        assert set(jobs) < set(order)
        assert len(order) == 4
        assert list(blocking.as_completed([])) == []


def test_jobs_of_clients_that_nobody_else_holds_are_waited_for():
    jobs = (blocking.Client().backend("aer").run(text) for text in [BELL_2] * 2)
    assert [sum(job.result().counts.values()) for job in blocking.as_completed(jobs, timeout=50)] == [1024, 1024]


def test_waiting_for_several_runs_out_of_time_with_those_that_go_on():
    with client_on(running=lambda index: 0.0 if index == 0 else LONG) as (client, _):
        jobs = [client.backend("fake/sim").run(CIRCUIT) for _ in range(3)]
        ended = blocking.as_completed(jobs, timeout=0.5)
        assert next(ended) is jobs[0]
        with pytest.raises(qj.ResultTimeout) as caught:
            next(ended)
        assert set(caught.value.jobs) == {jobs[1], jobs[2]}
        assert "2 of the jobs; they go on" in str(caught.value)
        assert caught.value.job in jobs
        with pytest.raises(qj.ResultTimeout):
            list(blocking.as_completed(jobs[1:], 0.01, on_timeout="cancel"))
        assert {job.wait().state for job in jobs[1:]} == {"cancelled"}


def test_threads_may_share_one_as_completed():
    with client_on(running=lambda index: 0.01 * index) as (client, _):
        jobs = [client.backend("fake/sim").run(CIRCUIT) for _ in range(20)]
        ended = blocking.as_completed(jobs)
        shares = [Background(lambda: list(ended)) for _ in range(8)]
        assert sorted(job.id for share in shares for job in share.value()) == sorted(job.id for job in jobs)


def test_a_job_found_just_before_an_interrupt_is_yielded_later():
    with client_on() as (client, _):
        job = client.backend("fake/sim").run(CIRCUIT)
        ended = blocking.as_completed([job])
        ended._bridge._portal.call(ended._bridge._find(ended._twin))  # and nobody took it
        assert list(ended) == [job]


def test_async_jobs_are_refused_by_name():
    with pytest.raises(qj.UsageError, match="blocking jobs"):
        blocking.as_completed(["job"])


# --- callbacks --------------------------------------------------------------------------
def test_a_callback_may_block_and_gets_the_blocking_job():
    got = []
    with client_on(running=0.05) as (client, _):
        job = client.backend("fake/sim").run(CIRCUIT)
        job.add_done_callback(lambda done: got.append((done is job, done.result().counts, client.jobs() == [job])))
        job.result()
        job.add_done_callback(lambda done: got.append(done.refresh()))
        until(lambda: len(got) == 2)
    assert got[0][0]
    assert got[0][2]
    assert got[1] is job


def test_a_callback_can_be_taken_back_and_one_that_fails_hurts_no_other(caplog):
    got = []
    with client_on(running=0.2) as (client, _):
        job = client.backend("fake/sim").run(CIRCUIT)
        unwanted = got.append
        job.add_done_callback(unwanted)
        job.remove_done_callback(unwanted)
        job.add_done_callback(lambda _: 1 / 0)
        job.add_done_callback(lambda _: got.append("last"))
        until(lambda: got)
        until(lambda: "done callback failed" in caplog.text)
    assert got == ["last"]


# --- the end ----------------------------------------------------------------------------
def test_closing_ends_the_waits_and_keeps_remote_jobs():
    fake = FakeProvider(running=LONG)
    client = blocking.Client(providers={"fake": fake})
    job = client.backend("fake/sim").run(CIRCUIT)
    waiting = [Background(job.result), Background(job.wait), Background(lambda: list(blocking.as_completed([job])))]
    until(lambda: len(job._twin._waiters or ()) == 2 and job._twin._callbacks)
    client.close()
    for one in waiting:
        with pytest.raises(qj.UsageError, match="closed"):
            one.value()
    with pytest.raises(qj.UsageError, match="closed"):
        client.backend("fake/sim").run(CIRCUIT)
    client.close()
    assert fake.calls["cancel"] == 0
    assert len(fake.jobs) == 1


def test_a_client_that_nobody_holds_is_closed():
    client = blocking.Client(providers={"fake": FakeProvider(running=LONG)})
    backend = client.backend("fake/sim")
    job = backend.run(CIRCUIT)
    engine = client._twin._engine
    gone = weakref.ref(client)
    del client, backend
    gc.collect()
    assert gone() is None
    assert job.refresh() is job  # the job holds what it needs
    assert not engine.closed
    del job
    gc.collect()
    until(lambda: engine.closed)


def test_a_client_is_not_started_by_being_made():
    threads = threading.active_count()
    client = blocking.Client(providers={"fake": FakeProvider()})
    client.backend("fake/sim")
    assert "new" in repr(client)
    assert threading.active_count() <= threads + 1
    client.close()


def test_an_interrupted_context_still_closes():
    fake = FakeProvider(running=LONG)
    with pytest.raises(ZeroDivisionError), blocking.Client(providers={"fake": fake}) as client:
        client.backend("fake/sim").run(CIRCUIT)
        1 / 0  # noqa: B018
    assert "closed" in repr(client)


BELL_2 = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0], q[1]; measure q -> c;'
