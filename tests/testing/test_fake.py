"""What the fake provider does when told."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from quantumjobs.abc import CancelReply, Circuit, Gone, Remote, Request, Sending, Status
from quantumjobs.core.states import Fetch, JobState
from quantumjobs.core.traits import Findable, Idempotent
from quantumjobs.errors import ProviderRejected, ProviderUnavailable, UsageError
from quantumjobs.testing.fake import FakeProvider, Fault

S = JobState


def connected(fake: FakeProvider, report: Any = None) -> AbstractAsyncContextManager[Any]:
    return fake.connect(fake.lane("sim"), report or (lambda *_: None))


def sending(fake: FakeProvider, token: str = "token") -> Sending:
    request = Request(backend="sim", circuits=(Circuit("qasm", b"bell"),), shots=100)
    (part,) = fake.codec.prepare(request, fake.about, seed=1).parts
    return Sending(backend="sim", payload=part.payload, token=token, first_sent_at=0.0, attempt=1)


def remote(remote_id: str) -> Remote:
    return Remote(id=remote_id, backend="sim", created_at=0.0)


async def state(adapter: Any, remote_id: str) -> Any:
    answer = (await adapter.poll([remote(remote_id)]))[remote_id]
    return answer.state if isinstance(answer, Status) else answer


async def test_a_job_goes_by_the_clock() -> None:
    fake = FakeProvider(queued=10, running=lambda index: 20 + index)
    async with connected(fake) as adapter:
        first = (await adapter.submit(sending(fake, "a"))).remote_id
        second = (await adapter.submit(sending(fake, "b"))).remote_id
        seen = [await state(adapter, first)]
        for seconds in (10, 20):
            await asyncio.sleep(seconds)
            seen.append(await state(adapter, first))
        assert seen == [S.QUEUED, S.RUNNING, S.COMPLETED]
        assert await state(adapter, second) is S.RUNNING
        assert fake.max_in_flight == 2
        assert (fake.submits, fake.polls, fake.most_made) == (2, 4, 1)


@pytest.mark.parametrize(
    ("fault", "made", "sent"),
    [(Fault.NOT_SENT, 0, False), (Fault.REQUEST_LOST, 0, True), (Fault.REPLY_LOST, 1, True)],
)
async def test_a_fault_on_the_wire_says_what_the_sender_can_know(fault: Fault, made: int, sent: bool) -> None:
    fake = FakeProvider(fail_submit=[fault])
    async with connected(fake) as adapter:
        with pytest.raises(ProviderUnavailable) as caught:
            await adapter.submit(sending(fake))
        assert caught.value.sent is sent
        assert len(fake.jobs) == made
        await adapter.submit(sending(fake))  # the script is over


async def test_a_resend_is_the_same_job_only_where_it_is_idempotent_and_in_time() -> None:
    fake = FakeProvider(submit_class=Idempotent(60.0))
    async with connected(fake) as adapter:
        first = await adapter.submit(sending(fake))
        await asyncio.sleep(59)
        assert (await adapter.submit(sending(fake))).remote_id == first.remote_id
        await asyncio.sleep(2)
        assert (await adapter.submit(sending(fake))).remote_id != first.remote_id
        assert fake.most_made == 2


async def test_a_search_lags_as_told() -> None:
    fake = FakeProvider(submit_class=Findable(30.0), find_lag=20)
    async with connected(fake) as adapter:
        made = await adapter.submit(sending(fake))
        assert await adapter.find(sending(fake)) == []
        await asyncio.sleep(20)
        assert await adapter.find(sending(fake)) == [made.remote_id]


async def test_a_new_job_may_be_unknown_and_an_old_one_forgotten() -> None:
    fake = FakeProvider(queued=100, lag=5, vanish_after=50)
    async with connected(fake) as adapter:
        made = (await adapter.submit(sending(fake))).remote_id
        assert isinstance(await state(adapter, made), Gone)
        await asyncio.sleep(10)
        assert await state(adapter, made) is S.QUEUED
        await asyncio.sleep(40)
        assert isinstance(await state(adapter, made), Gone)


async def test_cancels_are_answered_one_after_the_other_and_the_last_answer_stays() -> None:
    fake = FakeProvider(queued=1000, cancel=["refused", "too_late", "accepted"], cancelling=5)
    async with connected(fake) as adapter:
        made = (await adapter.submit(sending(fake))).remote_id
        answers = [await adapter.cancel(remote(made)) for _ in range(3)]
        assert answers == [CancelReply.REFUSED, CancelReply.TOO_LATE, CancelReply.ACCEPTED]
        assert await state(adapter, made) is S.CANCELLING
        await asyncio.sleep(5)
        assert await state(adapter, made) is S.CANCELLED
        assert await adapter.cancel(remote(made)) is CancelReply.TOO_LATE


async def test_the_limit_of_jobs_in_flight_is_enforced_and_freed_by_ends_and_cancels() -> None:
    fake = FakeProvider(queued=0, running=100, in_flight=1)
    async with connected(fake) as adapter:
        first = (await adapter.submit(sending(fake, "a"))).remote_id
        with pytest.raises(ProviderUnavailable) as caught:
            await adapter.submit(sending(fake, "b"))
        assert not caught.value.sent
        await adapter.cancel(remote(first))
        await adapter.submit(sending(fake, "c"))
        await asyncio.sleep(100)
        await adapter.submit(sending(fake, "d"))
        assert (fake.max_in_flight, fake.over_limit) == (1, 1)


async def test_pushes_come_when_the_state_changes_and_stop_with_the_connection() -> None:
    fake = FakeProvider(queued=10, running=20, pushes=True)
    seen: list[tuple[float, JobState]] = []
    loop = asyncio.get_running_loop()

    def report(_: str, answer: Any) -> None:
        seen.append((loop.time(), answer.state))

    async with connected(fake, report) as adapter:
        await adapter.submit(sending(fake, "a"))
        await asyncio.sleep(50)
        await adapter.submit(sending(fake, "b"))
    await asyncio.sleep(100)
    assert seen == [(10.0, S.RUNNING), (30.0, S.COMPLETED)]


async def test_a_look_that_holds_ends_with_the_job_also_when_it_is_cancelled_elsewhere() -> None:
    fake = FakeProvider(queued=0, running=10_000, holds=True)
    async with connected(fake) as adapter:
        made = (await adapter.submit(sending(fake))).remote_id
        look = asyncio.ensure_future(state(adapter, made))
        await asyncio.sleep(100)
        assert not look.done()
        await adapter.cancel(remote(made))
        assert await look is S.CANCELLED


async def test_a_failed_job_may_have_part_of_its_result() -> None:
    fake = FakeProvider(outcome="failed", partial=1, fetch=Fetch.EAGER)
    request = Request(backend="sim", circuits=(Circuit("qasm", b"a"), Circuit("qasm", b"b")), shots=10)
    (part,) = fake.codec.prepare(request, fake.about, seed=1).parts
    async with connected(fake) as adapter:
        made = await adapter.submit(
            Sending(backend="sim", payload=part.payload, token="t", first_sent_at=0.0, attempt=1)
        )
        assert await state(adapter, made.remote_id) is S.FAILED
        result = fake.codec.decode(await adapter.fetch(remote(made.remote_id)), None)
        assert [entry.error is None for entry in result] == [True, False]
        assert sum(result[0].counts.values()) == 10


async def test_an_unknown_word_is_shown_for_as_long_as_told() -> None:
    fake = FakeProvider(queued=100, unknown_word="purring", unknown_between=(10, 20))
    async with connected(fake) as adapter:
        made = (await adapter.submit(sending(fake))).remote_id
        seen = []
        for _ in range(3):
            seen.append(await state(adapter, made))
            await asyncio.sleep(10)
        assert seen == [S.QUEUED, None, S.QUEUED]


async def test_what_breaks_breaks_and_can_be_mended() -> None:
    fake = FakeProvider(breaks="poll", weather=[ProviderUnavailable("503")])
    async with connected(fake) as adapter:
        made = (await adapter.submit(sending(fake))).remote_id
        with pytest.raises(KeyError):
            await state(adapter, made)
        fake.breaks.clear()
        with pytest.raises(ProviderUnavailable, match="503"):
            await state(adapter, made)
        assert await state(adapter, made) is S.COMPLETED


async def test_unknown_backends_and_options_are_refused() -> None:
    fake = FakeProvider(backends=["a", "b"])
    async with connected(fake) as adapter:
        with pytest.raises(ProviderRejected):
            await adapter.describe("c")
    with pytest.raises(UsageError, match="did you mean 'seed'"):
        fake.admit("a", {"sed": 1})


async def test_another_connection_finds_the_same_cloud() -> None:
    fake = FakeProvider(queued=10)
    async with connected(fake) as adapter:
        made = (await adapter.submit(sending(fake))).remote_id
    await asyncio.sleep(10)
    async with connected(fake) as adapter:
        assert await state(adapter, made) is S.COMPLETED


def test_memory_keeps_every_shot() -> None:
    fake = FakeProvider()
    request = Request(backend="sim", circuits=(Circuit("qasm", b"a"),), shots=10, memory=True)
    from quantumjobs.testing.codec import measure

    (part,) = fake.codec.prepare(request, fake.about, seed=1).parts
    result = fake.codec.decode(measure(part.payload), None)
    assert len(result.memory) == 10
    assert set(result.counts) <= {"00", "11"}
