"""What a program is shown is durable, and what is durable is whole: looked at in every commit that an engine makes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tenacity import wait_fixed

import quantumjobs as qj
from quantumjobs.abc import Change
from quantumjobs.core.records import Handle, JobRecord
from quantumjobs.core.states import Fetch
from quantumjobs.core.traits import Findable, Idempotent, SubmitClass
from quantumjobs.errors import AdapterError
from quantumjobs.ledgers.memory import MemoryLedger
from quantumjobs.testing.fake import FakeProvider, Fault
from tests.engine.helpers import BELL, client_on, policy
from tests.engine.machine.lives import Life
from tests.engine.machine.stores import Disk, Guarded, Memory, OneOfSeveral


class Slow(MemoryLedger):
    """Takes a second for a commit, and looks around meanwhile."""

    immediate = False

    def __init__(self) -> None:
        super().__init__()
        self.client: qj.Client | None = None
        self.early: list[str] = []

    async def commit(
        self, changes: Sequence[Change], *, handles: Sequence[Handle] = (), blobs: Mapping[str, bytes] = {}
    ) -> None:
        await asyncio.sleep(1)
        for change in changes:
            shown = self._shown(change.record.id)
            if shown is not None and shown.version >= change.record.version:
                self.early.append(f"{type(change.event).__name__} is shown before it is durable")
        await super().commit(changes, handles=handles, blobs=blobs)
        for change in changes:
            result = change.record.result
            missing = [digest for digest in result.blobs.values() if digest not in self._blobs] if result else []
            if missing:
                self.early.append(f"{type(change.event).__name__} is durable before its result")

    def _shown(self, job_id: str) -> JobRecord | None:
        engine = self.client._engine if self.client is not None else None
        known = engine.known(job_id) if engine is not None else None
        return known.record if known is not None else None


async def _runs(**settings: Any) -> Slow:
    ledger = Slow()
    fake = FakeProvider(running=5, **settings)
    async with client_on(fake, ledger=ledger) as client:
        ledger.client = client
        await (await client.backend("fake/sim").run(BELL))
        cancelled = await client.backend("fake/sim").run(BELL)
        await cancelled.cancel()
        await cancelled.wait()
    assert len(await ledger.events()) > 8
    return ledger


async def test_nothing_is_shown_before_it_is_durable_and_nothing_is_durable_without_its_result() -> None:
    assert (await _runs()).early == []


async def test_the_same_for_results_that_are_fetched() -> None:
    assert (await _runs(fetch=Fetch.EAGER)).early == []


async def test_what_cannot_be_written_down_first_is_not_sent() -> None:
    fake, disk = FakeProvider(), Disk()
    ledger = Guarded(OneOfSeveral(Memory()), Life(asyncio.get_running_loop()), disk, lambda *_: None)
    async with client_on(fake, ledger=ledger) as client:
        disk.refuses = "SubmitStarted"
        job = await client.backend("fake/sim").run(BELL, until="recorded")
        await asyncio.sleep(600)
        assert (job.state, fake.submits) == ("created", 0)
        disk.refuses = ""
        await job
        assert fake.submits == 1


@pytest.mark.parametrize(("submit", "kind"), [(Idempotent(3600.0), "SubmitStarted"), (Findable(60.0), "Adopted")])
async def test_a_doubt_is_resolved_once_the_disk_has_space_again(submit: SubmitClass, kind: str) -> None:
    fake, disk = FakeProvider(submit_class=submit, script={"submit": [Fault.REPLY_LOST]}), Disk()
    ledger = Guarded(OneOfSeveral(Memory()), Life(asyncio.get_running_loop()), disk, lambda *_: None)
    async with client_on(fake, ledger=ledger, policies=policy(wait=wait_fixed(5.0))) as client:
        job = await client.backend("fake/sim").run(BELL, until="recorded")
        down: dict[str, BaseException] = {"find": qj.ProviderUnavailable("down", provider="fake")}
        fake.breaks = down
        await asyncio.sleep(1)
        assert job.state == "in_doubt"
        fake.breaks = {}
        disk.refuses = kind
        await asyncio.sleep(30)
        assert not isinstance(job.error, AdapterError)
        disk.refuses = ""
        await job
        assert fake.most_made == 1


async def test_a_resubmission_that_the_disk_refused_leaves_the_doubt_told() -> None:
    fake, disk = FakeProvider(script={"submit": [Fault.REPLY_LOST]}), Disk()
    ledger = Guarded(OneOfSeveral(Memory()), Life(asyncio.get_running_loop()), disk, lambda *_: None)
    async with client_on(fake, ledger=ledger) as client:
        job = await client.backend("fake/sim").run(BELL, until="recorded")
        with pytest.raises(qj.SubmissionUncertain):
            await job
        disk.refuses = "Resubmitted"
        with pytest.raises(qj.LedgerWriteError):
            await job.resubmit()
        async with asyncio.timeout(60):
            with pytest.raises(qj.SubmissionUncertain):
                await job
        disk.refuses = ""
        await job.resubmit()
        assert (await job).counts
        assert fake.submits == 2
