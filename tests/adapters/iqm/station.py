"""An IQM Server as a table of answers, for tests in virtual time: no socket, and what was asked is noted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from quantumjobs.adapters.iqm.server import API, ServerAdapter
from quantumjobs.wire import Wire

URL = "https://iqm.example/under/a/prefix"
CALIBRATION = "cd4dd889-b88b-4370-ba01-eb8262ad9c53"
COMPUTERS = {
    "quantum_computers": [
        {
            "id": "8b1d9c0e-0000-4000-8000-000000000001",
            "alias": "garnet",
            "display_name": "IQM Garnet",
            "proxy_path": None,
        },
        {"id": "8b1d9c0e-0000-4000-8000-000000000002", "alias": "deneb", "display_name": None},
    ]
}
ARCHITECTURE = {
    "calibration_set_id": CALIBRATION,
    "qubits": ["QB1", "QB2", "QB3"],
    "computational_resonators": [],
    "gates": {
        "prx": {"implementations": {"drag": {"loci": [["QB1"], ["QB2"], ["QB3"]]}}, "default_implementation": "drag"},
        "measure": {"implementations": {"constant": {"loci": [["QB1"], ["QB2"], ["QB3"]]}}},
        "cz": {"implementations": {"crf": {"loci": [["QB1", "QB2"], ["QB2", "QB3"]]}}},
    },
}
ID = "e121abc4-0000-4000-8000-000000000000"


def told(status: str = "waiting", **more: Any) -> dict[str, Any]:
    """The server's word on the job."""
    return {"id": ID, "type": "circuit", "status": status, **more}


def refusal(code: str | None = None, message: str = "no") -> dict[str, Any]:
    return {"message": message, "error_code": code, "source": "iqm-server", "request_id": "req-7"}


class Station:
    """Answers by path behind `/api/v1/`: a document, or a (status, document)."""

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.answers: dict[str, Any] = {
            "quantum-computers": COMPUTERS,
            "calibration-sets/garnet/default/dynamic-quantum-architecture": ARCHITECTURE,
            **(answers or {}),
        }
        self.requests: list[str] = []
        self.bodies: list[bytes] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        base, _, path = str(request.url).partition(f"{API}/")
        assert base == URL
        self.requests.append(f"{request.method} {path}")
        self.bodies.append(request.content)
        answer = self.answers.get(path, (404, refusal("not_found", f"no {path}")))
        status, document = answer if isinstance(answer, tuple) else (200, answer)
        if isinstance(document, bytes):
            return httpx.Response(status, content=document)
        return httpx.Response(status, json=document)

    @asynccontextmanager
    async def adapter(self, computer: str | None = None) -> AsyncIterator[ServerAdapter]:
        async with Wire(URL, provider="iqm", transport=lambda _: httpx.MockTransport(self)) as wire:
            yield ServerAdapter(wire, computer)
