"""AQT's portal as a function, for tests in virtual time: no socket, no worker, circuits converted beforehand."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx

from quantumjobs.abc import Part, Prepared, Raw, Request
from quantumjobs.adapters.aqt import AqtProvider, settings
from quantumjobs.adapters.aqt.codec import AqtCodec
from quantumjobs.core.results import Result

URL = "https://portal.example"
BACKEND = "aqt/ws/ibex"
PAYLOAD = b'{"job_type":"quantum_circuit","label":"quantumjobs","payload":{"circuits":[]}}'
Weather = Callable[[str, int], httpx.Response | Exception | None]


class Portal:
    """Takes every job; it is queued, ongoing, and after `looks` looks finished. `weather` comes before the answer."""

    def __init__(self, *, looks: int = 3, latency: float = 0.05, weather: Weather | None = None) -> None:
        self.looks = looks
        self.latency = latency
        self.weather = weather or (lambda operation, number: None)
        self.token = "first-token"
        self.requests: Counter[str] = Counter()
        self.under_way: Counter[str] = Counter()
        self.most_under_way: Counter[str] = Counter()
        self.refused = 0
        self.jobs: dict[str, int] = {}
        self.cancelled: set[str] = set()
        self.submits_taken = 0
        self._ids = itertools.count(1)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1/").split("/")
        operation = path[0]
        self.under_way[operation] += 1
        self.most_under_way[operation] = max(self.most_under_way[operation], self.under_way[operation])
        await asyncio.sleep(self.latency)
        self.under_way[operation] -= 1
        self.requests[operation] += 1
        if request.headers.get("authorization") != f"Bearer {self.token}":
            self.refused += 1
            return httpx.Response(401, json={"detail": "Could not validate credentials"})
        strange = self.weather(operation, self.requests[operation])
        if isinstance(strange, Exception):
            raise strange
        if strange is not None:
            return strange
        return self._answer(operation, path, request.method)

    def _answer(self, operation: str, path: list[str], method: str) -> httpx.Response:
        match operation:
            case "workspaces":
                return httpx.Response(200, json=[{"id": "ws", "resources": [{"id": "ibex"}, {"id": "pine"}]}])
            case "resources":
                return httpx.Response(200, json={"id": path[1], "status": "online", "available_qubits": 12})
            case "submit":
                job = f"job-{next(self._ids)}"
                self.jobs[job] = 0
                return httpx.Response(200, json=told(job, {"status": "queued"}))
            case "jobs":
                assert method == "DELETE"
                self.cancelled.add(path[1])
                return httpx.Response(204)
        job = path[1]
        if job not in self.jobs:
            return httpx.Response(404, json={"detail": "job not found"})
        self.jobs[job] += 1
        if job in self.cancelled:
            return httpx.Response(200, json=told(job, {"status": "cancelled"}))
        if self.jobs[job] <= self.looks:
            return httpx.Response(200, json=told(job, {"status": "ongoing", "finished_count": 0}))
        return httpx.Response(200, json=told(job, {"status": "finished", "result": {"0": [[0, 0], [1, 1]]}}))


def told(job: str, response: dict[str, Any]) -> dict[str, Any]:
    info = {"job_id": job, "job_type": "quantum_circuit", "label": "x", "resource_id": "ibex", "workspace_id": "ws"}
    return {"job": info, "response": response}


class Converted:
    """Everything in the loop, where no worker is seen by a virtual clock."""

    inline = frozenset({"prepare", "decode"})

    def prepare(self, request: Request, about: bytes, *, seed: int) -> Prepared:
        assert json.loads(about)["qubits"] == 12
        return Prepared(parts=(Part(payload=PAYLOAD, layout=b"", count=1, details={"circuits": "1"}),))

    def decode(self, raw: Raw, layout: bytes | None) -> Result:
        return AqtCodec().decode(raw, None)


class PortalProvider(AqtProvider):
    """The provider as it is, but for its codec; `token` may be a function."""

    def __init__(self, portal: Portal, token: Any = None) -> None:
        given = settings.read({"url": URL, "token": token or portal.token, "load_dotenv": False})
        super().__init__(given, transport=lambda _: httpx.MockTransport(portal))
        self._codec = Converted()  # type: ignore[assignment]
