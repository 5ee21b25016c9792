"""What the vendor's SDK gets wrong with hybrid jobs (amazon-braket-sdk 1.127.5), and how it goes here, on the same jobs.

It takes nine seconds to be imported, so one process does all.
"""

from __future__ import annotations

import io
import tarfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

import quantumjobs as qj
from quantumjobs.engine.policies import Policy
from quantumjobs.testing.emulators import BraketEmulator, Fault, serve
from quantumjobs.testing.emulators.braket_jobs_state import HybridJob
from quantumjobs.testing.emulators.braket_logs_store import LogSettings
from tests.oracles.braket.test_jobs import DEVICE, Service, client_of, printed, program, vendors

pytestmark = [pytest.mark.oracle, pytest.mark.real_time, pytest.mark.timeout(180)]

ADDRESS = f"braket/hybrid/{DEVICE}"
LINES = 1000
FAILS = """
from quantumjobs import hybrid

hybrid.save_result({"half": True})
raise ValueError("nothing works")
"""
WRITES_MUCH = f"print(*range({LINES}), sep='\\n')"
METRICS = [f"Metrics - timestamp={number}; energy={number}.5;" for number in range(20)]


class Planned:
    """Plans for the vendor by name, and what came of them."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._plans: dict[str, dict[str, Any]] = {}
        self.reports: dict[str, dict[str, Any]] = {}

    def plan(self, name: str, do: str, **more: Any) -> None:
        self._plans[name] = {"do": do, **more}

    async def carry_out(self) -> None:
        reports = await vendors(list(self._plans.values()), self._home)
        self.reports = dict(zip(self._plans, reports, strict=True))


class Jobs:
    """One emulator's, and a client of ours for them."""

    def __init__(self, service: BraketEmulator, url: str, client: qj.Client) -> None:
        self.service = service
        self.url = url
        self.client = client

    def invent(self, lines: int | list[str] = 0) -> HybridJob:
        return self.service.hybrid.invent(lines=lines, rate=1e6)

    async def attached(self, arn: str) -> Any:
        """By our client, once it is over."""
        job = await self.client.attach(ADDRESS, arn)
        await job.wait()
        return job


async def jobs(stack: AsyncExitStack, home: Path, **settings: Any) -> Jobs:
    service = Service(logs=LogSettings(**settings))
    url = await stack.enter_async_context(serve(service))
    return Jobs(service, url, await stack.enter_async_context(client_of(url, local_jobs=home / "jobs")))


def hostile() -> bytes:
    """An archive with a file that is to be beside the folder in which it is unpacked."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name in ("inside.txt", "../escaped.txt"):
            member = tarfile.TarInfo(name)
            member.size = 3
            tar.addfile(member, io.BytesIO(b"out"))
    return made.getvalue()


async def test_what_the_vendors_sdk_loses_or_hides_is_told_here(tmp_path: Path):
    """Lines behind an empty page; that a job failed; files outside the folder; metrics that came too late."""
    theirs = Planned(tmp_path)
    async with AsyncExitStack() as stack:
        plain = await jobs(stack, tmp_path)
        gaps = await jobs(stack, tmp_path, page=100, empty_every=3)
        late = await jobs(stack, tmp_path, query_looks=10**6)
        timeout = await jobs(stack, tmp_path, query_end="Timeout")
        made = {"gaps": gaps.invent(LINES), "late": late.invent(METRICS), "timeout": timeout.invent(METRICS)}
        made |= {"plain": plain.invent(LINES), "hostile": plain.invent(1)}
        failed = await plain.client.hybrid_job(f"braket/{DEVICE}", program(tmp_path, "fails", FAILS))
        for name, place in ("gaps", gaps), ("late", late), ("timeout", timeout), ("plain", plain), ("hostile", plain):
            await place.attached(made[name].id)
        await failed.wait()
        plain.service.hybrid.programs.keep(made["hostile"], hostile())

        theirs.plan("gaps", "lines", url=gaps.url, arn=made["gaps"].id)
        theirs.plan("plain", "lines", url=plain.url, arn=made["plain"].id)
        for name, arn in ("failed", failed.arn), ("good", made["plain"].id), ("hostile", made["hostile"].id):
            theirs.plan(name, "results", url=plain.url, arn=arn, folder=str(tmp_path / f"theirs-{name}"))
        theirs.plan("late", "table", url=late.url, arn=made["late"].id)
        theirs.plan("timeout", "table", url=timeout.url, arn=made["timeout"].id)
        theirs.plan("lost", "lost", program=WRITES_MUCH)
        looks = gaps.service.requests["GetJob"]
        await theirs.carry_out()
        looked = gaps.service.requests["GetJob"] - looks
        found = theirs.reports

        # An empty page is the end for the SDK; the last line is there where there is none. It asks four times for the job.
        everything = [f"algo-1 line {number}" for number in range(LINES)]
        assert printed(found["plain"]["log"]) == everything
        assert printed(found["gaps"]["log"]) == everything[:200]
        assert looked == 4
        looks = gaps.service.requests["GetJob"]
        job = await gaps.attached(made["gaps"].id)
        assert [line.message async for line in job.logs()] == everything
        assert gaps.service.requests["GetJob"] == looks

        # That the job failed, the SDK does not say.
        assert found["failed"]["state"] == "FAILED"
        assert (found["failed"]["result"], found["failed"]["downloaded"]) == ({"half": True}, None)
        with pytest.raises(qj.JobFailed, match="nothing works") as caught:
            await failed
        assert caught.value.partial == {"half": True}
        with pytest.raises(qj.JobFailed, match="nothing works"):
            await failed.download_result(tmp_path)

        # It leaves the archive in the working directory, and lets one lead out of the folder that was given.
        good, escaped = (set(found[name]["files"]) for name in ("good", "hostile"))
        assert good == {"model.tar.gz", f"deep/results/{made['plain'].about.job_name}/results.json"}
        inside = f"deep/results/{made['hostile'].about.job_name}/inside.txt"
        assert escaped == {"model.tar.gz", inside, "deep/results/escaped.txt"}
        await _check_files(plain, made["plain"], made["hostile"], tmp_path / "ours")

        # A query that takes too long, or that the service gives up, is an empty table; we ask for the lines.
        for name, place in ("late", late), ("timeout", timeout):
            assert found[name]["metrics"] == {}
            job = await place.attached(made[name].id)
            assert await job.metrics() == {
                "timestamp": [float(number) for number in range(20)],
                "energy": [number + 0.5 for number in range(20)],
            }
        timeout.service.script.replace([Fault("status", "FilterLogEvents", times=None)])
        async with client_of(timeout.url, {"braket": Policy(budget=0.1)}) as impatient:
            job = await impatient.attach(ADDRESS, made["timeout"].id)
            with pytest.raises(qj.ProviderUnavailable):
                await job.metrics()

        # A program that has ended before its log is read has one line there.
        assert found["lost"]["log"] == "0\n"
        local = await plain.client.hybrid_job(f"braket/{DEVICE}", program(tmp_path, "much", WRITES_MUCH), local=True)
        await local.wait()
        assert [line.message async for line in local.logs()] == [str(number) for number in range(LINES)]


async def _check_files(place: Jobs, good: HybridJob, hostile: HybridJob, folder: Path) -> None:
    job = await place.attached(good.id)
    assert await job.download_result(folder) == folder / good.about.job_name
    job = await place.attached(hostile.id)
    with pytest.raises(qj.ProviderProtocolError, match="escaped"):
        await job.download_result(folder)
    assert _files(folder) == [f"{good.about.job_name}/results.json"]


def _files(folder: Path) -> list[str]:
    return [one.relative_to(folder).as_posix() for one in folder.rglob("*") if one.is_file()]
