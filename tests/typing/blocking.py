"""What a type checker makes of the blocking calls. Nobody runs this: mypy and basedpyright read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, assert_type

import quantumjobs.blocking as qj
from quantumjobs.abc import Identity, SignedOut
from quantumjobs.core.records import JobRecord, Line
from quantumjobs.testing import FakeProvider


def clients() -> None:
    with qj.Client() as client:
        assert_type(client, qj.Client)
    client = qj.Client(
        ledger="memory",
        providers={"fake": FakeProvider(), "aqt:lab2": {"url": "https://portal.example", "token": "secret"}},
        config=Path("config.toml"),
        policies={"fake": qj.Policy(budget=5.0)},
        progress=True,
    )
    assert_type(client.progress, bool)
    client.progress = False
    assert_type(client.backend("fake/sim", limit=3), qj.Backend)
    assert_type(client.backends(), list[str])
    assert_type(client.login("aqt", show=lambda page: print(page.url, page.code)), Identity)
    assert_type(client.whoami("aqt"), Identity)
    assert_type(client.logout("aqt"), SignedOut)
    assert_type(client.job("7391e8f0"), qj.Job)
    assert_type(client.jobs(state="running", provider="fake", tag="sweep", since=0.0), list[qj.Job])
    client.backend(address=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.close()


def backends(backend: qj.Backend) -> None:
    assert_type(backend.address, str)
    assert_type(backend.describe(), Mapping[str, Any])
    job = backend.run("OPENQASM 3;", shots=10, memory=True, tags=["a"], name="bell", seed=7, anything_else=None)
    assert_type(job, qj.Job)
    assert_type(backend.run([Path("bell.qasm")], until="recorded", transpile=False), qj.Job)
    backend.run("bell.qasm", until="done")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    backend.run("bell.qasm", shots="10")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def jobs(job: qj.Job) -> None:
    assert_type(job.result(), qj.Result)
    assert_type(job.result(10), qj.Result)
    assert_type(job.result(timeout=0.5, on_timeout="cancel", progress=True), qj.Result)
    job.result(on_timeout="explode")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(job.wait(timeout=10), qj.Job)
    assert_type(job.refresh(), qj.Job)
    assert_type(job.retry_failed(), qj.Job)
    assert_type(job.cancel(), qj.CancelOutcome)
    assert_type(job.circuits(), Sequence[Any])
    assert_type(job.adopt("remote-1"), qj.Job)
    assert_type(job.resubmit(), qj.Job)
    assert_type(job.abandon(), qj.Job)
    assert_type(job.state, qj.JobState)
    assert_type(job.progress, qj.Progress)
    assert_type(job.snapshot, qj.Snapshot)
    assert_type(job.error, Exception | None)
    assert_type(job.story, tuple[Line, ...])
    assert_type(job.parts, tuple[JobRecord, ...])
    assert_type(job.done(), bool)
    job.add_done_callback(lambda done: assert_type(done, qj.Job))


def hybrid_jobs(client: qj.Client, given: qj.Job) -> None:
    job = client.hybrid_job("braket/sv1", Path("train.py"), entry_point="train:main", local=True, max_runtime=600)
    assert_type(job, qj.HybridJob)
    assert_type(job.result(timeout=0.5, on_timeout="cancel"), dict[str, Any])
    assert_type(job.wait(timeout=10), qj.Job)
    assert_type(job.arn, str | None)
    assert_type(job.logs(follow=True), qj.Stream[qj.LogLine])
    assert_type([line.message for line in job.logs()], list[str])
    assert_type(job.metrics("iteration_number", "min", timeout=10), dict[str, list[Any]])
    assert_type(job.metadata(cached=True), dict[str, Any])
    assert_type(job.download_result("results", max_bytes=1 << 30, timeout=10), Path)
    assert_type(job.tasks(), list[qj.Job])
    job.metrics("node")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    job.metrics(on_timeout="cancel")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    if isinstance(given, qj.HybridJob):
        job.print_logs(follow=True)


def streams(client: qj.Client, job: qj.Job) -> None:
    ended = qj.as_completed([job], timeout=10, on_timeout="cancel", progress=True)
    assert_type(ended, qj.as_completed)
    for one in ended:
        assert_type(one, qj.Job)
        ended.add(one)
    assert_type(len(ended), int)
    ended.close()
    assert_type(job.events(), qj.Stream[qj.Snapshot])
    followed: Iterator[qj.Snapshot] = job.events()
    for snapshot in followed:
        assert_type(snapshot, qj.Snapshot)
    with client.events(since=3) as events:
        assert_type(next(events), qj.Occurrence)


def errors(error: qj.QuantumJobsError) -> None:
    match error:
        case qj.ResultTimeout():
            assert_type(error.token, str)
            assert_type(error.cancel, qj.CancelOutcome | None)
        case qj.JobFailed():
            assert_type(error.partial, qj.Result | None)
        case _:
            assert_type(error, qj.QuantumJobsError)
