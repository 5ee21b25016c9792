"""Few steps in one turn of the loop, in order."""

from __future__ import annotations

import asyncio

from quantumjobs.engine.turnstile import Turnstile


async def through(turnstile: Turnstile, passed: list[int], number: int) -> None:
    if not turnstile.passes():
        await turnstile.turn()
    passed.append(number)


async def test_only_so_many_pass_in_one_turn_of_the_loop_and_first_come_is_first_served():
    turnstile = Turnstile(asyncio.get_running_loop(), most=4)
    passed: list[int] = []
    tasks = [asyncio.create_task(through(turnstile, passed, number)) for number in range(50)]
    seen = 0
    while len(passed) < 50:
        await asyncio.sleep(0)
        assert len(passed) - seen <= 4
        seen = len(passed)
    assert passed == list(range(50))
    await asyncio.gather(*tasks)


async def test_one_who_leaves_takes_nobodys_turn():
    turnstile = Turnstile(asyncio.get_running_loop(), most=1)
    passed: list[int] = []
    tasks = [asyncio.create_task(through(turnstile, passed, number)) for number in range(4)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.wait(tasks)
    assert passed == [0, 2, 3]


async def test_a_quiet_turnstile_is_passed_without_waiting():
    turnstile = Turnstile(asyncio.get_running_loop(), most=2)
    for _ in range(3):
        assert turnstile.passes()
        assert turnstile.passes()
        assert not turnstile.passes()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
