"""Programs and requests of OriginQ's protocol, and a client as raw as can be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from quantumjobs.testing.emulators import Emulator, serve

BELL = "QINIT 2\nCREG 2\nH q[0]\nCNOT q[0],q[1]\nMEASURE q[0],c[0]\nMEASURE q[1],c[1]\n"
FLIP = "QINIT 3\nCREG 3\nX q[0]\nMEASURE q[0],c[1]\n"
CHIP = {
    "shot": 20,
    "isProbcount": True,
    "amendFlag": 1,
    "use_cz_pattern": False,
    "mappingFlag": True,
    "PointLabel": 1,
    "circuitOptimization": True,
    "specified_block": [],
}


def simulated(
    text: str = BELL, *, width: int = 2, clbits: int = 2, machine: str = "0", **configuration: Any
) -> dict[str, Any]:
    """One program for a simulator."""
    return {
        "QProg": [text],
        "batchNo": "",
        "taskFrom": 4,
        "QMachineType": machine,
        "qubitNum": width,
        "classicalbitNum": clbits,
        "Configuration": configuration or {"shot": 20, "measure_type": 1},
    }


def several(*texts: str, chip: str = "WK_C180", **changed: Any) -> dict[str, Any]:
    """A list of programs for a chip."""
    return {
        "batchNo": "",
        "taskFrom": 4,
        "QProg": list(texts or (BELL, BELL)),
        "QMachineType": "5",
        "ChipID": chip,
        "Configuration": CHIP | changed,
    }


class Raw:
    """Requests as the published client makes them."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def ask(self, path: str, body: Any, *, mode: str = "0") -> dict[str, Any]:
        reply = await self.http.post(f"/oqcs/task/{path}.json", content=json.dumps(body), headers={"task_mode": mode})
        assert reply.status_code == 200
        found: dict[str, Any] = reply.json()
        assert found.keys() == {"success", "code", "message", "obj"}
        return found

    async def submit(self, body: dict[str, Any], *, mode: str | None = None) -> dict[str, Any]:
        return await self.ask("origin/submit", body, mode=mode or ("1" if "qubitNum" in body else "2"))

    async def accepted(self, body: dict[str, Any]) -> str:
        """The id of a task that was taken."""
        told = await self.submit(body)
        assert told["success"], told
        task: str = told["obj"]["taskId"]
        return task

    async def look(self, task: str, **more: Any) -> dict[str, Any]:
        """What is told of a task."""
        told = await self.ask("origin/taskDetail", {"taskId": task, **more})
        assert told["success"], told
        found: dict[str, Any] = told["obj"]
        return found

    async def over(self, task: str, **more: Any) -> dict[str, Any]:
        """The same when it is over."""
        while True:
            found = await self.look(task, **more)
            if found["taskState"] in {"3", "4"}:
                return found
            await asyncio.sleep(0.02)


@asynccontextmanager
async def served(emulator: Emulator) -> AsyncIterator[Raw]:
    headers = {"authorization": "oqcs_auth=K/1", "content-type": "application/json", "origin-language": "en"}
    async with (
        serve(emulator) as url,
        httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=20) as http,
    ):
        yield Raw(http)
