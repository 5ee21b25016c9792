"""Hybrid jobs for the tests of what `QuantumJob` can: jobs that the emulator makes up, and a client that looks often."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
import textwrap
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tenacity import wait_fixed

import quantumjobs as qj
from quantumjobs.blocking import Client, HybridJob
from quantumjobs.core.schedule import Pace
from quantumjobs.engine.policies import Policy
from quantumjobs.testing.emulators import BraketEmulator, Fault, serve
from tests.adapters.braket.helpers import settings_of
from tests.engine.programs import packed
from tests.interop.helpers import NEVER, PATIENCE

DEVICE, REGION = "braket/sv1", "us-west-2"
OFTEN = {"braket": Policy(wait=wait_fixed(0.01), pace=Pace(first=0.01, at_least=0.02, at_most=0.05))}
RARELY = {"braket": Policy(pace=Pace(first=NEVER, at_least=NEVER, at_most=NEVER))}
"""So that each look is one that somebody asked for."""
LINES = [
    "starts",
    "Metrics - timestamp=2.5; loss=0.25; iteration_number=1;",
    "Metrics - timestamp=1.5; loss=0.5; iteration_number=0;",
    "Metrics - timestamp=2.5; loss=0.75; iteration_number=1;",
    "ends",
]
BY_TIME = {"timestamp": [1.5, 2.5], "loss": [0.5, 0.75], "iteration_number": [0.0, 1.0]}
BY_ITERATION = {"iteration_number": [0.0, 1.0], "loss": [0.5, 0.25], "timestamp": [1.5, 2.5]}
"""With the least of what differs."""
SAVED = {"energy": -1.25, "angles": [0.1, 2.0]}
MADE_UP: Mapping[str, Any] = {"lines": LINES, "results": SAVED, "region": REGION, "name": "made-up"}
ENDLESS: Mapping[str, Any] = {"lines": 2, "rate": 1e-6, "region": REGION, "name": "endless"}
"""It runs until it is cancelled."""


MANY: Mapping[str, Any] = {
    "lines": [f"Metrics - timestamp={row}; loss={row};" for row in range(10_050)],
    "rate": 1e6,
    "region": REGION,
}
"""More rows than the SDK asks for."""
NO_METRICS = [
    Fault("hang", operation="FilterLogEvents", seconds=30),
    Fault("status", operation="FilterLogEvents", at=2, status=400, body='{"__type": "AccessDeniedException"}'),
]
"""Once no answer, and once a no."""
UNCANCELLED = [
    Fault("status", operation="CancelJob", status=400, body='{"__type": "ValidationException"}'),
    Fault("status", operation="CancelJob", at=2),
]
"""A cancel that is refused, and one that is not answered, after which it is sent again."""
QUOTAS = {"quotas": {name: [1000, 1000] for name in ("GetJob", "GetLogEvents", "FilterLogEvents")}}
"""So that a test does not wait for its turn."""
LOST = [Fault("reset", operation="CreateJob", after=True)]
HEAD = {"name": "braket.jobs_data.persisted_job_data", "version": "1"}
PLAIN = {
    "results.json": json.dumps(
        {"braketSchemaHeader": HEAD, "dataDictionary": SAVED, "dataFormat": "plaintext"}
    ).encode()
}
PICKLED = {
    "results.json": json.dumps(
        {
            "braketSchemaHeader": HEAD,
            "dataDictionary": {"energy": "gASVCgAAAAAAAABHv/QAAAAAAAAu"},
            "dataFormat": "pickled_v4",
        }
    ).encode()
}
REFUSED = {
    "job_name": "name='...'",
    "source_module": "the second argument",
    "code_location": "s3_bucket and s3_prefix",
    "output_data_config": "output_path=",
    "stopping_condition": "max_runtime=",
    "aws_session": "settings of the client",
    "quiet": "wait_until_complete",
    "copy_checkpoints_from_job": "copy_checkpoints_from=",
}
"""Parameters of `create` that have another name here, and what is said to whoever gives them."""
UNPACKED = ["made-up", "made-up/results.json", "there", "there/made-up", "there/made-up/results.json"]
"""What is there when the job's files are unpacked twice, the second time into `there`."""
RESERVATION = "arn:aws:braket:us-west-2:123456789012:reservation/6f1ae9d3-1111-2222-3333-444444444444"


def nothing() -> None:
    """A program. The emulator with fixed results makes up what came of it."""


def emulator(**settings: Any) -> BraketEmulator:
    """Runs no programs: one that is submitted is over at once, and has saved {"bits": "10"}."""
    return BraketEmulator(**{"results": "10"} | settings)


def out_of_memory() -> Fault:
    return Fault("fail", operation="CreateJob", body="out of memory")


@contextmanager
def served(made: BraketEmulator, *jobs: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Serve in a thread, with these jobs made up; the address, and the ARNs of the jobs."""
    ready, ends = threading.Event(), asyncio.Event()
    told: list[Any] = []

    async def main() -> None:
        async with serve(made) as url:
            told.extend((url, [made.hybrid.invent(**job).id for job in jobs], asyncio.get_running_loop()))
            ready.set()
            await ends.wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(PATIENCE)
    url, arns, loop = told
    try:
        yield url, arns
    finally:
        loop.call_soon_threadsafe(ends.set)
        thread.join(PATIENCE)
        assert not thread.is_alive()


def client_of(url: str, *, more: Mapping[str, Any] = {}, **settings: Any) -> Client:
    """A client of this service alone; `more` are further settings of the account."""
    providers = {"braket": settings_of(url, **QUOTAS, **more)}
    return Client(providers=providers, **{"ledger": "memory", "policies": OFTEN} | settings)


def attached(client: Client, arn: str) -> HybridJob:
    """The job of that ARN."""
    job = client.attach("braket", arn)
    assert isinstance(job, HybridJob)
    return job


def left(made: BraketEmulator, arn: str | None, files: Mapping[str, bytes] = PLAIN) -> None:
    """Let the job have left these files, by default what `SAVED` is saved as."""
    (job,) = (job for job in made.hybrid.jobs if job.id == arn)
    made.hybrid.programs.keep(job, packed(files))


def said(folder: Path, before: str | None) -> tuple[Path, dict[str, Any]]:
    """All that `create` takes, by its names here: the sources, and the options."""
    algo = folder / "algo"
    algo.mkdir()
    (algo / "main.py").write_text("def run():\n    pass\n")
    (folder / "data.csv").write_text("1,2\n")
    return algo, {
        "image_uri": "123456789012.dkr.ecr.us-west-2.amazonaws.com/mine:1",
        "role_arn": "arn:aws:iam::123456789012:role/service-role/AmazonBraketJobsExecutionRole",
        "hyperparameters": {"n": 3},
        "input_data": {"train": folder / "data.csv", "far": "s3://far-away/data"},
        "instance_config": SimpleNamespace(
            instanceType="ml.m5.xlarge", volumeSizeInGb=40, instanceCount=2
        ),  # as the SDK's
        "distribution": "data_parallel",
        "max_runtime": 600,
        "output_path": "s3://of-my-own/out",
        "kms_key_id": "key-1",
        "copy_checkpoints_from": before,
        "checkpoint_config": {"localPath": "/opt/kept"},
        "resource_tags": {"team": "blue"},
        "reservation_arn": RESERVATION,
    }


def checkpointed(made: BraketEmulator) -> None:
    """Let the first job have left a checkpoint."""
    config = made.hybrid.jobs[0].about.checkpoint_config
    assert config is not None
    bucket, _, key = config.s3_uri.removeprefix("s3://").partition("/")
    made.store.put(bucket, f"{key}/state.json", b"{}", region=REGION)


def as_sent(made: BraketEmulator) -> None:
    """The last job is what `said` says."""
    about = made.hybrid.jobs[-1].about
    algorithm, output, instances = about.algorithm_specification, about.output_data_config, about.instance_config
    script, image, checkpoints = algorithm.script_mode_config, algorithm.container_image, about.checkpoint_config
    assert script is not None
    assert image is not None
    assert checkpoints is not None
    assert (about.job_name, about.device_config.device) == (
        "said",
        "arn:aws:braket:::device/quantum-simulator/amazon/sv1",
    )
    assert (script.entry_point, image.uri) == ("algo.main:run", "123456789012.dkr.ecr.us-west-2.amazonaws.com/mine:1")
    assert (output.s3_path, output.kms_key_id) == (f"s3://of-my-own/out/{about.client_token}", "key-1")
    assert (instances.instance_type, instances.volume_size_in_gb, instances.instance_count) == ("ml.m5.xlarge", 40, 2)
    assert checkpoints.local_path == "/opt/kept"
    assert about.stopping_condition.max_runtime_in_seconds == 600
    assert about.hyper_parameters == {
        "n": "3",
        "sagemaker_distributed_dataparallel_enabled": "true",
        "sagemaker_instance_type": "ml.m5.xlarge",
    }
    assert [channel.channel_name for channel in about.input_data_config] == ["train", "far"]
    assert about.tags == {"team": "blue"}
    assert [one.arn for one in about.associations or ()] == [RESERVATION]
    bucket, _, key = script.s3_uri.removeprefix("s3://").partition("/")
    packed = made.store.body(bucket, key)
    assert packed is not None
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert tar.getnames() == ["algo", "algo/main.py"]
    place = about.input_data_config[0].data_source.s3_data_source.s3_uri.removeprefix(f"s3://{bucket}/")
    assert made.store.body(bucket, f"{place}/data.csv") == b"1,2\n"
    kept = checkpoints.s3_uri.removeprefix(f"s3://{bucket}/")
    assert made.store.body(bucket, f"{kept}/state.json") == b"{}"  # copied from the job before


def names(folder: Path) -> list[str]:
    """Of all that is in the folder, and in folders in it."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


async def over(job: qj.Job) -> None:
    """Look until it has ended: after a cancel the client itself would look in some seconds only."""
    while not (await job.refresh()).done():  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.02)


def left_by_the_vendor(folder: Path, *, code: int = 0) -> Path:
    """The folder that a local job of the SDK leaves."""
    folder.mkdir()
    log = [*LINES, *([f"Process exited with code: {code}"] if code else [])]
    (folder / "log.txt").write_text("".join(f"{line}\n" for line in log))
    (folder / "results.json").write_bytes(PLAIN["results.json"])
    return folder


PROGRAM = """
    import sys, time
    from quantumjobs import hybrid

    parameters = hybrid.hyperparameters()
    for line in {lines!r}:
        print(line)
    hybrid.save_result({saved!r})
    if "fails" in parameters:
        raise MemoryError("out of memory")
    time.sleep(float(parameters.get("seconds", 0)))
"""


def program(folder: Path) -> Path:
    """A program for this machine: it says `LINES` and saves `SAVED`, and fails or lasts where it is told to."""
    file = folder / "algo.py"
    file.write_text(textwrap.dedent(PROGRAM).format(lines=LINES, saved=SAVED))
    return file


def local_client(folder: Path) -> Client:
    """A client without credentials, region and service."""
    return Client(providers={"braket": {"local_jobs": folder / "jobs"}}, ledger="memory")
