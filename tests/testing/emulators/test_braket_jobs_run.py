"""Entry points of Braket's hybrid jobs: they really run, in the emulator's surroundings, and end with it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from quantumjobs.testing.emulators import BraketEmulator
from quantumjobs.testing.emulators.braket_logs_store import LogSettings
from tests.testing.emulators.braket_helpers import BUCKET, code, creation
from tests.testing.emulators.braket_jobs_helpers import SAVES, STAYS, jobs_served, packed

pytestmark = pytest.mark.real_time

LOOKS_AROUND = (
    SAVES
    + """
import sys, urllib.request
env = os.environ
def read(variable, *name):
    with open(os.path.join(env[variable], *name)) as file:
        return file.read()
print("out")
print("err", file=sys.stderr)
with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(env["AWS_ENDPOINT_URL"] + "/_emulator/stats") as reply:
    stats = json.load(reply)
with open(env["AMZN_BRAKET_HP_FILE"]) as file:
    parameters = json.load(file)
names = [name for name in env if name.startswith(("AMZN_", "AWS_", "BRAKET_"))]
save(
    parameters=parameters,
    data=read("AMZN_BRAKET_INPUT_DIR", "train", "x.csv"),
    more=read("AMZN_BRAKET_INPUT_DIR", "train", "deep", "y.csv"),
    begun=read("AMZN_BRAKET_CHECKPOINT_DIR", "old.json"),
    env={name: env[name] for name in names},
    running=stats["states"]["running"],
)
with open(os.path.join(env["AMZN_BRAKET_CHECKPOINT_DIR"], "new.json"), "w") as file:
    file.write("later")
"""
)


async def test_a_program_finds_what_it_was_given_and_what_it_leaves_is_kept():
    emulator = BraketEmulator(token="AKID:s3cret")
    channel = {"channelName": "train", "dataSource": {"s3DataSource": {"s3Uri": f"s3://{BUCKET}/data/train"}}}
    async with jobs_served(emulator) as raw:
        await raw.put("data/train/x.csv", b"1,2")
        await raw.put("data/train/deep/y.csv", b"3")
        await raw.put("kept/old.json", b"before")
        arn = await raw.create_job(
            LOOKS_AROUND,
            jobName="around",
            hyperParameters={"n": "3"},
            inputDataConfig=[channel],
            checkpointConfig={"s3Uri": f"s3://{BUCKET}/kept"},
            outputDataConfig={"s3Path": f"s3://{BUCKET}/out"},
        )
        told = await raw.job_over(arn)
        assert told["status"] == "COMPLETED", told
        saved, lines = await raw.saved(told), await raw.written(arn)
        kept = await raw.send("GET", f"/{BUCKET}/kept/new.json", service="s3")
        url = str(raw.http.base_url).rstrip("/")
        token = emulator.hybrid.jobs[0].token
    assert (saved["parameters"], saved["data"], saved["more"]) == ({"n": "3"}, "1,2", "3")
    assert (saved["begun"], kept.text, saved["running"]) == ("before", "later", 1)
    assert sorted(lines) == ["err", "out"]
    env = saved["env"]
    assert {env[f"AWS_ENDPOINT_URL{of}"] for of in ("", "_BRAKET", "_S3", "_STS", "_CLOUDWATCH_LOGS")} == {url}
    assert (env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"]) == ("AKID", "s3cret")
    assert (env["AWS_REGION"], env["AWS_DEFAULT_REGION"]) == ("us-east-1", "us-east-1")
    assert (env["AMZN_BRAKET_JOB_NAME"], env["AMZN_BRAKET_DEVICE_ARN"]) == ("around", "local:none/none")
    assert env["AMZN_BRAKET_TASK_RESULTS_S3_URI"] == f"s3://{BUCKET}/jobs/around/tasks"
    assert env["AMZN_BRAKET_OUT_S3_BUCKET"] == BUCKET
    assert env["AMZN_BRAKET_JOB_TOKEN"] == token
    kinds = [event["eventType"] for event in told["events"]]
    assert kinds[1:] == ["STARTING_INSTANCE", "DOWNLOADING_DATA", "RUNNING", "UPLOADING_RESULTS", "COMPLETED"]


FAILS = SAVES + "save(half=True)\nprint('the end is near')\nraise ValueError('nothing works')\n"


async def test_a_program_that_fails_says_why_and_leaves_what_it_had():
    async with jobs_served(BraketEmulator()) as raw:
        arn = await raw.create_job(FAILS)
        told = await raw.job_over(arn)
        saved, lines = await raw.saved(told), await raw.written(arn)
    assert told["status"] == "FAILED"
    assert "ValueError: nothing works" in told["failureReason"]
    assert saved == {"half": True}
    assert lines[0] == "the end is near"
    assert "ValueError: nothing works" in lines
    assert [event["eventType"] for event in told["events"]][-2:] == ["UPLOADING_RESULTS", "FAILED"]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"algorithmSpecification": {"scriptModeConfig": {"entryPoint": "a", "s3Uri": "s3://no/where"}}}, "sources"),
        ({"inputDataConfig": [{"channelName": "c", "dataSource": {"s3DataSource": {"s3Uri": "s3://no/w"}}}]}, "'c'"),
    ],
)
async def test_what_is_not_in_the_bucket_fails_the_job(changed: dict[str, Any], reason: str):
    async with jobs_served(BraketEmulator()) as raw:
        told = await raw.job_over(await raw.create_job("", **changed))
    assert told["status"] == "FAILED"
    assert told["failureReason"].startswith("ClientError: ")
    assert reason in told["failureReason"]


PRINTS_PID = SAVES + "save(half=True)\nimport os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)\n"


async def first_line(raw: Any, arn: str) -> str:
    """As soon as it is there."""
    while True:
        reply = await raw.ask_logs("DescribeLogStreams", logGroupName="/aws/braket/jobs")
        if reply.status_code == 200 and (lines := await raw.written(arn)):
            return str(lines[0])
        await asyncio.sleep(0.05)


def is_alive(pid: int) -> bool:
    """Neither gone nor a zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


async def test_a_running_job_is_cancelled_and_its_program_ended():
    async with jobs_served(BraketEmulator()) as raw:
        arn = await raw.create_job(PRINTS_PID)
        pid = int(await first_line(raw, arn))
        reply = await raw.cancel_job(arn)
        assert reply.json() == {"jobArn": arn, "cancellationStatus": "CANCELLING"}
        told = await raw.job_over(arn)
        assert not is_alive(pid)
        assert code(await raw.cancel_job(arn)) == (409, "ConflictException")
        assert await raw.saved(told) == {"half": True}
    assert told["status"] == "CANCELLED"
    assert told["billableDuration"] > 0


async def test_a_program_ends_with_the_emulator():
    async with jobs_served(BraketEmulator()) as raw:
        pid = int(await first_line(raw, await raw.create_job(PRINTS_PID)))
        assert is_alive(pid)
        folder = os.readlink(f"/proc/{pid}/cwd")
    assert not is_alive(pid)
    assert not os.path.exists(folder)  # noqa: ASYNC240 - one look


async def test_a_program_may_run_for_as_long_as_it_was_said():
    async with jobs_served(BraketEmulator()) as raw:
        told = await raw.job_over(await raw.create_job(STAYS, stoppingCondition={"maxRuntimeInSeconds": 1}))
    assert told["status"] == "FAILED"
    assert "MAX_RUNTIME_EXCEEDED" in [event["eventType"] for event in told["events"]]
    assert told["billableDuration"] >= 1000


INSTANCES = SAVES + "host = os.environ['SM_CURRENT_HOST']\nprint('I am', host)\nsave(host=host)\n"


async def test_each_instance_has_a_stream_and_the_first_ones_results_count():
    async with jobs_served(BraketEmulator(logs=LogSettings(page=1))) as raw:
        machines = {"instanceType": "ml.m5.large", "volumeSizeInGb": 30, "instanceCount": 2}
        arn = await raw.create_job(INSTANCES, instanceConfig=machines)
        told = await raw.job_over(arn)
        streams = await raw.streams(arn)
        lines = [await raw.lines(stream) for stream in streams]
        assert await raw.saved(told) == {"host": "algo-1"}
    assert [stream.split("/")[2].rpartition("-")[0] for stream in streams] == ["algo-1", "algo-2"]
    assert lines == [["I am algo-1"], ["I am algo-2"]]


ONE_FAILS = """
import os, pathlib, signal, sys, time
def bye(*_):
    print("bye")
    sys.exit(0)
up = pathlib.Path(os.environ["AMZN_BRAKET_JOB_RESULTS_DIR"]).parent / "up"
if os.environ["SM_CURRENT_HOST"] == "algo-1":
    signal.signal(signal.SIGTERM, bye)
    up.touch()
    time.sleep(600)
while not up.exists():
    time.sleep(0.02)
sys.exit(7)
"""


async def test_when_one_instance_fails_the_job_has_failed_and_the_others_are_ended_with_all_they_said():
    async with jobs_served(BraketEmulator()) as raw:
        machines = {"instanceType": "ml.m5.large", "volumeSizeInGb": 30, "instanceCount": 2}
        arn = await raw.create_job(ONE_FAILS, instanceConfig=machines)
        told = await raw.job_over(arn)
        assert await raw.lines((await raw.streams(arn))[0]) == ["bye"]
    assert told["status"] == "FAILED"
    assert "algo-2" in told["failureReason"]
    assert "7" in told["failureReason"]


async def test_a_single_file_is_a_source_too():
    script = {"entryPoint": "alone", "s3Uri": f"s3://{BUCKET}/src/alone.py", "compressionType": "NONE"}
    async with jobs_served(BraketEmulator()) as raw:
        await raw.put("src/alone.py", b"print('alone')\n")
        arn = await raw.create_job(algorithmSpecification={"scriptModeConfig": script})
        assert (await raw.job_over(arn))["status"] == "COMPLETED"
        assert await raw.written(arn) == ["alone"]


async def test_an_archive_that_leads_elsewhere_is_refused(tmp_path: Path):
    async with jobs_served(BraketEmulator()) as raw:
        await raw.put("script/source.tar.gz", packed(**{"../../../../escaped": "print('out')", "algo": ""}))
        told = await raw.job_over(await raw.create_job())
    assert told["status"] == "FAILED"
    assert "escaped" in told["failureReason"]


WORKS = (
    SAVES
    + """
import asyncio, httpx
from tests.testing.emulators.braket_helpers import Raw
from quantumjobs.testing.emulators.braket_signatures import Keys
async def work():
    env = os.environ
    keys = Keys(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"])
    async with httpx.AsyncClient(base_url=env["AWS_ENDPOINT_URL"], trust_env=False) as http:
        raw = Raw(http, keys=keys)
        told = await raw.over(await raw.create(jobToken=env["AMZN_BRAKET_JOB_TOKEN"]))
        save(arn=told["quantumTaskArn"], job=told["jobArn"], rows=len((await raw.object(told))["measurements"]))
asyncio.run(work())
"""
)


async def test_a_task_that_a_program_creates_runs_and_belongs_to_its_job(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    monkeypatch.setenv("AWS_PROFILE", "somebody")  # the user's own, of which a program is to know nothing
    monkeypatch.setenv("AWS_SESSION_TOKEN", "the user's")
    async with jobs_served(BraketEmulator(token="AKID:s3cret")) as raw:
        arn = await raw.create_job(WORKS)
        told = await raw.job_over(arn)
        assert told["status"] == "COMPLETED", told
        saved = await raw.saved(told)
        found = await raw.search(("jobArn", "EQUAL", [arn]))
        refused = await raw.ask("POST", "/quantum-task", creation(jobToken="nobody's"))
    assert (saved["job"], saved["rows"]) == (arn, 20)
    assert [one["quantumTaskArn"] for one in found["quantumTasks"]] == [saved["arn"]]
    assert code(refused) == (400, "ValidationException")


async def test_large_sources_are_uploaded_at_once_or_in_parts():
    body, part = os.urandom(70 << 20), 40 << 20
    async with jobs_served(BraketEmulator()) as raw:
        path = f"/{BUCKET}/large"
        assert (await raw.send("PUT", path, body, service="s3")).status_code == 200
        whole = await raw.send("HEAD", path, service="s3")
        begun = await raw.send("POST", f"{path}2?uploads=", service="s3")
        upload = begun.text.partition("<UploadId>")[2].partition("<")[0]
        for number, piece in enumerate((body[:part], body[part:]), 1):
            reply = await raw.send("PUT", f"{path}2?partNumber={number}&uploadId={upload}", piece, service="s3")
            assert reply.status_code == 200
        numbers = b"".join(b"<Part><PartNumber>%d</PartNumber></Part>" % number for number in (1, 2))
        more = b"<Part><PartNumber>3</PartNumber></Part>"
        missing = await raw.send("POST", f"{path}2?uploadId={upload}", numbers + more, service="s3")
        done = await raw.send("POST", f"{path}2?uploadId={upload}", numbers, service="s3")
        copied = await raw.send("PUT", f"{path}3", service="s3", x_amz_copy_source=f"{BUCKET}/large2")
        heads = [await raw.send("HEAD", f"{path}{which}", service="s3") for which in ("2", "3")]
        again = await raw.send("POST", f"{path}2?uploadId={upload}", numbers, service="s3")
        gone = await raw.send("PUT", f"{path}4", service="s3", x_amz_copy_source=f"{BUCKET}/nothing")
    assert (done.status_code, copied.status_code) == (200, 200)
    assert {head.headers["content-length"] for head in (whole, *heads)} == {str(len(body))}
    assert {head.headers["etag"] for head in (whole, *heads)} == {whole.headers["etag"]}
    assert (missing.status_code, "<Code>InvalidPart</Code>" in missing.text) == (400, True)
    assert (again.status_code, gone.status_code) == (404, 404)
    assert "<Code>NoSuchUpload</Code>" in again.text
