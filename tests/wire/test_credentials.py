"""A credential is read when it is needed, shortly before it ends, and when it was refused: once for all who need it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from quantumjobs.errors import (
    CredentialError,
    ProviderError,
    ProviderProtocolError,
    ProviderRejected,
    ProviderUnavailable,
)
from quantumjobs.testing.clock import VirtualLoop
from quantumjobs.wire import Credential, Secret
from tests.wire.helpers import mocked


def wall() -> float:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop.wall_time()


class Source:
    """Gives numbered tokens that last for so many seconds; `trouble` is raised instead while it is there."""

    def __init__(self, lasts: float | None = 3600.0) -> None:
        self.lasts = lasts
        self.asked: list[bool] = []
        self.trouble: Exception | None = None

    async def __call__(self, fresh: bool) -> Secret | None:
        self.asked.append(fresh)
        await asyncio.sleep(0.1)
        if self.trouble is not None:
            raise self.trouble
        until = None if self.lasts is None else wall() + self.lasts
        return Secret(f"token-number-{len(self.asked)}", until=until, origin="the source")


def credential(source: Callable[[bool], Awaitable[Secret | None]], **options) -> Credential:
    return Credential(source, clock=wall, **options)


async def value(of: Credential) -> str:
    held = await of.get()
    assert held.secret is not None
    return held.secret.reveal()


async def test_it_is_read_anew_shortly_before_it_ends_and_once_for_all_who_ask():
    source = Source(lasts=3600)
    one = credential(source)
    assert await value(one) == "token-number-1"
    await asyncio.sleep(3569)  # and 0.1 before
    assert await value(one) == "token-number-1"
    await asyncio.sleep(2)
    assert set(await asyncio.gather(*(value(one) for _ in range(1000)))) == {"token-number-2"}
    assert source.asked == [False, False]


async def test_one_that_says_no_end_is_kept_until_it_is_refused():
    source = Source(lasts=None)
    one = credential(source)
    held = await one.get()
    await asyncio.sleep(1e6)
    assert await one.get() is held
    assert (await one.renew(held)).generation == 1
    assert source.asked == [False, True]


async def test_a_short_one_is_not_read_at_every_request():
    source = Source(lasts=10)
    one = credential(source)
    for _ in range(100):
        await value(one)
        await asyncio.sleep(0.1)
    assert len(source.asked) == 2  # by half of its time


async def test_one_that_is_over_when_it_is_given_is_for_the_server_to_judge():
    source = Source(lasts=-5)
    one = credential(source)
    for _ in range(10):
        assert await value(one) == "token-number-1"  # a clock is wrong: ours, perhaps
    assert source.asked == [False]


async def test_bad_weather_before_the_end_is_not_noticed_and_the_source_is_left_in_peace():
    source = Source(lasts=3600)
    one = credential(source)
    await one.get()
    await asyncio.sleep(3575)
    source.trouble = ProviderUnavailable("rain")
    for _ in range(200):
        assert await value(one) == "token-number-1"
        await asyncio.sleep(0.1)
    assert 3 <= len(source.asked) <= 6  # in twenty seconds
    source.trouble = None
    await asyncio.sleep(5)
    assert await value(one) == f"token-number-{len(source.asked)}"


async def test_bad_weather_after_the_end_is_told_as_not_sent():
    source = Source(lasts=60)
    one = credential(source)
    await one.get()
    await asyncio.sleep(61)
    source.trouble = ProviderUnavailable("rain", sent=True, retry_after=7.0)
    with pytest.raises(ProviderUnavailable) as caught:
        await one.get()
    assert (caught.value.sent, caught.value.retry_after) == (False, 7.0)
    source.trouble = None
    assert await value(one) == "token-number-3"


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (ProviderUnavailable("rain"), ProviderUnavailable),
        (ProviderProtocolError("a captive portal's page"), ProviderUnavailable),
        (ProviderRejected("no"), CredentialError),
        (CredentialError("nothing there"), CredentialError),
    ],
)
async def test_whatever_fails_in_the_source_is_no_doubt_about_a_submit(trouble: Exception, told: type[Exception]):
    source = Source()
    source.trouble = trouble
    sent = 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal sent
        sent += 1
        return httpx.Response(200)

    async with mocked(answer, credential=credential(source)) as wire:
        with pytest.raises(told) as caught:
            await wire.submit("/x", b"{}")
    assert not isinstance(caught.value, ProviderError) or caught.value.sent is False  # type: ignore[attr-defined] # of some kinds only
    assert sent == 0


async def test_a_submit_whose_renewal_meets_bad_weather_was_not_taken():
    source = Source()
    requests = 0

    def refuse(_: httpx.Request) -> httpx.Response:
        nonlocal requests
        requests += 1
        source.trouble = ProviderUnavailable("rain", sent=True)
        return httpx.Response(401)

    async with mocked(refuse, credential=credential(source)) as wire:
        with pytest.raises(ProviderUnavailable, match="rain") as caught:
            await wire.submit("/x", b"{}")
    assert caught.value.sent is False
    assert requests == 1


async def test_a_refusal_names_the_place_of_the_secret_and_what_to_do():
    one = credential(Source(), origin="elsewhere", advice="Run: acme login")
    async with mocked(lambda _: httpx.Response(401), credential=one) as wire:
        with pytest.raises(CredentialError, match=r"refused the credential \(the source\)\. Run: acme login") as caught:
            await wire.get("/x")
    assert "token-number" not in str(caught.value)


async def test_closing_ends_a_reading_that_is_under_way():
    async def never(fresh: bool) -> Secret | None:
        await asyncio.sleep(1e9)
        return None

    one = credential(never)
    waiting = asyncio.create_task(one.get())
    await asyncio.sleep(1)
    await one.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_the_end_and_the_place_of_a_secret_do_not_count_when_two_are_compared():
    assert Secret("a-token", until=1.0, origin="here") == Secret("a-token")


async def test_a_server_that_gives_credentials_may_answer_401_as_any_other():
    async with mocked(lambda _: httpx.Response(401, text="no"), issues=True) as wire:
        assert (await wire.submit("/token", b"{}")).status == 401


async def test_a_secret_that_has_changed_is_read_before_the_next_request():
    secrets = iter([Secret("one"), Secret("two")])
    news = []

    async def source(fresh: bool) -> Secret:
        return next(secrets)

    credential = Credential(source, changed=lambda: bool(news))
    assert (await credential.get()).secret == Secret("one")
    assert (await credential.get()).secret == Secret("one")
    news.append(1)
    assert (await credential.get()).secret == Secret("two")
