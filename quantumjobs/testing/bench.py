"""What the adapter rules work with: a connection, and the engine's part played by hand."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from quantumjobs import abc
from quantumjobs.abc import Accepted, Adapter, Provider, Raw, Remote, Sending, Status
from quantumjobs.core.states import TERMINAL
from quantumjobs.engine.codecs import prepared_here

if TYPE_CHECKING:
    from quantumjobs.testing.adapter_rules import AdapterRules


class DoesNotApply(Exception):
    """The provider lacks what the rule is about; it passes."""


class Sent:
    """One job that a rule submitted."""

    def __init__(self, sending: Sending, accepted: Accepted, remote: Remote, part: abc.Part) -> None:
        self.sending = sending
        self.accepted = accepted
        self.remote = remote
        self.part = part


class Bench:
    """A provider and an open connection to it, with the engine's part played by hand."""

    def __init__(self, rules: AdapterRules, provider: Provider, stack: AsyncExitStack) -> None:
        self.rules = rules
        self.provider = provider
        self.backend = rules.backend
        self.traits = provider.traits(provider.family(self.backend))
        self.adapter: Adapter
        self.reports: list[tuple[str, abc.Answer]] = []
        self._stack = stack
        self._tokens = 0

    async def connect(self) -> Adapter:
        """One more connection."""
        lane = self.provider.lane(self.backend)
        connection = self.provider.connect(lane, lambda remote_id, answer: self.reports.append((remote_id, answer)))
        adapter: Adapter = await self._stack.enter_async_context(connection)
        return adapter

    def needs(self, capability: type[Any]) -> Any:
        """The adapter, if it has the capability; else the rule does not apply."""
        if not isinstance(self.adapter, capability):
            raise DoesNotApply
        return self.adapter

    async def prepare(self, *, seed: int = 7) -> abc.Prepared:
        """The subclass's request, prepared."""
        about = await self.adapter.describe(self.backend)
        return prepared_here(self.provider.codec, self.rules.request(), about, seed)

    def sending(self, part: abc.Part) -> Sending:
        """A fresh intent for it."""
        self._tokens += 1
        return Sending(
            backend=self.backend,
            payload=part.payload,
            token=self.rules.token(self._tokens),
            first_sent_at=self.rules.now(),
            attempt=1,
            details=part.details,
        )

    async def submit(self) -> Sent:
        """Stage and submit the request's first part."""
        part = (await self.prepare()).parts[0]
        sending = self.sending(part)
        if isinstance(self.adapter, abc.Stages):
            await self.adapter.stage(sending)
        accepted = await self.adapter.submit(sending)
        details = dict(part.details)
        if accepted.status:
            details |= accepted.status.details
        remote = Remote(id=accepted.remote_id, backend=self.backend, created_at=self.rules.now(), details=details)
        return Sent(sending, accepted, remote, part)

    async def look(self, sent: Sent, *, adapter: Adapter | None = None) -> abc.Answer | None:
        """One look; what the answer asks to remember is remembered."""
        answers = await (adapter or self.adapter).poll([sent.remote])
        answer = answers.get(sent.remote.id)
        if isinstance(answer, Status) and answer.details:
            sent.remote = replace(sent.remote, details={**sent.remote.details, **answer.details})
        return answer

    async def end_of(self, sent: Sent, *, adapter: Adapter | None = None) -> Status:
        """Look until the job has ended."""
        for _ in range(self.rules.looks):
            answer = await self.look(sent, adapter=adapter)
            if isinstance(answer, Status) and answer.state in TERMINAL:
                return answer
            await asyncio.sleep(self.rules.pause)
        raise AssertionError(f"{sent.remote.id} did not end within {self.rules.looks} looks")

    async def raw_of(self, sent: Sent, ended: Status) -> Raw:
        """The result, inline or fetched."""
        if ended.result is not None:
            return ended.result
        assert isinstance(self.adapter, abc.Fetches), "the finished answer has no result, and there is no fetch"
        return await self.adapter.fetch(sent.remote)
