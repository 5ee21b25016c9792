"""Where token and portal come from, in the order that AQT's users know."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from quantumjobs.adapters.aqt import settings as aqt
from quantumjobs.adapters.aqt.provider import provider
from quantumjobs.adapters.aqt.signin import SignIn
from quantumjobs.errors import CredentialError, UsageError
from quantumjobs.wire import Secret

pytestmark = pytest.mark.real_time  # files are read in threads
TOKEN = "canary-5f2b9c"


@pytest.fixture(autouse=True)
def _an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")


async def token_of(**given: object) -> str | None:
    found = await SignIn(aqt.read(given)).token(False)
    return None if found is None else found.reveal()


async def test_a_token_that_is_given_wins_over_the_environment_and_that_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / ".env").write_text(f"AQT_TOKEN={TOKEN}-file\nAQT_PORTAL_URL=https://file.example\n")
    assert await token_of() == f"{TOKEN}-file"
    assert aqt.read({}).url == "https://file.example"
    monkeypatch.setenv("AQT_TOKEN", f"{TOKEN}-environment")
    monkeypatch.setenv("AQT_PORTAL_URL", "https://environment.example/")
    assert await token_of() == f"{TOKEN}-environment"
    assert aqt.read({}).url == "https://environment.example"
    assert await token_of(token=f" {TOKEN}-given\n") == f"{TOKEN}-given"
    assert aqt.read({"url": "https://given.example/api/v1"}).url == "https://given.example"


async def test_without_any_the_portal_is_the_vendors_and_the_missing_token_says_where_it_was_looked_for():
    assert aqt.read({}).url == "https://arnica.aqt.eu"
    with pytest.raises(CredentialError, match=r"AQT_TOKEN.*\.env"):
        await token_of()


async def test_a_refresh_reads_the_file_and_the_environment_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / ".env").write_text("AQT_TOKEN=first\n")
    settings = aqt.read({})
    first = await SignIn(settings).token(False)
    (tmp_path / ".env").write_text("AQT_TOKEN=second\n")
    second = await SignIn(settings).token(False)
    monkeypatch.setenv("AQT_TOKEN", "third")
    third = await SignIn(settings).token(False)
    assert [one and one.reveal() for one in (first, second, third)] == ["first", "second", "third"]


async def test_the_file_may_be_named_or_left_alone(tmp_path: Path):
    (tmp_path / ".env").write_text("AQT_TOKEN=found\n")
    (tmp_path / "mine.env").write_text("AQT_TOKEN='named one' # a comment\n")
    assert await token_of(dotenv_path=str(tmp_path / "mine.env")) == "named one"
    with pytest.raises(CredentialError):
        await token_of(load_dotenv=False)
    with pytest.raises(UsageError, match="no file"):
        aqt.read({"dotenv_path": str(tmp_path / "none.env")})


async def test_a_token_may_be_a_function_of_any_kind_and_is_called_again_at_a_refresh():
    numbers = iter(range(9))

    async def waiting() -> str:
        await asyncio.sleep(0)
        return f"token-{next(numbers)}"

    for function in (
        waiting,
        lambda: waiting(),  # noqa: PLW0108 - not a coroutine function itself
        lambda: f"token-{next(numbers)}",
        lambda: Secret("s"),
    ):
        settings = aqt.read({"token": function})
        first, second = await SignIn(settings).token(False), await SignIn(settings).token(False)
        assert first is not None
        assert second is not None
        assert first != second or first.reveal() == "s"


@pytest.mark.parametrize("given", [lambda: None, lambda: 1 / 0, lambda: b"bytes"])
async def test_a_token_function_that_fails_is_a_credential_error(given):
    with pytest.raises(CredentialError, match="token function"):
        await token_of(token=given)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"tokn": "x"}, "did you mean 'token'"),
        ({"token": 7}, "'token'"),
        ({"url": "http://portal.example"}, "in clear"),
        ({"url": 7}, "'url'"),
        ({"allow_http": "portal.example"}, "list of hosts"),
        ({"transport": 3}, "'transport'"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(given: dict[str, object], why: str):
    with pytest.raises(UsageError, match=why):
        provider(given)


def test_a_provider_shows_its_portal_and_no_token():
    made = provider({"token": TOKEN, "url": "http://lab.example:81", "allow_http": ["lab.example"], "account": "lab2"})
    assert repr(made) == "<AqtProvider http://lab.example:81 lab2>"
    assert made.lane("ws/ibex") == "aqt:http://lab.example:81:lab2"


@pytest.mark.parametrize("backend", ["", "ibex", "ws/", "/ibex", "ws/ibex/more"])
def test_an_address_names_workspace_and_resource(backend: str):
    with pytest.raises(UsageError, match="aqt/<workspace>/<resource>"):
        provider({"token": TOKEN}).admit(backend, {})


def test_an_unknown_option_lists_near_names():
    with pytest.raises(UsageError, match="did you mean 'label'"):
        provider({"token": TOKEN}).admit("ws/ibex", {"lable": "x"})
