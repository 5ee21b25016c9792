"""Local hybrid jobs as the adapter tells of them: ours, and folders that the vendor's local jobs left."""

import asyncio
import io
import json
import os
import sys
import tarfile
import time
from pathlib import Path

import msgspec
import pytest

from quantumjobs.abc import (
    Accepted,
    Artifacts,
    CancelReply,
    Cancels,
    Fetches,
    Gone,
    Logs,
    Metrics,
    Raw,
    Remote,
    Sending,
    Stages,
    Tells,
    Unreadable,
)
from quantumjobs.adapters.braket import jobs_payload
from quantumjobs.adapters.braket.local import LocalJobs
from quantumjobs.core.states import JobState
from quantumjobs.errors import ProviderRejected, ProviderUnavailable
from quantumjobs.workers.programs import Run
from tests.workers.runs import FOR_EVER, cleared, gone, source

pytestmark = [pytest.mark.real_time, pytest.mark.skipif(sys.platform == "win32", reason="POSIX only")]


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path):
    yield
    cleared(tmp_path)


SAVES = """
    import os
    from pathlib import Path
    print("Metrics - timestamp=1.5; loss=0.25;")
    print("something else")
    print("Metrics - timestamp=2.5; loss=0.125;")
    Path(os.environ["AMZN_BRAKET_JOB_RESULTS_DIR"], "results.json").write_text('{"saved": 1}')
    print(os.environ["AMZN_BRAKET_JOB_NAME"], os.environ["AMZN_BRAKET_DEVICE_ARN"])
"""
SV1 = "arn:aws:braket:::device/quantum-simulator/amazon/sv1"


def sending(text, *, token="0123abcd", files=None, copy_from="", **members):
    body = {
        "algorithmSpecification": {"scriptModeConfig": {"entryPoint": "main", "compressionType": "GZIP"}},
        "inputDataConfig": [],
        "deviceConfig": {"device": SV1},
        "hyperParameters": {"n": "3"},
        "stoppingCondition": {"maxRuntimeInSeconds": 100},
        **members,
    }
    views = {name: memoryview(one) for name, one in (files or {}).items()}
    payload = jobs_payload.Payload(msgspec.json.encode(body), memoryview(source(text)), views, copy_from)
    return Sending(backend="local/sv1", payload=jobs_payload.encode(payload), token=token, first_sent_at=0.0, attempt=1)


def remote(job_id):
    return Remote(id=str(job_id), backend="local/sv1", created_at=0.0)


async def look(jobs, job):
    answers = await jobs.poll([job])
    assert list(answers) == [job.id]
    return answers[job.id]


async def over(jobs, job):
    while not (status := await look(jobs, job)).state.is_terminal:  # noqa: ASYNC110 - a file tells
        await asyncio.sleep(0.01)
    return status


async def run(jobs, *args, **members):
    asked = sending(*args, **members)
    await jobs.stage(asked)
    accepted = await jobs.submit(asked)
    return remote(accepted.remote_id)


async def read(page_of):
    """All lines, from the beginning on."""
    found, after, more = [], "", True
    while more:
        page = await page_of(after)
        after, more = page.after, page.more
        found += page.lines
    return found


async def download(jobs, job):
    body, tag = b"", ""
    while True:
        piece = await jobs.piece(job, len(body), tag)
        body, tag = body + piece.body, piece.tag
        if len(body) == piece.total:
            return body


def names(body):
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return tar.getnames()


async def test_a_job_from_its_folder_to_its_files(tmp_path):
    jobs = LocalJobs(tmp_path / "jobs")
    for kind in (Stages, Fetches, Cancels, Logs, Metrics, Artifacts, Tells):
        assert isinstance(jobs, kind)
    assert json.loads(await jobs.describe("local/sv1"))["device"] == SV1
    asked = sending(SAVES, jobName="mine")
    await jobs.stage(asked)
    assert [each.name for each in (tmp_path / "jobs").iterdir()] == ["0123abcd"]
    job = remote(tmp_path / "jobs" / "0123abcd")
    queued = await look(jobs, job)
    assert (queued.state, queued.raw_status, queued.has_result) == (JobState.QUEUED, "QUEUED", False)
    assert await jobs.log_streams(job) == ()
    accepted = await jobs.submit(asked)
    assert isinstance(accepted, Accepted)
    assert accepted.remote_id == job.id
    status = await over(jobs, job)
    assert (status.state, status.raw_status, status.reason) == (JobState.COMPLETED, "COMPLETED", "")
    assert [stamp.status for stamp in status.timeline] == ["CREATED", "RUNNING", "COMPLETED"]
    assert [stamp.at for stamp in status.timeline] == sorted(stamp.at for stamp in status.timeline)
    assert (status.details["name"], status.details["device"]) == ("mine", SV1)
    assert status.has_result
    assert await jobs.fetch(job) == Raw("braket-job", {"results.json": b'{"saved": 1}'})
    (stream,) = await jobs.log_streams(job)
    lines = await read(lambda after: jobs.log_page(job, stream, after))
    assert [line.message for line in lines] == [
        "Metrics - timestamp=1.5; loss=0.25;",
        "something else",
        "Metrics - timestamp=2.5; loss=0.125;",
        f"mine {SV1}",
    ]
    assert {line.stream for line in lines} == {"algo-1"}
    assert all(status.timeline[1].at <= line.at <= status.timeline[2].at for line in lines)
    metrics = await read(lambda after: jobs.metric_page(job, after))
    assert metrics == [lines[0], lines[2]]
    assert names(await download(jobs, job)) == ["results.json"]
    told = json.loads(await jobs.metadata(job))
    assert (told["jobName"], told["status"], told["hyperParameters"]) == ("mine", "COMPLETED", {"n": "3"})
    assert told["createdAt"] < told["startedAt"] < told["endedAt"]
    assert await jobs.cancel(job) is CancelReply.TOO_LATE


async def test_the_same_token_never_runs_twice(tmp_path):
    asked = sending("open('runs', 'a').write('x')")
    first, second = LocalJobs(tmp_path), LocalJobs(tmp_path)
    accepted = await asyncio.gather(*(jobs.submit(asked) for jobs in (first, second, first)))
    (job_id,) = {each.remote_id for each in accepted}
    await over(first, remote(job_id))
    await second.stage(asked)
    await second.submit(asked)
    assert (tmp_path / "0123abcd/.quantumjobs/code/runs").read_text() == "x"


async def test_a_job_that_saved_nothing_has_a_result_without_a_body(tmp_path):
    jobs = LocalJobs(tmp_path)
    job = await run(jobs, "pass")
    assert (await over(jobs, job)).has_result
    assert await jobs.fetch(job) == Raw("braket-job", {})


@pytest.mark.parametrize("saved", [True, False])
async def test_a_failed_job_has_a_reason_and_what_it_saved_before(tmp_path, saved):
    jobs = LocalJobs(tmp_path)
    job = await run(jobs, (SAVES if saved else "") + "\n    raise ValueError('no such angle')")
    status = await over(jobs, job)
    assert (status.state, status.reason) == (JobState.FAILED, "ValueError: no such angle")
    assert status.has_result is saved
    assert json.loads(await jobs.metadata(job))["failureReason"] == status.reason


async def test_a_cancel_ends_the_program(tmp_path):
    jobs = LocalJobs(tmp_path)
    job = await run(jobs, FOR_EVER)
    assert (await look(jobs, job)).state is JobState.RUNNING
    assert await jobs.cancel(job) is CancelReply.ACCEPTED
    assert (await over(jobs, job)).state is JobState.CANCELLED
    gone(job.id)


async def test_a_job_that_has_not_begun_is_cancelled_at_once(tmp_path):
    jobs = LocalJobs(tmp_path)
    asked = sending("pass")
    await jobs.stage(asked)
    assert await jobs.cancel(remote(tmp_path / asked.token)) is CancelReply.CONFIRMED
    accepted = await jobs.submit(asked)
    assert accepted.status.state is JobState.CANCELLED


async def test_a_program_reads_its_input(tmp_path):
    jobs = LocalJobs(tmp_path)
    text = "import os; print(open(os.environ['AMZN_BRAKET_INPUT_DIR'] + '/train/x.csv').read())"
    job = await run(jobs, text, files={"train/x.csv": b"1,2"}, inputDataConfig=[{"channelName": "train"}])
    assert (await over(jobs, job)).state is JobState.COMPLETED
    (line,) = (await jobs.log_page(job, "algo-1")).lines
    assert line.message == "1,2"


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"inputDataConfig": [{"channelName": "train", "dataSource": {"s3DataSource": {"s3Uri": "s3://bucket/x"}}}]},
        {"copy_from": "arn:aws:braket:us-east-1:123456789012:job/x"},
    ],
)
async def test_what_is_in_s3_is_not_for_local_jobs(tmp_path, elsewhere):
    with pytest.raises(ProviderRejected, match="in S3"):
        await LocalJobs(tmp_path).stage(sending("pass", **elsewhere))
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_that_is_gone_is_gone(tmp_path):
    jobs = LocalJobs(tmp_path)
    for job in (remote(tmp_path / "nowhere"), remote(tmp_path), remote("local:job/nowhere")):
        assert isinstance(await look(jobs, job), Gone)
        assert await jobs.cancel(job) is CancelReply.TOO_LATE
        for question in (jobs.fetch(job), jobs.metadata(job), jobs.log_page(job, "algo-1"), jobs.piece(job, 0)):
            with pytest.raises(ProviderRejected):
                await question


async def test_a_disk_that_takes_nothing_is_weather(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ProviderUnavailable) as caught:
        await LocalJobs(tmp_path / "file" / "jobs").stage(sending("pass"))
    assert caught.value.sent is False


async def test_a_saved_result_that_is_no_file_is_not_read(tmp_path):
    jobs = LocalJobs(tmp_path)
    text = "import os; os.mkfifo(os.environ['AMZN_BRAKET_JOB_RESULTS_DIR'] + '/results.json')"
    job = await run(jobs, text)
    await over(jobs, job)
    with pytest.raises(ProviderRejected, match="no file"):
        await jobs.fetch(job)


async def test_reading_a_long_log_leaves_the_loop_alone(tmp_path):
    jobs = LocalJobs(tmp_path)
    job = await run(jobs, "for i in range(100000): print('line', i)")
    await over(jobs, job)
    stalls = []
    for _ in range(3):  # what else this machine does is no fault of the reader's: the best of three counts
        watching = asyncio.create_task(longest_stall())
        lines = await read(lambda after: jobs.log_page(job, "algo-1", after))
        watching.cancel()
        stalls.append(await watching)
    assert [line.message for line in lines] == [f"line {i}" for i in range(100_000)]
    assert min(stalls) < 0.05


async def longest_stall():
    """Seconds that one turn of the loop took at the most, until it is cancelled."""
    longest = 0.0
    try:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - begun)
    except asyncio.CancelledError:
        return longest


# --- folders of the vendor's local jobs -----------------------------------------------------
@pytest.fixture
def left(tmp_path, monkeypatch):
    """A folder as the vendor's local job leaves it, in the working directory."""
    folder = tmp_path / "braket-job"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "c.json").write_text("{}")
    (folder / "results.json").write_text('{"saved": 1}')
    (folder / "log.txt").write_text("begun\nMetrics - timestamp=1.5; loss=0.25;\nended\n")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize("relative", [True, False])
async def test_a_vendors_folder_is_a_completed_job(left, tmp_path, relative):
    jobs = LocalJobs(tmp_path / "jobs")
    job = remote("local:job/braket-job" if relative else left)
    status = await look(jobs, job)
    assert (status.state, status.has_result, status.details["name"]) == (JobState.COMPLETED, True, "braket-job")
    assert await jobs.fetch(job) == Raw("braket-job", {"results.json": b'{"saved": 1}'})
    (stream,) = await jobs.log_streams(job)
    lines = await read(lambda after: jobs.log_page(job, stream, after))
    assert [(line.message, line.at) for line in lines] == [
        ("begun", None),
        ("Metrics - timestamp=1.5; loss=0.25;", None),
        ("ended", None),
    ]
    assert await read(lambda after: jobs.metric_page(job, after)) == [lines[1]]
    assert names(await download(jobs, job)) == ["checkpoints", "checkpoints/c.json", "results.json"]
    assert await jobs.cancel(job) is CancelReply.TOO_LATE
    assert json.loads(await jobs.metadata(job)) == {
        "jobArn": "local:job/braket-job",
        "jobName": "braket-job",
        "status": "COMPLETED",
    }


async def test_a_vendors_job_whose_program_failed_is_a_failed_one(left, tmp_path):
    with (left / "log.txt").open("a") as log:
        log.write("Process exited with code: 1")
    jobs = LocalJobs(tmp_path / "jobs")
    status = await look(jobs, remote(left))
    assert (status.state, status.reason) == (JobState.FAILED, "its log says that it ended with exit code 1")
    lines = await read(lambda after: jobs.log_page(remote(left), "algo-1", after))
    assert lines[-1].message == "Process exited with code: 1"


async def test_what_a_vendors_program_says_itself_is_not_its_end(left, tmp_path):
    (left / "log.txt").write_text("Process exited with code: 1\nProcess exited with code: 0")
    assert (await look(LocalJobs(tmp_path / "jobs"), remote(left))).state is JobState.COMPLETED


async def test_pieces_of_files_that_have_changed_are_not_mixed(left, tmp_path, monkeypatch):
    monkeypatch.setattr("quantumjobs.adapters.braket.local._PIECE", 64)
    jobs = LocalJobs(tmp_path / "jobs")
    first = await jobs.piece(remote(left), 0)
    assert (len(first.body), first.total > 64) == (64, True)
    (left / "results.json").write_text('{"saved": 2}')
    assert names(await download(LocalJobs(tmp_path), remote(left)))[-1] == "results.json"
    with pytest.raises(ProviderRejected, match="have changed"):
        await LocalJobs(tmp_path / "jobs").piece(remote(left), 64, first.tag)
    assert (await jobs.piece(remote(left), 64, first.tag)).tag == first.tag  # what it began with is still there


async def test_a_folder_of_ours_reads_as_one_of_the_vendors(tmp_path):
    """What the vendor's client needs of a folder is there: its own reading of it is an oracle test."""
    jobs = LocalJobs(tmp_path)
    job = await run(jobs, SAVES + "\n    raise SystemExit(2)")
    await over(jobs, job)
    folder = Run(tmp_path / "0123abcd").folder
    assert (folder / "results.json").read_text() == '{"saved": 1}'
    assert (folder / "log.txt").read_text().splitlines()[-1] == "Process exited with code: 2"


# --- folders that are not as they were --------------------------------------------------
def state_of(job):
    return Path(job.id, ".quantumjobs", "state.json")


async def test_one_folder_that_cannot_be_read_is_no_other_ones_matter(tmp_path):
    jobs = LocalJobs(tmp_path / "jobs")
    good, broken = await run(jobs, SAVES), await run(jobs, SAVES, token="ffff")
    for job in (good, broken):
        await over(jobs, job)
    state_of(broken).write_bytes(b"")
    answers = await jobs.poll([broken, good])
    assert isinstance(answers[broken.id], Unreadable)
    assert answers[good.id].state is JobState.COMPLETED
    with pytest.raises(ProviderRejected):
        await jobs.metadata(broken)


async def test_a_job_is_looked_for_where_it_was_made_whatever_the_settings_are_by_then(tmp_path):
    asked = sending("from pathlib import Path\nwith Path('../../ran').open('a') as f: f.write('x')")
    about = msgspec.json.decode(await LocalJobs(tmp_path / "first").describe("local/sv1"))
    asked = msgspec.structs.replace(asked, details={"root": about["root"]})
    ids = []
    for root in ("first", "second"):
        jobs = LocalJobs(tmp_path / root)
        await jobs.stage(asked)
        ids.append((await jobs.submit(asked)).remote_id)
        await over(jobs, remote(ids[-1]))
    assert ids[0] == ids[1]
    assert not (tmp_path / "second").exists()
    assert (Path(ids[0]) / "ran").read_text() == "x"


async def test_what_was_left_half_written_is_removed_in_the_end(tmp_path):
    left, young, others = (tmp_path / "jobs" / name for name in (".0123abcd-old", ".0123abcd-new", ".4567-old"))
    for folder in (left, young, others):
        folder.mkdir(parents=True)
    for folder in (left, others):
        os.utime(folder, (1.0, 1.0))
    job = await run(LocalJobs(tmp_path / "jobs"), SAVES)
    assert [folder.exists() for folder in (left, young, others)] == [False, True, True]
    await over(LocalJobs(tmp_path / "jobs"), job)
