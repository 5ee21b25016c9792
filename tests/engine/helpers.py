"""What the engine's tests share: a circuit that the fake takes, a fake that notes its requests, and a client on it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import quantumjobs as qj
from quantumjobs.engine.policies import Policy
from quantumjobs.testing.fake import FakeProvider, Fault

BELL = "OPENQASM 2.0; // the fake does not read it"


def client_on(fake: FakeProvider, **settings: Any) -> qj.Client:
    """A client with one provider, `fake`."""
    return qj.Client(ledger=settings.pop("ledger", "memory"), providers={"fake": fake}, **settings)


def policy(**settings: Any) -> dict[str, Policy]:
    """The fake's lane's habits."""
    return {"fake": Policy(**settings)}


class Watched(FakeProvider):
    """Notes when each request arrived, and how many were under way at a time."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.times: dict[str, list[float]] = {}
        self.under_way = self.most_under_way = 0

    async def begin(self, operation: str) -> Fault | None:
        self.times.setdefault(operation, []).append(asyncio.get_running_loop().time())
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await super().begin(operation)
        finally:
            self.under_way -= 1

    def between(self, operation: str, start: float, end: float = float("inf")) -> int:
        return sum(start <= at < end for at in self.times.get(operation, ()))

    def most_per_second(self, operation: str, start: float = 0.0) -> int:
        return max(Counter(int(at) for at in self.times[operation] if at >= start).values())


async def run_many(client: qj.Client, count: int, **settings: Any) -> list[qj.Job]:
    backend = client.backend("fake/sim")
    return list(await asyncio.gather(*(backend.run(BELL, **settings) for _ in range(count))))
