"""Which transport a request gets, and when one is closed."""

from __future__ import annotations

import asyncio

import httpx

from quantumjobs.wire.pools import IDLE, Pool


class Stock(httpx.AsyncHTTPTransport):
    closed = False

    async def aclose(self) -> None:
        self.closed = True
        await super().aclose()


class Shared(httpx.MockTransport):
    closed = False

    def __init__(self) -> None:
        super().__init__(lambda _: httpx.Response(200))

    async def aclose(self) -> None:
        self.closed = True


async def test_a_stock_transport_carries_one_request_at_a_time_and_the_one_used_last_is_next():
    pool = Pool(lambda _: Stock(), "https://a.example")
    async with pool.borrowed() as first, pool.borrowed() as second:
        assert first is not second
    async with pool.borrowed() as again:
        assert again is first  # given back last
    await pool.close()


async def test_another_transport_is_shared_by_all():
    pool = Pool(lambda _: Shared(), "https://a.example")
    async with pool.borrowed() as first, pool.borrowed() as second:
        assert first is second
    await pool.close()
    assert first.closed


async def test_transports_that_nobody_uses_for_long_are_closed():
    pool = Pool(lambda _: Stock(), "https://a.example")
    async with pool.borrowed() as first, pool.borrowed() as second:
        pass
    await asyncio.sleep(2 * IDLE)
    async with pool.borrowed() as again:
        assert again is first
    assert (first.closed, second.closed) == (False, True)
    await pool.close()


async def test_a_retired_transport_is_closed_when_its_user_has_gone_and_not_before():
    for kind in (Stock, Shared):
        pool = Pool(lambda _, kind=kind: kind(), "https://a.example")
        async with pool.borrowed() as used:
            await pool.retire()
            assert not used.closed
            async with pool.borrowed() as fresh:
                assert fresh is not used
        assert used.closed
        assert not fresh.closed
        await pool.close()
        assert fresh.closed


async def test_closing_closes_also_what_is_in_use():
    pool = Pool(lambda _: Stock(), "https://a.example")
    async with pool.borrowed() as used:
        await pool.close()
        assert used.closed
