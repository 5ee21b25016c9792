"""Cancels, crashes, kills: every await ends, the innocent notice nothing, and no work goes on for nobody."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from quantumjobs.workers import forkserver, launch
from quantumjobs.workers.ending import WorkerDied, WorkersUnavailable
from quantumjobs.workers.pool import WorkerPool
from tests.workers.helpers import FUNCTIONS, cpu_seconds, gone, is_alive, run, until


def call(pool, function, body=b"", **options):
    return pool.run(FUNCTIONS + function, body, **options)


def pids(pool):
    return [hand.pid for hand in pool._crew.hands if hand.pid]


async def begin(pool, function, body, **options):
    """Start a call and wait until it runs; the task and its worker's number."""
    started = asyncio.Event()
    task = asyncio.create_task(call(pool, function, body, started=started.set, **options))
    await started.wait()
    (hand,) = [hand for hand in pool._crew.hands if any(each.future is not None for each in hand.calls.values())]
    assert hand.pid
    return task, hand.pid


@pytest.fixture
def own_launcher(monkeypatch):
    """A launcher that only this test uses, so that its server can be hurt."""
    own = forkserver.ForkServer()
    monkeypatch.setattr(launch, "_launcher", own)
    monkeypatch.setattr(launch, "_parked", [])
    yield own
    for link in launch._parked:
        link.close()
    own.close()


# --- cancelling -------------------------------------------------------------------------
@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize(("function", "body"), [("spin", b"30"), ("simulate", b"16 40 2000000")])
def test_cancelling_ends_the_work_in_the_middle_of_compiled_code(heavy, function, body):
    async def main():
        async with WorkerPool.of_loop() as pool:
            task, pid = await begin(pool, function, body, heavy=heavy)
            before = cpu_seconds(pid)  # it may have worked for others
            while cpu_seconds(pid) < before + 0.3:  # noqa: ASYNC110 - another process's time
                await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await gone(pid, within=1.0)
            assert await call(pool, "echo", b"on") == b"on"

    run(main())


def test_a_timeout_ends_a_call():
    async def main():
        async with WorkerPool.of_loop() as pool:
            await call(pool, "echo")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await call(pool, "sleep", b"30")
            begun = time.monotonic()
            assert await call(pool, "echo", b"on") == b"on"
            assert time.monotonic() - begun < 1

    run(main())


def test_a_cancelled_call_that_waits_is_never_made(tmp_path):
    async def main():
        async with WorkerPool(cores=1) as pool:
            for heavy in (False, True):
                await call(pool, "append", f"{tmp_path / 'known'}|x".encode())
                head = asyncio.create_task(call(pool, "sleep", b"1", heavy=heavy))
                body = f"{tmp_path / 'file'}|made".encode()
                waiting = [asyncio.create_task(call(pool, "append", body, heavy=heavy)) for _ in range(5)]
                await asyncio.sleep(0.05)
                for task in waiting:
                    task.cancel()
                assert await head == b"1"
                await asyncio.gather(*waiting, return_exceptions=True)
            await asyncio.sleep(0.1)
        assert not (tmp_path / "file").exists()

    run(main())


def test_calls_behind_a_cancelled_one_are_made():
    async def main():
        async with WorkerPool(cores=1) as pool:
            for _ in range(2):
                await call(pool, "sleep", b"0")
            head = asyncio.create_task(call(pool, "sleep", b"30"))
            others = [asyncio.create_task(call(pool, "sleep", b"0.001")) for _ in range(8)]
            await asyncio.sleep(0.02)
            head.cancel()
            assert await asyncio.gather(*others) == [b"0.001"] * 8

    run(main())


def test_cancelling_a_short_call_costs_no_worker(monkeypatch):
    monkeypatch.setattr("quantumjobs.workers.crew._GRACE", 5.0)  # short is what the machine makes of it

    async def main():
        async with WorkerPool(cores=1) as pool:
            before = await call(pool, "pid")
            task, _ = await begin(pool, "sleep", b"0.03")
            task.cancel()
            assert await call(pool, "pid") == before

    run(main())


def test_cancelling_a_burst_leaves_a_working_pool():
    async def main():
        async with WorkerPool.of_loop() as pool:
            for _ in range(3):
                tasks = [asyncio.create_task(call(pool, "sleep", b"0.001")) for _ in range(500)]
                await asyncio.sleep(0.05)
                for task in tasks[::2]:
                    task.cancel()
                answers = await asyncio.gather(*tasks, return_exceptions=True)
                assert answers[1::2] == [b"0.001"] * 250
            assert pool._crew.backlog.light == 0

    run(main())


def test_cancelling_before_the_worker_is_there(own_launcher):
    async def main():
        async with WorkerPool.of_loop() as pool:
            tasks = [asyncio.create_task(call(pool, "echo", b"", heavy=heavy)) for heavy in (False, True) * 3]
            await asyncio.sleep(0.05)
            for task in tasks:
                task.cancel()
            assert await call(pool, "echo", b"on") == b"on"
            assert await call(pool, "echo", b"on", heavy=True) == b"on"

    run(main())


def test_memory_of_a_cancelled_call_is_given_back():
    async def main():
        async with WorkerPool(cores=2, memory=1000) as pool:
            task = asyncio.create_task(call(pool, "sleep", b"30", memory=900))
            other = asyncio.create_task(call(pool, "sleep", b"0", memory=900))
            await asyncio.sleep(0.1)
            task.cancel()
            assert await other == b"0"
            await until(lambda: pool._crew.backlog.budget.used == 0)

    run(main())


# --- dying ------------------------------------------------------------------------------
@pytest.mark.parametrize("heavy", [False, True])
def test_a_killed_worker_is_named_as_such(heavy):
    async def main():
        async with WorkerPool.of_loop() as pool:
            task, pid = await begin(pool, "sleep", b"30", heavy=heavy)
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(WorkerDied, match=r"signal 9, SIGKILL \(out of memory\?\)") as caught:
                await task
            assert (caught.value.signal, caught.value.exit_code) == (9, None)
            assert await call(pool, "echo", b"on") == b"on"

    run(main())


def test_a_crash_and_an_exit_are_told_apart():
    async def main():
        async with WorkerPool.of_loop() as pool:
            with pytest.raises(WorkerDied, match="SIGSEGV") as caught:
                await call(pool, "signal_self", str(int(signal.SIGSEGV)).encode())
            assert caught.value.signal == signal.SIGSEGV
            for code in (0, 3):
                with pytest.raises(WorkerDied, match=f"exit code {code}") as caught:
                    await call(pool, "vanish", str(code).encode())
                assert (caught.value.signal, caught.value.exit_code) == (None, code)

    run(main())


def test_only_the_running_call_pays_for_a_death():
    async def main():
        async with WorkerPool(cores=1) as pool:
            for _ in range(2):
                await call(pool, "sleep", b"0")
                await call(pool, "echo")
            tasks = [asyncio.create_task(call(pool, "sleep", b"3"))]
            tasks += [asyncio.create_task(call(pool, "echo", str(number).encode())) for number in range(10)]
            await asyncio.sleep(0.05)
            (pid,) = pids(pool)
            os.kill(pid, signal.SIGKILL)
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert isinstance(answers[0], WorkerDied)
            assert answers[1:] == [str(number).encode() for number in range(10)]

    run(main())


def test_every_call_ends_while_workers_are_killed_at_random():
    async def main():
        async with WorkerPool.of_loop() as pool:
            tasks = [asyncio.create_task(call(pool, "sleep", b"0.004", heavy=n % 50 == 0)) for n in range(300)]
            for _ in range(10):
                await asyncio.sleep(0.05)
                for pid in pids(pool)[:1]:
                    if is_alive(pid):
                        os.kill(pid, signal.SIGKILL)
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(answer == b"0.004" or isinstance(answer, WorkerDied) for answer in answers)
            assert sum(isinstance(answer, WorkerDied) for answer in answers) <= 10
            assert pool._crew.backlog.light == 0

    run(main())


def test_a_parked_worker_that_died_is_not_used():
    async def first():
        async with WorkerPool.of_loop() as pool:
            return int(await call(pool, "pid"))

    async def second():
        async with WorkerPool.of_loop() as pool:
            return await asyncio.gather(*(call(pool, "echo", b"on") for _ in range(4)))

    os.kill(run(first()), signal.SIGKILL)
    time.sleep(0.05)
    assert run(second()) == [b"on"] * 4


# --- the server -------------------------------------------------------------------------
def test_the_death_of_the_server_is_survived(own_launcher):
    async def main():
        async with WorkerPool.of_loop() as pool:
            old = int(await call(pool, "parent"))
            tasks = [asyncio.create_task(call(pool, "sleep", b"0.5", heavy=heavy)) for heavy in (False, True)]
            await asyncio.sleep(0.2)
            workers = pids(pool)
            os.kill(old, signal.SIGKILL)
            for pid in workers:
                await gone(pid, within=1.0)
            assert await asyncio.gather(*tasks) == [b"0.5"] * 2
            assert int(await call(pool, "parent")) != old

    run(main())


def test_a_server_that_stands_still_does_not_stop_the_loop(own_launcher):
    async def main():
        async with WorkerPool.of_loop() as pool:
            server = int(await call(pool, "parent"))
            os.kill(server, signal.SIGSTOP)
            task = asyncio.create_task(call(pool, "echo", b"late", heavy=True))
            await asyncio.sleep(0.1)
            assert await call(pool, "echo", b"warm") == b"warm"
            assert not task.done()
            os.kill(server, signal.SIGCONT)
            assert await task == b"late"

    run(main())


def test_a_server_that_cannot_import_says_why(own_launcher, tmp_path, monkeypatch):
    (tmp_path / "qiskit_aer.py").write_text("raise ImportError('libgomp is not for this machine')")
    monkeypatch.syspath_prepend(tmp_path)

    async def main():
        async with WorkerPool.of_loop() as pool:
            for heavy in (False, True):
                with pytest.raises(WorkersUnavailable, match="libgomp is not for this machine"):
                    await call(pool, "echo", heavy=heavy)

    run(main())


def test_a_server_that_cannot_be_run_says_so(own_launcher, monkeypatch):
    monkeypatch.setattr("sys.executable", "/nowhere/python")

    async def main():
        async with WorkerPool.of_loop() as pool:
            with pytest.raises(WorkersUnavailable, match="/nowhere/python"):
                await call(pool, "echo")

    run(main())


def test_a_start_that_talks_without_end_is_a_start(own_launcher, tmp_path, monkeypatch):
    source = "import os, sys\nfor _ in range(3000):\n    try: os.write(2, b'x' * 1000)\n    except OSError: pass\n"
    (tmp_path / "qiskit_aer.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)

    async def main():
        async with WorkerPool.of_loop() as pool:
            assert await call(pool, "echo", b"on") == b"on"

    run(main())


def test_the_start_of_the_server_does_not_stall_the_loop(own_launcher):
    async def main():
        async with WorkerPool.of_loop() as pool:
            task = asyncio.create_task(call(pool, "echo", b"on"))
            worst = 0.0
            while not task.done():
                before = time.perf_counter()
                await asyncio.sleep(0.005)
                worst = max(worst, time.perf_counter() - before - 0.005)
            assert worst < 0.1

    run(main())


def test_parked_workers_are_let_go_when_idle_for_long(own_launcher, monkeypatch):
    monkeypatch.setattr(forkserver, "_EXPIRY", 0.3)

    async def one():
        async with WorkerPool.of_loop() as pool:
            return int(await call(pool, "pid"))

    pid = run(one())
    assert run(one()) == pid
    assert is_alive(pid)
    run(gone(pid, within=2.0))
    assert run(one()) != pid


def test_a_used_worker_is_not_let_go(own_launcher, monkeypatch):
    monkeypatch.setattr(forkserver, "_EXPIRY", 1.0)

    async def one():
        async with WorkerPool.of_loop() as pool:
            before = await call(pool, "pid")
            await asyncio.sleep(1.5)
            assert await call(pool, "pid") == before
            return before

    assert run(one()) == run(one())


def test_a_loop_that_was_closed_under_its_pool_takes_its_workers_along():
    loop = asyncio.new_event_loop()

    async def start():
        pool = WorkerPool.of_loop()
        return int(await call(pool, "pid"))

    pid = loop.run_until_complete(start())
    loop.close()

    async def other():
        async with WorkerPool.of_loop() as pool:
            assert await call(pool, "echo", b"on") == b"on"
            await gone(pid)

    run(other())


def test_a_leftover_descriptor_is_not_kept():
    def count():
        return len(list(Path("/proc/self/fd").iterdir()))

    async def one():
        async with WorkerPool.of_loop() as pool:
            await asyncio.gather(*(call(pool, "echo", heavy=True) for _ in range(10)))

    run(one())
    before = count()
    for _ in range(3):
        run(one())
    assert count() <= before + 2
