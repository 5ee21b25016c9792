"""One request: credentials, redirects, status codes, deadlines. Without sockets, in virtual time."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from quantumjobs.errors import (
    CredentialError,
    ProviderProtocolError,
    ProviderRejected,
    ProviderUnavailable,
)
from quantumjobs.wire import Deadlines, Reply, Secret, Unsigned, check
from tests.wire.helpers import mocked, tokens


# --- credentials ------------------------------------------------------------------------
async def test_a_thousand_looks_that_meet_an_expired_token_refresh_it_once():
    credential, asked = tokens("old-token", "new-token")
    seen: list[str] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.05)
        seen.append(request.headers["authorization"])
        return httpx.Response(200 if seen[-1] == "Bearer new-token" else 401)

    async with mocked(answer, credential=credential) as wire:
        replies = await asyncio.gather(*(wire.get(f"/jobs/{number}") for number in range(1000)))
    assert {reply.status for reply in replies} == {200}
    assert asked == [False, True]
    assert seen.count("Bearer new-token") == 1000


async def test_a_token_that_stays_refused_is_a_credential_error_that_says_where_it_came_from():
    credential, asked = tokens("wrong-token")
    async with mocked(lambda _: httpx.Response(401, text="wrong-token is bad"), credential=credential) as wire:
        with pytest.raises(CredentialError, match="the test") as caught:
            await wire.get("/x")
    assert "wrong-token" not in str(caught.value)
    assert asked == [False, True]


async def test_a_refusal_of_the_credential_that_does_not_say_401_is_one_where_the_provider_says_so():
    credential, asked = tokens("old-token", "new-token")

    def answer(request: httpx.Request) -> httpx.Response:
        is_new = request.headers["authorization"].endswith("new-token")
        return httpx.Response(200, text="welcome" if is_new else "who are you?")

    async with mocked(answer, credential=credential, denies=lambda reply: reply.body.endswith(b"?")) as wire:
        assert (await wire.get("/x")).body == b"welcome"
    assert asked == [False, True]
    async with mocked(
        answer, credential=tokens("old-token")[0], denies=lambda reply: reply.body.endswith(b"?")
    ) as wire:
        with pytest.raises(CredentialError, match="who are you"):
            await wire.get("/x")


async def test_a_refusal_for_the_time_is_answered_by_signing_anew_once():
    signed: list[Unsigned] = []

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(403 if request.headers["x-time"] == "1" else 200, text="late")

    def sign(request: Unsigned, secret: Secret) -> None:
        signed.append(request)
        request.headers["x-time"] = str(len(signed))

    async with mocked(answer, credential=tokens("t")[0], sign=sign, mistimed=lambda reply: reply.status == 403) as wire:
        assert (await wire.request("PUT", "/x", b"{}")).status == 200
    assert [(one.method, one.url.rpartition("/")[2], one.body) for one in signed] == [("PUT", "x", b"{}")] * 2
    signed.clear()
    async with mocked(answer, credential=tokens("t")[0], sign=sign, mistimed=lambda reply: reply.status == 403) as wire:
        with pytest.raises(ProviderUnavailable, match="clock") as caught:
            await wire.submit("/x", b"{}")
        assert not caught.value.sent
        assert (await wire.submit("/x", b"{}")).status == 200
    assert len(signed) == 2


async def test_a_redirect_that_does_not_say_where_to_is_an_answer():
    async with mocked(lambda _: httpx.Response(301, text="elsewhere")) as wire:
        assert (await wire.get("/x")).body == b"elsewhere"


async def test_headers_of_a_provider_go_with_every_request():
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["origin-language"] + request.headers.get("task_mode", ""))
        return httpx.Response(200)

    async with mocked(answer, headers={"origin-language": "en"}) as wire:
        await wire.get("/x")
        await wire.submit("/x", b"{}", headers={"task_mode": "1"})
    assert seen == ["en", "en1"]


async def test_a_look_is_tried_once_more_with_the_same_token_since_the_server_may_have_erred():
    credential, _ = tokens("good-token")
    answers = iter([401, 200])
    async with mocked(lambda _: httpx.Response(next(answers)), credential=credential) as wire:
        assert (await wire.get("/x")).status == 200


async def test_a_submit_that_meets_an_expired_token_is_told_as_not_sent_and_not_repeated_here():
    credential, _ = tokens("old-token", "new-token")
    posts = []

    def answer(request: httpx.Request) -> httpx.Response:
        posts.append(request.headers["authorization"])
        return httpx.Response(401 if "old" in posts[-1] else 200)

    async with mocked(answer, credential=credential) as wire:
        with pytest.raises(ProviderUnavailable) as caught:
            await wire.submit("/x", b"{}")
        assert caught.value.sent is False
        assert (await wire.submit("/x", b"{}")).status == 200
    assert posts == ["Bearer old-token", "Bearer new-token"]


async def test_one_impatient_caller_does_not_end_the_refresh_of_the_others():
    credential, asked = tokens("only-token")
    async with mocked(lambda _: httpx.Response(200), credential=credential) as wire:
        first = asyncio.create_task(wire.get("/x"))
        second = asyncio.create_task(wire.get("/x"))
        await asyncio.sleep(0.01)
        first.cancel()
        assert (await second).status == 200
    assert asked == [False]


async def test_a_refusal_that_comes_late_finds_the_credential_renewed_already():
    credential, asked = tokens("old-token", "new-token")

    async def answer(request: httpx.Request) -> httpx.Response:
        old = "old" in request.headers["authorization"]
        await asyncio.sleep(5 if old and request.url.path == "/slow" else 0)
        return httpx.Response(401 if old else 200)

    async with mocked(answer, credential=credential) as wire:
        slow = asyncio.create_task(wire.get("/slow"))
        await asyncio.sleep(1)
        assert (await wire.get("/quick")).status == 200
        assert (await slow).status == 200
    assert asked == [False, True]


# --- redirects --------------------------------------------------------------------------
@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example/x",
        "http://portal.example/x",
        "https://portal.example:8443/x",
        "//evil.example/x",
        "https://portal.example.evil.example/",
        "file:///etc/passwd",
        "",
    ],
)
async def test_no_request_follows_a_redirect_out_of_the_origin_or_in_a_circle(place: str):
    credential, _ = tokens("some-token")
    hosts = []

    def answer(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(302, headers={"location": place})

    async with mocked(answer, credential=credential) as wire:
        with pytest.raises(ProviderProtocolError):
            await wire.get("/x")
    assert set(hosts) == {"portal.example"}
    assert len(hosts) <= 4


async def test_a_get_follows_a_redirect_within_the_origin():
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/old":
            return httpx.Response(307, headers={"location": "/new"})
        return httpx.Response(200, content=request.url.path)

    async with mocked(answer) as wire:
        assert (await wire.get("/old")).body == b"/new"


async def test_a_submit_is_never_sent_on_to_where_it_was_redirected():
    posts = []

    def answer(request: httpx.Request) -> httpx.Response:
        posts.append(request)
        return httpx.Response(308, headers={"location": "/there"})

    async with mocked(answer) as wire:
        with pytest.raises(ProviderProtocolError):
            await wire.submit("/here", b"{}")
    assert len(posts) == 1


async def test_no_cookie_is_kept_from_one_request_to_the_next():
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("cookie"))
        return httpx.Response(200, headers={"set-cookie": "session=1"})

    async with mocked(answer) as wire:
        await wire.get("/x")
        await wire.get("/x")
    assert seen == [None, None]


# --- deadlines --------------------------------------------------------------------------
async def hang(_: httpx.Request) -> httpx.Response:
    await asyncio.sleep(86_400)
    return httpx.Response(200)


async def test_an_attempt_ends_at_its_deadline_and_a_look_that_holds_does_not():
    loop = asyncio.get_running_loop()
    async with mocked(hang, deadlines=Deadlines(total=20.0, hold=90_000.0)) as wire:
        with pytest.raises(ProviderUnavailable, match="within 20 s"):
            await wire.get("/x")
        assert loop.time() == pytest.approx(20, abs=0.1)
        reply = await wire.hold("/x")
        assert reply is not None
        assert reply.status == 200


async def test_a_look_that_holds_is_given_up_after_a_while_to_be_asked_anew():
    loop = asyncio.get_running_loop()
    async with mocked(hang) as wire:
        assert await wire.hold("/x") is None
        assert loop.time() == pytest.approx(Deadlines().hold, abs=0.1)


async def test_a_submit_whose_reply_did_not_come_in_time_may_have_been_sent():
    async with mocked(hang) as wire:
        with pytest.raises(ProviderUnavailable) as caught:
            await wire.submit("/x", b"{}")
    assert caught.value.sent is True


# --- status codes -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "error", "sent"),
    [
        (400, ProviderRejected, None),
        (403, ProviderRejected, None),
        (404, ProviderRejected, None),
        (422, ProviderRejected, None),
        (408, ProviderUnavailable, True),
        (425, ProviderUnavailable, False),
        (429, ProviderUnavailable, False),
        (500, ProviderUnavailable, True),
        (502, ProviderUnavailable, True),
        (503, ProviderUnavailable, True),
        (504, ProviderUnavailable, True),
        (599, ProviderUnavailable, True),
        (302, ProviderProtocolError, None),
    ],
)
def test_a_status_code_says_whether_it_passes_and_whether_a_submit_may_have_been_taken(
    status: int, error: type[Exception], sent: bool | None
):
    reply = Reply(status, {}, b"why\x1b[31m not", retry_after=7.0)
    with pytest.raises(error) as caught:
        check(reply, provider="acme", what="the submit", explain=bytes.decode)
    assert getattr(caught.value, "sent", None) is sent
    assert str(status) in str(caught.value)
    assert "why [31m not" in str(caught.value)
    if isinstance(caught.value, ProviderUnavailable):
        assert caught.value.retry_after == 7.0


async def test_a_bug_is_not_taken_for_weather():
    def broken(_: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError

    async with mocked(broken) as wire:
        with pytest.raises(ZeroDivisionError):
            await wire.get("/x")
