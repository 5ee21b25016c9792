"""The loop that jumps over idle waits, and says so where a real one would hang."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
import time

import pytest

from quantumjobs.testing.clock import Deadlock, Livelock, VirtualLoop, run


def test_a_thousand_days_take_no_time() -> None:
    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(1000 * 86_400)
        return loop.time(), loop.wall_time()  # type: ignore[attr-defined]

    start = time.perf_counter()
    assert run(main()) == (86_400_000.0, VirtualLoop.EPOCH + 86_400_000.0)
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("far", [0.0, 1e9, 1e12])
async def test_timers_fire_in_order_and_on_time_however_late_it_is(far: float) -> None:
    loop = asyncio.get_running_loop()
    await asyncio.sleep(far)
    seen = []
    for delay in (3.0, 1.0, 2.0, 0.001):
        loop.call_at(loop.time() + delay, lambda delay=delay: seen.append((delay, loop.time())))
    await asyncio.sleep(4)
    assert seen == [(delay, pytest.approx(far + delay, rel=1e-12)) for delay in (0.001, 1.0, 2.0, 3.0)]


async def test_time_stands_still_while_something_is_ready() -> None:
    loop = asyncio.get_running_loop()
    asyncio.get_running_loop().call_later(1.0, lambda: None)
    for _ in range(1000):
        await asyncio.sleep(0)
    assert loop.time() == 0.0


async def test_a_timeout_ends_what_waits_for_ever() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3600):
            await asyncio.Event().wait()


async def test_after_a_suspend_the_wall_clock_is_ahead_and_the_loops_clock_is_not() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.suspend(3600)
    assert (loop.time(), loop.wall_time()) == (0.0, VirtualLoop.EPOCH + 3600)
    await asyncio.sleep(1)
    assert (loop.time(), loop.wall_time()) == (1.0, VirtualLoop.EPOCH + 3601)


def test_a_deadlock_names_the_tasks_and_where_they_wait() -> None:
    async def waits_for_ever() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        await asyncio.create_task(waits_for_ever(), name="the culprit")

    with pytest.raises(Deadlock, match=r"(?s)2 pending tasks:.*the culprit: .*waits_for_ever, waiting in Event.wait"):
        run(main())


def test_a_task_that_swallows_its_end_is_a_deadlock_too() -> None:
    async def stubborn() -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    async def main() -> None:
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(1)
        assert not task.done()

    with pytest.raises(Deadlock):
        run(main())


def test_asking_again_and_again_without_waiting_is_found() -> None:
    async def main() -> None:
        asyncio.get_running_loop().patience = 1000  # type: ignore[attr-defined]
        while True:  # noqa: ASYNC110 - the fault to be found
            await asyncio.sleep(0)

    with pytest.raises(Livelock, match="time stands still"):
        run(main())


def test_what_is_left_over_is_cancelled_and_awaited() -> None:
    ended = []

    async def left() -> None:
        try:
            await asyncio.sleep(1e9)
        finally:
            await asyncio.sleep(5)
            ended.append(asyncio.get_running_loop().time())

    async def main() -> None:
        task = asyncio.create_task(left())
        await asyncio.sleep(1)
        assert not task.done()

    run(main())
    assert ended == [6.0]


def test_time_stands_still_while_the_executor_works() -> None:
    async def main() -> float:
        async with asyncio.timeout(1):
            await asyncio.to_thread(time.sleep, 0.02)
        return asyncio.get_running_loop().time()

    assert run(main()) == 0.0


def test_a_call_from_another_thread_ends_the_loop_with_an_error() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(print), name="a stranger")
        thread.start()
        while True:  # noqa: ASYNC110 - timers that never end
            await asyncio.sleep(1)

    with pytest.raises(RuntimeError, match="'a stranger' called into a VirtualLoop"):
        run(main())


def test_a_socket_that_is_ready_is_served_before_time_jumps() -> None:
    async def main() -> tuple[bytes, float]:
        one, other = socket.socketpair()
        with one, other:
            one.setblocking(False)
            other.send(b"hello")
            loop = asyncio.get_running_loop()
            return await loop.sock_recv(one, 10), loop.time()

    assert run(main()) == (b"hello", 0.0)


def test_a_signal_is_noticed_by_a_busy_loop() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, stop.set)
        signal.raise_signal(signal.SIGUSR1)
        while not stop.is_set():  # noqa: ASYNC110 - a busy loop is meant
            await asyncio.sleep(1)
        loop.remove_signal_handler(signal.SIGUSR1)

    run(main())
