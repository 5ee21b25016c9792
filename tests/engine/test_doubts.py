"""What makes a doubt, and all that is found when one is looked into."""

from __future__ import annotations

import asyncio

import pytest

import quantumjobs as qj
from quantumjobs.core.traits import Findable
from quantumjobs.testing.fake import FakeProvider, Fault
from tests.engine.helpers import BELL, client_on


async def test_an_answer_that_nobody_understands_is_a_doubt_and_nothing_is_sent_again() -> None:
    garbage = qj.ProviderProtocolError("<html>", provider="fake")
    fake = FakeProvider(script={"submit": [garbage]})
    async with client_on(fake) as client:
        with pytest.raises(qj.SubmissionUncertain):
            await client.backend("fake/sim").run(BELL)
        await asyncio.sleep(600)
        assert fake.submits == 1


async def test_of_several_remote_jobs_that_a_search_finds_all_are_kept_and_the_first_is_followed() -> None:
    fake = FakeProvider(
        submit_class=Findable(3600.0),
        script={"submit": [Fault.REPLY_LOST]},
        breaks={"find": qj.ProviderUnavailable("down", provider="fake")},
    )
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL, until="recorded")
        await asyncio.sleep(1)
        (first,) = fake.jobs.values()
        again = fake.cloud.make(token=first.token, backend="sim", payload=first.payload, now=fake.wall())
        fake.breaks = {}
        await job
        await asyncio.sleep(1)
        assert job.remote_ids == (first.id, again.id)
