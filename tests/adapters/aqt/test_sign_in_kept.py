"""A sign-in goes on: refreshed in time, by one of many, and through whatever its issuer and its jobs meet."""

from __future__ import annotations

import asyncio
import errno
import logging
import traceback
from pathlib import Path

import httpx
import pytest

import quantumjobs as qj
from quantumjobs.adapters.aqt import tokens
from quantumjobs.errors import CredentialError, ProviderUnavailable, UsageError
from quantumjobs.testing import FakeProvider
from tests.adapters.aqt.issuer import CANARY, Issuer, World, jwt, refusal, wall
from tests.adapters.aqt.portal import BACKEND, Portal

CIRCUIT = "OPENQASM 3.0;"
COUNTS = {"00": 1, "11": 1}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "aqt")


def ended(world: World) -> None:
    """A sign-in whose access token is over, and whose refresh token is good."""
    world.keep(jwt("ada", wall() - 1), world.issuer.refresh_token())


async def token_of(world: World, *, fresh: bool = False) -> str:
    found = await world.sign_in().token(fresh)
    assert found is not None
    return found.reveal()


# --- refreshing -------------------------------------------------------------------------
async def test_a_token_that_is_over_is_refreshed_and_both_new_ones_are_kept(world: World):
    ended(world)
    old = world.kept()
    token = await token_of(world)
    access, refresh = world.kept()
    assert access == token != old[0]
    assert refresh != old[1]
    assert refresh in world.issuer.live
    assert await token_of(world) == token
    assert world.issuer.count("refresh") == 1


async def test_a_token_that_is_not_over_is_used_as_it_is_and_renewed_shortly_before_its_end(world: World):
    world.keep(jwt("ada", wall() + 60), world.issuer.refresh_token())
    credential = world.sign_in().credential()
    first = (await credential.get()).secret
    await asyncio.sleep(20)
    assert (await credential.get()).secret == first
    await asyncio.sleep(15)
    assert (await credential.get()).secret != first
    assert world.issuer.count("refresh") == 1


async def test_a_refresh_token_that_does_not_rotate_is_kept(world: World):
    ended(world)
    _, refresh = world.kept()
    new = jwt("ada", wall() + 3600)
    world.issuer.weather = lambda kind, number: httpx.Response(200, json={"access_token": new})
    assert await token_of(world) == new
    assert world.kept() == (new, refresh)


@pytest.mark.parametrize("code", ["invalid_grant", "invalid_client", "access_denied"])
async def test_a_refused_refresh_token_is_told_with_its_place_and_not_sent_again(world: World, code: str):
    ended(world)
    world.issuer.weather = lambda kind, number: refusal(code)
    one = world.sign_in()
    with pytest.raises(
        CredentialError, match=f"cannot be renewed.*{code}.*access_token.*run: quantumjobs login aqt"
    ) as told:
        await one.token(False)
    for _ in range(3):
        with pytest.raises(CredentialError, match=r"has ended \(.*access_token\)"):
            await one.token(True)
    assert world.issuer.count("refresh") == 1
    assert CANARY not in str(told.value)
    world.issuer.weather = lambda kind, number: None
    await world.sign_in().sign_in(lambda page: None)  # somebody signs in again
    assert (await one.token(True)).reveal() == world.kept()[0]  # type: ignore[union-attr] # None would fail the test


async def test_a_tool_without_our_lock_that_refreshes_first_has_refreshed_for_us_too(world: World):
    ended(world)
    theirs = jwt("ada", wall() + 3600)

    def too_late(kind: str, number: int) -> httpx.Response:
        world.keep(theirs, f"{CANARY}-theirs")
        return refusal("invalid_grant")

    world.issuer.weather = too_late
    assert await token_of(world) == theirs
    assert world.issuer.count("refresh") == 1


async def test_without_a_refresh_token_the_end_is_the_end(world: World):
    world.keep(jwt("ada", wall() + 10), None)
    one = world.sign_in()
    first = await one.token(False)
    assert first is not None  # it has some seconds left
    await asyncio.sleep(11)
    with pytest.raises(CredentialError, match="has ended"):
        await one.token(False)
    assert world.issuer.asked == []


@pytest.mark.parametrize("weather", [httpx.Response(503), httpx.Response(429), httpx.ReadError("reset")], ids=str)
async def test_bad_weather_at_a_refresh_is_no_end(world: World, weather: httpx.Response | Exception):
    ended(world)
    world.issuer.weather = lambda kind, number: weather if number <= 2 else None
    credential = world.sign_in().credential()
    for _ in range(2):
        with pytest.raises(ProviderUnavailable) as caught:
            await credential.get()
        assert (caught.value.sent, caught.value.channel) == (False, "issuer.example")
    assert (await credential.get()).secret is not None
    assert world.issuer.count("refresh") == 3  # one request a reading


async def test_some_seconds_that_are_left_are_used_when_a_refresh_meets_bad_weather(world: World):
    token = jwt("ada", wall() + 20)
    world.keep(token, world.issuer.refresh_token())
    world.issuer.weather = lambda kind, number: httpx.Response(503)
    assert await token_of(world) == token


async def test_a_refresh_whose_answer_was_lost_is_tried_once_more_and_then_told(world: World):
    ended(world)
    world.issuer.lost = {"refresh"}
    one = world.sign_in()
    with pytest.raises(ProviderUnavailable):
        await one.token(False)
    world.issuer.lost = set()
    for _ in range(3):
        with pytest.raises(CredentialError, match="quantumjobs login aqt"):
            await one.token(False)
    assert world.issuer.count("refresh") == 2


async def test_many_who_refresh_at_once_use_the_refresh_token_once(world: World):
    ended(world)
    world.issuer.latency = 2.0
    found = await asyncio.gather(*(token_of(world) for _ in range(20)))  # each as a process of its own would
    assert set(found) == {world.kept()[0]}
    assert world.issuer.count("refresh") == 1


async def test_who_waits_for_another_refresh_may_leave_and_holds_nobody_up(world: World):
    ended(world)
    world.issuer.latency = 2.0
    first = asyncio.create_task(token_of(world))
    await asyncio.sleep(0.5)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await token_of(world)
    assert await first == world.kept()[0]
    world.issuer.latency = 0.0
    (world.folder / "access_token").write_text(jwt("ada", wall() - 1))
    assert await token_of(world)
    assert world.issuer.count("refresh") == 2


async def test_a_lock_that_is_never_given_back_is_bad_weather(world: World):
    ended(world)
    async with tokens.locked(world.folder):
        with pytest.raises(ProviderUnavailable, match="another process"):
            await token_of(world)
    assert world.issuer.asked == []
    assert await token_of(world)


async def test_closing_while_a_refresh_is_under_way_loses_nothing(world: World):
    ended(world)
    world.issuer.latency = 2.0
    credential = world.sign_in().credential()
    waiting = asyncio.create_task(credential.get())
    await asyncio.sleep(1)
    await credential.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert world.kept()[1] in world.issuer.live
    assert await token_of(world) == world.kept()[0]
    assert world.issuer.count("refresh") == 1


async def test_where_nothing_can_be_kept_nothing_is_used_up(world: World):
    ended(world)
    (world.folder / tokens.LOCK).mkdir()  # permissions mean nothing to root
    with pytest.raises(CredentialError, match="could not be kept"):
        await token_of(world)
    assert world.issuer.asked == []
    with pytest.raises(CredentialError, match="cannot be kept"):
        await world.sign_in().sign_in(lambda page: None)
    assert world.issuer.asked == []


async def test_a_disk_that_is_full_at_the_wrong_moment_leaves_a_sign_in_for_this_process(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    ended(world)
    one = world.sign_in()
    monkeypatch.setattr(tokens, "keep", full)
    with caplog.at_level(logging.WARNING):
        first = await one.token(False)
    assert "No space left" in caplog.text
    assert CANARY not in caplog.text
    await asyncio.sleep(3600)
    second = await one.token(False)
    assert first is not None
    assert second is not None
    assert (first.origin, second.origin) == ("the sign-in of this process",) * 2
    assert first != second


# --- jobs -------------------------------------------------------------------------------
def client_of(world: World, **given: object) -> qj.Client:
    return qj.Client(ledger="memory", providers={"aqt": world.provider(**given)})


async def test_a_submit_that_meets_a_token_that_is_over_is_sent_once_after_one_refresh(world: World):
    token = jwt("ada", wall() + 3600)
    world.keep(token, world.issuer.refresh_token())
    async with client_of(world) as client:
        await (await client.backend(BACKEND).run(CIRCUIT))
        world.banned.add(token)  # revoked, before its time
        job = await client.backend(BACKEND).run(CIRCUIT)
        assert (await job).counts == COUNTS
    assert world.portal.requests["submit"] == 2
    assert len(world.portal.jobs) == 2
    assert world.issuer.count("refresh") == 1


async def test_many_jobs_outlive_the_hours_of_their_tokens(world: World):
    world.issuer.lasts = 600.0
    world.portal = Portal(looks=160)
    await world.sign_in().sign_in(lambda page: None)
    async with client_of(world) as client:
        jobs = [await client.backend(BACKEND).run(CIRCUIT) for _ in range(10)]
        for result in await asyncio.gather(*jobs):
            assert result.counts == COUNTS
    lasted = asyncio.get_running_loop().time()
    assert lasted > 1800
    assert lasted / 600 - 2 < world.issuer.count("refresh") < lasted / 500 + 2
    assert world.portal.refused == 0
    assert set(world.portal.requests) == {"workspaces", "resources", "submit", "result"}


@pytest.mark.parametrize("kind", ["refused", "503", "reset", "429"])
async def test_an_issuer_in_trouble_for_hours_ends_no_wait(world: World, kind: str):
    issuer = world.issuer = Issuer(lasts=300.0)
    world.portal = Portal(looks=80)
    await world.sign_in().sign_in(lambda page: None)
    bad = {
        "refused": lambda: httpx.ConnectError("refused"),
        "503": lambda: httpx.Response(503, headers={"retry-after": "40"}),
        "reset": lambda: httpx.ReadError("reset"),
        "429": lambda: httpx.Response(429),
    }[kind]
    async with client_of(world) as client:
        job = await client.backend(BACKEND).run(CIRCUIT)
        waiting = asyncio.create_task(job.result())
        issuer.weather = lambda kind, number: bad()
        await asyncio.sleep(3 * 3600)
        assert not waiting.done()
        assert isinstance(job.error, ProviderUnavailable)
        assert issuer.count("refresh") < 3 * 3600 / 20  # it backs off
        issuer.weather = lambda kind, number: None
        assert (await waiting).counts == COUNTS
    assert world.portal.requests["submit"] == 1


async def test_an_issuer_in_trouble_makes_no_doubt_about_a_submit(world: World):
    ended(world)
    world.issuer.weather = lambda kind, number: httpx.ReadError("reset") if number <= 3 else None
    async with client_of(world) as client:
        job = await client.backend(BACKEND).run(CIRCUIT)
        assert (await job).counts == COUNTS
        assert "in_doubt" not in {line.after for line in job.story}
    assert world.portal.requests["submit"] == 1


async def test_a_job_waits_for_a_sign_in_by_somebody_else(world: World):
    world.portal = Portal(looks=40)
    world.keep(jwt("ada", wall() + 40), None)
    async with client_of(world) as client:
        job = await client.backend(BACKEND).run(CIRCUIT)
        waiting = asyncio.create_task(job.result())
        await asyncio.sleep(3600)
        assert not waiting.done()
        assert isinstance(job.error, CredentialError)
        assert "quantumjobs login aqt" in str(job.error)
        await world.sign_in().sign_in(lambda page: None)
        at = asyncio.get_running_loop().time()
        while isinstance(job.error, CredentialError):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(1)
        assert asyncio.get_running_loop().time() - at < 35
        assert (await waiting).counts == COUNTS


async def test_a_sign_in_by_the_client_itself_is_not_waited_for(world: World):
    world.portal = Portal(looks=40)
    world.keep(jwt("ada", wall() + 40), None)
    policies = {"aqt": qj.Policy(credential_pause=86_400.0)}
    async with qj.Client(ledger="memory", providers={"aqt": world.provider()}, policies=policies) as client:
        job = await client.backend(BACKEND).run(CIRCUIT)
        waiting = asyncio.create_task(job.result())
        await asyncio.sleep(3600)
        assert isinstance(job.error, CredentialError)
        found = await client.login("aqt", show=lambda page: None)
        assert found.stored
        async with asyncio.timeout(3600):
            assert (await waiting).counts == COUNTS
        assert (await client.whoami("aqt")).accepted
        assert len((await client.logout("aqt")).files) == 2


async def test_a_first_job_without_credentials_is_refused_at_once(world: World):
    async with client_of(world) as client:
        with pytest.raises(CredentialError, match="run: quantumjobs login aqt"):
            await client.backend(BACKEND).run(CIRCUIT)
    assert world.portal.requests.total() == 0


async def test_where_there_is_no_sign_in_that_is_said(world: World, capsys: pytest.CaptureFixture[str]):
    providers = {"aqt": world.provider(), "fake": FakeProvider()}
    async with qj.Client(ledger="memory", providers=providers) as client:
        with pytest.raises(UsageError, match="fake: there is no sign-in"):
            await client.login("fake")
        with pytest.raises(UsageError, match="write 'aqt'"):
            await client.whoami("aqt/ws/ibex")
        with pytest.raises(UsageError, match="aqq"):
            await client.logout("aqq")
        await client.login("aqt")
    said = capsys.readouterr()
    assert said.out == ""
    assert "https://login.example/activate?user_code=ABCD-EFGH" in said.err
    assert "ABCD-EFGH within 15 minutes" in said.err


@pytest.mark.real_time
async def test_no_secret_is_in_a_log_an_error_or_the_ledger(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    world = World(tmp_path / "aqt")
    world.issuer.interval = 0.1
    said: list[str] = []
    with caplog.at_level(1):
        await world.sign_in().sign_in(lambda page: None)
        world.banned.add(str(world.kept()[0]))  # so that the first submit meets a refusal, and a refresh
        ledger = tmp_path / "state" / "ledger.sqlite3"
        async with qj.Client(ledger=ledger, providers={"aqt": world.provider()}) as client:
            job = await client.backend(BACKEND).run(CIRCUIT)
            assert (await job).counts == COUNTS
            said += [repr(job.snapshot), repr(job.story), repr(client)]
        assert world.issuer.count("refresh") == 1
        for answer in (
            refusal("invalid_grant", said=f"unknown: {world.kept()[1]}"),
            httpx.Response(500),
            httpx.ReadError("reset"),
        ):
            world.issuer.weather = lambda kind, number, answer=answer: answer
            one = world.sign_in()
            await one.token(False)
            with pytest.raises(qj.QuantumJobsError) as caught:
                await one.token(True)
            said += ["".join(traceback.format_exception(caught.value)), repr(vars(caught.value))]
    wrong = world.sign_in(client_id="cid", client_secret=f"{CANARY}-wrong")
    world.issuer.weather = lambda kind, number: None
    with pytest.raises(CredentialError) as told:
        await wrong.token(False)
    said += ["".join(traceback.format_exception(told.value)), caplog.text]
    assert CANARY not in "".join(said)
    files = [one for one in (tmp_path / "state").rglob("*") if one.is_file()]
    assert files
    assert not any(CANARY.encode() in one.read_bytes() for one in files)
