"""OriginQ's cloud as a table of answers, for tests in virtual time: no socket, and what was asked is noted."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from quantumjobs.adapters.originq.cloud import LANGUAGE, CloudAdapter
from quantumjobs.adapters.originq.provider import sign
from quantumjobs.adapters.originq.replies import denies
from quantumjobs.wire import Credential, Secret, Wire

URL = "https://originq.example/base"
KEY = "302e0201canary5f2b9c/12345"
ID = "8BB5A3135B9A5D1A0F9039C8ED920014"
SUBMIT, TASK, CANCEL, CHIP = (
    f"/oqcs/task/{path}.json" for path in ("origin/submit", "origin/taskDetail", "cancelTask", "origin/chipInfo")
)
RESOURCES = "/oqcs/task/getResourceList.json"
COUNTS = ['{"key":["0x0","0x3"],"value":[500,500]}']
INFO: dict[str, Any] = {
    "ChipID": "WK_C180",
    "QubitCount": 3,
    "AvailableQubits": [0, 1, 2],
    "HighFrequencyQubit": [1],
    "BasicQGate": ["RPhi", "CZ"],
    "CompensateAngle": {"0_1": {"0": 0.1, "1": 0.2}},
    "QGateClock": [],
    "QubitParams": [
        {
            "qubitId": "0",
            "T1": 9.254,
            "T2": 1.128,
            "Frequency": 4764,
            "ReadoutFidelity": 0.9234,
            "SingleGateFidelity": 0.995,
        }
    ],
    "adjMatrix": {"0": [{"v": 1, "w": 0.98}]},
}


def good(obj: object) -> dict[str, Any]:
    return {"success": True, "code": 10000, "message": "ok", "obj": obj}


def no(code: object = 20045, message: str = "under maintenance") -> dict[str, Any]:
    return {"success": False, "code": code, "message": message}


def task(state: object = "3", **more: Any) -> dict[str, Any]:
    """The service's word on the task."""
    found = {"probCount": COUNTS, "measureQubitSize": [2]} if state in {"3", 3} else {}
    return good({"taskId": ID, "taskState": state, **found, **more})


class Station:
    """Answers by path: a document, bytes, or a (status, document); of a list, one after the other."""

    def __init__(self, answers: dict[str, Any] | None = None) -> None:
        self.answers = dict(answers or {})
        self.requests: list[httpx.Request] = []

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.content or b"null") for request in self.requests]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        base, _, path = str(request.url).partition("/oqcs")
        assert base == URL
        self.requests.append(request)
        answer = self.answers.get(f"/oqcs{path}", (404, b"<html>"))
        if isinstance(answer, Turns):
            answer = answer.next()
        status, document = answer if isinstance(answer, tuple) else (200, answer)
        if isinstance(document, bytes):
            return httpx.Response(status, content=document)
        return httpx.Response(status, json=document)

    @asynccontextmanager
    async def adapter(self) -> AsyncIterator[CloudAdapter]:
        async def key(fresh: bool) -> Secret:
            return Secret(KEY)

        async with Wire(
            URL,
            provider="originq",
            credential=Credential(key, origin="the test"),
            sign=sign,
            headers=LANGUAGE,
            denies=denies,
            transport=lambda _: httpx.MockTransport(self),
        ) as wire:
            yield CloudAdapter(wire)


class Turns:
    """Answers one after the other; the last one stays."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)

    def next(self) -> Any:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
