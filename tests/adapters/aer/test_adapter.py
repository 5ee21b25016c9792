from __future__ import annotations

import asyncio
import concurrent.futures
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from quantumjobs.abc import (
    Adapter,
    Answer,
    CancelReply,
    Cancels,
    Gone,
    Lists,
    Part,
    Provider,
    Remote,
    Sending,
    Status,
)
from quantumjobs.adapters.aer import AerProvider, provider
from quantumjobs.adapters.aer.adapter import AerAdapter
from quantumjobs.adapters.aer.codec import AerCodec
from quantumjobs.core.records import Progress
from quantumjobs.core.states import JobState
from quantumjobs.errors import UsageError
from quantumjobs.workers.aer import simulate
from quantumjobs.workers.envelope import WorkerError
from quantumjobs.workers.runners import Died
from tests.adapters.aer.helpers import prepare, request, run, run_part
from tests.adapters.aer.test_codec import deep, measured
from tests.workers.helpers import until

S = JobState


def sending(part: Part, token: str = "t", attempt: int = 1) -> Sending:
    return Sending(
        backend="", payload=part.payload, token=token, first_sent_at=0.0, attempt=attempt, details=part.details
    )


def remote(remote_id: str) -> Remote:
    return Remote(id=remote_id, backend="", created_at=0.0)


class Heard:
    """What was pushed."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self._news = asyncio.Event()

    def __call__(self, remote_id: str, answer: Answer) -> None:
        self.answers.setdefault(remote_id, []).append(answer)
        self._news.set()

    async def end(self, remote_id: str) -> Any:
        while True:
            for answer in self.answers.get(remote_id, ()):
                if isinstance(answer, Gone) or (isinstance(answer, Status) and answer.state.is_terminal):
                    return answer
            self._news.clear()
            await self._news.wait()

    def states(self, remote_id: str) -> list[Any]:
        return [answer.state if isinstance(answer, Status) else answer for answer in self.answers.get(remote_id, ())]


class Script:
    """A runner that does what the test says."""

    cores, memory = 2, 1 << 30

    def __init__(self, play: Callable[..., Any]) -> None:
        self.play = play
        self.heavy: list[tuple[bool, int]] = []

    async def run(self, payload: bytes, *, report, started, heavy: bool, memory: int) -> bytes:
        self.heavy.append((heavy, memory))
        return await self.play(payload, report, started)

    async def aclose(self) -> None:
        pass


@asynccontextmanager
async def scripted(play: Callable[..., Any]) -> AsyncIterator[tuple[AerAdapter, Heard]]:
    heard = Heard()
    adapter = AerAdapter(Script(play), heard)
    try:
        yield adapter, heard
    finally:
        await adapter.aclose()


# --- the plug-in ------------------------------------------------------------------------
def test_it_is_a_provider() -> None:
    assert isinstance(provider({}), Provider)
    assert provider({}).lane("statevector") == provider({}).lane("")
    assert provider({}).traits(provider({}).family("")).pushes


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"worker": 3}, "unknown setting 'worker' for aer; did you mean 'workers'"),
        ({"workers": 0}, "'workers' must be a positive"),
        ({"memory": 1.5}, "'memory' must be a positive"),
        ({"executor": 3}, "'executor' must be a concurrent.futures.Executor or a function"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        provider(settings)


def test_the_executor_is_shown_as_it_was_given() -> None:
    assert provider({}).executor is None
    make = concurrent.futures.ThreadPoolExecutor
    assert provider({"executor": make}).executor is make


# --- the adapter, in virtual time ---------------------------------------------------------
async def answers_at_once(payload: bytes, report: Any, started: Any) -> bytes:
    started()
    return simulate(payload, report)


async def test_a_short_job_is_told_once() -> None:
    (part,) = prepare(measured(2))
    async with scripted(answers_at_once) as (adapter, heard):
        accepted = await adapter.submit(sending(part, "abc", 2))
        assert accepted.remote_id == "abc-2"
        assert accepted.status is not None
        assert accepted.status.state is S.QUEUED
        end = await heard.end("abc-2")
        assert heard.states("abc-2") == [S.COMPLETED]
        assert AerCodec().decode(end.result, part.layout).counts == run_part(part).counts


async def test_a_long_job_is_told_to_run_and_its_progress_at_most_20_times_a_second() -> None:
    async def play(payload: bytes, report: Any, started: Any) -> bytes:
        started()
        for done in range(1, 1000):
            await asyncio.sleep(0.001)
            report(b"%d" % done)
        return simulate(payload, report)

    (part,) = prepare([measured(2)] * 3)
    async with scripted(play) as (adapter, heard):
        await adapter.submit(sending(part))
        await heard.end("t-1")
        states = heard.states("t-1")
        assert states[0] is S.RUNNING
        assert states[-1] is S.COMPLETED
        assert 10 < len(states) < 25
        done = [answer.progress.done for answer in heard.answers["t-1"][:-1]]  # type: ignore[union-attr]
        assert done == sorted(done)


async def test_a_poll_answers_from_memory() -> None:
    gate = asyncio.Event()

    async def play(payload: bytes, report: Any, started: Any) -> bytes:
        await gate.wait()
        started()
        await asyncio.sleep(1)
        return simulate(payload, report)

    (part,) = prepare(measured(2))
    async with scripted(play) as (adapter, heard):
        await adapter.submit(sending(part))
        assert (await adapter.poll([remote("t-1")]))["t-1"].state is S.QUEUED  # type: ignore[union-attr]
        gate.set()
        await asyncio.sleep(0.5)
        look = (await adapter.poll([remote("t-1")]))["t-1"]
        assert isinstance(look, Status)
        assert (look.state, look.progress) == (S.RUNNING, Progress(0, 1))
        end = await heard.end("t-1")
        assert (await adapter.poll([remote("t-1")]))["t-1"] is end
        assert isinstance((await adapter.poll([remote("u-1")]))["u-1"], Gone)
        assert adapter._jobs == {}


async def test_only_few_ended_answers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = prepare(measured(2))
    async with scripted(answers_at_once) as (adapter, heard):
        for at in range(5):
            await adapter.submit(sending(parts[0], str(at)))
            await heard.end(f"{at}-1")
        size = adapter._ended_bytes // 5
        monkeypatch.setattr("quantumjobs.workers.local._KEPT_BYTES", 3 * size + size // 2)
        await adapter.submit(sending(parts[0], "last"))
        await heard.end("last-1")
        assert list(adapter._ended) == ["3-1", "4-1", "last-1"]
        monkeypatch.setattr("quantumjobs.workers.local._KEPT", 1)
        monkeypatch.setattr("quantumjobs.workers.local._KEPT_BYTES", 0)
        await adapter.submit(sending(parts[0], "none"))
        await heard.end("none-1")
        assert adapter._ended == {}
        assert adapter._ended_bytes == 0


async def test_a_dead_worker_is_gone_so_that_it_runs_again() -> None:
    async def play(payload: bytes, report: Any, started: Any) -> bytes:
        raise Died("killed by signal 9")

    async with scripted(play) as (adapter, heard):
        await adapter.submit(sending(prepare(measured(1))[0]))
        assert await heard.end("t-1") == Gone("killed by signal 9")


@pytest.mark.parametrize("error", [WorkerError("MemoryError", "no memory"), MemoryError("no memory"), OSError("odd")])
async def test_any_other_error_fails_the_job_with_its_reason(error: Exception) -> None:
    async def play(payload: bytes, report: Any, started: Any) -> bytes:
        raise error

    async with scripted(play) as (adapter, heard):
        await adapter.submit(sending(prepare(measured(1))[0]))
        end = await heard.end("t-1")
        assert end.state is S.FAILED
        assert str(error) in end.reason


async def test_failed_circuits_are_named_and_the_others_kept() -> None:
    parts = prepare([measured(1, "fine"), deep(34), measured(1, "too")], max_memory_mb=-1)
    import msgspec

    from tests.adapters.aer.helpers import task

    items = tuple(item for part in parts for item in task(part).items)
    limited = msgspec.structs.replace(task(parts[0]), items=items, options={"max_memory_mb": 64})
    part = Part(payload=msgspec.msgpack.encode(limited), layout=b"", count=3)
    async with scripted(answers_at_once) as (adapter, heard):
        await adapter.submit(sending(part))
        end = await heard.end("t-1")
        assert end.state is S.FAILED
        assert end.reason.startswith("1 of 3 circuits failed: [1] deep: Insufficient memory")
        partial = AerCodec().decode(end.result, b"")
        assert [one.error is None for one in partial] == [True, False, True]


async def sleeps(payload: bytes, report: Any, started: Any) -> bytes:
    started()
    await asyncio.sleep(3600)
    return b""


@pytest.mark.parametrize("wait", [None, 0, 10])
async def test_a_cancel_ends_the_job_and_confirms(wait: float | None) -> None:
    async with scripted(sleeps) as (adapter, heard):
        await adapter.submit(sending(prepare(measured(1))[0]))
        if wait is not None:
            await asyncio.sleep(wait)
        assert await adapter.cancel(remote("t-1")) is CancelReply.CONFIRMED
        assert heard.states("t-1")[-1] is S.CANCELLED
        assert heard.states("t-1").count(S.CANCELLED) == 1
        assert await adapter.cancel(remote("t-1")) is CancelReply.TOO_LATE


async def test_a_time_limit_fails_the_job_and_counts_from_its_start() -> None:
    async def play(payload: bytes, report: Any, started: Any) -> bytes:
        await asyncio.sleep(1000)  # in a queue
        return await sleeps(payload, report, started)

    async with scripted(play) as (adapter, heard):
        begun = asyncio.get_running_loop().time()
        await adapter.submit(sending(prepare(measured(1), time_limit=5)[0]))
        end = await heard.end("t-1")
        assert end.state is S.FAILED
        assert end.reason == "the simulation was ended after time_limit=5 s"
        assert asyncio.get_running_loop().time() - begun == pytest.approx(1005)


async def test_leaving_cancels_what_runs() -> None:
    async with scripted(sleeps) as (adapter, heard):
        for token in "ab":
            await adapter.submit(sending(prepare(measured(1))[0], token))
        await asyncio.sleep(1)
    assert heard.states("a-1")[-1] is S.CANCELLED
    assert heard.states("b-1")[-1] is S.CANCELLED


async def test_heavy_parts_say_what_they_need() -> None:
    async with scripted(answers_at_once) as (adapter, heard):
        script = adapter._runner
        assert isinstance(script, Script)
        part = prepare(deep(22, 1), shots=10)[0]
        await adapter.submit(sending(part))
        await heard.end("t-1")
        assert script.heavy == [(True, 16 << 22)]


async def test_it_describes_itself_without_qiskit() -> None:
    async with scripted(sleeps) as (adapter, _):
        assert isinstance(adapter, (Adapter))
        assert isinstance(adapter, Cancels)
        assert isinstance(adapter, Lists)
        import msgspec

        about = msgspec.json.decode(await adapter.describe("stabilizer"))
        assert about["method"] == "stabilizer"
        assert (about["cores"], about["memory"]) == (2, 1 << 30)
        assert "seed_simulator" in about["options"]
        assert "statevector" in await adapter.backends()
        AerCodec().prepare(request(measured(1)), await adapter.describe(""), seed=1)
        with pytest.raises(UsageError, match="unknown backend"):
            await adapter.describe("stabiliser!")


# --- real workers -------------------------------------------------------------------------
@asynccontextmanager
async def opened(**settings: Any) -> AsyncIterator[tuple[Any, Heard]]:
    heard = Heard()
    one: AerProvider = provider(settings)
    async with one.connect(one.lane(""), heard) as adapter:
        yield adapter, heard


@pytest.mark.real_time
async def test_real_workers_give_what_this_process_gives() -> None:
    circuits = [measured(3, f"c{at}") for at in range(30)]
    async with opened() as (adapter, heard):
        (part,) = prepare(circuits, seed_simulator=3, memory=True)
        await asyncio.gather(*[adapter.submit(sending(part, str(at))) for at in range(10)])
        ends = await asyncio.gather(*[heard.end(f"{at}-1") for at in range(10)])
    expected = [one.memory for one in run(circuits, seed_simulator=3, memory=True)]
    for end in ends:
        assert [one.memory for one in AerCodec().decode(end.result, b"")] == expected


@pytest.mark.real_time
async def test_a_real_simulation_is_cancelled_and_limited_in_time() -> None:
    part = prepare(deep(24, 200), shots=10)[0]
    limited = prepare(deep(24, 200), shots=10, time_limit=0.3)[0]
    async with opened() as (adapter, heard):
        await adapter.submit(sending(part, "a"))
        await adapter.submit(sending(limited, "b"))
        end = await heard.end("b-1")
        assert end.reason == "the simulation was ended after time_limit=0.3 s"
        assert S.RUNNING in heard.states("a-1")
        assert await adapter.cancel(remote("a-1")) is CancelReply.CONFIRMED
        (small,) = prepare(measured(1))
        await adapter.submit(sending(small, "c"))
        assert (await heard.end("c-1")).state is S.COMPLETED


@pytest.mark.real_time
async def test_its_own_number_of_workers() -> None:
    async with opened(workers=1, memory=1 << 30) as (adapter, heard):
        await adapter.submit(sending(prepare(measured(1))[0]))
        assert (await heard.end("t-1")).state is S.COMPLETED


# --- executors ------------------------------------------------------------------------------
def processes() -> concurrent.futures.Executor:
    import multiprocessing

    return concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver"))


@pytest.mark.real_time
@pytest.mark.parametrize("kind", ["threads", "processes", "factory"])
async def test_any_executor_will_do(kind: str) -> None:
    made = concurrent.futures.ThreadPoolExecutor(1) if kind == "threads" else processes()
    try:
        async with opened(executor=(lambda: made) if kind == "factory" else made) as (adapter, heard):
            (part,) = prepare([measured(2)] * 3, seed_simulator=4)
            await adapter.submit(sending(part))
            end = await heard.end("t-1")
            assert AerCodec().decode(end.result, b"")[2].counts == run_part(part)[2].counts
        if kind == "factory":  # what a factory makes is ours to shut down
            with pytest.raises(RuntimeError):
                made.submit(os.getpid)
        else:
            made.submit(os.getpid).result(30)
    finally:
        made.shutdown()


class Breaks(concurrent.futures.Executor):
    """Loses its first call, and all after it."""

    made = 0

    def __init__(self) -> None:
        Breaks.made += 1
        self.shut = False

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        future.set_exception(concurrent.futures.BrokenExecutor("a process died"))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.shut = True


@pytest.mark.real_time
async def test_a_broken_executor_is_gone_and_made_anew() -> None:
    Breaks.made = 0
    async with opened(executor=Breaks) as (adapter, heard):
        for attempt in (1, 2):
            await adapter.submit(sending(prepare(measured(1))[0], attempt=attempt))
            end = await heard.end(f"t-{attempt}")
            assert isinstance(end, Gone)
            assert "BrokenExecutor: a process died" in end.reason
    assert Breaks.made == 2


@pytest.mark.real_time
async def test_an_executor_that_was_shut_down_is_gone_and_not_a_bug() -> None:
    executor = concurrent.futures.ThreadPoolExecutor(1)
    executor.shutdown()
    async with opened(executor=executor) as (adapter, heard):
        await adapter.submit(sending(prepare(measured(1))[0]))
        assert "takes no work" in (await heard.end("t-1")).reason


class Waits(Breaks):
    """Never begins."""

    def __init__(self) -> None:
        super().__init__()
        self.futures: list[concurrent.futures.Future[Any]] = []

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        self.futures.append(concurrent.futures.Future())
        return self.futures[-1]

    async def has(self, number: int) -> None:
        """Wait until it was given so many calls."""
        await until(lambda: len(self.futures) >= number)


@pytest.mark.real_time
async def test_a_call_that_the_executor_has_not_begun_is_cancelled_there_too() -> None:
    executor = Waits()
    async with opened(executor=executor) as (adapter, heard):
        await adapter.submit(sending(prepare(measured(1))[0]))
        await executor.has(1)
        assert await adapter.cancel(remote("t-1")) is CancelReply.CONFIRMED
        assert executor.futures[0].cancelled()
        await adapter.submit(sending(prepare(measured(1))[0], "u"))
        await executor.has(2)
        executor.futures[1].cancel()  # somebody else dropped it
        assert isinstance(await heard.end("u-1"), Gone)
    assert not executor.shut


@pytest.mark.real_time
async def test_an_executor_that_has_begun_is_seen_to_run() -> None:
    executor = Waits()
    async with opened(executor=executor) as (adapter, heard):
        (part,) = prepare(measured(1))
        await adapter.submit(sending(part))
        await executor.has(1)
        executor.futures[0].set_running_or_notify_cancel()
        await until(lambda: S.RUNNING in heard.states("t-1"))
        from quantumjobs.workers.aer import SIMULATE
        from quantumjobs.workers.envelope import pack, run_blob

        executor.futures[0].set_result(run_blob(pack(SIMULATE, part.payload)))
        await heard.end("t-1")
        assert heard.states("t-1") == [S.RUNNING, S.COMPLETED]
