import asyncio

from quantumjobs.workers.backlog import Backlog, Budget, Pending, physical_memory
from tests.workers.helpers import run


def calls(*ranks, heavy=True, memory=0):
    loop = asyncio.get_running_loop()
    for number, rank in enumerate(ranks):
        call = Pending("a:b", b"", loop.create_future(), (rank, number))
        call.heavy, call.memory = heavy, memory
        yield call


def test_lower_rank_first_and_then_the_older():
    async def main():
        backlog = Backlog(Budget(100))
        for call in calls(1, 0, 1, 0, heavy=False):
            backlog.push(call)
        order = [backlog.next_light().key for _ in range(4)]
        assert order == [(0, 1), (0, 3), (1, 0), (1, 2)]
        assert backlog.next_light() is None

    run(main())


def test_a_cancelled_call_is_passed_over_and_counted_out():
    async def main():
        backlog = Backlog(Budget(100))
        waiting = list(calls(*[0] * 200, heavy=False))
        for call in waiting:
            backlog.push(call)
        for call in waiting[:-1]:
            call.future.cancel()
            backlog.discard(call)
        assert backlog.light == 1
        assert backlog.next_light() is waiting[-1]
        assert backlog.light == 0

    run(main())


def test_large_calls_wait_for_memory_and_keep_their_order_while_others_pass():
    async def main():
        backlog = Backlog(Budget(100))
        (first,) = calls(0, memory=60)
        (second,) = calls(1, memory=60)
        (third,) = calls(2, memory=10)
        (free,) = calls(3)
        for call in (first, second, third, free):
            backlog.push(call)
        assert backlog.next_heavy() is first
        assert backlog.next_heavy() is free
        assert backlog.next_heavy() is None
        backlog.budget.give_back(60)
        assert backlog.next_heavy() is second
        assert backlog.next_heavy() is third

    run(main())


def test_one_alone_is_let_in_however_large():
    async def main():
        backlog = Backlog(Budget(100))
        for call in calls(0, 1, memory=1000):
            backlog.push(call)
        assert backlog.next_heavy() is not None
        assert backlog.next_heavy() is None
        backlog.budget.give_back(1000)
        assert backlog.next_heavy() is not None

    run(main())


def test_the_machine_has_memory():
    assert physical_memory() > 1 << 26
