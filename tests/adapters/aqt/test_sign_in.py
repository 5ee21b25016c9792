"""Signing in: each way, whatever its issuer answers, and which credential is used. In virtual time, without sockets."""

from __future__ import annotations

import asyncio
import base64
import json
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from quantumjobs.abc import LoginPage, SignsIn
from quantumjobs.adapters.aqt import oidc
from quantumjobs.adapters.bearer import Claims, claims
from quantumjobs.errors import CredentialError, ProviderUnavailable
from quantumjobs.wire import Secret, Wire
from tests.adapters.aqt.issuer import CANARY, ISSUER, World, jwt, refusal, wall
from tests.wire.helpers import mocked


@pytest.fixture(autouse=True)
def _an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "aqt")


def now() -> float:
    return asyncio.get_running_loop().time()


PAGES: list[LoginPage] = []


async def signed_in(world: World, **given: object):
    PAGES.clear()
    return await world.sign_in(**given).sign_in(PAGES.append)


async def token_of(world: World, *, fresh: bool = False, **given: object) -> str:
    found = await world.sign_in(**given).token(fresh)
    assert found is not None
    return found.reveal()


# --- a program's credentials ------------------------------------------------------------
PROGRAM = {"client_id": "cid", "client_secret": f"{CANARY}-program"}


async def test_a_programs_credentials_give_a_token_and_nothing_is_kept(world: World):
    found = await signed_in(world, **PROGRAM)
    assert (found.subject, found.stored, PAGES) == ("cid", (), [])
    assert found.origin == "the program's credentials by the setting 'client_id' and the setting 'client_secret'"
    assert found.until == pytest.approx(wall() + 3600, abs=1)
    kind, fields, _ = world.issuer.asked[0]
    assert kind == "credentials"
    assert fields == PROGRAM | {"audience": "https://portal.example/api", "grant_type": "client_credentials"}
    assert world.kept() == (None, None)


async def test_a_wrong_secret_says_where_it_was_found_and_is_not_shown(world: World):
    with pytest.raises(
        CredentialError, match=r"invalid_client.*setting 'client_secret'.*quantumjobs login aqt"
    ) as caught:
        await signed_in(world, client_id="cid", client_secret=f"{CANARY}-wrong")
    assert CANARY not in str(caught.value)
    assert world.issuer.count("credentials") == 1


@pytest.mark.parametrize("kind", ["credentials", "device"])
@pytest.mark.parametrize("weather", ["429", "503", "reset", "a page", "a redirect"])
async def test_bad_weather_is_waited_out_and_that_has_bounds(world: World, kind: str, weather: str):
    def bad() -> httpx.Response | Exception:
        match weather:
            case "429":
                return httpx.Response(429, headers={"retry-after": "3"})
            case "503":
                return httpx.Response(503)
            case "reset":
                return httpx.ReadError("reset")
            case "a redirect":
                return httpx.Response(302, headers={"location": "https://hotel.example"})
        return httpx.Response(200, content=b"<html>log in to the hotel's network</html>")

    given = PROGRAM if kind == "credentials" else {}
    world.issuer.weather = lambda one, number: bad() if one == kind and number <= 3 else None
    assert (await signed_in(world, **given)).until is not None
    world.issuer.asked.clear()
    world.issuer.weather = lambda one, number: bad() if one == kind else None
    began = now()
    with pytest.raises(ProviderUnavailable):
        await signed_in(world, **given)
    assert world.issuer.count(kind) == oidc.TRIES
    assert now() - began < 60


# --- a user's sign-in ---------------------------------------------------------------------
async def test_a_user_is_shown_a_page_and_waited_for_and_the_sign_in_is_kept(world: World):
    found = await signed_in(world)
    assert [
        LoginPage(url="https://login.example/activate?user_code=ABCD-EFGH", code="ABCD-EFGH", expires_in=900)
    ] == PAGES
    assert found.subject == "ada"
    assert found.stored == (str(world.folder / "access_token"), str(world.folder / "refresh_token"))
    access, refresh = world.kept()
    assert access is not None
    assert claims(access).sub == "ada"  # the id token: the other one is for the issuer
    assert refresh in world.issuer.live
    polls = [at for kind, _, at in world.issuer.asked if kind == "poll"]
    assert [round(b - a) for a, b in pairwise(polls)] == [5, 5]
    assert await token_of(world) == access
    assert world.issuer.count("refresh") == 0


async def test_slow_down_is_heeded_from_then_on(world: World):
    world.issuer.weather = lambda kind, number: refusal("slow_down", 429) if (kind, number) == ("poll", 1) else None
    await signed_in(world)
    polls = [at for kind, _, at in world.issuer.asked if kind == "poll"]
    assert [round(b - a) for a, b in pairwise(polls)] == [10, 10]


@pytest.mark.parametrize(
    ("error", "why"),
    [
        ("access_denied", "refused on the page"),
        ("expired_token", "in time; begin again"),
        ("invalid_grant", "this sign-in is over"),
        ("invalid_client", "invalid_client"),
    ],
)
async def test_a_no_ends_the_waiting_and_leaves_an_earlier_sign_in_as_it_was(world: World, error: str, why: str):
    world.keep("old-access", "old-refresh")
    world.issuer.weather = lambda kind, number: refusal(error) if (kind, number) == ("poll", 2) else None
    with pytest.raises(CredentialError, match=why):
        await signed_in(world)
    assert world.issuer.count("poll") == 2
    assert world.kept() == ("old-access", "old-refresh")


async def test_who_never_answers_is_waited_for_as_long_as_the_code_lasts(world: World):
    world.issuer.patience = 10**6
    began = now()
    with pytest.raises(CredentialError, match="in time"):
        await signed_in(world)
    assert now() - began == pytest.approx(900, abs=6)
    assert world.kept() == (None, None)


async def test_bad_weather_while_the_user_is_waited_for_ends_nothing(world: World):
    bad = [httpx.Response(503), httpx.ReadError("reset"), httpx.Response(429, headers={"retry-after": "20"})]
    world.issuer.weather = lambda kind, number: bad[number - 1] if kind == "poll" and number <= 3 else None
    await signed_in(world)
    polls = [at for kind, _, at in world.issuer.asked if kind == "poll"]
    assert [round(b - a) for a, b in pairwise(polls)][:3] == [5, 5, 20]


async def test_bad_weather_up_to_the_end_of_the_code_is_told_as_such(world: World):
    world.issuer.weather = lambda kind, number: httpx.Response(503) if kind == "poll" else None
    with pytest.raises(ProviderUnavailable, match="503"):
        await signed_in(world)
    assert now() == pytest.approx(900, abs=6)


async def test_leaving_while_the_user_is_waited_for_leaves_nothing(world: World):
    world.issuer.patience = 10**6
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(60):
            await signed_in(world)
    assert world.kept() == (None, None)


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "file:///etc/passwd", "//login.example/x", "", "https://", "https://a.example/\x1b[2J",
     "https://ada:pw@login.example/", "https://login.example/" + "x" * 3000],
)  # fmt: skip
async def test_a_page_that_is_none_is_not_shown(world: World, url: str):
    told = {"device_code": "dc", "user_code": "AB", "verification_uri_complete": url}
    world.issuer.weather = lambda kind, _: httpx.Response(200, json=told) if kind == "device" else None
    with pytest.raises(ProviderUnavailable, match="issuer of tokens"):
        await signed_in(world)
    assert PAGES == []


async def test_what_is_shown_of_a_code_cannot_move_the_cursor(world: World):
    told = {"device_code": "dc", "user_code": "\x1b[2J\nAB" + "x" * 99, "verification_uri": "https://login.example/"}

    def weather(kind: str, number: int) -> httpx.Response | None:
        return {"device": httpx.Response(200, json=told), "poll": refusal("access_denied")}.get(kind)

    world.issuer.weather = weather
    with pytest.raises(CredentialError):
        await signed_in(world)
    assert PAGES[0].code.isprintable()
    assert len(PAGES[0].code) <= 40


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"id_token": 5, "refresh_token": "canary5f2b9c-lost"}',
        b'{"id_token": "two\\nlines", "refresh_token": "canary5f2b9c-lost"}',
        b'{"id_token": "' + b"x" * 20_000 + b'"}',
        b'{"access_token": ""}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"x": "' + b"y" * (300 << 10) + b'"}',
    ],
    ids=lambda body: f"{body[:12]!r} {len(body)}",
)
async def test_an_answer_without_a_good_token_is_bad_weather_and_not_quoted(world: World, body: bytes):
    def weather(kind: str, number: int) -> httpx.Response | None:
        return httpx.Response(200, content=body) if kind == "poll" and number == 1 else None

    world.issuer.weather = weather
    await signed_in(world)
    world.issuer.weather = lambda kind, number: httpx.Response(200, content=body) if kind == "poll" else None
    with pytest.raises(ProviderUnavailable) as caught:
        await signed_in(world)
    assert CANARY not in f"{caught.value!r}{vars(caught.value)}{caught.value.__cause__!r}"


async def test_a_sign_in_without_a_refresh_token_takes_the_old_one_away(world: World):
    world.keep("old-access", "old-refresh")
    token = jwt("bob", wall() + 3600)
    world.issuer.weather = lambda kind, number: (
        httpx.Response(200, json={"id_token": token}) if kind == "poll" else None
    )
    assert (await signed_in(world)).stored == (str(world.folder / "access_token"),)
    assert world.kept() == (token, None)


@pytest.mark.parametrize("off", [False, "false", "0", "no", "off", "False"])
async def test_a_sign_in_that_is_not_to_be_kept_lasts_as_long_as_its_process(world: World, off: object):
    world.keep("old-access", "old-refresh")
    one = world.sign_in(store_access_token=off)
    found = await one.sign_in(lambda page: None)
    assert found.stored == ()
    assert "store_access_token is off" in found.notes[0]
    assert world.kept() == ("old-access", "old-refresh")
    first = await one.token(False)
    await asyncio.sleep(3580)
    second = await one.token(False)  # refreshed
    assert first is not None
    assert second is not None
    assert first != second
    assert world.kept() == ("old-access", "old-refresh")
    with pytest.raises(CredentialError):
        await token_of(world, store_access_token=off)


async def test_a_token_that_comes_first_is_named_when_one_signs_in(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AQT_TOKEN", "mine")
    assert (await signed_in(world)).notes == (
        "the environment variable AQT_TOKEN comes first, and is used instead of this",
    )
    assert await token_of(world) == "mine"


# --- the order ----------------------------------------------------------------------------
async def test_each_place_wins_over_those_below(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    kept = jwt("kept", wall() + 3600)
    world.keep(kept, None)
    assert await token_of(world) == kept
    (world.folder / "config").write_text(f'[default]\nclient_id = "file"\nclient_secret = "{CANARY}-program"\n')
    assert claims(await token_of(world)).sub == "file"
    monkeypatch.setenv("AQT_CLIENT_ID", "environment")  # each of the two comes from the first place that has it
    assert claims(await token_of(world)).sub == "environment"
    assert claims(await token_of(world, client_id="setting")).sub == "setting"
    (tmp_path / "here" / ".env").write_text("AQT_TOKEN=dotenv\n")
    assert await token_of(world, load_dotenv=True) == "dotenv"
    monkeypatch.setenv("AQT_TOKEN", "environment")
    assert await token_of(world, load_dotenv=True) == "environment"
    assert await token_of(world, load_dotenv=True, token="given") == "given"


async def test_nothing_at_all_lists_every_place_in_order_and_says_what_to_run(world: World):
    with pytest.raises(CredentialError) as caught:
        await token_of(world, client_id="half")
    said = str(caught.value)
    steps = [said.index(f"({number})") for number in (1, 2, 3, 4, 5)]
    assert steps == sorted(steps)
    for place in ("'token'", "AQT_TOKEN", ".env", "AQT_CLIENT_SECRET", "only one of them, by the setting 'client_id'"):
        assert place in said
    assert str(world.folder) in said
    assert said.endswith("run: quantumjobs login aqt")
    with pytest.raises(CredentialError, match="run: quantumjobs login aqt:lab2$"):
        await token_of(world, account="lab2")


async def test_accounts_have_sign_ins_of_their_own(world: World):
    await signed_in(world)
    await signed_in(world, account="lab2")
    assert (world.folder / "lab2" / "access_token").read_text() != world.kept()[0]
    assert await token_of(world, account="lab2") == (world.folder / "lab2" / "access_token").read_text()


async def test_what_another_issuer_gave_is_shown_to_nobody(world: World):
    world.keep(jwt("ada", wall() + 3600, iss="https://other.example/"), f"{CANARY}-other")
    with pytest.raises(CredentialError):
        await token_of(world)
    assert world.issuer.asked == []


async def test_the_vendors_other_places_are_read_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    world = World(tmp_path / "home" / ".aqt")
    given = {"issuer": "https://arnica.eu.auth0.com", "config_dir": None}
    vendors = "https://arnica.eu.auth0.com/"
    for place, subject in ((".config/aqt", "cli"), (".cache/qiskit_aqt_provider/1.15.0", "old")):
        folder = tmp_path / "home" / place
        folder.mkdir(parents=True)
        (folder / "access_token").write_text(jwt(subject, wall() + 3600, iss=vendors))
        (folder / "refresh_token").write_text("theirs")
    assert claims(await token_of(world, **given)).sub == "cli"
    (tmp_path / "home" / ".config/aqt/access_token").write_text(jwt("cli", wall() - 1, iss=vendors))
    assert claims(await token_of(world, **given)).sub == "old"
    one = world.sign_in(**given)
    assert (await one.sign_out()).left == (str(tmp_path / "home/.cache/qiskit_aqt_provider/1.15.0/access_token"),)
    with pytest.raises(CredentialError):
        await token_of(world, **given, account="lab2")
    assert world.issuer.asked == []  # a refresh there would sign the vendor's tools out


# --- claims -------------------------------------------------------------------------------
def told(body: object) -> str:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"head.{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}.signature"


@pytest.mark.parametrize(
    ("token", "found"),
    [
        (told({"exp": 12, "sub": "ada", "iss": "i", "aud": ["x"]}), Claims(12.0, "ada", "i")),
        (told({"exp": 12.5}), Claims(12.5)),
        (told({"exp": "12"}), Claims()),
        (told({"sub": "ada"}), Claims(None, "ada")),
        (told(b'{"exp": 1e400}'), Claims()),
        (told(b'{"exp": ' + b"9" * 400 + b"}"), Claims()),
        (told(b"\xff"), Claims()),
        (told(b"[" * 9000), Claims()),
        (told([1]), Claims()),
        ("opaque", Claims()),
        ("a.b.c", Claims()),
        ("a.!.c", Claims()),
        ("...", Claims()),
        (told({"exp": 12, "x": "y" * 20_000}), Claims()),
    ],
)
def test_only_what_a_token_says_in_plain_form_is_read(token: str, found: Claims):
    assert claims(token) == found


# --- who one is -----------------------------------------------------------------------------
async def test_the_cloud_is_asked_whether_it_lets_one_in(world: World):
    provider = world.provider()
    assert isinstance(provider, SignsIn)
    await provider.sign_in(lambda page: None)
    found = await provider.identity()
    assert (found.accepted, found.workspaces, found.subject) == (True, ("ws",), "ada")
    assert found.origin == str(world.folder / "access_token")
    assert CANARY not in repr(found)


async def test_a_refused_token_and_a_cloud_that_does_not_answer_are_told_apart(world: World):
    found = await world.sign_in(token=f"{CANARY}-wrong").identity()
    assert found.accepted is False
    assert "refused the credential (the token given in the settings)" in found.reason
    assert "run: quantumjobs login aqt" in found.reason
    assert CANARY not in repr(found)
    world.portal.weather = lambda operation, number: httpx.Response(503)
    await signed_in(world)
    found = await world.sign_in().identity()
    assert (found.accepted, found.subject) == (None, "ada")
    assert "503" in found.reason


async def test_signing_out_removes_our_files_and_names_what_is_left(world: World):
    await signed_in(world)
    found = await world.sign_in(**PROGRAM).sign_out()
    assert set(found.files) == {str(world.folder / "access_token"), str(world.folder / "refresh_token")}
    assert found.left == ("the program's credentials by the setting 'client_id' and the setting 'client_secret'",)
    assert world.kept() == (None, None)
    again = await world.sign_in(token="mine").sign_out()
    assert (again.files, again.left) == ((), ("the token given in the settings",))
    with pytest.raises(CredentialError):
        await token_of(world)


async def test_no_secret_is_in_a_repr(world: World):
    one = world.sign_in(**PROGRAM)
    device = oidc.Device("https://x.example", "AB", Secret(f"{CANARY}-device"), 5.0, 900.0)
    tokens = oidc.Tokens(Secret(f"{CANARY}-a"), Secret(f"{CANARY}-r"))
    texts = f"{one!r}{one._kept!r}{world.settings(**PROGRAM)!r}{device!r}{tokens!r}"
    assert CANARY not in texts
    assert ISSUER in texts


async def test_a_refusal_is_weather_where_the_issuer_says_that_it_is_its_own_fault():
    wire: Wire
    async with mocked(lambda _: httpx.Response(400, content=b"<html>"), issues=True) as wire:
        with pytest.raises(ProviderUnavailable, match="does not say why"):
            await oidc.refreshed(wire, "c", Secret("refresh"))
    for code in ("temporarily_unavailable", "server_error", "too_many_requests"):
        async with mocked(lambda _, code=code: refusal(code, 400), issues=True) as wire:
            with pytest.raises(ProviderUnavailable):
                await oidc.refreshed(wire, "c", Secret("refresh"))
