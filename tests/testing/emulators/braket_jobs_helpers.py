"""Requests about hybrid jobs and their logs, and programs for them to run."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx

from quantumjobs.testing.emulators import Emulator
from quantumjobs.testing.emulators.braket_roles import ROLE
from quantumjobs.testing.fault_places import inside
from tests.testing.emulators.braket_helpers import BUCKET, KEYS, OVER, Raw, served

GROUP = "/aws/braket/jobs"
SOURCES = f"s3://{BUCKET}/script/source.tar.gz"
IMAGE = "292282985366.dkr.ecr.us-east-1.amazonaws.com/amazon-braket-base-jobs:latest"
SAVES = """
import json, os
def save(**values):
    head = {"name": "braket.jobs_data.persisted_job_data", "version": "1"}
    with open(os.path.join(os.environ["AMZN_BRAKET_JOB_RESULTS_DIR"], "results.json"), "w") as file:
        json.dump({"braketSchemaHeader": head, "dataDictionary": values, "dataFormat": "plaintext"}, file)
"""
STAYS = "import time\nprint('up', flush=True)\ntime.sleep(600)\n"


def job_creation(**changed: Any) -> dict[str, Any]:
    """The body of a request."""
    script = {"entryPoint": "algo", "s3Uri": SOURCES, "compressionType": "GZIP"}
    body = {
        "clientToken": str(uuid4()),
        "jobName": f"job-{uuid4().hex[:8]}",
        "roleArn": ROLE,
        "algorithmSpecification": {"scriptModeConfig": script, "containerImage": {"uri": IMAGE}},
        "inputDataConfig": [],
        "instanceConfig": {"instanceType": "ml.m5.large", "volumeSizeInGb": 30, "instanceCount": 1},
        "outputDataConfig": {"s3Path": f"s3://{BUCKET}/out/{uuid4().hex[:8]}"},
        "deviceConfig": {"device": "local:none/none"},
    } | changed
    return {name: value for name, value in body.items() if value is not None}


def packed(**files: str) -> bytes:
    """Modules by their names, as sources are uploaded."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(f"{name}.py")
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return made.getvalue()


def unpacked(archive: bytes) -> dict[str, bytes]:
    """What is in it, by name."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = {member.name: tar.extractfile(member) for member in tar if member.isfile()}
        return {name: file.read() for name, file in found.items() if file is not None}


class JobsRaw(Raw):
    """A client of hybrid jobs."""

    async def put(self, key: str, body: bytes) -> None:
        reply = await self.send("PUT", f"/{BUCKET}/{key}", body, service="s3")
        assert reply.status_code == 200, reply.text

    async def create_job(self, program: str | None = None, **changed: Any) -> str:
        """The ARN of a job that was taken; a program is uploaded before."""
        if program is not None:
            await self.put("script/source.tar.gz", packed(algo=program))
        reply = await self.ask("POST", "/job", job_creation(**changed))
        assert reply.status_code == 201, reply.text
        arn: str = reply.json()["jobArn"]
        return arn

    async def look_at(self, arn: str) -> dict[str, Any]:
        """What is told of a job."""
        reply = await self.ask("GET", f"/job/{quote(arn, safe='')}?additionalAttributeNames=QueueInfo")
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    async def job_until(self, arn: str, *states: str) -> dict[str, Any]:
        """What is told of a job as soon as it is in one of the states."""
        while True:
            found = await self.look_at(arn)
            if found["status"] in states:
                return found
            await asyncio.sleep(0.05)

    async def job_over(self, arn: str) -> dict[str, Any]:
        """What is told of a job at its end."""
        return await self.job_until(arn, *OVER)

    async def cancel_job(self, arn: str) -> httpx.Response:
        return await self.ask("PUT", f"/job/{quote(arn, safe='')}/cancel")

    async def search_jobs(self, *filters: Any, **more: Any) -> dict[str, Any]:
        """A page."""
        body = {"filters": [{"name": n, "operator": o, "values": v} for n, o, v in filters], **more}
        reply = await self.ask("POST", "/jobs", body)
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    async def left(self, told: dict[str, Any]) -> dict[str, bytes]:
        """Files that a job has left, by name."""
        path = told["outputDataConfig"]["s3Path"].removeprefix("s3:/")
        reply = await self.send("GET", f"{path}/output/model.tar.gz", service="s3")
        assert reply.status_code == 200, reply.text
        return unpacked(reply.content)

    async def saved(self, told: dict[str, Any]) -> dict[str, Any]:
        """Values that a job has saved."""
        found: dict[str, Any] = json.loads((await self.left(told))["results.json"])["dataDictionary"]
        return found

    # --- logs ---------------------------------------------------------------------------------
    async def ask_logs(self, operation: str, **body: Any) -> httpx.Response:
        return await self.send(
            *("POST", "/", json.dumps(body).encode()),
            service="logs",
            content_type="application/x-amz-json-1.1",
            x_amz_target=f"Logs_20140328.{operation}",
        )

    async def logs(self, operation: str, **body: Any) -> dict[str, Any]:
        """The answer to one of the operations."""
        reply = await self.ask_logs(operation, logGroupName=GROUP, **body)
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"] == "application/x-amz-json-1.1"
        found: dict[str, Any] = reply.json()
        return found

    async def streams(self, arn: str) -> list[str]:
        """Names of a job's streams."""
        prefix = f"{(await self.look_at(arn))['jobName']}/{arn.rpartition('/')[2]}/"
        found = await self.logs("DescribeLogStreams", logStreamNamePrefix=prefix)
        return [one["logStreamName"] for one in found["logStreams"]]

    async def lines(self, stream: str, **more: Any) -> list[str]:
        """All that is in a stream by now: up to the token that comes back."""
        found: list[str] = []
        asked = {"logStreamName": stream, "startFromHead": True, **more}
        token = None
        while True:
            page = await self.logs("GetLogEvents", **asked, **({"nextToken": token} if token else {}))
            found += [event["message"] for event in page["events"]]
            if page["nextForwardToken"] == token:
                return found
            token = page["nextForwardToken"]

    async def written(self, arn: str) -> list[str]:
        """All lines of a job of one instance."""
        (stream,) = await self.streams(arn)
        return await self.lines(stream)


@asynccontextmanager
async def jobs_served(emulator: Emulator) -> AsyncIterator[JobsRaw]:
    """A client of an emulator that is served meanwhile."""
    async with served(emulator) as raw:
        yield JobsRaw(raw.http, keys=raw.keys)


@asynccontextmanager
async def jobs_inside(emulator: Emulator) -> AsyncIterator[JobsRaw]:
    """A client in the emulator's own loop, whose clock may jump."""
    async with inside(emulator) as place:
        assert place.transport is not None
        async with httpx.AsyncClient(base_url=place.url, transport=place.transport(place.url)) as http:
            yield JobsRaw(http, keys=KEYS)
