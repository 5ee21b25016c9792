"""Runs in the vendor's environment: hybrid jobs through amazon-braket-sdk, from plans on stdin to reports on stdout.

Each line is a list of plans, and is answered by a line with a list of reports. A plan: {"do": the name of one of the
functions below, "url": the services' place, ...}. Its "arn" may be the "name" of an earlier plan that has created the job.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")
import boto3  # noqa: E402 - they warn when they are imported
from braket.aws import AwsQuantumJob, AwsSession  # noqa: E402 - as above
from braket.jobs import InstanceConfig, save_job_result  # noqa: E402 - as above
from braket.jobs.local import LocalQuantumJob  # noqa: E402 - as above
from braket.jobs.local.local_job_container import _stream_output  # noqa: E402 - as above
from braket.jobs.metrics import log_metric  # noqa: E402 - as above
from braket.jobs.metrics_data.cwl_insights_metrics_fetcher import CwlInsightsMetricsFetcher  # noqa: E402 - as above
from braket.jobs.metrics_data.definitions import MetricStatistic, MetricType  # noqa: E402 - as above

logging.disable(logging.CRITICAL)  # it warns of every value that is no number
OFTEN = 0.1
"""Seconds between looks."""
RESULTS = {"poll_timeout_seconds": 60, "poll_interval_seconds": OFTEN}


# --- what is told of a job ------------------------------------------------------------------
def printed(job: Any, *, colours: bool = False, **how: Any) -> str:
    """What `logs` writes; with `colours` as into a notebook."""
    out = io.StringIO()
    if colours:
        os.environ["JPY_PARENT_PID"] = "1"
    try:
        with contextlib.redirect_stdout(out):
            job.logs(**how)
    finally:
        os.environ.pop("JPY_PARENT_PID", None)
    return out.getvalue()


def tables(job: Any) -> dict[str, dict[str, list[Any]]]:
    """Of metrics, by "type statistic"."""
    return {
        f"{kind.name.lower()} {statistic.name.lower()}": job.metrics(kind, statistic)
        for kind in MetricType
        for statistic in MetricStatistic
    }


def files(folder: Path) -> dict[str, str]:
    """All files below, as hexadecimal digits."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes().hex()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def raised(call: Any) -> Any:
    """What it gives, or the name of what it raises: that is the question."""
    try:
        return call()
    except Exception as error:  # whatever it is, it is the answer
        return type(error).__name__


def told(job: Any, folder: Path) -> dict[str, Any]:
    """All that the SDK tells of a job that is over, whose files it unpacks below the folder."""
    metadata = job.metadata()
    position = job.queue_position()
    job.download_result(str(folder), **RESULTS)
    return {
        "arn": job.arn,
        "name": job.name,
        "state": job.state(),
        "cached": job.state(use_cached_value=True),
        "metadata": json.loads(json.dumps(metadata, default=lambda moment: moment.timestamp())),
        "position": [position.queue_position, position.message],
        "metrics": tables(job),
        "result": job.result(**RESULTS),
        "files": files(folder / job.name),
        "tasks": [task.id for task in job.get_tasks()],
    }


# --- plans ----------------------------------------------------------------------------------
def create(plan: dict[str, Any]) -> dict[str, Any]:
    """Create a job; "follow" it to its end, and tell of it."""
    options = dict(plan["options"])
    if "instance_config" in options:
        options["instance_config"] = InstanceConfig(**options["instance_config"])
    job = AwsQuantumJob.create(plan["device"], plan["source"], **options)
    if not plan.get("follow"):
        return {"arn": job.arn}
    log = printed(job, wait=True, poll_interval_seconds=OFTEN)
    return {"log": log, **told(job, Path(plan["folder"]))}


def attach(plan: dict[str, Any]) -> dict[str, Any]:
    """Follow somebody else's job, and tell of it; its log is printed twice."""
    job = AwsQuantumJob(plan["arn"])
    log = printed(job, wait=True, poll_interval_seconds=OFTEN)
    coloured = printed(job, colours=True, poll_interval_seconds=OFTEN)
    return {"log": log, "coloured": coloured, **told(job, Path(plan["folder"]))}


def cancel(plan: dict[str, Any]) -> dict[str, Any]:
    """Cancel a job that waits, and once more."""
    job = AwsQuantumJob(plan["arn"])
    waiting = job.queue_position()
    before = job.state()
    answer = job.cancel()
    ended(job)
    return {
        "position": [waiting.queue_position, waiting.message],
        "states": [before, answer, job.state()],
        "again": raised(job.cancel),
        "result": raised(lambda: job.result(**RESULTS)),
    }


def ended(job: Any) -> None:
    while job.state() not in AwsQuantumJob.TERMINAL_STATES:
        time.sleep(OFTEN)


def local(plan: dict[str, Any]) -> dict[str, Any]:
    """The SDK's local job, of a folder in which one was run before."""
    with contextlib.chdir(plan["folder"]):
        job = LocalQuantumJob(f"local:job/{plan['job']}")
        return {
            "name": job.name,
            "state": job.state(),
            "log": printed(job),
            "metrics": tables(job),
            "result": raised(job.result),
            "metadata": job.metadata(),
        }


def leave(plan: dict[str, Any]) -> dict[str, Any]:
    """Leave such a folder: what the SDK's functions save and write inside a job, and its log of that."""
    folder = Path(plan["folder"], plan["job"])
    folder.mkdir()
    os.environ["AMZN_BRAKET_JOB_RESULTS_DIR"] = str(folder)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        print("begun")
        save_job_result(plan["values"])
        for name, value, at, number in plan["metrics"]:
            log_metric(name, value, at, number)
        print("  Grüße \t🎈  ")
    del os.environ["AMZN_BRAKET_JOB_RESULTS_DIR"]
    ending = logged(f"raise SystemExit({plan['code']})") if plan["code"] else ""
    (folder / "log.txt").write_text(out.getvalue() + ending, encoding="utf-8")
    return local(plan)


def logged(program: str) -> str:
    """What the SDK's local job keeps of a program that has ended before it comes to read."""
    command = [sys.executable, "-I", "-c", program]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    process.wait()
    with contextlib.redirect_stdout(io.StringIO()):
        return _stream_output(process)


# --- what goes wrong ------------------------------------------------------------------------
def lines(plan: dict[str, Any]) -> dict[str, Any]:
    """The log of a job that is over, at once."""
    return {"log": printed(AwsQuantumJob(plan["arn"]), poll_interval_seconds=OFTEN)}


def results(plan: dict[str, Any]) -> dict[str, Any]:
    """What `result` and `download_result` give, in a working directory of their own; and what is in it then."""
    here = Path(plan["folder"])
    here.mkdir()
    job = AwsQuantumJob(plan["arn"])
    with contextlib.chdir(here):
        result = raised(lambda: job.result(**RESULTS))
        downloaded = raised(lambda: job.download_result(str(here / "deep" / "results"), **RESULTS))
        return {"state": job.state(), "result": result, "downloaded": downloaded, "files": files(here)}


def table(plan: dict[str, Any]) -> dict[str, Any]:
    """Metrics, with less patience than the ten seconds that `job.metrics()` has."""
    job = AwsQuantumJob(plan["arn"])
    fetcher = CwlInsightsMetricsFetcher(AwsSession(), poll_timeout_seconds=1.0, poll_interval_seconds=OFTEN)
    prefix = f"{job.name}/{job.arn.split('/')[-1]}"
    return {"metrics": fetcher.get_metrics_for_job(job.name, stream_prefix=prefix)}


def lost(plan: dict[str, Any]) -> dict[str, Any]:
    """What the SDK's local job keeps of a program's log."""
    return {"log": logged(plan["program"])}


# --- what is measured -----------------------------------------------------------------------
class Watch(io.StringIO):
    """Keeps when each numbered line was written."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[int, float] = {}
        self.doubled = 0

    def write(self, text: str) -> int:
        number, _, rest = text.partition(" ")
        if rest and number.isdecimal():
            self.doubled += int(number) in self.seen
            self.seen[int(number)] = time.time()
        return len(text)


def follow(plan: dict[str, Any]) -> dict[str, Any]:
    """A job's numbered lines, as `logs` prints them by default; the n-th is written at "since" + n / "rate"."""
    job, out, began = AwsQuantumJob(plan["arn"]), Watch(), time.perf_counter()
    with contextlib.redirect_stdout(out):
        job.logs(wait=plan["live"])
    told = {"lines": len(out.seen), "doubled": out.doubled, "wall": time.perf_counter() - began}
    return told | {"delays": [at - plan["since"] - number / plan["rate"] for number, at in out.seen.items()]}


def many(plan: dict[str, Any]) -> dict[str, Any]:
    """Rows of `metrics()`, and how long it took."""
    job, began = AwsQuantumJob(plan["arn"]), time.perf_counter()
    table = job.metrics()
    return {"rows": len(table.get("timestamp", ())), "wall": time.perf_counter() - began}


def point(plan: dict[str, Any]) -> None:
    """All clients that are made from here on are of these services."""
    if "url" in plan:
        os.environ["AWS_ENDPOINT_URL"] = os.environ["AWS_ENDPOINT_URL_BRAKET"] = plan["url"]
    boto3.setup_default_session(region_name=os.environ["AWS_REGION"])


def carried_out(plans: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    arns: dict[str, str] = {}
    for plan in plans:
        plan["arn"] = arns.get(plan.get("arn", ""), plan.get("arn", ""))
        point(plan)
        report = globals()[plan["do"]](plan)
        if "name" in plan:
            arns[plan["name"]] = report["arn"]
        yield report


def main() -> None:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever it prints
    for plans in sys.stdin:
        print(json.dumps(list(carried_out(json.loads(plans)))), file=out, flush=True)


if __name__ == "__main__":
    main()
