"""What lies between a program and a cloud: a request goes on its way even if its sender ends, and its reply may be late."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from typing import Any

from quantumjobs.abc import Adapter, Report
from quantumjobs.testing.cloud import RemoteJob
from quantumjobs.testing.fake import FakeProvider
from tests.engine.machine.audit import Audit
from tests.engine.machine.lives import Life, abroad

_SENDER: ContextVar[tuple[Audit, Life, FakeProvider]] = ContextVar("sender")
_OPERATIONS = ("describe", "backends", "submit", "poll", "fetch", "cancel", "find", "survey", "stage")


class Way:
    """One program's way to one cloud; implements `quantumjobs.abc.Provider`."""

    def __init__(self, fake: FakeProvider, life: Life, audit: Audit) -> None:
        self.fake = fake
        self.life = life
        self.audit = audit
        self.name = fake.name
        self.codec = fake.codec
        self.lane, self.family, self.traits, self.admit = fake.lane, fake.family, fake.traits, fake.admit

    def connect(self, lane: str, report: Report) -> AbstractAsyncContextManager[Adapter]:
        return self._connected(lane, report)

    @asynccontextmanager
    async def _connected(self, lane: str, report: Report) -> AsyncIterator[Adapter]:
        def pushed(remote_id: str, answer: Any) -> None:
            self.life.call(report, remote_id, answer)

        self.life.passes("before", "connect")
        async with self.fake.connect(lane, pushed) as adapter:
            methods = {name: _operation(name) for name in _OPERATIONS if hasattr(adapter, name)}
            found: Any = type("Away", (), methods)()
            found.way, found.adapter = self, adapter
            yield found

    async def request(self, operation: str, adapter: Any, *args: Any) -> Any:
        """One request. Whoever sent it may end meanwhile, or give up."""
        life, audit, fake = self.life, self.audit, self.fake
        life.passes("before", operation)
        audit.leaves(life, fake, operation, args)
        request = abroad(self._travel(operation, adapter, *args))
        life.requests[request] = None
        request.add_done_callback(lambda _: audit.arrived(fake, operation, args))
        await asyncio.wait([request])
        life.requests.pop(request, None)
        life.check()
        audit.answered(life, fake, operation, args, request)
        life.passes("after", operation)
        return request.result()

    async def _travel(self, operation: str, adapter: Any, *args: Any) -> Any:
        late = late_replies(self.fake).get(operation)
        delay = late.popleft() if late else 0.0
        try:
            _SENDER.set((self.audit, self.life, self.fake))
            return await getattr(adapter, operation)(*args)
        finally:
            if delay:
                await asyncio.sleep(delay)


class Observed(FakeProvider):
    """A fake that tells the audit at once who made a job."""

    def __init__(self, name: str, **settings: Any) -> None:
        super().__init__(name, **settings)
        make = self.cloud.make

        def made(**about: Any) -> RemoteJob:
            job = make(**about)
            audit, life, fake = _SENDER.get()
            audit.made(life, fake, job)
            return job

        self.cloud.make = made  # type: ignore[method-assign]


def late_replies(fake: FakeProvider) -> dict[str, deque[float]]:
    """Seconds by which the next replies of an operation are late."""
    found: dict[str, deque[float]] = fake.__dict__.setdefault("late_replies", {})
    return found


def _operation(name: str) -> Any:
    async def operation(self: Any, *args: Any) -> Any:
        return await self.way.request(name, self.adapter, *args)

    return operation
