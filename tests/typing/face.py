"""What a type checker makes of the public calls. Nobody runs this: mypy and basedpyright read it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, assert_type

import numpy as np

import quantumjobs as qj
from quantumjobs.abc import Identity, SignedOut
from quantumjobs.core.records import JobRecord, Line
from quantumjobs.testing import FakeProvider


async def clients() -> None:
    async with qj.Client() as client:
        assert_type(client, qj.Client)
    client = qj.Client(
        ledger="memory",
        providers={"fake": FakeProvider(), "aqt:lab2": {"url": "https://portal.example", "token": "secret"}},
        config=Path("config.toml"),
        policies={"fake": qj.Policy(budget=5.0)},
    )
    assert_type(client.backend("fake/sim", limit=3), qj.Backend)
    assert_type(await client.backends(), list[str])
    assert_type(await client.login("aqt", show=lambda page: print(page.url, page.code)), Identity)
    assert_type(await client.whoami("aqt"), Identity)
    assert_type(await client.logout("aqt"), SignedOut)
    assert_type(await client.job("7391e8f0"), qj.Job)
    assert_type(await client.jobs(state="running", provider="fake", tag="sweep", since=0.0), list[qj.Job])
    assert_type(await client.jobs(state=qj.JobState.RUNNING), list[qj.Job])
    await client.aclose()


async def backends(backend: qj.Backend) -> None:
    assert_type(backend.address, str)
    assert_type(await backend.describe(), Mapping[str, Any])
    job = await backend.run("OPENQASM 3;", shots=10, memory=True, tags=["a"], name="bell", seed=7, anything_else=None)
    assert_type(job, qj.Job)
    assert_type(await backend.run([Path("bell.qasm")], until="recorded", transpile=False), qj.Job)
    await backend.run("bell.qasm", until="done")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await backend.run("bell.qasm", shots="10")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def jobs(job: qj.Job, other: qj.Job) -> None:
    assert_type(await job, qj.Result)
    assert_type(await job.result(), qj.Result)
    assert_type(await job.wait(), qj.Job)
    assert_type(await job.refresh(), qj.Job)
    assert_type(await job.retry_failed(), qj.Job)
    assert_type(await job.cancel(), qj.CancelOutcome)
    assert_type(await job.circuits(), Sequence[Any])
    assert_type(await job.adopt("remote-1"), qj.Job)
    assert_type(await job.resubmit(), qj.Job)
    assert_type(await job.abandon(), qj.Job)
    assert_type(await asyncio.wait_for(job, 5), qj.Result)
    assert_type(await asyncio.gather(job, other), tuple[qj.Result, qj.Result])
    assert_type(await asyncio.gather(*[job, other]), list[qj.Result])
    assert_type(await asyncio.create_task(job.result()), qj.Result)
    assert_type(await asyncio.shield(job), qj.Result)
    job.add_done_callback(lambda done: assert_type(done, qj.Job))


async def hybrid_jobs(client: qj.Client) -> None:
    job = await client.hybrid_job("braket/sv1", Path("train.py"), entry_point="train:main", local=True, max_runtime=600)
    assert_type(job, qj.HybridJob)
    assert_type(await job, dict[str, Any])
    assert_type(await job.result(), dict[str, Any])
    assert_type(await job.wait(), qj.Job)
    assert_type(job.arn, str | None)
    assert_type(job.logs(follow=True), AsyncIterator[qj.LogLine])
    async for line in job.logs():
        assert_type(line.message, str)
    assert_type(await job.metrics("iteration_number", "min"), dict[str, list[Any]])
    assert_type(await job.metadata(cached=True), dict[str, Any])
    assert_type(await job.download_result("results", max_bytes=1 << 30), Path)
    assert_type(await job.tasks(), list[qj.Job])
    await job.metrics("node")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def facts(job: qj.Job) -> None:
    assert_type(job.id, str)
    assert_type(job.name, str | None)
    assert_type(job.tags, tuple[str, ...])
    assert_type(job.remote_id, str | None)
    assert_type(job.remote_ids, tuple[str, ...])
    assert_type(job.provider, str)
    assert_type(job.backend, str)
    assert_type(job.state, qj.JobState)
    assert_type(job.state.is_terminal, bool)
    assert_type(job.raw_status, str)
    assert_type(job.progress, qj.Progress)
    assert_type(job.progress.done, int)
    assert_type(job.queue_position, int | None)
    assert_type(job.eta, float | None)
    assert_type(job.error, Exception | None)
    assert_type(job.options, Mapping[str, Any])
    assert_type(job.timeline, Mapping[str, float])
    assert_type(job.story, tuple[Line, ...])
    assert_type(job.snapshot, qj.Snapshot)
    assert_type(job.parts, tuple[JobRecord, ...])
    assert_type(job.done(), bool)


async def streams(client: qj.Client, job: qj.Job) -> None:
    ended = qj.as_completed([job])
    assert_type(ended, qj.as_completed)
    async for one in ended:
        assert_type(one, qj.Job)
        ended.add(one)
    assert_type(len(ended), int)
    assert_type(job.events(), AsyncIterator[qj.Snapshot])
    async for snapshot in job.events():
        assert_type(snapshot, qj.Snapshot)
        assert_type(snapshot.state, qj.JobState)
        assert_type(snapshot.progress, qj.Progress)
    async for occurrence in client.events(since=3):
        assert_type(occurrence, qj.Occurrence)
        assert_type(occurrence.cursor, int)


def results(result: qj.Result) -> None:
    assert_type(result[0], qj.CircuitResult)
    assert_type(result[1:], qj.Result)
    assert_type([one.name for one in result], list[str])
    assert_type(len(result), int)
    assert_type(result.counts, dict[str, int])
    assert_type(result.memory, list[str])
    assert_type(result.probabilities, dict[str, float])
    assert_type(result.data, Mapping[str, Any])
    assert_type(result.metadata, Mapping[str, Any])
    one = result[0]
    assert_type(one.counts, dict[str, int])
    assert_type(one.memory, list[str])
    assert_type(one.shots, int)
    assert_type(one.seed, int | None)
    assert_type(one.error, str | None)
    assert_type(one.registers, tuple[tuple[str, int], ...])
    assert_type(one.bits, np.ndarray[Any, np.dtype[np.uint8]])


def errors(error: qj.QuantumJobsError) -> None:
    match error:
        case qj.JobFailed() | qj.JobCancelled():
            assert_type(error.partial, qj.Result | None)
            assert_type(error.record, JobRecord | None)
        case qj.ResultTimeout():
            assert_type(error.token, str)
        case qj.SubmissionUncertain():
            assert_type(error.attempts, int)
        case qj.ProviderUnavailable():
            assert_type(error.sent, bool)
            assert_type(error.retry_after, float | None)
        case _:
            assert_type(error, qj.QuantumJobsError)
