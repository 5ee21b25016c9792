"""Descriptions: how long one counts, which one a request needs; and what a provider tells of a job's past."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

import quantumjobs as qj
from quantumjobs.core.states import JobState
from quantumjobs.errors import ProviderRejected, ProviderUnavailable
from quantumjobs.testing.fake import FakeProvider
from tests.engine.helpers import BELL, client_on, policy

S = JobState


class Calibrated(FakeProvider):
    """Has an option that chooses what circuits are prepared for, and notes what was described."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(options={"calibration": str}, backends=(), **settings)
        self.asked: list[str] = []

    def described(self, backend: str, options: Mapping[str, Any]) -> str:
        return f"{backend}/{options['calibration']}" if "calibration" in options else backend

    def connect(self, lane, report):
        provider = self

        class Noting:
            async def __aenter__(self):
                self.context = FakeProvider.connect(provider, lane, report)
                adapter = await self.context.__aenter__()
                plain = adapter.describe

                async def describe(backend: str) -> bytes:
                    provider.asked.append(backend)
                    return await plain(backend)

                adapter.describe = describe
                return adapter

            async def __aexit__(self, *exc_info):
                return await self.context.__aexit__(*exc_info)

        return Noting()


async def test_a_description_counts_for_as_long_as_the_family_says() -> None:
    fake = FakeProvider(described_for=300.0)
    async with client_on(fake) as client:
        backend = client.backend("fake/sim")
        await backend.run(BELL)
        await asyncio.sleep(299)
        await backend.run(BELL)
        assert fake.calls["describe"] == 1
        await asyncio.sleep(2)
        await backend.run(BELL)
        await backend.run(BELL)
        assert fake.calls["describe"] == 2


async def test_an_old_description_is_better_than_none() -> None:
    fake = FakeProvider(described_for=300.0, script={"describe": [None, ProviderUnavailable("down", provider="fake")]})
    async with client_on(fake) as client:
        backend = client.backend("fake/sim")
        await backend.run(BELL)
        await asyncio.sleep(301)
        began = asyncio.get_running_loop().time()
        assert (await (await backend.run(BELL))).counts
        assert asyncio.get_running_loop().time() - began < 5  # it was asked for once, and not waited for
        assert fake.calls["describe"] == 2


async def test_without_any_description_the_weather_is_told() -> None:
    fake = FakeProvider(script={"describe": [ProviderUnavailable("down", provider="fake")] * 100})
    async with client_on(fake, policies=policy(budget=1.0)) as client:
        with pytest.raises(ProviderUnavailable):
            await client.backend("fake/sim").run(BELL)


async def test_an_option_chooses_the_description() -> None:
    fake = Calibrated()
    async with client_on(fake) as client:
        backend = client.backend("fake/sim")
        for _ in range(2):
            await backend.run(BELL)
            await backend.run(BELL, calibration="c1")
        assert fake.asked == ["sim", "sim/c1"]


async def test_a_refusal_that_says_so_drops_all_descriptions_of_the_backend_and_of_no_other() -> None:
    stale = ProviderRejected("other calibration", provider="fake", stale_description=True)
    fake = Calibrated()
    async with client_on(fake) as client:
        await client.backend("fake/simulator").run(BELL)
        backend = client.backend("fake/sim")
        await backend.run(BELL, calibration="c1")
        fake.script["submit"].append(stale)
        with pytest.raises(qj.JobRejected):
            await backend.run(BELL)
        await backend.run(BELL, calibration="c1")
        await backend.run(BELL)
        await client.backend("fake/simulator").run(BELL)
        assert fake.asked == ["simulator", "sim/c1", "sim", "sim/c1", "sim"]


async def test_the_providers_own_timeline_is_told_and_kept() -> None:
    fake = FakeProvider(queued=10, running=20, hints=True)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        seen = [[stamp.status for stamp in job.remote_timeline] async for _ in job.events()]
        assert ["waiting"] in seen
        assert seen[-1] == ["waiting", "working", "done"]
        created, started, ended = (stamp.at for stamp in job.remote_timeline)
        assert (started - created, ended - started) == (pytest.approx(10), pytest.approx(20))
        assert {stamp.source for stamp in job.remote_timeline} == {"cloud"}


async def test_a_provider_without_a_timeline_has_an_empty_one() -> None:
    async with client_on(FakeProvider()) as client:
        job = await client.backend("fake/sim").run(BELL)
        await job
        assert job.remote_timeline == ()


async def test_how_long_it_waited_does_not_delay_the_looks_once_it_runs() -> None:
    fake = FakeProvider(queued=4 * 3600.0, running=600.0)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run(BELL)
        await job
        (remote,) = fake.jobs.values()
        assert job.timeline["running"] < remote.ends
        assert job.timeline["completed"] - remote.ends < 0.05 * 600  # and not the two minutes of such an old job
