"""Braket, S3, STS, IAM and CloudWatch Logs as a table of answers, for tests in virtual time: no socket, and what was asked is noted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import unquote

import httpx

from quantumjobs.adapters.braket.cloud import BraketAdapter
from quantumjobs.adapters.braket.connections import Connections
from quantumjobs.adapters.braket.endpoints import Endpoints
from quantumjobs.adapters.braket.jobs import HybridJobs
from quantumjobs.adapters.braket.jobs_storage import JobStorage
from quantumjobs.adapters.braket.settings import Settings
from quantumjobs.adapters.braket.storage import Storage
from quantumjobs.wire import Credential, Secret
from quantumjobs.wire.sigv4 import AwsKeys

REGION = "us-west-2"
KEY = "AKIDCANARY5F2B9C0001"
SECRET = "canary/5f2b9c+secretaccesskey0123456789"
ACCOUNT = "123456789012"
BUCKET = f"amazon-braket-{REGION}-{ACCOUNT}"
SV1 = "arn:aws:braket:::device/quantum-simulator/amazon/sv1"
GARNET = "arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet"
ID = f"arn:aws:braket:{REGION}:{ACCOUNT}:quantum-task/8e1c0f3a-1111-2222-3333-444444444444"
DIRECTORY = "tasks/8e1c0f3a"
CREATE = "POST braket /quantum-task"
LOOK = f"GET braket /quantum-task/{ID}"
CANCEL = f"PUT braket /quantum-task/{ID}/cancel"
SEARCH = "POST braket /quantum-tasks"
DEVICES = "POST braket /devices"
STS = "POST sts /"
MAKE = f"PUT s3 /{BUCKET}"
HEAD = f"HEAD s3 /{BUCKET}"
RESULTS = f"GET s3 /{BUCKET}/{DIRECTORY}/results.json"
IDENTITY = (
    b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    b"<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)


def device(arn: str = SV1, **capabilities: Any) -> dict[str, Any]:
    return {
        "deviceArn": arn,
        "deviceName": "SV1",
        "providerName": "Amazon Braket",
        "deviceType": "SIMULATOR",
        "deviceStatus": "ONLINE",
        "deviceCapabilities": json.dumps({"action": {"braket.ir.openqasm.program": {}}, **capabilities}),
        "deviceQueueInfo": [{"queue": "QUANTUM_TASKS_QUEUE", "queueSize": ">4000", "queuePriority": "Normal"}],
    }


def task(status: str = "COMPLETED", **more: Any) -> dict[str, Any]:
    """The service's word on the task."""
    return {
        "quantumTaskArn": ID,
        "status": status,
        "deviceArn": SV1,
        "shots": 100,
        "outputS3Bucket": BUCKET,
        "outputS3Directory": DIRECTORY,
        "createdAt": "2026-11-21T00:57:39.314Z",
        "actionMetadata": {"actionType": "braket.ir.openqasm.program"},
        **more,
    }


def refusal(status: int, code: str, message: str = "no", **headers: str) -> tuple[int, Any, dict[str, str]]:
    """As the service writes it."""
    return status, {"message": message}, {"x-amzn-errortype": f"{code}:http://internal", **headers}


def s3_refusal(status: int, code: str) -> tuple[int, bytes, dict[str, str]]:
    """As S3 writes it."""
    return status, f"<?xml version='1.0'?>\n<Error><Code>{code}</Code><Message>so</Message></Error>".encode(), {}


class Turns:
    """Answers one after the other; the last one stays."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)

    def next(self) -> Any:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


class Station:
    """Answers by method, service and path: a document, bytes, or (status, document[, headers]); of `Turns`, in turn."""

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.answers = dict(answers or {})
        self.requests: list[httpx.Request] = []

    @property
    def asked(self) -> list[str]:
        return [self.name(request) for request in self.requests]

    @staticmethod
    def name(request: httpx.Request) -> str:
        service = request.url.host.partition(".")[0]
        if target := request.headers.get("x-amz-target"):
            return f"{request.method} {service} {target.rpartition('.')[2]}"
        return f"{request.method} {service} {unquote(request.url.raw_path.decode().partition('?')[0])}"

    def body(self, name: str) -> Any:
        """What was sent with the last request of that name."""
        return json.loads(next(one for one in reversed(self.requests) if self.name(one) == name).content)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.get(self.name(request), refusal(404, "ResourceNotFoundException"))
        if isinstance(answer, Turns):
            answer = answer.next()
        status, document, headers = (*answer, {})[:3] if isinstance(answer, tuple) else (200, answer, {})
        if isinstance(document, bytes):
            return httpx.Response(status, content=document, headers=headers)
        return httpx.Response(status, json=document, headers=headers)

    @asynccontextmanager
    async def adapter(self, *, wall: float = 1_800_000_000.0, **settings: Any) -> AsyncIterator[BraketAdapter]:
        async with self._connections(settings) as connections:
            yield BraketAdapter(connections, Storage(connections), wall=lambda: wall)

    @asynccontextmanager
    async def jobs(self, *, wall: float = 1_800_000_000.0, **settings: Any) -> AsyncIterator[HybridJobs]:
        async with self._connections(settings) as connections:
            yield HybridJobs(connections, JobStorage(connections, Storage(connections)), wall=lambda: wall)

    @asynccontextmanager
    async def _connections(self, settings: Mapping[str, Any]) -> AsyncIterator[Connections]:
        async def keys(fresh: bool) -> Secret:
            return AwsKeys(KEY, SECRET, Secret("canary-session-5f2b9c"), origin="the test")

        given = {
            "region": REGION,
            "regions": (REGION,),
            "endpoints": Endpoints(custom={"s3": "https://s3.example"}),
        }
        async with AsyncExitStack() as stack:
            yield Connections(
                Settings(**{**given, **settings}),
                REGION,
                Credential(keys),
                stack,
                transport=lambda _: httpx.MockTransport(self),
            )
