"""A circuit that is run as several programs: its shares are put together when all parts have been decoded."""

from __future__ import annotations

import base64

import msgspec
import pytest

import quantumjobs as qj
from quantumjobs.engine.tokens import PREFIX
from quantumjobs.errors import ResultUnavailable
from quantumjobs.testing.codec import FakeCodec
from quantumjobs.testing.fake import FakeProvider
from tests.engine.helpers import BELL, client_on


@pytest.mark.parametrize("part_size", [None, 1, 2, 4])
async def test_a_circuit_has_one_entry_however_its_programs_are_sent(part_size: int | None) -> None:
    fake = FakeProvider(shares=3, part_size=part_size)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run([BELL] * 4, shots=10)
        result = await job
        assert len(result) == 4
        assert [sum(one.counts.values()) for one in result] == [30] * 4
        assert job.progress == qj.Progress(12, 12)  # programs: what the provider runs
        assert all(len(one.raw) == 3 for one in result)
        assert (await job) is result


@pytest.mark.parametrize("shares", [1, 2])
async def test_the_only_circuit_needs_no_index_and_a_single_share_is_gathered_too(shares: int) -> None:
    async with client_on(FakeProvider(shares=shares, part_size=1)) as client:
        result = await (await client.backend("fake/sim").run(BELL, shots=5))
        assert sum(result.counts.values()) == 5 * shares
        assert list(result.raw) == [f"{number}/result" for number in range(shares)]


async def test_a_circuit_with_a_failed_share_failed_and_the_others_did_not() -> None:
    fake = FakeProvider(shares=2, part_size=1, outcome=lambda index: "failed" if index == 3 else "completed")
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run([BELL] * 3, shots=10)
        with pytest.raises(qj.JobFailed) as caught:
            await job
        partial = caught.value.partial
        assert partial is not None
        assert [sum(partial[at].counts.values()) for at in (0, 2)] == [20, 20]
        with pytest.raises(ResultUnavailable):
            _ = partial[1].counts
        again = await job.retry_failed()
        assert [sum(one.counts.values()) for one in await again] == [20] * 3


async def test_another_program_that_has_the_token_puts_them_together_too() -> None:
    fake = FakeProvider(shares=2, part_size=1)
    async with client_on(fake) as client:
        job = await client.backend("fake/sim").run([BELL] * 2, shots=10)
        token = job.token
        await job
    async with client_on(fake) as other:
        assert len(await (await other.attach(token))) == 2


async def test_shares_of_a_codec_that_gathers_nothing_are_overlooked() -> None:
    class Plain(FakeCodec):
        gather = None

    fake = FakeProvider(shares=2)
    fake.codec = Plain()
    async with client_on(fake) as client:
        assert len(await (await client.backend("fake/sim").run([BELL] * 2))) == 4


async def test_a_token_with_an_impossible_number_of_shares_is_refused() -> None:
    async with client_on(FakeProvider()) as client:
        token = (await client.backend("fake/sim").run(BELL)).token.removeprefix(PREFIX)
        ticket = msgspec.msgpack.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        ticket[-1] = -1
        forged = PREFIX + base64.urlsafe_b64encode(msgspec.msgpack.encode(ticket)).decode().rstrip("=")
        with pytest.raises(qj.UsageError, match="no job's token"):
            await client.attach(forged)
