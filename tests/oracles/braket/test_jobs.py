"""Hybrid jobs by the vendor's SDK and by ours, on one emulator: each tells of the other's jobs what the other does.

The job that the SDK creates runs a program of ours, and the one that our client creates runs one of the SDK's. Importing
the SDK takes nine seconds, so one process does all.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

import quantumjobs as qj
from quantumjobs.core.states import JobState as S
from quantumjobs.display.logs import text_of
from quantumjobs.engine.policies import Policy
from quantumjobs.testing.emulators import BraketEmulator, serve
from quantumjobs.testing.emulators.braket_jobs import HybridSettings
from tests.adapters.braket.helpers import QUICK
from tests.oracles.braket import vendor
from tests.oracles.braket.test_metrics import in_order
from tests.oracles.overhearing import overheard
from tests.oracles.processes import carried_out

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(180)]

Report = dict[str, Any]
DEVICE = "local:none/none"
IMAGE = "292282985366.dkr.ecr.us-east-1.amazonaws.com/amazon-braket-base-jobs:latest"
HELD = 600.0
"""Seconds for which a job waits that is to be cancelled."""
FLIP = "OPENQASM 3.0;\nbit[1] b;\nqubit[1] q;\nx q[0];\nb[0] = measure q[0];\n"
VALUES = {"counts": {"1": 10}, "angles": [0.1, -1e-17], "name": "Grüße 🎈", "nothing": None}
METRICS = [
    ("energy", -1.5, 1700000002.5, 0),
    ("energy", -1.25, 1700000002.5, 0),
    ("loss", 1e-17, 1700000001.25, 1),
    ("loss", 0.5, 1700000003.0, 1),
]
"""Name, value, timestamp and iteration: not in order of time, and twice of the same moment."""
COMMON = f"""
import sys
FLIP, VALUES, METRICS = {FLIP!r}, {VALUES!r}, {METRICS!r}
print("begun", flush=True)
print("  Grüße \\t🎈  ", flush=True)
print("", flush=True)
print("to stderr", file=sys.stderr, flush=True)
"""
OURS_INSIDE = (
    COMMON
    + """
import asyncio
import quantumjobs as qj
from quantumjobs import hybrid

async def task():
    async with qj.Client(ledger="memory") as client:
        return (await (await client.backend("braket/sv1").run(FLIP, shots=10))).counts

hybrid.save_result({**VALUES, "counts": asyncio.run(task())})
(hybrid.results_dir() / "more").mkdir()
(hybrid.results_dir() / "more" / "x.bin").write_bytes(bytes(range(256)))
(hybrid.input_dir() / "a.csv").read_text()
for name, value, at, number in METRICS:
    hybrid.log_metric(name, value, timestamp=at, iteration_number=number)
"""
)
THEIRS_INSIDE = (
    COMMON
    + """
import os
from pathlib import Path
from braket.aws import AwsDevice
from braket.ir.openqasm import Program
from braket.jobs import get_input_data_dir, get_results_dir, save_job_result
from braket.jobs.metrics import log_metric

device = AwsDevice("arn:aws:braket:::device/quantum-simulator/amazon/sv1")
result = device.run(Program(source=FLIP), shots=10, poll_interval_seconds=0.1).result()
save_job_result({**VALUES, "counts": dict(result.measurement_counts)})
more = Path(get_results_dir()) / "more"
more.mkdir()
(more / "x.bin").write_bytes(bytes(range(256)))
(Path(get_input_data_dir()) / "a.csv").read_text()
for name, value, at, number in METRICS:
    log_metric(name, value, at, number)
"""
)
IN_VENDORS = """
import json, os, subprocess
with open(os.environ["AMZN_BRAKET_HP_FILE"]) as file:
    python = json.load(file)["python"]
subprocess.run([python, "-I", "-W", "ignore", "-c", {text!r}], check=True)
"""
"""An entry point that hands over to the vendor's environment."""
LOCAL = (
    COMMON
    + """
from quantumjobs import hybrid

hybrid.save_result(VALUES)
for name, value, at, number in METRICS:
    hybrid.log_metric(name, value, timestamp=at, iteration_number=number)
"""
)
LINES = ["begun", "  Grüße \t🎈  ", "", "to stderr"]
REPORTED = [f"Metrics - timestamp={at}; {name}={value}; iteration_number={n};" for name, value, at, n in METRICS]
_BEFORE = re.compile(r"(?:Job queue position: \d+\n|Running:\n|\.)*\n")
"""What the SDK prints while there are no lines."""


class Service(BraketEmulator):
    """Keeps what it is sent for jobs to create."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"seed": vendor.SEED, "token": f"{vendor.KEY_ID}:{vendor.SECRET}", **given})
        self.created: list[dict[str, Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pieces: list[bytes] = []
        await super().__call__(scope, overheard(receive, pieces), send)
        if scope["type"] == "http" and (scope["method"], scope["path"]) == ("POST", "/job"):
            self.created.append(json.loads(b"".join(pieces)))


def client_of(url: str, policies: dict[str, Policy] = QUICK, **more: Any) -> qj.Client:
    settings = vendor.settings(url, logs_endpoint_url=url, iam_endpoint_url=url, **more)
    return qj.Client(ledger="memory", policies=policies, providers={"braket": settings})


async def vendors(plans: list[dict[str, Any]], home: Path) -> list[Report]:
    command = (vendor.python(), "-I", str(vendor.HERE / "vendor_hybrid.py"))
    return await carried_out(plans, command, env=vendor.pointed(home), home=home, patience=vendor.PATIENCE)


def asked(home: Path) -> dict[str, Any]:
    """What both sides ask for."""
    (home / "data").mkdir(exist_ok=True)
    (home / "data" / "a.csv").write_text("1,2")
    return {
        "image_uri": IMAGE,
        "hyperparameters": {"python": vendor.python(), "n": "3"},
        "input_data": str(home / "data"),
        "instance_config": {"instanceType": "ml.m5.xlarge", "volumeSizeInGb": 31, "instanceCount": 1},
    }


def program(home: Path, side: str, text: str) -> str:
    """A file, called the same on both sides."""
    file = home / side / "algo.py"
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    return str(file)


# --- what is told ---------------------------------------------------------------------------
async def told(job: Any, folder: Path) -> Report:
    """By ours, as `vendor_hybrid.told` has it."""
    unpacked = await job.download_result(folder)
    files = {
        one.relative_to(unpacked).as_posix(): one.read_bytes().hex() for one in unpacked.rglob("*") if one.is_file()
    }
    return {
        "arn": job.arn,
        "name": job.name,
        "state": job.state.name,
        "metadata": await job.metadata(),
        "metrics": await tables(job),
        "result": await job.result(),
        "files": files,
        "tasks": [one.remote_id for one in await job.tasks()],
    }


async def tables(job: Any) -> dict[str, Any]:
    kinds = [(kind, statistic) for kind in ("timestamp", "iteration_number") for statistic in ("max", "min")]
    return {f"{kind} {statistic}": await job.metrics(kind, statistic) for kind, statistic in kinds}


async def lines(job: Any, *, follow: bool = False) -> list[str]:
    return [line.message async for line in job.logs(follow=follow)]


def seconds(value: Any) -> Any:
    """With moments as numbers, as the other side has them."""
    if isinstance(value, dict):
        return {name: seconds(one) for name, one in value.items()}
    if isinstance(value, list):
        return [seconds(one) for one in value]
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", value):
        return dt.datetime.fromisoformat(value).timestamp()
    return value


def check_tables(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """The same, with the SDK's rows in order."""
    assert ours.keys() == theirs.keys()
    for kind, table in ours.items():
        pivot = kind.partition(" ")[0]
        assert in_order(table, pivot) == in_order(theirs[kind], pivot)
        assert table[pivot] == sorted(table[pivot])


def check_same(ours: Report, theirs: Report) -> None:
    for member in ("arn", "name", "state", "result", "files", "tasks"):
        assert ours[member] == theirs[member], member
    check_tables(ours["metrics"], theirs["metrics"])
    theirs["metadata"].pop("ResponseMetadata")
    assert seconds(ours["metadata"]) == theirs["metadata"]


def printed(log: str) -> list[str]:
    """The lines among what the SDK printed."""
    before = _BEFORE.match(log)
    assert before is not None, log
    return log[before.end() :].removesuffix("\n").split("\n")


def check_what_it_did(report: Report, arn: str) -> None:
    """The program's work, whoever tells of it."""
    assert (report["arn"], report["state"], report["result"]) == (arn, "COMPLETED", VALUES)
    assert report["files"]["more/x.bin"] == bytes(range(256)).hex()
    assert json.loads(bytes.fromhex(report["files"]["results.json"]))["dataDictionary"] == VALUES
    assert len(report["tasks"]) == 1
    assert len(report["metrics"]["timestamp max"]["timestamp"]) == 3
    assert max(one for one in report["metrics"]["timestamp max"]["energy"] if one is not None) == -1.25
    assert report["metrics"]["timestamp min"]["energy"].count(-1.5) == 1
    assert len(report["metrics"]["iteration_number max"]["iteration_number"]) == 2
    assert printed(report["log"]) == [*LINES, *REPORTED]


# --- requests -------------------------------------------------------------------------------
def alike(body: dict[str, Any]) -> Any:
    """Without what is each one's own: token, name, and where files go."""
    own = {name: value for name, value in body.items() if name not in ("clientToken", "jobName")}
    place = r"s3://amazon-braket-us-east-1-123456789012/jobs/[^/\"]+/[^/\"]+"
    text = re.sub(rf"{place}/(?:data/input/data|input/input)\b", "{inputs}", json.dumps(own))
    return json.loads(re.sub(place, "{own}", text))


# --- local jobs -----------------------------------------------------------------------------
async def check_local(client: qj.Client, mine: Any, reports: list[Report], home: Path) -> None:
    """The SDK finds ours by its folder, and ours finds what the SDK leaves; there a failure shows in the log alone."""
    by_sdk, left, failed = reports
    assert by_sdk["log"] == "\n".join([*LINES, *REPORTED, "", ""])
    assert (by_sdk["state"], by_sdk["result"]) == ("COMPLETED", await mine) == ("COMPLETED", VALUES)
    check_tables(await tables(mine), by_sdk["metrics"])
    for report, state in (left, S.COMPLETED), (failed, S.FAILED):
        job = await client.attach("braket/local", str(home / report["name"]))
        await job.wait()
        assert (report["state"], job.state) == ("COMPLETED", state)
        ends = ["Process exited with code: 3"] if state is S.FAILED else []
        assert await lines(job) == report["log"].rstrip("\n").split("\n") == ["begun", *REPORTED, LINES[1], *ends]
        check_tables(await tables(job), report["metrics"])
    with pytest.raises(qj.JobFailed, match="exit code 3") as caught:
        await job
    assert caught.value.partial == failed["result"] == VALUES


# --- the test -------------------------------------------------------------------------------
async def test_each_side_creates_jobs_and_tells_of_the_others(tmp_path: Path):
    everything = HybridSettings(instances=None)
    service, held = Service(hybrid=everything), Service(queue=HELD)
    home = tmp_path / "jobs"
    async with serve(service) as url, serve(held) as waiting, client_of(url, local_jobs=home) as client:
        source = program(tmp_path, "ours", IN_VENDORS.format(text=THEIRS_INSIDE))
        options = {**asked(tmp_path), "name": "made-by-ours", "resource_tags": {"t": "1"}}
        mine = await client.hybrid_job(f"braket/{DEVICE}", source, **options)
        followed = asyncio.create_task(lines(mine, follow=True))
        invented = service.hybrid.invent(lines=300, rate=1000, instances=3, results=VALUES, name="invented")
        near = await client.hybrid_job(f"braket/{DEVICE}", program(tmp_path, "near", LOCAL), local=True)
        await near.wait()
        left = {"do": "leave", "folder": str(home), "values": VALUES, "metrics": METRICS}
        theirs = program(tmp_path, "theirs", OURS_INSIDE)
        folder = str(tmp_path / "unpacked")
        job = {"do": "create", "url": url, "device": DEVICE, "source": theirs}
        options = {**asked(tmp_path), "job_name": "made-by-theirs", "tags": {"t": "1"}}
        bare = {**job, "url": waiting, "options": {"job_name": "bare"}}
        reports = await vendors(
            [
                {**job, "options": options, "follow": True, "folder": folder},
                {"do": "attach", "url": url, "arn": mine.arn, "folder": folder},
                {"do": "attach", "url": url, "arn": invented.id, "folder": folder},
                {**bare, "name": "waits"},
                {"do": "cancel", "url": waiting, "arn": "waits"},
                {"do": "local", "folder": str(home), "job": Path(near.arn).name},
                {**left, "job": "left", "code": 0},
                {**left, "job": "failed", "code": 3},
            ],
            tmp_path,
        )
        made, attached, many, _, cancelled, *local = reports

        # What the SDK created, and what our client did.
        address = f"braket/hybrid/{DEVICE}"
        found = await client.attach(address, made["arn"])
        check_what_it_did(made, found.arn)
        assert await lines(found) == printed(made["log"])
        check_same(await told(found, tmp_path / "of theirs"), made)
        check_what_it_did(attached, mine.arn)
        assert await followed == printed(attached["log"])
        check_same(await told(mine, tmp_path / "of ours"), attached)
        assert attached["position"][0] is None
        assert "COMPLETED" in attached["position"][1]

        # Lines of several instances, with their colours.
        several = await client.attach(address, invented.id)
        merged = [line async for line in several.logs()]
        assert len(merged) == 900
        assert [line.message for line in merged] == printed(many["log"])
        assert [text_of(line, colour=True) for line in merged] == printed(many["coloured"])
        assert {line.index for line in merged} == {0, 1, 2}

        await check_local(client, near, local, home)

        # One that waits is cancelled, and is found so by the other side.
        assert cancelled["position"] == ["1", None]
        assert cancelled["states"] == ["QUEUED", "CANCELLED", "CANCELLED"]
        assert cancelled["again"] == "ConflictException"
        assert cancelled["result"] == {}
        async with client_of(waiting) as other:
            late = await other.attach(address, held.hybrid.jobs[0].id)
            with pytest.raises(qj.JobCancelled):
                await late

            # Where no image is asked for, the SDK names the basic one, and ours leaves it to the service.
            await other.hybrid_job(f"braket/{DEVICE}", source, name="bare-too")
        ours, by_sdk = service.created
        assert alike(ours) == alike(by_sdk)
        by_sdk, ours = map(alike, held.created)
        image = by_sdk["algorithmSpecification"].pop("containerImage")["uri"]
        assert image == IMAGE
        assert by_sdk.pop("tags") == {}
        assert ours == by_sdk
