"""Hybrid jobs without await: logs line by line, metrics, files, results, and whose thread prints."""

from __future__ import annotations

import contextlib
import threading

import pytest
from tenacity import wait_none

import quantumjobs as qj
from quantumjobs import blocking
from quantumjobs.blocking import Client
from quantumjobs.testing.fake import Fault
from tests.blocking.helpers import LONG, Background, until
from tests.engine.programs import ProgramProvider, packed

pytestmark = pytest.mark.usefixtures("late_lines_soon")


@contextlib.contextmanager
def client_on(**settings):
    fake = ProgramProvider(**{"min_interval": 0.01, **settings})
    with Client(providers={"fake": fake}) as client:
        yield client, fake


def submit(client, **settings):
    return client.hybrid_job("fake/sim", "train.py", **settings)


def end(fake):
    """Let all jobs end now."""
    for job in fake.cloud.jobs.values():
        job.ends = job.created


# --- what it is -------------------------------------------------------------------------
def test_a_script_gets_what_its_program_saved():
    with client_on(saved={"energy": -1.5, "steps": [1, 2]}) as (client, fake):
        job = submit(client, name="train", tags=["a"], arguments={"start": 0.5}, wide=True)
        assert type(job) is blocking.HybridJob
        assert (job.name, job.tags, job.arn, job.backend) == ("train", ("a",), "remote-0", "fake/hybrid/sim")
        assert job.result() == job.result(timeout=0) == {"energy": -1.5, "steps": [1, 2]}
        assert repr(job).startswith("<HybridJob ")
        (asked,) = fake.programs
        assert (asked.device, asked.source, asked.arguments) == ("sim", "train.py", {"start": 0.5})
        assert (asked.local, asked.name, asked.options) == (False, "train", {"wide": True})


def test_wherever_it_comes_from_it_is_the_same_hybrid_job():
    with client_on() as (client, _):
        job = submit(client)
        called = []
        job.add_done_callback(called.append)
        assert job.wait() is job
        assert job.refresh() is job
        assert client.job(job.id) is job
        assert client.jobs() == [job]
        assert client.attach(job.token) is job
        assert client.attach("fake/hybrid/sim", job.arn) is job
        assert list(blocking.as_completed([job])) == [job]
        until(lambda: called == [job])


def test_a_job_of_another_program_is_a_hybrid_job_too(tmp_path):
    with client_on(saved={"energy": -1.5}) as (client, fake):
        job = submit(client)
        job.result()
        job.persist(tmp_path / "job")
        client.export(tmp_path / "jobs")
        token = job.token
        for take in (
            lambda other: other.restore(tmp_path / "job"),
            lambda other: other.import_jobs(tmp_path / "jobs")[0],
            lambda other: other.attach(token),
            lambda other: other.attach("fake/hybrid/sim", "remote-0"),
        ):
            with Client(ledger="memory", providers={"fake": fake}) as other:
                taken = take(other)
                assert type(taken) is blocking.HybridJob
                assert taken.result() == {"energy": -1.5}


def test_a_failure_carries_the_blocking_job_and_what_was_saved():
    with client_on(outcome="failed", partial=0, saved={"at": 3}) as (client, _):
        job = submit(client)
        with pytest.raises(qj.JobFailed) as caught:
            job.result()
        assert caught.value.job is job
        assert caught.value.partial == {"at": 3}


def test_what_it_has_submitted_are_jobs_with_results():
    with client_on(page_size=2) as (client, fake):
        job = submit(client)
        ids = [fake.spawn(job.arn) for _ in range(3)]
        tasks = job.tasks()
        assert [task.remote_id for task in tasks] == ids
        assert {type(task) for task in tasks} == {blocking.Job}
        assert [sum(task.result().counts.values()) for task in tasks] == [10] * 3
        assert job.tasks() == tasks
        with pytest.raises(qj.UsageError, match=r"see tasks\(\)"):
            job.circuits()


def test_metadata_is_fresh_unless_it_is_wanted_as_it_was():
    with client_on(told={"status": "RUNNING"}) as (client, fake):
        job = submit(client)
        assert job.metadata(cached=True)["status"] == "RUNNING"
        fake.told = {"status": "COMPLETED"}
        assert job.metadata(cached=True)["status"] == "RUNNING"
        assert job.metadata()["status"] == "COMPLETED"
        assert fake.calls["metadata"] == 2


# --- logs -------------------------------------------------------------------------------
def test_lines_come_while_it_runs_and_are_asked_for_when_they_are_wanted():
    with client_on(running=LONG, page_size=2, empty_pages=1) as (client, fake):
        job = submit(client)
        fake.write("one", "two", "three")
        lines = job.logs(follow=True)
        assert fake.calls["logs"] == 0
        assert [next(lines).message for _ in range(3)] == ["one", "two", "three"]
        assert not job.done()
        fake.write("four")
        end(fake)
        assert [line.message for line in lines] == ["four"]
        assert [line.message for line in job.logs()] == ["one", "two", "three", "four"]


def test_lines_of_several_instances_are_told_apart():
    with client_on() as (client, fake):
        job = submit(client)
        for number in range(4):
            fake.write(f"line {number}", stream=f"algo-{number % 2 + 1}")
        lines = list(job.logs())
        assert [(line.message, line.stream, line.index) for line in lines] == [
            (f"line {number}", f"algo-{number % 2 + 1}", number % 2) for number in range(4)
        ]
        assert type(lines[0]) is blocking.LogLine


def test_following_goes_on_in_bad_weather_and_a_single_reading_tells_of_it():
    weather = [Fault.NOT_SENT, qj.ProviderUnavailable("throttled", sent=False), qj.CredentialError("expired")]
    settled = {"fake": qj.Policy(wait=wait_none(), credential_pause=0.01)}
    fake = ProgramProvider(min_interval=0.01, script={"logs": weather})
    with Client(providers={"fake": fake}, policies=settled) as client:
        job = submit(client)
        fake.write("one", "two")
        assert [line.message for line in job.logs(follow=True)] == ["one", "two"]
        fake.breaks = {"logs": qj.CredentialError("refused")}
        with pytest.raises(qj.CredentialError, match="refused"):
            next(job.logs())


def test_a_log_can_be_left_while_another_thread_waits_for_its_next_line():
    with client_on(running=LONG) as (client, fake):
        job = submit(client)
        fake.write("one")
        lines = job.logs(follow=True)
        assert next(lines).message == "one"
        waiting = Background(lambda: list(lines))
        until(lambda: job._twin._waiters)  # it has read all that is there, and rests
        lines.close()
        assert waiting.value() == []
        assert not job._twin._waiters
        assert not job.done()


class Cell:
    """A standard output that notes which thread writes, and can be full."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""
        self.threads = set()
        self.is_free = threading.Event()
        self.is_free.set()

    def isatty(self):
        return False

    def write(self, text):
        self.threads.add(threading.current_thread())
        self.is_free.wait(20)
        self.text += text
        return len(text)

    def flush(self):
        pass


def test_lines_are_printed_by_the_thread_that_asks_and_a_full_pipe_holds_up_nobody_else():
    cell = Cell()
    with client_on() as (client, fake), contextlib.redirect_stdout(cell):
        job = submit(client)
        fake.write("one", "two")
        cell.is_free.clear()
        printing = Background(job.print_logs)
        until(lambda: cell.threads == {printing})
        assert Background(lambda: client.jobs()[0].refresh().state).value() == "completed"
        assert cell.text == ""
        cell.is_free.set()
        printing.value()
        assert cell.text == "one\ntwo\n"
        assert cell.threads == {printing}


def test_who_wants_to_wait_for_its_end_sees_the_lines_until_then():
    cell = Cell()
    with client_on(running=0.3) as (client, fake), contextlib.redirect_stdout(cell):
        fake.write("one", "two")
        job = submit(client, wait_until_complete=True)
        assert job.state == "completed"
        assert cell.text == "one\ntwo\n"
        assert cell.threads == {threading.current_thread()}
        assert type(job) is blocking.HybridJob


# --- time limits ------------------------------------------------------------------------
def test_metrics_that_are_not_had_in_time_are_an_error_and_no_empty_table():
    with client_on(running=LONG, latency={"metrics": LONG}) as (client, fake):
        job = submit(client)
        fake.write("Metrics - loss=0.5; iteration_number=1;", "Metrics - loss=0.25; iteration_number=2;")
        with pytest.raises(
            qj.ResultTimeout, match="the table of metrics of job .* is not there after 0.05 s"
        ) as caught:
            job.metrics(timeout=0.05)
        assert isinstance(caught.value, TimeoutError)
        assert caught.value.job is job
        assert client.job(caught.value.token) is job
        assert not job.done()
        fake.latency = 0.0
        found = job.metrics("iteration_number", "min", timeout=20)
        assert (found["iteration_number"], found["loss"]) == ([1.0, 2.0], [0.5, 0.25])
        fake.breaks = {"metrics": qj.ProviderRejected("no such query")}
        with pytest.raises(qj.ProviderRejected, match="no such query"):
            job.metrics()


def test_a_time_limit_holds_for_files_of_a_finished_job_too(tmp_path):
    with client_on(latency={"download": LONG}) as (client, fake):
        job = submit(client, name="train").wait()
        with pytest.raises(qj.ResultTimeout, match="the folder with the files of job"):
            job.download_result(tmp_path, timeout=0.05)
        until(lambda: list(tmp_path.iterdir()) == [])
        fake.latency = 0.0
        assert job.download_result(tmp_path, timeout=20) == tmp_path / "train"


def test_files_are_unpacked_once_it_is_over(tmp_path):
    archive = packed({"results.json": b"{}", "plots/loss.txt": b"x" * 5000})
    with client_on(running=LONG, archive=archive, piece_size=50) as (client, fake):
        job = submit(client, name="train")
        with pytest.raises(qj.ResultTimeout):
            job.download_result(tmp_path, timeout=0.05)
        assert list(tmp_path.iterdir()) == []
        assert fake.calls["download"] == 0
        waiting = Background(lambda: job.download_result(tmp_path))
        end(fake)
        assert waiting.value() == tmp_path / "train"
        assert (tmp_path / "train/plots/loss.txt").read_bytes() == b"x" * 5000
        with pytest.raises(qj.UsageError, match="is there already"):
            job.download_result(tmp_path)


def test_a_wait_that_runs_out_of_time_cancels_where_that_is_wanted():
    with client_on(running=LONG) as (client, _):
        job = submit(client)
        with pytest.raises(qj.ResultTimeout, match="it goes on"):
            job.result(0.05)
        with pytest.raises(qj.ResultTimeout) as caught:
            job.result(timeout=0.05, on_timeout="cancel")
        assert caught.value.cancel is qj.CancelOutcome.CANCELLED
        assert job.state == "cancelled"


@pytest.mark.parametrize("timeout", ["5", True, float("nan")])
def test_what_is_no_time_is_refused(tmp_path, timeout):
    with client_on(running=LONG) as (client, fake):
        job = submit(client)
        for wait in (job.metrics, job.download_result, job.result):
            with pytest.raises(qj.UsageError, match="timeout="):
                wait(timeout=timeout)
        assert fake.calls["metrics"] == 0


# --- wherever it is called --------------------------------------------------------------
@pytest.mark.real_time
async def test_it_works_inside_a_running_event_loop():
    with client_on(saved={"energy": -1.5}) as (client, fake):
        job = submit(client)
        fake.write("one")
        assert [line.message for line in job.logs(follow=True)] == ["one"]
        assert job.result() == {"energy": -1.5}
