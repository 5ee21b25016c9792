"""Where server and token come from, by the names that IQM's users know."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import quantumjobs as qj
from quantumjobs import registry
from quantumjobs.adapters.iqm import settings as iqm
from quantumjobs.errors import CredentialError, UsageError
from quantumjobs.testing.emulators import IqmEmulator, serve
from quantumjobs.wire import Secret

pytestmark = pytest.mark.real_time  # files and functions are read in threads
TOKEN = "canary-5f2b9c"


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("IQM_")]:
        monkeypatch.delenv(name)


async def secret_of(**given: object) -> Secret | None:
    return (await iqm.credential(iqm.read(given)).get()).secret


async def token_of(**given: object) -> str | None:
    found = await secret_of(**given)
    return None if found is None else found.reveal()


# --- the server -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("https://iqm.example/", "https://iqm.example"),
        ("https://iqm.example/api/v1", "https://iqm.example"),
        ("https://iqm.example:8443/station/one/", "https://iqm.example:8443/station/one"),
        ("https://iqm.example/lab/api", "https://iqm.example/lab/api"),
        ("http://127.0.0.1:8000/foo", "http://127.0.0.1:8000/foo"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_server_may_have_a_port_and_a_path(given: str, url: str):
    assert iqm.read({"url": given}).url == url


def test_the_server_is_resonance_unless_something_else_is_said(monkeypatch: pytest.MonkeyPatch):
    assert iqm.read({}).url == "https://resonance.iqm.tech"
    monkeypatch.setenv("IQM_BASE_URL", "https://qdmi.example")
    assert iqm.read({}).url == "https://qdmi.example"
    monkeypatch.setenv("IQM_SERVER_URL", "https://client.example")
    assert iqm.read({}).url == "https://client.example"
    assert iqm.read({"url": "https://here.example"}).url == "https://here.example"


def test_the_old_protocols_server_is_refused_with_the_new_one():
    with pytest.raises(UsageError, match=r"retired; use https://resonance\.iqm\.tech"):
        iqm.read({"url": "https://cocos.resonance.meetiqm.com/garnet"})


def test_a_token_goes_over_http_only_where_that_was_allowed():
    with pytest.raises(UsageError, match="allow_http"):
        iqm.read({"url": "http://iqm.lab"})
    assert iqm.read({"url": "http://iqm.lab", "allow_http": ["iqm.lab"]}).url == "http://iqm.lab"


def test_the_computer_has_the_names_of_both_clients(monkeypatch: pytest.MonkeyPatch):
    assert iqm.read({}).computer is None
    for variable in ("IQM_QC_ID", "IQM_QC_ALIAS", "IQM_QUANTUM_COMPUTER"):  # a later one wins over those before it
        monkeypatch.setenv(variable, f"of-{variable}")
        assert iqm.read({}).computer == f"of-{variable}"
    assert iqm.read({"quantum_computer": "garnet"}).computer == "garnet"


# --- the token --------------------------------------------------------------------------------
async def test_a_token_may_be_any_text_and_is_given_here_or_in_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IQM_TOKEN", f" {TOKEN}/+==\n")
    assert await token_of() == f"{TOKEN}/+=="
    assert await token_of(token="given") == "given"
    assert await token_of(token=Secret("secret")) == "secret"
    assert await token_of(token=lambda: "called") == "called"

    async def awaited() -> str:
        return "awaited"

    assert await token_of(token=awaited) == "awaited"
    found = await secret_of()
    assert found is not None
    assert found.until is None


async def test_another_token_in_the_environment_is_used_when_the_first_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IQM_TOKEN", "first")
    credential = iqm.credential(iqm.read({}))
    held = await credential.get()
    monkeypatch.setenv("IQM_TOKEN", "second")
    renewed = await credential.renew(held)
    assert renewed.secret == Secret("second")


def test_a_token_from_two_places_is_refused(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UsageError, match="not both"):
        iqm.read({"token": TOKEN, "tokens_file": "tokens.json"})
    monkeypatch.setenv("IQM_TOKEN", TOKEN)
    monkeypatch.setenv("IQM_TOKENS_FILE", "tokens.json")
    with pytest.raises(UsageError, match="IQM_TOKEN and IQM_TOKENS_FILE are both set") as caught:
        iqm.read({})
    assert TOKEN not in str(caught.value)
    assert iqm.read({"token": "given"}).file is None  # what is given here wins over all of it
    assert iqm.read({"tokens_file": "here.json"}).file == Path("here.json").absolute()


async def test_a_token_that_cannot_be_sent_is_refused_and_not_shown():
    with pytest.raises(CredentialError, match="cannot be sent") as caught:
        await token_of(token=f"{TOKEN}\nx-injected: yes")
    assert TOKEN not in str(caught.value)


async def test_resonance_without_a_token_says_where_it_was_looked_for_before_anything_is_sent():
    with pytest.raises(CredentialError, match="IQM_TOKEN and IQM_TOKENS_FILE") as caught:
        await token_of()
    assert "[providers.iqm]" in str(caught.value)
    with pytest.raises(CredentialError, match='"iqm:lab2"'):
        await token_of(account="lab2")


@pytest.mark.parametrize("url", ["https://RESONANCE.iqm.tech", "https://resonance.iqm.tech:443/api/v1/"])
async def test_resonance_is_known_however_it_is_written(url: str):
    with pytest.raises(CredentialError, match="there is no token"):
        await token_of(url=url)


async def test_an_empty_token_is_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IQM_TOKEN", " ")
    assert await token_of(url="https://iqm.example") is None
    with pytest.raises(CredentialError, match="there is no token"):
        await token_of()
    with pytest.raises(CredentialError, match="there is no token"):
        await token_of(token=lambda: "")


async def test_who_gives_a_token_may_say_when_it_ends_and_where_it_is_from():
    given = Secret("opaque", until=4e9, origin="the vault")
    for token in (given, lambda: given):
        found = await secret_of(token=token)
        assert found is not None
        assert (found.reveal(), found.until, found.origin) == ("opaque", 4e9, "the vault")


async def test_a_server_of_ones_own_may_need_no_token():
    assert await token_of(url="https://iqm.example") is None
    async with serve(IqmEmulator(results="zeros", token=TOKEN)) as url:
        async with qj.Client(ledger="memory", providers={"iqm": {"url": url}}) as client:
            with pytest.raises(CredentialError, match="asks for a credential, and none is set.*IQM_TOKEN"):
                await client.backends("iqm")
        settings = {"url": url, "token": TOKEN}
        async with qj.Client(ledger="memory", providers={"iqm": settings}) as client:
            assert "iqm/garnet" in await client.backends("iqm")


async def test_a_refused_token_is_not_shown():
    async with serve(IqmEmulator(results="zeros", token="the right one")) as url:
        settings = {"url": url, "token": TOKEN}
        async with qj.Client(ledger="memory", providers={"iqm": settings}) as client:
            with pytest.raises(CredentialError, match="refused the credential") as caught:
                await client.backends("iqm")
    assert TOKEN not in repr(caught.value)


# --- settings that make no sense ----------------------------------------------------------------
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ulr": "https://x.example"}, "did you mean 'url'"),
        ({"url": 7}, "must be a text"),
        ({"tokens_file": 7}, "must be a text"),
        ({"quantum_computer": ["garnet"]}, "must be a text"),
        ({"token": 7}, "not a int"),
        ({"allow_http": "iqm.lab"}, "a list of hosts"),
        ({"deadlines": {"conect": 1}}, "deadlines"),
        ({"url": "ftp://iqm.example"}, "http"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(settings: dict[str, object], words: str):
    with pytest.raises(UsageError, match=words):
        iqm.read(settings)


@pytest.mark.parametrize("variable", ["IQM_TOKEN", "IQM_TOKENS_FILE", "IQM_SERVER_URL", "IQM_BASE_URL"])
def test_iqm_is_listed_where_one_of_its_variables_is_set(variable: str, monkeypatch: pytest.MonkeyPatch):
    listed = registry.Registry().keys
    assert "iqm" not in listed()
    monkeypatch.setenv(variable, "https://iqm.example")
    assert "iqm" in listed()
