"""Programs and requests of Braket's protocol, and a client as raw as can be, which signs what it sends."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx

from quantumjobs.testing.emulators import Emulator, serve
from quantumjobs.testing.emulators.braket_signatures import Keys, Shown, Signed, signature, written

SV1 = "arn:aws:braket:::device/quantum-simulator/amazon/sv1"
DM1 = "arn:aws:braket:::device/quantum-simulator/amazon/dm1"
GARNET = "arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet"
FORTE = "arn:aws:braket:us-east-1::device/qpu/ionq/Forte-1"
OFFLINE = "arn:aws:braket:eu-north-1::device/qpu/iqm/Emerald"
RETIRED = "arn:aws:braket:us-east-1::device/qpu/ionq/Harmony"
AGENT = "tests BraketSchemas/1.32.1"
KEYS = Keys("AKID", "s3cret")
BUCKET = "amazon-braket-test"
OVER = {"COMPLETED", "FAILED", "CANCELLED"}

BELL = "OPENQASM 3.0;\nbit[2] b;\nqubit[2] q;\nh q[0];\ncnot q[0], q[1];\nb[0] = measure q[0];\nb[1] = measure q[1];"
FLIP = "OPENQASM 3.0;\nbit[2] b;\nqubit[3] q;\nx q[0];\nb[1] = measure q[0];\nb[0] = measure q[2];"
TURN = "OPENQASM 3.0;\ninput float theta;\nbit[1] b;\nqubit[1] q;\nrx(theta) q[0];\nb[0] = measure q[0];"


def program(text: str = BELL, **inputs: Any) -> dict[str, Any]:
    """In its schema."""
    head = {"name": "braket.ir.openqasm.program", "version": "1"}
    return {"braketSchemaHeader": head, "source": text, "inputs": inputs}


def program_set(*programs: dict[str, Any]) -> dict[str, Any]:
    """In its schema."""
    return {
        "braketSchemaHeader": {"name": "braket.ir.openqasm.program_set", "version": "1"},
        "programs": list(programs),
    }


def creation(
    action: dict[str, Any] | str = BELL, *, device: str = SV1, shots: int = 20, **changed: Any
) -> dict[str, Any]:
    """The body of a request."""
    if isinstance(action, str):
        action = program(action)
    return {
        "clientToken": str(uuid4()),
        "deviceArn": device,
        "shots": shots,
        "outputS3Bucket": BUCKET,
        "outputS3KeyPrefix": "tasks",
        "action": json.dumps(action),
    } | changed


class Raw:
    """Requests with signatures, in one region."""

    def __init__(
        self, http: httpx.AsyncClient, *, keys: Keys = KEYS, region: str = "us-east-1", ahead: float = 0
    ) -> None:
        self.http = http
        self.keys = keys
        self.region = region
        self.ahead = ahead

    def at(self, region: str) -> Raw:
        """Another region."""
        return Raw(self.http, keys=self.keys, region=region, ahead=self.ahead)

    async def send(
        self, method: str, path: str, body: bytes = b"", *, service: str = "braket", **more: str
    ) -> httpx.Response:
        headers = {"host": self.http.base_url.netloc.decode(), "x-amz-date": written(time.time() + self.ahead)}
        headers |= {name.replace("_", "-"): text for name, text in more.items()}
        if service == "s3":
            headers["x-amz-content-sha256"] = hashlib.sha256(body).hexdigest()
        if self.keys.session:
            headers["x-amz-security-token"] = self.keys.session
        names = tuple(sorted(headers))
        parts = urlsplit(path)
        shown = Shown(self.keys.id, headers["x-amz-date"][:8], self.region, service, names, "")
        found = signature(Signed(method, parts.path, parts.query, headers, body), shown, self.keys.secret)
        scope = f"{self.keys.id}/{shown.day}/{self.region}/{service}/aws4_request"
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={';'.join(names)}, Signature={found}"
        )
        headers["user-agent"] = AGENT
        return await self.http.request(
            method, f"{str(self.http.base_url).rstrip('/')}{path}", content=body, headers=headers
        )

    async def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Of Braket, in JSON."""
        if body is None:
            return await self.send(method, path)
        return await self.send(method, path, json.dumps(body).encode(), content_type="application/json")

    async def create(self, *given: Any, **more: Any) -> str:
        """The ARN of a task that was taken."""
        reply = await self.ask("POST", "/quantum-task", creation(*given, **more))
        assert reply.status_code == 201, reply.text
        arn: str = reply.json()["quantumTaskArn"]
        return arn

    async def look(self, arn: str) -> dict[str, Any]:
        """What is told of a task."""
        reply = await self.ask("GET", f"/quantum-task/{quote(arn, safe='')}?additionalAttributeNames=QueueInfo")
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    async def until(self, arn: str, *states: str) -> dict[str, Any]:
        """What is told of a task as soon as it is in one of the states."""
        while True:
            found = await self.look(arn)
            if found["status"] in states:
                return found
            await asyncio.sleep(0.02)

    async def over(self, arn: str) -> dict[str, Any]:
        """What is told at its end."""
        return await self.until(arn, *OVER)

    async def cancel(self, arn: str) -> httpx.Response:
        return await self.ask("PUT", f"/quantum-task/{quote(arn, safe='')}/cancel", {"clientToken": "c"})

    async def search(self, *filters: Any, **more: Any) -> dict[str, Any]:
        """A page."""
        body = {"filters": [{"name": n, "operator": o, "values": v} for n, o, v in filters], **more}
        reply = await self.ask("POST", "/quantum-tasks", body)
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    async def object(self, told: dict[str, Any], name: str = "results.json") -> Any:
        """A part of a task's result."""
        reply = await self.send("GET", f"/{told['outputS3Bucket']}/{told['outputS3Directory']}/{name}", service="s3")
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def result(self, *given: Any, **more: Any) -> dict[str, Any]:
        """Of a task that runs to its end."""
        told = await self.over(await self.create(*given, **more))
        assert told["status"] == "COMPLETED", told
        found: dict[str, Any] = await self.object(told)
        return found


def code(reply: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal by Braket."""
    assert reply.headers["x-amzn-requestid"]
    return reply.status_code, reply.headers.get("x-amzn-errortype", "")


@asynccontextmanager
async def served(emulator: Emulator, *, keys: Keys = KEYS) -> AsyncIterator[Raw]:
    """A client of an emulator that is served meanwhile."""
    async with serve(emulator) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        yield Raw(http, keys=keys)
